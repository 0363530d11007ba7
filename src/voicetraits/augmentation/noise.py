"""Noise of any colour, added at a signal-to-noise ratio."""

import numpy as np
import scipy.fft

from voicetraits.augmentation.levels import power
from voicetraits.augmentation.spectra import SAMPLE_RATE_HZ

#: Below this noise of every colour is white: what nobody hears would otherwise hold most of its power.
_FLAT_BELOW_HZ = 50.0


def coloured_noise(count: int, exponent: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise whose power density falls with frequency as 1 / f^exponent.

    Args:
        count: samples.
        exponent: 0 for white noise, 1 for pink (−3 dB an octave), 2 for brown (−6 dB an octave).

    Returns:
        (count,) float32, of power 1 unless it is too short to have any.
    """
    length = scipy.fft.next_fast_len(max(count, 1), real=True)
    spectrum = scipy.fft.rfft(rng.standard_normal(length, np.float32))
    hz = np.maximum(scipy.fft.rfftfreq(length, 1 / SAMPLE_RATE_HZ), _FLAT_BELOW_HZ)
    noise = scipy.fft.irfft(spectrum * (hz ** (-exponent / 2)).astype(np.float32), length)[:count]
    own = power(noise)
    return noise if own == 0 else (noise / np.sqrt(own)).astype(np.float32)


def add_noise(samples: np.ndarray, snr_db: float, exponent: float, rng: np.random.Generator) -> np.ndarray:
    """(n,) → (n,) float32 with noise at a signal-to-noise ratio; may leave full scale, see `levels.limit`.

    The ratio is that of mean powers over the whole clip, pauses included; noise that the recording has already counts
    as signal. Silence stays silence.
    """
    signal = power(samples)
    if signal == 0:
        return samples.astype(np.float32)
    amplitude = np.float32(np.sqrt(signal * 10 ** (-snr_db / 10)))
    return samples.astype(np.float32) + amplitude * coloured_noise(len(samples), exponent, rng)
