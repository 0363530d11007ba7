"""Whether label suspects are found: labels of some speakers are flipped at random, so that the wrong ones are known.

Speakers who are suspects before anything is flipped may have a wrong label already. They are never flipped, keep
their label, and count neither as found nor as false alarms; how precision looks when they count as false alarms is
given beside.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn.metrics import balanced_accuracy_score

from voicetraits.auditing.clips import Clips
from voicetraits.auditing.folds import speaker_folds
from voicetraits.auditing.learners import linear, out_of_fold
from voicetraits.auditing.suspects import Verdict, judge

#: Beginnings of the names of all features that measure pitch, or the spectrum below 280 Hz, which is mostly pitch.
_PITCH = ("f0_", "voiced_share", "voice_range_", "voice_table_")


@dataclass(frozen=True)
class Experiment:
    """What was found.

    Attributes:
        known: speaker_id, stated, suggested, strength of the suspects before flipping.
        runs: a row for each share and seed, and first one for no flips, with the columns of `_score`.
    """

    known: pd.DataFrame
    runs: pd.DataFrame


def is_pitch_free(names: Sequence[str]) -> np.ndarray:
    """Which features are left when those of pitch are taken out, (features,) bool."""
    return np.array([not name.startswith(_PITCH) for name in names])


def experiment(
    clips: Clips,
    *,
    shares: Sequence[float],
    seeds: Sequence[int],
    folds: int,
    fold_seeds: int,
    min_probability: float,
    progress: Callable[[Iterable], Iterable] = iter,
) -> Experiment:
    """Flip the class of each share of the speakers for each seed, and judge.

    Args:
        clips: of speakers with one label each.
        shares: of all speakers.
        folds, fold_seeds, min_probability: see `judge`.
    """

    def judged(stated: Clips) -> Verdict:
        return judge(stated, folds=folds, seeds=range(fold_seeds), min_probability=min_probability)

    fold_of = speaker_folds(clips, folds, 0)  # of the clips' UAR: the same whatever is flipped
    before = judged(clips)
    labels, known = before.units.labels, before.is_suspect
    nobody = np.zeros(len(labels), bool)
    runs = [{"share": 0.0, "seed": 0, **_score(clips, clips, before, nobody, known, fold_of)}]
    for share, seed in progress([(share, seed) for share in shares for seed in seeds]):
        rng = np.random.default_rng([seed, round(1000 * share)])
        flipped = nobody.copy()
        flipped[rng.choice(np.flatnonzero(~known), round(share * len(labels)), replace=False)] = True
        others = (labels + rng.integers(1, len(clips.classes), len(labels))) % len(clips.classes)
        stated = replace(clips, labels=np.where(flipped, others, labels)[clips.units])
        runs.append({"share": share, "seed": seed, **_score(clips, stated, judged(stated), flipped, known, fold_of)})
    names = np.array(clips.classes)
    table = pd.DataFrame(
        {
            "speaker_id": before.units.speakers,
            "stated": names[labels],
            "suggested": names[before.other],
            "strength": before.strength.round(3),
        }
    )
    return Experiment(table[known].reset_index(drop=True), pd.DataFrame(runs).round(6))


def _score(
    true: Clips, stated: Clips, verdict: Verdict, flipped: np.ndarray, known: np.ndarray, fold_of: np.ndarray
) -> dict[str, float]:
    """How the verdict on `stated` fares.

    Returns:
        flipped, listed (less the known ones), found; recall = found / flipped; precision = found / listed;
        precision_known_false: with the known ones among the listed; uar_speakers: of the verdict, against the true
        labels; uar_clips_as_stated, uar_clips_reviewed: of the linear model, against the true labels, having learnt
        from all labels as stated, or from all but those of the listed.
    """
    listed = verdict.is_suspect & ~known
    found = int((listed & flipped).sum())
    uars = {}
    for name, trusted in (("as_stated", None), ("reviewed", ~verdict.is_suspect[true.units])):
        predicted = out_of_fold(linear, stated, fold_of, 0, trusted=trusted).argmax(axis=1)
        uars[f"uar_clips_{name}"] = float(balanced_accuracy_score(true.labels, predicted))
    return {
        "flipped": int(flipped.sum()),
        "listed": int(listed.sum()),
        "found": found,
        "recall": found / max(1, flipped.sum()),
        "precision": found / max(1, listed.sum()),
        "precision_known_false": found / max(1, verdict.is_suspect.sum()),
        "uar_speakers": verdict.uar(true.by_unit().labels),
        **uars,
    }
