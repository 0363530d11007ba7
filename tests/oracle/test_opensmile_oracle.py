"""Spectral balance and loudness against openSMILE's eGeMAPSv02, frame by frame on its own frames and windows.

Where openSMILE departs from the published definitions, the test does as openSMILE does, and says so: then the values
are the same.
"""

import numpy as np
import opensmile
import pytest

from support.comparison import compare, with_opensmile
from support.sounds import RATE_HZ, times
from support.voice import demo_clips, mirror_clips
from voicetraits.features import harmonicity, spectral_balance

SMILE = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.LowLevelDescriptors)
N_FFT, HOP = 512, 160
WINDOW = np.hamming(320)
BALANCE = spectral_balance.SpectralBalance(RATE_HZ, N_FFT, float(WINDOW @ WINDOW))
FREQUENCIES_HZ = np.fft.rfftfreq(N_FFT, 1 / RATE_HZ)


def smoothed(values: np.ndarray) -> np.ndarray:
    """openSMILE's mean of three frames, without the first and the last."""
    return (values[:-2] + values[1:-1] + values[2:]) / 3


@pytest.fixture(scope="module")
def frames():
    """Power spectra of openSMILE's frames, (frames, bins), and its descriptors of them."""
    pairs = []
    for clip in demo_clips(3):
        samples = np.rint(clip.samples * 32768) / np.float32(32768)  # openSMILE works on 16 bits
        described = SMILE.process_signal(samples, RATE_HZ)
        windows = np.lib.stride_tricks.sliding_window_view(samples, len(WINDOW))[::HOP][: len(described)]
        power = np.square(np.abs(np.fft.rfft(windows * WINDOW, N_FFT))).astype(np.float32)
        pairs.append((power, described[: len(power)]))
    return pairs


def test_hammarberg_index(frames):
    for power, described in frames:
        ratios_db = spectral_balance._ratios(power, np.arange(len(power)), RATE_HZ / N_FFT)
        expected = described["hammarbergIndex_sma3"].to_numpy()[1:-1]
        np.testing.assert_allclose(smoothed(ratios_db[:, 1]), expected, rtol=1e-4, atol=1e-4)


def test_alpha_ratio(frames):
    """openSMILE's is that of high to low, and its low band begins at 0 Hz, not at 50 Hz as published."""
    for power, described in frames:
        own_db = spectral_balance._ratios(power, np.arange(len(power)), RATE_HZ / N_FFT)[:, 0]
        low = power[:, (FREQUENCIES_HZ >= 50) & (FREQUENCIES_HZ < 1000)].sum(axis=1)
        lowest = power[:, FREQUENCIES_HZ < 50].sum(axis=1)
        as_opensmile_db = -(own_db + 10 * np.log10(1 + lowest / low))
        expected = described["alphaRatio_sma3"].to_numpy()[1:-1]
        np.testing.assert_allclose(smoothed(as_opensmile_db), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(("column", "low_hz", "high_hz"), [(0, 0, 500), (1, 500, 1500)])
def test_slopes(frames, column, low_hz, high_hz):
    """openSMILE's least squares count one point too few: with n − 1 for n in the normal equations they are the same."""
    for power, described in frames:
        own = BALANCE._slopes(power)[:, column].astype(np.float64)
        inside = (low_hz <= FREQUENCIES_HZ) & (high_hz >= FREQUENCIES_HZ)
        f, level_db = FREQUENCIES_HZ[inside], 10 * np.log10(power[:, inside].astype(np.float64))
        np.testing.assert_allclose(own, np.polyfit(f, level_db.T, 1)[0], rtol=1e-3, atol=1e-5)
        n = len(f) - 1
        as_opensmile = (n * (level_db @ f) - f.sum() * level_db.sum(axis=1)) / (n * (f @ f) - f.sum() ** 2)
        expected = described[f"slope{low_hz}-{high_hz}_sma3"].to_numpy()[1:-1]
        np.testing.assert_allclose(smoothed(as_opensmile), expected, rtol=1e-3, atol=1e-4)


def test_loudness(frames):
    """openSMILE's scale is another; in proportion they agree."""
    own = np.concatenate([smoothed(BALANCE.loudness(power)) for power, _ in frames])
    other = np.concatenate([described["Loudness_sma3"].to_numpy()[1:-1] for _, described in frames])
    assert np.corrcoef(own, other)[0, 1] > 0.998
    loud = own > np.quantile(own, 0.2)
    assert np.quantile(np.abs(other[loud] / own[loud] / np.median(other[loud] / own[loud]) - 1), 0.9) < 0.05


def test_h1_h2_is_no_oracle():
    """What openSMILE calls H1−H2 is H2−H3: the reason that ours is checked by known answers only."""
    f0_hz, levels_db = 170.0, (0, -3, -9, -20, -20, -20)
    amplitudes = [0.1 * 10 ** (level / 20) for level in levels_db]
    tone = sum(a * np.cos(2 * np.pi * f0_hz * k * times(2.0) + k) for k, a in enumerate(amplitudes, start=1))
    described = SMILE.process_signal(tone.astype(np.float32), RATE_HZ)
    assert described["logRelF0-H1-H2_sma3nz"].median() == pytest.approx(levels_db[1] - levels_db[2], abs=0.5)
    centres = np.arange(4000, 28_000, 800)
    own_db, _ = harmonicity.HarmonicTracker(RATE_HZ)(tone.astype(np.float32), centres, np.full(len(centres), f0_hz))
    assert own_db == pytest.approx(levels_db[0] - levels_db[1], abs=0.3)


@pytest.mark.slow
def test_real_speech(mirror):
    """One clip of every other archive; voiced frames are those of another tracker of F0, and windows are others."""
    agreements = compare((clip for _, clip in mirror_clips(mirror, every=2)), [with_opensmile])
    limits = {
        "alpha_ratio_mean_db": 0.94,
        "hammarberg_index_mean_db": 0.95,
        "loudness_mean": 0.999,
        "loudness_p50": 0.99,
    }
    for name, limit in limits.items():
        agreement = agreements[name, "openSMILE eGeMAPSv02"]
        assert agreement.correlation > limit, agreement.row
