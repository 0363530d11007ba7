"""The two models: what they learn, when they stop, that they come back as they were saved, what damage is called."""

import json
import re
import shutil
import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score

from support.classifiers import NAMES, SOFTMAX, TFDF, learnable
from voicetraits.errors import Diverged, ModelError
from voicetraits.models import saved, softmax, tfdf
from voicetraits.models.softmax import keras

KINDS = {"softmax": (softmax, SOFTMAX), "tfdf": (tfdf, TFDF)}
CLASSES = {2: ("female", "male"), 3: ("youth", "adult", "senior")}
FEATURE_PARAMS = {"hop_seconds": 0.01, "mfcc": 20}
SRC = Path(softmax.__file__).parents[2]


class Curves(list):
    """Keeps what `fit` logs."""

    def __call__(self, step, figures):
        self.append((step, dict(figures)))

    def of(self, name):
        return [figures[name] for _, figures in self]


def fit(kind, train, validation, *, seed=7, **changes):
    module, params = KINDS[kind]
    model = module.Model(classes=int(train.labels.max()) + 1, feature_names=NAMES)
    curves = Curves()
    model.fit(train, validation, params=module.Params(**{**params, **changes}), seed=seed, log=curves)
    return model, curves


def wrapped(kind, classifier, classes):
    config = saved.Config(
        model=kind,
        target="gender",
        classes=CLASSES[classes],
        feature_names=NAMES,
        feature_params=FEATURE_PARAMS,
        params=KINDS[kind][1],
        seed=7,
        training_split_sha256="0" * 64,
        versions=saved.installed_versions(*classifier.versions),
    )
    return saved.SavedModel(config, classifier)


@pytest.fixture(scope="session")
def train_once(tmp_path_factory):
    """`train_once(kind, classes)`: the model, its curves, the folder that it is saved in; trained once."""

    @cache
    def train(kind, classes):
        model, curves = fit(kind, learnable(240, classes, seed=0), learnable(90, classes, seed=1))
        folder = tmp_path_factory.mktemp("models") / f"{kind}-{classes}"
        saved.save(wrapped(kind, model, classes), folder)
        return model, curves, folder

    return train


@pytest.fixture(params=[(kind, c) for kind in KINDS for c in CLASSES], ids=lambda p: f"{p[0]}-{p[1]}")
def trained(request, train_once):
    """Kind, number of classes, model, curves, folder in which it is saved."""
    return *request.param, *train_once(*request.param)


@pytest.fixture
def copied(trained, tmp_path):
    """Kind, and a copy of the folder that a test may damage."""
    folder = tmp_path / "model"
    shutil.copytree(trained[-1], folder)
    return trained[0], folder


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


# What they learn


def test_learns_what_there_is_to_learn(trained):
    _, classes, model, curves, _ = trained
    test = learnable(300, classes, seed=2)
    probabilities = model.predict_proba(test.features)
    assert probabilities.shape == (300, classes)
    assert probabilities.dtype == np.float64
    assert probabilities.min() >= 0
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-6)
    # Classes 60/30 and 80/90 deviations apart: the best possible UAR is 0.91 for two classes, 0.85 for three.
    assert 0.75 < balanced_accuracy_score(test.labels, probabilities.argmax(axis=1)) < 0.96
    assert all(set(figures) == set(model.curves) for _, figures in curves)
    assert [step for step, _ in curves] == list(range(curves[0][0], curves[0][0] + len(curves)))


def test_importances_name_what_matters(trained):
    _, _, model, _, _ = trained
    importances = dict(zip(NAMES, model.importances(), strict=True))
    assert sorted(importances, key=importances.get)[-2:] == ["formant_hz", "f0_median_hz"]
    assert min(importances.values()) >= 0


def test_what_is_saved_keeps_the_statistics_of_the_training_clips(trained):
    features = learnable(240, trained[1], seed=0).features.astype(np.float64)
    mean, deviation = saved.load(trained[-1]).classifier.training_statistics()
    np.testing.assert_allclose(mean, features.mean(axis=0), rtol=1e-4, atol=1e-4)
    varies = features.std(axis=0) > 1e-6
    np.testing.assert_allclose(deviation[varies], features.std(axis=0)[varies], rtol=1e-3)


def test_contributions_add_up_to_the_logits(trained):
    kind, classes, _, _, folder = trained
    model = saved.load(folder).classifier
    features = learnable(80, classes, seed=6).features
    values, base = model.contributions(features)
    assert values.shape == (80, len(NAMES), classes)
    assert values.sum(axis=-1) == pytest.approx(0, abs=1e-6), "centred over the classes"
    logits = np.log(model.predict_proba(features))
    logits -= logits.mean(axis=1, keepdims=True)
    assert base + values.sum(axis=1) == pytest.approx(logits, abs=1e-5 if kind == "softmax" else 1e-3)
    assert np.abs(values[:, NAMES.index("flat")]).max() < 1e-6, "a constant says nothing"
    strength = dict(zip(NAMES, np.abs(values).mean(axis=(0, 2)), strict=True))
    assert sorted(strength, key=strength.get)[-2:] == ["formant_hz", "f0_median_hz"]


def test_a_row_does_not_depend_on_the_others(trained):
    model, features = trained[2], learnable(50, 2, seed=3).features
    together = model.predict_proba(features)
    apart = np.concatenate([model.predict_proba(features[i : i + 1]) for i in range(0, 50, 7)])
    np.testing.assert_allclose(together[::7], apart, rtol=1e-5)


BALANCES = [("softmax", "oversample"), *(("tfdf", how) for how in ("class_weight", "undersample", "oversample"))]


@pytest.mark.parametrize(("kind", "balance"), BALANCES)
def test_balance(kind, balance):
    """Of eighteen to one, an unbalanced model finds hardly any of the rare class; every way of balancing does."""
    crowd = learnable(600, 2, seed=0, overlap=2.5)
    train = crowd.take(np.r_[np.flatnonzero(crowd.labels == 0), np.flatnonzero(crowd.labels == 1)[:17]])
    validation, test = learnable(60, 2, seed=1, overlap=2.5), learnable(400, 2, seed=5, overlap=2.5)
    found = {}
    for how in ("none", balance):
        model, _ = fit(kind, train, validation, balance=how, **({"epochs": 5} if kind == "softmax" else {}))
        found[how] = (model.predict_proba(test.features).argmax(axis=1) == 1)[test.labels == 1].mean()
    assert found["none"] < 0.2
    assert found[balance] > found["none"] + 0.2


@pytest.mark.parametrize(("kind", "changes"), [
    ("softmax", {"lr": 0.001}), ("softmax", {"batch_size": 8}), ("softmax", {"l2": 0.5}), ("softmax", {"seed": 8}),
    ("tfdf", {"num_trees": 5}), ("tfdf", {"max_depth": 1}), ("tfdf", {"shrinkage": 0.5}), ("tfdf", {"subsample": 0.3}),
    ("tfdf", {"num_candidate_attributes_ratio": 1.0}), ("tfdf", {"min_examples": 40}), ("tfdf", {"seed": 8}),
], ids=str)  # fmt: skip
def test_every_param_counts(kind, changes, fit_shortly):
    """`epochs`, `patience` and `balance` have tests of their own."""
    assert np.abs(fit_shortly(kind) - fit_shortly(kind, **changes)).max() > 1e-4


@pytest.fixture(scope="session")
def fit_shortly():
    """Probabilities of a model that has learnt for a moment only; each setting once."""

    @cache
    def predict(kind, **changes):
        short = {"epochs": 3} if kind == "softmax" else {}
        model, _ = fit(kind, learnable(120, 2, seed=0), learnable(60, 2, seed=1), **short, **changes)
        return model.predict_proba(learnable(60, 2, seed=2).features)

    return predict


# Softmax regression


def test_softmax_is_logistic_regression():
    """Trained long, it comes to scikit-learn's optimum of the same loss on the same standardised features."""
    train, l2 = learnable(150, 3, seed=0, overlap=1.5), 0.01
    model, _ = fit("softmax", train, train, lr=0.1, epochs=80, batch_size=150, l2=l2, patience=80, balance="none")
    x = train.features.astype(np.float64)
    scale = np.where(x.std(axis=0) > 1e-6, x.std(axis=0), 1)
    x = np.clip((x - x.mean(axis=0)) / scale, -5, 5)
    # Ours is mean loss + l2·Σw², scikit-learn's C·Σ loss + Σw²/2.
    oracle = LogisticRegression(C=1 / (2 * l2 * len(x)), tol=1e-8, max_iter=10_000).fit(x, train.labels)
    np.testing.assert_allclose(model.predict_proba(train.features), oracle.predict_proba(x), atol=0.01)


def test_the_gradient_of_softmax_is_that_of_its_loss():
    """What Adam steps along, against central differences of the mean cross-entropy + l2·Σw², written out in float64."""
    rng = np.random.default_rng(0)
    x, labels, l2 = rng.normal(size=(20, 5)).astype(np.float32), rng.integers(0, 3, 20), 0.1
    network = softmax._network(5, 3, l2)
    network.set_weights([rng.normal(size=(5, 3)), rng.normal(size=3)])
    with softmax.tf.GradientTape() as tape:
        entropy = keras.losses.sparse_categorical_crossentropy(labels, network(x, training=True))
        loss = softmax.tf.reduce_mean(entropy) + sum(network.losses)
    gradients = tape.gradient(loss, network.trainable_variables)

    def loss_at(weights, bias):
        logits = x.astype(np.float64) @ weights + bias
        logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return -logs[np.arange(20), labels].mean() + l2 * (weights**2).sum()

    point, step = [values.astype(np.float64) for values in network.get_weights()], 1e-5
    for number, gradient in enumerate(gradients):
        for place in np.ndindex(*gradient.shape):
            ends = []
            for sign in (1, -1):
                moved = [values.copy() for values in point]
                moved[number][place] += sign * step
                ends.append(loss_at(*moved))
            assert float(gradient[place]) == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-3, abs=1e-5)


def test_softmax_keeps_the_weights_of_its_best_epoch():
    """Whether patience ends it or the epochs run out before."""
    train, validation = learnable(60, 2, seed=0, overlap=6), learnable(41, 2, seed=1, overlap=6)
    changes = {"lr": 0.1, "l2": 0.01, "patience": 5}
    model, curves = fit("softmax", train, validation, **changes)
    losses = curves.of("loss/val")
    best = int(np.argmin(losses))
    assert len(losses) == best + 1 + 5 < SOFTMAX["epochs"], "ends after `patience` epochs without a better one"
    probabilities = model.predict_proba(validation.features)
    weights = (41 / (2 * np.bincount(validation.labels)))[validation.labels]
    own = -np.log(probabilities[np.arange(41), validation.labels]) * weights
    penalty = changes["l2"] * (model._network.get_weights()[0] ** 2).sum()
    assert own.mean() + penalty == pytest.approx(losses[best], rel=1e-4)
    uar = balanced_accuracy_score(validation.labels, probabilities.argmax(axis=1))
    assert curves.of("uar/val")[best] == pytest.approx(uar)

    ended, shorter = fit("softmax", train, validation, **changes, epochs=best + 3)
    assert len(shorter) == best + 3
    np.testing.assert_array_equal(model.predict_proba(train.features), ended.predict_proba(train.features))


def test_softmax_clips_outliers_and_survives_them(train_once):
    model, _, _ = train_once("softmax", 2)
    row = np.array([[200, 500, 0.1, 0, 0, 0]], np.float32)
    far, further = row.copy(), row.copy()
    far[0, 3], further[0, 3] = 1e7, 3e38
    np.testing.assert_array_equal(model.predict_proba(far), model.predict_proba(further))
    row[0, 2] = 17.0  # a column that was constant in training
    assert np.isfinite(model.predict_proba(row)).all()


def test_softmax_says_nothing_where_validation_lacks_a_class():
    validation = learnable(60, 3, seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        _, curves = fit(
            "softmax", learnable(60, 3, seed=0), validation.take(np.flatnonzero(validation.labels < 2)), epochs=2
        )
    assert np.isfinite(curves.of("uar/val")).all()


def test_softmax_that_diverges_says_so():
    with pytest.raises(Diverged, match=r"`train\.lr` or `train\.l2` is too large: the loss grew beyond all"):
        fit("softmax", learnable(60, 2, seed=0), learnable(60, 2, seed=1), lr=1e30)


# Trees


def test_trees_are_cut_back_to_the_best_number():
    """The noise is soon learnt by heart; what is saved has as many trees as the lowest validation loss."""
    train, validation = learnable(80, 2, seed=0, overlap=4), learnable(60, 2, seed=1, overlap=4)
    model, curves = fit("tfdf", train, validation, num_trees=150, shrinkage=0.3, max_depth=6)
    losses = curves.of("loss/val")
    best = int(np.argmin(losses))
    assert best + 1 + TFDF["patience"] == len(losses) < 150
    probabilities = model.predict_proba(validation.features)
    own = -2 * np.log(probabilities[np.arange(60), validation.labels]).mean()  # Yggdrasil's loss for two classes
    assert own == pytest.approx(losses[best], rel=1e-3)


@pytest.mark.parametrize("changes", [{"num_trees": 1}, {"patience": 1}, {"min_examples": 10_000}], ids=str)
def test_trees_at_the_ends_of_what_is_allowed(changes):
    model, curves = fit("tfdf", learnable(60, 3, seed=0), learnable(30, 3, seed=1), **changes)
    assert np.isfinite(model.predict_proba(learnable(10, 3, seed=2).features)).all()
    assert len(curves) >= 1


# Saved and loaded


def test_comes_back_as_it_was_saved(trained, tmp_path):
    kind, classes, model, _, folder = trained
    loaded = saved.load(folder)
    features = learnable(100, classes, seed=4).features
    again = loaded.predict_proba(features, names=NAMES, params=FEATURE_PARAMS)
    np.testing.assert_array_equal(again, model.predict_proba(features))
    np.testing.assert_array_equal(loaded.classifier.importances(), model.importances())
    assert loaded.config == wrapped(kind, model, classes).config
    saved.save(loaded, tmp_path / "again")
    assert files(tmp_path / "again") == files(folder)


@pytest.mark.parametrize("classes", CLASSES)
def test_softmax_says_what_keras_says_of_its_weights(classes, train_once):
    _, _, folder = train_once("softmax", classes)
    features = learnable(100, classes, seed=4).features
    scaling = pd.read_csv(folder / "scaling.csv")
    dense = keras.layers.Dense(classes, activation="softmax")
    network = keras.Sequential([keras.Input((len(NAMES),)), dense])
    network.load_weights(folder / "softmax.weights.h5")
    clipped = ((features - scaling["mean"].to_numpy()) / scaling["scale"].to_numpy()).clip(-5, 5)
    expected = network(clipped.astype(np.float32)).numpy()
    np.testing.assert_allclose(saved.load(folder).classifier.predict_proba(features), expected, rtol=1e-5)


def test_config_has_what_inference_needs(trained):
    config = yaml.safe_load((trained[-1] / "config.yaml").read_text())
    assert config["classes"] == list(CLASSES[trained[1]])
    assert config["feature_names"] == list(NAMES)
    assert config["feature_params"] == FEATURE_PARAMS
    assert config["training_split_sha256"] == "0" * 64
    assert {"python", "numpy", "tensorflow"} <= set(config["versions"])


@pytest.mark.parametrize(("names", "message"), [
    (NAMES[:-1], "the {kind} model for gender wants the feature 'noise_3', which is not there"),
    (("other", *NAMES[2:]), "the {kind} model for gender wants the feature 'f0_median_hz' (and 1 more), which is not"),
    ((*NAMES, "new"), "the {kind} model for gender does not know the feature 'new'"),
    ((NAMES[1], NAMES[0], *NAMES[2:]), "gender wants 'f0_median_hz' in column 0, where 'formant_hz' is"),
])  # fmt: skip
def test_other_features_are_refused(trained, names, message):
    loaded = saved.load(trained[-1])
    features = np.zeros((1, len(names)), np.float32)
    with pytest.raises(ModelError, match=re.escape(message.format(kind=trained[0]))):
        loaded.predict_proba(features, names=names)


def test_features_made_otherwise_are_refused(trained):
    with pytest.raises(ModelError, match=r"made with mfcc=20, these were made with mfcc=13; .* set mfcc back"):
        saved.load(trained[-1]).predict_proba(
            np.zeros((1, len(NAMES)), np.float32), names=NAMES, params={**FEATURE_PARAMS, "mfcc": 13}
        )


def test_every_file_is_missed(copied):
    _, folder = copied
    for path in [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "done"]:
        content = path.read_bytes()
        path.unlink()
        expected = "holds no config.yaml, so no model" if path.name == "config.yaml" else "is incomplete or damaged"
        with pytest.raises(ModelError, match=expected) as caught:
            saved.load(folder)
        assert "\n" not in str(caught.value)
        assert "dvc repro" in str(caught.value)
        path.write_bytes(content)
    saved.load(folder)


DAMAGE = {
    "empty": lambda content: b"",
    "half": lambda content: content[: len(content) // 2],
    "zeros": lambda content: bytes(len(content)),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_is_noticed(copied, damage):
    _, folder = copied
    for path in [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "done"]:
        content = path.read_bytes()
        path.write_bytes(damage(content))
        with pytest.raises(ModelError, match="damaged") as caught:
            saved.load(folder)
        assert "\n" not in str(caught.value)
        path.write_bytes(content)


def test_one_flipped_bit_is_noticed(copied):
    _, folder = copied
    for path in [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "config.yaml"]:
        content = path.read_bytes()
        path.write_bytes(bytes([*content[:-1], content[-1] ^ 1]) if content else b"\0")
        with pytest.raises(ModelError, match=rf"damaged \({path.relative_to(folder)} is not what was saved\)"):
            saved.load(folder)
        path.write_bytes(content)


def test_what_a_file_manager_leaves_is_no_damage(copied):
    _, folder = copied
    (folder / ".DS_Store").write_bytes(b"\0")
    saved.load(folder)
    (folder / "more").write_bytes(b"\0")
    with pytest.raises(ModelError, match="more is not what was saved"):
        saved.load(folder)


def change_config(folder, **changes):
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **changes}))


@pytest.mark.parametrize(("changes", "message"), [
    ({"surplus": 1}, "config.yaml is damaged"),
    ({"classes": None}, "config.yaml is damaged"),
    ({"classes": ["a", "b", "c", "d"]}, "is incomplete or damaged"),
    ({"feature_names": [*NAMES[:-1], "other"]}, "names other features than config.yaml"),
    ({"feature_names": [NAMES[1], NAMES[0], *NAMES[2:]]}, "names other features than config.yaml"),
    ({"model": "nonesuch"}, "is a 'nonesuch' model, which cannot be loaded"),
    ({"model": "rows"}, "is a 'rows' model, which cannot be loaded"),
    ({"model": "../../etc"}, "which cannot be loaded"),
])  # fmt: skip
def test_a_config_that_lies_is_refused(copied, changes, message):
    _, folder = copied
    change_config(folder, **changes)
    with pytest.raises(ModelError, match=re.escape(message)):
        saved.load(folder)


@pytest.mark.parametrize("text", ["", "just text", "a: [", "\x00", "- 1\n- 2\n"])
def test_a_config_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ModelError, match=r"config.yaml is damaged .*; make it again with `dvc repro`$") as caught:
        saved.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_config_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "config.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelError, match="damaged"):
        saved.load(tmp_path)


def test_a_model_of_other_classes_is_refused(copied, trained, train_once):
    """The files of a model for two classes below the config of one for three, or the other way round."""
    kind, folder = copied
    other = train_once(kind, 5 - trained[1])[2]
    (folder / "config.yaml").write_bytes((other / "config.yaml").read_bytes())
    with pytest.raises(ModelError, match="is incomplete or damaged"):
        saved.load(folder)


def test_no_folder_is_no_model(tmp_path):
    with pytest.raises(ModelError, match=r"holds no config\.yaml, so no model; train one with `dvc repro`"):
        saved.load(tmp_path / "nowhere")


WITHOUT_TENSORFLOW = """
import json, sys
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv[1])
from voicetraits.models import saved
import ydf
results = []
for folder in map(Path, sys.argv[3:]):
    model, features = saved.load(folder), np.load(sys.argv[2])
    ours = model.predict_proba(features, names=model.config.feature_names)
    columns = dict(zip(model.config.feature_names, features.T))
    plain = ydf.load_model(str(folder / "forest")).predict({**columns, "__LABEL": np.zeros(len(features), np.int64)})
    results.append([ours.tolist(), plain.tolist()])
loaded = [name for name in sys.modules if name.startswith(("tensorflow", "keras", "tf_keras"))]
print(json.dumps([results, loaded]))
"""


def test_the_forest_needs_no_tensorflow(train_once, tmp_path):
    """It loads with saved.load, and with plain ydf, in a process that never imports TensorFlow."""
    features = learnable(20, 3, seed=6).features
    np.save(tmp_path / "features.npy", features)
    folders = [str(train_once("tfdf", classes)[2]) for classes in CLASSES]
    command = [sys.executable, "-c", WITHOUT_TENSORFLOW, str(SRC), str(tmp_path / "features.npy"), *folders]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    ((ours2, plain2), (ours3, plain3)), tensorflow = json.loads(done.stdout)
    assert tensorflow == []
    np.testing.assert_allclose(ours2, train_once("tfdf", 2)[0].predict_proba(features), rtol=1e-6)
    np.testing.assert_allclose(ours3, train_once("tfdf", 3)[0].predict_proba(features), rtol=1e-6)
    np.testing.assert_allclose(plain2, np.array(ours2)[:, 1], rtol=1e-6)
    np.testing.assert_allclose(plain3, ours3, rtol=1e-6)


ON_ONE_CORE = """
import os, sys
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from pathlib import Path
sys.path[:0] = sys.argv[1:3]
from support.classifiers import NAMES, SOFTMAX, TFDF, learnable
from voicetraits.models import softmax, tfdf
for kind, module, params in (("tfdf", tfdf, TFDF), ("softmax", softmax, SOFTMAX)):
    for classes in (3, 2):
        model = module.Model(classes=classes, feature_names=NAMES)
        train, validation = learnable(240, classes, seed=0), learnable(90, classes, seed=1)
        model.fit(train, validation, params=module.Params(**params), seed=7, log=lambda step, figures: None)
        folder = Path(sys.argv[3]) / f"{kind}-{classes}"
        folder.mkdir()
        model.save(folder)
"""


def test_training_twice_gives_the_same_bytes(train_once, tmp_path):
    """In a fresh process with one core, in another order, as in this one, where others were trained before."""
    command = [sys.executable, "-c", ON_ONE_CORE, str(SRC), str(Path(__file__).parents[1]), str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    for kind in KINDS:
        for classes in CLASSES:
            before = files(train_once(kind, classes)[2])
            del before["config.yaml"], before["calibration.json"]  # which saved.save writes
            assert files(tmp_path / f"{kind}-{classes}") == before
