"""A softmax regression that has learnt, run as a matrix product: needs neither TensorFlow nor Keras.

features (n, f) -> standardise, clip to ±5 -> · weights (f, c) + bias (c,) -> softmax -> probabilities (n, c)
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import h5py
import numpy as np

WEIGHTS, SCALING = "softmax.weights.h5", "scaling.csv"
#: Where Keras keeps the weights and the bias of the only layer.
_LAYER = "layers/dense/vars"
#: Standardised features beyond this are outliers; unclipped, a single one can decide a clip.
_CLIP = 5.0


class Model:
    """A softmax regression that can only predict; see `Classifier`.

    Args:
        weights: (features, classes).
        bias: (classes,).
        mean, scale: of each feature over the training clips, (features,).
        files: from which it was loaded, for `save`.
    """

    def __init__(
        self,
        *,
        weights: np.ndarray,
        bias: np.ndarray,
        mean: np.ndarray,
        scale: np.ndarray,
        files: Mapping[str, bytes] | None = None,
    ) -> None:
        self._weights, self._bias = weights.astype(np.float64), bias.astype(np.float64)
        self._importances = np.abs(weights).mean(axis=1)
        self._mean, self._scale = mean, scale
        self._files = files or {}

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        """(n, features) float32 -> (n, classes) float64."""
        logits = standardise(features, self._mean, self._scale) @ self._weights + self._bias  # (n, c)
        likely = np.exp(logits - logits.max(axis=1, keepdims=True))
        return likely / likely.sum(axis=1, keepdims=True)

    def importances(self) -> np.ndarray:
        """Mean absolute weight of each standardised feature over the classes, (features,)."""
        return self._importances

    def training_statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of each feature over the training clips, both (features,); 1 for one of 0."""
        return self._mean, self._scale

    def contributions(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What each feature adds to the centred logits: weight × standardised value, which is 0 for the mean clip.

        Returns:
            contributions (n, features, classes) and the base (classes,), the logits of the mean clip: exact.
        """
        weights, bias = self._weights - self._weights.mean(axis=1, keepdims=True), self._bias - self._bias.mean()
        return standardise(features, self._mean, self._scale)[:, :, None] * weights, bias

    def save(self, folder: Path) -> None:
        """Write the files from which it was loaded."""
        for name, content in self._files.items():
            (folder / name).write_bytes(content)

    @classmethod
    def load(cls, folder: Path, *, classes: int, feature_names: Sequence[str]) -> Self:
        """Read what training saved."""
        with open(folder / SCALING, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        if tuple(row["feature"] for row in rows) != tuple(feature_names):
            raise ValueError(f"{SCALING} names other features than config.yaml")
        with h5py.File(folder / WEIGHTS, "r") as file:
            weights, bias = (file[_LAYER][str(number)][()] for number in range(2))
        if weights.shape != (len(feature_names), classes):
            raise ValueError(f"{WEIGHTS} holds {weights.shape} weights for {len(feature_names)} features")
        mean, scale = (np.array([float(row[name]) for row in rows]) for name in ("mean", "scale"))
        files = {name: (folder / name).read_bytes() for name in (WEIGHTS, SCALING)}
        return cls(weights=weights, bias=bias, mean=mean, scale=scale, files=files)


def standardise(features: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """(n, features), and both (features,) -> (n, features) float32, clipped."""
    return np.clip((features - mean) / scale, -_CLIP, _CLIP).astype(np.float32)
