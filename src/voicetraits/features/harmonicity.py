"""How much of a voice is harmonic: harmonics-to-noise ratio, H1−H2 and cepstral peak prominence.

Sources: the harmonics-to-noise ratio is that of Praat's command `Sound: To Harmonicity (cc)…` with its defaults (P.
Boersma: Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a sampled sound.
IFA Proceedings 17 (1993), 97-110). H1−H2 as in F. Eyben et al.: The Geneva minimalistic acoustic parameter set. IEEE
Trans. Affective Computing 7 (2016), 190-202. Cepstral peak prominence: J. Hillenbrand, R. A. Houde: Acoustic correlates
of breathy vocal quality: dysphonic voices and continuous speech. J. Speech Hearing Research 39 (1996), 311-321.
"""

from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np
import scipy.fft

from voicetraits.features.feature import Feature

_MIN_HZ = 75.0
_SILENCE_THRESHOLD = 0.1
#: Beyond it a ratio is that of a computed tone, not of a voice.
_MAX_DB = 150.0
#: The cross-correlation is computed this many times finer than samples, so that a parabola finds its peaks.
_FINER = 2

_HARMONIC_FRAME_SECONDS = 0.060
#: Standard deviation of the Gaussian window, in half frames.
_SIGMA = 0.4
_CEPSTRUM_TO_HZ = 5000.0
_CEPSTRUM_PEAK_HZ = (60.0, 330.0)
_CEPSTRUM_LINE_FROM_SECONDS = 0.001
_CEPSTRUM_SMOOTHING_SECONDS = 0.0005
#: A harmonic is the highest bin within this share of F0 around its place.
_HARMONIC_REACH = 0.25
_FLOOR = 1e-20

_NO_VOICE = " (0 where no frame is voiced)"
_DEFINITIONS = (
    ("hnr_mean_db", "mean over frames that sound of 10·log₁₀(r / (1 − r)), r the highest peak of the normalised "
     "cross-correlation of 13.3 ms with what follows (0 where no frame sounds)"),
    ("hnr_std_db", "its standard deviation over these frames (0 where no frame sounds)"),
    ("h1_h2_mean_db", "mean over voiced frames of the level of the first minus that of the second harmonic" + _NO_VOICE),
    ("h1_h2_std_db", "its standard deviation over voiced frames" + _NO_VOICE),
    ("cpp_mean_db", "mean over voiced frames of the peak of the cepstrum at 1/330 to 1/60 s, smoothed over 0.5 ms, above "
     "the line fitted to it from 1 ms on" + _NO_VOICE),
    ("cpp_std_db", "its standard deviation over voiced frames" + _NO_VOICE),
)  # fmt: skip


def describe() -> list[Feature]:
    """The features that `harmonicity_statistics` gives, in its order."""
    return [Feature(name, "dB", definition) for name, definition in _DEFINITIONS]


def harmonicity_statistics(hnr_db: np.ndarray, h1_h2_db: np.ndarray, cpp_db: np.ndarray) -> np.ndarray:
    """Mean and standard deviation of each.

    Args:
        hnr_db: (frames,), NaN in silence, from `HarmonicityTracker.noise_ratio`.
        h1_h2_db, cpp_db: (voiced frames,), from `HarmonicityTracker.harmonics`.

    Returns:
        (6,) in the order of `describe`.
    """
    series = (hnr_db[~np.isnan(hnr_db)], h1_h2_db, cpp_db)
    return np.array([value for s in series for value in ((s.mean(), s.std()) if len(s) else (0.0, 0.0))])


@dataclass(frozen=True)
class HarmonicityTracker:
    """All three with a fixed setting."""

    sample_rate_hz: int

    def noise_ratio(self, samples: np.ndarray, centres: np.ndarray) -> np.ndarray:
        """Harmonics-to-noise ratio of frames.

        Args:
            samples: (n,) float32.
            centres: (frames,) int, the frames' middles in samples.

        Returns:
            (frames,) in dB, NaN where a frame is silent beside the clip's loudest sample.
        """
        ratios_db = np.full(len(centres), np.nan)
        peak = float(np.abs(samples - samples.mean()).max()) if len(samples) else 0.0
        if peak == 0 or not len(centres):
            return ratios_db
        windows, spans, energies, places, unvoiced = _correlated(
            samples, centres, self._window_length, self._max_lag, self._size, peak
        )
        if not len(places):
            return ratios_db
        spectrum = np.conj(scipy.fft.rfft(windows, axis=1)) * scipy.fft.rfft(spans, axis=1)
        products = scipy.fft.irfft(spectrum, _FINER * self._size, axis=1)  # (sounding frames, finer lags)
        ratios_db[places] = _ratios(products, energies, unvoiced, self._max_lag)
        return ratios_db

    def harmonics(self, samples: np.ndarray, centres: np.ndarray, f0_hz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """H1−H2 and cepstral peak prominence of voiced frames.

        Args:
            samples: (n,) float32.
            centres: (frames,) int, middles of voiced frames in samples.
            f0_hz: (frames,) F0 there.

        Returns:
            both in dB, (frames,).
        """
        if not len(centres):
            return np.empty(0), np.empty(0)
        half = self._harmonic_window.size // 2
        padded = np.pad(samples, half)
        frames = padded[centres[:, None] + np.arange(2 * half)] * self._harmonic_window  # (frames, samples)
        spectrum = scipy.fft.rfft(frames, self._n_fft, axis=1)  # (frames, bins)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        bin_hz = self.sample_rate_hz / self._n_fft
        return _first_harmonics(power, f0_hz / bin_hz), self._peak_prominence(power)

    def _peak_prominence(self, power: np.ndarray) -> np.ndarray:
        """(frames, bins) → (frames,) in dB."""
        bins = round(_CEPSTRUM_TO_HZ * self._n_fft / self.sample_rate_hz) + 1
        level_db = 10 * np.log10(np.maximum(power[:, :bins], np.float32(_FLOOR)))
        cepstrum = scipy.fft.irfft(level_db, 2 * (bins - 1), axis=1)[:, :bins]  # (frames, quefrencies)
        rate_hz = 2 * _CEPSTRUM_TO_HZ  # quefrencies are this fine
        width = round(_CEPSTRUM_SMOOTHING_SECONDS * rate_hz)
        sums = np.cumsum(np.square(cepstrum, dtype=np.float64), axis=1)
        smoothed = (sums[:, width:] - sums[:, :-width]) / width  # quefrency of column i is i + (width + 1) / 2
        first = round(_CEPSTRUM_LINE_FROM_SECONDS * rate_hz) - (width + 1) // 2
        level_db = 10 * np.log10(np.maximum(smoothed[:, first:], _FLOOR))  # (frames, quefrencies from 1 ms on)
        x = np.arange(level_db.shape[1]) - (level_db.shape[1] - 1) / 2
        slope = level_db @ x / (x @ x)  # (frames,)
        above = level_db - level_db.mean(axis=1, keepdims=True) - slope[:, None] * x
        low, high = (round(rate_hz / hz) - (width + 1) // 2 - first for hz in reversed(_CEPSTRUM_PEAK_HZ))
        peaks = np.argmax(level_db[:, low : high + 1], axis=1) + low
        return above[np.arange(len(peaks)), peaks]

    @cached_property
    def _harmonic_window(self) -> np.ndarray:
        half = round(_HARMONIC_FRAME_SECONDS * self.sample_rate_hz / 2)
        x = (np.arange(2 * half) + 0.5) / half - 1
        return np.exp(-0.5 * np.square(x / _SIGMA)).astype(np.float32)

    @property
    def _n_fft(self) -> int:
        return 1 << (self._harmonic_window.size - 1).bit_length()

    @property
    def _window_length(self) -> int:
        """One period of the lowest F0."""
        return int(self.sample_rate_hz / _MIN_HZ)

    @property
    def _max_lag(self) -> int:
        return self._window_length + 1

    @property
    def _size(self) -> int:
        """No product of a lag up to the longest wraps round."""
        return scipy.fft.next_fast_len(self._window_length + self._max_lag, real=True)


@numba.njit(cache=True)
def _correlated(samples, centres, length, max_lag, size, peak):  # pragma: no cover
    """Of each frame that sounds: a window, the span from it to the longest lag, and what norms their products."""
    n, frames = len(samples), len(centres)
    windows, spans = np.zeros((frames, size), np.float32), np.zeros((frames, size), np.float32)
    energies = np.zeros((frames, max_lag + 1))
    places, unvoiced = np.empty(frames, np.int64), np.empty(frames)
    sounding = 0
    for t in range(frames):
        centre = centres[t]
        low, high = max(0, centre - length), min(n, centre + length)
        total = 0.0
        for i in range(low, high):
            total += samples[i]
        mean = np.float32(total / max(1, high - low))
        local = np.float32(0.0)
        for i in range(max(0, centre - length // 2), min(n, centre + length // 2 + 1)):
            local = max(local, abs(samples[i] - mean))
        unvoiced[sounding] = max(0.0, 2.0 - min(1.0, local / peak) / _SILENCE_THRESHOLD)
        if unvoiced[sounding] >= 1:
            continue
        start = centre - length
        if start < 0 or start + length + max_lag > n:
            continue
        for i in range(length):
            windows[sounding, i] = samples[start + i] - mean
        for i in range(length + max_lag):
            spans[sounding, i] = samples[start + i] - mean
        own, shifted = 0.0, 0.0
        for i in range(length):
            own += np.float64(windows[sounding, i]) ** 2
        shifted = own
        for lag in range(max_lag + 1):
            energies[sounding, lag] = np.sqrt(own * shifted)
            if lag < max_lag:
                shifted += np.float64(spans[sounding, lag + length]) ** 2 - np.float64(spans[sounding, lag]) ** 2
                shifted = max(shifted, 0.0)
        places[sounding] = t
        sounding += 1
    return windows[:sounding], spans[:sounding], energies[:sounding], places[:sounding], unvoiced[:sounding]


@numba.njit(cache=True)
def _ratios(products, energies, unvoiced, max_lag):  # pragma: no cover
    """Harmonics-to-noise ratios in dB from the highest peak of each frame's correlation; NaN where silence is likelier."""
    ratios_db = np.full(len(products), np.nan)
    count = _FINER * max_lag + 1
    r = np.empty(count)
    for t in range(len(products)):
        for i in range(count):
            lag, odd = i // _FINER, i % _FINER
            norm = energies[t, lag]
            if odd:
                norm += (energies[t, lag + 1] - energies[t, lag]) * odd / _FINER
            r[i] = products[t, i] * _FINER / norm if norm > 0 else 0.0
        best = unvoiced[t]
        for i in range(2 * _FINER, count - 1):
            if r[i] <= 0 or r[i] <= r[i - 1] or r[i] < r[i + 1]:
                continue
            slope = 0.5 * (r[i + 1] - r[i - 1])
            height = r[i] + 0.5 * slope * slope / (2 * r[i] - r[i - 1] - r[i + 1])
            if height > 1:
                height = 1 / height
            if height > best:
                best = height
                ratios_db[t] = min(_MAX_DB, 10 * np.log10(height / max(1 - height, 1e-16)))
    return ratios_db


@numba.njit(cache=True)
def _first_harmonics(power, f0_bins):  # pragma: no cover
    """Level of the first minus that of the second harmonic, in dB."""
    bins = power.shape[1]
    differences_db = np.empty(len(power))
    levels_db = np.empty(2)
    for t in range(len(power)):
        for h in range(2):
            middle, reach = (h + 1) * f0_bins[t], max(1.0, _HARMONIC_REACH * f0_bins[t])
            highest = _FLOOR
            for i in range(max(1, int(np.ceil(middle - reach))), min(bins - 1, int(middle + reach)) + 1):
                highest = max(highest, power[t, i])
            levels_db[h] = 10 * np.log10(highest)
        differences_db[t] = levels_db[0] - levels_db[1]
    return differences_db
