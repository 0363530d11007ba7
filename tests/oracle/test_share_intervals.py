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
    assert effective_rows(hits, np.ones(40)) == pytest.approx(40)


@pytest.mark.parametrize("wrong", [0, 1, 4, 40])
def test_rows_of_speakers_who_are_right_as_a_whole_count_once(wrong):
    hits = np.repeat([10.0, 0.0], [40 - wrong, wrong])
    assert effective_rows(hits, np.full(40, 10.0)) == pytest.approx(40)


def test_of_one_or_two_speakers_there_are_no_more_rows():
    assert effective_rows(np.array([100.0, 0]), np.array([100.0, 1])) < 2
    assert effective_rows(np.array([7.0]), np.array([10.0])) == pytest.approx(1)


def test_the_better_model_has_the_higher_low_end():
    """One wrong clip of one of 28 speakers does not say that all their clips are independent."""
    rows = np.full(28, 14.0)
    lows = []
    for wrong_clips in range(5):
        hits = rows.copy()
        hits[:wrong_clips] -= 1
        lows.append(share(hits, rows, 0.95).low)
    assert lows[0] == pytest.approx(28 / (28 + 1.96**2), abs=1e-4)
    assert max(lows[1:]) < lows[0] + 0.08


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


def drawn(rng: np.random.Generator, speakers: int, recall: float, alike: float) -> Share:
    """Of speakers whose own recalls are drawn (beta), so that their clips have this intraclass correlation."""
    rows = rng.integers(7, 22, speakers)
    if alike == 1:
        own = (rng.random(speakers) < recall).astype(float)
    else:
        scale = (1 - alike) / alike
        own = rng.beta(recall * scale, (1 - recall) * scale, speakers)
    return share(rng.binomial(rows, own), rows, 0.95)


FEW = [(5, 0.8), (14, 0.9), (14, 0.975), (28, 0.9), (28, 0.975), (60, 0.8), (60, 0.975)]


@pytest.mark.parametrize("alike", [0.1, 0.5, 1.0])
@pytest.mark.parametrize(("speakers", "recall"), FEW)
def test_intervals_cover_the_truth_where_few_err(speakers, recall, alike):
    """400 samples have a standard error of one point."""
    rng = np.random.default_rng(0)
    found = [drawn(rng, speakers, recall, alike) for _ in range(400)]
    assert np.mean([one.low <= recall <= one.high for one in found]) >= 0.92


@pytest.mark.parametrize("alike", [0.1, 0.5, 1.0])
@pytest.mark.parametrize(("speakers", "recalls"), [(5, (0.8, 0.9)), (14, (0.9, 0.975)), (40, (0.975, 0.95))])
def test_intervals_of_uar_cover_it(speakers, recalls, alike):
    rng = np.random.default_rng(0)
    found = [mean_of([drawn(rng, speakers, recall, alike) for recall in recalls]) for _ in range(400)]
    # The least is for five speakers who are right or wrong as a whole.
    assert np.mean([one.low <= np.mean(recalls) <= one.high for one in found]) >= 0.89


def test_they_narrow_as_speakers_become_many():
    """To what a bootstrap over them has."""
    rng = np.random.default_rng(0)
    rows = np.full(1000, 10)
    hits = rng.binomial(rows, rng.beta(9, 1, 1000))
    _, low, high = share(hits, rows, 0.95)
    drawn_hits = rng.multinomial(1000, np.full(1000, 1 / 1000), size=2000) @ hits / rows.sum()
    expected = np.quantile(drawn_hits, [0.025, 0.975])
    assert high - low == pytest.approx(expected[1] - expected[0], rel=0.1)


def test_a_bootstrap_does_not():
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(400):
        right = (rng.random(28) < 0.975).astype(float)
        low, high = np.quantile(rng.multinomial(28, np.full(28, 1 / 28), size=400) @ right / 28, [0.025, 0.975])
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


def test_of_folds_each_may_have_a_constant_of_its_own():
    """As the majority classes of two sources that are not the same: nothing of them hangs on who speaks."""
    women, men = answers([1] * 20, constant=True), answers([1] * 20, constant=True)
    men[["p_female", "p_male"]] = [0.1, 0.9]
    row = rows_of(pd.concat([women.assign(fold="a--b"), men.assign(fold="b--a")])).loc[("clips", "uar")]
    assert row["value"] == row["low"] == row["high"] == 0.5


def test_a_model_whose_answers_differ_on_clips_alone_is_not_taken_for_a_constant_one():
    """All three men are called women as speakers, by most of their clips."""
    table = answers([1] * 6, clips=5)
    is_wrong = (table["label"] == "male") & (np.arange(len(table)) % 5 < 3)
    table.loc[is_wrong, ["p_female", "p_male"]] = [0.9, 0.1]
    row = rows_of(table).loc[("speakers", "uar")]
    assert row["value"] == 0.5
    assert row["low"] < 0.4 < 0.6 < row["high"]
