"""What a random split of clips claims too much, and what the pauses alone give away."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from voicetraits.auditing.bootstrap import Estimate, SpeakerBootstrap
from voicetraits.auditing.clips import Clips
from voicetraits.auditing.folds import clip_folds, speaker_folds
from voicetraits.auditing.learners import Learner, out_of_fold


def right_share(learn: Learner, clips: Clips, folds: Sequence[np.ndarray]) -> np.ndarray:
    """Share of the trainings in which each clip was classified right, out of fold, one for each of `folds`: (n,)."""
    predicted = [out_of_fold(learn, clips, fold_of, seed).argmax(axis=1) for seed, fold_of in enumerate(folds)]
    return np.mean([one == clips.labels for one in predicted], axis=0)


def compare_splits(
    clips: Clips, learners: Mapping[str, Learner], bootstrap: SpeakerBootstrap, *, folds: int, seeds: Sequence[int]
) -> dict[str, dict[str, Estimate]]:
    """The same model on speakers whom it has not heard, and on clips split at random.

    Returns:
        learner: `uar_speaker_split`, `uar_clip_split` and `gap`, which is the second less the first: what a random
        split claims too much.
    """
    results = {}
    for name, learn in learners.items():
        by_speaker = right_share(learn, clips, [speaker_folds(clips, folds, seed) for seed in seeds])
        by_clip = right_share(learn, clips, [clip_folds(clips, folds, seed) for seed in seeds])
        results[name] = {
            "uar_speaker_split": bootstrap.uar(by_speaker),
            "uar_clip_split": bootstrap.uar(by_clip),
            "gap": bootstrap.gap(by_clip, by_speaker),
        }
    return results


def by_source(clips: Clips, sources: np.ndarray, fold_of: np.ndarray) -> np.ndarray:
    """Whether the commonest class of each clip's source, counted in the other folds, is its class: (n,) bool.

    Classes count the same whatever their size. It is what a probe reaches by knowing nothing but the source.
    """
    right = np.zeros(len(fold_of), bool)
    for fold in np.unique(fold_of):
        rest = fold_of != fold
        counts = pd.crosstab(sources[rest], clips.labels[rest])
        shares = counts / counts.sum()
        answers = shares.idxmax(axis=1).reindex(sources[~rest], fill_value=-1).to_numpy()
        right[~rest] = answers == clips.labels[~rest]
    return right
