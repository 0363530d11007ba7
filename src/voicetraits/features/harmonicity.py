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

from voicetraits.features.autocorrelation import LAGS, LANES, add_products, largest_deviation, mean_of, place_beside
from voicetraits.features.feature import Feature

_MIN_HZ = 75.0
_SILENCE_THRESHOLD = 0.1
#: Beyond it a ratio is that of a computed tone, not of a voice.
_MAX_DB = 150.0

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
_DB = 10 / np.log(10)

_NO_VOICE = " (0 where no frame is voiced)"
_DEFINITIONS = (
    ("hnr_mean_db", "mean over frames that sound of 10·log₁₀(r / (1 − r)), r the highest peak of the normalised "
     "cross-correlation of 13.3 ms with what follows (0 where no frame sounds)"),
    ("hnr_std_db", "its standard deviation over these frames (0 where no frame sounds)"),
    ("h1_h2_mean_db", "mean over voiced frames of the first harmonic's level minus the second's" + _NO_VOICE),
    ("h1_h2_std_db", "its standard deviation over voiced frames" + _NO_VOICE),
    ("cpp_mean_db", "mean over voiced frames of the peak of the cepstrum at 1/330 to 1/60 s, smoothed over 0.5 ms, "
     "above the line fitted to it from 1 ms on" + _NO_VOICE),
    ("cpp_std_db", "its standard deviation over voiced frames" + _NO_VOICE),
)  # fmt: skip


def describe() -> list[Feature]:
    """The features that `harmonicity_statistics` gives, in its order."""
    return [Feature(name, "dB", definition) for name, definition in _DEFINITIONS]


def harmonicity_statistics(hnr_db: np.ndarray, h1_h2_db: np.ndarray, cpp_db: np.ndarray) -> np.ndarray:
    """Mean and standard deviation of each.

    Args:
        hnr_db: (frames,), NaN in silence, from `NoiseRatioTracker`.
        h1_h2_db, cpp_db: (voiced frames,), from `HarmonicTracker`.

    Returns:
        (6,) in the order of `describe`.
    """
    series = (hnr_db[~np.isnan(hnr_db)], h1_h2_db, cpp_db)
    return np.array([value for s in series for value in ((s.mean(), s.std()) if len(s) else (0.0, 0.0))])


@dataclass(frozen=True)
class NoiseRatioTracker:
    """Harmonics-to-noise ratio with a fixed setting."""

    sample_rate_hz: int

    def __call__(self, samples: np.ndarray, centres: np.ndarray) -> np.ndarray:
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
        _find_ratios(samples, centres, self._window_length, self._max_lag, peak, ratios_db)
        return ratios_db

    @property
    def _window_length(self) -> int:
        """One period of the lowest F0."""
        return int(self.sample_rate_hz / _MIN_HZ)

    @property
    def _max_lag(self) -> int:
        return self._window_length + 1


@dataclass(frozen=True)
class HarmonicTracker:
    """H1−H2 and cepstral peak prominence with a fixed setting.

    Attributes:
        sample_rate_hz: 10 kHz or more, twice what the cepstrum looks at.
    """

    sample_rate_hz: float

    def __call__(self, samples: np.ndarray, centres: np.ndarray, f0_hz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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
        frames = _windowed(samples, centres, self._harmonic_window, self._n_fft)
        spectrum = scipy.fft.rfft(frames, axis=1)[:, : self._cepstrum_bins]  # (frames, bins)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        bin_hz = self.sample_rate_hz / self._n_fft
        return _first_harmonics(power, f0_hz / bin_hz), self._peak_prominence(power)

    def _peak_prominence(self, power: np.ndarray) -> np.ndarray:
        """(frames, bins) → (frames,) in dB."""
        level_db = np.log(np.maximum(power, np.float32(_FLOOR))) * np.float32(_DB)
        cepstrum = scipy.fft.irfft(level_db, 2 * (self._cepstrum_bins - 1), axis=1)  # (frames, quefrencies)
        rate_hz = 2 * (self._cepstrum_bins - 1) * self.sample_rate_hz / self._n_fft  # quefrencies are this fine
        reach = round(_CEPSTRUM_SMOOTHING_SECONDS * rate_hz) // 2
        first = round(_CEPSTRUM_LINE_FROM_SECONDS * rate_hz)
        level_db = np.log(_smoothed_squares(cepstrum, first, self._cepstrum_bins - 1 - reach, reach)) * np.float32(_DB)
        low, high = (round(rate_hz / hz) - first for hz in reversed(_CEPSTRUM_PEAK_HZ))
        return _heights_above_line(level_db, low, high)

    @cached_property
    def _cepstrum_bins(self) -> int:
        """Bins of the spectrum, 0 to 5 kHz, from which the cepstrum is made: so many that its transform is fast."""
        length = self._harmonic_window.size * 2 * _CEPSTRUM_TO_HZ / self.sample_rate_hz
        return scipy.fft.next_fast_len(int(np.ceil(length / 2))) + 1

    @cached_property
    def _n_fft(self) -> int:
        return round((self._cepstrum_bins - 1) * self.sample_rate_hz / _CEPSTRUM_TO_HZ)

    @cached_property
    def _harmonic_window(self) -> np.ndarray:
        half = round(_HARMONIC_FRAME_SECONDS * self.sample_rate_hz / 2)
        x = (np.arange(2 * half) + 0.5) / half - 1
        return np.exp(-0.5 * np.square(x / _SIGMA)).astype(np.float32)


@numba.njit(cache=True)
def _find_ratios(samples, centres, length, max_lag, peak, ratios_db):  # pragma: no cover
    """Write harmonics-to-noise ratios in dB; frames that are silent or reach beyond the clip are left as they are."""
    n = len(samples)
    x = np.zeros((length + max_lag + 2 * LAGS) * LANES, np.float32)
    rectangle = np.ones(length + max_lag, np.float32)
    places, unvoiced = np.empty(LANES, np.int64), np.empty(LANES)
    sounding = 0
    for t in range(len(centres)):
        centre = centres[t]
        start = centre - length
        if start >= 0 and start + length + max_lag <= n:
            mean = mean_of(samples[start : centre + length])
            local = largest_deviation(samples[centre - length // 2 : min(n, centre + length // 2 + 1)], mean)
            # How strong a correlation silence stands for.
            unvoiced[sounding] = max(0.0, 2.0 - min(1.0, local / peak) / _SILENCE_THRESHOLD)
            if unvoiced[sounding] < 1:
                place_beside(samples, start, mean, rectangle, x[sounding:])
                places[sounding] = t
                sounding += 1
        if sounding == LANES or (sounding and t == len(centres) - 1):
            r = _cross_correlations(x, length, max_lag + 1)
            for c in range(sounding):
                ratios_db[places[c]] = _ratio_db(r[c::LANES], unvoiced[c])
            sounding = 0


@numba.njit(cache=True)
def _cross_correlations(x, length, lags):  # pragma: no cover
    """Of the first `length` samples, side by side in `x`, with as many later ones: (lags · LANES,), 1 at most."""
    products = np.zeros((lags + LAGS) * LANES, np.float32)
    for k in range(0, lags, LAGS):
        add_products(x, 0, length, k, products[k * LANES : (k + LAGS) * LANES])
    own, shifted = np.zeros(LANES), np.empty(LANES)
    for i in range(length):
        for c in range(LANES):
            own[c] += np.float64(x[i * LANES + c]) * np.float64(x[i * LANES + c])
    for c in range(LANES):
        shifted[c] = own[c]
    for lag in range(lags):
        product, leaving, coming = products[lag * LANES :], x[lag * LANES :], x[(lag + length) * LANES :]
        for c in range(LANES):
            product[c] /= np.float32(np.sqrt(own[c] * shifted[c] + _FLOOR * _FLOOR))
            gained, lost = np.float64(coming[c]), np.float64(leaving[c])
            rest = shifted[c] + gained * gained - lost * lost
            shifted[c] = rest if rest > 0 else 0.0
    return products[: lags * LANES]


@numba.njit(cache=True)
def _ratio_db(r, unvoiced):  # pragma: no cover
    """The ratio that the highest peak stands for; NaN where silence is likelier."""
    best = unvoiced
    for lag in range(2, len(r) - 1):
        if r[lag] <= 0 or r[lag] <= r[lag - 1] or r[lag] < r[lag + 1]:
            continue
        slope = 0.5 * (r[lag + 1] - r[lag - 1])
        height = r[lag] + 0.5 * slope * slope / (2 * r[lag] - r[lag - 1] - r[lag + 1])
        if height > 1:
            height = 1 / height
        best = max(best, height)
    return min(_MAX_DB, 10 * np.log10(best / max(1 - best, 1e-16))) if best > unvoiced else np.nan


@numba.njit(cache=True)
def _windowed(samples, centres, window, fft_length):  # pragma: no cover
    """Windowed frames with zeros behind: (frames, fft_length)."""
    frames = np.zeros((len(centres), fft_length), np.float32)
    for t in range(len(centres)):
        start = centres[t] - len(window) // 2
        first, last = max(0, -start), min(len(window), len(samples) - start)
        frame, inside, weights = frames[t, first:last], samples[start + first : start + last], window[first:last]
        for i in range(len(frame)):
            frame[i] = inside[i] * weights[i]
    return frames


@numba.njit(cache=True)
def _smoothed_squares(values, first, last, reach):  # pragma: no cover
    """Squares of the columns first … last − 1, each the mean of those up to `reach` away."""
    smoothed = np.empty((len(values), last - first), np.float32)
    for t in range(len(values)):
        row = smoothed[t]
        for i in range(len(row)):
            row[i] = _FLOOR
        for j in range(first - reach, first + reach + 1):
            near = values[t, j : j + len(row)]
            for i in range(len(row)):
                row[i] += near[i] * near[i]
        for i in range(len(row)):
            row[i] /= np.float32(2 * reach + 1)
    return smoothed


@numba.njit(cache=True)
def _heights_above_line(levels, low, high):  # pragma: no cover
    """How far each row's highest of the columns low … high stands above the line fitted to all columns."""
    columns = levels.shape[1]
    middle = 0.5 * (columns - 1)
    norm = columns * (columns * columns - 1.0) / 12
    heights = np.empty(len(levels))
    for t in range(len(levels)):
        total, product = 0.0, 0.0
        for i in range(columns):
            total += levels[t, i]
            product += levels[t, i] * (i - middle)
        peak = low
        for i in range(low, high + 1):
            if levels[t, i] > levels[t, peak]:
                peak = i
        heights[t] = levels[t, peak] - total / columns - product / norm * (peak - middle)
    return heights


@numba.njit(cache=True)
def _first_harmonics(power, f0_bins):  # pragma: no cover
    """Level of the first minus that of the second harmonic, in dB."""
    bins = power.shape[1]
    differences_db = np.empty(len(power))
    levels_db = np.empty(2)
    for t in range(len(power)):
        for h in range(2):
            middle, reach = (h + 1) * f0_bins[t], max(1.0, _HARMONIC_REACH * f0_bins[t])
            first, last = max(1, int(np.ceil(middle - reach))), min(bins - 2, int(middle + reach))
            peak = first
            for i in range(first, last + 1):
                if power[t, i] > power[t, peak]:
                    peak = i
            left = 10 * np.log10(power[t, peak - 1] + _FLOOR)
            top = 10 * np.log10(power[t, peak] + _FLOOR)
            right = 10 * np.log10(power[t, peak + 1] + _FLOOR)
            # The vertex of a parabola: under a Gaussian window a harmonic is one, in dB.
            bend = 2 * top - left - right
            levels_db[h] = (
                top + 0.125 * (right - left) ** 2 / bend if top >= left and top >= right and bend > 0 else top
            )
        differences_db[t] = levels_db[0] - levels_db[1]
    return differences_db
