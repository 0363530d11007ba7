"""The same features by librosa: everything from the samples, or from one shared spectrum; and openSMILE's own set."""

from collections.abc import Callable, Mapping
from functools import cache, partial

import librosa
import numpy as np
import opensmile
import scipy.stats

from voicetraits.features.extractor import SAMPLE_RATE_HZ, FeaturizeParams
from voicetraits.features.feature import Feature
from voicetraits.features.statistics import ENTROPY_BINS, Statistic, describe

_ALWAYS = ("mean", "min", "max", "std")


def _entropy(series: np.ndarray) -> float:
    counts, _ = np.histogram(series, bins=ENTROPY_BINS)
    return scipy.stats.entropy(counts) / np.log(ENTROPY_BINS)


_STATISTICS: Mapping[Statistic, Callable[[np.ndarray], float]] = {
    "mean": np.mean,
    "median": np.median,
    "min": np.min,
    "max": np.max,
    "range": np.ptp,
    "std": np.std,
    "q25": partial(np.quantile, q=0.25),
    "q75": partial(np.quantile, q=0.75),
    "iqr": scipy.stats.iqr,
    "entropy": _entropy,
    "skewness": scipy.stats.skew,
    "kurtosis": partial(scipy.stats.kurtosis, fisher=False),
}


class Librosa:
    """What librosa and our extractor both have, by librosa's functions with the setting of params.yaml.

    Pre-emphasis is left out, which librosa applies to samples and our extractor to the spectrum.

    Args:
        shared: compute one spectrum of a clip and hand it to all; else each function makes its own from the samples.
        f0: with `librosa.pyin`.
    """

    def __init__(self, params: FeaturizeParams, *, shared: bool, f0: bool = True) -> None:
        self._params = params
        self._frames = {"n_fft": params.n_fft, "hop_length": params.hop_length, "win_length": params.frame_length}
        self._shared = shared
        self._f0 = f0

    def __call__(self, samples: np.ndarray) -> dict[str, float]:
        """Values by the names of our columns."""
        p = self._params
        rate = {"sr": SAMPLE_RATE_HZ}
        if self._shared:
            amplitudes = np.abs(librosa.stft(samples, **self._frames))
            of_amplitudes = {"S": amplitudes, **rate}
            of_power = {"S": np.square(amplitudes), **rate}
        else:
            of_amplitudes = of_power = {"y": samples, **rate, **self._frames}
        without_rate = {key: value for key, value in of_amplitudes.items() if key != "sr"}
        values = {}
        for name, row in {
            "zero_crossing_rate": librosa.feature.zero_crossing_rate(
                samples, frame_length=p.frame_length, hop_length=p.hop_length
            )[0],
            "rolloff_hz": librosa.feature.spectral_rolloff(**of_amplitudes)[0],
            "flatness": librosa.feature.spectral_flatness(**without_rate)[0],
            "bandwidth_hz": librosa.feature.spectral_bandwidth(**of_amplitudes)[0],
            "centroid_hz": librosa.feature.spectral_centroid(**of_amplitudes)[0],
            "rms": librosa.feature.rms(S=self._amplitudes(samples, without_rate), frame_length=p.n_fft)[0],
        }.items():
            values |= _summary(name, row, _ALWAYS)
        chroma = librosa.feature.chroma_stft(**of_power, tuning=0.0)
        for i, row in enumerate(librosa.feature.tonnetz(chroma=chroma), start=1):
            values |= _summary(f"tonnetz_{i}", row, _ALWAYS)
        for i, row in enumerate(librosa.feature.spectral_contrast(**of_amplitudes, n_bands=5), start=1):
            values |= _summary(f"contrast_{i}_db", row, p.contrast_statistics)
        mel = librosa.feature.melspectrogram(**of_power, n_mels=p.mel_bands)
        log_mel_db = librosa.power_to_db(mel, top_db=None)
        coefficients = librosa.feature.mfcc(S=log_mel_db, n_mfcc=p.mfcc)
        for name, matrix, statistics in (
            ("mfcc", coefficients, p.mfcc_statistics),
            ("mfcc_delta", librosa.feature.delta(coefficients, mode="nearest"), p.mfcc_delta_statistics),
            ("log_mel", log_mel_db, p.log_mel_statistics),
        ):
            for i, row in enumerate(matrix):
                values |= _summary(f"{name}_{i:02d}", row, statistics)
        if self._f0:
            values |= _pitch(self.f0_hz(samples))
        return values

    def f0_hz(self, samples: np.ndarray) -> np.ndarray:
        """librosa's pYIN: (frames,), NaN where unvoiced."""
        p = self._params
        f0_hz, _, _ = librosa.pyin(
            samples,
            fmin=p.f0_min_hz,
            fmax=p.f0_max_hz,
            sr=SAMPLE_RATE_HZ,
            frame_length=p.f0_frame_length,
            hop_length=p.hop_length,
        )
        return f0_hz

    def _amplitudes(self, samples: np.ndarray, shared: Mapping[str, np.ndarray]) -> np.ndarray:
        return shared["S"] if self._shared else np.abs(librosa.stft(samples, **self._frames))


def opensmile_egemaps() -> Callable[[np.ndarray], object]:
    """openSMILE's extended Geneva minimalistic set, 88 functionals, in this process and one thread."""
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals, num_workers=1)
    return lambda samples: smile.process_signal(samples, SAMPLE_RATE_HZ)


def _summary(series: str, values: np.ndarray, statistics: tuple[Statistic, ...]) -> dict[str, float]:
    """Statistics of a series, by the names of our columns."""
    values = values.astype(np.float64)
    return {
        name: float(_STATISTICS[statistic](values))
        for name, statistic in zip(_names(series, statistics), statistics, strict=True)
    }


@cache
def _names(series: str, statistics: tuple[Statistic, ...]) -> list[str]:
    return [feature.name for feature in describe(Feature(series, "", ""), statistics)]


def _pitch(f0_hz: np.ndarray) -> dict[str, float]:
    voiced = f0_hz[~np.isnan(f0_hz)]
    values = {"voiced_share": len(voiced) / len(f0_hz)}
    if not len(voiced):
        names = ("median", "mean", "std", "q25", "q75", "range")
        return values | {f"f0_{name}_hz": 0.0 for name in names}
    return values | {
        "f0_median_hz": float(np.median(voiced)),
        "f0_mean_hz": float(voiced.mean()),
        "f0_std_hz": float(voiced.std()),
        "f0_q25_hz": float(np.quantile(voiced, 0.25)),
        "f0_q75_hz": float(np.quantile(voiced, 0.75)),
        "f0_range_hz": float(np.ptp(voiced)),
    }
