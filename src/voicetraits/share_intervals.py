"""Intervals of shares of right answers, over speakers, that hold where few speakers err.

A bootstrap draws only from the errors that there are: where no test speaker errs its interval has no width, and where
few do it is too narrow: of 28 speakers who are right or wrong as a whole, 2.5 % of them wrong, it holds the truth in
half of all samples (tests/oracle/test_share_intervals.py).

Sources: E. B. Wilson: Probable inference, the law of succession, and statistical inference. J. Am. Stat. Assoc. 22
(1927), 209-212. E. L. Korn, B. I. Graubard: Confidence intervals for proportions with small expected number of positive
counts estimated from survey data. Survey Methodology 24 (1998), 193-201, for the effective number of rows. G. Y. Zou,
A. Donner: Construction of confidence limits about effect measures. Statistics in Medicine 27 (2008), 1693-1702.
"""

from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np


class Share(NamedTuple):
    """A share with its interval."""

    value: float
    low: float
    high: float

    def exactly(self) -> "Share":
        """The same where it is known, not estimated."""
        return Share(self.value, self.value, self.value)


def share(hits: np.ndarray, rows: np.ndarray, confidence: float) -> Share:
    """Share of the rows that are hits, over speakers.

    Args:
        hits, rows: (s,) of each speaker; speakers without a row do not count.
        confidence: that the interval shall have.

    Raises:
        ValueError: there is no row.
    """
    hits, rows = hits[rows > 0], rows[rows > 0]
    if not len(rows):
        raise ValueError("a share of no rows")
    value = float(hits.sum() / rows.sum())
    return Share(value, *wilson(value, effective_rows(hits, rows), confidence))


def mean_of(shares: Sequence[Share]) -> Share:
    """Mean of shares, such as the recalls of which UAR is the mean (Zou & Donner 2008).

    As if each were of other speakers: those whose age group has changed are in two.
    """
    values, lows, highs = np.array(shares).T
    mean = values.mean()
    below, above = (np.sqrt(np.square(ends - values).sum()) / len(shares) for ends in (lows, highs))
    return Share(float(mean), float(max(mean - below, 0)), float(min(mean + above, 1)))


def wilson(value: float, rows: float, confidence: float) -> tuple[float, float]:
    """Wilson's interval of a share of `rows` independent ones, which need not be whole."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    middle = value + z * z / (2 * rows)
    half = z * np.sqrt(value * (1 - value) / rows + z * z / (4 * rows * rows))
    scale = 1 + z * z / rows
    return float(max((middle - half) / scale, 0)), float(min((middle + half) / scale, 1))


def effective_rows(hits: np.ndarray, rows: np.ndarray) -> float:
    """How many independent rows would tell as much as those of these speakers, who may be right or wrong as a whole.

    By how much the rows of a speaker are alike (their intraclass correlation, from 0 to 1), which the variance between
    speakers tells (that of a ratio estimator). It tells little where few are mistaken, and nothing where none is: so it
    is averaged with 1, as if there were one speaker more who is mistaken on every row, each mistaken one weighing as
    much. Where they are all alike, speakers count as one row each (fewer, where some have many more rows than others).

    Args:
        hits, rows: (s,) of each speaker, one row or more.
    """
    speakers, total = len(rows), rows.sum()
    rows_of_one = np.square(rows).sum() / total  # of the speaker of a row, in the mean
    mistaken = min((hits < rows).sum(), (hits > 0).sum())  # or right, where that is rarer
    alike = 1.0
    if mistaken and speakers > 1 and rows_of_one > 1:
        value = hits.sum() / total
        variance = speakers / (speakers - 1) * np.square(hits - value * rows).sum() / total**2
        measured = (variance * total / (value * (1 - value)) - 1) / (rows_of_one - 1)
        alike = (np.clip(measured, 0, 1) * mistaken + 1) / (mistaken + 1)
    return float(total / (1 + (rows_of_one - 1) * alike))
