"""Which family of features a feature belongs to: what a group is where features are looked at by groups."""

from collections.abc import Sequence

#: Family: beginnings of the names of its features. A name belongs to the longest beginning that it has, so that the
#: columns of the voice-gender table stand with what they measure.
FAMILIES = {
    "pitch": ("f0_", "voiced_share", "voice_table_meanfun", "voice_table_minfun", "voice_table_maxfun"),
    "voice range": ("voice_range_",),
    "formants": ("f1_", "f2_", "f3_", "f4_", "formant", "vocal_tract"),
    "voice quality": ("jitter", "shimmer", "hnr", "h1_h2", "cpp"),
    "mfcc": ("mfcc_",),
    "mfcc deltas": ("mfcc_delta_",),
    "log-mel": ("log_mel_",),
    "spectrum": ("spectrum_", "voice_table_"),
    "spectral shape": ("zero_crossing", "rolloff", "flatness", "bandwidth", "centroid"),
    "contrast": ("contrast_",),
    "tonnetz": ("tonnetz_",),
    "spectral balance": ("alpha_ratio", "hammarberg", "slope"),
    "level": ("rms_", "loudness"),
    "rhythm": ("speech_share", "pause", "phonation", "speaking_rate", "articulation_rate"),
}

#: The family of a feature that none of `FAMILIES` names.
OTHER = "other"


def family_of(name: str) -> str:
    """The family of a feature."""
    beginnings = {beginning: family for family, those in FAMILIES.items() for beginning in those}
    fitting = [beginning for beginning in beginnings if name.startswith(beginning)]
    return beginnings[max(fitting, key=len)] if fitting else OTHER


def families_of(names: Sequence[str]) -> dict[str, list[int]]:
    """Places of each family's features in `names`; families without one are left out."""
    places: dict[str, list[int]] = {family: [] for family in (*FAMILIES, OTHER)}
    for place, name in enumerate(names):
        places[family_of(name)].append(place)
    return {family: found for family, found in places.items() if found}
