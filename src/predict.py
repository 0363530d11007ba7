"""Says what saved models hear in recordings: python src/predict.py FILE… (files, folders, globs, or - for a pipe)."""

import os

# Before numpy is loaded: the same numbers on any machine, and a core for other work.
os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import sys
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
    sounds: Annotated[list[str], typer.Argument(metavar="FILE…", help="files, folders, globs; - reads a pipe")],
    model: Annotated[str, typer.Option(help="name in data/models, or a folder of saved models")] = "tfdf",
    form: Annotated[Format, typer.Option("--format", help="how to print")] = Format.TABLE,
    segments: Annotated[bool, typer.Option("--segments", help="answer by stretches of time")] = False,
    textgrid: Annotated[Path | None, typer.Option(metavar="OUT", help="write segments for Praat")] = None,
    labels: Annotated[Path | None, typer.Option(metavar="OUT", help="write segments for Audacity")] = None,
) -> None:
    """Say what a saved model hears: gender and age group as labelled, or why it does not answer."""
    predictor = Predictor(MODELS / model if (MODELS / model).is_dir() else model)
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


def main() -> None:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(predict)
    app()


if __name__ == "__main__":
    stage.run(main)
