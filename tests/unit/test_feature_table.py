"""Features as they are read: what no model could learn from is named."""

import numpy as np
import pandas as pd
import pytest

from support.dataset import FEATURES, write_features
from voicetraits.errors import DataError
from voicetraits.features.table import read_features

NAMES = ["b/2", "a/1", "d/4", "c/3"]


def table() -> pd.DataFrame:
    values = pd.DataFrame(np.arange(16, dtype=np.float32).reshape(4, 4), columns=FEATURES)
    return values.assign(utterance_id=NAMES)[["utterance_id", *FEATURES]]


def test_whole_features_are_read_in_order(tmp_path):
    write_features(tmp_path, table())
    read = read_features(tmp_path / "data/features")
    assert [*read.values.index] == sorted(NAMES)
    np.testing.assert_array_equal(read.rows(["b/2", "d/4"]), [[0, 1, 2, 3], [8, 9, 10, 11]])


@pytest.mark.parametrize(("value", "said"), [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf")])
@pytest.mark.parametrize("row", [0, 3])
def test_no_finite_number_is_named_by_file_clip_and_feature(tmp_path, row, value, said):
    values = table()
    values.loc[row, "noise_1"] = value
    write_features(tmp_path, values, shards=2)
    folder = tmp_path / "data/features"
    with pytest.raises(DataError) as caught:
        read_features(folder)
    part = folder / f"functionals/part-{row % 2:04d}.parquet"
    assert str(caught.value).startswith(
        f"{part}: noise_1 of {NAMES[row]} is {said}; every feature is a finite number: "
    )
    assert "run `dvc repro --force featurize`" in str(caught.value)
