"""One wheel that says what a model hears, for machines without this project: python src/package.py [--model NAME]."""

from pathlib import Path
from typing import Annotated

import typer

from voicetraits import stage
from voicetraits.shipping.contents import models_in
from voicetraits.shipping.package import write_package

MODELS, OUT = Path("data/models"), Path("dist")


def package(model: Annotated[str, typer.Option(help="name in data/models")] = "tfdf") -> None:
    """Write dist/voicetraits-…-py3-none-any.whl and dist/MODEL_CARD.md."""
    models = models_in(MODELS / model)
    wheel = write_package(models, Path.cwd(), card="", notice="", folder=OUT)
    print(f"{wheel}: {wheel.stat().st_size / 1e6:.2f} MB")


def main() -> None:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(package)
    app()


if __name__ == "__main__":
    stage.run(main)
