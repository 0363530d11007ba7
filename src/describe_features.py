"""Writes the table of all features into src/voicetraits/features/README.md, from what the extractor knows of itself."""

from pathlib import Path

from voicetraits import params, stage
from voicetraits.errors import DataError
from voicetraits.features.extractor import FeatureExtractor, FeaturizeParams
from voicetraits.files import written_aside

PAGE = Path("src/voicetraits/features/README.md")
START, END = "<!-- table: python src/describe_features.py -->\n", "<!-- end of table -->\n"


def main() -> None:
    before, rest = PAGE.read_text(encoding="utf-8").split(START)
    with written_aside(PAGE) as aside:
        aside.write_text(before + START + table() + END + rest.split(END)[1], encoding="utf-8")


#: Beginning of the names: source, and what the values are checked against.
ORIGINS = {
    "spectrum_": ("seewave `specprop`", "the definitions anew; scipy"),
    "voice_range_": ("seewave `specprop`", "the definitions anew; scipy"),
    "zero_crossing": ("librosa", "librosa"),
    "tonnetz": ("Harte et al. 2006", "librosa"),
    "rolloff": ("librosa", "librosa"),
    "flatness": ("librosa", "librosa"),
    "contrast": ("Jiang et al. 2002", "librosa"),
    "bandwidth": ("librosa", "librosa"),
    "centroid": ("librosa", "librosa"),
    "rms": ("librosa", "librosa"),
    "mfcc": ("Davis & Mermelstein 1980; Slaney's mel", "librosa"),
    "log_mel": ("Slaney's mel", "librosa"),
    "f0_": ("Mauch & Dixon 2014", "librosa `pyin`; Praat"),
    "voiced_share": ("Mauch & Dixon 2014", "librosa `pyin`"),
    "f1_": ("Burg's method", "Praat"),
    "f2_": ("Burg's method", "Praat"),
    "f3_": ("Burg's method", "Praat"),
    "f4_": ("Burg's method", "Praat"),
    "formant_dispersion": ("Fitch 1997", "from F1 and F4"),
    "vocal_tract": ("Reby & McComb 2003", "a uniform tube"),
    "jitter": ("Boersma 1993; Praat", "Praat"),
    "shimmer": ("Boersma 1993; Praat", "Praat"),
    "hnr": ("Boersma 1993; Praat", "Praat"),
    "h1_h2": ("Eyben et al. 2016", "tones of known harmonics"),
    "cpp": ("Hillenbrand & Houde 1996", "Praat"),
    "alpha_ratio": ("Eyben et al. 2016", "openSMILE"),
    "hammarberg": ("Eyben et al. 2016", "openSMILE"),
    "slope": ("Eyben et al. 2016", "openSMILE"),
    "loudness": ("Hermansky 1990; Eyben et al. 2016", "openSMILE"),
    "voice_table": ("seewave, warbleR", "the definitions anew"),
    "speech_share": ("de Jong & Wempe 2009", "known syllables and pauses"),
    "pause": ("de Jong & Wempe 2009", "known syllables and pauses"),
    "phonation": ("de Jong & Wempe 2009", "known syllables and pauses"),
    "speaking_rate": ("de Jong & Wempe 2009", "known syllables and pauses"),
    "articulation_rate": ("de Jong & Wempe 2009", "known syllables and pauses"),
}


def table() -> str:
    """A Markdown row for each feature at the settings of params.yaml.

    Raises:
        DataError: nobody has said where a feature comes from.
    """
    extractor = FeatureExtractor(params.get(params.load(), "featurize", FeaturizeParams))
    rows = []
    for feature in extractor.features:
        source, oracle = origin(feature.name)
        rows.append(f"| `{feature.name}` | {feature.unit} | {feature.definition} | {source} | {oracle} |")
    head = ["| name | unit | definition | source | checked against |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*head, *rows]) + "\n"


def origin(name: str) -> tuple[str, str]:
    """Source and oracle of a feature."""
    found = [both for beginning, both in ORIGINS.items() if name.startswith(beginning)]
    if len(found) != 1:
        raise DataError(f"{name} has {len(found)} origins in ORIGINS of describe_features.py; allowed: one")
    return found[0]


if __name__ == "__main__":
    stage.run(main)
