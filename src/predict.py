"""Says what saved models hear in recordings: python src/predict.py FILE… (files, folders, globs, or - for a pipe)."""

import os

# Before numpy is loaded: the same numbers on any machine, and a core for other work.
os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import json
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from voicetraits import stage
from voicetraits.errors import DataError
from voicetraits.inference.annotations import write_labels, write_textgrid
from voicetraits.inference.asked import STDIN, expand
from voicetraits.inference.predictor import Predictor
from voicetraits.inference.printing import Format, Printer
from voicetraits.inference.progress import shown
from voicetraits.inference.rows import columns, failure, rows_of

MODELS = Path("data/models")


def predict(
    sounds: Annotated[
        list[str] | None, typer.Argument(metavar="FILE…", help="files, folders, globs; - reads a pipe")
    ] = None,
    model: Annotated[str, typer.Option(help="name in data/models, or a folder of saved models")] = "tfdf",
    form: Annotated[Format, typer.Option("--format", help="how to print")] = Format.TABLE,
    segments: Annotated[bool, typer.Option("--segments", help="answer by stretches of time")] = False,
    textgrid: Annotated[Path | None, typer.Option(metavar="OUT", help="write segments for Praat")] = None,
    labels: Annotated[Path | None, typer.Option(metavar="OUT", help="write segments for Audacity")] = None,
    truth: Annotated[Path | None, typer.Option(metavar="CLIPS.CSV", help="score the model on labelled clips")] = None,
) -> None:
    """Say what a saved model hears: gender and age group as labelled, or why it does not answer."""
    if (truth is None) == (not sounds):
        raise typer.BadParameter("name files, or --truth with a table of labelled ones")
    predictor = Predictor(MODELS / model if (MODELS / model).is_dir() else model)
    if truth is not None:
        print_scores(predictor, truth, form)
        return
    paths = list(expand(sounds))
    classes = {target: one.config.classes for target, one in predictor.models.items()}
    printer = Printer(form, columns(classes, segments=segments))
    failed = False
    for path in shown(paths):
        try:
            sound = sys.stdin.buffer if path == STDIN else path
            prediction = predictor(sound, segments=segments or textgrid is not None or labels is not None)
        except (DataError, OSError) as error:
            failed = True
            reason = error.strerror if isinstance(error, OSError) else str(error)
            printer.add([failure(path, reason)], {"path": path, "error": reason})
            continue
        for out, write, suffix in ((textgrid, write_textgrid, ".TextGrid"), (labels, write_labels, ".txt")):
            if out is not None:
                write(prediction, out / f"{Path(path).stem}{suffix}" if len(paths) > 1 or out.is_dir() else out)
        printer.add(list(rows_of(path, prediction, segments=segments)), {"path": path, **prediction.as_dict()})
    printer.close()
    if failed:
        sys.exit(1)


def print_scores(predictor: Predictor, truth: Path, form: Format) -> None:
    """Figures on labelled clips, as `summary.py` prints those of evaluate."""
    # Scoring takes what answering does not: pandas, scikit-learn.
    import pandas as pd

    from summary import table
    from voicetraits import params
    from voicetraits.evaluation import EvaluateParams, figures, score_table
    from voicetraits.inference.truth import answer_all, baseline_tables, read_truth
    from voicetraits.labels import read_age, read_gender
    from voicetraits.metadata import MetadataParams

    all_params = params.load()
    settings = params.get(all_params, "evaluate", EvaluateParams)
    ages = params.get(all_params, "metadata", MetadataParams).ages
    seed = params.get(all_params, "seed", params.Seed)
    scored = answer_all(predictor, read_truth(truth), {"gender": read_gender, "age": partial(read_age, **ages)})
    scores = []
    for target, own in scored.tables.items():
        config = predictor.models[target].config
        baselines = baseline_tables(own, target, config.classes, Path("data"), config.training_split_sha256)
        if not baselines:
            print(
                f"predict: no baselines for {target}: data/ does not hold what the model learnt from", file=sys.stderr
            )
        tables = {config.model: own, **baselines}
        scores.append(score_table(target, tables, config.classes, settings, seed=seed))
        if aside := dict(scored.set_aside[target]):
            print(f"predict: {target}: {len(own)} clips scored, set aside: {aside}", file=sys.stderr)
    if form == Format.CSV:
        print(pd.concat(scores).to_csv(index=False, lineterminator="\n"), end="")
        return
    nested = {target: figures(own, {}) for target, own in zip(scored.tables, scores, strict=True)}
    print(json.dumps(nested, indent=2) if form == Format.JSON else table(nested))


def main() -> None:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(predict)
    app()


if __name__ == "__main__":
    stage.run(main)
