"""Computes what the families of features share of a clip."""

import numpy as np

from voicetraits.features.analysis import Analysis
from voicetraits.features.cepstrum import log_mel_spectrum
from voicetraits.features.filter_banks import chroma_filters, mel_filters
from voicetraits.features.pyin import PitchTracker
from voicetraits.features.short_time import ShortTimeSpectrum


class Analyser:
    """Makes an `Analysis` of each clip, all with one setting.

    Args:
        frame_length, hop_length, n_fft, f0_frame_length: in samples.
        pre_emphasis: of the mel spectrum, 0 for none.
        f0_min_hz, f0_max_hz: range in which F0 is sought.

    Attributes:
        short_time: makes the short-time spectrum.
        tracker: tracks F0.
    """

    def __init__(
        self,
        *,
        sample_rate_hz: int,
        frame_length: int,
        hop_length: int,
        n_fft: int,
        mel_bands: int,
        pre_emphasis: float,
        f0_min_hz: float,
        f0_max_hz: float,
        f0_frame_length: int,
    ) -> None:
        self._setting = {
            "sample_rate_hz": sample_rate_hz,
            "frame_length": frame_length,
            "hop_length": hop_length,
            "n_fft": n_fft,
        }
        self.short_time = ShortTimeSpectrum(frame_length=frame_length, hop_length=hop_length, n_fft=n_fft)
        self.tracker = PitchTracker(
            sample_rate_hz=sample_rate_hz,
            min_hz=f0_min_hz,
            max_hz=f0_max_hz,
            frame_length=f0_frame_length,
            hop_length=hop_length,
        )
        self._mel_bands = mel_bands
        self._filters = np.concatenate(  # (mel_bands + 12, n_fft / 2 + 1): one product serves both
            [
                mel_filters(sample_rate_hz=sample_rate_hz, n_fft=n_fft, bands=mel_bands, pre_emphasis=pre_emphasis),
                chroma_filters(sample_rate_hz=sample_rate_hz, n_fft=n_fft),
            ]
        )

    def __call__(self, samples: np.ndarray, *, f0_hz: np.ndarray | None = None) -> Analysis:
        """Analyse a clip.

        Args:
            samples: (n,) float32.
            f0_hz: its F0 where that is known already; else it is tracked.
        """
        amplitudes, power = self.short_time(samples)  # (frames, n_fft / 2 + 1)
        log_mel_db, chroma_power = self.filter(power)
        return Analysis(
            **self._setting,
            samples=samples,
            amplitudes=amplitudes,
            power=power,
            log_mel_db=log_mel_db,
            chroma_power=chroma_power,
            f0_hz=self.tracker(samples) if f0_hz is None else f0_hz,
        )

    def filter(self, power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log-mel spectrum in dB, (frames, mel_bands), and power in pitch classes, (frames, 12)."""
        filtered = power @ self._filters.T  # (frames, mel_bands + 12)
        return log_mel_spectrum(filtered[:, : self._mel_bands]), filtered[:, self._mel_bands :]
