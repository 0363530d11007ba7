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

from voicetraits.features.autocorrelation import LAGS, LANES, add_products, largest_deviation, mean_of, place_beside

_PERIODS_PER_WINDOW = 3
_SILENCE_THRESHOLD = 0.03
_VOICING_THRESHOLD = 0.45
_OCTAVE_COST = 0.01
_OCTAVE_JUMP_COST = 0.35
_VOICING_COST = 0.14
_MAX_CANDIDATES = 15
#: Costs of a step hold for frames this far apart.
_COST_STEP_SECONDS = 0.01


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
        _find_candidates(
            samples,
            centres,
            self._window,
            self._window_correlation,
            float(self.sample_rate_hz),
            self.min_hz,
            self.max_hz,
            peak,
            frequencies_hz,
            strengths,
            unvoiced,
        )
        step = _COST_STEP_SECONDS / self.hop_seconds
        return _best_path(frequencies_hz, strengths, unvoiced, self.max_hz, step)

    @cached_property
    def _window(self) -> np.ndarray:
        return np.hanning(self.frame_length + 2)[1:-1].astype(np.float32)

    @cached_property
    def _window_correlation(self) -> np.ndarray:
        """Autocorrelation of the window for lags 0 … max_period + 1, 1 at lag 0."""
        window = self._window.astype(np.float64)
        full = np.correlate(window, window, "full")[len(window) - 1 :]
        return (full / full[0])[: self.max_period + 2]


@numba.njit(cache=True)
def _find_candidates(
    samples,
    centres,
    window,
    window_correlation,
    sample_rate_hz,
    min_hz,
    max_hz,
    peak,
    frequencies_hz,
    strengths,
    unvoiced,
):  # pragma: no cover
    """The strongest peaks of each frame's autocorrelation, divided by the window's; slot 0 stays free: unvoiced.

    How strong it is to be unvoiced goes to `unvoiced`. A frame so quiet that no candidate can win has none.
    """
    n, length, longest = len(samples), len(window), len(window_correlation) - 2
    half, max_period = length // 2, longest
    x = np.zeros((length + longest + 2 * LAGS) * LANES, np.float32)
    places = np.empty(LANES, np.int64)
    sounding = 0
    for t in range(len(centres)):
        centre = centres[t]
        mean = mean_of(samples[max(0, centre - max_period) : min(n, centre + max_period)])
        near = samples[max(0, centre - max_period // 2) : min(n, centre + max_period // 2 + 1)]
        level = min(1.0, largest_deviation(near, mean) / peak)
        quietness = max(0.0, 2.0 - level * (1.0 + _VOICING_THRESHOLD) / _SILENCE_THRESHOLD)
        unvoiced[t] = _VOICING_THRESHOLD + quietness
        if unvoiced[t] <= 1.0 + 2 * _VOICING_COST:
            place_beside(samples, centre - half, mean, window, x[sounding:])
            places[sounding] = t
            sounding += 1
        if sounding == LANES or (sounding and t == len(centres) - 1):
            r = _correlations(x, length, window_correlation)
            for c in range(sounding):
                _keep_peaks(
                    r[c::LANES], sample_rate_hz, min_hz, max_hz, frequencies_hz[places[c]], strengths[places[c]]
                )
            sounding = 0


@numba.njit(cache=True)
def _correlations(x, length, window_correlation):  # pragma: no cover
    """Autocorrelation, over its value at lag 0 and over the window's, of frames side by side: (lags · LANES,)."""
    lags = len(window_correlation)
    products = np.zeros((lags + LAGS) * LANES, np.float32)
    for k in range(0, lags, LAGS):
        add_products(x, 0, length - k, k, products[k * LANES : (k + LAGS) * LANES])
    for lag in range(lags - 1, -1, -1):  # lag 0, by which all are divided, is the last
        row = products[lag * LANES :]
        for c in range(LANES):
            norm = products[c] * window_correlation[lag]
            row[c] = row[c] / norm if norm > 0 else 0.0
    return products[: lags * LANES]


@numba.njit(cache=True)
def _keep_peaks(r, sample_rate_hz, min_hz, max_hz, frequencies_hz, strengths):  # pragma: no cover
    """Write frequency and strength of the strongest peaks of one frame into its slots 1, 2 …"""
    longest = len(r) - 2
    shortest = max(2, int(sample_rate_hz / max_hz))
    slots = len(frequencies_hz)
    scores = np.empty(slots)
    found = 1
    for lag in range(shortest, longest + 1):
        if r[lag] <= 0.5 * _VOICING_THRESHOLD or r[lag] <= r[lag - 1] or r[lag] < r[lag + 1]:
            continue
        curvature = np.float64(2 * r[lag] - r[lag - 1] - r[lag + 1])
        slope = np.float64(0.5 * (r[lag + 1] - r[lag - 1]))
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
        frequencies_hz[slot] = frequency_hz
        strengths[slot] = strength
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
        for k in range(counts[t]):
            value[k] = new[k]
    f0_hz, strength = np.zeros(frames), np.zeros(frames)
    k = np.argmax(value[: counts[frames - 1]])
    for t in range(frames - 1, -1, -1):
        if 0 < frequencies_hz[t, k] < max_hz:
            f0_hz[t], strength[t] = frequencies_hz[t, k], strengths[t, k]
        k = back[t, k]
    return f0_hz, strength
