"""What each feature adds to a model's answer on a clip, and averages of it by class.

A contribution is in logits, centred: the logits of a clip less their mean over the classes. Base and contributions of
a clip add up to them, and their softmax is the model's probability, before any calibration. With two classes the
difference of the two is the log-odds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from voicetraits.explaining.families import family_of
from voicetraits.explaining.held_out import Fold, HeldOutClips


@runtime_checkable
class Additive(Protocol):
    """A classifier that can say what each feature adds."""

    def contributions(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n, features) float32 -> contributions (n, features, classes), base (classes,), in centred logits."""


@dataclass(frozen=True)
class Contributions:
    """Of the clips of all folds, behind one another.

    Attributes:
        clips: whose they are.
        features: (n, features) float32, their values.
        values: (n, features, classes), what each feature adds to the centred logit of each class.
        base: (n, classes), the centred logits without them.
        names: of the features.
    """

    clips: HeldOutClips
    features: np.ndarray
    values: np.ndarray
    base: np.ndarray
    names: tuple[str, ...]

    @classmethod
    def of(cls, folds: Sequence[Fold], clips: HeldOutClips) -> "Contributions":
        """Of models that are `Additive`; `clips` are those of all folds behind one another."""
        parts = [fold.model.classifier.contributions(fold.features) for fold in folds]
        base = [np.tile(base, (len(values), 1)) for values, base in parts]
        return cls(
            clips,
            np.concatenate([fold.features for fold in folds]),
            np.concatenate([values for values, _ in parts]),
            np.concatenate(base),
            folds[0].model.config.feature_names,
        )

    @property
    def logits(self) -> np.ndarray:
        """(n, classes) centred: base and all contributions."""
        return self.base + self.values.sum(axis=1)

    def table(self) -> pd.DataFrame:
        """A row per clip and class: utterance_id, label, class, base, logit, and a column for each feature, float32."""
        parts = []
        for k, name in enumerate(self.clips.classes):
            columns = {
                "utterance_id": self.clips.utterance_ids,
                "label": np.array(self.clips.classes)[self.clips.labels],
                "class": name,
                "base": self.base[:, k].astype(np.float32),
                "logit": self.logits[:, k].astype(np.float32),
            }
            added = dict(zip(self.names, self.values[:, :, k].T.astype(np.float32), strict=True))
            parts.append(pd.DataFrame(columns | added))
        return pd.concat(parts).sort_values(["utterance_id", "class"], kind="stable", ignore_index=True)


def by_class(contributions: Contributions, groups: Mapping[str, Sequence[int]]) -> pd.DataFrame:
    """What each family adds to a class, on average over the clips of that class.

    Returns:
        class, family, contribution; above 0 the family speaks for the class where it is the true one.
    """
    rows = []
    for k, name in enumerate(contributions.clips.classes):
        own = contributions.values[contributions.clips.labels == k, :, k]  # (clips of the class, features)
        for family, places in groups.items():
            added = float(own[:, places].sum(axis=1).mean()) if len(own) else 0.0
            rows.append({"class": name, "family": family, "contribution": added})
    return pd.DataFrame(rows, columns=["class", "family", "contribution"]).round(6)


def strongest_features(contributions: Contributions, most: int = 15) -> pd.DataFrame:
    """The features that add most to the true class or take most from it, each class counting the same.

    Returns:
        feature, family, magnitude (mean size of what it adds to the true class), contribution (mean of it, with its
        sign), high_speaks_for (the class to which high values of the feature add most).
    """
    clips, values = contributions.clips, contributions.values
    own = values[np.arange(len(clips.labels)), :, clips.labels]  # (n, features)
    present = np.unique(clips.labels)
    magnitude = np.mean([np.abs(own[clips.labels == k]).mean(axis=0) for k in present], axis=0)
    signed = np.mean([own[clips.labels == k].mean(axis=0) for k in present], axis=0)
    ranks = rankdata(contributions.features, axis=0)
    slopes = np.einsum("nf,nfc->fc", ranks - ranks.mean(axis=0), values)  # (features, classes)
    order = sorted(range(len(magnitude)), key=lambda place: (-magnitude[place], contributions.names[place]))
    rows = [
        {
            "feature": contributions.names[place],
            "family": family_of(contributions.names[place]),
            "magnitude": magnitude[place],
            "contribution": signed[place],
            "high_speaks_for": clips.classes[int(slopes[place].argmax())],
        }
        for place in order[:most]
        if magnitude[place] > 0
    ]
    return pd.DataFrame(
        rows, columns=["feature", "family", "magnitude", "contribution", "high_speaks_for"]
    ).round(6)  # fmt: skip
