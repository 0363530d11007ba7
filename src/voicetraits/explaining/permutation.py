"""Permutation importance: the UAR that a model loses when a group of features is shuffled among the test clips.

All columns of a group are shuffled together, so that what they say of each other stays, and what they say of the
speaker goes (Breiman 2001). The model is not trained again: it is what this model rests on. A group whose information
others hold as well may cost little; what a group tells by itself says `alone.py`.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from voicetraits.explaining.held_out import Fold, Intervals

#: Bounds the memory of the shuffled copies, whatever the number of clips.
_ROWS_AT_A_TIME = 20_000


def permutation_table(
    folds: Sequence[Fold], groups: Mapping[str, Sequence[int]], intervals: Intervals, *, repeats: int, seed: int
) -> pd.DataFrame:
    """UAR lost by shuffling each group.

    Args:
        folds: a model and test clips each.
        groups: name: places of its features.
        intervals: over the clips of all folds behind one another.
        repeats: how often each group is shuffled; the loss is the mean.

    Returns:
        group, features (how many), lost, low, high; in the order of `groups`. A loss below 0 is noise.
    """
    rows = []
    for number, (name, places) in enumerate(groups.items()):
        lost = [
            fold.hits(fold.features) - _mean_hits(fold, places, repeats, np.random.default_rng([seed, number, k]))
            for k, fold in enumerate(folds)
        ]
        value, low, high = intervals.mean(np.concatenate(lost))
        rows.append({"group": name, "features": len(places), "lost": value, "low": low, "high": high})
    return pd.DataFrame(rows, columns=["group", "features", "lost", "low", "high"]).round(6)


def _mean_hits(fold: Fold, places: Sequence[int], repeats: int, rng: np.random.Generator) -> np.ndarray:
    """Share of the shuffles in which the model is right on each clip, (n,). UAR is linear in it."""
    clips = len(fold.features)
    hits = np.zeros(clips)
    at_a_time = max(1, _ROWS_AT_A_TIME // clips)
    for start in range(0, repeats, at_a_time):
        orders = [rng.permutation(clips) for _ in range(min(at_a_time, repeats - start))]
        shuffled = np.tile(fold.features, (len(orders), 1))
        shuffled[:, places] = fold.features[np.concatenate(orders)[:, None], places]
        hits += fold.hits(shuffled).reshape(len(orders), clips).sum(axis=0)
    return hits / repeats
