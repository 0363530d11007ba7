"""The spectrum of a whole utterance, described as seewave's `specprop` does.

Source: J. Sueur, T. Aubin, C. Simonis: Seewave, a free modular tool for sound analysis and synthesis. Bioacoustics 18
(2008), 213-226; the definitions are those of seewave's help page `specprop`.
"""

import numpy as np
import scipy.fft

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


def utterance_spectrum(samples: np.ndarray, sample_rate_hz: int) -> tuple[np.ndarray, np.ndarray]:
    """Amplitude spectrum of a whole utterance.

    Args:
        samples: (n,) float.

    Returns:
        frequencies in Hz and amplitudes, both (m,). Zeros are appended up to a length whose Fourier transform is fast.
    """
    length = scipy.fft.next_fast_len(len(samples), real=True)
    amplitudes = np.abs(scipy.fft.rfft(samples, length)).astype(np.float64)
    return np.fft.rfftfreq(length, 1 / sample_rate_hz), amplitudes


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
    mean_hz = f @ a
    q25_hz, median_hz, q75_hz = f[np.searchsorted(np.cumsum(a), [0.25, 0.5, 0.75], side="right").clip(max=len(f) - 1)]
    peak = int(np.argmax(a))
    z, s = a - a.mean(), a.std(ddof=1)
    n = len(a)
    # Powers by multiplication: numpy's general power is many times slower.
    skewness, kurtosis = ((z * z * z).sum() / s**3, (z * z * z * z).sum() / s**4) if s > 0 else (0.0, 0.0)
    floored = np.maximum(a, np.finfo(np.float64).tiny)
    log_a = np.log(floored)
    return np.array(
        [
            mean_hz,
            np.sqrt(np.square(f - mean_hz) @ a),
            median_hz,
            f[peak],
            f[peak] + _vertex(a, peak) * (f[1] - f[0]),
            q25_hz,
            q75_hz,
            q75_hz - q25_hz,
            skewness / (n - 1),
            kurtosis / (n - 1),
            -(a @ log_a) / np.log(n),
            np.exp(log_a.mean()) / a.mean(),
        ]
    )


def _vertex(a: np.ndarray, peak: int) -> float:
    """Offset, in bins, of the vertex of the parabola through a peak and its neighbours."""
    if peak in (0, len(a) - 1):
        return 0.0
    left, middle, right = a[peak - 1 : peak + 2]
    curvature = left - 2 * middle + right
    return 0.5 * (left - right) / curvature if curvature < 0 else 0.0
