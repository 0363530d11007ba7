"""How a voice's energy is spread over frequency, and how loud it is to the ear.

Source: F. Eyben et al.: The Geneva minimalistic acoustic parameter set (GeMAPS) for voice research and affective
computing. IEEE Trans. Affective Computing 7 (2016), 190-202; its definitions, on this package's short-time spectrum.
Loudness: the auditory spectrum of H. Hermansky: Perceptual linear predictive (PLP) analysis of speech. J. Acoust. Soc.
Am. 87 (1990), 1738-1752, summed over bands.
"""

from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np

from voicetraits.features.feature import Feature

_ALPHA_HZ = (50.0, 1000.0, 5000.0)
_HAMMARBERG_HZ = (2000.0, 5000.0)
_SLOPES_HZ = ((0.0, 500.0), (500.0, 1500.0))
_MEL_BANDS = 26
_MEL_HZ = (20.0, 8000.0)
_COMPRESSION = 0.33
_QUANTILES = np.array([0.2, 0.5, 0.8])
_FLOOR = 1e-12

_VOICED = (
    ("alpha_ratio", "_db", "dB", "level at 50–1000 Hz minus level at 1000–5000 Hz"),
    ("hammarberg_index", "_db", "dB", "highest level at 0–2000 Hz minus highest level at 2000–5000 Hz"),
    ("slope_0_500", "_db_per_hz", "dB/Hz", "slope of the line fitted to the levels at 0–500 Hz"),
    ("slope_500_1500", "_db_per_hz", "dB/Hz", "slope of the line fitted to the levels at 500–1500 Hz"),
)
_LOUDNESS = "loudness Σ (E·P)^0.33 over 26 mel bands, P a band's power, E the ear's sensitivity there"
_LOUDNESS_STATISTICS = ("mean", "std", "p20", "p50", "p80", "p20_to_p80")


def describe() -> list[Feature]:
    """The features that `SpectralBalance` gives, in its order."""
    return [
        *(
            Feature(
                f"{name}_{statistic}{suffix}",
                unit,
                f"{statistic} over voiced frames: {definition} (0 where no frame is voiced)",
            )
            for name, suffix, unit, definition in _VOICED
            for statistic in ("mean", "std")
        ),
        *(
            Feature(f"loudness_{statistic}", "1", f"{statistic.replace('_', ' ')} over frames: {_LOUDNESS}")
            for statistic in _LOUDNESS_STATISTICS
        ),
    ]


@dataclass(frozen=True)
class SpectralBalance:
    """The statistics with a fixed setting.

    Attributes:
        window_energy: Σ w² of the window w under which the spectrum was taken; loudness does not depend on it.
    """

    sample_rate_hz: int
    n_fft: int
    window_energy: float

    def __call__(self, power: np.ndarray, voiced: np.ndarray) -> np.ndarray:
        """Statistics of a clip.

        Args:
            power: (frames, n_fft / 2 + 1) float32, squared magnitude of the short-time spectrum.
            voiced: (frames,) bool.

        Returns:
            (14,) in the order of `describe`.
        """
        places = np.flatnonzero(voiced)
        frames = np.concatenate(
            [_ratios(power, places, self._bin_hz), self._slopes(power[places, : len(self._slope_weights)])], axis=1
        )
        balance = np.stack([frames.mean(axis=0), frames.std(axis=0)], axis=1) if len(frames) else np.zeros((4, 2))
        loudness = self.loudness(power)
        ordered = np.sort(loudness)
        p20, p50, p80 = np.interp(_QUANTILES * (len(ordered) - 1), np.arange(len(ordered)), ordered)
        return np.array([*balance.ravel(), loudness.mean(), loudness.std(), p20, p50, p80, p80 - p20])

    def loudness(self, power: np.ndarray) -> np.ndarray:
        """(frames, bins) → (frames,) float64."""
        bands = power @ self._filters  # (frames, 26)
        return np.power(bands, np.float32(_COMPRESSION)).sum(axis=1, dtype=np.float64)

    def _slopes(self, power: np.ndarray) -> np.ndarray:
        """Least-squares slopes of the level over frequency in both bands: (frames, bins) → (frames, 2)."""
        bins = len(self._slope_weights)
        return np.log(power[:, :bins] + np.float32(_FLOOR)) @ self._slope_weights

    @cached_property
    def _slope_weights(self) -> np.ndarray:
        """(bins, 2): a level's weight in each slope, from natural logarithms to dB/Hz."""
        frequencies_hz = np.arange(self.n_fft // 2 + 1) * self._bin_hz
        weights = np.zeros((int(_SLOPES_HZ[-1][1] / self._bin_hz) + 1, len(_SLOPES_HZ)))
        for k, (low_hz, high_hz) in enumerate(_SLOPES_HZ):
            inside = np.flatnonzero((frequencies_hz >= low_hz) & (frequencies_hz <= high_hz))
            offsets_hz = frequencies_hz[inside] - frequencies_hz[inside].mean()
            weights[inside, k] = 10 / np.log(10) * offsets_hz / max(offsets_hz @ offsets_hz, np.finfo(float).tiny)
        return weights.astype(np.float32)

    @property
    def _bin_hz(self) -> float:
        return self.sample_rate_hz / self.n_fft

    @cached_property
    def _filters(self) -> np.ndarray:
        """(bins, 26): triangles evenly spaced in mel, times the ear's sensitivity at their peaks."""
        edges_mel = np.linspace(*(1127 * np.log1p(np.array(_MEL_HZ) / 700)), _MEL_BANDS + 2)
        edges_hz = 700 * np.expm1(edges_mel / 1127)
        rising = (np.arange(self.n_fft // 2 + 1) * self._bin_hz - edges_hz[:, None]) / np.diff(edges_hz, append=1)[
            :, None
        ]
        triangles = np.minimum(rising[:-2], 1 - rising[1:-1]).clip(0)  # (26, bins)
        peaks_hz = edges_hz[1:-1]
        return (triangles * equal_loudness(peaks_hz)[:, None] / self.window_energy).T.astype(np.float32)


def equal_loudness(frequencies_hz: np.ndarray) -> np.ndarray:
    """The ear's sensitivity to power at moderate levels, Hermansky's approximation (1990) of the 40-phon curve."""
    w = np.square(2 * np.pi * frequencies_hz)
    return (w + 56.8e6) * w * w / (np.square(w + 6.3e6) * (w + 0.38e9) * (w**3 / 9.58e26 + 1))


@numba.njit(cache=True)
def _ratios(power, places, bin_hz):  # pragma: no cover
    """Alpha ratio and Hammarberg index of the frames at `places`, in dB: (len(places), 2)."""
    bins = power.shape[1]
    first, middle = int(np.ceil(_ALPHA_HZ[0] / bin_hz)), int(np.ceil(_ALPHA_HZ[1] / bin_hz))
    split = int(np.ceil(_HAMMARBERG_HZ[0] / bin_hz))
    last = min(bins - 1, int(_ALPHA_HZ[2] / bin_hz))
    highest = min(bins - 1, int(_HAMMARBERG_HZ[1] / bin_hz))
    values = np.empty((len(places), 2))
    for row in range(len(places)):
        p = power[places[row]]
        low, _ = _sum_and_peak(p[first:middle])
        high, _ = _sum_and_peak(p[middle : last + 1])
        values[row, 0] = 10 * np.log10((low + _FLOOR) / (high + _FLOOR))
        _, low = _sum_and_peak(p[:split])
        _, high = _sum_and_peak(p[split : highest + 1])
        values[row, 1] = 10 * np.log10((low + _FLOOR) / (high + _FLOOR))
    return values


@numba.njit(cache=True, fastmath={"nnan", "nsz", "reassoc"})
def _sum_and_peak(power):  # pragma: no cover
    total, peak = 0.0, np.float32(0.0)
    for i in range(len(power)):
        total += power[i]
        peak = power[i] if power[i] > peak else peak
    return total, peak
