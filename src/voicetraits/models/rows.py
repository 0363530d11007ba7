"""What models learn from: rows of features with their class, balanced as params say."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Balance = Literal["none", "class_weight", "undersample", "oversample"]


@dataclass(frozen=True)
class Rows:
    """Labelled feature rows of one side of a split.

    Attributes:
        features: (n, features) float32.
        labels: (n,) int, index into the model's classes.
        weights: (n,) float32, how much each row counts.
    """

    features: np.ndarray
    labels: np.ndarray
    weights: np.ndarray

    def take(self, indices: np.ndarray) -> "Rows":
        """The rows at `indices`, in that order."""
        return Rows(self.features[indices], self.labels[indices], self.weights[indices])


def balanced_weights(labels: np.ndarray) -> np.ndarray:
    """Weights under which every class that occurs counts the same: n / (classes · rows of the class), (n,) float32."""
    classes, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return (len(labels) / (len(classes) * counts))[inverse].astype(np.float32)


def balance_train(rows: Rows, how: Balance, rng: np.random.Generator) -> Rows:
    """Training rows, balanced: by weights, or by drawing as many rows of each class as the smallest or largest has."""
    if how == "none":
        return rows
    if how == "class_weight":
        return Rows(rows.features, rows.labels, balanced_weights(rows.labels))
    groups = [np.flatnonzero(rows.labels == label) for label in np.unique(rows.labels)]
    sizes = [len(group) for group in groups]
    if how == "undersample":
        drawn = [rng.choice(group, min(sizes), replace=False) for group in groups]
    else:  # oversample: every row once, then draws with replacement
        drawn = [np.concatenate([group, rng.choice(group, max(sizes) - len(group))]) for group in groups]
    return rows.take(np.sort(np.concatenate(drawn)))


def balance_validation(rows: Rows, how: Balance) -> Rows:
    """Validation rows, weighted so that early stopping looks at the same balance of classes as training does."""
    return rows if how == "none" else Rows(rows.features, rows.labels, balanced_weights(rows.labels))
