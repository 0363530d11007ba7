"""The demo corpus on paper: who speaks, what each archive is to look like, what is wrong with which."""

import csv
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from voicetraits import params
from voicetraits.corpora import demo
from voicetraits.errors import ParameterError
from voicetraits.submission_texts import read_submission

DEFAULT = {"speakers": 120, "seed": 1, "limit": None, "sources": {}}
VOCABULARY = Path(__file__).parent.parent / "support/readme_vocabulary.csv"
ALL_FAULTS = {*demo.ARCHIVE_FAULTS, *demo.MEMBER_FAULTS}


@pytest.fixture(scope="module")
def default_plan():
    return demo.plan(120, 1)


def speaker_of(submission):
    return submission.name if submission.user in demo.ANONYMOUS else submission.user


def by_speaker(plan):
    speakers = {}
    for submission in plan:
        speakers.setdefault(speaker_of(submission), []).append(submission)
    return speakers


@settings(max_examples=25, deadline=None)
@given(st.integers(8, 90), st.integers(0, 2**40))
def test_every_plan(speakers, seed):
    plan = demo.plan(speakers, seed)
    names = [one.name for one in plan]
    assert names == sorted(set(names))
    assert all(re.fullmatch(r"[a-z]+\d*-\d{8}-([a-z]{3}|vf1)", name) for name in names)
    assert all(one.name.startswith(f"{one.user}-") for one in plan)
    assert len(by_speaker(plan)) == speakers
    sizes = Counter(len(ones) for name, ones in by_speaker(plan).items() if ones[0].user not in demo.ANONYMOUS)
    assert set(sizes) <= {2, 3, 4}
    faults = Counter(fault for one in plan for fault in one.faults)
    assert set(faults.values()) == {1}
    # A speaker keeps a submission that is not spoilt as a whole.
    for ones in by_speaker(plan).values():
        assert any(not set(one.faults) & set(demo.ARCHIVE_FAULTS) for one in ones)
    borrowers = [one for one in plan if one.borrowed]
    assert len(borrowers) == 2
    for one in borrowers:
        assert one.borrowed.user != one.user
        assert not one.borrowed.borrowed
        assert not set(one.borrowed.faults) & set(demo.ARCHIVE_FAULTS)
    stated = [{one.gender for one in ones} & {"male", "female"} for ones in by_speaker(plan).values()]
    assert sum(len(genders) == 2 for genders in stated) == 1
    assert any(one.gender == "other" and one.style in demo.WEB_APP for one in plan)
    if speakers >= 12:
        assert set(faults) == ALL_FAULTS
        assert {one.irregularity for one in plan} >= set(demo.IRREGULARITIES)
        assert {one.audio_format for one in plan} == set(demo.FORMATS)
    if speakers >= 40:
        assert {one.style for one in plan} == set(demo.STYLES)


def test_default_proportions(default_plan):
    speakers = {name: ones[0] for name, ones in by_speaker(default_plan).items()}
    labelled = [one for one in speakers.values() if one.gender in ("male", "female")]
    assert len(speakers) == 120
    assert len(speakers) - len(labelled) == 6
    men = sum(one.gender == "male" for one in labelled)
    assert men / len(labelled) == pytest.approx(0.6, abs=0.03)
    ages = Counter(one.age_group for one in labelled)
    assert [ages[age] / len(labelled) for age in demo.AGE_YEARS] == pytest.approx([0.25, 0.5, 0.25], abs=0.03)
    assert 3 <= sum(one.user in demo.ANONYMOUS for one in speakers.values()) <= 5
    plain = sum(one.audio_format == demo.FORMATS[0] for one in default_plan)
    assert 0.75 < plain / len(default_plan) < 0.9


@pytest.mark.parametrize("speakers", [30, 40, 50])
def test_small_corpora_have_five_speakers_of_each_class(speakers):
    for seed in range(1, 6):
        labelled = [
            ones
            for ones in by_speaker(demo.plan(speakers, seed)).values()
            if len({one.gender for one in ones} - {"blank"}) == 1 and ones[0].gender in ("male", "female")
        ]
        for column in ("gender", "age_group"):
            counts = Counter(getattr(ones[0], column) for ones in labelled)
            assert min(counts.values()) >= 5, (seed, counts)


def test_another_seed_gives_other_speakers(default_plan):
    other = demo.plan(120, 2)
    assert not {one.voice for one in default_plan} & {one.voice for one in other}


def test_vocabulary_of_the_older_app():
    with open(VOCABULARY, encoding="utf-8", newline="") as file:
        rows = {row.pop("language"): list(row.values()) for row in csv.DictReader(file)}
    assert {language: words.split(",") for language, words in demo.OLDER_APP.items()} == rows


def test_the_label_parser_reads_what_the_readmes_state(default_plan):
    texts = {one.name: demo.readme(one, np.random.default_rng(0)) for one in default_plan}
    for one in default_plan:
        row = {"archive": one.name, "readme": texts[one.name], "prompts": None, "prompts_original": None}
        row |= {"licence": None, "audio_members": []}
        read = read_submission(row, corpus="demo", youth_below_years=18, senior_from_years=65)
        assert read.gender.label == (one.gender if one.gender in ("male", "female", "other") else None), texts[one.name]
        assert read.age.label == (one.age_group if one.age_group in demo.AGE_YEARS else None), texts[one.name]
        assert read.speaker_id == speaker_of(one)


def test_irregular_readmes(default_plan):
    texts = {}
    for one in default_plan:
        if one.gender in ("male", "female"):
            texts.setdefault(one.irregularity, []).append(demo.readme(one, np.random.default_rng(0)))
    patterns = {
        "Sex": rb"\nSex: \w+\nAge Range: ",
        "capitals": rb"\nGENDER: (FE)?MALE\n",
        "misspelt dialect": rb"\nPronunication dialect: ",
        "semicolon": rb"\nGender: \w+;\nAge Range: \w+;\n",
        "leading tabs": rb"\n\tGender: \w+\n\tAge Range: \w+\n",
        "brackets": rb"\nGender: \[(fe)?male\]\nAge Range: \[\w+\]\n",
        "CRLF": rb"\r\nGender: \w+\r\n",
    }
    for irregularity, pattern in patterns.items():
        assert all(re.search(pattern, text) for text in texts[irregularity]), irregularity
    assert not any(re.search(pattern, text) for text in texts[None] for pattern in patterns.values())
    assert any(b"M\xe4nnlich" in text for text in texts["Latin-1"])
    assert all(one.name.endswith("-vf1") == (one.irregularity == "odd suffix") for one in default_plan)


def test_labels_show_in_the_sound_alone():
    """No property of an archive other than its voice tells gender or age: predicting from them is guessing."""
    plan = [one for one in demo.plan(600, 3) if one.gender in ("male", "female") and one.age_group in demo.AGE_YEARS]
    sizes = Counter(speaker_of(one) for one in plan)
    rows = []
    for one in plan:
        clips = [demo.draw_clip(one, number, 3)[1] for number in range(demo.CLIPS)]
        row = {f"seconds_{number}": seconds for number, seconds in enumerate(sorted(clips))}
        row |= demo.draw_equipment(one, 3)
        row |= {f"format_{at}": one.audio_format == audio_format for at, audio_format in enumerate(demo.FORMATS)}
        row |= {f"style_{style}": one.style == style for style in demo.STYLES}
        row |= {f"irregularity_{value}": one.irregularity == value for value in demo.IRREGULARITIES}
        row |= {f"user_{syllable}": syllable in one.user for syllable in ("ka", "lo", "mi", "ren", "so", "tan", "zu")}
        row |= {"submissions": sizes[speaker_of(one)], "year": int(one.name.rsplit("-", 2)[1][:4])}
        row |= {"part": one.part == "one", "faults": len(one.faults), "borrowed": one.borrowed is not None}
        rows.append(row)
    table = pd.DataFrame(rows).astype(float)
    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=300))
    speakers = [speaker_of(one) for one in plan]
    for labels, chance in ([one.gender for one in plan], 1 / 2), ([one.age_group for one in plan], 1 / 3):
        predicted = cross_val_predict(model, table, labels, groups=speakers, cv=GroupKFold(5))
        assert balanced_accuracy_score(labels, predicted) == pytest.approx(chance, abs=0.05)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"speakers": 7}, "params.yaml: `corpora.demo.speakers` is 7; allowed: greater than or equal to 8"),
        ({"speakers": "120"}, "params.yaml: `corpora.demo.speakers` is '120'; allowed: a valid integer"),
        ({"seed": -1}, "params.yaml: `corpora.demo.seed` is -1; allowed: greater than or equal to 0"),
        ({"limit": 0}, "params.yaml: `corpora.demo.limit` is 0; allowed: greater than or equal to 1"),
        ({"sources": None}, "`corpora.demo.sources` is None; allowed: names with values, or {} for none"),
        ({"speaker": 9}, "unknown key `corpora.demo.speaker`; did you mean `corpora.demo.speakers`?"),
    ],
)
def test_bad_params(changes, message):
    with pytest.raises(ParameterError) as error:
        params.get({"corpora": {"demo": DEFAULT | changes}}, "corpora.demo", demo.Params)
    assert message in str(error.value)
