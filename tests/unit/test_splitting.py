"""Splits of speakers: nobody and nothing on two sides, shares, strata, order, what is left out."""

import re
from collections import Counter

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.speakers import corpus, people, share_clip
from voicetraits.classes import AGE_BINS, CLASSES, LABEL_COLUMN, Targets, classes_of
from voicetraits.errors import DataError, ParameterError
from voicetraits.examples import SIDES, read_splits, select_clips, speaker_classes
from voicetraits.files import write_csv
from voicetraits.params import get
from voicetraits.side_counts import count_sides
from voicetraits.splitting import SplitParams, speaker_groups, split_speakers

PARAMS = SplitParams(strategy="holdout", folds=5, val_share=0.2, test_share=0.25, min_speakers_per_class=5)
TARGETS = ("gender", "age")


def split(metadata, clips, targets=("gender",), seed=1, params=PARAMS):
    return split_speakers(metadata, clips, params, targets=targets, seed=seed)


def sides_of(splits, target="gender") -> dict[str, str]:
    rows = splits.table[splits.table["target"] == target]
    return dict(zip(rows["speaker_id"], rows["side"], strict=True))


def numbers(splits, prefix, target="gender") -> dict[str, int]:
    return Counter(side for speaker, side in sides_of(splits, target).items() if speaker.startswith(prefix))


def test_shares_of_each_class():
    splits = split(*corpus(*people(female=20, male=40, none=3)))
    assert numbers(splits, "female") == {"train": 11, "val": 4, "test": 5}
    assert numbers(splits, "male") == {"train": 22, "val": 8, "test": 10}
    assert numbers(splits, "x") == {"none": 3}
    assert splits.table.columns.to_list() == ["target", "fold", "speaker_id", "side"]
    assert set(splits.table["fold"]) == {"0"}
    assert splits.table["speaker_id"].is_unique


@pytest.mark.parametrize("count", range(3, 12))
def test_every_class_is_on_every_side_however_few_its_speakers(count):
    for val_share, test_share in ((0.2, 0.25), (0.05, 0.05), (0.6, 0.35), (0.05, 0.9)):
        params = SplitParams(
            strategy="holdout", folds=5, val_share=val_share, test_share=test_share, min_speakers_per_class=3
        )
        splits = split(*corpus(*people(count, count)), params=params)
        for prefix in ("female", "male"):
            assert set(numbers(splits, prefix)) == set(SIDES)


def test_strata_of_the_other_target_are_shared_out_alike():
    speakers = [
        (f"{gender}-{age}-{number}", gender, age)
        for gender in CLASSES["gender"]
        for age, count in (("youth", 8), ("adult", 20), ("senior", 4), (None, 8))
        for number in range(count)
    ]
    splits = split(*corpus(*speakers), targets=TARGETS)
    for target in TARGETS:
        for gender in CLASSES["gender"]:
            for age, count in (("youth", 8), ("adult", 20), ("senior", 4)):
                own = numbers(splits, f"{gender}-{age}-", target)
                for side, share in (("train", 0.55), ("val", 0.2), ("test", 0.25)):
                    assert abs(own[side] - share * count) <= 1, (target, gender, age, side)


def test_another_seed_is_another_split_and_the_same_seed_the_same():
    data = corpus(*people(20, 20))
    assert sides_of(split(*data)) == sides_of(split(*data))
    assert sides_of(split(*data, seed=1)) != sides_of(split(*data, seed=2))


def test_more_speakers_disturb_little():
    before = sides_of(split(*corpus(*people(50, 50))))
    after = sides_of(split(*corpus(*people(51, 50))))
    assert sum(before[speaker] != after[speaker] for speaker in before) <= 2


def test_speakers_who_share_a_clip_directly_or_through_others_stay_together():
    metadata, clips = corpus(*people(20, 20, none=1))
    clips = share_clip(clips, "female000-0/0", "male007-0/1")
    clips = share_clip(clips, "male007-0/0", "x000-0/0")
    clips = share_clip(clips, "x000-0/1", "male009-0/1")
    for seed in range(10):
        splits = split(metadata, clips, seed=seed)
        sides = sides_of(splits)
        assert sides["female000"] == sides["male007"] == sides["male009"]
        assert sides["x000"] == "none"
        assert numbers(splits, "male") == {"train": 11, "val": 4, "test": 5}


def test_names_that_differ_in_case_alone_stay_together():
    speakers = [*people(), ("FEMALE000", "female", "adult"), ("Female000", "male", "adult")]
    for seed in range(10):
        sides = sides_of(split(*corpus(*speakers), seed=seed))
        assert sides["female000"] == sides["FEMALE000"] == sides["Female000"]


def test_names_that_differ_in_diacritics_or_punctuation_stay_together():
    """A README may say José where the archive's name says Jose."""
    speakers = [*people(), ("José", "male", "adult"), ("Jose", "male", "adult"), ("jo.se", "male", "adult")]
    groups = speaker_groups(*corpus(*speakers))
    assert groups["José"] == groups["Jose"] == groups["jo.se"]
    groups = speaker_groups(*corpus(*people(), ("!!", "male", "adult"), ("??", "male", "adult")))
    assert groups["!!"] != groups["??"]


def test_signs_between_digits_part_numbers():
    def grouped(*names):
        return list(speaker_groups(*corpus(*((name, "male", "adult") for name in sorted(names)))).values())

    assert grouped("1-11", "11-1", "111-") == ["1-11", "1-11", "1-11"], "who is called 111 may be either"
    assert grouped("1-11", "11-1") == ["1-11", "11-1"]
    assert grouped("1-11", "1. 11", "11-1", "1_11") == ["1-11", "1-11", "11-1", "1-11"]
    assert grouped("Anna 2-1", "anna2.1", "anna-21", "ANNA_2_1") == ["ANNA_2_1"] * 4
    assert grouped("a-1", "a1", "1-a", "1a") == ["1-a", "1-a", "a-1", "a-1"], "beside a letter a sign parts nothing"


def test_groups():
    metadata, clips = corpus(*people(3, 1))
    assert speaker_groups(metadata, clips) == {
        name: name for name in ("female000", "female001", "female002", "male000")
    }
    clips = share_clip(clips, "female001-0/0", "male000-0/1")
    assert speaker_groups(metadata, clips)["male000"] == "female001"


def test_a_class_in_as_many_groups_as_sides_has_one_on_each():
    metadata, clips = corpus(*people(12, 6))
    for group in range(3):  # each with two men and one woman
        clips = share_clip(
            clips, *(f"{name}-0/0" for name in (f"male00{2 * group}", f"male00{2 * group + 1}", f"female00{group}"))
        )
    for seed in range(10):
        splits = split(metadata, clips, seed=seed)
        assert numbers(splits, "male") == {"train": 2, "val": 2, "test": 2}
        assert set(numbers(splits, "female")) == set(SIDES)


def test_large_groups_go_before_small_ones():
    metadata, clips = corpus(*people(18, 18))
    for first, last in ((0, 10), (10, 12), (12, 14), (14, 16), (16, 18)):
        clips = share_clip(clips, *(f"female{number:03}-0/0" for number in range(first, last)))
    for seed in range(10):
        assert numbers(split(metadata, clips, seed=seed), "female") == {"train": 10, "val": 4, "test": 4}


def test_a_group_larger_than_any_side_leaves_others_for_the_other_sides():
    metadata, clips = corpus(*people(20, 20))
    clips = share_clip(clips, *(f"female{number:03}-0/0" for number in range(18)))
    params = SplitParams(strategy="holdout", folds=5, val_share=0.05, test_share=0.5, min_speakers_per_class=5)
    assert numbers(split(metadata, clips, params=params), "female") == {"train": 1, "val": 1, "test": 18}


def test_a_small_class_is_left_out_and_noted():
    speakers = [*people(), ("y1", "female", "youth"), *(("s" + str(i), "male", "senior") for i in range(5))]
    metadata, clips = corpus(*speakers)
    splits = split(metadata, clips, targets=TARGETS)
    assert splits.notes == (
        "age: class youth is left out: it has 1 of the 5 speakers that split.min_speakers_per_class asks for",
    )
    assert sides_of(splits, "age")["y1"] == "none"
    assert sides_of(splits, "gender")["y1"] in SIDES
    counts = count_sides(splits, metadata, clips)
    assert counts["age"]["none"] == {
        "unlabelled": {"speakers": 0, "clips": 0, "hours": 0},
        "youth": {"speakers": 1, "clips": 2, "hours": pytest.approx(0.002)},
    }


def test_a_class_in_fewer_groups_than_sides_is_left_out_and_noted():
    metadata, clips = corpus(*people(10, 10), *((f"s{i}", "male", "senior") for i in range(6)), ("y", "male", "youth"))
    clips = share_clip(clips, *(f"s{i}-0/0" for i in range(5)))
    notes = split(metadata, clips, targets=TARGETS).notes
    assert notes[1] == (
        "age: class senior is left out: its 6 speakers count as 2 of the 3 that it needs, one for each side (those who "
        "share a clip, or whose names differ only in case, diacritics or punctuation, count as one); take more "
        "archives, or give different people names that differ in letters or digits"
    )
    assert "age: skipped, since fewer than two classes are left" in notes


def test_a_class_whose_names_look_alike_is_left_out_and_noted():
    speakers = [*people(10, 10), *((name, "male", "senior") for name in ("Bob", "bob", "b.ob", "BOB", "Al"))]
    notes = split(*corpus(*speakers), targets=TARGETS).notes
    assert notes[1].startswith("age: class senior is left out: its 5 speakers count as 2 of the 3 that it needs, one")
    assert "whose names differ only in case, diacritics or punctuation, count as one); take more archives" in notes[1]


def test_a_target_with_one_class_is_skipped():
    metadata, clips = corpus(*people(age="adult"))
    splits = split(metadata, clips, targets=TARGETS)
    assert splits.skipped == ("age",)
    assert set(splits.table["target"]) == {"gender"}
    assert count_sides(splits, metadata, clips)["age"] == {"skipped": 1}


def test_no_target_left_is_an_error():
    with pytest.raises(
        DataError, match=r"no target is left .*class female is left out: it has 2 of the 5 speakers.* take more"
    ):
        split(*corpus(*people(2, 2)), targets=TARGETS)
    with pytest.raises(DataError, match="no target is left to learn"):
        split(*corpus(), targets=TARGETS)


def test_a_class_that_cannot_stand_on_every_side_is_an_error():
    """Each class is in three groups, but no assignment of four groups puts every class on three sides."""
    speakers = [
        (f"{age}{number}", gender, age) for age in AGE_BINS["groups"] for number in range(3) for gender in ["male"]
    ]
    metadata, clips = corpus(*speakers)
    for group in (("youth0", "adult0", "senior0"), ("youth1", "adult1"), ("youth2", "senior1"), ("adult2", "senior2")):
        clips = share_clip(clips, *(f"{name}-0/0" for name in group))
    params = SplitParams(strategy="holdout", folds=5, val_share=0.2, test_share=0.25, min_speakers_per_class=3)
    message = (
        r"^age: no speaker of class \w+ is left for \w+: there are 3 for train, val, test, who count as 3 "
        r"\(those who share a clip, or whose names differ only in case, diacritics or punctuation, count as one\); "
        r"try another `seed`, take more archives, or leave the class out by a higher `split\.min_speakers_per_class`$"
    )
    with pytest.raises(DataError, match=message):
        split(metadata, clips, targets=("age",), params=params)


def test_unknown_clips_are_an_error():
    metadata, clips = corpus(*people())
    with pytest.raises(DataError, match=r"metadata\.parquet names female000-0/0, clips.parquet does not; run"):
        split(metadata, clips.iloc[1:])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"val_share": 0.6, "test_share": 0.4},
            r"`split.val_share` is 0.6 and `split.test_share` 0.4; allowed: less than 1 together",
        ),
        ({"val_share": 0}, r"`split.val_share` is 0; allowed: greater than 0"),
        (
            {"strategy": "speaker_kfold", "folds": 2, "val_share": 0.5},
            r"`split.val_share` is 0.5; allowed: less than 1 - 1 / `split.folds` \(0.5\)",
        ),
        ({"folds": 1}, r"`split.folds` is 1; allowed: greater than or equal to 2"),
        ({"min_speakers_per_class": 2}, r"`split.min_speakers_per_class` is 2; allowed: greater than or equal to 3"),
        ({"strategy": "kfold"}, r"`split.strategy` is 'kfold'; allowed: 'holdout', 'speaker_kfold', "),
    ],
)
def test_params(values, message):
    section = {"strategy": "holdout", "folds": 5, "val_share": 0.2, "test_share": 0.25, "min_speakers_per_class": 5}
    with pytest.raises(ParameterError, match=message):
        get({"split": section | values}, "split", SplitParams)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([], "`targets` is []; allowed: "),
        (["age", "age"], "`targets` is ['age', 'age']; allowed: each target once"),
        (["sex"], "`targets.0` is 'sex'; allowed: 'gender' or 'age'"),
    ],
)
def test_targets(targets, message):
    with pytest.raises(ParameterError, match=re.escape(message)):
        get({"targets": targets}, "targets", Targets)
    assert get({"targets": ["age", "gender"]}, "targets", Targets) == ("age", "gender")


# --- Labels that vary within a speaker, and what is selected ------------------------------------------------------


def test_a_speaker_of_two_ages_has_the_more_frequent_one_and_of_equals_the_younger():
    metadata, _ = corpus(
        ("a", "male", ["youth", "adult", "adult"]), ("b", "male", ["senior", "adult"]), ("c", "male", [None, "senior"]),
        ("d", "male", None),
    )  # fmt: skip
    assert speaker_classes(metadata, "age").to_dict() == {"a": "adult", "b": "adult", "c": "senior"}


def test_submissions_count_not_clips():
    metadata, _ = corpus(("a", "male", ["youth", "adult", "adult"]), clips=3)
    metadata = metadata[~metadata["utterance_id"].isin(["a-1/1", "a-1/2", "a-2/1", "a-2/2"])]
    assert metadata["age_group"].value_counts().to_dict() == {"youth": 3, "adult": 2}
    assert speaker_classes(metadata, "age").to_dict() == {"a": "adult"}


def test_a_clip_has_the_label_of_its_submission():
    speakers = [
        *people(),
        ("a", "male", ["youth", "adult", "adult", None]),
        *((f"y{i}", "male", "youth") for i in range(5)),
    ]
    metadata, clips = corpus(*speakers, clips=1)
    splits = split(metadata, clips, targets=("age",))
    side = sides_of(splits, "age")["a"]
    chosen = select_clips(metadata, splits.table, "age", "0", side)
    own = chosen[chosen["speaker_id"] == "a"]
    assert own.to_numpy().tolist() == [["a-0/0", "a", "youth"], ["a-1/0", "a", "adult"], ["a-2/0", "a", "adult"]]
    assert count_sides(splits, metadata, clips)["age"]["unused"] == {"clips": 1}


def test_clips_of_a_class_that_is_left_out_are_not_selected():
    speakers = [*people(), *((f"y{i}", "male", "youth") for i in range(5)), ("a", "male", ["senior", "adult", "adult"])]
    metadata, clips = corpus(*speakers, clips=1)
    splits = split(metadata, clips, targets=("age",))
    assert sides_of(splits, "age")["a"] in SIDES
    selected = pd.concat([select_clips(metadata, splits.table, "age", "0", side) for side in SIDES])
    assert set(selected["label"]) == {"youth", "adult"}
    assert "a-0/0" not in set(selected["utterance_id"])
    assert len(selected) == len(metadata) - 1


def test_splits_are_read_as_text(tmp_path):
    speakers = [*people(3, 5), ("007", "female", None), ("NA", "female", None), ('a,"b', "female", None)]
    splits = split(*corpus(*speakers))
    write_csv(splits.table, tmp_path / "splits.csv")
    pd.testing.assert_frame_equal(read_splits(tmp_path / "splits.csv"), splits.table)


def test_counts():
    metadata, clips = corpus(*people(20, 40, none=3))
    counts = count_sides(split(metadata, clips), metadata, clips)
    assert counts == {
        "gender": {
            side: {
                label: {"speakers": speakers, "clips": 2 * speakers, "hours": pytest.approx(0.002 * speakers)}
                for label, speakers in own.items()
            }
            for side, own in {
                "train": {"female": 11, "male": 22},
                "val": {"female": 4, "male": 8},
                "test": {"female": 5, "male": 10},
                "none": {"unlabelled": 3},
            }.items()
        }
        | {"unused": {"clips": 0}}
    }


# --- What holds for any corpus -----------------------------------------------------------------------------------


@st.composite
def corpora(draw):
    """Speakers of all kinds, some of whom share clips."""
    labels = st.tuples(
        st.sampled_from(["female", "male", None]),
        st.lists(st.sampled_from(["youth", "adult", "senior", None]), min_size=1, max_size=3),
    )
    speakers = [(f"s{number}", *one) for number, one in enumerate(draw(st.lists(labels, max_size=60)))]
    metadata, clips = corpus(*speakers, clips=2)
    names = metadata["utterance_id"].to_list()
    if names:
        for group in draw(st.lists(st.lists(st.sampled_from(names), min_size=2, max_size=3), max_size=4)):
            clips = share_clip(clips, *group)
    return metadata, clips


@settings(max_examples=150, deadline=None)
@given(corpora(), st.integers(0, 5), st.randoms(use_true_random=False))
def test_invariants(data, seed, random):
    metadata, clips = data
    try:
        splits = split(metadata, clips, targets=TARGETS, seed=seed)
    except DataError as error:
        assert "no target is left" in str(error) or "is left for" in str(error)
        return
    table = splits.table
    assert table.to_numpy().tolist() == sorted(table.to_numpy().tolist())
    assert (set(table["target"]), set(splits.skipped)) == (
        set(TARGETS) - set(splits.skipped),
        TARGETS and set(splits.skipped),
    )
    order = list(range(len(metadata)))
    random.shuffle(order)
    again = split(metadata.iloc[order], clips.iloc[order[::-1]], targets=TARGETS[::-1], seed=seed)
    pd.testing.assert_frame_equal(table, again.table)
    for target in set(table["target"]):
        sides = sides_of(splits, target)
        assert sides.keys() == set(metadata["speaker_id"])
        assert len(sides) == (table["target"] == target).sum()
        classes = speaker_classes(metadata, target)
        kept = {
            name
            for name in classes_of(target, "groups")
            if f"{target}: class {name} is left out" not in " ".join(splits.notes)
        }
        for speaker, side in sides.items():
            assert (side != "none") == (classes.get(speaker) in kept)
        for name in kept:
            assert {sides[speaker] for speaker in classes.index[classes == name]} == set(SIDES)
        owned = metadata.merge(clips, on="utterance_id")
        owned["side"] = owned["speaker_id"].map(sides)
        taking_part = owned[owned["side"] != "none"]
        assert (taking_part.groupby("audio_sha256")["side"].nunique() == 1).all()
        chosen = pd.concat([select_clips(metadata, table, target, "0", side) for side in SIDES])
        assert chosen["utterance_id"].is_unique
        assert set(chosen["label"]) <= kept
        labels = metadata.set_index("utterance_id")[LABEL_COLUMN[target]]
        assert (labels[chosen["utterance_id"]].to_numpy() == chosen["label"].to_numpy()).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(5, 40), st.integers(5, 40), st.floats(0.1, 0.4), st.floats(0.1, 0.4), st.integers(0, 3))
def test_shares_are_met_to_within_a_speaker(female, male, val_share, test_share, shared):
    params = SplitParams(
        strategy="holdout", folds=5, val_share=val_share, test_share=test_share, min_speakers_per_class=5
    )
    metadata, clips = corpus(*people(female, male), clips=1)
    for number in range(shared):
        clips = share_clip(clips, f"female{number:03}-0/0", f"male{number:03}-0/0")
    splits = split(metadata, clips, params=params)
    for prefix, count in (("female", female), ("male", male)):
        own = numbers(splits, prefix)
        for side, share in params.shares.items():
            assert abs(own[side] - share * count) <= 1


def test_decades_are_classes_as_groups_are():
    decades = AGE_BINS["decades"]
    speakers = [(f"{age}{number}", "male", age) for age in decades[:5] for number in range(6)]
    metadata, clips = corpus(*speakers, ("old", "male", "60+"))
    splits = split_speakers(metadata, clips, PARAMS, targets=["age"], seed=1, age_bins="decades")
    assert splits.notes == (
        "age: class 60+ is left out: it has 1 of the 5 speakers that split.min_speakers_per_class asks for",
    )
    counts = count_sides(splits, metadata, clips, "decades")["age"]
    assert set(counts["train"]) == set(counts["test"]) == set(decades[:5])
    assert counts["none"]["60+"]["speakers"] == 1
