"""The corpus at a glance: counts by label, quantiles of voices, histograms, signal to noise."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from voicetraits.explaining.exploring import balance_table, histogram_by_gender, voice_table
from voicetraits.files import write_parquet
from voicetraits.signal_to_noise import read_signal_to_noise, signal_to_noise_db

METADATA = pd.DataFrame(
    [
        ("a/1", "a", "female", "adult"),
        ("a/2", "a", "female", "adult"),
        ("b/1", "b", "female", None),
        ("c/1", "c", "male", "youth"),
        ("d/1", "d", None, None),
    ],
    columns=["utterance_id", "speaker_id", "gender", "age_group"],
)
IDS = METADATA["utterance_id"]


def test_balance_counts_unstated_labels_too():
    table = balance_table(METADATA, pd.Series([1800.0, 1800, 3600, 3600, 7200], index=IDS))
    rows = {tuple(row[:2]): tuple(row[2:]) for row in table.itertuples(index=False)}
    assert rows == {
        ("female", "adult"): (1, 2, 1.0), ("female", "unstated"): (1, 1, 1.0), ("male", "youth"): (1, 1, 1.0),
        ("unstated", "unstated"): (1, 1, 2.0),
    }  # fmt: skip
    assert table["clips"].sum() == len(METADATA)


def test_voices_leave_out_what_was_not_measured_and_who_is_unstated():
    features = pd.DataFrame({"f0_median_hz": [200.0, 0, 240, 110, 150], "f1_median_hz": [500.0] * 5}, index=IDS)
    table = voice_table(METADATA, features).set_index(["feature", "gender", "age_group"])
    assert table.loc[("f0_median_hz", "female", "all"), "clips"] == 2, "a clip without a voiced frame has 0"
    assert table.loc[("f0_median_hz", "female", "all"), "median"] == 220
    assert table.loc[("f0_median_hz", "female", "adult"), ["clips", "speakers", "median"]].tolist() == [1, 1, 200]
    assert set(table.index.get_level_values("gender")) == {"female", "male"}
    assert set(table.index.get_level_values("feature")) == {"f0_median_hz", "f1_median_hz"}


def test_histogram():
    values = pd.Series([1.0, 1.4, 1.5, 0.0, 2.0], index=IDS, name="duration_seconds")
    table = histogram_by_gender(METADATA, values, 0.5).set_index(["gender", "duration_seconds"])
    assert table["clips"].to_dict() == {
        ("female", 1.25): 2, ("female", 1.75): 1, ("male", 0.25): 1, ("unstated", 2.25): 1
    }  # fmt: skip
    assert table["share_of_clips"].groupby(level="gender").sum().tolist() == pytest.approx([1, 1, 1], abs=1e-4)


@pytest.mark.parametrize("ratio_db", [10, 30])
def test_signal_to_noise_of_known_levels(ratio_db):
    """Half of the frames speech, half pauses, at any level: the distance is what counts."""
    speaking = (np.arange(100) // 10) % 2 == 0
    log_mel_db = np.where(speaking[:, None], ratio_db - 45.0, -45.0) + np.linspace(-9, 9, 64)
    assert signal_to_noise_db(log_mel_db.astype(np.float16)) == pytest.approx(ratio_db, abs=0.05)


def test_signal_to_noise_of_silence_is_0():
    assert signal_to_noise_db(np.full((20, 64), -100.0)) == 0


def test_signal_to_noise_from_shards_of_any_batch(tmp_path):
    """Clips of different length, more than one batch: each has its own frames."""
    rng = np.random.default_rng(0)
    clips = {f"u{number:03d}": rng.normal(-40, 10, (5 + number % 7, 8)).astype(np.float16) for number in range(300)}
    inner = pa.list_(pa.list_(pa.float16(), 8))
    names = sorted(clips)
    for shard in range(2):
        own = names[shard::2]
        frames = pa.array([[list(row) for row in clips[name]] for name in own], inner)
        write_parquet(pa.table({"utterance_id": own, "log_mel_db": frames}), tmp_path / f"part-{shard:04d}.parquet")
    found = read_signal_to_noise(tmp_path)
    assert found.index.tolist() == names
    for name in (names[0], names[150], names[-1]):
        assert found[name] == pytest.approx(signal_to_noise_db(clips[name]))
