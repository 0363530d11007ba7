"""The 20 columns of a well-known table of voices, so that models trained on it and on ours can be compared.

K. Becker's table `voice.csv` (2016; 3,168 clips of women and men, many of them from VoxForge) was made in R by
seewave's functions spec, specprop, fund and dfreq, called as warbleR's specan does: the utterance's spectrum from 0 to
280 Hz, F0 by the cepstrum up to 280 Hz, and the dominant frequency, in windows of 2048 samples, after samples below 5 %
of the largest have been set to zero.

Source: J. Sueur, T. Aubin, C. Simonis: Seewave, a free modular tool for sound analysis and synthesis. Bioacoustics 18
(2008), 213-226, and the help pages of seewave and warbleR.

What cannot be matched: the table's clips are not listed, so no row can be compared; some were taken at other rates than
16 kHz, where 2048 samples last otherwise; the dominant frequency was sought after a band-pass up to 7 kHz, here simply
among the bins up to 7 kHz; the utterance is brought to 1 kHz first, and zeros are appended, before the transform from
which the spectrum up to 280 Hz is taken, which moves bins by a fraction of a hertz; windows with one or two samples
above the threshold count as silent, since their spectra have equal peaks, of which rounding would pick one; where the
table has no value (R's NA), here is 0.
"""

from functools import lru_cache

import numba
import numpy as np
import scipy.fft

from voicetraits.features import spectrum
from voicetraits.features.feature import Feature

_HIGH_HZ = 280.0
_WINDOW_LENGTH = 2048
_THRESHOLD_SHARE = 0.05
_DOMINANT_TO_HZ = 7000.0
#: A window with fewer samples above the threshold is silent.
_FEWEST_SAMPLES = 3
#: What stands in for zeros, so that logarithms exist.
_TINY = 1e-6 / 32768

#: Column of the table, unit, definition.
_COLUMNS = (
    ("meanfreq", "kHz", "mean frequency of the utterance's spectrum, 0 to 280 Hz"),
    ("sd", "kHz", "standard deviation of frequency in it"),
    ("median", "kHz", "median frequency in it"),
    ("Q25", "kHz", "first quartile of frequency in it"),
    ("Q75", "kHz", "third quartile of frequency in it"),
    ("IQR", "kHz", "Q75 − Q25"),
    ("skew", "1", "skewness of its amplitudes"),
    ("kurt", "1", "kurtosis of its amplitudes"),
    ("sp.ent", "1", "entropy of its amplitudes / log of their number"),
    ("sfm", "1", "geometric / arithmetic mean of its amplitudes"),
    ("mode", "kHz", "frequency of its largest amplitude"),
    ("centroid", "kHz", "as meanfreq"),
    ("meanfun", "kHz", "mean over windows of F0, the highest peak of the cepstrum below 280 Hz"),
    ("minfun", "kHz", "smallest F0 of a window"),
    ("maxfun", "kHz", "largest F0 of a window"),
    ("meandom", "kHz", "mean over windows of the frequency of the largest amplitude"),
    ("mindom", "kHz", "smallest of these"),
    ("maxdom", "kHz", "largest of these"),
    ("dfrange", "kHz", "maxdom − mindom"),
    ("modindx", "1", "mean difference of successive dominant frequencies / dfrange"),
)


def _name(column: str, unit: str) -> str:
    return f"voice_table_{column.lower().replace('.', '_')}" + ("_khz" if unit == "kHz" else "")


#: The table's column for each feature's name.
TABLE_COLUMNS = {_name(column, unit): column for column, unit, _ in _COLUMNS}


def describe() -> list[Feature]:
    """The features that `voice_table_columns` gives, in its order."""
    return [
        Feature(_name(column, unit), unit, f"{definition} (`{column}` of the voice-gender table)")
        for column, unit, definition in _COLUMNS
    ]


def voice_table_columns(samples: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """The columns of a clip.

    Args:
        samples: (n,) float32.

    Returns:
        (20,) in the order of `describe`; 0 where there is no value.
    """
    properties = dict(zip(_PROPERTIES, _low_spectrum_properties(samples, sample_rate_hz), strict=True))
    khz = {name: properties[name] / 1000 for name in _PROPERTIES if name.endswith("_hz")}
    loudest = float(np.abs(samples).max()) if len(samples) else 0.0
    gated = _gate(samples, np.float32(_THRESHOLD_SHARE * loudest))
    meanfun, minfun, maxfun, _ = _track_statistics(fundamental_hz(gated, sample_rate_hz) / 1000)
    meandom, mindom, maxdom, change = _track_statistics(dominant_hz(gated, sample_rate_hz) / 1000)
    return np.array(
        [
            khz["mean_frequency_hz"],
            khz["deviation_hz"],
            khz["median_hz"],
            khz["q25_hz"],
            khz["q75_hz"],
            khz["iqr_hz"],
            properties["skewness"],
            properties["kurtosis"],
            properties["entropy"],
            properties["flatness"],
            khz["mode_hz"],
            khz["mean_frequency_hz"],
            meanfun,
            minfun,
            maxfun,
            meandom,
            mindom,
            maxdom,
            maxdom - mindom,
            change / (maxdom - mindom) if maxdom > mindom else 0.0,
        ]
    )


def fundamental_hz(gated: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """F0 of each window by the cepstrum, as seewave's fund with 50 % overlap: (windows,) in Hz, NaN where silent."""
    frames = _frames(_filled(gated, np.float32(_TINY)), _WINDOW_LENGTH // 2)  # (windows, samples)
    f0_hz = np.full(len(frames), np.nan)
    sounding = np.flatnonzero(_sounding(gated, len(frames), _WINDOW_LENGTH // 2, _WINDOW_LENGTH))
    if not len(sounding):
        return f0_hz
    spectra = scipy.fft.rfft(frames if len(sounding) == len(frames) else frames[sounding], axis=1)
    # The logarithm of the power is twice that of the amplitude: its cepstrum has the same peak.
    power = np.square(spectra.real)
    power += np.square(spectra.imag)
    np.log(np.maximum(power, np.float32(_TINY**2), out=power), out=power)
    cepstrum = scipy.fft.irfft(power, axis=1)
    first = int(sample_rate_hz / _HIGH_HZ)
    peaks = np.argmax(cepstrum[:, first : _WINDOW_LENGTH // 2], axis=1)
    # The first place means that there is no peak within the range.
    f0_hz[sounding] = np.where(peaks > 0, sample_rate_hz / (first + peaks), np.nan)
    return f0_hz


def dominant_hz(gated: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """Frequency of each window's largest amplitude, as seewave's dfreq without overlap: (windows,), NaN where silent.

    Bins are numbered from 1, as there: the lowest is at 7.8 Hz, as in the table.
    """
    frames = _frames(gated, _WINDOW_LENGTH)  # (windows, samples)
    found_hz = np.full(len(frames), np.nan)
    sounding = np.flatnonzero(_sounding(gated, len(frames), _WINDOW_LENGTH, _WINDOW_LENGTH))
    if len(sounding):
        bins = int(_DOMINANT_TO_HZ * _WINDOW_LENGTH / sample_rate_hz) + 1
        spectra = scipy.fft.rfft(frames[sounding] * _hann(_WINDOW_LENGTH), axis=1)[:, :bins]
        power = np.square(spectra.real) + np.square(spectra.imag)
        found_hz[sounding] = (np.argmax(power, axis=1) + 1) * (sample_rate_hz / _WINDOW_LENGTH)
    return found_hz


def _frames(samples: np.ndarray, hop_length: int) -> np.ndarray:
    """Whole windows, (windows, 2048), a view; of a shorter clip one, with zeros behind."""
    if len(samples) <= _WINDOW_LENGTH:
        return np.pad(samples, (0, _WINDOW_LENGTH - len(samples)))[None]
    # seewave leaves out a window that ends with the last sample.
    windows = np.lib.stride_tricks.sliding_window_view(samples[:-1], _WINDOW_LENGTH)
    return windows[::hop_length]


@lru_cache(maxsize=64)
def _hann(length: int) -> np.ndarray:
    return np.hanning(length).astype(np.float32)


_PROPERTIES = tuple(feature.name.removeprefix("_") for feature in spectrum.describe("", 0, _HIGH_HZ))
#: The spectrum up to 280 Hz is taken of every 16th sample, after a low-pass filter of this many taps.
_DECIMATION, _TAPS = 16, 193


def _low_spectrum_properties(samples: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """seewave's properties of the spectrum, 0 to 280 Hz, of the utterance under one Hann window."""
    low = _decimate(samples, _low_pass(), _DECIMATION)
    frequencies_hz, amplitudes = spectrum.utterance_spectrum(low * np.hanning(len(low)), sample_rate_hz / _DECIMATION)
    return spectrum.spectrum_properties(frequencies_hz, amplitudes, low_hz=0, high_hz=_HIGH_HZ)


@lru_cache
def _low_pass() -> np.ndarray:
    """Passes up to 280 Hz, and stops what decimation would fold there."""
    cutoff = 1 / _DECIMATION  # half the low rate, relative to half the rate
    taps = np.sinc(cutoff * (np.arange(_TAPS) - _TAPS // 2)) * np.kaiser(_TAPS, 8.0)
    return (taps / taps.sum()).astype(np.float32)


@numba.njit(cache=True)
def _track_statistics(track):  # pragma: no cover
    """Mean, smallest, largest, and mean absolute step to the next value, of those that are not NaN; 0 without any."""
    total, low, high, count = 0.0, np.inf, -np.inf, 0
    steps, step_count = 0.0, 0
    for i in range(len(track)):
        if np.isnan(track[i]):
            continue
        total += track[i]
        low, high = min(low, track[i]), max(high, track[i])
        count += 1
        if i + 1 < len(track) and not np.isnan(track[i + 1]):
            steps += abs(track[i + 1] - track[i])
            step_count += 1
    if count == 0:
        return 0.0, 0.0, 0.0, 0.0
    return total / count, low, high, steps / max(1, step_count)


@numba.njit(cache=True)
def _gate(samples, threshold):  # pragma: no cover
    """Samples whose magnitude is above the threshold, 0 in place of the others."""
    gated = np.zeros_like(samples)
    for i in range(len(samples)):
        if abs(samples[i]) > threshold:
            gated[i] = samples[i]
    return gated


@numba.njit(cache=True)
def _filled(samples, value):  # pragma: no cover
    """The samples, `value` in place of zeros."""
    filled = np.empty_like(samples)
    for i in range(len(samples)):
        filled[i] = value if samples[i] == 0 else samples[i]
    return filled


@numba.njit(cache=True)
def _sounding(samples, windows, hop_length, length):  # pragma: no cover
    """Which windows have enough samples that are not zero."""
    result = np.zeros(windows, np.bool_)
    for t in range(windows):
        count = 0
        for i in range(t * hop_length, min(t * hop_length + length, len(samples))):
            count += samples[i] != 0
            if count == _FEWEST_SAMPLES:
                result[t] = True
                break
    return result


@numba.njit(cache=True, fastmath={"reassoc", "contract"})
def _decimate(samples, filter_, step):  # pragma: no cover
    """Every `step`-th sample of the filtered samples; zeros beyond the ends."""
    half = len(filter_) // 2
    padded = np.zeros(len(samples) + 2 * half, np.float32)
    for i in range(len(samples)):
        padded[half + i] = samples[i]
    low = np.empty((len(samples) + step - 1) // step, np.float32)
    for i in range(len(low)):
        near, total = padded[i * step : i * step + len(filter_)], np.float32(0.0)
        for k in range(len(filter_)):
            total += near[k] * filter_[k]
        low[i] = total
    return low
