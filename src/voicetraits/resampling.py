"""Recall and UAR under a bootstrap over speakers, from counts: fast enough for many pairs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from voicetraits.scores import speaker_weights


@dataclass(frozen=True)
class SpeakerCounts:
    """How many rows of each class each speaker has, and how many of them are answered right.

    Attributes:
        speakers: (s,) sorted.
        rows: (s, c).
        hits: (s, c).
    """

    speakers: np.ndarray
    rows: np.ndarray
    hits: np.ndarray

    @classmethod
    def of(cls, table: pd.DataFrame, classes: Sequence[str]) -> "SpeakerCounts":
        """From a table with speaker_id, label and p_<class>…"""
        speakers, inverse = np.unique(table["speaker_id"].to_numpy(str), return_inverse=True)
        labels = table["label"].map(list(classes).index).to_numpy()
        right = table[[f"p_{name}" for name in classes]].to_numpy().argmax(axis=1) == labels
        counts = np.zeros((2, len(speakers), len(classes)))
        np.add.at(counts[0], (inverse, labels), 1)
        np.add.at(counts[1], (inverse, labels), right)
        return cls(speakers, *counts)

    @property
    def speakers_of_class(self) -> np.ndarray:
        """(c,) how many speakers have a row of the class."""
        return (self.rows > 0).sum(axis=0)

    def draw(self, samples: int, seed: int) -> np.ndarray:
        """(samples, s) how often each speaker is drawn; the same for the same number of speakers and seed."""
        return speaker_weights(self.speakers, samples, np.random.default_rng(seed))

    def uar(self, weights: np.ndarray) -> np.ndarray:
        """Mean recall of the classes under (b, s) weights, (b,); NaN where one of them has no row."""
        rows, hits = weights @ self.rows, weights @ self.hits  # (b, c)
        recall = np.divide(hits, rows, out=np.full(rows.shape, np.nan), where=rows > 0)
        return recall.mean(axis=1)
