"""The voice features of many clips beside what Praat and openSMILE say of the same clips."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import opensmile

from support.praat import PraatClip
from support.sounds import PARAMS, RATE_HZ
from support.voice import VOICE, Clip
from voicetraits.features import formants

SMILE = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
#: openSMILE's functional for a feature, and by what it is multiplied: its alpha ratio is that of high to low.
EGEMAPS = {
    "alpha_ratio_mean_db": ("alphaRatioV_sma3nz_amean", -1),
    "hammarberg_index_mean_db": ("hammarbergIndexV_sma3nz_amean", 1),
    "slope_0_500_mean_db_per_hz": ("slopeV0-500_sma3nz_amean", 1),
    "slope_500_1500_mean_db_per_hz": ("slopeV500-1500_sma3nz_amean", 1),
    "loudness_mean": ("loudness_sma3_amean", 1),
    "loudness_p20": ("loudness_sma3_percentile20.0", 1),
    "loudness_p50": ("loudness_sma3_percentile50.0", 1),
    "loudness_p80": ("loudness_sma3_percentile80.0", 1),
    "loudness_p20_to_p80": ("loudness_sma3_pctlrange0-2", 1),
}
#: Fewer voiced frames make no median.
_MIN_FRAMES = 20
#: Praat's cepstrum is looked at in every so many voiced frames: it is slow.
_CEPSTRUM_STEP = 6


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
        return float(np.corrcoef(self.own, self.other)[0, 1])

    @property
    def relative_errors(self) -> np.ndarray:
        return np.abs(self.own - self.other) / np.maximum(np.abs(self.other), np.finfo(float).tiny)

    @property
    def row(self) -> str:
        """Of a Markdown table."""
        errors, relative = np.abs(self.own - self.other), self.relative_errors
        return (
            f"| `{self.feature}` | {self.oracle} | {len(self.own)} | {self.correlation:.4f} | {np.median(errors):.3g} "
            f"| {errors.max():.3g} | {np.median(relative):.2%} | {np.quantile(relative, 0.95):.2%} "
            f"| {relative.max():.2%} |"
        )


HEADER = (
    "| feature | oracle | clips | correlation | median error | largest error "
    "| median relative | 95 % within | largest |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)


def compare(clips: Iterable[Clip]) -> dict[tuple[str, str], Agreement]:
    """All comparisons, by feature and oracle."""
    pairs: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for clip in clips:
        for key, pair in [*_with_praat(clip), *_with_opensmile(clip)]:
            if np.isfinite(pair).all():
                pairs[key].append(pair)
    return {key: Agreement(*key, *np.array(values).T) for key, values in pairs.items()}


def _with_praat(clip: Clip):
    praat = PraatClip(clip.samples)
    voiced = np.flatnonzero(~np.isnan(clip.f0_hz))
    cycles = praat.cycles()
    for name, value in praat.perturbation(cycles).items():
        yield (name, "Praat"), (clip.features[name], value)
    yield ("hnr_mean_db", "Praat"), (clip.features["hnr_mean_db"], praat.hnr_mean_db())
    if len(voiced) < _MIN_FRAMES:
        return
    other_hz = praat.f0_hz(PARAMS.f0_min_hz, PARAMS.f0_max_hz)
    both = voiced[other_hz[voiced] > 0]
    if len(both) >= _MIN_FRAMES:
        medians = np.median(clip.f0_hz[both]), np.median(other_hz[both])
        yield ("f0_median_hz", "Praat, frames that both call voiced"), medians
    centres, frequencies_hz, bandwidths_hz = praat.formants_hz()
    frames = np.rint(centres / PARAMS.hop_length).astype(int)
    chosen = np.isin(frames, voiced)
    rate = VOICE._low_rate
    same = formants.FormantTracker(rate.to_hz)(rate(clip.samples), rate.places(np.rint(centres[chosen]).astype(int)))
    for n in range(4):
        medians = [np.nanmedian(values[chosen, n]) for values in (frequencies_hz, bandwidths_hz)]
        for k, name in enumerate((f"f{n + 1}_median_hz", f"f{n + 1}_bandwidth_median_hz")):
            yield (name, "Praat, the same frames"), (np.nanmedian(same[k][:, n]), medians[k])
            yield (name, "Praat, all voiced frames"), (clip.features[name], medians[k])
    some = voiced[::_CEPSTRUM_STEP]
    yield (
        ("cpp_mean_db", "Praat"),
        (
            clip.features["cpp_mean_db"],
            praat.cepstral_peak_db(some * PARAMS.hop_length / RATE_HZ).mean(),
        ),
    )


def _with_opensmile(clip: Clip):
    functionals = SMILE.process_signal(clip.samples, RATE_HZ).iloc[0]
    for name, (other, sign) in EGEMAPS.items():
        value = sign * float(functionals[other])
        voiced_only = not name.startswith("loudness")
        if not (voiced_only and (value == 0 or np.isnan(clip.f0_hz).all())):
            yield (name, "openSMILE eGeMAPSv02"), (clip.features[name], value)
