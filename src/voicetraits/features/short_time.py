"""The short-time spectrum that most families share."""

from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np
import scipy.fft

#: Frames at a time: what their transforms need stays in the second-level cache.
_TILE = 64


@dataclass(frozen=True)
class ShortTimeSpectrum:
    """Magnitudes of the short-time Fourier transform with a fixed setting.

    Frames are centred at multiples of `hop_length`, with zeros beyond the ends of the samples; Hann's window is as long
    as a frame, and the transform, `n_fft`, appends zeros to it.

    Attributes:
        frame_length, hop_length, n_fft: in samples; `frame_length` is even, and `n_fft` at least as long.
    """

    frame_length: int
    hop_length: int
    n_fft: int

    def __call__(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Magnitudes and their squares.

        Args:
            samples: (n,) float32.

        Returns:
            amplitudes and power, both (1 + n // hop_length, n_fft / 2 + 1) float32.
        """
        padded = np.pad(samples, self.frame_length // 2)
        windows = np.lib.stride_tricks.sliding_window_view(padded, self.frame_length)
        frames = windows[:: self.hop_length]  # (frames, frame_length)
        amplitudes = np.empty((len(frames), self.n_fft // 2 + 1), np.float32)
        power = np.empty_like(amplitudes)
        tile = np.zeros((_TILE, self.n_fft), np.float32)
        for start in range(0, len(frames), _TILE):
            part = frames[start : start + _TILE]
            np.multiply(part, self._window, out=tile[: len(part), : self.frame_length])
            spectrum = scipy.fft.rfft(tile[: len(part)], axis=1)  # (part, n_fft / 2 + 1) complex64
            _magnitudes(spectrum, amplitudes[start : start + _TILE], power[start : start + _TILE])
        return amplitudes, power

    @cached_property
    def _window(self) -> np.ndarray:
        return hann_window(self.frame_length)


def hann_window(length: int) -> np.ndarray:
    """Hann's window, periodic: (length,) float32."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


@numba.njit(cache=True)
def _magnitudes(spectrum, amplitudes, power):  # pragma: no cover
    for t in range(len(spectrum)):
        for k in range(spectrum.shape[1]):
            value = spectrum[t, k]
            squared = value.real * value.real + value.imag * value.imag
            power[t, k] = squared
            amplitudes[t, k] = np.sqrt(squared)
