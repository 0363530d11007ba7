"""Where a net listens: a net of which that is known."""

import numpy as np
import pytest

from voicetraits.inference.occlusion import occlude


def net_that_hears(begin, end, low, high):
    """Sure of class 1 by the mean level of one rectangle alone."""

    def predict(clips):
        logits = np.array([clip[begin:end, low:high].mean() - clip.mean(axis=0)[low:high].mean() for clip in clips])
        likely = 1 / (1 + np.exp(-logits))
        return np.stack([1 - likely, likely], axis=1)

    return predict


def test_names_the_only_place_that_counts():
    seen = np.full((200, 64), -60, np.float32)
    seen[40:60, 16:24] = -57
    found = occlude(net_that_hears(40, 60, 16, 24), seen)
    assert found.label == 1
    assert found.drop.shape == (10, 8) == (len(found.frames) - 1, len(found.bands) - 1)
    assert np.unravel_index(found.drop.argmax(), found.drop.shape) == (2, 2)
    assert (found.frames[2], found.bands[2]) == (40, 16)
    # It hears the level above the band's mean: 2.7 dB, and what is put there still lies 0.27 dB above the new mean.
    assert found.drop[2, 2] == pytest.approx(2.7 - 0.27, rel=1e-4)
    # Hiding the rest of the band changes its mean a little, other bands nothing.
    assert np.delete(found.drop, 2, axis=1) == pytest.approx(0, abs=1e-4)


def test_any_length_is_covered_in_a_bounded_number_of_steps():
    for frames in (1, 19, 21, 6001):
        found = occlude(
            net_that_hears(0, 5, 0, 5), np.random.default_rng(0).normal(size=(frames, 60)).astype(np.float32)
        )
        assert found.frames[0] == 0 and found.frames[-1] == frames and len(found.frames) <= 41
        assert found.bands[-1] == 60
        assert (np.diff(found.frames) > 0).all() and np.isfinite(found.drop).all()
