"""The measured errors of the features: each has one or a reason, none is larger than promised, none has grown."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import describe_features
from support.comparison import Agreement, compare, with_definitions, with_librosa, with_opensmile, with_praat
from support.praat import JITTERS, SHIMMERS
from support.sounds import PARAMS
from support.voice import mirror_clips
from voicetraits.errors import DataError
from voicetraits.features.extractor import FeatureExtractor
from voicetraits.features.feature import Feature

ERRORS = pd.read_csv(Path(__file__).parents[2] / describe_features.ERRORS)
FEATURES = FeatureExtractor(PARAMS).features


def of(oracle: str) -> pd.DataFrame:
    return ERRORS[ERRORS["oracle"] == oracle].set_index("feature")


def test_every_feature_has_an_error_or_a_reason():
    without = {feature.name for feature in FEATURES} - set(ERRORS["feature"])
    for name in without:
        assert describe_features.origin(name).why.startswith("no oracle: "), name
    assert without == {"h1_h2_mean_db", "h1_h2_std_db"}
    assert set(ERRORS["feature"]) <= {feature.name for feature in FEATURES}, "measure anew: tools/feature_errors.py"


def test_what_librosa_has_too_differs_by_rounding():
    librosa = of("librosa")
    assert len(librosa) > 150
    assert librosa["largest"].max() <= 1e-4
    assert {"f0_median_hz", "voiced_share", "mfcc_00_mean", "contrast_1_mean_db"} <= set(librosa.index)


def test_definitions_and_moments_differ_by_rounding():
    both = pd.concat([of("scipy"), of("the definition anew")])
    spectrum = both[~both.index.str.startswith("voice_table")]
    assert len(spectrum) == 24
    assert spectrum["largest"].max() <= 1e-4


def test_praat_agrees_as_far_as_it_has_to():
    praat = of("Praat")
    assert praat.loc[[*JITTERS, *SHIMMERS, "hnr_mean_db"], "correlation"].min() >= 0.95
    medians = praat.loc[["f1_median_hz", "f2_median_hz", "f3_median_hz"]]
    assert medians["within_95_percent"].max() < 0.05
    assert of("Praat, frames that both call voiced").loc["f0_median_hz", "median"] < 0.01


@pytest.mark.slow
def test_no_clip_is_farther_than_the_table_says(mirror):
    """One clip of some archives anew. A margin, since another processor may round otherwise."""
    clips = [clip for _, clip in mirror_clips(mirror, every=20)]
    stated = ERRORS.set_index(["feature", "oracle"])
    found = compare(clips, [with_definitions, with_librosa, with_praat, with_opensmile])
    assert set(found) == set(stated.index)
    for key, agreement in found.items():
        if agreement.measure != "none":
            assert float(agreement.row["largest"]) <= 1.1 * stated.loc[key, "largest"] + 1e-6, key


def table_of(feature: str, *agreements: Agreement) -> str:
    errors = pd.DataFrame([one.row for one in agreements], columns=list(ERRORS)).set_index("feature")
    errors = errors.astype(dict.fromkeys(("correlation", "median", "within_95_percent", "largest"), float))
    return describe_features.every_feature((Feature(feature, "Hz", "what it is"),), errors)


@pytest.mark.parametrize(
    ("agreement", "cell"),
    [
        (Agreement("rms_max", "librosa", np.array([1.0, 2]), np.array([1.0, 2])), "librosa: rounding |"),
        (Agreement("rms_max", "librosa", np.array([1.0, 2.0001]), np.array([1.0, 2])), "librosa: 4.9e-05 |"),
        (
            Agreement("jitter_rap", "Praat", np.array([1.0, 3]), np.array([1.0, 2])),
            "Praat: 50.00 %, correlation 1.0000;",
        ),
        (Agreement("hnr_mean_db", "Praat", np.array([1.0, 3]), np.array([1.0, 2])), "Praat: 1 dB, correlation 1.0000;"),
        (
            Agreement("loudness_mean", "openSMILE eGeMAPSv02", np.array([1.0, 3]), np.array([7.0, 9])),
            "openSMILE eGeMAPSv02: correlation 1.0000; another scale",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_how_an_error_is_shown(agreement, cell):
    assert cell in table_of(agreement.feature, agreement)


def test_a_difference_without_a_reason_is_refused():
    far = Agreement("rms_max", "librosa", np.array([1.0, 3]), np.array([1.0, 2]))
    with pytest.raises(DataError, match=r"rms_max differs from its oracle, and ORIGINS .* does not say why"):
        table_of("rms_max", far)
    with pytest.raises(DataError, match=r"rms_max has no oracle, and ORIGINS .* does not say why"):
        table_of("rms_max")
    with pytest.raises(DataError, match="charm has no origin in ORIGINS"):
        table_of("charm")
