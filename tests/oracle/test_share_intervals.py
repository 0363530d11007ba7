"""Intervals of shares: scipy's where rows are independent, and by simulation where speakers are right as a whole."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from voicetraits.evaluation import EvaluateParams, score_table
from voicetraits.share_intervals import Share, effective_rows, mean_of, share, wilson


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.sampled_from([0.8, 0.95]))
def test_wilson_is_that_of_scipy(hits_of_rows, confidence):
    hits, rows = hits_of_rows
    expected = binomtest(hits, rows).proportion_ci(confidence, method="wilson")
    assert wilson(hits / rows, rows, confidence) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_speakers_of_one_row_each_are_independent_rows():
    hits = np.repeat([1.0, 0.0], [36, 4])
    # The variance between 40 speakers has 39 degrees of freedom.
    assert effective_rows(hits, np.ones(40)) == pytest.approx(39)


def test_rows_of_speakers_who_are_right_as_a_whole_count_once():
    hits = np.repeat([10.0, 0.0], [36, 4])
    assert effective_rows(hits, np.full(40, 10.0)) == pytest.approx(39)


def test_independent_rows_of_many_speakers_count_nearly_each():
    rng = np.random.default_rng(0)
    rows = rng.integers(5, 15, 2000)
    assert effective_rows(rng.binomial(rows, 0.9), rows) == pytest.approx(rows.sum(), rel=0.1)


@pytest.mark.parametrize("value", [0, 1])
def test_without_an_error_a_speaker_counts_as_a_row(value):
    """As many errors as the rule of three leaves open, and a few more: at 3.84 / (n + 3.84)."""
    rows = np.full(30, 8.0)
    found = share(value * rows, rows, 0.95)
    far_end = found.low if value else 1 - found.high
    assert found.value == value
    assert far_end == pytest.approx(30 / (30 + 1.96**2), abs=1e-4)


def test_speakers_without_a_row_do_not_count():
    hits, rows = np.array([3.0, 0, 5, 0]), np.array([4.0, 0, 5, 0])
    assert share(hits, rows, 0.95) == share(hits[[0, 2]], rows[[0, 2]], 0.95)
    with pytest.raises(ValueError, match="no rows"):
        share(np.zeros(2), np.zeros(2), 0.95)


def test_the_mean_of_one_share_is_itself_and_of_equal_ones_is_narrower():
    one = Share(0.8, 0.7, 0.9)
    assert mean_of([one]) == pytest.approx(one)
    assert mean_of([one, one]) == pytest.approx((0.8, 0.8 - 0.1 / 2**0.5, 0.8 + 0.1 / 2**0.5))


@pytest.mark.parametrize("alike", [0.1, 0.5, 1.0])
@pytest.mark.parametrize(("speakers", "recall"), [(14, 0.975), (28, 0.9), (28, 0.975), (60, 0.975)])
def test_intervals_cover_the_truth_where_few_err(speakers, recall, alike):
    """By simulation: a speaker's own recall is drawn (beta), so that clips have this intraclass correlation."""
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(400):
        rows = rng.integers(7, 22, speakers)
        if alike == 1:
            own = (rng.random(speakers) < recall).astype(float)
        else:
            scale = (1 - alike) / alike
            own = rng.beta(recall * scale, (1 - recall) * scale, speakers)
        _, low, high = share(rng.binomial(rows, own), rows, 0.95)
        covered.append(low <= recall <= high)
    assert np.mean(covered) >= 0.82


def test_a_bootstrap_does_not():
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(400):
        right = (rng.random(28) < 0.975).astype(float)
        drawn = rng.multinomial(28, np.full(28, 1 / 28), size=400) @ right / 28
        low, high = np.quantile(drawn, [0.025, 0.975])
        covered.append(low <= 0.975 <= high)
    assert 0.4 < np.mean(covered) < 0.6


def answers(right: list[int], *, clips: int = 4, constant: bool = False) -> pd.DataFrame:
    """Speakers of both classes by turns, each right or wrong on all clips."""
    names = np.repeat([f"s{n:02d}" for n in range(len(right))], clips)
    is_female = np.repeat(np.arange(len(right)) % 2 == 0, clips)
    says_female = np.ones(len(names), bool) if constant else is_female == np.repeat(right, clips).astype(bool)
    p = np.where(says_female, 0.9, 0.1)
    labels = np.where(is_female, "female", "male")
    return pd.DataFrame({"speaker_id": names, "label": labels, "p_female": p, "p_male": 1 - p})


def rows_of(table: pd.DataFrame) -> pd.DataFrame:
    params = EvaluateParams(bootstrap_samples=100, confidence=0.95, ece_bins=15)
    found = score_table("gender", {"m": table}, ("female", "male"), params, seed=1)
    return found.set_index(["unit", "score"])


def test_no_error_leaves_some_open():
    rows = rows_of(answers([1] * 20))
    for unit in ("clips", "speakers"):
        recall, uar = rows.loc[(unit, "recall_female")], rows.loc[(unit, "uar")]
        assert recall["low"] == pytest.approx(10 / (10 + 1.96**2), abs=1e-4)
        assert recall["low"] < uar["low"] < 0.9
        assert uar["value"] == uar["high"] == 1


def test_what_always_answers_the_same_is_known_exactly():
    row = rows_of(answers([1] * 20, constant=True)).loc[("clips", "uar")]
    assert row["value"] == row["low"] == row["high"] == 0.5
