"""Log-mel frames: level in dB of each mel band, as the features have it, in float32."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from voicetraits.features.cepstrum import log_mel_spectrum
from voicetraits.features.filter_banks import mel_filters
from voicetraits.features.short_time import ShortTimeSpectrum

_SAMPLE_RATE_HZ = 16_000


@dataclass(frozen=True)
class FrontEnd:
    """Centred frames, Hann's window, Slaney's mel bands after pre-emphasis, floored at −100 dB.

    Attributes:
        mel_bands: number of bands up to 8 kHz.
        frame_seconds, hop_seconds: length of a frame and distance between frames.
        pre_emphasis: y[t] = x[t] − pre_emphasis · x[t−1].
        range_db: no level lies further below the clip's highest; None: down to the floor. Digital silence, and bands
            that a recording at a lower rate does not have, then look like any quiet place.
    """

    name: ClassVar[str] = "log_mel"
    has_bands: ClassVar[bool] = True

    mel_bands: int = 64
    frame_seconds: float = 0.025
    hop_seconds: float = 0.010
    pre_emphasis: float = 0.97
    range_db: float | None = None

    @property
    def shape(self) -> tuple[int | None, ...]:
        """(frames, mel_bands)."""
        return (None, self.mel_bands)

    @property
    def clip_seconds(self) -> float | None:
        """It takes all of a clip."""
        return None

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """(n,) float32 → (1 + n // hop_length, mel_bands) float32, in dB."""
        _, power = self._short_time(samples)  # (frames, n_fft / 2 + 1)
        levels_db = log_mel_spectrum(power @ self._filters.T)
        if self.range_db is None:
            return levels_db
        return np.maximum(levels_db, levels_db.max() - np.float32(self.range_db))

    @cached_property
    def _short_time(self) -> ShortTimeSpectrum:
        frame_length = 2 * round(self.frame_seconds * _SAMPLE_RATE_HZ / 2)
        return ShortTimeSpectrum(
            frame_length=frame_length,
            hop_length=round(self.hop_seconds * _SAMPLE_RATE_HZ),
            n_fft=1 << (frame_length - 1).bit_length(),
        )

    @cached_property
    def _filters(self) -> np.ndarray:
        """(mel_bands, n_fft / 2 + 1)"""
        return mel_filters(
            sample_rate_hz=_SAMPLE_RATE_HZ,
            n_fft=self._short_time.n_fft,
            bands=self.mel_bands,
            pre_emphasis=self.pre_emphasis,
        )
