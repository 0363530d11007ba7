"""Levels: power of a clip, gain, and staying within full scale.

Samples are float32 at 16 kHz, full scale −1 … 1, here and in all of this folder.
"""

import numpy as np

#: Largest sample that int16 holds as well: 32767 / 32768.
PEAK = 1 - 2**-15


def power(samples: np.ndarray) -> float:
    """Mean square of the samples less their mean: a microphone's offset is no sound."""
    return float(np.var(samples, dtype=np.float64)) if len(samples) else 0.0


def amplify(samples: np.ndarray, gain_db: float) -> np.ndarray:
    """(n,) → (n,) float32, louder by `gain_db`, or softer where it is below 0; may leave full scale, see `limit`."""
    return (samples * 10 ** (gain_db / 20)).astype(np.float32)


def limit(samples: np.ndarray) -> np.ndarray:
    """(n,) → (n,) float32, made softer as a whole if it would leave full scale: nothing is ever clipped."""
    peak = np.abs(samples).max(initial=0)
    if peak <= PEAK:
        return samples.astype(np.float32)
    scaled = (samples * (PEAK / peak)).astype(np.float32)
    return np.clip(scaled, -PEAK, PEAK)  # the last digit of the largest


def to_int16(samples: np.ndarray) -> np.ndarray:
    """(n,) within full scale → (n,) int16, as a sound file holds it: scaled by 32768, rounded to the nearest."""
    return np.rint(limit(samples) * 32768).astype(np.int16)


def of_level(samples: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """`samples`, scaled to the power of `reference`; as they are where they have none."""
    own = power(samples)
    return samples if own == 0 else (samples * np.sqrt(power(reference) / own)).astype(np.float32)
