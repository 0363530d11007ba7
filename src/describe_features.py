"""Writes two tables into src/voicetraits/features/README.md: every feature, and how far it agrees with other programs.

What a feature is, the extractor knows of itself; how far it is from its oracles, `tools/feature_errors.py` has measured
into errors.csv beside that page.
"""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from voicetraits import params, stage
from voicetraits.errors import DataError
from voicetraits.features.extractor import FeatureExtractor, FeaturizeParams
from voicetraits.features.feature import Feature
from voicetraits.files import written_aside

FOLDER = Path("src/voicetraits/features")
PAGE, ERRORS = FOLDER / "README.md", FOLDER / "errors.csv"
#: Each table stands between two lines of the page.
START, END = "<!-- {}: python src/describe_features.py -->\n", "<!-- end of {} -->\n"
#: Programs whose values differ by more than rounding.
_PROGRAMS = ("Praat", "openSMILE")


class Origin(NamedTuple):
    """Where features come from.

    Attributes:
        source: of the definition.
        why: why values differ from the oracle's by more than rounding; where there is none, why, and what tests check.
    """

    source: str
    why: str = ""


_DECIMATED = "from samples at 1 kHz, the definition at the full rate; of two peaks as high another may be the mode"
_EDGES = "the two contours of F0 part at the edges of voicing, where cycles are least alike"
_FORMANTS = (
    "another resampler turns a pole into a formant in a few frames: of F1 that spread wide, the median then moves"
)
_PAUSES = "there without some 65 ms at each end of the clip, and what sounds for less than 0.1 s is silence"
_RATES = "the script asks Praat which peaks are voiced, which calls more so, and joins peaks by another rule"
_SMOOTHED = "other windows, other voiced frames; there smoothed over 3 frames"
_TWO_PEAKS = "of two peaks of the cepstrum as high another may be the highest"
_SPECPROP, _GEMAPS = "seewave `specprop`", "Eyben et al. 2016"
_OF_WINDOWS = ("meanfun", "minfun", "maxfun")
#: By how the names begin; the longest beginning counts.
ORIGINS = {
    "spectrum_": Origin(_SPECPROP),
    "voice_range_": Origin(_SPECPROP),
    "zero_crossing": Origin("librosa"),
    "tonnetz": Origin("Harte et al. 2006"),
    "rolloff": Origin("librosa"),
    "flatness": Origin("librosa"),
    "contrast": Origin("Jiang et al. 2002"),
    "bandwidth": Origin("librosa"),
    "centroid": Origin("librosa"),
    "rms": Origin("librosa"),
    "mfcc": Origin("Davis & Mermelstein 1980; Slaney's mel"),
    "log_mel": Origin("Slaney's mel"),
    "f0_": Origin("Mauch & Dixon 2014"),
    "f0_median": Origin("Mauch & Dixon 2014", "another method than pYIN; pYIN's steps are 0.6 %"),
    "voiced_share": Origin("Mauch & Dixon 2014"),
    "f1_": Origin("Burg's method", _FORMANTS),
    "f2_": Origin("Burg's method", _FORMANTS),
    "f3_": Origin("Burg's method", _FORMANTS),
    "f4_": Origin("Burg's method", _FORMANTS),
    "formant_dispersion": Origin("Fitch 1997", _FORMANTS),
    "vocal_tract": Origin("Reby & McComb 2003", _FORMANTS),
    "jitter": Origin("Boersma 1993; Praat", _EDGES),
    "shimmer": Origin("Boersma 1993; Praat", _EDGES),
    "hnr": Origin("Boersma 1993; Praat", "every 30 ms here, every 10 ms there"),
    "h1_h2": Origin(_GEMAPS, "no oracle: what openSMILE calls H1−H2 is H2−H3; tones of known harmonics instead"),
    "cpp": Origin("Hillenbrand & Houde 1996", "not smoothed over time here, over 20 ms there"),
    "alpha_ratio": Origin(_GEMAPS, f"{_SMOOTHED}; its low band begins at 0 Hz"),
    "hammarberg": Origin(_GEMAPS, _SMOOTHED),
    "slope": Origin(_GEMAPS, f"{_SMOOTHED}; its sums count one point too few"),
    "loudness": Origin(f"Hermansky 1990; {_GEMAPS}", "another scale, so only the correlation counts"),
    "voice_table": Origin("seewave, warbleR", _DECIMATED),
    **dict.fromkeys((f"voice_table_{name}" for name in _OF_WINDOWS), Origin("seewave, warbleR", _TWO_PEAKS)),
    **dict.fromkeys(("speech_share", "pause", "phonation"), Origin("de Jong & Wempe 2009", _PAUSES)),
    **dict.fromkeys(("speaking_rate", "articulation_rate"), Origin("de Jong & Wempe 2009", _RATES)),
}


#: A relative error up to this is rounding, and needs no reason.
_ROUNDING = 1e-4


def main() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name, table in tables().items():
        page = put(page, name, table)
    with written_aside(PAGE) as aside:
        aside.write_text(page, encoding="utf-8")


def put(page: str, name: str, table: str) -> str:
    """The page with this table in place of the one of that name."""
    before, rest = page.split(START.format(name))
    _, after = rest.split(END.format(name))
    return before + START.format(name) + table + END.format(name) + after


def tables() -> dict[str, str]:
    """Both tables in Markdown, at the settings of params.yaml, by their names.

    Raises:
        DataError: nobody has said where a feature comes from, or how far it is from an oracle, or why it has none.
    """
    features = FeatureExtractor(params.get(params.load(), "featurize", FeaturizeParams)).features
    errors = pd.read_csv(ERRORS, dtype={"error": str}).set_index("feature")
    return {"all features": every_feature(features, errors), "agreement": agreement(features, errors)}


def every_feature(features: tuple[Feature, ...], errors: pd.DataFrame) -> str:
    """A row for each feature."""
    rows = ["| name | unit | definition | source | oracle: largest error |", "| --- | --- | --- | --- | --- |"]
    for feature in features:
        source, why = origin(feature.name)
        measured = errors.loc[[feature.name]] if feature.name in errors.index else errors[:0]
        rounding = len(measured) and all((measured["error"] == "relative") & (measured["largest"] <= _ROUNDING))
        cells = [f"{row.oracle}: {_short(row)}" for row in measured.itertuples()]
        if not rounding:
            if not why:
                raise DataError(
                    f"{feature.name} {'differs from its oracle' if cells else 'has no oracle'}, and ORIGINS of "
                    "describe_features.py does not say why; allowed: a reason there, or figures that "
                    "tools/feature_errors.py has measured"
                )
            cells.append(why)
        rows.append(f"| `{feature.name}` | {feature.unit} | {feature.definition} | {source} | {'; '.join(cells)} |")
    return "\n".join(rows) + "\n"


def agreement(features: tuple[Feature, ...], errors: pd.DataFrame) -> str:
    """A row for each comparison with a program whose values differ by more than rounding, in the features' order."""
    rows = [
        "| feature | oracle | clips | correlation | error of half the clips up to | of 95 % | largest |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for feature in features:
        measured = errors.loc[[feature.name]] if feature.name in errors.index else errors[:0]
        for row in measured[measured["oracle"].str.startswith(_PROGRAMS)].itertuples():
            cells = [_error(value, row.error) for value in (row.median, row.within_95_percent, row.largest)]
            rows.append(
                f"| `{feature.name}` | {row.oracle} | {row.clips} | {row.correlation:.4f} | {' | '.join(cells)} |"
            )
    return "\n".join(rows) + "\n"


def origin(name: str) -> Origin:
    """Where a feature comes from.

    Raises:
        DataError: nobody has said.
    """
    beginnings = [beginning for beginning in ORIGINS if name.startswith(beginning)]
    if not beginnings:
        raise DataError(
            f"{name} has no origin in ORIGINS of describe_features.py; allowed: one by the name's beginning"
        )
    return ORIGINS[max(beginnings, key=len)]


def _short(row: NamedTuple) -> str:
    """The largest error; the correlation where an error of a clip says little."""
    if row.error == "none":
        return f"correlation {row.correlation:.4f}"
    largest = _error(row.largest, row.error)
    return f"{largest}, correlation {row.correlation:.4f}" if row.oracle.startswith(_PROGRAMS) else largest


def _error(value: float, kind: str) -> str:
    """Relative: in per cent, or as a power of ten where it is rounding; else in the unit."""
    if kind == "none":
        return ""
    if kind != "relative":
        return f"{value:.2g} {kind}"
    if value == 0:
        return "rounding"
    return f"{value:.1e}" if value <= _ROUNDING else f"{value:.2%}".replace("%", " %")


if __name__ == "__main__":
    stage.run(main)
