"""Finds saved models, and says which they are."""

from dataclasses import dataclass, fields
from hashlib import sha256
from pathlib import Path

import yaml

from voicetraits.errors import ModelError
from voicetraits.files import sha256_of
from voicetraits.models.saved import Config

_CONFIG, _LOCK, _FINAL = "config.yaml", "dvc.lock", "final"
#: libyaml's, where it is there, takes a tenth of the time.
_SAFE_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: Hex digits of a digest that tell two models apart.
_DIGITS = 12


@dataclass(frozen=True)
class ModelIdentity:
    """Which model it is that answers.

    Attributes:
        name: softmax, tfdf, or a net's name.
        version: digest of its config.yaml, which holds digests of all its other files.
        training_data: digest of the utterances and labels that it learnt from.
        dvc_lock: digest of the dvc.lock of the project that it lies in; None outside a project.
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
        if (candidate / _CONFIG).is_file():
            found.setdefault(_target_of(candidate), candidate)
    if not found:
        raise ModelError(f"{folder} holds no saved model; train one with `dvc repro`, or name another folder")
    return found


def config_of(folder: Path) -> Config:
    """What a saved model says of itself, without loading it.

    Raises:
        ModelError: its config.yaml is damaged.
    """
    content = _read_config(folder)
    try:
        known = {field.name: content[field.name] for field in fields(Config) if field.name in content}
        tuples = {key: tuple(known[key]) for key in ("classes", "feature_names")}
        return Config(**{**known, **tuples})
    except (TypeError, KeyError) as error:
        raise ModelError(f"{folder / _CONFIG} is damaged ({error}); make it again with `dvc repro`") from None


def identity_of(folder: Path, config: Config) -> ModelIdentity:
    """Which model lies in a folder."""
    version = sha256((folder / _CONFIG).read_bytes()).hexdigest()[:_DIGITS]
    locks = [parent / _LOCK for parent in folder.resolve().parents if (parent / _LOCK).is_file()]
    lock = sha256_of(locks[0])[:_DIGITS] if locks else None
    return ModelIdentity(config.model, version, config.training_split_sha256[:_DIGITS], lock)


def _target_of(folder: Path) -> str:
    return str(_read_config(folder).get("target"))


def _read_config(folder: Path) -> dict:
    path = folder / _CONFIG
    try:
        return dict(yaml.load(path.read_text(encoding="utf-8"), _SAFE_LOADER))
    except (OSError, yaml.YAMLError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"{path} is damaged ({reason}); make it again with `dvc repro`") from None
