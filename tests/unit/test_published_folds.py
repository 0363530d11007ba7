"""AudioMNIST's published folds: disjoint, balanced, each speaker in test once; and corpora that don't have them."""

from collections import Counter

import pandas as pd
import pytest

from support.layouts import AUDIOMNIST
from voicetraits.errors import DataError
from voicetraits.examples import SIDES
from voicetraits.side_counts import count_sides
from voicetraits.splitting import SplitParams, split_speakers

PARAMS = SplitParams(strategy="audiomnist", folds=5, val_share=0.2, test_share=0.25, min_speakers_per_class=5)
#: The test and the validation speakers of each fold, as the authors list them.
TEST = [{58, 59, 60, 7, 23, 38}, {36, 47, 56, 2, 44, 50}, {26, 12, 57, 25, 37, 45}, {43, 28, 52, 48, 53, 41}]
VALIDATE = [{43, 28, 52, 48, 53, 41}, {58, 59, 60, 7, 23, 38}, {36, 47, 56, 2, 44, 50}, {26, 12, 57, 25, 37, 45}]


def corpus(without: str = "") -> tuple[pd.DataFrame, pd.DataFrame]:
    genders = {speaker: gender for gender, those in AUDIOMNIST.items() for speaker in those} | {"01": "male"}
    rows = [(f"{one}/{clip}", one, one, gender, "adult") for one, gender in genders.items() for clip in range(2)]
    metadata = pd.DataFrame(rows, columns=["utterance_id", "speaker_id", "archive", "gender", "age_group"])
    metadata = metadata[metadata["speaker_id"] != without]
    clips = metadata[["utterance_id"]].assign(audio_sha256=metadata["utterance_id"], duration_seconds=1.8)
    return metadata, clips


def test_folds_are_the_published_ones() -> None:
    splits = split_speakers(*corpus(), PARAMS, targets=["gender", "age"], seed=1)
    assert splits.skipped == ("age",)
    assert splits.notes == ("age: skipped, since AudioMNIST's published folds are of gender",)
    for fold in range(4):
        rows = splits.table[splits.table["fold"] == str(fold)]
        sides = {side: {int(one) for one in own["speaker_id"]} for side, own in rows.groupby("side")}
        assert (sides["test"], sides["val"]) == (TEST[fold], VALIDATE[fold])
        assert sides["none"] == {1}
        assert Counter(map(len, sides.values())) == {12: 1, 6: 2, 1: 1}
        gender = corpus()[0].groupby("speaker_id")["gender"].first()
        for side in SIDES:
            counts = gender[list(rows.loc[rows["side"] == side, "speaker_id"])].value_counts()
            assert counts["female"] == counts["male"]
    assert splits.table.equals(splits.table.sort_values(list(splits.table), ignore_index=True))


def test_each_fold_is_counted() -> None:
    metadata, clips = corpus()
    counts = count_sides(split_speakers(metadata, clips, PARAMS, targets=["gender"], seed=1), metadata, clips)
    assert set(counts["gender"]) == {"fold-0", "fold-1", "fold-2", "fold-3"}
    assert counts["gender"]["fold-2"]["train"]["female"] == {"speakers": 6, "clips": 12, "hours": pytest.approx(0.006)}
    assert counts["gender"]["fold-2"]["none"]["male"]["speakers"] == 1


def test_corpora_without_them() -> None:
    with pytest.raises(DataError, match=r"needs the 24 speakers .*; missing: 60; set `corpus: audiomnist`"):
        split_speakers(*corpus(without="60"), PARAMS, targets=["gender"], seed=1)
    with pytest.raises(DataError, match=r"splits for gender; add gender to `targets`"):
        split_speakers(*corpus(), PARAMS, targets=["age"], seed=1)
    metadata, clips = corpus()
    excluded = metadata.assign(gender=metadata["gender"].mask(metadata["speaker_id"] == "36"))
    with pytest.raises(DataError, match=r"needs the gender of the 24 .*; without: 36; take them out of `metadata.excl"):
        split_speakers(excluded, clips, PARAMS, targets=["gender"], seed=1)
    clips = clips.assign(audio_sha256=clips["audio_sha256"].replace({"36/0": "shared", "60/1": "shared"}))
    with pytest.raises(DataError, match="puts 36 and 60 on different sides, who share a clip"):
        split_speakers(metadata, clips, PARAMS, targets=["gender"], seed=1)
