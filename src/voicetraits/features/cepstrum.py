"""Log-mel spectra, and mel-frequency cepstral coefficients (MFCC) with their deltas."""

from collections.abc import Sequence

import numba
import numpy as np

from voicetraits.features import statistics
from voicetraits.features.analysis import Analysis
from voicetraits.features.feature import Feature
from voicetraits.features.statistics import Statistic

_FLOOR = 1e-10
_DELTA_REACH = 4


def describe(
    *,
    mfcc: int,
    mel_bands: int,
    mfcc_statistics: Sequence[Statistic],
    mfcc_delta_statistics: Sequence[Statistic],
    log_mel_statistics: Sequence[Statistic],
) -> list[Feature]:
    """The features that `cepstral_statistics` gives, in its order."""
    matrices = (
        ("mfcc", mfcc, mfcc_statistics, "coefficient {} of the orthonormal DCT-II of the log-mel spectrum in dB"),
        ("mfcc_delta", mfcc, mfcc_delta_statistics, "slope of coefficient {} over 9 frames (Savitzky-Golay)"),
        ("log_mel", mel_bands, log_mel_statistics, "level of mel band {} after pre-emphasis"),
    )
    return [
        feature
        for name, columns, chosen, definition in matrices
        for i in range(columns)
        for feature in statistics.describe(Feature(f"{name}_{i:02d}", "dB", definition.format(i)), chosen)
    ]


def log_mel_spectrum(mel_power: np.ndarray) -> np.ndarray:
    """Mel spectrum in dB, floored at −100 dB: (frames, mel_bands) float32 → the same."""
    return 10 * np.log10(np.maximum(mel_power, np.float32(_FLOOR)))


def cepstral_statistics(
    analysis: Analysis,
    *,
    transform: np.ndarray,
    mfcc_statistics: Sequence[Statistic],
    mfcc_delta_statistics: Sequence[Statistic],
    log_mel_statistics: Sequence[Statistic],
) -> np.ndarray:
    """Statistics over time of MFCC, of their deltas and of the log-mel spectrum, in the order of `describe`.

    Args:
        transform: (mfcc, mel_bands), from `cosine_transform`.
    """
    coefficients = analysis.log_mel_db.astype(np.float64) @ transform.T  # (frames, mfcc)
    return np.concatenate(
        [
            statistics.over_time(coefficients, mfcc_statistics),
            statistics.over_time(deltas(coefficients), mfcc_delta_statistics),
            statistics.over_time(analysis.log_mel_db, log_mel_statistics),
        ]
    )


def cosine_transform(coefficients: int, bands: int) -> np.ndarray:
    """The first rows of the orthonormal DCT-II: (coefficients, bands)."""
    angles = np.pi / bands * (np.arange(bands) + 0.5) * np.arange(coefficients)[:, None]
    rows = np.sqrt(2 / bands) * np.cos(angles)
    rows[0] /= np.sqrt(2)
    return rows


@numba.njit(cache=True)
def deltas(matrix):  # pragma: no cover
    """Slope of the straight line through 9 frames (A. Savitzky, M. Golay, Anal. Chem. 36 (1964), 1627-1639).

    Σ k·c[t + k] / Σ k² for k = −4 … 4. The frames at the ends are repeated, so that clips shorter than 9 frames have
    deltas too.

    Args:
        matrix: (frames, columns).

    Returns:
        (frames, columns), a frame's change.
    """
    frames, columns = matrix.shape
    slopes = np.zeros((frames, columns))
    squares = 0
    for k in range(1, _DELTA_REACH + 1):
        squares += 2 * k * k
    for t in range(frames):
        for k in range(1, _DELTA_REACH + 1):
            later, earlier = matrix[min(t + k, frames - 1)], matrix[max(t - k, 0)]
            for c in range(columns):
                slopes[t, c] += k * (later[c] - earlier[c])
        for c in range(columns):
            slopes[t, c] /= squares
    return slopes
