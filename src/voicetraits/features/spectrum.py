"""The spectrum of a whole utterance, described as seewave's `specprop` does.

Source: J. Sueur, T. Aubin, C. Simonis: Seewave, a free modular tool for sound analysis and synthesis. Bioacoustics 18
(2008), 213-226; the definitions are those of seewave's help page `specprop`.
"""

from collections.abc import Sequence

import numba
import numpy as np
import scipy.fft

from voicetraits.features.analysis import Analysis
from voicetraits.features.feature import Feature

_DEFINITIONS = (
    ("mean_frequency_hz", "Hz", "m = Σ f·a, with a the amplitude spectrum divided by its sum"),
    ("deviation_hz", "Hz", "√ Σ a·(f − m)²"),
    ("median_hz", "Hz", "first f at which the cumulated a exceeds 1/2"),
    ("mode_hz", "Hz", "f of the largest a"),
    ("peak_frequency_hz", "Hz", "vertex of the parabola through the largest a and its neighbours"),
    ("q25_hz", "Hz", "first f at which the cumulated a exceeds 1/4"),
    ("q75_hz", "Hz", "first f at which the cumulated a exceeds 3/4"),
    ("iqr_hz", "Hz", "third quartile minus first quartile"),
    ("skewness", "1", "Σ (a − ā)³ / ((n − 1)·s³), s the sample deviation of a"),
    ("kurtosis", "1", "Σ (a − ā)⁴ / ((n − 1)·s⁴)"),
    ("entropy", "1", "−Σ a·log a / log n"),
    ("flatness", "1", "geometric mean of a / arithmetic mean of a"),
)


def describe(prefix: str, low_hz: float, high_hz: float) -> list[Feature]:
    """The features that `spectrum_properties` gives, in its order."""
    place = f"; utterance spectrum, {low_hz:g} to {high_hz:g} Hz"
    return [Feature(f"{prefix}_{name}", unit, definition + place) for name, unit, definition in _DEFINITIONS]


def utterance_statistics(analysis: Analysis, ranges_hz: Sequence[tuple[float, float]]) -> np.ndarray:
    """Properties of the utterance's spectrum within each range, (low, high) in Hz: (12 · ranges,)."""
    frequencies_hz, amplitudes = utterance_spectrum(analysis.samples, analysis.sample_rate_hz)
    return np.concatenate(
        [spectrum_properties(frequencies_hz, amplitudes, low_hz=low, high_hz=high) for low, high in ranges_hz]
    )


def utterance_spectrum(samples: np.ndarray, sample_rate_hz: int) -> tuple[np.ndarray, np.ndarray]:
    """Amplitude spectrum of a whole utterance.

    Args:
        samples: (n,) float.

    Returns:
        frequencies in Hz and amplitudes, both (m,). Zeros are appended up to a length whose Fourier transform is fast.
    """
    length = scipy.fft.next_fast_len(len(samples), real=True)
    amplitudes = np.abs(scipy.fft.rfft(samples, length)).astype(np.float64)
    # Not np.fft.rfftfreq, whose last bin can lie a rounding error above half the sample rate.
    return np.arange(len(amplitudes)) * sample_rate_hz / length, amplitudes


def spectrum_properties(
    frequencies_hz: np.ndarray, amplitudes: np.ndarray, *, low_hz: float, high_hz: float
) -> np.ndarray:
    """seewave's properties of the part of a spectrum between two frequencies, both included.

    Args:
        frequencies_hz: (m,) ascending.
        amplitudes: (m,) not negative.

    Returns:
        (12,) in the order of `describe`; all zeros where the part holds no energy.
    """
    inside = slice(*np.searchsorted(frequencies_hz, [low_hz, np.nextafter(high_hz, np.inf)]))
    f, a = frequencies_hz[inside], amplitudes[inside]  # (n,)
    total = a.sum()
    if len(a) < 3 or total <= 0:
        return np.zeros(len(_DEFINITIONS))
    a = a / total
    # Outside the loop below, where a logarithm costs ten times as much.
    log_a = np.log(np.maximum(a, np.finfo(np.float64).tiny))
    return _properties(f, a, log_a)


@numba.njit(cache=True, fastmath={"reassoc", "contract"})
def _properties(f, a, log_a):  # pragma: no cover
    """`spectrum_properties` of amplitudes that add up to 1."""
    n = len(a)
    mean_hz, information, logs = 0.0, 0.0, 0.0
    for k in range(n):
        mean_hz += f[k] * a[k]
        information -= a[k] * log_a[k]
        logs += log_a[k]
    average = 1 / n
    m2, m3, m4, spread = 0.0, 0.0, 0.0, 0.0
    for k in range(n):
        z = a[k] - average
        m2 += z * z
        m3 += z * z * z
        m4 += z * z * z * z
        spread += (f[k] - mean_hz) * (f[k] - mean_hz) * a[k]
    variance = m2 / (n - 1)
    peak = np.argmax(a)
    quartiles = np.full(3, f[-1])
    cumulated, found = 0.0, 0
    for k in range(n):
        cumulated += a[k]
        while found < 3 and cumulated > 0.25 * (found + 1):
            quartiles[found] = f[k]
            found += 1
    skewness, kurtosis = 0.0, 0.0
    if variance > 0:
        skewness, kurtosis = m3 / variance**1.5 / (n - 1), m4 / variance**2 / (n - 1)
    return np.array(
        [
            mean_hz,
            np.sqrt(spread),
            quartiles[1],
            f[peak],
            f[peak] + _vertex(a, peak) * (f[1] - f[0]),
            quartiles[0],
            quartiles[2],
            quartiles[2] - quartiles[0],
            skewness,
            kurtosis,
            information / np.log(n),
            np.exp(logs / n) / average,
        ]
    )


@numba.njit(cache=True)
def _vertex(a, peak):  # pragma: no cover
    """Offset, in bins, of the vertex of the parabola through a peak and its neighbours."""
    if peak == 0 or peak == len(a) - 1:
        return 0.0
    left, middle, right = a[peak - 1], a[peak], a[peak + 1]
    curvature = left - 2 * middle + right
    return 0.5 * (left - right) / curvature if curvature < 0 else 0.0
