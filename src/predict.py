"""Says what saved models hear in recordings: python src/predict.py FILE… (files, folders, globs, or - for a pipe)."""

# ruff: noqa: E402 (what must come before all other modules are loaded)
from voicetraits.inference import starting

starting.prepare()

import sys
from pathlib import Path
from typing import Annotated

import typer

from voicetraits import stage
from voicetraits.errors import ModelError
from voicetraits.inference.command import (
    Explain,
    Form,
    Labels,
    Plot,
    Record,
    Save,
    Segments,
    Sounds,
    TextGrid,
    Wanted,
    answer,
)
from voicetraits.inference.predictor import Predictor
from voicetraits.inference.printing import Format

#: Of this script, whatever folder it is called in.
PROJECT = Path(__file__).absolute().parents[1]
MODELS = PROJECT / "data/models"


def predict(
    sounds: Sounds = None,
    model: Annotated[str, typer.Option(help="name in data/models, or a folder of saved models")] = "tfdf",
    form: Form = Format.TABLE,
    segments: Segments = False,
    textgrid: TextGrid = None,
    labels: Labels = None,
    explain: Explain = False,
    plot: Plot = None,
    record: Record = None,
    save: Save = None,
    truth: Annotated[Path | None, typer.Option(metavar="CLIPS.CSV", help="score the model on labelled clips")] = None,
) -> None:
    """Say what a saved model hears: gender and age group as labelled, or why it does not answer."""
    if [truth is not None, record is not None, bool(sounds)].count(True) != 1:
        raise typer.BadParameter("name files, or --record, or --truth with a table of labelled clips: one of them")
    if truth is not None and (segments or explain or any(out is not None for out in (textgrid, labels, plot))):
        raise typer.BadParameter("--truth scores: of the other options it goes with --model and --format only")
    wanted = Wanted(form, segments, textgrid, labels, explain, plot, record, save)
    predictor = Predictor(folder_of(model))
    starting.ready()
    if not (answer(predictor, sounds or [], wanted) if truth is None else print_scores(predictor, truth, form)):
        sys.exit(1)


def folder_of(model: str) -> Path:
    """Where the model lies that is asked for by its name, or by a folder. Raises ModelError if nowhere."""
    for folder in (MODELS / model, Path(model)):
        if folder.is_dir():
            return folder
    names = ", ".join(sorted(path.name for path in MODELS.glob("*") if path.is_dir()))
    known = f"there are {names}" if names else "train one with `dvc repro`"
    raise ModelError(f"--model {model} is no folder, and no model in {MODELS}; {known}")


def print_scores(predictor: Predictor, truth: Path, form: Format) -> bool:
    """Print figures on labelled clips, as `summary.py` prints those of evaluate; whether all could be read."""
    # Scoring takes what answering does not: pandas, params.yaml.
    from summary import table
    from voicetraits import params
    from voicetraits.inference.scoring import as_json, nested, score, together
    from voicetraits.inference.truth import answer_on

    all_params = params.load(PROJECT / "params.yaml")
    scored = answer_on(predictor, truth, all_params)
    notes = [f"{target}: skipped, since fewer than two classes are labelled" for target in scored.unlabelled]
    notes += [f"{path}: {reason}" for path, reason in scored.unreadable.items()]
    for note in notes:
        print(f"predict: {note}", file=sys.stderr)
    scores, notes = score(predictor, scored, all_params, data=PROJECT / "data")
    for note in notes:
        print(f"predict: {note}", file=sys.stderr)
    if form == Format.CSV:
        print(together(scores).to_csv(index=False, lineterminator="\n"), end="")
    else:
        print(as_json(scores) if form == Format.JSON else table(nested(scores)))
    return not scored.unreadable


def main() -> None:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(predict)
    app()


if __name__ == "__main__":
    stage.run(main)
