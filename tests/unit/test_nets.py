"""The trainer of nets: what it learns, saves and goes on from, on a voicenet that is tiny."""

import json
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, recall_score

from support.tiny_net import TINY, config_of, inputs_of, rows_of, tiny_params, voices
from voicetraits import params as params_of
from voicetraits.errors import Diverged, ModelError
from voicetraits.models import net, net_params, net_runtime, net_training, saved, voicenet
from voicetraits.models.checkpoints import Checkpoints
from voicetraits.models.net_module import Phase
from voicetraits.models.net_training import keras
from voicetraits.models.restoring import restore_net

ROOT = Path(__file__).parents[2]
SIZES = {"train": 64, "val": 24, "test": 24}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """`data(classes)`: inputs and the rows of each side; made once."""

    @cache
    def make(classes):
        sides = {side: voices(count, classes, 1000 * i) for i, (side, count) in enumerate(SIZES.items())}
        named = {
            side: {f"{name[0]}-{side}-{name[2:]}": v for name, v in clips.items()} for side, clips in sides.items()
        }
        everything = {name: clip for clips in named.values() for name, clip in clips.items()}
        inputs = inputs_of(everything, tmp_path_factory.mktemp("net"), tiny_params())
        return inputs, {side: rows_of(inputs, sorted(clips)) for side, clips in named.items()}

    return make


def fit(data, store, classes=2, *, stop_after=None, **changes):
    """A net, trained, and the figures of its epochs; with `stop_after`, killed after so many epochs."""
    inputs, rows = data(classes)
    params = tiny_params(**changes)
    model = net.Net(
        classes=classes, feature_names=inputs.names, name="voicenet", inputs=inputs, checkpoints=Checkpoints(store)
    )
    logged = []

    def log(step, figures):
        assert step == len(logged)
        if step == stop_after:
            raise KeyboardInterrupt
        logged.append(figures)

    model.fit(rows["train"], rows["val"], params=params, seed=5, log=log)
    return model, logged


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """`trained(classes)`: a net, its figures, the folder in which it is saved; trained once."""

    @cache
    def train(classes):
        folder = tmp_path_factory.mktemp("trained")
        model, logged = fit(data, net_store(folder), classes)
        inputs, _ = data(classes)
        config = saved.Config(
            model="voicenet", target="gender", classes=("a", "b", "c")[:classes], seed=5, training_split_sha256="",
            versions={}, runtime=model.runtime, **config_of(inputs, tiny_params()),
        )  # fmt: skip
        saved.save(saved.SavedModel(config, model), folder / "saved")
        return model, logged, folder / "saved"

    return train


def net_store(folder):
    from voicetraits.store import Store

    return Store(folder / "store")


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# What it learns and saves


@pytest.mark.parametrize("classes", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_learns_what_there_is_to_learn(data, trained, classes):
    model, logged, _ = trained(classes)
    test = data(classes)[1]["test"]
    probabilities = model.predict_proba(test.features)
    assert (probabilities.shape, probabilities.dtype) == ((24, classes), np.float64)
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-12)
    assert balanced_accuracy_score(test.labels, probabilities.argmax(axis=1)) > 0.85
    assert all(set(figures) == set(model.curves) for figures in logged)


@pytest.mark.parametrize("patience", [None, 2])
def test_figures_are_those_of_the_net_that_is_kept(data, trained, store, patience):
    """scikit-learn's scores of the net's predictions are those logged for its best epoch, without patience its last."""
    if patience is None:
        model, logged, _ = trained(2)
        kept = logged[-1]
        assert len(logged) == TINY["net__common__epochs"]
    else:
        model, logged = fit(data, store, net__voicenet__patience=patience)
        kept = min(logged, key=lambda figures: figures["loss/val"])
        assert kept is not logged[-1]
    validation = data(2)[1]["val"]
    probabilities = model.predict_proba(validation.features)
    losses = -np.log(probabilities[np.arange(24), validation.labels])
    assert kept["loss/val"] == pytest.approx(losses.mean(), rel=1e-3)
    uar = recall_score(validation.labels, probabilities.argmax(axis=1), average="macro")
    assert kept["uar/val"] == pytest.approx(uar)


def test_a_loaded_net_says_the_same(data, trained):
    model, _, folder = trained(2)
    inputs, rows = data(2)
    assert sorted(files(folder)) == [
        "architecture.json",
        "calibration.json",
        "config.yaml",
        "net.onnx",
        "net.weights.h5",
    ]
    loaded = saved.load(folder)
    assert isinstance(loaded.classifier, net_runtime.Model)
    expected = model.predict_proba(rows["test"].features)
    np.testing.assert_array_equal(
        loaded.predict_proba(rows["test"].features, names=inputs.names, params=inputs.params), expected
    )
    with_keras = restore_net(folder)
    for number, clip in enumerate(rows["test"].features):
        values = with_keras([clip[None], np.ones((1, len(clip)), np.float32)]).numpy()[0]
        np.testing.assert_allclose(values, expected[number], atol=1e-4)


def test_a_clip_does_not_depend_on_its_neighbours(data, trained):
    """Neither in Keras, whose batches are padded, nor in what is saved."""
    model, _, folder = trained(2)
    clips = data(2)[1]["test"].features
    alone = np.concatenate([model.predict_proba(clips[number : number + 1]) for number in range(len(clips))])
    np.testing.assert_array_equal(model.predict_proba(clips), alone)
    with_keras, clip = restore_net(folder), clips[3]
    expected = with_keras([clip[None], np.ones((1, len(clip)), np.float32)]).numpy()
    for longer in range(1, 4):
        padded = np.full((2, len(clip) + longer, clip.shape[1]), -40, np.float32)  # the neighbour is as long
        padded[0, : len(clip)], padded[0, len(clip) :] = clip, 0
        mask = (np.arange(padded.shape[1]) < [[len(clip)], [padded.shape[1]]]).astype(np.float32)
        np.testing.assert_allclose(with_keras([padded, mask]).numpy()[:1], expected, atol=2e-6)


def test_short_clips_and_silence_get_an_answer(trained):
    model, *_ = trained(2)
    clips = [np.full((frames, 40), -100, np.float32) for frames in (1, 2, 3, 50)]
    assert np.isfinite(model.predict_proba(clips)).all()


def test_what_is_saved_has_no_optimizer_and_no_counter(trained):
    import h5py

    _, _, folder = trained(2)
    with h5py.File(folder / "net.weights.h5") as weights:
        assert "optimizer" not in weights
    architecture = json.loads((folder / "architecture.json").read_text())
    assert architecture["compile_config"] == {}
    names = [layer["config"]["name"] for layer in architecture["config"]["layers"]]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"hop_seconds": 0.02},
            r"learnt from features made with hop_seconds=0.01, these were made with hop_seconds=0.02",
        ),
        (None, "wants the feature 'log_mel', which is not there"),
    ],
)
def test_another_front_end_is_refused(data, trained, change, message):
    inputs, rows = data(2)
    model = saved.load(trained(2)[2])
    names, params = (inputs.names, {**inputs.params, **change}) if change else (("mfcc_image",), {})
    with pytest.raises(ModelError, match=message):
        model.predict_proba(rows["test"].features, names=names, params=params)


def test_a_damaged_net_is_refused(trained, tmp_path):
    import shutil

    shutil.copytree(trained(2)[2], tmp_path / "copy")
    path = tmp_path / "copy/net.onnx"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelError, match=r"net\.onnx is not what was saved"):
        saved.load(tmp_path / "copy")


@pytest.mark.slow
def test_a_net_that_says_something_else_as_onnx_is_refused(data, store, monkeypatch):
    real = net.onnx_bytes

    def other(model):
        model.set_weights([1.01 * weight for weight in model.get_weights()])
        content = real(model)
        model.set_weights([weight / 1.01 for weight in model.get_weights()])
        return content

    monkeypatch.setattr(net, "onnx_bytes", other)
    with pytest.raises(ModelError, match="voicenet says as ONNX something else than in Keras"):
        fit(data, store, net__common__epochs=1)


# Training


@pytest.mark.slow
def test_stopped_and_gone_on_with_is_the_same_to_the_byte(data, trained, store, tmp_path):
    """Stopped in the middle of the fourth epoch's end, after which the dropout's and Adam's state count."""
    _, logged, folder = trained(2)
    with pytest.raises(KeyboardInterrupt):
        fit(data, store, stop_after=3)
    assert len(list(store.partial.iterdir())) == 1
    again, figures = fit(data, store)
    (tmp_path / "again").mkdir()
    again.save(tmp_path / "again")
    assert figures == logged
    own = ("architecture.json", "net.onnx", "net.weights.h5")
    assert files(tmp_path / "again") == {name: files(folder)[name] for name in own}
    # What has ended is not trained again.
    calls = []
    original = keras.Model.fit
    keras.Model.fit = lambda *a, **k: calls.append(a)
    try:
        assert fit(data, store)[1] == logged
    finally:
        keras.Model.fit = original
    assert not calls


@pytest.mark.slow
def test_a_damaged_checkpoint_costs_time_only(data, trained, store, capsys):
    with pytest.raises(KeyboardInterrupt):
        fit(data, store, stop_after=2)
    (path,) = store.partial.iterdir()
    path.write_bytes(path.read_bytes()[:-9])
    model, figures = fit(data, store)
    assert "training starts anew" in capsys.readouterr().err
    assert figures == trained(2)[1]
    np.testing.assert_equal(_weights(model._model), _weights(trained(2)[0]._model))


@pytest.mark.slow
def test_other_params_go_on_from_nothing(data, store):
    with pytest.raises(KeyboardInterrupt):
        fit(data, store, stop_after=1)
    fit(data, store, net__common__epochs=1, net__common__lr=0.02)
    assert len(list(store.partial.iterdir())) == 2


@pytest.mark.parametrize(("name", "epochs"), [("voicenet", 13), ("cnn_mfc", 20), ("resnet34", 8)])
def test_epochs_are_those_of_the_phases_where_a_net_has_them(name, epochs):
    module = import_module(f"voicetraits.models.{name}")
    chosen = net_params.read_training_and_net(params_of.load(ROOT / "params.yaml"), name, module.Params)
    phases = net.phases_of(module, net_params.NetParams(*chosen, augment=None))
    assert sum(phase.epochs for phase in phases) == epochs


def test_a_loss_that_is_no_number_names_the_param(data, store):
    with pytest.raises(Diverged, match=r"`net.common.lr`, or `lr` of the net, is too large \(1e\+30\).*epoch 0"):
        fit(data, store, net__common__lr=1e30, net__common__optimizer="sgd")


def test_a_weight_decay_that_is_too_large_is_named_as_well(data, store):
    with pytest.raises(Diverged, match=r"is too large \(0\.01\), or `weight_decay` there \(1e\+30\): the loss of"):
        fit(data, store, net__common__weight_decay=1e30)


@pytest.mark.slow
def test_phases_teach_the_layers_that_they_name(data, store, monkeypatch):
    starts = {}
    phases = [Phase(1, 1.0, ["probabilities"]), Phase(1, 0.1)]
    monkeypatch.setattr(voicenet, "phases", lambda _: phases, raising=False)
    monkeypatch.setattr(voicenet, "initialise", lambda model, _: starts.update(_weights(model)), raising=False)
    original, rates = net_training.Progress.note, []

    def note(self, figures, weights, **how):
        rates.append(weights)
        original(self, figures, weights, **how)

    monkeypatch.setattr(net_training.Progress, "note", note)
    model, logged = fit(data, store)
    assert len(logged) == 2
    names = [variable.path for variable in model._model.weights]
    after = dict(zip(names, rates[0], strict=True))
    changed = {name for name in names if not np.array_equal(after[name], starts[name])}
    assert changed == {"probabilities/kernel", "probabilities/bias"}
    both = dict(zip(names, rates[1], strict=True))
    assert not np.array_equal(both["embedding/kernel"], after["embedding/kernel"])
    assert np.array_equal(both["standardise/moving_mean"], starts["standardise/moving_mean"])


def _weights(model):
    return {variable.path: variable.numpy() for variable in model.weights}


def test_inputs_are_standardised_by_the_training_clips(data, trained):
    rows = data(2)[1]["train"]
    frames = np.concatenate(list(rows.features)).astype(np.float64)
    weights = _weights(trained(2)[0]._model)
    np.testing.assert_allclose(weights["standardise/moving_mean"], frames.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(weights["standardise/moving_variance"], frames.var(axis=0), rtol=1e-4)
