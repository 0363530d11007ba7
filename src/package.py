"""One wheel that says what a model hears, for machines without this project: python src/package.py [--model NAME]."""

from pathlib import Path
from typing import Annotated

import typer

from voicetraits import stage
from voicetraits.files import folder_anew
from voicetraits.shipping.card import card, notice
from voicetraits.shipping.contents import models_in
from voicetraits.shipping.evidence import gather
from voicetraits.shipping.package import write_package

MODELS, OUT, CARD = Path("data/models"), Path("dist"), "MODEL_CARD.md"


def package(model: Annotated[str, typer.Option(help="name in data/models")] = "tfdf") -> None:
    """Write dist/<model>/: the wheel, and the model card that lies in it as well."""
    project = Path.cwd()
    models = models_in(project / MODELS / model)
    evidence = gather(models, project)
    page = card(evidence)
    with folder_anew(OUT / model) as folder:
        wheel = write_package(models, project, card=page, notice=notice(evidence), folder=folder)
        (folder / CARD).write_text(page, encoding="utf-8")
        size = wheel.stat().st_size
    print(
        f"{OUT / model / wheel.name}: {size / 1e6:.1f} MB, its card beside it, {OUT / model / CARD}\n"
        f"Elsewhere: pip install {wheel.name}, then voicetraits-predict FILE…"
    )


def main() -> None:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(package)
    app()


if __name__ == "__main__":
    stage.run(main)
