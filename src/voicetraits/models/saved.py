"""The saved form of every model: a folder with config.yaml, which says what it is, and the model's own files.

config.yaml also holds a digest of each file, since a tree with a flipped bit may load and answer nonsense.
"""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import yaml

from voicetraits.calibration import Calibration
from voicetraits.errors import ModelError
from voicetraits.files import sha256_of, write_json, written_aside
from voicetraits.models.rows import Rows

CONFIG = "config.yaml"
_SKIPPED, _SPEAKERS = "skipped.json", "speakers.npy"
_DIGESTS = "files_sha256"
#: Root mean square, as a share of full scale, below which a frame is silent.
_QUIETEST = 1e-6
#: libyaml's, where it is there, takes a tenth of the time.
_SAFE_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: Model: the module that loads what it saved, where its own would import TensorFlow.
_RUNTIMES = {"softmax": "softmax_runtime"}


class Log(Protocol):
    """Takes the figures of one training step: `log(step, {"loss/train": 0.4})`."""

    def __call__(self, step: int, figures: Mapping[str, float]) -> None: ...


class Classifier(Protocol):
    """What every model can do. A module `models/<name>.py` has `Params` and `Model(classes=…, feature_names=…)`.

    Attributes:
        versions: the distributions whose release may change its results.
        curves: the figures that `fit` logs.
        runtime: the module under models/ that loads what `save` wrote; it may be missing where that is its own.
    """

    versions: Sequence[str]
    curves: Sequence[str]

    def fit(self, train: Rows, validation: Rows, *, params: Any, seed: int, log: Log) -> None:
        """Learn from `train`; stop by `validation`."""

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        """(n, features) float32 -> (n, classes) float64, rows sum to 1."""

    def importances(self) -> np.ndarray:
        """(features,) how much each feature matters to the model, not negative, larger is more."""

    def save(self, folder: Path) -> None:
        """Write the model's own files, the same bytes for the same model."""

    @classmethod
    def load(cls, folder: Path, *, classes: int, feature_names: Sequence[str]) -> Self:
        """Read what `save` wrote."""


@dataclass(frozen=True)
class Config:
    """What inference must know of a saved model.

    Attributes:
        model: name of its module under models/.
        target: gender or age.
        classes: the order of the columns of predict_proba.
        feature_names: the order of the columns that it wants.
        feature_params: the extractor's setting that makes these features.
        params: its own params section.
        seed: of its training.
        training_split_sha256: digest of the utterances and labels that it learnt from.
        versions: releases of Python and of the libraries that made it.
        runtime: the module under models/ that loads it, where that is not `model`.
        level_range_db: what `level_range_db` gives for nearly all training clips at least; None where they have none.
    """

    model: str
    target: str
    classes: tuple[str, ...]
    feature_names: tuple[str, ...]
    feature_params: Mapping[str, Any]
    params: Mapping[str, Any]
    seed: int
    training_split_sha256: str
    versions: Mapping[str, str]
    runtime: str | None = None
    level_range_db: float | None = None


def level_range_db(functionals: np.ndarray, names: Sequence[str]) -> np.ndarray | None:
    """How far a clip's loudest frame lies above its quietest: noise fills the pauses, and makes it small.

    Args:
        functionals: (clips, features).
        names: of the features.

    Returns:
        20 lg (rms_max / rms_min), in dB, (clips,); None where these are not among the features.
    """
    if not {"rms_max", "rms_min"} <= set(names):
        return None
    columns = [list(names).index(name) for name in ("rms_max", "rms_min")]
    loudest, quietest = np.maximum(functionals[:, columns], _QUIETEST).astype(np.float64).T
    return 20 * np.log10(loudest / quietest)


@dataclass(frozen=True)
class SavedModel:
    """A model with its config and calibration, ready to predict.

    Attributes:
        speakers: where its training speakers stand, (21, features) float32: of each feature the quantiles at 0, 5, …,
            100 % of the means of their clips; None where it does not see features.
    """

    config: Config
    classifier: Classifier
    calibration: Calibration = field(default_factory=Calibration)
    speakers: np.ndarray | None = None

    def predict_proba(
        self, features: np.ndarray, *, names: Sequence[str], params: Mapping[str, Any] | None = None
    ) -> np.ndarray:
        """Calibrated class probabilities, (n, classes) float64; args and errors as of `predict_raw`."""
        return self.calibration.apply(self.predict_raw(features, names=names, params=params))

    def predict_raw(
        self, features: np.ndarray, *, names: Sequence[str], params: Mapping[str, Any] | None = None
    ) -> np.ndarray:
        """Class probabilities as the classifier states them, (n, classes) float64.

        Args:
            features: (n, features) float32.
            names: names of the columns of `features`.
            params: the extractor's setting that made `features`; None to trust the names.

        Raises:
            ModelError: these are not the features that the model learnt from.
        """
        check_features(self.config, names, params)
        return self.classifier.predict_proba(features)


def installed_versions(*names: str) -> dict[str, str]:
    """Python's minor version, which its patch releases do not change the results of, and releases of the others."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"python": python, **{name: version(name) for name in names}}


def save(model: SavedModel, folder: Path) -> None:
    """Write a model into an empty folder."""
    folder.mkdir(parents=True, exist_ok=True)
    model.classifier.save(folder)
    model.calibration.save(folder)
    if model.speakers is not None:
        np.save(folder / _SPEAKERS, model.speakers, allow_pickle=False)
    # By way of JSON: plain lists and dicts, so that YAML has no tags of ours.
    content = json.loads(json.dumps(asdict(model.config))) | {_DIGESTS: _digests(folder)}
    with written_aside(folder / CONFIG) as aside:
        aside.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")


def load(folder: Path) -> SavedModel:
    """Read a saved model, without TensorFlow.

    Raises:
        ModelError: the folder is missing, incomplete or not a model.
    """
    config, digests = _read_config(folder)
    if differing := digests.items() ^ _digests(folder).items():
        name = min(name for name, _ in differing)
        raise ModelError(
            f"{folder} is incomplete or damaged ({name} is not what was saved); make it again with `dvc repro`"
        )
    try:
        runtime = config.runtime or _RUNTIMES.get(config.model, config.model)
        kind = import_module(f"voicetraits.models.{runtime}").Model
    except (ImportError, AttributeError) as error:
        raise ModelError(f"{folder} is a {config.model!r} model, which cannot be loaded ({_one_line(error)})") from None
    try:
        classifier = kind.load(folder, classes=len(config.classes), feature_names=config.feature_names)
    except (OSError, ValueError, KeyError, RuntimeError) as error:  # RuntimeError is what ydf makes of a missing file
        reason = _one_line(error)
        raise ModelError(f"{folder} is incomplete or damaged ({reason}); make it again with `dvc repro`") from None
    speakers = folder / _SPEAKERS
    return SavedModel(config, classifier, Calibration.load(folder), np.load(speakers) if speakers.exists() else None)


def config_of(folder: Path) -> Config:
    """What a saved model says of itself, without loading it.

    Raises:
        ModelError: there is none, or its config.yaml is damaged.
    """
    return _read_config(folder)[0]


def _read_config(folder: Path) -> tuple[Config, dict[str, str]]:
    """What config.yaml says, and the digests in it."""
    try:
        content = dict(yaml.load((folder / CONFIG).read_text(encoding="utf-8"), _SAFE_LOADER))
        digests = dict(content.pop(_DIGESTS))
        tuples = {key: tuple(content[key]) for key in ("classes", "feature_names")}
        return Config(**{**content, **tuples}), digests
    except FileNotFoundError:
        raise ModelError(f"{folder} holds no {CONFIG}, so no model; train one with `dvc repro`") from None
    except (OSError, yaml.YAMLError, ValueError, TypeError, KeyError) as error:
        reason = _one_line(error)
        raise ModelError(f"{folder / CONFIG} is damaged ({reason}); make it again with `dvc repro`") from None


def _digests(folder: Path) -> dict[str, str]:
    """sha256 of each of the model's own files; hidden ones, as file managers leave them, do not count."""
    files = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
    own = {name: path for name, path in files.items() if name != Path(CONFIG) and not name.name.startswith(".")}
    return {name.as_posix(): sha256_of(path) for name, path in own.items()}


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def check_features(config: Config, names: Sequence[str], params: Mapping[str, Any] | None) -> None:
    """Raise ModelError, naming the first difference, unless features are those that a model learnt from."""
    model = f"the {config.model} model for {config.target}"
    if missing := [name for name in config.feature_names if name not in names]:
        raise ModelError(f"{model} wants the feature {_first_of(missing)}, which is not there")
    if extra := [name for name in names if name not in config.feature_names]:
        raise ModelError(f"{model} does not know the feature {_first_of(extra)}")
    if tuple(names) != config.feature_names:
        place = next(i for i, name in enumerate(names) if name != config.feature_names[i])
        raise ModelError(f"{model} wants {config.feature_names[place]!r} in column {place}, where {names[place]!r} is")
    for key, value in (params or {}).items():
        if config.feature_params.get(key) != value:
            raise ModelError(
                f"{model} learnt from features made with {key}={config.feature_params.get(key)}, these were made with "
                f"{key}={value}; train it again with `dvc repro`, or set {key} back in params.yaml"
            )


def _first_of(names: Sequence[str]) -> str:
    return f"{names[0]!r}" + (f" (and {len(names) - 1} more)" if len(names) > 1 else "")


def write_skipped(folder: Path, reason: str) -> None:
    """Leave word, in a folder that would hold models, why it holds none."""
    write_json({"skipped": reason}, folder / _SKIPPED)


def is_skipped(folder: Path) -> bool:
    """Whether a target was skipped, so that the folder holds no model."""
    return (folder / _SKIPPED).exists()
