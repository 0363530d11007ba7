"""Definitions of features written out anew from their sources, in float64 and as plainly as can be: oracles."""

import math

import numpy as np
import scipy.fft
import scipy.stats

from support.sounds import RATE_HZ

_TABLE_TO_HZ, _WINDOW_LENGTH, _DOMINANT_TO_HZ = 280.0, 2048, 7000.0
#: Stands in for zeros, so that logarithms exist: seewave's 1e-6, on the scale of 16 bits.
_TINY = 1e-6 / 32768


def specprop(frequencies_hz: list[float], amplitudes: list[float]) -> dict[str, float]:
    """seewave's specprop, written out from its help page, one number at a time."""
    n, total = len(amplitudes), math.fsum(amplitudes)
    a = [amplitude / total for amplitude in amplitudes]

    def quantile(share: float) -> float:
        cumulated = 0.0
        for f, weight in zip(frequencies_hz, a, strict=True):
            cumulated += weight
            if cumulated > share:
                return f
        raise AssertionError(share)

    mean = math.fsum(f * weight for f, weight in zip(frequencies_hz, a, strict=True))
    average = math.fsum(a) / n
    s = math.sqrt(math.fsum((weight - average) ** 2 for weight in a) / (n - 1))
    peak = max(range(n), key=a.__getitem__)
    shift = 0.0  # of a peak at an end
    if 0 < peak < n - 1:
        left, middle, right = a[peak - 1], a[peak], a[peak + 1]
        shift = (left - right) / (left - 2 * middle + right) / 2
    return {
        "mean_frequency_hz": mean,
        "deviation_hz": math.sqrt(math.fsum(w * (f - mean) ** 2 for f, w in zip(frequencies_hz, a, strict=True))),
        "median_hz": quantile(0.5),
        "mode_hz": frequencies_hz[peak],
        "peak_frequency_hz": frequencies_hz[peak] + shift * (frequencies_hz[1] - frequencies_hz[0]),
        "q25_hz": quantile(0.25),
        "q75_hz": quantile(0.75),
        "iqr_hz": quantile(0.75) - quantile(0.25),
        "skewness": math.fsum((weight - average) ** 3 for weight in a) / (n - 1) / s**3,
        "kurtosis": math.fsum((weight - average) ** 4 for weight in a) / (n - 1) / s**4,
        "entropy": -math.fsum(weight * math.log(weight) for weight in a) / math.log(n),
        "flatness": math.exp(math.fsum(math.log(weight) for weight in a) / n) / average,
    }


def utterance_spectrum(samples: np.ndarray, upper_hz: float) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies and amplitudes from 0 Hz to a frequency; zeros behind the samples make the length a fast one."""
    length = scipy.fft.next_fast_len(len(samples), real=True)
    amplitudes = np.abs(np.fft.rfft(samples.astype(np.float64), length))
    frequencies_hz = np.arange(len(amplitudes)) * RATE_HZ / length
    inside = frequencies_hz <= upper_hz
    return frequencies_hz[inside], amplitudes[inside]


def scipy_moments(amplitudes: np.ndarray) -> dict[str, float]:
    """Four of seewave's properties by scipy.stats, whose moments divide by n and by the population's deviation."""
    n = len(amplitudes)
    correction = (n - 1) / n
    return {
        "skewness": scipy.stats.skew(amplitudes) * correction**0.5,
        "kurtosis": scipy.stats.kurtosis(amplitudes, fisher=False) * correction,
        "entropy": scipy.stats.entropy(amplitudes) / np.log(n),
        "flatness": scipy.stats.gmean(amplitudes) / amplitudes.mean(),
    }


def voice_table(samples: np.ndarray) -> dict[str, float]:
    """The columns of the voice-gender table, by their names there, at the full rate; 0 where there is no value."""
    n = len(samples)
    amplitudes = np.abs(np.fft.rfft(samples * np.hanning(n)))
    frequencies_khz = np.arange(len(amplitudes)) * RATE_HZ / n / 1000
    inside = frequencies_khz <= _TABLE_TO_HZ / 1000
    low = specprop(frequencies_khz[inside].tolist(), amplitudes[inside].tolist())
    gated = np.where(np.abs(samples) > 0.05 * np.abs(samples).max(), samples, 0.0)
    fundamental, dominant = _fundamental_khz(gated), _dominant_khz(gated)
    of_tracks = {
        f"{statistic}{name}": float(function(track)) if len(track) else 0.0
        for name, track in (("fun", fundamental[~np.isnan(fundamental)]), ("dom", dominant[~np.isnan(dominant)]))
        for statistic, function in (("mean", np.mean), ("min", np.min), ("max", np.max))
    }
    steps = np.abs(np.diff(dominant))
    spread = of_tracks["maxdom"] - of_tracks["mindom"]
    return {
        "meanfreq": low["mean_frequency_hz"],
        "sd": low["deviation_hz"],
        "median": low["median_hz"],
        "Q25": low["q25_hz"],
        "Q75": low["q75_hz"],
        "IQR": low["iqr_hz"],
        "skew": low["skewness"],
        "kurt": low["kurtosis"],
        "sp.ent": low["entropy"],
        "sfm": low["flatness"],
        "mode": low["mode_hz"],
        "centroid": low["mean_frequency_hz"],
        **of_tracks,
        "dfrange": spread,
        "modindx": float(np.nanmean(steps) / spread) if spread else 0.0,
    }


def _fundamental_khz(gated: np.ndarray) -> np.ndarray:
    """Of windows that overlap by half; NaN where under three are not zero, or the cepstrum falls from 280 Hz on."""
    first = int(RATE_HZ / _TABLE_TO_HZ)
    found = []
    for window in _windows(gated, _WINDOW_LENGTH // 2):
        peak = 0
        if np.count_nonzero(window) >= 3:
            amplitudes = np.abs(np.fft.rfft(np.where(window == 0, _TINY, window)))
            cepstrum = np.fft.irfft(np.log(np.maximum(amplitudes, _TINY)))
            peak = int(np.argmax(cepstrum[first : _WINDOW_LENGTH // 2]))
        found.append(RATE_HZ / (first + peak) / 1000 if peak else np.nan)
    return np.array(found)


def _dominant_khz(gated: np.ndarray) -> np.ndarray:
    """Of windows side by side; bins are numbered from 1, as in the table. NaN where fewer than three are not zero."""
    bins = int(_DOMINANT_TO_HZ * _WINDOW_LENGTH / RATE_HZ) + 1
    found = []
    for window in _windows(gated, _WINDOW_LENGTH):
        peak = np.argmax(np.abs(np.fft.rfft(window * np.hanning(_WINDOW_LENGTH)))[:bins])
        sounds = np.count_nonzero(window) >= 3
        found.append((peak + 1) * RATE_HZ / _WINDOW_LENGTH / 1000 if sounds else np.nan)
    return np.array(found)


def _windows(samples: np.ndarray, hop_length: int) -> list[np.ndarray]:
    """Whole ones but for that which ends with the last sample; of a shorter clip one, with zeros behind."""
    if len(samples) <= _WINDOW_LENGTH:
        return [np.pad(samples, (0, _WINDOW_LENGTH - len(samples)))]
    return [samples[start:][:_WINDOW_LENGTH] for start in range(0, len(samples) - _WINDOW_LENGTH, hop_length)]
