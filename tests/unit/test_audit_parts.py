"""The parts of the audit: folds, weights, intervals, gap, pauses, learning curve."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score

from support.labelled import labelled
from voicetraits.auditing.bootstrap import SpeakerBootstrap
from voicetraits.auditing.clips import labelled_clips
from voicetraits.auditing.folds import clip_folds, speaker_folds
from voicetraits.auditing.leakage import by_source, compare_splits
from voicetraits.auditing.learners import LEARNERS, even_weights, linear, out_of_fold
from voicetraits.auditing.learning_curve import learning_curve
from voicetraits.auditing.pauses import pause_frames, pause_statistics
from voicetraits.errors import DataError


def bootstrap(clips, samples=200, seed=1):
    return SpeakerBootstrap(clips, samples=samples, confidence=0.95, seed=seed)


# Which clips


def test_all_labelled_clips_of_every_side_and_fold_once():
    genders = {"a": "female", "b": "male", "c": "male", "d": None, "e": "female"}
    metadata = pd.DataFrame(
        [(f"{speaker}/a", speaker, f"{speaker}-1", gender) for speaker, gender in genders.items()],
        columns=["utterance_id", "speaker_id", "archive", "gender"],
    )
    sides = {"0": ("train", "val", "test", "none", "none"), "1": ("test", "train", "train", "none", "none")}
    rows = [("gender", fold, s, side) for fold, own in sides.items() for s, side in zip("abcde", own, strict=True)]
    splits = pd.DataFrame(rows, columns=["target", "fold", "speaker_id", "side"])
    table, classes = labelled_clips(metadata, splits, "gender")
    assert table["utterance_id"].tolist() == ["a/a", "b/a", "c/a"]
    assert classes == ("female", "male")


# Folds and weights


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 1000), folds=st.integers(2, 6), shared=st.integers(0, 5))
def test_a_group_is_in_one_fold_and_each_class_in_all(seed, folds, shared):
    clips = labelled(24, seed=seed)
    groups = clips.groups.copy()
    for number in range(shared):  # two speakers of one class share a recording
        groups[groups == f"s{4 * number + 2:03d}"] = f"s{4 * number:03d}"
    clips = replace(clips, groups=groups)
    fold_of = speaker_folds(clips, folds, seed)
    assert pd.Series(fold_of).groupby(groups).nunique().max() == 1
    assert {*fold_of} == set(range(folds))
    assert all({*clips.labels[fold_of == fold]} == {0, 1} for fold in range(folds))
    assert (fold_of == speaker_folds(clips, folds, seed)).all()


def test_no_more_folds_than_a_class_has_groups():
    clips = labelled(24)
    few = clips.take((clips.labels == 0) | (clips.speakers < "s006"))
    assert len(np.unique(few.speakers[few.labels == 1])) == 3
    assert len(np.unique(speaker_folds(few, 5, 0))) == 3


def test_clip_by_clip_every_speaker_is_torn_apart():
    clips = labelled(20, clips_each=10)
    fold_of = clip_folds(clips, 5, 0)
    assert pd.Series(fold_of).groupby(clips.speakers).nunique().min() > 1
    assert np.ptp(pd.crosstab(fold_of, clips.labels).to_numpy()) <= 1


def test_classes_count_the_same_and_speakers_within_them():
    clips = labelled(9)
    clips = clips.take(np.arange(len(clips.labels)) > 2)  # one clip of the first speaker is left
    weights = even_weights(clips)
    assert weights.mean() == pytest.approx(1)
    by_class = np.bincount(clips.labels, weights)
    assert by_class[0] == pytest.approx(by_class[1])
    sums = pd.Series(weights).groupby([clips.labels, clips.speakers]).sum()
    assert sums.groupby(level=0).agg(np.ptp).max() == pytest.approx(0)


@pytest.mark.parametrize("name", LEARNERS)
def test_learners_learn_and_repeat_themselves(name):
    train, test = labelled(40, seed=1), labelled(40, seed=2)
    probabilities = LEARNERS[name](train, test.values, 3)
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert balanced_accuracy_score(test.labels, probabilities.argmax(axis=1)) > 0.95
    assert (probabilities == LEARNERS[name](train, test.values, 3)).all()


def test_a_class_that_is_not_there_to_learn_gets_nothing():
    clips = labelled(30, classes=("youth", "adult", "senior"))
    probabilities = linear(clips.take(clips.labels != 1), clips.values, 0)
    assert probabilities.shape == (len(clips.labels), 3)
    assert (probabilities[:, 1] == 0).all()


def test_a_single_class_is_all_there_is_to_answer():
    clips = labelled(10)
    assert (linear(clips.take(clips.labels == 1), clips.values, 0) == [0, 1]).all()


def test_out_of_fold_never_learns_from_the_fold_nor_from_the_distrusted():
    clips = labelled(10)
    fold_of, trusted, seen = speaker_folds(clips, 5, 0), clips.speakers != "s003", []

    def learn(train, values, seed):
        seen.append((set(train.ids), set(values[:, 0])))
        return np.tile([1.0, 0.0], (len(values), 1))

    out_of_fold(learn, clips, fold_of, 0, trusted=trusted)
    assert len(seen) == 5
    for ids, tested in seen:
        own = np.isin(clips.values[:, 0], list(tested))
        assert ids == {*clips.ids[~own & trusted]}


# Intervals


def test_uar_is_scikit_learns_and_its_interval_holds_it():
    clips = labelled(30, clips_each=3)
    predicted = np.random.default_rng(0).integers(0, 2, len(clips.labels))
    estimate = bootstrap(clips).uar(predicted == clips.labels)
    assert estimate.value == pytest.approx(balanced_accuracy_score(clips.labels, predicted))
    assert estimate.low < estimate.value < estimate.high


def test_a_gap_to_itself_is_nothing():
    clips = labelled(30)
    right = np.random.default_rng(0).random(len(clips.labels)) < 0.8
    gap = bootstrap(clips).gap(right, right)
    assert (gap.value, gap.low, gap.high) == (0, 0, 0)


def test_intervals_cover_as_often_as_they_say():
    """Speakers are right or wrong as a whole, so that intervals over clips would be far too narrow."""
    rng, held = np.random.default_rng(5), 0
    clips = labelled(80, clips_each=5)
    for seed in range(150):
        right = np.repeat(rng.random(80) < 0.8, 5)
        estimate = bootstrap(clips, samples=200, seed=seed).uar(right)
        held += estimate.low <= 0.8 <= estimate.high
    assert 0.88 <= held / 150 <= 0.99


# What a random split claims too much


def test_voices_without_a_class_are_known_again_in_a_random_split_alone():
    """Nothing but the speaker can be learnt: chance on unheard ones, nearly all on those that were heard."""
    clips = labelled(40, apart=0.0, own=6.0, clips_each=8)
    trees = {"trees": LEARNERS["trees"]}
    found = compare_splits(clips, trees, bootstrap(clips), folds=5, seeds=(0,))["trees"]
    assert found["uar_speaker_split"].value == pytest.approx(0.5, abs=0.2)
    assert found["uar_clip_split"].value > 0.95
    assert found["gap"].low > 0.2
    assert found["gap"].value == pytest.approx(found["uar_clip_split"].value - found["uar_speaker_split"].value)


def test_speakers_all_alike_leave_no_gap():
    clips = labelled(40, own=0.0, apart=1.0, clips_each=8)
    gap = compare_splits(clips, {"linear": linear}, bootstrap(clips), folds=5, seeds=(0, 1))["linear"]["gap"]
    assert gap.low <= 0.01
    assert abs(gap.value) < 0.03


def test_what_the_source_alone_tells():
    clips = labelled(40)
    fold_of = speaker_folds(clips, 5, 0)
    assert by_source(clips, np.where(clips.labels == 0, "a", "b"), fold_of).all()
    same = by_source(clips, np.full(len(clips.labels), "a"), fold_of)
    assert balanced_accuracy_score(clips.labels, np.where(same, clips.labels, 1 - clips.labels)) == 0.5


# Pauses


def test_pauses_are_quiet_and_far_from_speech():
    log_mel_db = np.full((100, 4), -60.0)
    log_mel_db[40:50] = -10.0
    log_mel_db[70] = -30.0  # 20 dB below the speech
    pause = pause_frames(log_mel_db, below_speech_db=25.0, margin_frames=5)
    assert np.flatnonzero(~pause).tolist() == [*range(35, 55), *range(65, 76)]
    assert pause_frames(log_mel_db, below_speech_db=25.0, margin_frames=0).sum() == 89
    assert not pause_frames(log_mel_db, below_speech_db=60.0, margin_frames=0).any()
    assert not pause_frames(np.full((20, 4), -100.0), below_speech_db=25.0, margin_frames=2).any(), "all alike"


def write_log_mels(folder, matrices):
    kind = pa.list_(pa.list_(pa.float16(), 2))
    values = pa.array([[[*map(np.float16, row)] for row in matrix] for matrix in matrices.values()], kind)
    table = pa.table({"utterance_id": list(matrices), "log_mel_db": values})
    (folder / "logmel").mkdir()
    pq.write_table(table, folder / "logmel/part-0000.parquet")


def test_statistics_of_the_pauses(tmp_path):
    clip = np.full((30, 2), -10.0)
    clip[:20] = [[-60.0, -50.0], [-58.0, -54.0]] * 10
    write_log_mels(tmp_path, {"b/long": clip, "a/short": clip[15:]})
    setting = {"hop_seconds": 0.01, "below_speech_db": 25.0, "margin_seconds": 0.04}
    found = pause_statistics(tmp_path, min_seconds=0.1, **setting)
    assert found.index.tolist() == ["b/long"]
    assert found.loc["b/long"].tolist() == [-59.0, -52.0, 1.0, 2.0]
    both = pause_statistics(tmp_path, min_seconds=0.01, **setting)
    assert both.index.tolist() == ["a/short", "b/long"]


def test_no_log_mels(tmp_path):
    with pytest.raises(DataError, match="holds no log-mel matrices; run `dvc repro featurize`"):
        pause_statistics(tmp_path, hop_seconds=0.01, below_speech_db=25.0, margin_seconds=0.1, min_seconds=0.1)


# Learning curve


def test_the_curve_learns_from_more_and_more_of_the_others():
    clips, sets = labelled(40), []

    def learn(train, values, seed):
        sets.append(({*train.speakers}, {*values[:, 0]}))
        return linear(train, values, seed)

    shares = (0.1, 0.5, 1.0)
    curve = learning_curve(clips, {"linear": learn}, bootstrap(clips), shares=shares, folds=5, seeds=(3,))
    assert curve["speakers"].tolist() == [4, 16, 32]
    assert curve["uar"].is_monotonic_increasing
    assert (curve["low"] <= curve["uar"]).all()
    assert len(sets) == 15
    for small, middle, large in zip(*[iter(sets)] * 3, strict=True):
        assert small[0] < middle[0] < large[0]
        tested = {*clips.speakers[np.isin(clips.values[:, 0], list(large[1]))]}
        assert large[0] == {*clips.speakers} - tested
