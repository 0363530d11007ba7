"""The features of many clips beside what librosa, the definitions, Praat and openSMILE say of the same clips."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import opensmile

from support.definitions import scipy_moments, specprop, utterance_spectrum, voice_table
from support.praat import PraatClip
from support.sounds import PARAMS, RATE_HZ
from support.voice import Clip
from voicetraits.bench.rivals import Librosa
from voicetraits.features.extractor import FeatureExtractor
from voicetraits.features.voice_table import TABLE_COLUMNS

#: librosa applies pre-emphasis to the samples, and we to the spectrum: compared without.
_FLAT = replace(PARAMS, pre_emphasis=0.0)
EXTRACTOR, LIBROSA = FeatureExtractor(_FLAT), Librosa(_FLAT, shared=False)
SMILE = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
#: openSMILE's functional for a feature's mean; its alpha ratio is that of high to low.
_EGEMAPS_MEANS = {
    "alpha_ratio_{}_db": ("alphaRatioV_sma3nz", -1),
    "hammarberg_index_{}_db": ("hammarbergIndexV_sma3nz", 1),
    "slope_0_500_{}_db_per_hz": ("slopeV0-500_sma3nz", 1),
    "slope_500_1500_{}_db_per_hz": ("slopeV500-1500_sma3nz", 1),
    "loudness_{}": ("loudness_sma3", 1),
}
_EGEMAPS_LOUDNESS = {
    "loudness_p20": "percentile20.0",
    "loudness_p50": "percentile50.0",
    "loudness_p80": "percentile80.0",
    "loudness_p20_to_p80": "pctlrange0-2",
}
#: Fewer voiced frames make no median.
_MIN_FRAMES = 20
#: Praat's cepstrum is looked at in every so many voiced frames: it is slow.
_CEPSTRUM_STEP = 6
#: A difference this small is rounding to float32, of values near 0 too.
_ROUNDING = 2e-6

OPENSMILE = "openSMILE eGeMAPSv02"
#: Feature and oracle; our value and the other.
Comparison = tuple[tuple[str, str], tuple[float, float]]


@dataclass(frozen=True)
class Agreement:
    """One feature against one oracle.

    Attributes:
        own, other: (clips,) the values, clips left out where either has none.
    """

    feature: str
    oracle: str
    own: np.ndarray
    other: np.ndarray

    @property
    def correlation(self) -> float:
        """NaN where all clips have the same."""
        if not (np.ptp(self.own) and np.ptp(self.other)):
            return np.nan
        return float(np.corrcoef(self.own, self.other)[0, 1])

    @property
    def relative_errors(self) -> np.ndarray:
        return np.maximum(np.abs(self.own - self.other) - _ROUNDING, 0) / np.maximum(np.abs(self.other), _ROUNDING)

    @property
    def measure(self) -> str:
        """`relative`; the unit where 0 is a value like any other; `none` where the oracle has another scale."""
        if self.oracle == OPENSMILE and self.feature.startswith("loudness"):
            return "none"
        if self.oracle == OPENSMILE or self.oracle.startswith("Praat"):
            return next((unit for ending, unit in _UNITS.items() if self.feature.endswith(ending)), "relative")
        return "relative"

    @property
    def row(self) -> dict[str, Any]:
        """Of the table of errors: three digits of each."""
        errors = self.relative_errors if self.measure == "relative" else np.abs(self.own - self.other)
        middle, most, largest = np.quantile(errors, [0.5, 0.95, 1]) if self.measure != "none" else [np.nan] * 3
        return {
            "feature": self.feature,
            "oracle": self.oracle,
            "clips": len(self.own),
            "correlation": f"{self.correlation:.4f}" if np.isfinite(self.correlation) else None,
            "error": self.measure,
            **{
                name: f"{value:.3g}" if np.isfinite(value) else None
                for name, value in {"median": middle, "within_95_percent": most, "largest": largest}.items()
            },
        }


_UNITS = {"_db": "dB", "_db_per_hz": "dB/Hz", "pauses_per_second": "1/s", "pause_mean_seconds": "s"}


def compare(
    clips: Iterable[Clip], comparisons: Iterable[Callable[[Clip], Iterator[Comparison]]]
) -> dict[tuple[str, str], Agreement]:
    """All comparisons, by feature and oracle."""
    comparisons = list(comparisons)
    pairs: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for clip in clips:
        for with_other in comparisons:
            for key, pair in with_other(clip):
                if np.isfinite(pair).all():
                    pairs[key].append(pair)
    return {key: Agreement(*key, *np.array(values).T) for key, values in pairs.items()}


def with_librosa(clip: Clip) -> Iterator[Comparison]:
    own = dict(zip(EXTRACTOR.names, EXTRACTOR(clip.samples).tolist(), strict=True))
    # In float64, so that all rounding is ours.
    for name, value in LIBROSA(clip.samples.astype(np.float64)).items():
        yield (name, "librosa"), (own[name], value)


def with_definitions(clip: Clip) -> Iterator[Comparison]:
    own = dict(zip(EXTRACTOR.names, EXTRACTOR(clip.samples).tolist(), strict=True))
    for prefix, upper_hz in (("spectrum", RATE_HZ / 2), ("voice_range", PARAMS.voice_range_hz)):
        frequencies_hz, amplitudes = utterance_spectrum(clip.samples, upper_hz)
        moments = scipy_moments(amplitudes)
        for name, value in specprop(frequencies_hz.tolist(), amplitudes.tolist()).items():
            pair = own[f"{prefix}_{name}"], moments.get(name, value)
            yield (f"{prefix}_{name}", "scipy" if name in moments else "the definition anew"), pair
    columns = voice_table(clip.samples.astype(np.float64))
    for name, column in TABLE_COLUMNS.items():
        yield (name, "the definition anew"), (own[name], columns[column])


def with_praat(clip: Clip) -> Iterator[Comparison]:
    praat = PraatClip(clip.samples)
    voiced = np.flatnonzero(~np.isnan(clip.f0_hz))
    for name, value in (praat.perturbation(praat.cycles()) | praat.hnr_db()).items():
        yield (name, "Praat"), (clip.features[name], value)
    for name, value in praat.rhythm().items():
        yield (name, "Praat, the published script"), (clip.features[name], value)
    if len(voiced) < _MIN_FRAMES:
        return
    other_hz = praat.f0_hz(PARAMS.f0_min_hz, PARAMS.f0_max_hz)
    both = voiced[other_hz[voiced] > 0]
    if len(both) >= _MIN_FRAMES:
        medians = np.median(clip.f0_hz[both]), np.median(other_hz[both])
        yield ("f0_median_hz", "Praat, frames that both call voiced"), medians
    centres, frequencies_hz, bandwidths_hz = praat.formants_hz()
    # Where a middle lies between two frames the later one is nearest; Praat's middles have been rounded.
    frames = np.floor(centres / PARAMS.hop_length + 0.5 + 1e-6).astype(int)
    chosen = np.isin(frames, voiced)
    for name, value in formant_features(frequencies_hz[chosen], bandwidths_hz[chosen]).items():
        yield (name, "Praat"), (clip.features[name], value)
    peaks_db = praat.cepstral_peak_db(voiced[::_CEPSTRUM_STEP] * PARAMS.hop_length / RATE_HZ)
    yield ("cpp_mean_db", "Praat"), (clip.features["cpp_mean_db"], peaks_db.mean())
    yield ("cpp_std_db", "Praat"), (clip.features["cpp_std_db"], peaks_db.std())


def formant_features(frequencies_hz: np.ndarray, bandwidths_hz: np.ndarray) -> dict[str, float]:
    """By their definitions, of (frames, 4)."""
    medians = np.nanmedian(frequencies_hz, axis=0)
    values = {"formant_dispersion_hz": (medians[3] - medians[0]) / 3}
    (spacing_hz,), *_ = np.linalg.lstsq(np.arange(4)[:, None] + 0.5, medians, rcond=None)
    values["vocal_tract_length_cm"] = 35_000 / (2 * spacing_hz)
    for n in range(4):
        values[f"f{n + 1}_median_hz"] = medians[n]
        values[f"f{n + 1}_std_hz"] = np.nanstd(frequencies_hz[:, n])
        values[f"f{n + 1}_bandwidth_median_hz"] = np.nanmedian(bandwidths_hz[:, n])
    return values


def with_opensmile(clip: Clip) -> Iterator[Comparison]:
    functionals = SMILE.process_signal(clip.samples, RATE_HZ).iloc[0].astype(float)
    others = {name: functionals[f"loudness_sma3_{functional}"] for name, functional in _EGEMAPS_LOUDNESS.items()}
    for name, (descriptor, sign) in _EGEMAPS_MEANS.items():
        mean = functionals[f"{descriptor}_amean"]
        if not name.startswith("loudness") and (mean == 0 or np.isnan(clip.f0_hz).all()):
            continue  # one of the two finds no voice
        others[name.format("mean")] = sign * mean
        others[name.format("std")] = abs(functionals[f"{descriptor}_stddevNorm"] * mean)
    for name, other in others.items():
        yield (name, OPENSMILE), (clip.features[name], other)
