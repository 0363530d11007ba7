"""Says what saved models hear in recordings: python src/predict.py FILE… (files, folders, globs, or - for a pipe)."""

# ruff: noqa: E402 (what must come before all other modules are loaded)
import gc
import os

gc.disable()  # while modules and models load, which all stay: a tenth of the way to the first answer
# Before numpy is loaded: the same numbers on any machine, and a core for other work.
os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from voicetraits import stage
from voicetraits.errors import DataError
from voicetraits.inference import recording
from voicetraits.inference.annotations import write_labels, write_textgrid
from voicetraits.inference.asked import STDIN, expand
from voicetraits.inference.picture import write_picture
from voicetraits.inference.predictor import Predictor
from voicetraits.inference.printing import Format, Printer
from voicetraits.inference.progress import shown
from voicetraits.inference.rows import columns, failure, rows_of

MODELS = Path("data/models")
#: Stands for a recording where others have a path.
MICROPHONE = "microphone"


def predict(
    sounds: Annotated[
        list[str] | None, typer.Argument(metavar="FILE…", help="files, folders, globs; - reads a pipe")
    ] = None,
    model: Annotated[str, typer.Option(help="name in data/models, or a folder of saved models")] = "tfdf",
    form: Annotated[Format, typer.Option("--format", help="how to print")] = Format.TABLE,
    segments: Annotated[bool, typer.Option("--segments", help="answer by stretches of time")] = False,
    textgrid: Annotated[Path | None, typer.Option(metavar="OUT", help="write segments for Praat")] = None,
    labels: Annotated[Path | None, typer.Option(metavar="OUT", help="write segments for Audacity")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="name the features that moved each answer most")] = False,
    plot: Annotated[
        Path | None, typer.Option(metavar="OUT.png", help="draw the sound and the answers over time")
    ] = None,
    record: Annotated[
        float | None, typer.Option(min=0.5, max=600, metavar="SECONDS", help="hear the microphone")
    ] = None,
    save: Annotated[Path | None, typer.Option(metavar="OUT.wav", help="keep what was recorded")] = None,
    truth: Annotated[Path | None, typer.Option(metavar="CLIPS.CSV", help="score the model on labelled clips")] = None,
) -> None:
    """Say what a saved model hears: gender and age group as labelled, or why it does not answer."""
    if [truth is not None, record is not None, bool(sounds)].count(True) != 1:
        raise typer.BadParameter("name files, or --record, or --truth with a table of labelled clips: one of them")
    if explain and form == Format.CSV:
        raise typer.BadParameter("--explain goes with --format table and json")
    predictor = Predictor(MODELS / model if (MODELS / model).is_dir() else model)
    gc.freeze()
    gc.enable()
    if truth is not None:
        print_scores(predictor, truth, form)
        return
    if record is not None:
        samples = recording.record(record)
        if save is not None:
            recording.save(samples, save)
        asked = {MICROPHONE: (samples, recording.SAMPLE_RATE_HZ)}
    else:
        asked = {path: path for path in expand(sounds)}
    if STDIN in asked:  # what is listened to twice must be kept
        asked[STDIN] = sys.stdin.buffer.read() if explain or plot is not None else sys.stdin.buffer
    classes = {target: one.config.classes for target, one in predictor.models.items()}
    printer = Printer(form, columns(classes, segments=segments))
    failed = False
    for path in shown(list(asked)):
        sound = asked[path]
        try:
            prediction = predictor(sound, segments=segments or textgrid is not None or labels is not None)
            explanations = predictor.explain(sound) if explain else None
        except (DataError, OSError) as error:
            failed = True
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            printer.add([failure(path, reason)], {"path": path, "error": reason})
            continue
        if plot is not None:
            write_picture(predictor, sound, out_of(plot, path, ".png", len(asked)), title=path)
        for out, write, suffix in ((textgrid, write_textgrid, ".TextGrid"), (labels, write_labels, ".txt")):
            if out is not None:
                write(prediction, out_of(out, path, suffix, len(asked)))
        content = {"path": path, **prediction.as_dict()}
        printer.add(list(rows_of(path, prediction, segments=segments)), content, explanations)
    printer.close()
    if failed:
        sys.exit(1)


def out_of(out: Path, path: str, suffix: str, sounds: int) -> Path:
    """Where to write what belongs to a sound: to a folder, where there are several."""
    return out / f"{Path(path).stem}{suffix}" if sounds > 1 or out.is_dir() else out


def print_scores(predictor: Predictor, truth: Path, form: Format) -> None:
    """Figures on labelled clips, as `summary.py` prints those of evaluate."""
    # Scoring takes what answering does not: pandas, params.yaml.
    from summary import table
    from voicetraits import params
    from voicetraits.inference.truth import nested, score_on, together

    scores, notes = score_on(predictor, truth, params.load(), data=Path("data"))
    for note in notes:
        print(f"predict: {note}", file=sys.stderr)
    if form == Format.CSV:
        print(together(scores).to_csv(index=False, lineterminator="\n"), end="")
    else:
        print(json.dumps(nested(scores), indent=2) if form == Format.JSON else table(nested(scores)))


def main() -> None:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(predict)
    app()


if __name__ == "__main__":
    stage.run(main)
