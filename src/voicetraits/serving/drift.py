"""How far what is asked lies from what the models learnt from: of features, and of answers.

Features: the root mean square over features of their standardised mean shift. With z = (x − µ) / σ by the training
clips' mean and deviation, clipped to ±5 as the models clip, and z̄ its mean over the last n sounds,

    D = sqrt(max(0, mean over features of z̄² − 1/n))

where 1/n is what chance alone gives to sounds like the training clips. It reads like Cohen's d (1988): 0.2 is small,
0.5 medium, 0.8 large. Many sounds of few speakers drift by the speakers.

Answers: the population stability index (Siddiqi 2006) of the last n labels against the training clips' classes,

    PSI = Σ (p − q) ln(p / q),  p = (count + ½) / (n + ½ classes)

Below 0.1 is taken for stable, above 0.25 for another population. Sounds that were refused have no label: they count
among the refusals.
"""

from collections import Counter, deque
from collections.abc import Mapping

import numpy as np

#: How many sounds are looked back on, and how few say nothing.
WINDOW, _FEWEST = 1000, 20
_CLIP = 5.0


class FeatureDrift:
    """Of one model and target."""

    def __init__(self) -> None:
        self._last: deque[np.ndarray] = deque(maxlen=WINDOW)

    def add(self, shift: np.ndarray) -> None:
        """Count a sound: z of each feature, (features,)."""
        self._last.append(np.clip(shift, -_CLIP, _CLIP).astype(np.float32))

    def value(self) -> float:
        """D; NaN, which Prometheus takes for no value, until there are twenty sounds."""
        if len(self._last) < _FEWEST:
            return float("nan")
        mean = np.mean(self._last, axis=0, dtype=np.float64)  # (features,)
        return float(np.sqrt(max(0.0, np.mean(mean**2) - 1 / len(self._last))))


class AnswerDrift:
    """Of one model and target.

    Args:
        shares: of each class among the training clips, above 0.
    """

    def __init__(self, shares: Mapping[str, float]) -> None:
        self._shares = shares
        self._last: deque[str] = deque(maxlen=WINDOW)

    def add(self, label: str) -> None:
        """Count an answer."""
        self._last.append(label)

    def value(self) -> float:
        """PSI; NaN until there are twenty answers."""
        if len(self._last) < _FEWEST:
            return float("nan")
        counts = Counter(self._last)
        whole = len(self._last) + 0.5 * len(self._shares)
        answered = {name: (counts[name] + 0.5) / whole for name in self._shares}
        return float(sum((answered[name] - q) * np.log(answered[name] / q) for name, q in self._shares.items()))
