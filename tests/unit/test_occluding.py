"""A sound of which cells of time and bands are taken away."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.sounds import RATE_HZ, noise, sine
from voicetraits.explaining.occluding import BANDS, STEPS, CellsOfSound
from voicetraits.features.filter_banks import mel_edges_hz

ALL = np.ones((STEPS, BANDS), bool)


@pytest.mark.parametrize("samples", [100, 512, 8000, 8001, 33_333])
def test_all_cells_are_the_sound(samples):
    sound = noise(samples / RATE_HZ).astype(np.float32)
    np.testing.assert_allclose(CellsOfSound(sound).keeping(ALL), sound, atol=1e-6)


@settings(deadline=None, max_examples=20)
@given(st.integers(300, 20_000), st.integers(0, 2**32 - 1))
def test_what_is_left_is_as_long_and_not_louder(samples, seed):
    rng = np.random.default_rng(seed)
    sound = rng.normal(size=samples).astype(np.float32)
    left = CellsOfSound(sound).keeping(rng.random(ALL.shape) < 0.5)
    assert left.shape == sound.shape
    assert left.dtype == np.float32
    assert np.isfinite(left).all()
    assert np.square(left).sum() <= np.square(sound).sum() * 1.01


def level_db(sound: np.ndarray, low_hz: float, high_hz: float) -> float:
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    hz = np.fft.rfftfreq(len(sound), 1 / RATE_HZ)
    return 10 * np.log10(power[(hz >= low_hz) & (hz < high_hz)].sum())


@pytest.mark.parametrize("band", range(BANDS))
def test_a_band_is_gone(band):
    """Of a sound with pauses, which tell how quiet the band can be."""
    gate = np.tile(np.repeat([1.0, 0.0], 1600), 10)
    sound = (noise(2.0) * gate).astype(np.float32)
    kept = ALL.copy()
    kept[:, band] = False
    left = CellsOfSound(sound).keeping(kept)
    edges_hz = mel_edges_hz(RATE_HZ / 2, BANDS)
    for other in range(BANDS):
        inner = edges_hz[other] + 70, edges_hz[other + 1] - 70  # a bin's width to each side
        fallen_db = level_db(sound, *inner) - level_db(left, *inner)
        assert fallen_db > 15 if other == band else abs(fallen_db) < 1, other


def test_a_stretch_is_gone():
    gate = np.repeat([1.0, 0.0], [28_000, 4000])  # silent at the end, which tells how quiet
    sound = (sine(1000, 2.0) * gate).astype(np.float32)
    kept = ALL.copy()
    kept[2] = False
    left = CellsOfSound(sound).keeping(kept)
    step = len(sound) // STEPS
    rms = np.sqrt(np.square(left.reshape(STEPS, step)[:, 600:-600]).mean(axis=1))
    whole = np.sqrt(np.square(sound[600 : step - 600]).mean())
    assert rms[2] < 0.05 * whole
    np.testing.assert_allclose(rms[[0, 1, 3, 4, 5]], whole, rtol=0.02)


def test_silence_stays_silent():
    assert not CellsOfSound(np.zeros(8000, np.float32)).keeping(~ALL).any()
