"""Fundamental frequency by probabilistic YIN, with a Viterbi search that knows the transition matrix is banded.

Sources: A. de Cheveigné, H. Kawahara: YIN, a fundamental frequency estimator for speech and music. J. Acoust. Soc. Am.
111 (2002), 1917-1930. M. Mauch, S. Dixon: pYIN: A fundamental frequency estimator using probabilistic threshold
distributions. ICASSP 2014, 659-663. Parameters and decisions are those of `librosa.pyin`, the oracle of the tests: the
decoded path is the same, frame by frame.
"""

from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np
import scipy.fft
import scipy.stats

from voicetraits.features.feature import Feature

_THRESHOLDS = 100
_BETA = (2, 18)
_BOLTZMANN = 2.0
_BINS_PER_SEMITONE = 10
_MAX_OCTAVES_PER_SECOND = 35.92
_SWITCH_PROBABILITY = 0.01
_NO_TROUGH_PROBABILITY = 0.01
_TINY = np.finfo(np.float64).tiny

_DEFINITIONS = (
    ("f0_median_hz", "Hz", "median of F0 over voiced frames"),
    ("f0_mean_hz", "Hz", "mean of F0 over voiced frames"),
    ("f0_std_hz", "Hz", "standard deviation of F0 over voiced frames"),
    ("f0_q25_hz", "Hz", "first quartile of F0 over voiced frames"),
    ("f0_q75_hz", "Hz", "third quartile of F0 over voiced frames"),
    ("f0_range_hz", "Hz", "largest minus smallest F0 over voiced frames"),
    ("voiced_share", "1", "voiced frames / all frames"),
)


def describe() -> list[Feature]:
    """The features that `pitch_statistics` gives, in its order."""
    no_voice = " (0 where no frame is voiced)"
    return [
        Feature(name, unit, definition + (no_voice if unit == "Hz" else "")) for name, unit, definition in _DEFINITIONS
    ]


def pitch_statistics(f0_hz: np.ndarray) -> np.ndarray:
    """Statistics of a pitch track.

    Args:
        f0_hz: (frames,), NaN where unvoiced.

    Returns:
        (7,) in the order of `describe`; all zeros where no frame is voiced.
    """
    voiced = f0_hz[~np.isnan(f0_hz)]
    if not len(voiced):
        return np.zeros(len(_DEFINITIONS))
    q25, median, q75 = np.percentile(voiced, [25, 50, 75])
    return np.array([median, voiced.mean(), voiced.std(), q25, q75, np.ptp(voiced), len(voiced) / len(f0_hz)])


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
        differences = self._normalised_differences(samples)  # (frames, lags)
        voiced_bins, candidates = _observe(
            differences,
            self.min_period,
            float(self.sample_rate_hz),
            self.min_hz,
            self.pitch_bins,
            self._threshold_weights,
            self._trough_prior,
        )
        states = _decode(voiced_bins, candidates, self._log_transitions)
        track_hz = self.min_hz * 2 ** (np.arange(self.pitch_bins) / (12 * _BINS_PER_SEMITONE))
        return np.where(states < self.pitch_bins, track_hz[states % self.pitch_bins], np.nan)

    def _normalised_differences(self, samples: np.ndarray) -> np.ndarray:
        """YIN's cumulative mean normalised difference, equation 8, for lags min_period … max_period: (frames, lags)."""
        padded = np.pad(samples.astype(np.float64), self.frame_length // 2)
        frames = np.lib.stride_tricks.sliding_window_view(padded, self.frame_length)[:: self.hop_length]
        # Autocorrelation by the power spectrum; the zeros keep its lags from wrapping round.
        size = scipy.fft.next_fast_len(self.frame_length + self.max_period, real=True)
        spectrum = scipy.fft.rfft(frames, size, axis=1)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        correlation = scipy.fft.irfft(power, size, axis=1)[:, : self.max_period + 1]  # (frames, 1 + max_period)
        # Energy that the lagged frame has lost: Σ of the first k squared samples.
        lost = np.cumsum(np.square(frames[:, : self.max_period]), axis=1)  # (frames, max_period)
        difference = 2 * (correlation[:, :1] - correlation[:, 1:]) - lost  # lags 1 … max_period
        mean = np.cumsum(difference, axis=1) / np.arange(1, self.max_period + 1)
        wanted = slice(self.min_period - 1, self.max_period)
        return difference[:, wanted] / (mean[:, wanted] + _TINY)

    @cached_property
    def _threshold_weights(self) -> np.ndarray:
        """Prior over YIN's threshold: (100,) probabilities of thresholds 0.01 … 1."""
        return np.diff(scipy.stats.beta.cdf(np.linspace(0, 1, _THRESHOLDS + 1), *_BETA))

    @cached_property
    def _trough_prior(self) -> np.ndarray:
        """Prior of the k-th of n troughs below a threshold, Boltzmann's distribution: (n + 1, n + 1) as [n, k]."""
        most = (self.max_period - self.min_period) // 2 + 2
        prior = np.zeros((most + 1, most + 1))
        for n in range(1, most + 1):
            k = np.arange(n)
            prior[n, :n] = (1 - np.exp(-_BOLTZMANN)) * np.exp(-_BOLTZMANN * k) / (1 - np.exp(-_BOLTZMANN * n))
        return prior

    @cached_property
    def _log_transitions(self) -> np.ndarray:
        """Log-probability of a step between pitches within one voicing: (band, bins) as [i − j + band // 2, j], i → j.

        Triangular around no change, each row normalised over the pitches that exist.
        """
        semitones = round(_MAX_OCTAVES_PER_SECOND * 12 * self.hop_length / self.sample_rate_hz)
        reach = semitones * _BINS_PER_SEMITONE // 2
        i, j = np.mgrid[: self.pitch_bins, : self.pitch_bins]
        triangle = np.maximum(reach + 1 - np.abs(i - j), 0).astype(np.float64)
        step = triangle / triangle.sum(axis=1, keepdims=True)  # (from, to)
        banded = np.zeros((2 * reach + 1, self.pitch_bins))
        for offset in range(-reach, reach + 1):
            to = np.arange(max(0, -offset), min(self.pitch_bins, self.pitch_bins - offset))
            banded[offset + reach, to] = step[to + offset, to]
        return np.log(banded + _TINY)


@numba.njit(cache=True)
def _observe(differences, min_period, sample_rate_hz, min_hz, pitch_bins, weights, prior):  # pragma: no cover
    """Candidates of each frame: (frames, troughs) bins, −1 where there is none, and their probabilities."""
    frames, lags = differences.shape
    thresholds = len(weights)
    most = prior.shape[0] - 1
    bins = np.full((frames, most), -1, np.int32)
    probabilities = np.zeros((frames, most))
    trough = np.empty(most, np.int64)
    for t in range(frames):
        d = differences[t]
        troughs = 0
        if d[0] < d[1]:
            trough[0] = 0
            troughs = 1
        for lag in range(1, lags):
            if d[lag] < d[lag - 1] and (lag == lags - 1 or d[lag] <= d[lag + 1]):
                trough[troughs] = lag
                troughs += 1
        if troughs == 0:
            continue
        lowest = 0
        for k in range(1, troughs):
            if d[trough[k]] < d[trough[lowest]]:
                lowest = k
        for threshold in range(thresholds):
            limit = (threshold + 1) / thresholds
            below = 0
            for k in range(troughs):
                below += d[trough[k]] < limit
            if below == 0:
                probabilities[t, lowest] += _NO_TROUGH_PROBABILITY * weights[threshold]
                continue
            position = 0
            for k in range(troughs):
                if d[trough[k]] < limit:
                    probabilities[t, k] += prior[below, position] * weights[threshold]
                    position += 1
        for k in range(troughs):
            lag = trough[k]
            shift = 0.0
            if 0 < lag < lags - 1:  # vertex of the parabola through three lags
                curvature = d[lag + 1] + d[lag - 1] - 2 * d[lag]
                slope = (d[lag + 1] - d[lag - 1]) / 2
                if abs(slope) < abs(curvature):
                    shift = -slope / curvature
            f0_hz = sample_rate_hz / (min_period + lag + shift)
            bin_ = max(0, int(np.round(12 * _BINS_PER_SEMITONE * np.log2(f0_hz / min_hz))))
            if probabilities[t, k] > 0 and bin_ < pitch_bins:
                bins[t, k] = bin_
    return bins, probabilities


@numba.njit(cache=True)
def _decode(bins, probabilities, log_transitions):  # pragma: no cover
    """Viterbi search over (voiced, unvoiced) × pitch: (frames,) states, the voiced ones first.

    A step outside the band has the probability `_TINY`, not zero, as in librosa; the best of them starts at the best
    state of all, so one comparison covers them.
    """
    frames, candidates = bins.shape
    band, n = log_transitions.shape
    reach = band // 2
    stay, switch, never = np.log(1 - _SWITCH_PROBABILITY), np.log(_SWITCH_PROBABILITY), np.log(_TINY)
    back = np.empty((frames, 2 * n), np.int32)
    value = np.full(2 * n, -np.log(2 * n))
    new = np.empty(2 * n)
    seen = np.empty(n)
    best = np.empty((2, n))
    origin = np.empty((2, n), np.int32)
    for t in range(frames):
        seen[:] = 0.0
        for k in range(candidates):
            if bins[t, k] >= 0:
                seen[bins[t, k]] = probabilities[t, k]  # the longer period wins a shared bin
        voiced = min(max(seen.sum(), 0.0), 1.0)
        unvoiced = np.log((1 - voiced) / n + _TINY)
        if t == 0:
            for j in range(n):
                value[j] += np.log(seen[j] + _TINY)
                value[n + j] += unvoiced
            continue
        top = np.argmax(value)
        for half in range(2):
            best[half, :] = -np.inf
            for offset in range(-reach, reach + 1):
                for j in range(max(0, -offset), min(n, n - offset)):
                    score = value[half * n + j + offset] + log_transitions[offset + reach, j]
                    if score > best[half, j]:
                        best[half, j] = score
                        origin[half, j] = half * n + j + offset
        for j in range(n):
            for half in range(2):
                a = best[0, j] + (stay if half == 0 else switch)
                b = best[1, j] + (stay if half == 1 else switch)
                score, source = (a, origin[0, j]) if a >= b else (b, origin[1, j])
                if value[top] + never > score:
                    score, source = value[top] + never, top
                new[half * n + j] = score + (np.log(seen[j] + _TINY) if half == 0 else unvoiced)
                back[t, half * n + j] = source
        value[:] = new
    states = np.empty(frames, np.int64)
    states[-1] = np.argmax(value)
    for t in range(frames - 2, -1, -1):
        states[t] = back[t + 1, states[t + 1]]
    return states
