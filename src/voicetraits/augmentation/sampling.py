"""Another sampling rate, and back: what a recording lacks that was once made or kept at a lower one."""

import numpy as np
import soxr

from voicetraits.augmentation.spectra import SAMPLE_RATE_HZ


def at_rate(samples: np.ndarray, rate_hz: float) -> np.ndarray:
    """(n,) → (n,) float32 as recorded at `rate_hz`: what lies above half of it is gone."""
    return from_rate(to_rate(samples, rate_hz), rate_hz, len(samples))


def to_rate(samples: np.ndarray, rate_hz: float) -> np.ndarray:
    """(n,) at 16 kHz → (about n · rate_hz / 16,000,) float32."""
    return soxr.resample(samples.astype(np.float32), SAMPLE_RATE_HZ, rate_hz, quality="HQ")


def from_rate(samples: np.ndarray, rate_hz: float, count: int) -> np.ndarray:
    """(m,) at `rate_hz` → (count,) float32 at 16 kHz."""
    return of_length(soxr.resample(samples.astype(np.float32), rate_hz, SAMPLE_RATE_HZ, quality="HQ"), count)


def of_length(samples: np.ndarray, count: int) -> np.ndarray:
    """Cut, or filled up with silence: resynthesis and resampling round by a sample or two."""
    return np.pad(samples[:count], (0, max(0, count - len(samples))))
