"""Speakers whose voice contradicts their stated label: a list for a person to review, never acted upon by itself.

Confident learning (C. Northcutt, L. Jiang, I. Chuang: Confident learning: estimating uncertainty in dataset labels.
JAIR 70, 2021) with a trimmed fit. Two model families answer for speakers whom they have not heard, over several
shufflings of the folds. Where both are sure of the same other class, the speaker is a suspect. Suspects teach the
models wrong things and hide each other, so all is done again without learning from them, until the list stays.
Those set aside are judged in each round like all others, and come back when the models agree with them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import balanced_accuracy_score

from voicetraits.auditing.clips import Clips
from voicetraits.auditing.folds import speaker_folds
from voicetraits.auditing.learners import linear, out_of_fold, trees

_MOST_ROUNDS = 6
_SMALLEST_PROBABILITY = 1e-6


@dataclass(frozen=True)
class Verdict:
    """What the models make of each unit (a speaker under one label).

    Attributes:
        units: a row for each unit, with its label and the medians of its features.
        fold_of: (units,) fold of each in the first shuffling.
        families: name: (units, classes) probabilities, out of fold, from models that did not learn from suspects.
        other: (units,) int, the class that is likeliest beside the stated one.
        strength: (units,) probability of `other` in the family that gives it least.
        is_suspect: (units,) bool.
        agreeing: (units,) share of the shufflings in which both families prefer `other` to the label.
        clips_against: (units,) number of the unit's clips that the linear family takes for another class.
        rounds: fits until the list stayed.
    """

    units: Clips
    fold_of: np.ndarray
    families: Mapping[str, np.ndarray]
    other: np.ndarray
    strength: np.ndarray
    is_suspect: np.ndarray
    agreeing: np.ndarray
    clips_against: np.ndarray
    rounds: int

    def uar(self, labels: np.ndarray) -> float:
        """UAR over units of the mean of both families, out of fold, against `labels`."""
        mean = np.mean([*self.families.values()], axis=0)
        return float(balanced_accuracy_score(labels, mean.argmax(axis=1)))


def judge(clips: Clips, *, folds: int, seeds: Sequence[int], min_probability: float) -> Verdict:
    """Find the units that both families are sure to belong to another class.

    Args:
        min_probability: what each family must give the other class at least.
    """
    units = clips.by_unit()
    shuffled = [speaker_folds(clips, folds, seed) for seed in seeds]
    first = np.unique(clips.units, return_index=True)[1]
    trusted = np.ones(len(units.labels), bool)
    tried = set()
    while len(tried) < _MOST_ROUNDS:
        tried.add(trusted.tobytes())
        # Each family sees what it is best at: the linear one clips, the trees a speaker as a whole.
        of_clips, of_units = [], []  # a seed: (n, classes), (units, classes)
        for seed, fold_of in zip(seeds, shuffled, strict=True):
            of_clips.append(out_of_fold(linear, clips, fold_of, seed, trusted=trusted[clips.units]))
            of_units.append(out_of_fold(trees, units, fold_of[first], seed, trusted=trusted))
        votes = {"linear": np.array([_by_unit(own, clips.units) for own in of_clips]), "trees": np.array(of_units)}
        families = {name: _mean(own) for name, own in votes.items()}
        other, strength = _strongest_other(families, units.labels)
        is_suspect = strength >= min_probability
        trusted = _keep_half_of_each_class(~is_suspect, units.labels)
        if trusted.tobytes() in tried:
            break
    clips_against = np.bincount(clips.units, _mean(np.array(of_clips)).argmax(axis=1) != clips.labels).astype(int)
    agreeing = _agreeing(votes, units.labels, other)
    return Verdict(
        units, shuffled[0][first], families, other, strength, is_suspect, agreeing, clips_against, len(tried)
    )  # fmt: skip


def _by_unit(probabilities: np.ndarray, unit_of: np.ndarray) -> np.ndarray:
    """From the mean log-probability of each unit's clips, (units, classes)."""
    logs = np.log(np.maximum(probabilities, _SMALLEST_PROBABILITY))
    return _normalised(pd.DataFrame(logs).groupby(unit_of).mean().to_numpy())


def _mean(probabilities: np.ndarray) -> np.ndarray:
    """From the mean log-probability over the seeds: (seeds, n, classes) -> (n, classes)."""
    return _normalised(np.log(np.maximum(probabilities, _SMALLEST_PROBABILITY)).mean(axis=0))


def _normalised(logs: np.ndarray) -> np.ndarray:
    probabilities = np.exp(logs)
    return probabilities / probabilities.sum(axis=-1, keepdims=True)


def _strongest_other(families: Mapping[str, np.ndarray], labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The likeliest class beside the label, and what the family that gives it least gives it; both (units,)."""
    rows = np.arange(len(labels))
    mean = np.mean([*families.values()], axis=0)
    mean[rows, labels] = -1
    other = mean.argmax(axis=1)
    return other, np.min([own[rows, other] for own in families.values()], axis=0)


def _agreeing(votes: Mapping[str, np.ndarray], labels: np.ndarray, other: np.ndarray) -> np.ndarray:
    rows = np.arange(len(labels))
    against = [own[:, rows, other] > own[:, rows, labels] for own in votes.values()]  # (seeds, units) each
    return np.logical_and.reduce(against).mean(axis=0)


def _keep_half_of_each_class(trusted: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """A class of which most are suspects is one that the models cannot learn: then all of it stays."""
    kept = trusted.copy()
    for label in np.unique(labels):
        own = labels == label
        if trusted[own].mean() < 0.5:
            kept[own] = True
    return kept
