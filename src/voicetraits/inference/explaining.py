"""Which features moved an answer, and where the speaker stands in them among the training speakers."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from voicetraits.errors import ModelError
from voicetraits.features.feature import Feature
from voicetraits.inference.domain import Domain
from voicetraits.models.saved import SavedModel


@dataclass(frozen=True)
class Moved:
    """What one feature did to an answer.

    Attributes:
        feature: its name.
        unit, definition: what it is.
        value: in this sound; of several windows their mean.
        training_mean: over the training clips.
        share_below: share of the training speakers that have less of it, to some hundredths; None where the model does
            not keep where they stand.
        contribution: what it added to the centred logit of the likeliest class; above 0 it speaks for that class.
    """

    feature: str
    unit: str
    definition: str
    value: float
    training_mean: float
    share_below: float | None
    contribution: float


@dataclass(frozen=True)
class Explanation:
    """Why a model leans to a class.

    Attributes:
        target: gender or age.
        leans_to: the likeliest class before calibration.
        features: that moved it most, the strongest first.
    """

    target: str
    leans_to: str
    features: tuple[Moved, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, texts and numbers."""
        return asdict(self)


def explain(
    target: str, model: SavedModel, domain: Domain | None, features: Sequence[Feature], rows: np.ndarray, *, most: int
) -> Explanation:
    """Explain an answer.

    Args:
        features: what each column is.
        rows: (windows, features) float32, those on which the model answered.
        most: how many features to name.

    Raises:
        ModelError: the model does not see features, so none can be named.
    """
    require_features(target, model, domain)
    values, base = model.classifier.contributions(rows)  # (windows, features, classes), (classes,)
    added = values.mean(axis=0)
    likeliest = int((added.sum(axis=0) + base).argmax())
    mean_row = rows.mean(axis=0, dtype=np.float64)
    order = sorted(range(len(features)), key=lambda place: (-abs(added[place, likeliest]), features[place].name))
    moved = tuple(
        Moved(
            features[place].name,
            features[place].unit,
            features[place].definition,
            float(mean_row[place]),
            float(domain.mean[place]),
            None if model.speakers is None else share_below(float(mean_row[place]), model.speakers[:, place]),
            float(added[place, likeliest]),
        )
        for place in order[:most]
    )
    return Explanation(target, model.config.classes[likeliest], moved)


def share_below(value: float, quantiles: np.ndarray) -> float:
    """Where a value stands among equally spaced quantiles, (n,), of which the first is the least and the last the most.

    Between two of them by interpolation; of equal ones the middle.
    """
    steps = len(quantiles) - 1
    first, behind = (int(np.searchsorted(quantiles, value, side)) for side in ("left", "right"))
    if first < behind:
        return (first + behind - 1) / 2 / steps
    if first in (0, len(quantiles)):
        return float(first > 0)
    left, right = (float(quantile) for quantile in quantiles[first - 1 : first + 1])
    return (first - 1 + (value - left) / (right - left)) / steps


def require_features(target: str, model: SavedModel, domain: Domain | None) -> None:
    """Check that a model sees features, so that its answers can be explained. Raises ModelError."""
    if domain is None or not hasattr(model.classifier, "contributions"):
        raise ModelError(
            f"the {model.config.model} model for {target} sees no features that could be named; --explain works with "
            f"softmax and tfdf"
        )
