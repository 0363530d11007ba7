"""The short-time spectrum that most families share."""

from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np
import scipy.fft

#: Frames at a time: what their transforms need stays in the second-level cache.
_TILE = 32


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
        frames = 1 + len(samples) // self.hop_length
        amplitudes = np.empty((frames, self.n_fft // 2 + 1), np.float32)
        power = np.empty_like(amplitudes)
        # In float64, as librosa's: the spectral contrast looks at bins 60 dB and more below the strongest.
        tile = np.zeros((_TILE, self.n_fft))
        for start in range(0, frames, _TILE):
            part = slice(start, min(start + _TILE, frames))
            windowed = tile[: part.stop - start]
            _apply_window(samples, start, self.hop_length, self._window, windowed)
            spectrum = scipy.fft.rfft(windowed, axis=1)  # (part, n_fft / 2 + 1)
            _magnitudes(spectrum, amplitudes[part], power[part])
        return amplitudes, power

    @cached_property
    def _window(self) -> np.ndarray:
        return hann_window(self.frame_length)


def hann_window(length: int) -> np.ndarray:
    """Hann's window, periodic: (length,)."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)


@numba.njit(cache=True)
def _apply_window(samples, first, hop_length, window, windowed):  # pragma: no cover
    """Write frames `first`, first + 1, … into the rows of `windowed`; what follows a frame there stays as it is."""
    n = len(samples)
    for row in range(len(windowed)):
        begin = (first + row) * hop_length - len(window) // 2
        for i in range(len(window)):
            inside = 0 <= begin + i < n
            windowed[row, i] = samples[begin + i] * window[i] if inside else 0.0


@numba.njit(cache=True)
def _magnitudes(spectrum, amplitudes, power):  # pragma: no cover
    for t in range(len(spectrum)):
        for k in range(spectrum.shape[1]):
            value = spectrum[t, k]
            squared = value.real * value.real + value.imag * value.imag
            power[t, k] = squared
            amplitudes[t, k] = np.sqrt(squared)
