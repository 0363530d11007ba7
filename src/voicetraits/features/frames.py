"""Features of short frames from the shared short-time spectrum, summarised over time; definitions as in librosa."""

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import numpy as np

from voicetraits.features import frame_kernels, statistics
from voicetraits.features.analysis import Analysis
from voicetraits.features.feature import Feature
from voicetraits.features.filter_banks import tonal_centroid
from voicetraits.features.statistics import Statistic

#: What lies below 200 Hz is the first band; from there on octaves, the last up to half the sample rate.
_CONTRAST_EDGES_HZ = (0, 200, 400, 800, 1600, 3200, 8000)
_CONTRAST_QUANTILE = 0.02
_CONTRAST_RANGE_DB = 80.0
_ROLLOFF_SHARE = 0.85
_TONAL_CENTROID = tonal_centroid()
_FLOOR = 1e-10
_STATISTICS: tuple[Statistic, ...] = ("mean", "min", "max", "std")

_ZERO_CROSSINGS = Feature("zero_crossing_rate", "1", "share of successive samples with a change of sign")
_TONNETZ = [
    Feature(f"tonnetz_{i}", "1", f"tonal centroid, dimension {i} of 6 (Harte et al. 2006)") for i in range(1, 7)
]
_ROLLOFF = Feature("rolloff_hz", "Hz", f"frequency below which {_ROLLOFF_SHARE:.0%} of the amplitude lies")
_FLATNESS = Feature("flatness", "1", "geometric mean / arithmetic mean of the power spectrum")
_CONTRAST = [
    Feature(f"contrast_{i}_db", "dB", f"peak minus valley between {low} and {high} Hz (Jiang et al. 2002)")
    for i, (low, high) in enumerate(pairwise(_CONTRAST_EDGES_HZ), start=1)
]
_BANDWIDTH = Feature("bandwidth_hz", "Hz", "√ Σ a·(f − centroid)², a the amplitude spectrum divided by its sum")
_CENTROID = Feature("centroid_hz", "Hz", "Σ f·a")
_RMS = Feature("rms", "1", "root of the mean squared sample, of the frame as the FFT has it: windowed, padded")


def describe(contrast_statistics: Sequence[Statistic]) -> list[Feature]:
    """The features that `frame_statistics` gives, in its order."""
    parts = (
        ([_ZERO_CROSSINGS, *_TONNETZ, _ROLLOFF, _FLATNESS], _STATISTICS),
        (_CONTRAST, contrast_statistics),
        ([_BANDWIDTH, _CENTROID, _RMS], _STATISTICS),
    )
    return [feature for many, chosen in parts for series in many for feature in statistics.describe(series, chosen)]


def frame_statistics(analysis: Analysis, contrast_statistics: Sequence[Statistic]) -> np.ndarray:
    """Statistics over time of each series, in the order of `describe`."""
    amplitudes = np.ascontiguousarray(analysis.amplitudes.T)  # (bins, frames)
    first = np.column_stack(  # (frames, 9)
        [
            frame_kernels.zero_crossing_rate(analysis.samples, analysis.frame_length, analysis.hop_length),
            tonnetz(analysis.chroma_power),
            frame_kernels.rolloff(amplitudes, _ROLLOFF_SHARE) * (analysis.sample_rate_hz / analysis.n_fft),
            frame_kernels.flatness(amplitudes, _FLOOR),
        ]
    )
    centroid_hz, bandwidth_hz = frame_kernels.moments(amplitudes, analysis.frequencies_hz)
    last = np.column_stack([bandwidth_hz, centroid_hz, frame_kernels.rms(amplitudes)])  # (frames, 3)
    return np.concatenate(
        [
            statistics.over_time(first, _STATISTICS),
            statistics.over_time(_contrast_db(amplitudes, analysis.sample_rate_hz), contrast_statistics),
            statistics.over_time(last, _STATISTICS),
        ]
    )


def tonnetz(chroma_power: np.ndarray) -> np.ndarray:
    """Tonal centroid of pitch classes that are divided by their sum: (frames, 12) → (frames, 6); 0 in silence."""
    total = chroma_power.sum(axis=1, keepdims=True)
    return (chroma_power @ _TONAL_CENTROID.T) / np.maximum(total, np.finfo(np.float32).tiny)


def _contrast_db(amplitudes: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """Level of the strongest 2 % of the bins of each band (one at least) above that of the weakest.

    Source: D.-N. Jiang et al.: Music type classification by spectral contrast feature. ICME 2002, 113-116. As librosa
    has it: amplitudes are taken for powers, and levels floored 80 dB below the clip's highest.

    Args:
        amplitudes: (bins, frames).

    Returns:
        (frames, 6)
    """
    bands = _contrast_bands(sample_rate_hz, 2 * (len(amplitudes) - 1))
    extremes = np.array([frame_kernels.extremes(amplitudes[part], count) for part, count in bands])  # (6, 2, frames)
    # Not np.log10, which is several times slower.
    level_db = 10 / np.log(10) * np.log(np.maximum(extremes, _FLOOR))
    level_db = np.maximum(level_db, level_db.max(axis=(0, 2), keepdims=True) - _CONTRAST_RANGE_DB)
    return (level_db[:, 1] - level_db[:, 0]).T


@cache
def _contrast_bands(sample_rate_hz: int, n_fft: int) -> list[tuple[slice, int]]:
    """The bins of each band, and how many of them are the strongest and the weakest.

    A band begins with the last bin below its lower edge, and but for the last one ends before its last bin.
    """
    frequencies_hz = np.arange(n_fft // 2 + 1) * sample_rate_hz / n_fft
    bands = []
    for low_hz, high_hz in pairwise(_CONTRAST_EDGES_HZ):
        first, end = np.searchsorted(frequencies_hz, [low_hz, np.nextafter(high_hz, np.inf)]).tolist()
        first = max(first - 1, 0)
        count = max(round(_CONTRAST_QUANTILE * (end - first)), 1)
        bands.append((slice(first, end - (high_hz < _CONTRAST_EDGES_HZ[-1])), count))
    return bands
