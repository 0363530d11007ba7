"""The baselines beside `predict.py --truth`: fitted on what the model learnt from, asked about the labelled folder."""

from hashlib import sha256

import numpy as np
import pandas as pd
import pytest

from support.dataset import write_dataset
from voicetraits.examples import read_splits, select_clips
from voicetraits.inference.scoring import baseline_tables

GENDERS = ("female", "male")
#: What was heard on a labelled folder: the training set's women have about 185 Hz, its men 105 Hz.
HEARD = pd.DataFrame(
    {
        "utterance_id": list("abcd"),
        "speaker_id": list("wxyz"),
        "label": ["female", "male", "female", "male"],
        "f0_median_hz": [240.0, 90.0, 85.0, 250.0],
    }
)


@pytest.fixture
def data(tmp_path):
    write_dataset(tmp_path)
    return tmp_path / "data"


def learnt_from(data, target: str) -> str:
    splits = read_splits(data / "splits.csv")
    own = splits[splits["target"] == target]
    clips = select_clips(pd.read_parquet(data / "metadata.parquet"), own, target, "0", "train")
    return sha256(clips.to_csv(index=False).encode()).hexdigest()


def test_gender_has_the_majority_and_the_pitch_threshold(data):
    found = baseline_tables(HEARD, "gender", GENDERS, data, learnt_from(data, "gender"))
    assert list(found) == ["majority", "pitch_threshold"]
    for table in found.values():
        assert table["utterance_id"].tolist() == list("abcd")
        assert table["label"].tolist() == HEARD["label"].tolist()
        np.testing.assert_allclose(table[["p_female", "p_male"]].sum(axis=1), 1)
    # As many women as men were learnt from.
    np.testing.assert_allclose(found["majority"]["p_female"], 0.5)
    by_pitch = found["pitch_threshold"][["p_female", "p_male"]].idxmax(axis=1)
    assert by_pitch.tolist() == ["p_female", "p_male", "p_male", "p_female"]


def test_pitch_says_nothing_of_age(data):
    heard = HEARD.assign(label="adult")
    found = baseline_tables(heard, "age", ("youth", "adult", "senior"), data, learnt_from(data, "age"))
    assert list(found) == ["majority"]
    np.testing.assert_allclose(found["majority"][["p_youth", "p_adult", "p_senior"]].sum(axis=1), 1)


def test_another_training_set_gives_none(data):
    assert baseline_tables(HEARD, "gender", GENDERS, data, "ab" * 32) == {}
