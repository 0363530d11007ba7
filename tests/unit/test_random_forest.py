"""`tfdf.algorithm: random_forest`: what it learns, that it comes back as it was saved, and which settings it reads."""

import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from support.classifiers import NAMES, TFDF, learnable
from voicetraits.models import saved, tfdf
from voicetraits.models.rows import balanced_weights

FOREST = {**TFDF, "algorithm": "random_forest", "num_trees": 40, "max_depth": 16}
CLASSES = {2: ("female", "male"), 3: ("youth", "adult", "senior")}
FEATURE_PARAMS = {"hop_seconds": 0.01}
SRC, TESTS = Path(tfdf.__file__).parents[2], Path(__file__).parents[1]


def fit(train, validation, *, seed=7, **changes):
    """The model, and what it logged."""
    model, logged = tfdf.Model(classes=int(train.labels.max()) + 1, feature_names=NAMES), []
    model.fit(
        train,
        validation,
        params=tfdf.Params(**{**FOREST, **changes}),
        seed=seed,
        log=lambda step, figures: logged.append((step, figures)),
    )
    return model, logged


@pytest.fixture(scope="module")
def train_once(tmp_path_factory):
    """`train_once(classes)`: the model, what it logged, the folder that it is saved in; trained once."""

    @cache
    def train(classes):
        model, logged = fit(learnable(240, classes, seed=0), learnable(90, classes, seed=1))
        folder = tmp_path_factory.mktemp("forests") / str(classes)
        versions = saved.installed_versions(*model.versions)
        config = saved.Config(
            "tfdf", "gender", CLASSES[classes], NAMES, FEATURE_PARAMS, FOREST, 7, "0" * 64, versions
        )  # fmt: skip
        saved.save(saved.SavedModel(config, model), folder)
        return model, logged, folder

    return train


@pytest.fixture(params=CLASSES)
def trained(request, train_once):
    """Number of classes, model, what it logged, folder."""
    return request.param, *train_once(request.param)


def test_answers_as_scikit_learns_forest_does(train_once):
    """Of as many clips as make the two agree: accuracy within 0.03, and probabilities within 0.05 on average."""
    train, test = learnable(240, 2, seed=0), learnable(1500, 2, seed=2)
    model, _ = fit(train, learnable(90, 2, seed=1), num_trees=200, subsample=1.0, balance="none")
    oracle = RandomForestClassifier(200, max_features=0.5, min_samples_leaf=5, max_depth=15, random_state=0)
    expected = oracle.fit(train.features, train.labels).predict_proba(test.features)
    own = model.predict_proba(test.features)
    accuracy = (own.argmax(axis=1) == test.labels).mean()
    assert accuracy == pytest.approx((expected.argmax(axis=1) == test.labels).mean(), abs=0.03)
    assert accuracy > 0.85, "the best possible is 0.91"
    assert np.abs(own - expected).mean() < 0.05


def test_classes_wide_apart_are_all_told_apart():
    train, test = learnable(120, 3, seed=0, overlap=0.1), learnable(300, 3, seed=2, overlap=0.1)
    model, logged = fit(train, learnable(60, 3, seed=1, overlap=0.1))
    assert (model.predict_proba(test.features).argmax(axis=1) == test.labels).all()
    assert logged[-1][1]["accuracy/val"] == 1


def test_logs_the_validation_figures_of_the_trees_so_far(trained, train_once):
    """The last are those of the whole forest; the first those of a forest of one tree."""
    classes, model, logged, _ = trained
    assert [step for step, _ in logged] == list(range(1, FOREST["num_trees"] + 1)), "no early stopping"
    assert all(set(figures) == set(tfdf.Model.curves) for _, figures in logged)
    validation = learnable(90, classes, seed=1)
    weights = balanced_weights(validation.labels)
    stump, _ = fit(learnable(240, classes, seed=0), validation, num_trees=1)
    for own, (_, figures) in ((model, logged[-1]), (stump, logged[0])):
        probabilities = own.predict_proba(validation.features)
        of_truth = np.maximum(probabilities[np.arange(90), validation.labels], 1e-7)
        assert figures["loss/val"] == pytest.approx(np.average(-np.log(of_truth), weights=weights), rel=1e-4)
        found = probabilities.argmax(axis=1) == validation.labels
        assert figures["accuracy/val"] == pytest.approx(np.average(found, weights=weights), abs=0.02), "ties"


def test_comes_back_as_it_was_saved(trained, tmp_path):
    classes, model, _, folder = trained
    loaded = saved.load(folder)
    features = learnable(100, classes, seed=4).features
    probabilities = loaded.predict_proba(features, names=NAMES, params=FEATURE_PARAMS)
    np.testing.assert_array_equal(probabilities, model.predict_proba(features))
    assert probabilities.min() >= 0
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-6)
    np.testing.assert_array_equal(loaded.classifier.importances(), model.importances())
    assert sorted(zip(model.importances(), NAMES, strict=True))[-1][1] == "f0_median_hz"
    saved.save(loaded, tmp_path / "again")
    assert files(tmp_path / "again") == files(folder)


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_keeps_the_statistics_of_the_training_clips(trained):
    features = learnable(240, trained[0], seed=0).features.astype(np.float64)
    mean, deviation = saved.load(trained[-1]).classifier.training_statistics()
    np.testing.assert_allclose(mean, features.mean(axis=0), rtol=1e-4, atol=1e-4)
    varies = features.std(axis=0) > 1e-6
    np.testing.assert_allclose(deviation[varies], features.std(axis=0)[varies], rtol=1e-3)


def test_contributions_add_up_to_the_logits(trained):
    classes, _, _, folder = trained
    model = saved.load(folder).classifier
    features = learnable(80, classes, seed=6).features
    values, base = model.contributions(features)
    assert values.shape == (80, len(NAMES), classes)
    assert values.sum(axis=-1) == pytest.approx(0, abs=1e-6), "centred over the classes"
    probabilities = model.predict_proba(features)
    assert probabilities.min() < 1e-6, "pure leaves are among what is tested"
    logits = np.log(np.maximum(probabilities, 1e-7))
    logits -= logits.mean(axis=1, keepdims=True)
    assert base + values.sum(axis=1) == pytest.approx(logits, abs=1e-4)
    assert np.abs(values[:, NAMES.index("flat")]).max() < 1e-6, "a constant says nothing"
    strength = dict(zip(NAMES, np.abs(values).mean(axis=(0, 2)), strict=True))
    assert sorted(strength, key=strength.get)[-2:] == ["formant_hz", "f0_median_hz"]


@pytest.mark.parametrize("balance", ["class_weight", "undersample", "oversample"])
def test_balance(balance):
    """Of eighteen to one, an unbalanced forest finds hardly any of the rare class; every way of balancing does."""
    crowd = learnable(600, 2, seed=0, overlap=2.5)
    train = crowd.take(np.r_[np.flatnonzero(crowd.labels == 0), np.flatnonzero(crowd.labels == 1)[:17]])
    test = learnable(400, 2, seed=5, overlap=2.5)
    found = {}
    for how in ("none", balance):
        model, _ = fit(train, learnable(60, 2, seed=1, overlap=2.5), balance=how, max_depth=3)
        found[how] = (model.predict_proba(test.features).argmax(axis=1) == 1)[test.labels == 1].mean()
    assert found["none"] < 0.2
    assert found[balance] > found["none"] + 0.2


@pytest.mark.parametrize(("changes", "counts"), [
    ({"num_trees": 5}, True), ({"max_depth": 2}, True), ({"subsample": 0.3}, True), ({"seed": 8}, True),
    ({"num_candidate_attributes_ratio": 1.0}, True), ({"min_examples": 40}, True),
    ({"shrinkage": 0.5}, False), ({"patience": 1}, False),
], ids=str)  # fmt: skip
def test_which_params_count(changes, counts):
    features = learnable(60, 2, seed=2).features
    as_is, changed = (
        fit(learnable(120, 2, seed=0), learnable(60, 2, seed=1), **other)[0].predict_proba(features)
        for other in ({}, changes)
    )
    assert (np.abs(as_is - changed).max() > 1e-4) == counts


@pytest.mark.parametrize(
    "changes", [{"num_trees": 1}, {"max_depth": 1}, {"subsample": 1e-3}, {"min_examples": 10_000}], ids=str
)
def test_at_the_ends_of_what_is_allowed(changes):
    model, logged = fit(learnable(60, 3, seed=0), learnable(30, 3, seed=1), **changes)
    features = learnable(10, 3, seed=2).features
    assert np.isfinite(model.predict_proba(features)).all()
    assert all(np.isfinite(part).all() for part in model.contributions(features))
    assert len(logged) == changes.get("num_trees", FOREST["num_trees"])


ON_ONE_CORE = """
import os, sys
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from pathlib import Path
sys.path[:0] = sys.argv[1:3]
from unit.test_random_forest import fit, learnable
for classes in (3, 2):
    folder = Path(sys.argv[3]) / str(classes)
    folder.mkdir()
    model, logged = fit(learnable(240, classes, seed=0), learnable(90, classes, seed=1))
    model.save(folder)
    (folder / "logged").write_text(repr(logged))
"""


def test_training_twice_gives_the_same_bytes_and_curves(train_once, tmp_path):
    """In a fresh process with one core, in another order, as in this one, where others were trained before."""
    command = [sys.executable, "-c", ON_ONE_CORE, str(SRC), str(TESTS), str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    for classes in CLASSES:
        _, logged, folder = train_once(classes)
        before = files(folder) | {"logged": repr(logged).encode()}
        del before["config.yaml"], before["calibration.json"]  # which saved.save writes
        assert files(tmp_path / str(classes)) == before
