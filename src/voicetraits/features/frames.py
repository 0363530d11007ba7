"""Features of short frames, computed by librosa from one shared short-time spectrum, then summarised over time."""

from collections.abc import Sequence
from itertools import pairwise

import librosa
import numpy as np

from voicetraits.features.feature import Feature

#: What lies below 200 Hz is the first band; from there on octaves, the last up to 8 kHz.
_CONTRAST = {"fmin": 200.0, "n_bands": 5}
_CONTRAST_EDGES_HZ = (0, 200, 400, 800, 1600, 3200, 8000)
_ROLLOFF_SHARE = 0.85

_SERIES = (
    ("zero_crossing_rate", "", "1", "share of successive samples with a change of sign"),
    *((f"tonnetz_{i}", "", "1", f"tonal centroid, dimension {i} of 6 (Harte et al. 2006)") for i in range(1, 7)),
    ("rolloff", "_hz", "Hz", f"frequency below which {_ROLLOFF_SHARE:.0%} of the amplitude lies"),
    ("flatness", "", "1", "geometric mean / arithmetic mean of the power spectrum"),
    *(
        (f"contrast_{i}", "_db", "dB", f"peak minus valley between {low} and {high} Hz (Jiang et al. 2002)")
        for i, (low, high) in enumerate(pairwise(_CONTRAST_EDGES_HZ), start=1)
    ),
    ("bandwidth", "_hz", "Hz", "√ Σ a·(f − centroid)², a the amplitude spectrum divided by its sum"),
    ("centroid", "_hz", "Hz", "Σ f·a"),
    ("rms", "", "1", "root of the mean squared sample, of the frame as the FFT has it: windowed, padded"),
)
_STATISTICS = ("mean", "min", "max", "std")


def describe() -> list[Feature]:
    """The features that `frame_statistics` gives, in its order."""
    return [
        Feature(f"{name}_{statistic}{suffix}", unit, f"{statistic} over frames: {definition}")
        for name, suffix, unit, definition in _SERIES
        for statistic in _STATISTICS
    ]


def chroma_filters(sample_rate_hz: int, n_fft: int) -> np.ndarray:
    """librosa's chroma filter bank, (12, n_fft / 2 + 1); tuning is fixed, since speech is not tuned."""
    return librosa.filters.chroma(sr=sample_rate_hz, n_fft=n_fft, tuning=0.0)


def frame_statistics(
    samples: np.ndarray,
    amplitudes: np.ndarray,
    *,
    sample_rate_hz: int,
    frame_length: int,
    hop_length: int,
    chroma: np.ndarray,
) -> np.ndarray:
    """Mean, minimum, maximum and standard deviation over time of each series.

    Args:
        samples: (n,) float.
        amplitudes: (bins, frames), magnitude of the centred short-time spectrum of `samples`.
        chroma: (12, bins), from `chroma_filters`.

    Returns:
        (4 · series,) in the order of `describe`.
    """
    n_fft = 2 * (amplitudes.shape[0] - 1)
    shared = {"S": amplitudes, "sr": sample_rate_hz}
    centroid_hz = librosa.feature.spectral_centroid(**shared)
    pitch_classes = librosa.util.normalize(chroma @ np.square(amplitudes), norm=np.inf, axis=0)  # (12, frames)
    series: Sequence[np.ndarray] = (
        librosa.feature.zero_crossing_rate(samples, frame_length=frame_length, hop_length=hop_length),
        librosa.feature.tonnetz(chroma=pitch_classes),
        librosa.feature.spectral_rolloff(**shared, roll_percent=_ROLLOFF_SHARE),
        librosa.feature.spectral_flatness(S=amplitudes),
        librosa.feature.spectral_contrast(**shared, **_CONTRAST),
        librosa.feature.spectral_bandwidth(**shared, centroid=centroid_hz),
        centroid_hz,
        librosa.feature.rms(S=amplitudes, frame_length=n_fft),
    )
    stacked = np.concatenate([np.asarray(rows, dtype=np.float64) for rows in series])  # (series, frames)
    statistics = [stacked.mean(axis=1), stacked.min(axis=1), stacked.max(axis=1), stacked.std(axis=1)]
    return np.stack(statistics, axis=1).ravel()
