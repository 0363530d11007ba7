"""What packaging reads of a project, with a model that training did not have to make."""

from pathlib import Path

from support.project import ROOT
from support.saved_models import save_softmax
from voicetraits.shipping.contents import models_in
from voicetraits.shipping.package import write_package

#: Of the project's root, where the models lie.
MODELS = "data/models/softmax"


def small_project(folder: Path) -> Path:
    """Put links to code, pins, licence and dvc.lock into a folder, and a softmax regression for both targets."""
    for name in ("src", "requirements.txt", "LICENSE", "dvc.lock"):
        (folder / name).symlink_to(ROOT / name)
    for target in ("gender", "age"):
        save_softmax(folder / MODELS, target)
    return folder


def packed(project: Path, folder: Path, card: str) -> Path:
    """The wheel of a small project, written into a folder."""
    return write_package(models_in(project / MODELS), project, card=card, notice="Notes.\n", folder=folder)
