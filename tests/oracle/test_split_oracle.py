"""Splits against scikit-learn's, and groups of speakers against a plain closure."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from voicetraits.splitting import SplitParams, speaker_groups, split_speakers

TEST_SHARE = 0.25
PARAMS = SplitParams(strategy="holdout", folds=5, val_share=0.2, test_share=TEST_SHARE, min_speakers_per_class=5)


def corpus(genders, recordings):
    """A clip per recording of each speaker; `recordings` has a list of them for each."""
    rows = [
        (f"s{speaker:03}/{number}", f"s{speaker:03}", f"s{speaker:03}-1", gender, None, f"sha{recording}", 1.0)
        for speaker, (gender, own) in enumerate(zip(genders, recordings, strict=True))
        for number, recording in enumerate(own)
    ]
    names = ["utterance_id", "speaker_id", "archive", "gender", "age_group", "audio_sha256", "duration_seconds"]
    table = pd.DataFrame(rows, columns=names)
    return table, table[["utterance_id", "audio_sha256", "duration_seconds"]]


def unevenness(tested: np.ndarray, genders: np.ndarray) -> float:
    """How far the test speakers of a class are from their share, in the worst class."""
    return max(
        abs((tested & (genders == name)).sum() - TEST_SHARE * (genders == name).sum()) for name in np.unique(genders)
    )


def test_the_test_side_is_as_even_as_the_best_fold_of_stratified_group_k_fold():
    for seed in range(8):
        random = np.random.default_rng(seed)
        genders = random.choice(["female", "male"], size=random.integers(30, 90), p=[0.2, 0.8])
        # Every tenth speaker has a recording of the one before.
        recordings = [[2 * n] + ([2 * n - 2] if n % 10 == 9 else []) for n in range(len(genders))]
        metadata, clips = corpus(genders, recordings)
        groups = speaker_groups(metadata, clips)
        table = split_speakers(metadata, clips, PARAMS, targets=("gender",), seed=seed).table
        folds = StratifiedGroupKFold(n_splits=round(1 / TEST_SHARE), shuffle=True, random_state=seed)
        index = np.arange(len(genders))
        theirs = [
            np.isin(index, test) for _, test in folds.split(index, genders, [groups[name] for name in sorted(groups)])
        ]
        ours = (table["side"] == "test").to_numpy()
        assert unevenness(ours, genders) <= min(unevenness(fold, genders) for fold in theirs)


@settings(deadline=None)
@given(st.lists(st.sets(st.integers(0, 12), min_size=1, max_size=3), min_size=1, max_size=15))
def test_groups_are_the_closure_of_sharing(recordings):
    metadata, clips = corpus(["female"] * len(recordings), [sorted(own) for own in recordings])
    groups = [(set(own), {f"s{number:03}"}) for number, own in enumerate(recordings)]
    merged = True
    while merged:
        merged = False
        for one in range(len(groups)):
            for other in range(one + 1, len(groups)):
                if groups[one][0] & groups[other][0]:
                    recordings_of_other, speakers_of_other = groups.pop(other)
                    groups[one] = (groups[one][0] | recordings_of_other, groups[one][1] | speakers_of_other)
                    merged = True
                    break
            if merged:
                break
    expected = {speaker: min(speakers) for _, speakers in groups for speaker in speakers}
    assert speaker_groups(metadata, clips) == expected
