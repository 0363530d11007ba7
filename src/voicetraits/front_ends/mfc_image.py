"""The mel-frequency cepstrum (MFC) of one second as a colour picture, for nets that were made for pictures."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import scipy.fft

from voicetraits.features.cepstrum import cosine_transform
from voicetraits.features.filter_banks import mel_filters
from voicetraits.features.short_time import hann_window
from voicetraits.front_ends.cepstra import RANGE_DB, lifter, mel_level_db
from voicetraits.front_ends.clips import SAMPLE_RATE_HZ, fit_length

#: Liftered coefficients of speech, but for the first, lie within ± this, but for a few percent.
_REACH_DB = 300.0


@dataclass(frozen=True, kw_only=True)
class FrontEnd:
    """Makes the picture of a clip.

    Attributes:
        clip_seconds: of the middle of the clip that is looked at; a shorter clip stands amid silence.
        frame_seconds: length of a frame under Hann's window, and of the transform.
        hop_seconds: from one frame to the next; the first begins with the first sample.
        pre_emphasis: p of y[t] = x[t] − p·x[t−1].
        mel_bands: Slaney's, from 0 to 8 kHz.
        mfcc: coefficients, from number 0 on.
        lifter: L of `cepstra.lifter`.
    """

    name: ClassVar[str] = "mfc_image"

    clip_seconds: float = 1.0
    frame_seconds: float = 0.025
    hop_seconds: float = 0.01
    pre_emphasis: float = 0.97
    mel_bands: int = 40
    mfcc: int = 12
    lifter: int = 22

    @property
    def shape(self) -> tuple[int, int, int]:
        """(98, 12, 3): frames, coefficients, red-green-blue."""
        return 1 + (self._samples - self._frame_length) // self._hop_length, self.mfcc, 3

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """(n,) float32, −1 … 1 at 16 kHz → (98, 12, 3) float32, 0 … 1.

        Levels are relative to the clip's loudest band, so that a clip's volume does not count. Coefficient 0 is mapped
        from its whole range, the others from −300 … 300 dB.
        """
        level_db = self._level_db(samples)
        coefficients = (level_db - level_db.max()) @ self._transform.T  # (98, 12)
        highest, reach = np.zeros(self.mfcc), np.full(self.mfcc, 2 * _REACH_DB)
        highest[1:], reach[0] = _REACH_DB, RANGE_DB * self._transform[0].sum()
        return colours(1 + (coefficients - highest) / reach).astype(np.float32)

    def coefficients(self, samples: np.ndarray) -> np.ndarray:
        """The liftered MFCC themselves, in dB: (n,) → (98, 12) float64."""
        return self._level_db(samples) @ self._transform.T

    def _level_db(self, samples: np.ndarray) -> np.ndarray:
        fitted = fit_length(samples, self._samples)
        emphasised = np.append(fitted[:1], fitted[1:] - self.pre_emphasis * fitted[:-1])
        frames = np.lib.stride_tricks.sliding_window_view(emphasised, self._frame_length)[:: self._hop_length]
        power = np.square(np.abs(scipy.fft.rfft(frames * hann_window(self._frame_length), axis=1)))  # (98, 201)
        return mel_level_db(power, self._filters)

    @property
    def _samples(self) -> int:
        return round(self.clip_seconds * SAMPLE_RATE_HZ)

    @property
    def _frame_length(self) -> int:
        return round(self.frame_seconds * SAMPLE_RATE_HZ)

    @property
    def _hop_length(self) -> int:
        return round(self.hop_seconds * SAMPLE_RATE_HZ)

    @cached_property
    def _filters(self) -> np.ndarray:
        n_fft = self._frame_length
        return mel_filters(sample_rate_hz=SAMPLE_RATE_HZ, n_fft=n_fft, bands=self.mel_bands, pre_emphasis=0)

    @cached_property
    def _transform(self) -> np.ndarray:
        """(12, 40), liftered."""
        return cosine_transform(self.mfcc, self.mel_bands) * lifter(self.mfcc, self.lifter)[:, None]


def colours(levels: np.ndarray) -> np.ndarray:
    """Map 0 … 1 from blue over cyan, green and yellow to red: the colour map `jet`.

    Each of red, green and blue is a trapezium of slope 4, 1.5 − |4·x − centre| with centres 3, 2, 1, cut to 0 … 1.

    Args:
        levels: any shape; what lies beyond 0 … 1 counts as 0 or 1.

    Returns:
        the same shape and (3,), 0 … 1.
    """
    centres = np.array([3.0, 2.0, 1.0])
    return np.clip(1.5 - np.abs(4 * np.clip(levels, 0, 1)[..., None] - centres), 0, 1)
