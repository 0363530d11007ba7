"""What is explained: the saved models of each fold, with that fold's test clips."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from voicetraits.examples import select_clips
from voicetraits.features.table import FeatureTable
from voicetraits.models import saved
from voicetraits.scores import speaker_weights


@dataclass(frozen=True)
class HeldOutClips:
    """Test clips of one fold, or of all folds behind one another.

    Attributes:
        utterance_ids: (n,) text.
        speakers: (n,) the speaker of each clip.
        labels: (n,) index of the class.
        classes: their names.
    """

    utterance_ids: np.ndarray
    speakers: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]

    @classmethod
    def of(cls, clips: pd.DataFrame, classes: Sequence[str]) -> "HeldOutClips":
        """From a table with utterance_id, speaker_id, label."""
        labels = clips["label"].map(list(classes).index).to_numpy(np.int64)
        return cls(clips["utterance_id"].to_numpy(), clips["speaker_id"].to_numpy(), labels, tuple(classes))


@dataclass(frozen=True)
class Intervals:
    """Averages over test clips in which each class counts the same, with an interval over speakers.

    Attributes:
        clips: what is averaged over.
        weights: (1 + samples, n) how often each clip counts: once in the first row, then as speakers are drawn.
        confidence: coverage of the intervals.
    """

    clips: HeldOutClips
    weights: np.ndarray
    confidence: float

    @classmethod
    def over(cls, clips: HeldOutClips, *, samples: int, confidence: float, seed: int) -> "Intervals":
        """Draw the speakers `samples` times."""
        drawn = speaker_weights(clips.speakers, samples, np.random.default_rng(seed))
        return cls(clips, np.concatenate([np.ones((1, len(clips.labels))), drawn]), confidence)

    def mean(self, values: np.ndarray) -> tuple[float, float, float]:
        """Mean over the classes of the mean over a class's clips, and the ends of its interval.

        For hits (0 or 1) it is the UAR. A class without a clip does not count; resamples without a class that has some
        are left out.

        Args:
            values: (n,) a number for each clip.
        """
        means = []
        for k in np.unique(self.clips.labels):
            of_class = self.weights * (self.clips.labels == k)  # (1 + samples, n)
            total = of_class.sum(axis=1)
            means.append(np.divide(of_class @ values, total, out=np.full(len(total), np.nan), where=total > 0))
        plain, *drawn = np.mean(means, axis=0)
        tail = (1 - self.confidence) / 2
        low, high = np.nanquantile(drawn, [tail, 1 - tail])
        return float(plain), float(low), float(high)


@dataclass(frozen=True)
class Fold:
    """A saved model with clips that it has not learnt from.

    Attributes:
        model: as loaded.
        clips: the fold's test clips.
        features: (n, features) float32.
        params: the extractor's setting that made `features`.
    """

    model: saved.SavedModel
    clips: HeldOutClips
    features: np.ndarray
    params: dict

    def hits(self, features: np.ndarray) -> np.ndarray:
        """Whether the model is right on clips that have `features` instead, a multiple of n rows, (rows,) bool."""
        config = self.model.config
        predicted = self.model.predict_proba(features, names=config.feature_names, params=self.params).argmax(axis=1)
        return predicted == np.resize(self.clips.labels, len(features))


def read_folds(
    folder: Path,
    target: str,
    *,
    features: FeatureTable,
    metadata: pd.DataFrame,
    splits: pd.DataFrame,
    most: int,
    seed: int,
) -> list[Fold]:
    """The model of each fold below `folder` with its test clips, drawn where there are more than `most` in all."""
    names = sorted(splits.loc[splits["target"] == target, "fold"].unique())
    sides = [select_clips(metadata, splits, target, name, "test") for name in names]
    total = sum(map(len, sides))
    folds = []
    for name, clips in zip(names, sides, strict=True):
        if total > most:
            share = max(1, len(clips) * most // total)
            drawn = np.random.default_rng(seed).choice(len(clips), share, replace=False)
            clips = clips.iloc[np.sort(drawn)]
        model = saved.load(folder / f"fold-{name}")
        values = features.rows(clips["utterance_id"])
        folds.append(Fold(model, HeldOutClips.of(clips, model.config.classes), values, dict(features.params)))
    return folds


def joined(folds: Sequence[Fold]) -> HeldOutClips:
    """The clips of all folds, one fold behind the other."""
    parts = [fold.clips for fold in folds]
    columns = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("utterance_ids", "speakers", "labels")
    )
    return HeldOutClips(*columns, parts[0].classes)
