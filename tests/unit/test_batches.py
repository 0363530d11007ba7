"""Batches for nets: what is in them, and that seed and epoch alone decide it."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.project import ROOT
from voicetraits import params
from voicetraits.augmentation.params import AugmentParams
from voicetraits.models.batches import Batches
from voicetraits.models.rows import Rows

ALL = params.load(ROOT / "params.yaml")
PARAMS = params.get(ALL, "augment", AugmentParams)
PLAIN = params.get(
    {"augment": {**ALL["augment"], "crop": {"share": 0.0, "seconds": [1.0, 1.0]},
                 "mask": {**ALL["augment"]["mask"], "time_share": 0.0, "band_share": 0.0}}},
    "augment", AugmentParams,
)  # fmt: skip


@dataclass(frozen=True)
class Ragged:
    """(time, 3), a row every 0.1 s."""

    shape: ClassVar[tuple] = (None, 3)
    hop_seconds: ClassVar[float] = 0.1
    has_bands: ClassVar[bool] = True


@dataclass(frozen=True)
class Fixed:
    """(2, 3)."""

    shape: ClassVar[tuple] = (2, 3)


class Clips:
    """Clips of these lengths with versions; a value tells clip, version and row: 1000 · clip + 100 · version + row."""

    def __init__(self, lengths, versions=1):
        self.lengths, self._versions = np.asarray(lengths), versions

    def __len__(self):
        return len(self.lengths)

    def __getitem__(self, number):
        return self.version(number, 0)

    def drawn(self, number, rng):
        return self.version(number, int(rng.integers(self._versions)))

    def version(self, number, version):
        rows = 1000 * number + 100 * version + np.arange(self.lengths[number])
        return np.repeat(rows[:, None], 3, axis=1).astype(np.float32)


def batches(lengths, *, size=4, versions=1, by_row=False, front_end=None):
    clips = Clips(lengths, versions)
    rows = Rows(clips, np.arange(len(clips)) % 2, np.ones(len(clips), np.float32))
    return Batches(rows, front_end or Ragged(), size, by_row)


def of_epoch(some, epoch=0, augment=PLAIN, seed=1):
    count, drawn = some.of_epoch(epoch, params=augment, seed=seed)
    drawn = list(drawn)
    assert len(drawn) == count
    return drawn


def content(drawn):
    return [(b.values.tobytes(), b.values.shape, None if b.mask is None else b.mask.tobytes()) for b in drawn]


LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=80)


@settings(max_examples=40, deadline=None)
@given(LENGTHS, st.integers(1, 9))
def test_each_clip_once_whole_and_padded_with_nothing(lengths, size):
    some = batches(lengths, size=size)
    for drawn in (of_epoch(some), list(some.in_order())):
        assert sorted(np.concatenate([b.numbers for b in drawn])) == list(range(len(lengths)))
        sizes = [len(b.numbers) for b in drawn]
        assert max(sizes) <= size
        assert min(sizes) >= min(len(lengths), size) // 2
        for batch in drawn:
            for value, mask, number in zip(batch.values, batch.mask, batch.numbers, strict=True):
                length = lengths[number]
                np.testing.assert_array_equal(value[:length], some.rows.features[number])
                assert not value[length:].any()
                np.testing.assert_array_equal(mask, np.arange(len(mask)) < length)


def test_seed_and_epoch_decide():
    some = batches(np.arange(5, 65), versions=3)
    assert content(of_epoch(some, 4, PARAMS)) == content(of_epoch(some, 4, PARAMS))
    assert len({str(content(of_epoch(some, e, PARAMS, s))) for e in range(3) for s in range(2)}) == 6


def test_an_epoch_draws_from_all_versions():
    drawn = of_epoch(batches([5] * 300, versions=3))
    versions = np.concatenate([b.values[:, 0, 0] // 100 % 10 for b in drawn])
    assert np.bincount(versions.astype(int)) == pytest.approx([100] * 3, abs=30)


def test_clips_of_a_batch_are_about_equally_long():
    lengths = np.random.default_rng(0).integers(100, 1000, 512)
    drawn = of_epoch(batches(lengths, size=32))
    padding = 1 - sum(b.mask.sum() for b in drawn) / sum(b.mask.size for b in drawn)
    assert padding < 0.15
    assert len({b.mask.shape[1] for b in drawn}) > 4  # and not all batches are


def test_crops_are_stretches_of_the_clip():
    augment = params.get(
        {"augment": {**ALL["augment"], "crop": {"share": 1.0, "seconds": [1.0, 2.0]},
                     "mask": {**ALL["augment"]["mask"], "time_share": 0.0, "band_share": 0.0}}},
        "augment", AugmentParams,
    )  # fmt: skip
    starts = []
    for batch in of_epoch(batches([50] * 200), augment=augment):
        for value, mask, number in zip(batch.values, batch.mask, batch.numbers, strict=True):
            rows = value[mask > 0, 0] - 1000 * number
            assert 10 <= len(rows) <= 20
            assert (np.diff(rows) == 1).all()
            starts.append(rows[0])
    assert len(set(starts)) > 20


def test_masks_hold_the_mean_and_leave_padding_alone():
    augment = params.get(
        {"augment": {**ALL["augment"], "crop": {"share": 0.0, "seconds": [1.0, 2.0]},
                     "mask": {**ALL["augment"]["mask"], "time_share": 1.0, "time_seconds": 2.0}}},
        "augment", AugmentParams,
    )  # fmt: skip
    some = batches([31, 40], size=2)
    batch = next(iter(of_epoch(some, augment=augment)))
    short = int(np.flatnonzero(batch.numbers == 0)[0])
    assert not batch.values[short, 31:].any()
    changed = batch.values[short, :31] != some.rows.features[0]
    assert changed.any()
    np.testing.assert_allclose(batch.values[short, :31][changed], 15)


def test_long_clips_go_in_fewer_at_a_time():
    """A minute of log-mel frames each: 32 of them, with all that a net makes of them, are gigabytes."""
    drawn = list(batches([10] * 59 + [6000] * 5, size=32).in_order())
    assert sorted(np.concatenate([b.numbers for b in drawn])) == list(range(64))
    assert max(b.mask.size for b in drawn) <= 16_000
    assert max(len(b.numbers) for b in drawn) == 32


@settings(max_examples=20, deadline=None)
@given(LENGTHS, st.integers(1, 9))
def test_rows_as_examples(lengths, size):
    some = batches(lengths, size=size, by_row=True)
    assert (some.example_shape, some.has_mask) == ((3,), False)
    wanted = sorted(1000 * number + row for number, length in enumerate(lengths) for row in range(length))
    for drawn in (of_epoch(some), list(some.in_order())):
        assert sorted(np.concatenate([b.values[:, 0] for b in drawn])) == wanted
        assert all(b.mask is None and (b.values[:, 0] // 1000 == b.numbers).all() for b in drawn)
        assert max(len(b.values) for b in drawn) <= size


@pytest.mark.parametrize("by_row", [False, True])
def test_devices_get_equal_shares(by_row):
    some = replace(batches(np.arange(5, 20), by_row=by_row), devices=3)
    drawn = of_epoch(some)
    assert {len(b.values) % 3 for b in drawn} == {0}
    assert set(np.concatenate([b.numbers for b in drawn])) == set(range(15))


def test_fixed_length():
    some = batches([2] * 7, front_end=Fixed())
    assert (some.example_shape, some.has_mask) == ((2, 3), False)
    assert [b.values.shape for b in of_epoch(some, augment=PARAMS)] in ([(4, 2, 3), (3, 2, 3)], [(3, 2, 3), (4, 2, 3)])
