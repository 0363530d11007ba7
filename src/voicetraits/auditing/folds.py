"""Shares clips out among folds: whole speakers, or clip by clip as a careless experiment would."""

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from voicetraits.auditing.clips import Clips


def speaker_folds(clips: Clips, folds: int, seed: int) -> np.ndarray:
    """Fold of each clip, (n,) in 0 … folds − 1: classes alike in all, a speaker and who shares a recording in one.

    There are fewer folds where a class has fewer groups of speakers than that.
    """
    groups = [len(np.unique(clips.groups[clips.labels == label])) for label in np.unique(clips.labels)]
    splitter = StratifiedGroupKFold(max(2, min(folds, *groups)), shuffle=True, random_state=seed)
    return _numbered(splitter.split(clips.labels, clips.labels, clips.groups), len(clips.labels))


def clip_folds(clips: Clips, folds: int, seed: int) -> np.ndarray:
    """As `speaker_folds`, as many, but clip by clip, so that most voices stand on both sides."""
    several = len(np.unique(speaker_folds(clips, folds, seed)))
    splitter = StratifiedKFold(several, shuffle=True, random_state=seed)
    return _numbered(splitter.split(clips.labels, clips.labels), len(clips.labels))


def _numbered(splits, rows: int) -> np.ndarray:
    fold_of = np.zeros(rows, np.int64)
    for fold, (_, tested) in enumerate(splits):
        fold_of[tested] = fold
    return fold_of
