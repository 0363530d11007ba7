"""Rooms: impulse responses with a stated reverberation time, and clips as they sound in them."""

import numpy as np
import scipy.signal

from voicetraits.augmentation.levels import of_level, power
from voicetraits.augmentation.spectra import SAMPLE_RATE_HZ

#: Nothing is heard between the sound that comes straight and the first that a wall throws back.
_GAP_SECONDS = 0.003


def diffuse_room(rt60_seconds: float, direct_to_reverberant_db: float, rng: np.random.Generator) -> np.ndarray:
    """Impulse response of no room in particular: a pulse, then noise that dies away exponentially (Polack 1988).

    Args:
        rt60_seconds: time in which the reverberation loses 60 dB.
        direct_to_reverberant_db: energy of the pulse against that of all that follows.

    Returns:
        (k,) float32, the pulse first; it ends after `rt60_seconds`.
    """
    count = max(2, round(rt60_seconds * SAMPLE_RATE_HZ))
    seconds = np.arange(count, dtype=np.float32) / SAMPLE_RATE_HZ
    tail = rng.standard_normal(count, np.float32) * np.float32(10) ** (-3 * seconds / np.float32(rt60_seconds))
    tail[: min(round(_GAP_SECONDS * SAMPLE_RATE_HZ), count - 1)] = 0
    tail *= np.sqrt(10 ** (-direct_to_reverberant_db / 10) / np.square(tail).sum())
    tail[0] += 1
    return tail.astype(np.float32)


def in_room(samples: np.ndarray, impulse_response: np.ndarray) -> np.ndarray:
    """(n,) → (n,) float32 of the same power: convolved, in step with the clip, the reverberation after its end cut off.

    Args:
        impulse_response: (k,), its largest sample the sound that comes straight.
    """
    if power(samples) == 0:
        return samples.astype(np.float32)
    straight = int(np.abs(impulse_response).argmax())
    wet = scipy.signal.oaconvolve(samples.astype(np.float32), impulse_response.astype(np.float32))
    return of_level(wet[straight : straight + len(samples)], samples)
