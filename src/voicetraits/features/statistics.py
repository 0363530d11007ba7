"""Statistics over time of the columns of a matrix, such as MFCC or a mel spectrum."""

from collections.abc import Sequence
from functools import cached_property
from typing import Literal

import numba
import numpy as np

from voicetraits.features.feature import Feature

Statistic = Literal[
    "mean", "median", "min", "max", "range", "std", "q25", "q75", "iqr", "entropy", "skewness", "kurtosis"
]
#: Bins of the histogram whose entropy is taken.
ENTROPY_BINS = 16

_DEFINITIONS = {
    "mean": "mean",
    "median": "median",
    "min": "min",
    "max": "max",
    "range": "max − min",
    "std": "std",
    "q25": "first quartile",
    "q75": "third quartile",
    "iqr": "third quartile − first quartile",
    "entropy": f"entropy of a histogram of {ENTROPY_BINS} bins from min to max, divided by log {ENTROPY_BINS},",
    "skewness": "skewness m₃ / m₂^(3/2)",
    "kurtosis": "kurtosis m₄ / m₂²",
}
#: Plain numbers, whatever the unit of the series.
_WITHOUT_UNIT = ("entropy", "skewness", "kurtosis")


def describe(series: Feature, statistics: Sequence[Statistic]) -> list[Feature]:
    """A feature for each statistic of a series, whose name may end in its unit (`rolloff_hz` → `rolloff_mean_hz`)."""
    stem = series.name.removesuffix("_hz").removesuffix("_db")
    ending = series.name[len(stem) :]
    return [
        Feature(
            f"{stem}_{statistic}{'' if statistic in _WITHOUT_UNIT else ending}",
            "1" if statistic in _WITHOUT_UNIT else series.unit,
            f"{_DEFINITIONS[statistic]} over frames: {series.definition}",
        )
        for statistic in statistics
    ]


def over_time(matrix: np.ndarray, statistics: Sequence[Statistic]) -> np.ndarray:
    """Statistics of each column.

    The standard deviation and the central moments m₂, m₃, m₄ are those of the population; quartiles and median lie
    between two values where they must (linear). A column that does not change has entropy, skewness and kurtosis 0.

    Args:
        matrix: (frames, columns), finite.

    Returns:
        (columns · statistics,) float64: all statistics of the first column, then of the second, in the order of
        `describe`.
    """
    columns = _Columns(np.ascontiguousarray(matrix, np.float64))
    computed = [getattr(columns, statistic) for statistic in statistics]  # of (columns,)
    return np.stack(computed, axis=1).ravel() if computed else np.empty(0)


def quartiles(values: np.ndarray) -> np.ndarray:
    """First quartile, median and third quartile along the first axis, linear between two values: (n, …) → (3, …).

    As `np.quantile`, which takes ten times longer on a clip.
    """
    ordered, last = np.sort(values, axis=0), len(values) - 1
    result = []
    for place in (0.25 * last, 0.5 * last, 0.75 * last):
        below, above = ordered[int(place)], ordered[min(int(place) + 1, last)]
        result.append(below + (place - int(place)) * (above - below))
    return np.stack(result)


@numba.njit(cache=True)
def _summary(values):  # pragma: no cover
    """Mean, variance, minimum and maximum of each column: (4, columns)."""
    frames, columns = values.shape
    result = np.zeros((4, columns))
    mean, variance, low, high = result
    low[:], high[:] = np.inf, -np.inf
    for t in range(frames):
        for c in range(columns):
            value = values[t, c]
            mean[c] += value
            low[c] = value if value < low[c] else low[c]
            high[c] = value if value > high[c] else high[c]
    mean /= frames
    for t in range(frames):
        for c in range(columns):
            deviation = values[t, c] - mean[c]
            variance[c] += deviation * deviation
    variance /= frames
    return result


class _Columns:
    """The statistics by name, each (columns,) and computed when it is first asked for."""

    def __init__(self, values: np.ndarray) -> None:
        self._values = values  # (frames, columns)
        self.mean, self._variance, self.min, self.max = _summary(values)

    @property
    def range(self) -> np.ndarray:
        return self.max - self.min

    @property
    def std(self) -> np.ndarray:
        return np.sqrt(self._variance)

    @property
    def q25(self) -> np.ndarray:
        return self._quartiles[0]

    @property
    def median(self) -> np.ndarray:
        return self._quartiles[1]

    @property
    def q75(self) -> np.ndarray:
        return self._quartiles[2]

    @property
    def iqr(self) -> np.ndarray:
        return self.q75 - self.q25

    @property
    def entropy(self) -> np.ndarray:
        width = np.where(self._constant, 1, self.range / ENTROPY_BINS)
        bins = ((self._values - self.min) / width).astype(np.int64).clip(max=ENTROPY_BINS - 1)  # (frames, columns)
        counts = (bins == np.arange(ENTROPY_BINS)[:, None, None]).sum(axis=1)  # (ENTROPY_BINS, columns)
        shares = counts / len(self._values)
        return -(shares * np.log(np.maximum(shares, np.finfo(np.float64).tiny))).sum(axis=0) / np.log(ENTROPY_BINS)

    @property
    def skewness(self) -> np.ndarray:
        return self._standardised_moment(3)

    @property
    def kurtosis(self) -> np.ndarray:
        return self._standardised_moment(4)

    def _standardised_moment(self, order: int) -> np.ndarray:
        z = (self._values - self.mean) / np.sqrt(np.where(self._constant, np.inf, self._variance))
        return np.power(z, order).mean(axis=0)

    @cached_property
    def _quartiles(self) -> np.ndarray:
        return quartiles(self._values)

    @property
    def _constant(self) -> np.ndarray:
        """Where no more than rounding is left of the variance (scipy.stats' criterion)."""
        return self._variance <= np.square(np.finfo(np.float64).eps * self.mean)
