"""A contour of F0 by autocorrelation, on which glottal cycles are counted.

Jitter and shimmer depend on where speech counts as voiced more than on anything else, and their published norms rest on
Praat's decision. So glottal cycles are sought along this contour, not along that of probabilistic YIN (pitch.py), which
calls more of speech voiced.

Source: P. Boersma: Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a
sampled sound. IFA Proceedings 17 (1993), 97-110; settings are the standard ones of Praat's command `To Pitch`. Peaks of
the autocorrelation are found by a parabola where Praat interpolates by windowed sines.
"""

from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np
import scipy.fft

_PERIODS_PER_WINDOW = 3
_SILENCE_THRESHOLD = 0.03
_VOICING_THRESHOLD = 0.45
_OCTAVE_COST = 0.01
_OCTAVE_JUMP_COST = 0.35
_VOICING_COST = 0.14
_MAX_CANDIDATES = 15
#: Costs of a step hold for frames this far apart.
_COST_STEP_SECONDS = 0.01
#: Frames transformed at a time, so that they stay in the cache.
_TILE = 256


@dataclass(frozen=True)
class PeriodicityTracker:
    """Boersma's autocorrelation method with a fixed setting.

    Attributes:
        hop_seconds: distance of frames.
        min_hz, max_hz: range in which F0 is sought; a frame holds three periods of `min_hz`.
    """

    sample_rate_hz: float
    hop_seconds: float
    min_hz: float = 75.0
    max_hz: float = 600.0

    @property
    def frame_length(self) -> int:
        """In samples, even."""
        return 2 * (int(_PERIODS_PER_WINDOW * self.sample_rate_hz / self.min_hz) // 2)

    @property
    def max_period(self) -> int:
        """Longest lag looked at, in samples."""
        return int(self.sample_rate_hz / self.min_hz)

    def __call__(self, samples: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Track F0.

        Args:
            samples: (n,) float32.
            centres: (frames,) int, the frames' middles in samples.

        Returns:
            F0 in Hz of each frame, 0 where unvoiced, and the height of the autocorrelation there, 0 to 1; both float64,
            (frames,).
        """
        count = len(centres)
        peak = float(np.abs(samples - samples.mean()).max()) if len(samples) else 0.0
        if peak == 0:
            return np.zeros(count), np.zeros(count)
        frequencies_hz = np.zeros((count, _MAX_CANDIDATES))
        strengths = np.zeros((count, _MAX_CANDIDATES))
        unvoiced = np.empty(count)
        sums = np.concatenate([[0.0], np.cumsum(samples, dtype=np.float64)])
        for first in range(0, count, _TILE):
            last = min(first + _TILE, count)
            frames, places = _windowed(
                samples,
                sums,
                centres[first:last],
                self._window,
                self.max_period,
                self._fft_length,
                peak,
                unvoiced[first:last],
            )
            if not len(places):
                continue
            spectrum = scipy.fft.rfft(frames, axis=1)  # (sounding frames, bins)
            power = np.square(spectrum.real) + np.square(spectrum.imag)
            correlation = scipy.fft.irfft(power, self._fft_length, axis=1)  # (sounding frames, lags)
            _find_candidates(
                correlation,
                first + places,
                self._window_correlation,
                float(self.sample_rate_hz),
                self.min_hz,
                self.max_hz,
                frequencies_hz,
                strengths,
            )
        step = _COST_STEP_SECONDS / self.hop_seconds
        return _best_path(frequencies_hz, strengths, unvoiced, self.max_hz, step)

    @cached_property
    def _window(self) -> np.ndarray:
        return np.hanning(self.frame_length + 2)[1:-1].astype(np.float32)

    @property
    def _fft_length(self) -> int:
        """Zeros keep the longest lag from wrapping round."""
        return scipy.fft.next_fast_len(self.frame_length + self.max_period + 2, real=True)

    @cached_property
    def _window_correlation(self) -> np.ndarray:
        """Autocorrelation of the window for lags 0 … max_period + 1, 1 at lag 0."""
        window = self._window.astype(np.float64)
        full = np.correlate(window, window, "full")[len(window) - 1 :]
        return (full / full[0])[: self.max_period + 2]


@numba.njit(cache=True)
def _windowed(samples, sums, centres, window, max_period, fft_length, peak, unvoiced):  # pragma: no cover
    """Sounding frames without their mean, windowed, and which; the strength of being unvoiced goes to `unvoiced`.

    A frame so quiet that no candidate can win is left out.
    """
    n, length = len(samples), len(window)
    half = length // 2
    frames = np.zeros((len(centres), fft_length), np.float32)
    places = np.empty(len(centres), np.int64)
    sounding = 0
    for t in range(len(centres)):
        centre = centres[t]
        low, high = max(0, centre - max_period), min(n, centre + max_period)
        mean = np.float32((sums[high] - sums[low]) / max(1, high - low))
        local = np.float32(0.0)
        for i in range(max(0, centre - max_period // 2), min(n, centre + max_period // 2 + 1)):
            local = max(local, abs(samples[i] - mean))
        level = min(1.0, local / peak)
        quietness = max(0.0, 2.0 - level * (1.0 + _VOICING_THRESHOLD) / _SILENCE_THRESHOLD)
        unvoiced[t] = _VOICING_THRESHOLD + quietness
        if unvoiced[t] > 1.0 + 2 * _VOICING_COST:
            continue
        frame = frames[sounding]
        start = centre - half
        for i in range(max(0, -start), min(length, n - start)):
            frame[i] = (samples[start + i] - mean) * window[i]
        places[sounding] = t
        sounding += 1
    return frames[:sounding], places[:sounding]


@numba.njit(cache=True)
def _find_candidates(
    correlation, places, window_correlation, sample_rate_hz, min_hz, max_hz, frequencies_hz, strengths
):  # pragma: no cover
    """The strongest peaks of each frame's autocorrelation, divided by the window's; slot 0 stays free: unvoiced."""
    longest = len(window_correlation) - 2
    shortest = max(2, int(sample_rate_hz / max_hz))
    slots = frequencies_hz.shape[1]
    r = np.empty(longest + 2)
    scores = np.empty(slots)
    for row in range(len(places)):
        t = places[row]
        energy = correlation[row, 0]
        if energy <= 0:
            continue
        for lag in range(shortest - 1, longest + 2):
            r[lag] = correlation[row, lag] / (energy * window_correlation[lag])
        found = 1
        for lag in range(shortest, longest + 1):
            if r[lag] <= 0.5 * _VOICING_THRESHOLD or r[lag] <= r[lag - 1] or r[lag] < r[lag + 1]:
                continue
            curvature = 2 * r[lag] - r[lag - 1] - r[lag + 1]
            slope = 0.5 * (r[lag + 1] - r[lag - 1])
            frequency_hz = sample_rate_hz / (lag + slope / curvature)
            strength = r[lag] + 0.5 * slope * slope / curvature
            if strength > 1:
                strength = 1 / strength
            score = strength - _OCTAVE_COST * np.log2(min_hz / frequency_hz)
            slot = found
            if found == slots:
                slot = 1
                for k in range(2, slots):
                    if scores[k] < scores[slot]:
                        slot = k
                if scores[slot] >= score:
                    continue
            else:
                found += 1
            frequencies_hz[t, slot] = frequency_hz
            strengths[t, slot] = strength
            scores[slot] = score


@numba.njit(cache=True)
def _best_path(frequencies_hz, strengths, unvoiced, max_hz, step):  # pragma: no cover
    """Viterbi search over the candidates of all frames: F0 and its strength, 0 where unvoiced."""
    frames, slots = frequencies_hz.shape
    back = np.zeros((frames, slots), np.int8)
    counts = np.ones(frames, np.int64)
    value = np.full(slots, -np.inf)
    new = np.full(slots, -np.inf)
    logs = np.zeros((frames, slots))
    for t in range(frames):
        while counts[t] < slots and frequencies_hz[t, counts[t]] > 0:
            logs[t, counts[t]] = np.log2(frequencies_hz[t, counts[t]])
            counts[t] += 1
        for k in range(counts[t]):
            f = frequencies_hz[t, k]
            is_voiced = 0 < f < max_hz
            local = strengths[t, k] - _OCTAVE_COST * (np.log2(max_hz) - logs[t, k]) if is_voiced else unvoiced[t]
            if t == 0:
                new[k] = local
                continue
            best, origin = -np.inf, 0
            for j in range(counts[t - 1]):
                g = frequencies_hz[t - 1, j]
                was_voiced = 0 < g < max_hz
                if is_voiced and was_voiced:
                    cost = _OCTAVE_JUMP_COST * abs(logs[t, k] - logs[t - 1, j])
                elif is_voiced or was_voiced:
                    cost = _VOICING_COST
                else:
                    cost = 0.0
                score = value[j] - step * cost
                if score > best:
                    best, origin = score, j
            new[k] = best + local
            back[t, k] = origin
        value[: counts[t]] = new[: counts[t]]
    f0_hz, strength = np.zeros(frames), np.zeros(frames)
    k = np.argmax(value[: counts[frames - 1]])
    for t in range(frames - 1, -1, -1):
        if 0 < frequencies_hz[t, k] < max_hz:
            f0_hz[t], strength[t] = frequencies_hz[t, k], strengths[t, k]
        k = back[t, k]
    return f0_hz, strength
