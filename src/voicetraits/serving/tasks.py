"""What workers are asked, and what they give back; light, since the server loads it and computes nothing itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from voicetraits.errors import DataError


class TooLongError(DataError):
    """A sound of more seconds than are allowed."""


@dataclass(frozen=True)
class Predict:
    """Asks for the answers of a model.

    Attributes:
        model: its name.
        sound: a file's bytes.
        segments: whether to answer by stretches of time as well.
    """

    model: str
    sound: bytes
    segments: bool = False


@dataclass(frozen=True)
class Look:
    """Asks for what there is to see: pictures and explanations; fields as of `Predict`."""

    model: str
    sound: bytes


@dataclass(frozen=True)
class Predicted:
    """What `Predict` gives.

    Attributes:
        prediction: `Prediction.as_dict()`.
        shifts: by target, (features,) float32, how far the sound lies from the training clips' mean, in their
            deviations; only of models that keep these.
    """

    prediction: Mapping[str, Any]
    shifts: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Looked:
    """What `Look` gives.

    Attributes:
        picture: a PNG.
        pictured_seconds: how much of a sound, from its begin, it shows at most.
        explanations: by target, `Explanation.as_dict()`; empty where no answer has probabilities.
        unexplained: why there are none; None where there are.
    """

    picture: bytes
    pictured_seconds: float
    explanations: Mapping[str, Mapping[str, Any]]
    unexplained: str | None
