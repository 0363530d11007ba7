"""What a model must beat: the majority class and, for gender, a threshold on median pitch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit


def baseline_sizes(classes: Sequence[str]) -> dict[str, int]:
    """Baseline: bytes of the 64-bit numbers that it keeps, a share for each class, or threshold and steepness."""
    return {"majority": 8 * len(classes), "pitch_threshold": 16}


def majority(train_labels: np.ndarray, classes: int, clips: int) -> np.ndarray:
    """Always answer the commonest class of the training clips: their class shares for every clip, (clips, classes)."""
    shares = np.bincount(train_labels, minlength=classes) / len(train_labels)
    return np.tile(shares, (clips, 1))


@dataclass(frozen=True)
class PitchThreshold:
    """Female above a median pitch, male below.

    Attributes:
        threshold_hz: the threshold with the highest UAR on training clips.
        steepness: how fast, per octave, the probability rises; only for scores that need probabilities.
    """

    threshold_hz: float
    steepness: float

    @classmethod
    def fit(cls, f0_median_hz: np.ndarray, female: np.ndarray) -> "PitchThreshold":
        """Find the threshold by trying every middle between neighbouring pitches, then the likeliest steepness.

        Args:
            f0_median_hz: (n,) of training clips.
            female: (n,) bool.
        """
        f0_median_hz = _floored(f0_median_hz)
        pitches = np.unique(f0_median_hz)
        middles = (pitches[1:] + pitches[:-1]) / 2 if len(pitches) > 1 else pitches
        women, men = np.sort(f0_median_hz[female]), np.sort(f0_median_hz[~female])
        women_above, men_below = len(women) - np.searchsorted(women, middles), np.searchsorted(men, middles)
        # UAR times 2 · women · men: in whole numbers, equals are equal.
        right = women_above * len(men) + men_below * len(women)
        # Several thresholds may be as good; the middle one is the least accidental.
        best = np.flatnonzero(right == right.max())
        threshold_hz = float(middles[best[len(best) // 2]])
        octaves = _octaves(f0_median_hz, threshold_hz)
        sign = np.where(female, 1, -1)
        share = np.where(female, female.mean(), 1 - female.mean())

        def loss(log_steepness: float) -> float:
            return float((np.logaddexp(0, -sign * np.exp(log_steepness) * octaves) / share).mean())

        steepness = float(np.exp(minimize_scalar(loss, bounds=(-2, 5), method="bounded").x))
        return cls(threshold_hz, steepness)

    def predict_proba(self, f0_median_hz: np.ndarray, classes: Sequence[str]) -> np.ndarray:
        """(n,) median pitches -> (n, 2) probabilities in the order of `classes`."""
        female = expit(self.steepness * _octaves(f0_median_hz, self.threshold_hz))
        columns = {"female": female, "male": 1 - female}
        return np.stack([columns[name] for name in classes], axis=1)


def _floored(f0_hz: np.ndarray) -> np.ndarray:
    """A clip without voice (0 Hz) counts as 60 Hz, the lower end of voices."""
    return np.maximum(f0_hz.astype(np.float64), 60.0)


def _octaves(f0_hz: np.ndarray, reference_hz: float) -> np.ndarray:
    return np.log2(_floored(f0_hz) / reference_hz)
