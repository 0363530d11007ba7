"""Finds saved models, and says which they are."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from voicetraits.errors import ModelError
from voicetraits.files import sha256_of
from voicetraits.models.saved import CONFIG, Config, config_of

_LOCK, _FINAL = "dvc.lock", "final"
#: Stands for dvc.lock where models are shipped; that itself tells of folders and speakers.
LOCK_DIGEST = "dvc.lock.sha256"
#: Hex digits of a digest that tell two models apart.
_DIGITS = 12


@dataclass(frozen=True)
class ModelIdentity:
    """Which model it is that answers.

    Attributes:
        name: softmax, tfdf, or a net's name.
        version: digest of its config.yaml, which holds digests of all its other files.
        training_data: digest of the utterances and labels that it learnt from.
        dvc_lock: digest of the dvc.lock of the project that it lies in, or was shipped from; None outside a project.
    """

    name: str
    version: str
    training_data: str
    dvc_lock: str | None


def find_models(folder: Path) -> dict[str, Path]:
    """Folders of saved models by target.

    Args:
        folder: of a saved model; or of a target, or of several targets, with `final/` in it, as training writes them.

    Raises:
        ModelError: there is none.
    """
    candidates = [folder, folder / _FINAL, *sorted(folder.glob(f"*/{_FINAL}")), *sorted(folder.glob("*"))]
    found: dict[str, Path] = {}
    for candidate in candidates:
        if (candidate / CONFIG).is_file():
            found.setdefault(config_of(candidate).target, candidate)
    if not found:
        raise ModelError(f"{folder} holds no saved model; train one with `dvc repro`, or name another folder")
    return found


def identity_of(folder: Path, config: Config) -> ModelIdentity:
    """Which model lies in a folder."""
    version = sha256((folder / CONFIG).read_bytes()).hexdigest()[:_DIGITS]
    lock = next(filter(None, map(_lock_digest, folder.resolve().parents)), None)
    return ModelIdentity(config.model, version, config.training_split_sha256[:_DIGITS], lock and lock[:_DIGITS])


def _lock_digest(folder: Path) -> str | None:
    """sha256 of the dvc.lock in a folder, or what is shipped in its place; None where there is neither."""
    if (folder / _LOCK).is_file():
        return sha256_of(folder / _LOCK)
    return (folder / LOCK_DIGEST).read_text().strip() if (folder / LOCK_DIGEST).is_file() else None
