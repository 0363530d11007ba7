"""The signal itself in short windows, for nets that are to find their features on their own."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import soxr

from voicetraits.front_ends.clips import SAMPLE_RATE_HZ

#: A clip that is fainter than this (−60 dB re full scale) is silence, and not raised to the level of speech.
_FAINTEST_RMS = 1e-3


@dataclass(frozen=True, kw_only=True)
class FrontEnd:
    """Cuts a clip into windows that overlap.

    Attributes:
        sample_rate_hz: to which it is resampled first (soxr, high quality).
        window_seconds: length of a window.
        hop_seconds: from one window to the next. What is left at the end is dropped; a clip that is shorter than a
            window gets zeros behind it.
        clip_seconds: None, since it takes all of a clip.
    """

    name: ClassVar[str] = "signal_windows"
    clip_seconds: ClassVar[None] = None

    sample_rate_hz: int = 8_000
    window_seconds: float = 0.25
    hop_seconds: float = 0.125

    @property
    def shape(self) -> tuple[None, int]:
        """(windows, 2000)."""
        return None, self._window_length

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """(n,) float32, −1 … 1 at 16 kHz → (windows, 2000) float32, the whole clip's root mean square 1."""
        resampled = soxr.resample(samples.astype(np.float64), SAMPLE_RATE_HZ, self.sample_rate_hz)
        rms = np.sqrt(np.mean(np.square(resampled))) if len(resampled) else 0.0
        length, hop = self._window_length, round(self.hop_seconds * self.sample_rate_hz)
        levelled = np.zeros(max(len(resampled), length), np.float32)
        levelled[: len(resampled)] = resampled / max(rms, _FAINTEST_RMS)
        return np.lib.stride_tricks.sliding_window_view(levelled, length)[::hop].copy()

    @property
    def _window_length(self) -> int:
        return round(self.window_seconds * self.sample_rate_hz)
