"""UAR with an interval over speakers, and that of the difference of two, on the same draws of speakers."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from voicetraits.auditing.clips import Clips
from voicetraits.scores import interval

#: What `evaluate.bootstrap_samples` and `evaluate.confidence` may be.
Samples = Annotated[int, Field(ge=100)]
Confidence = Annotated[float, Field(gt=0.5, lt=1)]


@dataclass(frozen=True)
class Estimate:
    """A figure and its interval."""

    value: float
    low: float
    high: float

    def under(self, name: str) -> dict[str, float]:
        """As entries `name`, `name_low` and `name_high`."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}


class SpeakerBootstrap:
    """Draws as many groups of speakers as there are, with replacement, `samples` times.

    A group counts with all of its clips. UAR is linear in whether a clip is right, so what goes in may be the share
    of several trainings in which it was.

    Args:
        confidence: coverage of the intervals.
    """

    def __init__(self, clips: Clips, *, samples: int, confidence: float, seed: int) -> None:
        names, self._group = np.unique(clips.groups, return_inverse=True)
        self._labels, self._confidence = clips.labels, confidence
        self._shape = (len(names), len(clips.classes))
        even = np.full(len(names), 1 / len(names))
        drawn = np.random.default_rng(seed).multinomial(len(names), even, size=samples)
        self._draws = np.concatenate([np.ones((1, len(names))), drawn])  # the first is the plain figure
        self._present = np.unique(clips.labels)

    def uar(self, right: np.ndarray) -> Estimate:
        """UAR where `right` says of each clip whether, or how often, it was right: (n,) in 0 … 1."""
        return self._estimate(self._uars(right))

    def gap(self, right: np.ndarray, other: np.ndarray) -> Estimate:
        """UAR of `right` less that of `other`, on the same draws."""
        return self._estimate(self._uars(right) - self._uars(other))

    def _uars(self, right: np.ndarray) -> np.ndarray:
        hits, clips = (self._draws @ self._by_group(weights) for weights in (right, np.ones(len(right))))
        hits, clips = hits[:, self._present], clips[:, self._present]
        # Where a draw holds no clip of a class its UAR is not defined.
        return np.divide(hits, clips, out=np.full(hits.shape, np.nan), where=clips > 0).mean(axis=1)

    def _by_group(self, weights: np.ndarray) -> np.ndarray:
        """Sum of the weights of each group's clips of each class, (groups, classes)."""
        groups, classes = self._shape
        cells = self._group * classes + self._labels
        return np.bincount(cells, weights, groups * classes).reshape(self._shape)

    def _estimate(self, values: np.ndarray) -> Estimate:
        return Estimate(float(values[0]), *interval(values[1:], self._confidence))
