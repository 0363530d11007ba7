"""What models rest on, on known answers: shuffled groups, groups alone, contributions by class, clusters."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import balanced_accuracy_score

from voicetraits.explaining.alone import alone_table
from voicetraits.explaining.contributions import Contributions, by_class, strongest_features
from voicetraits.explaining.families import FAMILIES, OTHER, families_of, family_of
from voicetraits.explaining.held_out import Fold, HeldOutClips, Intervals, joined
from voicetraits.explaining.permutation import permutation_table
from voicetraits.explaining.redundancy import find_redundancy, spearman
from voicetraits.features.extractor import FeatureExtractor, FeaturizeParams
from voicetraits.features.statistics import Statistic
from voicetraits.params import get, load

CLASSES = ("female", "male")


class Rule:
    """Answers the second class where a function of the features says so."""

    def __init__(self, says) -> None:
        self._says = says
        self.config = SimpleNamespace(feature_names=("a", "b", "c"), classes=CLASSES)

    def predict_proba(self, features, *, names, params):
        second = self._says(features).astype(float)
        return np.stack([1 - second, second], axis=1)


def fold(says, *, clips=120, seed=0, features=None, labels=None) -> Fold:
    """Clips of 20 speakers; feature a is the class, feature b the same with the sign turned, c is noise."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(clips) % 2) if labels is None else labels
    clips = len(labels)
    if features is None:
        features = np.stack([labels * 2.0 - 1, 1 - labels * 2.0, rng.normal(size=clips)], axis=1)
    speakers = np.array([f"s{number % 20}" for number in range(clips)])
    ids = np.array([f"u{number:03d}" for number in range(clips)])
    return Fold(Rule(says), HeldOutClips(ids, speakers, labels, CLASSES), features.astype(np.float32), {})


def intervals(*folds: Fold, samples: int = 200) -> Intervals:
    return Intervals.over(joined(folds), samples=samples, confidence=0.95, seed=1)


# Averages over clips


def test_the_mean_of_hits_is_the_uar():
    rng = np.random.default_rng(3)
    labels, predicted = rng.integers(0, 2, 90), rng.integers(0, 2, 90)
    one = fold(None, labels=labels)
    value, low, high = intervals(one).mean((labels == predicted).astype(float))
    assert value == pytest.approx(balanced_accuracy_score(labels, predicted))
    assert low < value < high


def test_a_class_without_clips_does_not_count():
    one = fold(None, labels=np.zeros(40, int))
    assert intervals(one).mean(np.full(40, 0.25)) == (0.25, 0.25, 0.25)


def test_intervals_are_over_speakers():
    """Ten clips of each speaker, all alike, tell no more than one of each."""
    speakers = np.repeat([f"s{number}" for number in range(12)], 10)
    labels, values = np.repeat(np.arange(12) % 2, 10), np.repeat(np.random.default_rng(0).random(12), 10)
    many = HeldOutClips(speakers, speakers, labels, CLASSES)
    few = HeldOutClips(speakers[::10], speakers[::10], labels[::10], CLASSES)
    wide, narrow = (
        Intervals.over(clips, samples=500, confidence=0.95, seed=1).mean(those)
        for clips, those in ((many, values), (few, values[::10]))
    )
    assert wide == pytest.approx(narrow)


# Shuffled groups


def test_shuffling_what_decides_costs_all_and_the_rest_nothing():
    one = fold(lambda features: features[:, 0] > 0)
    table = permutation_table([one], {"a": [0], "b": [1], "c": [2]}, intervals(one), repeats=40, seed=0)
    lost = table.set_index("group")["lost"]
    assert lost["a"] == pytest.approx(0.5, abs=0.03), "right by chance only"
    assert table.set_index("group").loc[["b", "c"], ["lost", "low", "high"]].to_numpy() == pytest.approx(0)
    assert (table["low"] <= table["lost"]).all()
    assert (table["lost"] <= table["high"]).all()


def test_redundant_features_cost_only_together():
    """A vote of a and b, which say the same, is not moved by either; shuffled together they go both at once."""
    one = fold(lambda features: features[:, 0] + 0.9 * -features[:, 1] + 0 * features[:, 2] > 0)
    groups = {"b": [1], "both": [0, 1]}
    lost = permutation_table([one], groups, intervals(one), repeats=40, seed=0).set_index("group")["lost"]
    assert lost["b"] == 0
    assert lost["both"] == pytest.approx(0.5, abs=0.03)


def test_columns_of_a_group_are_shuffled_together():
    """The class is whether a and b have the same sign in a clip; shuffled as one they still do."""
    rng = np.random.default_rng(0)
    signs, labels = rng.choice([-1.0, 1.0], 120), np.arange(120) % 2
    features = np.stack([signs, signs, rng.normal(size=120)], axis=1)
    one = fold(lambda those: those[:, 0] != those[:, 1], features=features, labels=labels)
    lost = permutation_table([one], {"both": [0, 1], "a": [0]}, intervals(one), repeats=20, seed=0)["lost"]
    assert lost[0] == 0
    assert abs(lost[1]) < 0.1  # right by chance before and after


def test_shuffling_stays_within_a_fold_and_is_the_same_for_any_memory(monkeypatch):
    one, other = (fold(lambda features: features[:, 0] > 0, seed=seed, clips=60) for seed in (0, 1))
    groups = {"a": [0]}
    table = permutation_table([one, other], groups, intervals(one, other), repeats=7, seed=5)
    monkeypatch.setattr("voicetraits.explaining.permutation._ROWS_AT_A_TIME", 130)
    pd.testing.assert_frame_equal(
        table, permutation_table([one, other], groups, intervals(one, other), repeats=7, seed=5)
    )
    # A fold whose clips are all of one sign loses nothing: no value from the other fold comes in.
    same = fold(lambda features: features[:, 0] > 0, features=np.ones((40, 3)), labels=np.arange(40) % 2)
    assert permutation_table([same], groups, intervals(same), repeats=3, seed=0)["lost"][0] == 0


# Groups alone


def test_alone_a_group_tells_what_is_in_it():
    train, test = fold(None, seed=0), fold(None, seed=1)
    groups = {"a": [0], "c": [2], "all": [0, 1, 2]}
    table = alone_table([test], [(train.features, train.clips.labels)], groups, intervals(test)).set_index("group")
    assert table.loc["a", "uar"] == table.loc["all", "uar"] == 1
    assert table.loc["c", "low"] < 0.5 < table.loc["c", "high"]
    assert table["features"].to_dict() == {"a": 1, "c": 1, "all": 3}


# Contributions


def contributions() -> Contributions:
    """Two classes; f0 speaks for the true class by its size, level against it, noise is 0."""
    labels = np.array([0, 0, 0, 1])
    sign = np.where(labels == 0, 1.0, -1.0)
    first = np.stack([sign * [1, 2, 3, 4], -sign, np.zeros(4)], axis=1)  # (clips, features)
    values = np.stack([first, -first], axis=-1)
    features = np.stack([sign * [1, 2, 3, 4], [1, 2, 3, 4], [4, 3, 2, 1]], axis=1)
    clips = HeldOutClips(np.array(list("dbca")), np.array(list("dbca")), labels, CLASSES)
    return Contributions(clips, features, values, np.zeros((4, 2)), ("f0_median_hz", "rms_mean", "other_thing"))


def test_contributions_by_class():
    table = by_class(contributions(), {"pitch": [0], "level": [1], "both": [0, 1]}).set_index(["class", "family"])
    assert table["contribution"].to_dict() == {
        ("female", "pitch"): 2, ("female", "level"): -1, ("female", "both"): 1,
        ("male", "pitch"): 4, ("male", "level"): -1, ("male", "both"): 3,
    }  # fmt: skip


def test_strongest_features_each_class_counting_the_same():
    table = strongest_features(contributions())
    assert table["feature"].tolist() == ["f0_median_hz", "rms_mean"], "what adds nothing is left out"
    assert table["magnitude"].tolist() == [3, 1]
    assert table["contribution"].tolist() == [3, -1]
    assert table["family"].tolist() == ["pitch", "level"]
    assert table["high_speaks_for"][0] == "female"
    assert len(strongest_features(contributions(), most=1)) == 1


def test_contributions_of_each_clip():
    table = contributions().table()
    assert table[["utterance_id", "class"]].to_numpy().tolist() == [[clip, name] for clip in "abcd" for name in CLASSES]
    assert table["logit"].to_numpy() == pytest.approx(
        table[["base", "f0_median_hz", "rms_mean"]].sum(axis=1).to_numpy()
    )
    assert table.loc[table["utterance_id"] == "a", "label"].unique() == ["male"]


# Families


def test_every_feature_that_can_be_made_has_a_family():
    statistics = Statistic.__args__
    settings = get(load(), "featurize", FeaturizeParams).__dict__ | dict.fromkeys(
        ("mfcc_statistics", "mfcc_delta_statistics", "log_mel_statistics", "contrast_statistics"), statistics
    )
    names = FeatureExtractor(FeaturizeParams(**settings)).names
    families = families_of(names)
    assert set(families) == set(FAMILIES)
    assert sorted(place for places in families.values() for place in places) == list(range(len(names)))


def test_the_longest_beginning_counts():
    assert family_of("mfcc_01_mean") == "mfcc"
    assert family_of("mfcc_delta_01_mean") == "mfcc deltas"
    assert family_of("voice_table_meanfun_khz") == "pitch"
    assert family_of("voice_table_meanfreq_khz") == "spectrum"
    assert family_of("something_new") == OTHER
    assert families_of(["something_new"]) == {OTHER: [0]}


# Clusters


def test_spearman_is_that_of_scipy_with_ties_and_a_constant():
    rng = np.random.default_rng(0)
    table = rng.integers(0, 5, (60, 4)).astype(float)
    assert spearman(table) == pytest.approx(spearmanr(table).statistic)
    found = spearman(np.column_stack([table, np.full(60, 3.0)]))
    assert found[-1].tolist() == [0, 0, 0, 0, 1]


def test_clusters_of_a_constructed_table():
    """Three of one kind (one turned, one bent), two of another, one alone, one constant."""
    rng = np.random.default_rng(1)
    x, y, z = rng.normal(size=(3, 500))
    table = np.column_stack([x, z, -x + 0.05 * y, y, np.exp(x), y + 0.3 * rng.normal(size=500), np.ones(500)])
    found = find_redundancy(table, ("x", "z", "minus_x", "y", "exp_x", "about_y", "one"), 0.8)
    clusters = {frozenset(found.names[place] for place in places) for places in found.redundant.values()}
    assert clusters == {frozenset({"x", "minus_x", "exp_x"}), frozenset({"y", "about_y"})}
    assert sorted(place for places in found.clusters for place in places) == list(range(7))
    assert found.figures() == {"features": 7, "redundant_features": 5, "clusters": 2, "threshold": 0.8}
    assert next(iter(found.redundant)) in ("x", "exp_x"), "the largest first, named by its middle"
    for places in found.redundant.values():
        assert found.weakest_link(places) >= 0.8
    matrix = found.matrix()
    assert matrix["feature"].tolist() == list(matrix.columns[1:])
    assert matrix.set_index("feature").loc["x", "minus_x"] == pytest.approx(
        spearmanr(x, table[:, 2]).statistic, abs=1e-6
    )
    ordered = [found.names[place] for place in found.order]
    together = sorted(ordered.index(name) for name in ("x", "minus_x", "exp_x"))
    assert together[2] - together[0] == 2, "those alike stand beside each other"
    assert set(found.map_table(most=2)["feature"]) <= set(ordered)
    assert len(found.map_table(most=2)) == 4


def test_any_two_of_a_cluster_are_alike_not_only_neighbours():
    """A chain of features, each like the next: complete linkage cuts it."""
    rng = np.random.default_rng(2)
    walk = np.cumsum(rng.normal(size=(400, 12)), axis=1)
    found = find_redundancy(walk, tuple(f"step_{number}" for number in range(12)), 0.9)
    assert 1 < len(found.clusters) < 12
    assert all(found.weakest_link(places) >= 0.9 for places in found.clusters)


def test_one_feature_is_a_cluster_of_its_own():
    assert find_redundancy(np.arange(5.0)[:, None], ("a",), 0.8).clusters == ((0,),)
