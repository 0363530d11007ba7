"""The baselines that evaluate sets beside the models."""

import numpy as np
import pandas as pd
import pytest

from voicetraits.features.table import FeatureTable
from voicetraits.predictions import predict_baselines

#: Fold, side, gender and pitch of a clip; each is a speaker's only one. On test clips other thresholds would be best.
CLIPS = [
    *(("0", "train", "female", hz) for hz in (200.0, 210.0)),
    *(("0", "train", "male", hz) for hz in (90.0, 100.0, 105.0, 110.0, 100.0, 95.0)),
    *(("0", "val", "male", hz) for hz in (190.0, 195.0)),
    *(("0", "test", "female", hz) for hz in (120.0, 125.0)),
    *(("0", "test", "male", hz) for hz in (80.0, 70.0)),
    *(("1", "train", "female", hz) for hz in (130.0, 140.0, 150.0)),
    *(("1", "train", "male", hz) for hz in (80.0, 90.0)),
    *(("1", "test", "female", hz) for hz in (300.0, 310.0)),
    *(("1", "test", "male", hz) for hz in (160.0, 165.0)),
]


@pytest.fixture
def found() -> dict[str, pd.DataFrame]:
    ids = [f"s{number:02d}" for number in range(len(CLIPS))]
    fold, side, gender, hz = zip(*CLIPS, strict=True)
    f0 = pd.DataFrame({"f0_median_hz": np.float32(hz)}, index=pd.Index(ids, name="utterance_id"))
    metadata = pd.DataFrame({"utterance_id": ids, "speaker_id": ids, "archive": ids, "gender": gender})
    splits = pd.DataFrame({"target": "gender", "fold": fold, "speaker_id": ids, "side": side})
    return predict_baselines(
        "gender", ("female", "male"), features=FeatureTable(f0, {}), metadata=metadata, splits=splits
    )


def called_female(table: pd.DataFrame, fold: str) -> list[str]:
    """Labels of the test clips of a fold that are more likely female."""
    own = table[table["fold"] == fold]
    assert len(own) == 4, "all of the fold's test clips, and no others"
    return own.loc[own["p_female"] > own["p_male"], "label"].tolist()


def test_the_pitch_threshold_is_fitted_on_each_folds_training_clips(found):
    """The first fold's lies between 110 and 200 Hz, the second's between 90 and 130 Hz."""
    assert called_female(found["pitch_threshold"], "0") == []
    assert called_female(found["pitch_threshold"], "1") == ["female", "female", "male", "male"]


def test_the_majority_is_that_of_each_folds_training_clips(found):
    """Test clips are half and half in both."""
    stated = found["majority"].groupby("fold")["p_female"].unique()
    np.testing.assert_allclose(stated["0"], [2 / 8])
    np.testing.assert_allclose(stated["1"], [3 / 5])
