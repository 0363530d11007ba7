"""Folds: of speakers, each tested once; and between sources, in both directions."""

import time

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.speakers import corpus, people, share_clip
from voicetraits.classes import CLASSES
from voicetraits.errors import DataError
from voicetraits.examples import SIDES, speaker_classes
from voicetraits.side_counts import count_sides
from voicetraits.splitting import SplitParams, speaker_groups, split_speakers

TARGETS = ("gender", "age")


def folds_of(metadata, clips, *, targets=("gender",), seed=1, **changes):
    params = {"strategy": "speaker_kfold", "folds": 5, "val_share": 0.2, "test_share": 0.25}
    params = SplitParams(**{**params, "min_speakers_per_class": 5, **changes})
    return split_speakers(metadata, clips, params, targets=targets, seed=seed)


def sides_by_fold(splits, target="gender") -> dict[str, dict[str, str]]:
    rows = splits.table[splits.table["target"] == target]
    return {fold: dict(zip(own["speaker_id"], own["side"], strict=True)) for fold, own in rows.groupby("fold")}


def fold_of_each(splits, target="gender") -> dict[str, str]:
    """Speaker: the fold that tests him or her; more than one is an error."""
    found: dict[str, str] = {}
    for fold, sides in sides_by_fold(splits, target).items():
        for speaker, side in sides.items():
            if side == "test":
                assert speaker not in found, f"{speaker} is tested in {found[speaker]} and in {fold}"
                found[speaker] = fold
    return found


def count(speakers, prefix) -> int:
    return sum(speaker.startswith(prefix) for speaker in speakers)


# --- Folds of speakers ---------------------------------------------------------------------------------------------


def test_shares_of_each_fold():
    splits = folds_of(*corpus(*people(female=20, male=40, none=3)))
    assert sorted(sides_by_fold(splits)) == ["0", "1", "2", "3", "4"]
    for sides in sides_by_fold(splits).values():
        for prefix, of_one in (("female", 4), ("male", 8)):
            for side, parts in (("test", 1), ("val", 1), ("train", 3)):
                chosen = [speaker for speaker, own in sides.items() if own == side]
                assert count(chosen, prefix) == parts * of_one
        assert [sides[f"x00{number}"] for number in range(3)] == ["none"] * 3
    assert len(fold_of_each(splits)) == 60


@st.composite
def corpora(draw):
    """Speakers of all kinds, some of whom share clips."""
    genders = [gender for gender in ("female", "male") for _ in range(draw(st.integers(5, 25)))]
    ages = st.sampled_from(["youth", "adult", "senior", None])
    speakers = [(f"s{number:02}", gender, draw(ages)) for number, gender in enumerate(genders)]
    metadata, clips = corpus(*speakers, clips=1)
    names = st.sampled_from(metadata["utterance_id"].to_list())
    for group in draw(st.lists(st.lists(names, min_size=2, max_size=3), max_size=3)):
        clips = share_clip(clips, *group)
    return metadata, clips


@settings(max_examples=25, deadline=None)
@given(corpora(), st.integers(2, 7), st.integers(0, 5), st.randoms(use_true_random=False))
def test_what_holds_for_any_corpus(data, folds, seed, random):
    metadata, clips = data
    try:
        splits = folds_of(metadata, clips, targets=TARGETS, seed=seed, folds=folds)
    except DataError as error:
        assert "is left" in str(error)
        return
    order = list(range(len(metadata)))
    random.shuffle(order)
    again = folds_of(metadata.iloc[order], clips.iloc[order[::-1]], targets=TARGETS[::-1], seed=seed, folds=folds)
    pd.testing.assert_frame_equal(splits.table, again.table)
    groups = speaker_groups(metadata, clips)
    for target in set(splits.table["target"]):
        classes = speaker_classes(metadata, target)
        left_out = {name for name in classes.unique() if f"{target}: class {name} is left" in " ".join(splits.notes)}
        labelled = set(classes.index[~classes.isin(left_out)])
        tested = fold_of_each(splits, target)
        assert set(tested) == labelled, "each labelled speaker is tested once"
        for sides in sides_by_fold(splits, target).values():
            assert set(sides) == set(metadata["speaker_id"])
            assert {speaker for speaker, side in sides.items() if side != "none"} == labelled
            sided = {(groups[speaker], side) for speaker, side in sides.items() if side != "none"}
            assert len({group for group, _ in sided}) == len(sided), "those who share a clip stand together"
            for side in ("train", "val"):
                there = {classes[speaker] for speaker, own in sides.items() if own == side}
                assert there == set(classes.unique()) - left_out


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=8, max_size=8), st.integers(2, 6), st.integers(0, 3))
def test_classes_and_strata_are_in_equal_parts(sizes, folds, seed):
    """Each class, and within it each class of the other target, to within one speaker; all together, to within two."""
    strata = [(gender, age) for gender in CLASSES["gender"] for age in ("youth", "adult", "senior", None)]
    speakers = [
        (f"{gender}-{age}-{number}", gender, age)
        for (gender, age), size in zip(strata, sizes, strict=True)
        for number in range(size)
    ]
    if min(sum(sizes[:4]), sum(sizes[4:])) < 5:
        return
    tested = fold_of_each(folds_of(*corpus(*speakers, clips=1), seed=seed, folds=folds, val_share=0.1))
    names = [*CLASSES["gender"], *(f"{gender}-{age}-" for gender, age in strata)]
    for prefix, slack in [*((name, 1) for name in names), ("", 2)]:
        numbers = [count((s for s, fold in tested.items() if fold == str(n)), prefix) for n in range(folds)]
        assert max(numbers) - min(numbers) <= slack, prefix


def test_more_speakers_disturb_little():
    """One more changes the fold of few, and validation in each fold as little as in a holdout."""
    before, after = (folds_of(*corpus(*people(number, 50))) for number in (50, 51))
    old, new = fold_of_each(before), fold_of_each(after)
    assert sum(old[speaker] != new[speaker] for speaker in old) <= 4
    for number in range(60, 66):
        more = fold_of_each(folds_of(*corpus(*people(number, 50))))
        assert sum(old[speaker] != more[speaker] for speaker in old) <= 2 * (number - 50)


def test_another_seed_gives_other_folds_and_each_fold_others_to_validate():
    data = corpus(*people(20, 20))
    assert fold_of_each(folds_of(*data, seed=1)) != fold_of_each(folds_of(*data, seed=2))
    validating = [
        frozenset(speaker for speaker, side in sides.items() if side == "val")
        for sides in sides_by_fold(folds_of(*data)).values()
    ]
    assert len(set(validating)) == 5


def test_a_small_class_is_trained_on_in_each_fold_and_tested_in_some():
    """Six youths and ten folds: four folds test none, and the figures are over all folds."""
    speakers = [*people(10, 10), *((f"y{number}", "female", "youth") for number in range(6))]
    splits = folds_of(*corpus(*speakers), targets=("age",), folds=10, val_share=0.1)
    numbers = [
        sum(side == "test" and speaker.startswith("y") for speaker, side in sides.items())
        for sides in sides_by_fold(splits, "age").values()
    ]
    assert sorted(numbers) == [0] * 4 + [1] * 6


def test_more_folds_than_speakers_is_an_error():
    with pytest.raises(
        DataError, match=r"`split.folds` is 11, but there are 10 .* no speaker is left to test; lower `spl"
    ):
        folds_of(*corpus(*people(5, 5)), folds=11, val_share=0.2)
    with pytest.raises(DataError, match=r"gender, fold \d+: no speaker is left to test; lower `split.folds`"):
        folds_of(*corpus(*people(5, 5)), folds=10, val_share=0.2)


def test_speakers_who_share_a_clip_are_tested_in_one_fold_and_count_as_one():
    metadata, clips = corpus(*people(6, 6))
    clips = share_clip(clips, "female000-0/0", "female001-0/0")
    with pytest.raises(DataError, match=r"is 12, but there are 11 speakers to test \(those who share a clip, or whose"):
        folds_of(metadata, clips, folds=12)


def test_a_class_too_small_for_few_folds_is_said_to_need_more_of_them():
    """Of three women two are tested in one of two folds; nobody shares a clip, and no seed helps."""
    message = (
        r"^gender, fold 0: no speaker of class female is left for val: there are 1 for train, val, who count as 1 \(.*"
        r"\); raise `split\.folds`, take more archives, or leave the class out by a higher `split\.min_"
    )
    metadata, clips = corpus(*people(3, 9))
    with pytest.raises(DataError, match=message):
        folds_of(metadata, clips, folds=2, min_speakers_per_class=3)
    assert len(sides_by_fold(folds_of(metadata, clips, folds=3, min_speakers_per_class=3))) == 3


def test_a_million_folds_are_refused_at_once():
    start = time.perf_counter()
    with pytest.raises(DataError, match="is 1000000, but there are 10 speakers"):
        folds_of(*corpus(*people(5, 5)), folds=1_000_000)
    assert time.perf_counter() - start < 5


def test_counts_of_each_fold():
    metadata, clips = corpus(*people(female=20, male=40))
    counts = count_sides(folds_of(metadata, clips), metadata, clips)["gender"]
    assert sorted(counts) == [f"fold-{number}" for number in range(5)]
    for own in counts.values():
        assert own["test"]["female"]["speakers"] == 4
        assert own["train"]["male"]["clips"] == 48


# --- Folds between sources -----------------------------------------------------------------------------------------


def of_sources(**sources):
    """Metadata and clips of sources: name=(women, men), or name=[(speaker, gender, age group)…]."""
    speakers, source_of = [], {}
    for source, own in sources.items():
        listed = own if isinstance(own, list) else people(*own)
        for name, gender, age in listed:
            speakers.append((f"{source}-{name}", gender, age))
            source_of[f"{source}-{name}"] = source
    metadata, clips = corpus(*speakers)
    return metadata.assign(source=metadata["speaker_id"].map(source_of)), clips


def test_a_fold_for_each_ordered_pair():
    metadata, clips = of_sources(a=(10, 20), b=(5, 5), c=(6, 6), d=(1, 30))
    splits = folds_of(metadata, clips, strategy="cross_corpus")
    assert splits.notes == (
        "gender: source d is left out: of each class it needs 5 speakers, it has 1 female, 30 male",
    )
    folds = sides_by_fold(splits)
    assert sorted(folds) == ["a--b", "a--c", "b--a", "b--c", "c--a", "c--b"]
    sources = dict(zip(metadata["speaker_id"], metadata["source"], strict=True))
    for fold, sides in folds.items():
        train, test = fold.split("--")
        for speaker, side in sides.items():
            expected = {train: ("train", "val"), test: ("test",)}.get(sources[speaker], ("none",))
            assert side in expected, (fold, speaker)
    assert folds["a--b"] == {
        speaker: side if sources[speaker] == "a" else "test" if sources[speaker] == "b" else "none"
        for speaker, side in folds["a--c"].items()
    }, "who validates does not depend on the source that is tested"
    val = [speaker for speaker, side in folds["a--b"].items() if side == "val"]
    assert (count(val, "a-female"), count(val, "a-male")) == (2, 4)


def test_those_in_two_sources_take_no_part():
    metadata, clips = of_sources(a=(8, 8), b=(8, 8))
    metadata.loc[metadata["utterance_id"] == "a-female000-0/1", "source"] = "b"
    clips = share_clip(clips, "a-female001-0/0", "b-male001-0/0")
    splits = folds_of(metadata, clips, strategy="cross_corpus")
    assert splits.notes == (
        "gender: 3 speakers are left out: they, or those with whom they share clips or a name but for case, diacritics "
        "and punctuation, are in two sources",
    )
    for sides in sides_by_fold(splits).values():
        left_out = {speaker for speaker, side in sides.items() if side == "none"}
        assert left_out == {"a-female000", "a-female001", "b-male001"}


def test_a_class_whose_names_look_alike_cannot_be_trained_on_and_validated():
    alike = [(name, "female", None) for name in ("Ann", "ann", "ANN")]
    metadata, clips = of_sources(a=[*alike, *people(0, 4)], b=(4, 4))
    message = (
        r"^gender, fold a--b: no speaker of class female is left for val: there are 3 for train, val, who count as 1 "
        r"\(those who share a clip, or whose names differ only in case, diacritics or punctuation, count as one\); "
        r"take more archives, or leave the class out by a higher `split\.min_speakers_per_class`$"
    )
    with pytest.raises(DataError, match=message):
        folds_of(metadata, clips, strategy="cross_corpus", min_speakers_per_class=3)


def test_classes_that_two_sources_have_are_kept():
    def aged(youth, adult, senior):
        numbers = {"youth": youth, "adult": adult, "senior": senior}
        return [(f"{age}{number}", "male", age) for age, size in numbers.items() for number in range(size)]

    metadata, clips = of_sources(a=aged(5, 9, 0), b=aged(6, 6, 6), c=aged(2, 8, 5))
    splits = folds_of(metadata, clips, targets=("age",), strategy="cross_corpus")
    assert sorted(sides_by_fold(splits, "age")) == ["a--b", "b--a"]
    assert splits.notes == (
        "age: class senior is left out: no other source has it as well",
        "age: source c is left out: of each class it needs 5 speakers, it has 2 youth, 8 adult",
    )
    for sides in sides_by_fold(splits, "age").values():
        assert count([speaker for speaker, side in sides.items() if side != "none"], "b-senior") == 0


def test_one_source_is_not_enough():
    metadata, clips = of_sources(a=(9, 9), b=(9, 0))
    with pytest.raises(DataError, match="gender: skipped, since no two sources have two classes in common"):
        folds_of(metadata, clips, strategy="cross_corpus")


@pytest.mark.parametrize("name", ["../up", "a b", "", "a--b"])
def test_a_source_that_cannot_name_a_folder(name):
    metadata, clips = of_sources(a=(9, 9), b=(9, 9))
    metadata["source"] = metadata["source"].replace("b", name)
    with pytest.raises(DataError, match=r"the source '.*' cannot name a folder .* allowed"):
        folds_of(metadata, clips, strategy="cross_corpus")


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=2, max_size=4), st.integers(0, 3))
def test_every_class_is_on_every_side_of_each_pair(sizes, seed):
    metadata, clips = of_sources(**{f"s{number}": own for number, own in enumerate(sizes)})
    enough = [f"s{number}" for number, own in enumerate(sizes) if min(own) >= 5]
    try:
        splits = folds_of(metadata, clips, seed=seed, strategy="cross_corpus")
    except DataError:
        assert len(enough) < 2
        return
    folds = sides_by_fold(splits)
    assert sorted(folds) == sorted(f"{a}--{b}" for a in enough for b in enough if a != b)
    classes = speaker_classes(metadata, "gender")
    for sides in folds.values():
        there = {(classes[speaker], side) for speaker, side in sides.items() if side != "none"}
        assert there == {(name, side) for name in CLASSES["gender"] for side in SIDES}
