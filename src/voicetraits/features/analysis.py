"""What the families of features share of a clip: computed once, in one place."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Analysis:
    """A clip and what is known of its frames, which are centred at multiples of `hop_length`, zeros beyond its ends.

    Attributes:
        sample_rate_hz: of the samples.
        frame_length, hop_length, n_fft: in samples.
        samples: (n,) float32, −1 … 1.
        amplitudes: (frames, n_fft / 2 + 1) float32, magnitude of the short-time spectrum under Hann's window, not
            normalised; frames = 1 + n // hop_length. C-contiguous: a frame is a row.
        power: the same, squared.
        log_mel_db: (frames, mel_bands) float32, level of mel bands after pre-emphasis, −100 or more.
        chroma_power: (frames, 12) float32, power in pitch classes, from C on.
        f0_hz: (frames,) float64, NaN where unvoiced.
    """

    sample_rate_hz: int
    frame_length: int
    hop_length: int
    n_fft: int
    samples: np.ndarray
    amplitudes: np.ndarray
    power: np.ndarray
    log_mel_db: np.ndarray
    chroma_power: np.ndarray
    f0_hz: np.ndarray

    @property
    def frequencies_hz(self) -> np.ndarray:
        """Of the spectrum's bins: (n_fft / 2 + 1,)."""
        return np.arange(self.n_fft // 2 + 1) * self.sample_rate_hz / self.n_fft
