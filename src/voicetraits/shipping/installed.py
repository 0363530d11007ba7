"""voicetraits-predict: what a package made by `make package` runs; its model lies beside the code."""

# ruff: noqa: E402 (what must come before all other modules are loaded)
from voicetraits.inference import starting

starting.prepare()

import sys
from pathlib import Path
from typing import Annotated

import typer

from voicetraits import stage
from voicetraits.errors import DataError, ModelError
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

SHIPPED = Path(__file__).parent.parent / "shipped"
CARD = SHIPPED / "MODEL_CARD.md"


def predict(
    sounds: Sounds = None,
    model: Annotated[Path, typer.Option(help="another folder of saved models", show_default=False)] = SHIPPED,
    form: Form = Format.TABLE,
    segments: Segments = False,
    textgrid: TextGrid = None,
    labels: Labels = None,
    explain: Explain = False,
    plot: Plot = None,
    record: Record = None,
    save: Save = None,
    card: Annotated[bool, typer.Option("--card", help="print the model card: data, figures, limits, licences")] = False,
) -> None:
    """Say what the model hears: gender and age group as labelled, or why it does not answer."""
    if [card, record is not None, bool(sounds)].count(True) != 1:
        raise typer.BadParameter("name files, or --record, or --card: one of them")
    if card:
        print(CARD.read_text(encoding="utf-8"), end="")
        return
    wanted = Wanted(form, segments, textgrid, labels, explain, plot, record, save)
    predictor = load(model)
    starting.ready()
    if not answer(predictor, sounds or [], wanted):
        sys.exit(1)


def load(folder: Path) -> Predictor:
    """The models in a folder.

    Raises:
        ModelError: there is none, or one is damaged; it says what to do where there is no project that makes models.
    """
    try:
        return Predictor(folder)
    except ModelError as error:
        what = str(error).rsplit("; ", 1)[0]
        hint = "install the package again" if folder == SHIPPED else "let --model name another folder, or leave it out"
        raise ModelError(f"{what}; {hint}") from None


def command() -> None:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(predict)
    try:
        app()
    except OSError as error:  # `stage.run` would name commands of the project, which is not here
        if isinstance(error, BrokenPipeError):
            raise
        where = f"{error.filename}: " if error.filename else ""
        raise DataError(f"{where}{error.strerror or error}; mend that and run the same command again") from None


def main() -> None:
    """The console script."""
    stage.run(command)
