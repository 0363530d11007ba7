"""How UAR grows with the number of speakers to learn from."""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil

import numpy as np
import pandas as pd

from voicetraits.auditing.bootstrap import SpeakerBootstrap
from voicetraits.auditing.clips import Clips
from voicetraits.auditing.folds import speaker_folds
from voicetraits.auditing.learners import Learner


def learning_curve(
    clips: Clips,
    learners: Mapping[str, Learner],
    bootstrap: SpeakerBootstrap,
    *,
    shares: Sequence[float],
    folds: int,
    seeds: Sequence[int],
) -> pd.DataFrame:
    """UAR on unheard speakers after training on some of the others, smaller sets within larger ones.

    Args:
        shares: of each class's training speakers; at least one of a class is taken.

    Returns:
        model, speakers (to learn from, mean over folds and seeds), uar, low, high; sorted by model and speakers.
    """
    rows = []
    for name, learn in learners.items():
        right = {share: np.zeros(len(clips.labels)) for share in shares}
        speakers: dict[float, list[int]] = {share: [] for share in shares}
        for seed in seeds:
            for tested, share, chosen in _subsets(clips, speaker_folds(clips, folds, seed), shares, seed):
                predicted = learn(clips.take(chosen), clips.values[tested], seed).argmax(axis=1)
                right[share][tested] += (predicted == clips.labels[tested]) / len(seeds)
                speakers[share].append(len(np.unique(clips.speakers[chosen])))
        for share in shares:
            uar = bootstrap.uar(right[share])
            rows.append((name, round(np.mean(speakers[share])), uar.value, uar.low, uar.high))
    return pd.DataFrame(rows, columns=["model", "speakers", "uar", "low", "high"]).sort_values(["model", "speakers"])


def _subsets(
    clips: Clips, fold_of: np.ndarray, shares: Sequence[float], seed: int
) -> Iterator[tuple[np.ndarray, float, np.ndarray]]:
    """For each fold and share: mask of the fold's clips, the share, mask of the clips to learn from."""
    rng = np.random.default_rng(seed)
    # A group of speakers of several classes counts for that of its first clip.
    names, first = np.unique(clips.groups, return_index=True)
    classes, order = clips.labels[first], rng.permutation(len(names))
    for fold in np.unique(fold_of):
        tested = fold_of == fold
        there = order[~np.isin(names[order], clips.groups[tested])]
        of_class = [there[classes[there] == label] for label in np.unique(classes)]
        for share in shares:
            chosen = np.concatenate([own[: ceil(share * len(own))] for own in of_class])
            yield tested, share, np.isin(clips.groups, names[chosen])
