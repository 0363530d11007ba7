"""Statistics of spectral features over a whole clip: one row of numbers, for nets of dense layers alone."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from voicetraits.features import cepstrum, frames, spectrum
from voicetraits.features.analysis import Analysis
from voicetraits.features.filter_banks import chroma_filters, mel_filters
from voicetraits.features.short_time import ShortTimeSpectrum
from voicetraits.front_ends.clips import SAMPLE_RATE_HZ

_STATISTICS = ("mean", "std")


@dataclass(frozen=True, kw_only=True)
class FrontEnd:
    """Describes a clip by its spectrum and by the mean and deviation of what its frames are like.

    Definitions are those of the features of the same names; F0, formants and the quality of the voice are left out.

    Attributes:
        frame_seconds: length of a frame under Hann's window.
        hop_seconds: from one frame to the next; frames are centred.
        pre_emphasis: p of y[t] = x[t] − p·x[t−1], before the mel bands.
        mel_bands: Slaney's, from 0 to 8 kHz.
        mfcc: coefficients.
        voice_range_hz: the clip's spectrum is described from 0 to 8 kHz, and again up to this.
        clip_seconds: None, since it takes all of a clip.
    """

    name: ClassVar[str] = "spectral_statistics"
    clip_seconds: ClassVar[None] = None

    frame_seconds: float = 0.05
    hop_seconds: float = 0.02
    pre_emphasis: float = 0.97
    mel_bands: int = 64
    mfcc: int = 20
    voice_range_hz: float = 280.0

    @property
    def shape(self) -> tuple[int]:
        """(292,): as many as `names`."""
        return (len(self.names),)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Of the numbers, in order: `<feature>_<statistic>`, with units."""
        prefixes = ("spectrum", "voice_range")
        of_spectrum = [
            spectrum.describe(name, *range_hz) for name, range_hz in zip(prefixes, self._ranges_hz, strict=True)
        ]
        described = (
            *of_spectrum,
            frames.describe(_STATISTICS),
            cepstrum.describe(mfcc=self.mfcc, mel_bands=self.mel_bands, **self._cepstral_statistics),
        )
        return tuple(feature.name for features in described for feature in features)

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """(n,) float32, −1 … 1 at 16 kHz → (292,) float32."""
        analysis = self._analyse(samples)
        return np.concatenate(
            [
                spectrum.utterance_statistics(analysis, self._ranges_hz),
                frames.frame_statistics(analysis, _STATISTICS),
                cepstrum.cepstral_statistics(analysis, transform=self._transform, **self._cepstral_statistics),
            ]
        ).astype(np.float32)

    def _analyse(self, samples: np.ndarray) -> Analysis:
        frame_length = self._short_time.frame_length
        if len(samples) < frame_length:
            samples = np.pad(samples, (0, frame_length - len(samples)))
        amplitudes, power = self._short_time(samples)  # (frames, n_fft / 2 + 1)
        return Analysis(
            sample_rate_hz=SAMPLE_RATE_HZ,
            frame_length=frame_length,
            hop_length=self._short_time.hop_length,
            n_fft=self._short_time.n_fft,
            samples=samples,
            amplitudes=amplitudes,
            power=power,
            log_mel_db=cepstrum.log_mel_spectrum(power @ self._mel_filters.T),
            chroma_power=power @ self._chroma_filters.T,
            f0_hz=np.full(len(power), np.nan),  # which none of these features looks at
        )

    @property
    def _ranges_hz(self) -> tuple[tuple[float, float], ...]:
        return (0, SAMPLE_RATE_HZ / 2), (0, self.voice_range_hz)

    @property
    def _cepstral_statistics(self) -> dict[str, tuple[str, ...]]:
        return {f"{matrix}_statistics": _STATISTICS for matrix in ("mfcc", "mfcc_delta", "log_mel")}

    @cached_property
    def _short_time(self) -> ShortTimeSpectrum:
        frame_length = 2 * round(self.frame_seconds * SAMPLE_RATE_HZ / 2)
        hop_length = round(self.hop_seconds * SAMPLE_RATE_HZ)
        return ShortTimeSpectrum(
            frame_length=frame_length, hop_length=hop_length, n_fft=1 << (frame_length - 1).bit_length()
        )

    @cached_property
    def _mel_filters(self) -> np.ndarray:
        return mel_filters(
            sample_rate_hz=SAMPLE_RATE_HZ,
            n_fft=self._short_time.n_fft,
            bands=self.mel_bands,
            pre_emphasis=self.pre_emphasis,
        )

    @cached_property
    def _chroma_filters(self) -> np.ndarray:
        return chroma_filters(sample_rate_hz=SAMPLE_RATE_HZ, n_fft=self._short_time.n_fft)

    @cached_property
    def _transform(self) -> np.ndarray:
        return cepstrum.cosine_transform(self.mfcc, self.mel_bands)
