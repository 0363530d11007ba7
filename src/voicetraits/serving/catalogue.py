"""Which models there are to ask, without loading them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from voicetraits.errors import ModelError
from voicetraits.inference.loading import ModelIdentity, config_of, find_models, identity_of
from voicetraits.models.saved import Config

#: Asked where nobody says which, if it is there: the fastest that explains itself.
_PREFERRED = "tfdf"


@dataclass(frozen=True)
class Offered:
    """A kind of model.

    Attributes:
        folder: that a predictor loads.
        configs, identities: of each target.
    """

    folder: Path
    configs: Mapping[str, Config]
    identities: Mapping[str, ModelIdentity]


def models_in(folder: Path) -> dict[str, Offered]:
    """Kinds of models by name, sorted.

    Args:
        folder: of several kinds, or of one.

    Raises:
        ModelError: there is none, or one is damaged.
    """
    if (alone := _offered(folder)) is not None:
        name = min(config.model for config in alone.configs.values())
        return {name: alone}
    found = {sub.name: one for sub in sorted(folder.glob("*")) if sub.is_dir() and (one := _offered(sub))}
    if not found:
        raise ModelError(f"{folder} holds no saved model; train some with `dvc repro`, or name another folder")
    return found


def default_of(models: Mapping[str, Offered]) -> str:
    """The name of the model that is asked where nobody says which."""
    return _PREFERRED if _PREFERRED in models else min(models)


def _offered(folder: Path) -> Offered | None:
    if not any(any(folder.glob(f"{below}config.yaml")) for below in ("", "final/", "*/final/", "*/")):
        return None
    folders = find_models(folder)
    configs = {target: config_of(own) for target, own in folders.items()}
    identities = {target: identity_of(folders[target], config) for target, config in configs.items()}
    return Offered(folder, configs, identities)
