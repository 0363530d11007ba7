"""Resampling to the rate at which formants and periodicity are looked at."""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
import scipy.fft

#: Blocks are this many times the smallest numbers of samples that last equally long at both rates (16 and 11 samples
#: from 16 to 11 kHz); the margins of each, where its ends wrap round, are dropped.
_BLOCK_UNITS, _MARGIN_UNITS = 1024, 128


@dataclass(frozen=True)
class LowRate:
    """Resampling from one rate to another, by the Fourier transform of overlapping blocks.

    It cuts off right at half the lower rate: a usual resampler's slope there would be seen by linear prediction, which
    models the spectrum up to that very frequency.
    """

    from_hz: float
    to_hz: float

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """(n,) float32 → (⌈n · to_hz / from_hz⌉,) float32."""
        up, down = self._ratio
        margin, step = _MARGIN_UNITS * down, (_BLOCK_UNITS - 2 * _MARGIN_UNITS) * down
        blocks = max(1, -(-len(samples) // step))
        padded = np.zeros(blocks * step + 2 * margin, np.float32)
        padded[margin : margin + len(samples)] = samples
        frames = np.lib.stride_tricks.sliding_window_view(padded, _BLOCK_UNITS * down)[::step]  # (blocks, samples)
        spectrum = scipy.fft.rfft(frames, axis=1)[:, : _BLOCK_UNITS * up // 2 + 1]
        spectrum[:, -1] = 0  # half the lower rate itself would count twice
        low = scipy.fft.irfft(spectrum, _BLOCK_UNITS * up, axis=1)[:, _MARGIN_UNITS * up : -_MARGIN_UNITS * up]
        return (low.ravel() * np.float32(up / down))[: -(-len(samples) * up // down)]

    def places(self, samples: np.ndarray) -> np.ndarray:
        """The places, (k,) int, nearest to places given in samples of the first rate."""
        up, down = self._ratio
        return (samples * (2 * up) + down) // (2 * down)

    @cached_property
    def _ratio(self) -> tuple[int, int]:
        ratio = Fraction(self.to_hz).limit_denominator(1000) / Fraction(self.from_hz).limit_denominator(1000)
        return ratio.numerator, ratio.denominator
