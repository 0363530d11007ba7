"""MFCC of two seconds as an image of fixed size, one row a coefficient."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from voicetraits.features.cepstrum import cosine_transform
from voicetraits.features.filter_banks import mel_filters
from voicetraits.features.short_time import ShortTimeSpectrum
from voicetraits.front_ends.cepstra import RANGE_DB, mel_level_db
from voicetraits.front_ends.clips import SAMPLE_RATE_HZ, fit_length

_N_FFT = 2048


@dataclass(frozen=True, kw_only=True)
class FrontEnd:
    """Makes the image of a clip.

    The originals use librosa's frames at 22.05 kHz, 2,048 samples every 512. These last as long at 16 kHz, so that two
    seconds are 87 frames here as well.

    Attributes:
        clip_seconds: of the middle of the clip that is looked at; a shorter clip stands amid silence.
        frame_seconds: length of a frame under Hann's window; the transform appends zeros up to 2,048 samples.
        hop_seconds: from one frame to the next; frames are centred.
        mel_bands: Slaney's, from 0 to 8 kHz.
        mfcc: coefficients.
    """

    name: ClassVar[str] = "mfcc_image"

    clip_seconds: float = 2.0
    frame_seconds: float = 2048 / 22_050
    hop_seconds: float = 512 / 22_050
    mel_bands: int = 128
    mfcc: int = 40

    @property
    def shape(self) -> tuple[int, int]:
        """(40, 87): coefficients, frames."""
        return self.mfcc, 1 + self._samples // self._spectrum.hop_length

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """(n,) float32, −1 … 1 at 16 kHz → (40, 87) float32, mostly −3 … 3.

        Levels are relative to the clip's loudest band, so that a clip's volume does not count. Each coefficient is
        divided by about its standard deviation in speech, which falls with its number; coefficient 0, which cannot be
        positive, is centred first.
        """
        level_db = self._level_db(samples)
        coefficients = (level_db - level_db.max()) @ self._transform.T  # (87, 40)
        lowest = -RANGE_DB * np.sqrt(self.mel_bands)
        coefficients[:, 0] -= lowest / 2
        number = np.arange(1, self.mfcc)
        scale = np.concatenate([[-lowest / 4], 8 + 60 / number])
        return (coefficients / scale).T.astype(np.float32)

    def coefficients(self, samples: np.ndarray) -> np.ndarray:
        """The MFCC themselves, in dB: (n,) → (40, 87) float64."""
        return (self._level_db(samples) @ self._transform.T).T

    def _level_db(self, samples: np.ndarray) -> np.ndarray:
        _, power = self._spectrum(fit_length(samples, self._samples))  # (87, 1025)
        return mel_level_db(power, self._filters)

    @property
    def _samples(self) -> int:
        return round(self.clip_seconds * SAMPLE_RATE_HZ)

    @cached_property
    def _spectrum(self) -> ShortTimeSpectrum:
        frame_length = 2 * round(self.frame_seconds * SAMPLE_RATE_HZ / 2)
        hop_length = round(self.hop_seconds * SAMPLE_RATE_HZ)
        return ShortTimeSpectrum(frame_length=frame_length, hop_length=hop_length, n_fft=_N_FFT)

    @cached_property
    def _filters(self) -> np.ndarray:
        return mel_filters(sample_rate_hz=SAMPLE_RATE_HZ, n_fft=_N_FFT, bands=self.mel_bands, pre_emphasis=0)

    @cached_property
    def _transform(self) -> np.ndarray:
        return cosine_transform(self.mfcc, self.mel_bands)
