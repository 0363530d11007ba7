"""Balancing of training rows: counts, weights, and what stays as it is."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicetraits.models.rows import Balance, Rows, balance_train, balance_validation, balanced_weights


def rows(labels: list[int]) -> Rows:
    """A row's feature is its number, so that it can be recognised."""
    n = len(labels)
    return Rows(np.arange(n, dtype=np.float32)[:, None], np.array(labels, np.int32), np.ones(n, np.float32))


LABELS = [0] * 12 + [1] * 3 + [2] * 6


def balanced(how: str, labels: list[int] = LABELS, seed: int = 0) -> Rows:
    return balance_train(rows(labels), how, np.random.default_rng(seed))


def test_none_changes_nothing():
    given_rows = rows(LABELS)
    assert balance_train(given_rows, "none", np.random.default_rng(0)) is given_rows
    assert balance_validation(given_rows, "none") is given_rows


def test_class_weight_counts_each_class_the_same():
    out = balanced("class_weight")
    assert out.labels.tolist() == LABELS
    assert out.weights.dtype == np.float32
    # n / (classes · rows of the class): 21 / (3 · 12), 21 / (3 · 3), 21 / (3 · 6)
    assert [out.weights[out.labels == k].tolist() for k in range(3)] == [
        pytest.approx([21 / 36] * 12), pytest.approx([21 / 9] * 3), pytest.approx([21 / 18] * 6)
    ]  # fmt: skip


def test_undersample_draws_as_many_as_the_smallest_class_has():
    out = balanced("undersample")
    assert np.bincount(out.labels).tolist() == [3, 3, 3]
    assert len(set(out.features[:, 0].tolist())) == 9, "a row was drawn twice"
    assert (out.weights == 1).all()


def test_oversample_keeps_every_row_and_fills_up():
    out = balanced("oversample")
    assert np.bincount(out.labels).tolist() == [12, 12, 12]
    assert set(out.features[:, 0].tolist()) == set(range(21))
    assert (out.weights == 1).all()


@pytest.mark.parametrize("how", ["undersample", "oversample"])
def test_draws_depend_on_the_seed_alone(how):
    one, same, other = (balanced(how, seed=seed).features.tolist() for seed in (1, 1, 2))
    assert one == same != other


@pytest.mark.parametrize("how", ["class_weight", "undersample", "oversample"])
def test_validation_keeps_its_rows_and_gets_weights(how):
    out = balance_validation(rows(LABELS), how)
    assert out.labels.tolist() == LABELS
    assert out.weights.tolist() == balanced("class_weight").weights.tolist()


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=40),
    st.sampled_from(get_args(Balance)),
)
def test_rows_stay_whole(labels, how):
    """Whatever the classes, also where one does not occur: rows keep their label, and all but `none` balances."""
    out = balanced(how, labels)
    numbers = out.features[:, 0].astype(int)
    assert out.labels.tolist() == np.array(labels)[numbers].tolist()
    assert len(out.features) == len(out.labels) == len(out.weights)
    if how != "none":
        sums = [out.weights[out.labels == label].sum() for label in set(labels)]
        assert sums == pytest.approx([sums[0]] * len(sums), rel=1e-5)
    assert balanced_weights(np.array(labels)).sum() == pytest.approx(len(labels), rel=1e-5)
