"""Statistics over time: known answers, scipy and numpy as oracles, and columns that do not change."""

from dataclasses import asdict, replace
from typing import get_args

import numpy as np
import pytest
import scipy.stats

from support.sounds import PARAMS, noise, pulses
from voicetraits import params
from voicetraits.errors import ParameterError
from voicetraits.features.extractor import FeatureExtractor, FeaturizeParams
from voicetraits.features.feature import Feature
from voicetraits.features.statistics import ENTROPY_BINS, Statistic, describe, over_time, quartiles

ALL: tuple[Statistic, ...] = get_args(Statistic)
MATRICES = {"mfcc": PARAMS.mfcc, "mfcc_delta": PARAMS.mfcc, "log_mel": PARAMS.mel_bands, "contrast": 6}


def entropy(x: np.ndarray) -> float:
    return scipy.stats.entropy(np.histogram(x, bins=ENTROPY_BINS)[0]) / np.log(ENTROPY_BINS)


ORACLES = {
    "mean": np.mean,
    "median": np.median,
    "min": np.min,
    "max": np.max,
    "range": np.ptp,
    "std": np.std,
    "q25": lambda x: np.quantile(x, 0.25),
    "q75": lambda x: np.quantile(x, 0.75),
    "iqr": scipy.stats.iqr,
    "entropy": entropy,
    "skewness": scipy.stats.skew,
    "kurtosis": lambda x: scipy.stats.kurtosis(x, fisher=False),
}


@pytest.mark.parametrize("frames", [2, 3, 4, 5, 8, 9, 100, 1001])
@pytest.mark.parametrize("statistic", ALL)
def test_against_scipy_and_numpy(statistic, frames):
    rng = np.random.default_rng(frames)
    matrix = np.stack(
        [rng.standard_normal(frames) - 60, rng.exponential(size=frames), 1e-3 * np.arange(frames)], axis=1
    )
    expected = [ORACLES[statistic](column) for column in matrix.T]
    assert over_time(matrix, [statistic]).tolist() == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_the_order_is_that_of_the_description():
    matrix = np.array([[1.0, 10], [2, 30], [6, 20]])
    assert over_time(matrix, ["max", "range"]).tolist() == [6, 5, 30, 20]
    names = [f.name for i in range(2) for f in describe(Feature(f"x_{i}_hz", "Hz", "what"), ["max", "range"])]
    assert names == ["x_0_max_hz", "x_0_range_hz", "x_1_max_hz", "x_1_range_hz"]


def test_known_answers():
    half_and_half = np.repeat([[0.0], [1.0]], 50, axis=0)  # two of 16 bins, equally full
    assert over_time(half_and_half, ["entropy", "kurtosis", "skewness"]).tolist() == pytest.approx([0.25, 1, 0])
    assert over_time(np.arange(160.0)[:, None], ["entropy"]) == pytest.approx(1)


@pytest.mark.parametrize("value", [0.0, -100.0, 0.1, 1e-300])
@pytest.mark.parametrize("frames", [1, 7])
def test_a_column_that_does_not_change(value, frames):
    statistics = dict(zip(ALL, over_time(np.full((frames, 1), value), ALL).tolist(), strict=True))
    for name in ("mean", "median", "min", "max", "q25", "q75"):
        assert statistics.pop(name) == pytest.approx(value, rel=1e-12)
    assert list(statistics.values()) == pytest.approx([0] * 6, abs=1e-12)


@pytest.mark.parametrize("shape", [(1,), (2,), (6,), (7, 3), (100, 2)])
def test_quartiles_are_numpys(shape):
    values = np.random.default_rng(0).standard_normal(shape)
    np.testing.assert_allclose(quartiles(values), np.quantile(values, [0.25, 0.5, 0.75], axis=0), rtol=1e-12)


def test_units_and_names():
    features = describe(Feature("x_db", "dB", "what"), ALL)
    assert [(f.name, f.unit) for f in features[:2]] == [("x_mean_db", "dB"), ("x_median_db", "dB")]
    assert [(f.name, f.unit) for f in features[-3:]] == [("x_entropy", "1"), ("x_skewness", "1"), ("x_kurtosis", "1")]
    assert [f.name for f in describe(Feature("tonnetz_1", "1", "what"), ["mean"])] == ["tonnetz_1_mean"]


@pytest.mark.parametrize("matrix", MATRICES)
def test_statistics_of_each_matrix_are_chosen_in_params(matrix):
    """All twelve add columns for this matrix alone; the others' values stay."""
    samples = pulses(100) + noise(1.0, amplitude=0.01)
    plain = FeatureExtractor(PARAMS)
    chosen = FeatureExtractor(replace(PARAMS, **{f"{matrix}_statistics": ALL}))
    before = dict(zip(plain.names, plain(samples).tolist(), strict=True))
    after = dict(zip(chosen.names, chosen(samples).tolist(), strict=True))
    columns = MATRICES[matrix]
    already = len(getattr(PARAMS, f"{matrix}_statistics")) * columns
    assert len(after) == len(before) - already + 12 * columns
    assert {name: after[name] for name in before} == before
    assert np.isfinite(list(after.values())).all()


def test_a_matrix_can_be_left_out():
    extractor = FeatureExtractor(replace(PARAMS, mfcc_statistics=(), mfcc_delta_statistics=(), contrast_statistics=()))
    assert not any(name.startswith(("mfcc", "contrast", "log_mel")) for name in extractor.names)
    assert len(extractor(noise(1.0))) == len(extractor.names) == 145


def test_every_statistic_of_every_matrix_is_finite_in_silence():
    extractor = FeatureExtractor(replace(PARAMS, **{f"{matrix}_statistics": ALL for matrix in MATRICES}))
    for samples in (np.zeros(16_000), np.zeros(PARAMS.frame_length), noise(0.03)):
        assert np.isfinite(extractor(samples)).all()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (["mean", "mode"], r"`featurize\.mfcc_statistics\.1` is 'mode'; allowed: 'mean', 'median'"),
        ("mean", r"`featurize\.mfcc_statistics` is 'mean'; allowed: a list"),
        (["std", "mean", "std"], r"`featurize\.mfcc_statistics` names std twice; allowed: each once"),
    ],
)
def test_what_is_no_choice_of_statistics_is_refused(value, message):
    with pytest.raises(ParameterError, match=message):
        params.get({"featurize": asdict(PARAMS) | {"mfcc_statistics": value}}, "featurize", FeaturizeParams)
