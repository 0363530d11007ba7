"""What is taken off a recording before a voice is judged: an offset, and long silences; and nothing of any other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.sounds import RATE_HZ
from support.voice import mirror_clips
from voicetraits.inference.tidying import tidied


def tone(seconds, level_dbfs=-20.0):
    times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return np.sqrt(2) * 10 ** (level_dbfs / 20) * np.sin(2 * np.pi * 200 * times)


def room(seconds, level_dbfs):
    samples = np.random.default_rng(0).normal(size=round(seconds * RATE_HZ))
    return samples * 10 ** (level_dbfs / 20)


def int16(*parts):
    return np.rint(np.concatenate(parts) * 32768).clip(-32768, 32767).astype(np.int16)


@pytest.mark.parametrize("room_dbfs", [-120, -70, -50])
@pytest.mark.parametrize("level_dbfs", [-20, -32])
def test_long_silences_go_but_for_what_is_near_a_sound(room_dbfs, level_dbfs):
    quiet = room(12, room_dbfs)
    samples = int16(quiet[: 5 * RATE_HZ], tone(1, level_dbfs), quiet[5 * RATE_HZ :], tone(2, level_dbfs))
    kept = tidied(samples)
    assert len(kept) == pytest.approx((0.3 + 1 + 0.3 + 0.3 + 2) * RATE_HZ, abs=0.03 * RATE_HZ)
    loud = np.abs(int16(tone(1, level_dbfs))).max()
    assert (np.abs(kept) > loud * 0.7).sum() == pytest.approx((np.abs(samples) > loud * 0.7).sum(), abs=2)


@pytest.mark.parametrize(
    "samples",
    [
        int16(tone(3)),
        int16(room(3, -20)),  # loud noise is no silence
        int16(room(3, -80)),  # silence alone: nothing to hear in what would be left
        np.zeros(3 * RATE_HZ, np.int16),
        int16(room(1, -80), tone(3), room(1, -80)),  # a pause at each end, as most clips have
        int16(tone(0.5), *[part for _ in range(5) for part in (room(0.55, -80), tone(0.5))]),  # the pauses of speech
        int16(tone(0.05)),
        np.empty(0, np.int16),
    ],
    ids=["tone", "noise", "quiet room", "zeros", "a pause at each end", "short pauses", "a short sound", "nothing"],
)
def test_what_has_no_long_silence_stays_as_it_is(samples):
    np.testing.assert_array_equal(tidied(samples), samples)


@pytest.mark.parametrize("offset", [0.001, 0.01, -0.02, 0.3])
def test_an_offset_goes(offset):
    samples = int16(tone(1) + offset)
    assert abs(tidied(samples).mean()) < 1
    np.testing.assert_allclose(tidied(samples), int16(tone(1)), atol=1.5)


def test_nothing_is_taken_off_twice():
    once = tidied(int16(tone(1) + 0.0123))
    np.testing.assert_array_equal(tidied(once), once)


def test_full_scale_does_not_turn_over():
    samples = np.repeat(np.array([32767, -32768], np.int16), [12_000, 8_000])
    assert tidied(samples).max() == 32767 - round(samples.mean())
    assert tidied(samples).min() == -32768


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([-120, -60, -40, -20, -3]), st.floats(0.01, 2)), min_size=1, max_size=8),
    st.integers(0, 2**32 - 1),
)
def test_what_is_left_are_samples_in_their_order_and_the_loudest_among_them(parts, seed):
    rng = np.random.default_rng(seed)
    samples = int16(*(rng.normal(size=round(s * RATE_HZ)) * 10 ** (level / 20) for level, s in parts))
    kept = tidied(samples)
    assert kept.dtype == np.int16
    assert min(len(samples), 0.3 * RATE_HZ) <= len(kept) <= len(samples)
    if len(kept) < len(samples) * 0.999:
        centred = (samples.astype(int) - round(samples.mean())).clip(-32768, 32767)
        assert np.abs(kept.astype(int)).max() == np.abs(centred).max()
        places = iter(centred.tolist())
        assert all(one in places for one in kept.tolist())


def test_few_clips_of_people_have_long_silences(mirror):
    """README says 0.5 %."""
    clips = [int16(clip.samples) for _, clip in mirror_clips(mirror, per_archive=100)]
    changed = [(samples, kept) for samples in clips if (kept := tidied(samples)) is not samples]
    assert 0 < len(changed) / len(clips) <= 0.005
    assert all(len(kept) < 0.6 * len(samples) for samples, kept in changed)
