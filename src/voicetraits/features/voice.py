"""Vocal tract, voice quality, rhythm: the families that need the samples, F0 and the short-time spectrum, in one."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from voicetraits.features import formants, harmonicity, perturbation, rhythm, spectral_balance, voice_table
from voicetraits.features.feature import Feature
from voicetraits.features.low_rate import LowRate
from voicetraits.features.periodicity import PeriodicityTracker

#: Harmonicity is looked at every so many seconds: means over a clip change by less than they differ from clip to clip.
_HARMONICITY_STEP_SECONDS = 0.030


def describe() -> list[Feature]:
    """The features that `VoiceFeatures` gives, in its order."""
    return [
        *formants.describe(),
        *perturbation.describe(),
        *harmonicity.describe(),
        *spectral_balance.describe(),
        *voice_table.describe(),
        *rhythm.describe(),
    ]


@dataclass(frozen=True)
class VoiceFeatures:
    """All of them with one setting; made once, used for many clips.

    Attributes:
        hop_length: distance of the frames of F0 and of the short-time spectrum, in samples.
        n_fft: length of the short-time spectrum's transform.
        window_energy: Σ w² of its window w.
        formant_ceiling_hz: five formants are sought below it; 5000 or more, up to half the sample rate.
    """

    sample_rate_hz: int
    hop_length: int
    n_fft: int
    window_energy: float
    formant_ceiling_hz: float = 5500.0

    def __call__(self, samples: np.ndarray, power: np.ndarray, f0_hz: np.ndarray) -> np.ndarray:
        """All of them for one clip.

        Args:
            samples: (n,) float32.
            power: (frames, n_fft / 2 + 1) float32, squared magnitude of the short-time spectrum, frame t centred at
                sample t · hop_length.
            f0_hz: (frames,) F0 by probabilistic YIN, NaN where unvoiced.

        Returns:
            (features,) float64 in the order of `describe`, always finite.
        """
        voiced = ~np.isnan(f0_hz)
        middles = formants.frame_middles(len(samples), hop_length=self.hop_length, sample_rate_hz=self.sample_rate_hz)
        nearest = np.floor(middles / self.hop_length + 0.5).astype(int)  # frame of F0, which stand elsewhere
        of_formants = np.rint(middles[voiced[nearest]]).astype(int)
        # Every so many voiced frames, however short the stretches are.
        of_harmonics = np.flatnonzero(voiced)[:: self._frames(_HARMONICITY_STEP_SECONDS)]
        everywhere = np.arange(0, len(samples), self._frames(_HARMONICITY_STEP_SECONDS) * self.hop_length)
        low = self._low_rate(samples)
        contour_hz, _ = self._periodicity(low, self._places(np.arange(len(f0_hz))))
        cycles = perturbation.glottal_cycles(
            samples, contour_hz, sample_rate_hz=self.sample_rate_hz, hop_length=self.hop_length
        )
        return np.concatenate(
            [
                formants.formant_statistics(*self._formants(low, self._low_rate.places(of_formants))),
                perturbation.perturbation_statistics(samples, cycles, self.sample_rate_hz),
                harmonicity.harmonicity_statistics(
                    self._noise(samples, everywhere),
                    *self._harmonics(low, self._places(of_harmonics), f0_hz[of_harmonics]),
                ),
                self._balance(power, voiced),
                voice_table.voice_table_columns(samples, self.sample_rate_hz),
                rhythm.rhythm_statistics(
                    samples, voiced, sample_rate_hz=self.sample_rate_hz, hop_length=self.hop_length
                ),
            ]
        )

    def _frames(self, seconds: float) -> int:
        return max(1, round(seconds * self.sample_rate_hz / self.hop_length))

    def _places(self, frames: np.ndarray) -> np.ndarray:
        """Middles of frames, in samples at the low rate."""
        return self._low_rate.places(frames * self.hop_length)

    @cached_property
    def _low_rate(self) -> LowRate:
        return LowRate(self.sample_rate_hz, 2 * self.formant_ceiling_hz)

    @cached_property
    def _formants(self) -> formants.FormantTracker:
        return formants.FormantTracker(self._low_rate.to_hz)

    @cached_property
    def _periodicity(self) -> PeriodicityTracker:
        return PeriodicityTracker(self._low_rate.to_hz, self.hop_length / self.sample_rate_hz)

    @cached_property
    def _harmonics(self) -> harmonicity.HarmonicTracker:
        return harmonicity.HarmonicTracker(self._low_rate.to_hz)

    @cached_property
    def _noise(self) -> harmonicity.NoiseRatioTracker:
        return harmonicity.NoiseRatioTracker(self.sample_rate_hz)

    @cached_property
    def _balance(self) -> spectral_balance.SpectralBalance:
        return spectral_balance.SpectralBalance(self.sample_rate_hz, self.n_fft, self.window_energy)
