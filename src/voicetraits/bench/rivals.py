"""The same features by librosa: everything from the samples, or from one shared spectrum; and openSMILE's own set."""

from collections.abc import Callable, Mapping

import librosa
import numpy as np
import opensmile

from voicetraits.features.extractor import SAMPLE_RATE_HZ, FeaturizeParams

_STATISTICS = {"mean": np.mean, "min": np.min, "max": np.max, "std": np.std}


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
        series = {
            "zero_crossing_rate_{}": librosa.feature.zero_crossing_rate(
                samples, frame_length=p.frame_length, hop_length=p.hop_length
            )[0],
            "rolloff_{}_hz": librosa.feature.spectral_rolloff(**of_amplitudes)[0],
            "flatness_{}": librosa.feature.spectral_flatness(**without_rate)[0],
            "bandwidth_{}_hz": librosa.feature.spectral_bandwidth(**of_amplitudes)[0],
            "centroid_{}_hz": librosa.feature.spectral_centroid(**of_amplitudes)[0],
            "rms_{}": librosa.feature.rms(S=self._amplitudes(samples, without_rate), frame_length=p.n_fft)[0],
        }
        chroma = librosa.feature.chroma_stft(**of_power, tuning=0.0)
        for i, row in enumerate(librosa.feature.tonnetz(chroma=chroma), start=1):
            series[f"tonnetz_{i}_{{}}"] = row
        for i, row in enumerate(librosa.feature.spectral_contrast(**of_amplitudes, n_bands=5), start=1):
            series[f"contrast_{i}_{{}}_db"] = row
        values = _summary(series, _STATISTICS)
        mel = librosa.feature.melspectrogram(**of_power, n_mels=p.mel_bands)
        coefficients = librosa.feature.mfcc(S=librosa.power_to_db(mel, top_db=None), n_mfcc=p.mfcc)
        deltas = librosa.feature.delta(coefficients, mode="nearest")
        cepstral = {f"mfcc_{i:02d}_{{}}": row for i, row in enumerate(coefficients)}
        cepstral |= {f"mfcc_delta_{i:02d}_{{}}": row for i, row in enumerate(deltas)}
        values |= _summary(cepstral, {name: _STATISTICS[name] for name in ("mean", "std")})
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


def _summary(series: Mapping[str, np.ndarray], statistics: Mapping[str, Callable]) -> dict[str, float]:
    return {
        name.format(statistic): float(function(values.astype(np.float64)))
        for name, values in series.items()
        for statistic, function in statistics.items()
    }


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
