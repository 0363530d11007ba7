"""Filtering by the Fourier transform of the whole clip: exact responses without a delay."""

from collections.abc import Callable

import numpy as np
import scipy.fft

SAMPLE_RATE_HZ = 16_000

#: Amplitude gain at frequencies in Hz: (bins,) → (bins,).
Response = Callable[[np.ndarray], np.ndarray]

#: Zeros behind the clip, so that what a filter smears over its end does not wrap round to its beginning.
_PADDING_SECONDS = 0.05


def apply_response(samples: np.ndarray, response: Response) -> np.ndarray:
    """(n,) → (n,) float32: every frequency amplified by `response`, without a change of phase."""
    count = len(samples)
    length = scipy.fft.next_fast_len(count + round(_PADDING_SECONDS * SAMPLE_RATE_HZ), real=True)
    spectrum = scipy.fft.rfft(samples.astype(np.float32), length)
    hz = scipy.fft.rfftfreq(length, 1 / SAMPLE_RATE_HZ)
    return scipy.fft.irfft(spectrum * response(hz).astype(np.float32), length)[:count]


def band(low_hz: float, high_hz: float, order: int) -> Response:
    """Response of Butterworth's filters (1930): −3 dB at both edges, then −6 · order dB an octave."""

    def response(hz: np.ndarray) -> np.ndarray:
        above = 1 / np.sqrt(1 + (hz / high_hz) ** (2 * order))
        ratio = (hz / low_hz) ** (2 * order)
        return above * np.sqrt(ratio / (1 + ratio))

    return response


def octaves(gains_db: np.ndarray, low_hz: float = 125.0) -> Response:
    """A smooth response through gains at `low_hz` and each octave above it, straight lines in dB over log-frequency.

    Args:
        gains_db: (k,); beyond the first and the last the response stays as it is there.
    """
    places = np.log2(low_hz) + np.arange(len(gains_db))

    def response(hz: np.ndarray) -> np.ndarray:
        return 10 ** (np.interp(np.log2(np.maximum(hz, 1.0)), places, gains_db) / 20)

    return response
