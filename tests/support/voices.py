"""Voice-like clips for corpora that tests build: harmonics at a pitch that goes with gender."""

import numpy as np

from support.submissions import RATE_HZ

PITCH_HZ = {"female": 210.0, "male": 120.0}


def voice(gender: str, seed: int, *, seconds: float = 1.0, rate_hz: int = RATE_HZ) -> np.ndarray:
    """A clip, float mono [seconds * rate_hz]; the same for the same arguments."""
    rng = np.random.default_rng([seed, len(gender)])
    pitch_hz = PITCH_HZ[gender] * rng.uniform(0.85, 1.15)
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    phase = 2 * np.pi * pitch_hz * (times + 0.002 * np.sin(2 * np.pi * 3 * times))
    harmonics = sum(np.sin(number * phase) / number for number in range(1, 12))
    return 0.15 * harmonics + 0.005 * rng.standard_normal(len(times))
