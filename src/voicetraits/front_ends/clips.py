"""What front ends of fixed length do with a clip: its middle, or the whole of it amid silence."""

import numpy as np

#: Of the samples that every front end takes.
SAMPLE_RATE_HZ = 16_000


def fit_length(samples: np.ndarray, length: int) -> np.ndarray:
    """The middle `length` samples of a longer clip; a shorter one in the middle of zeros.

    Args:
        samples: (n,), n may be 0.

    Returns:
        (length,) of the same type; where the two sides differ by a sample, the right one is the longer.
    """
    before = (length - len(samples)) // 2 if len(samples) < length else 0
    begin = (len(samples) - length) // 2 if len(samples) > length else 0
    fitted = np.zeros(length, samples.dtype)
    kept = samples[begin : begin + length]
    fitted[before : before + len(kept)] = kept
    return fitted
