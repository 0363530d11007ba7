"""Statistics of the fundamental frequency over voiced frames."""

import numpy as np

from voicetraits.features import statistics
from voicetraits.features.analysis import Analysis
from voicetraits.features.feature import Feature
from voicetraits.features.statistics import Statistic

_STATISTICS: tuple[Statistic, ...] = ("median", "mean", "std", "q25", "q75", "range")

_DEFINITIONS = (
    ("f0_median_hz", "Hz", "median of F0 over voiced frames"),
    ("f0_mean_hz", "Hz", "mean of F0 over voiced frames"),
    ("f0_std_hz", "Hz", "standard deviation of F0 over voiced frames"),
    ("f0_q25_hz", "Hz", "first quartile of F0 over voiced frames"),
    ("f0_q75_hz", "Hz", "third quartile of F0 over voiced frames"),
    ("f0_range_hz", "Hz", "largest minus smallest F0 over voiced frames"),
    ("voiced_share", "1", "voiced frames / all frames"),
)


def describe() -> list[Feature]:
    """The features that `pitch_statistics` gives, in its order."""
    no_voice = " (0 where no frame is voiced)"
    return [
        Feature(name, unit, definition + (no_voice if unit == "Hz" else "")) for name, unit, definition in _DEFINITIONS
    ]


def pitch_statistics(analysis: Analysis) -> np.ndarray:
    """Statistics of the pitch track.

    Returns:
        (7,) in the order of `describe`; all zeros where no frame is voiced.
    """
    f0_hz = analysis.f0_hz
    voiced = f0_hz[~np.isnan(f0_hz)]
    if not len(voiced):
        return np.zeros(len(_DEFINITIONS))
    return np.append(statistics.over_time(voiced[:, None], _STATISTICS), len(voiced) / len(f0_hz))
