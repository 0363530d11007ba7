"""Label suspects: planted wrong labels are found, right ones are left alone, and what stands on the list."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from support.labelled import labelled
from voicetraits.auditing import learners, suspects
from voicetraits.auditing.flips import experiment, is_pitch_free
from voicetraits.auditing.review import COLUMNS, suspects_table
from voicetraits.auditing.suspects import judge
from voicetraits.features.table import FeatureTable

SETTING = {"folds": 3, "seeds": (0,), "min_probability": 0.5}


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    """For speed."""
    monkeypatch.setattr(learners, "_TREES", 40)


def flipped(clips, speakers):
    """The same clips, with another class for these speakers."""
    wrong = np.isin(clips.speakers, speakers)
    return replace(clips, labels=np.where(wrong, (clips.labels + 1) % len(clips.classes), clips.labels))


@pytest.mark.parametrize("classes", [("female", "male"), ("youth", "adult", "senior")])
def test_planted_wrong_labels_are_found(classes):
    clips = labelled(60, apart=4.0, classes=classes)
    wrong = ["s004", "s011", "s023", "s047"]
    verdict = judge(flipped(clips, wrong), **SETTING)
    units = verdict.units
    assert units.speakers[verdict.is_suspect].tolist() == wrong
    truth = clips.by_unit().labels
    assert (verdict.other == truth)[verdict.is_suspect].all()
    assert (verdict.clips_against[verdict.is_suspect] == 4).all()
    assert (verdict.agreeing[verdict.is_suspect] == 1).all()
    assert verdict.uar(truth) > verdict.uar(units.labels)


def test_right_labels_are_left_alone():
    verdict = judge(labelled(60, apart=3.0), **SETTING)
    assert not verdict.is_suspect.any()
    assert verdict.rounds == 1


def test_suspects_do_not_teach(monkeypatch):
    """With a fifth of the labels wrong, what is learnt without them is surer than what is learnt at first."""
    wrong = [f"s{number:03d}" for number in range(0, 60, 5)]
    clips = flipped(labelled(60, apart=2.0), wrong)
    last = judge(clips, **SETTING)
    monkeypatch.setattr(suspects, "_MOST_ROUNDS", 1)
    first = judge(clips, **SETTING)
    assert (first.rounds, last.rounds > 1) == (1, True)
    is_wrong = np.isin(first.units.speakers, wrong)
    assert last.is_suspect[is_wrong].all()
    assert last.strength[is_wrong].mean() > first.strength[is_wrong].mean() + 0.02


def test_classes_that_cannot_be_told_apart_are_not_trimmed_away():
    verdict = judge(labelled(18, apart=0.0), **SETTING)
    assert np.isfinite(verdict.strength).all()
    assert verdict.uar(verdict.units.labels) < 0.8


def test_a_speaker_under_two_labels_is_two_units():
    clips = labelled(24, apart=3.0, classes=("youth", "adult", "senior"))
    labels = clips.labels.copy()
    labels[:2] = 1  # the first two clips of s000, a youth later called adult
    verdict = judge(replace(clips, labels=labels), **SETTING)
    assert len(verdict.units.labels) == 25
    assert list(zip(verdict.units.speakers, verdict.units.labels, strict=True))[:2] == [("s000", 0), ("s000", 1)]
    assert (verdict.strength.argmax(), verdict.other[1]) == (1, 0)


def test_the_list_says_what_speaks_against_the_label():
    clips = labelled(40, apart=3.0)
    women = clips.labels == 0
    values = (
        pd.DataFrame({"f0_median_hz": np.where(women, 200.0, 110.0)}, index=clips.ids) + np.arange(160)[:, None] % 7
    )
    features = FeatureTable(values, {})
    metadata = pd.DataFrame({"utterance_id": clips.ids, "source": "here", "gender": None, "age_group": "adult"})
    stated = flipped(clips, ["s003", "s008"])
    table = suspects_table("gender", judge(stated, **SETTING), stated, metadata, features)
    assert tuple(table) == COLUMNS
    assert sorted(table["speaker_id"]) == ["s003", "s008"]
    assert table["strength"].is_monotonic_decreasing
    by_name = table.set_index("speaker_id")
    assert by_name.loc["s003", ["stated", "suggested", "listen", "other_label"]].tolist() == [
        "female", "male", "s003/a0", "adult"
    ]  # fmt: skip
    assert by_name.loc["s003", "f0_median_hz"] == pytest.approx(113, abs=4)
    assert (by_name["p_stated_pitch"] < 0.05).all()
    assert by_name[["p_stated_linear", "p_stated_trees"]].max(axis=None) < 0.5
    assert by_name["vocal_tract_length_cm"].isna().all(), "no such feature here, so nothing is said"


@pytest.mark.slow
def test_the_experiment_counts_by_hand():
    clips = labelled(60, apart=3.0)
    known = flipped(clips, ["s005"])  # wrong before anything is flipped
    found = experiment(known, shares=(0.1,), seeds=(4,), folds=3, fold_seeds=1, min_probability=0.5)
    assert found.known["speaker_id"].tolist() == ["s005"]
    none, *runs = found.runs.to_dict("records")
    assert (none["flipped"], none["listed"]) == (0, 0)
    for run in runs:
        assert (run["flipped"], run["found"], run["listed"], run["recall"], run["precision"]) == (6, 6, 6, 1, 1)
        assert run["precision_known_false"] == pytest.approx(6 / 7, abs=1e-6)
        assert run["uar_clips_reviewed"] >= run["uar_clips_as_stated"]


def test_features_without_pitch():
    names = ("f0_median_hz", "f1_median_hz", "voiced_share", "voice_range_q25_hz", "voice_table_meanfun_khz", "mfcc_01")
    assert is_pitch_free(names).tolist() == [False, True, False, False, False, True]
