"""Fundamental frequency by probabilistic YIN, with a Viterbi search that knows the transition matrix is banded.

Sources: A. de Cheveigné, H. Kawahara: YIN, a fundamental frequency estimator for speech and music. J. Acoust. Soc. Am.
111 (2002), 1917-1930. M. Mauch, S. Dixon: pYIN: A fundamental frequency estimator using probabilistic threshold
distributions. ICASSP 2014, 659-663. Parameters and decisions are those of `librosa.pyin`, the oracle of the tests: the
decoded path is the same, frame by frame.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.special

from voicetraits.features import viterbi, yin
from voicetraits.features.autocorrelation import autocorrelations

_THRESHOLDS = 100
_BETA = (2, 18)
_BOLTZMANN = 2.0
_BINS_PER_SEMITONE = 10
_MAX_OCTAVES_PER_SECOND = 35.92
#: Frames at a time: what is known of each lag stays in the second-level cache.
_TILE = 121


@dataclass(frozen=True)
class PitchTracker:
    """Probabilistic YIN with a fixed setting.

    Attributes:
        min_hz, max_hz: range in which F0 is sought.
        frame_length, hop_length: in samples; a frame should hold two periods of `min_hz`.
    """

    sample_rate_hz: int
    min_hz: float
    max_hz: float
    frame_length: int
    hop_length: int

    @property
    def min_period(self) -> int:
        """Shortest lag looked at, in samples."""
        return int(np.floor(self.sample_rate_hz / self.max_hz))

    @property
    def max_period(self) -> int:
        """Longest lag looked at, in samples."""
        return min(int(np.ceil(self.sample_rate_hz / self.min_hz)), self.frame_length - 1)

    @property
    def pitch_bins(self) -> int:
        """Number of pitches that the search tells apart."""
        return int(np.floor(12 * _BINS_PER_SEMITONE * np.log2(self.max_hz / self.min_hz))) + 1

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Track F0.

        Args:
            samples: (n,) float.

        Returns:
            (1 + n // hop_length,) F0 in Hz at the centre of each frame, NaN where unvoiced.
        """
        return self.search(*self.candidates(samples))

    def search(self, counts: np.ndarray, bins: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        """The most likely track through the candidates: (frames,) Hz, NaN where unvoiced."""
        states = viterbi.decode(counts, bins, probabilities, self._log_steps, self._log_sums)
        track_hz = self.min_hz * 2 ** (np.arange(self.pitch_bins) / (12 * _BINS_PER_SEMITONE))
        return np.where(states < self.pitch_bins, track_hz[states % self.pitch_bins], np.nan)

    def candidates(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What `yin.candidates` writes, of all frames."""
        frames = 1 + len(samples) // self.hop_length
        padded = np.zeros(len(samples) + self.frame_length)
        padded[self.frame_length // 2 :][: len(samples)] = samples
        counts = np.empty(frames, np.int64)
        most = (self.max_period - self.min_period) // 2 + 2  # troughs are two lags apart
        bins = np.empty((frames, most), np.int64)
        probabilities = np.empty(bins.shape)
        for start in range(0, frames, _TILE):
            tile = slice(start, min(start + _TILE, frames))
            part = padded[start * self.hop_length :]
            shape = (self.frame_length, self.hop_length, tile.stop - start)
            correlation = autocorrelations(part, *shape, self.max_period + 1)  # (1 + max_period, tile)
            differences = yin.normalised_differences(part, self.hop_length, correlation, self.min_period)
            yin.candidates(
                differences,
                self.min_period,
                self._threshold_tails,
                _BOLTZMANN,
                12 * _BINS_PER_SEMITONE,
                float(self.sample_rate_hz),
                float(self.min_hz),
                self.pitch_bins,
                counts[tile],
                bins[tile],
                probabilities[tile],
            )
        return counts, bins, probabilities

    @cached_property
    def _threshold_tails(self) -> np.ndarray:
        """Prior over YIN's threshold, 0.01 … 1: probability that it is the i-th or a higher one, (101,)."""
        a, b = _BETA
        return scipy.special.betainc(b, a, 1 - np.arange(_THRESHOLDS + 1) / _THRESHOLDS)

    @cached_property
    def _log_steps(self) -> np.ndarray:
        """Log-probability of a step by 0, 1, … pitches within one voicing, a triangle around 0, not normalised."""
        semitones = round(_MAX_OCTAVES_PER_SECOND * 12 * self.hop_length / self.sample_rate_hz)
        reach = semitones * _BINS_PER_SEMITONE // 2
        return np.log(reach + 1.0 - np.arange(reach + 1))

    @cached_property
    def _log_sums(self) -> np.ndarray:
        """Of the probabilities of all steps from a pitch to pitches that exist: (pitches,)."""
        distance = np.abs(np.subtract.outer(np.arange(self.pitch_bins), np.arange(self.pitch_bins)))
        return np.log(np.maximum(len(self._log_steps) - distance, 0.0).sum(axis=1))
