"""The clips that an audit looks at: all labelled clips of a target, whatever side of the split they stand on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd

from voicetraits.classes import CLASSES
from voicetraits.examples import SIDES, select_clips


@dataclass(frozen=True)
class Clips:
    """Labelled clips with some features of each.

    A unit is a speaker under one label: one who stated another age in another year is two units.

    Attributes:
        ids: (n,) utterance ids.
        speakers: (n,) names.
        groups: (n,) name of the group of speakers who share a recording, who stay together.
        labels: (n,) int, index into `classes`.
        values: (n, features) float.
        classes: names of the classes.
    """

    ids: np.ndarray
    speakers: np.ndarray
    groups: np.ndarray
    labels: np.ndarray
    values: np.ndarray
    classes: tuple[str, ...]

    @classmethod
    def of(cls, table: pd.DataFrame, groups: Mapping[str, str], values: np.ndarray, classes: Sequence[str]) -> Self:
        """From a table with utterance_id, speaker_id and label, and each speaker's group."""
        return cls(
            ids=table["utterance_id"].to_numpy(),
            speakers=table["speaker_id"].to_numpy(),
            groups=table["speaker_id"].map(groups).to_numpy(),
            labels=table["label"].map(list(classes).index).to_numpy(np.int64),
            values=np.asarray(values, np.float64),
            classes=tuple(classes),
        )

    def take(self, rows: np.ndarray) -> "Clips":
        """Some of them: `rows` are indices or a mask."""
        columns = ("ids", "speakers", "groups", "labels", "values")
        return replace(self, **{name: getattr(self, name)[rows] for name in columns})

    def with_values(self, values: np.ndarray) -> "Clips":
        """The same clips with other features."""
        return replace(self, values=values)

    @cached_property
    def units(self) -> np.ndarray:
        """(n,) int, the unit of each clip, numbered in the order of speaker and label."""
        pairs = pd.MultiIndex.from_arrays([self.speakers, self.labels])
        return pairs.factorize(sort=True)[0]

    def by_unit(self) -> "Clips":
        """A row for each unit, in order: its first clip's id, and the median of each feature over its clips."""
        first = np.unique(self.units, return_index=True)[1]
        medians = pd.DataFrame(self.values).groupby(self.units).median().to_numpy()
        return self.take(first).with_values(medians)


def labelled_clips(metadata: pd.DataFrame, splits: pd.DataFrame, target: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """All clips of a target that its split uses: a table with utterance_id, speaker_id and label, and its classes."""
    folds = splits.loc[splits["target"] == target, "fold"].unique()
    parts = [select_clips(metadata, splits, target, fold, side) for fold in folds for side in SIDES]
    table = pd.concat(parts).drop_duplicates("utterance_id").sort_values("utterance_id", ignore_index=True)
    return table, tuple(label for label in CLASSES[target] if (table["label"] == label).any())
