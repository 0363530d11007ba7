"""The nets' layers: parameters and shapes of the originals, finite answers, padding, a saved architecture, learning."""

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from support.nets import NETS, PARAMS, inputs, net, voices
from support.shards import write_shards
from voicetraits import params
from voicetraits.augmentation.params import AugmentParams
from voicetraits.errors import ParameterError
from voicetraits.models import net_runtime
from voicetraits.models.checkpoints import Checkpoints
from voicetraits.models.net import Net
from voicetraits.models.net_params import NetParams, Training
from voicetraits.models.net_training import keras
from voicetraits.models.rows import Rows
from voicetraits.net_inputs import prepare

RAGGED = ("rnn", "bigru", "tcn")
#: Building the largest again, with its 160 layers, takes seconds.
LARGEST_SLOWLY = [pytest.param(name, marks=pytest.mark.slow if name == "resnet34" else ()) for name in NETS]


@cache
def built(name: str, classes: int):
    keras.utils.set_random_seed(1)
    return net(name).build(classes)


def trainable(model) -> int:
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def rows(model, values: np.ndarray) -> np.ndarray:
    """Two clips of a net's shape, 12 frames long where time is ragged, filled from `values`."""
    shape = [12 if size is None else size for size in model.inputs[0].shape[1:]]
    return np.resize(values, (2, *shape)).astype(np.float32)


# Figures of the originals


@pytest.mark.parametrize(("name", "everything", "learnt"), [("cnn1d", 449_425, 449_425), ("cnn2d", 60_809, 60_729)])
def test_parameters_of_the_originals_with_one_sigmoid_output(name, everything, learnt):
    model = net(name).build(2, sigmoid=True)
    assert (model.count_params(), trainable(model)) == (everything, learnt)
    assert model.output_shape == (None, 1)


def test_resnet34_has_torchvisions_trunk():
    """torchvision's resnet34 has 21,797,672 parameters, of which its head of 1,000 classes has 513,000."""
    model = built("resnet34", 2)
    head = 512 * 2 + 2
    assert trainable(model) - head == 21_797_672 - 513_000
    assert model.count_params() - trainable(model) == 2 * 8_512  # mean and variance of each normalised filter


def test_lstm_sample_by_sample_has_the_parameters_of_its_formula():
    units = 128
    model = net("lstm", samples_per_step=1).build(2)
    assert model.count_params() == 4 * units * (1 + units + 1) + 2 * (units + 1)
    assert model.get_layer("steps").output.shape == (None, 2000, 1)


SHAPES = {
    "dnn": {"dense_1": (256,), "dense_2": (128,), "dense_3": (64,)},
    "cnn1d": {
        "row": (3480, 1), "pool_1": (1740, 16), "pool_2": (870, 8), "pool_3": (435, 16), "pool_4": (218, 8),
        "each_step": (218, 8), "flatten": (1744,), "dense": (256,),
    },
    "cnn2d": {
        "image": (40, 87, 1), "convolution_1": (35, 82, 16), "norm_1": (18, 41, 16), "convolution_2": (13, 36, 16),
        "norm_2": (7, 18, 16), "convolution_3": (5, 16, 8), "norm_3": (3, 8, 8), "flatten": (192,), "dense": (256,),
    },
    "cnn_age": {
        "convolution_1": (19, 43, 32), "pool_1": (9, 21, 32), "convolution_2": (5, 17, 64), "pool_2": (4, 16, 64),
        "norm_3": (3, 15, 64), "flatten": (2880,), "dense": (128,),
    },
    "cnn_mfc": {"pool_1": (49, 6, 16), "pool_2": (24, 3, 32), "convolution_3": (24, 3, 64), "flatten": (4608,)},
    "resnet34": {
        "conv1": (49, 6, 64), "maxpool": (25, 3, 64), "layer1_2_relu2": (25, 3, 64), "layer2_3_relu2": (13, 2, 128),
        "layer3_5_relu2": (7, 1, 256), "layer4_2_relu2": (4, 1, 512), "mean": (512,),
    },
    "rnn": {"recurrent": (None, 128), "mean": (128,)},
    "bigru": {"both_directions": (None, 128), "mean": (128,), "dense": (64,)},
    "tcn": {"dilation_1_relu": (None, 64), "dilation_16_relu": (None, 64), "mean": (64,)},
    "lstm": {"steps": (50, 40), "memory": (128,)},
}  # fmt: skip


@pytest.mark.parametrize("name", NETS)
def test_shapes_at_each_stage(name):
    model = built(name, 2)
    assert {layer: model.get_layer(layer).output.shape[1:] for layer in SHAPES[name]} == SHAPES[name]


@pytest.mark.parametrize("name", NETS)
def test_the_docstring_tells_the_parameters(name):
    told = " ".join(net(name).module.__doc__.split())
    number, classes = re.search(r"([\d,]+) parameters[^.]*? with (two|three) classes", told).groups()
    assert built(name, {"two": 2, "three": 3}[classes]).count_params() == int(number.replace(",", ""))


# Answers


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", LARGEST_SLOWLY)
def test_probabilities_of_silence_and_noise(name, classes):
    model = built(name, classes)
    for values in (np.zeros(1), np.random.default_rng(0).normal(size=100_003), np.full(1, -100.0)):
        probabilities = model(inputs(model, rows(model, values)), training=False).numpy()
        assert probabilities.shape == (2, classes)
        assert probabilities.min() >= 0
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", RAGGED)
def test_padding_changes_nothing(name):
    model = built(name, 2)
    clip = np.random.default_rng(0).normal(size=(1, 12, 64)).astype(np.float32)
    alone = model({"clip": clip, "mask": np.ones((1, 12), np.float32)}, training=False).numpy()
    behind = np.pad(clip, [(0, 0), (0, 8), (0, 0)], constant_values=9.0)
    mask = np.pad(np.ones((1, 12), np.float32), [(0, 0), (0, 8)])
    np.testing.assert_allclose(model({"clip": behind, "mask": mask}, training=False).numpy(), alone, atol=1e-6)
    assert np.abs(model({"clip": behind, "mask": np.ones_like(mask)}, training=False).numpy() - alone).max() > 1e-4


@pytest.mark.parametrize("name", RAGGED)
def test_volume_does_not_count(name):
    model = built(name, 2)
    clip = np.random.default_rng(0).normal(size=(1, 12, 64)).astype(np.float32)
    np.testing.assert_allclose(model(inputs(model, clip + 7)).numpy(), model(inputs(model, clip)).numpy(), atol=1e-4)
    tilted = clip + np.linspace(-3, 3, 64, dtype=np.float32)
    assert np.abs(model(inputs(model, tilted)).numpy() - model(inputs(model, clip)).numpy()).max() > 1e-3


@pytest.mark.parametrize("name", RAGGED)
def test_the_shortest_clip_is_one_frame(name):
    model = built(name, 2)
    one = {"clip": np.full((1, 1, 64), -100, np.float32), "mask": np.ones((1, 1), np.float32)}
    assert np.isfinite(model(one, training=False).numpy()).all()


@pytest.mark.parametrize("name", LARGEST_SLOWLY)
def test_a_saved_architecture_comes_back_and_counts_nothing_made_before(name):
    model = built(name, 3)
    again = net(name).build(3)
    assert again.to_json() == model.to_json()
    restored = keras.models.model_from_json(model.to_json())
    restored.set_weights(model.get_weights())
    x = inputs(model, rows(model, np.random.default_rng(0).normal(size=100_003)))
    np.testing.assert_array_equal(restored(x, training=False).numpy(), model(x, training=False).numpy())


@pytest.mark.parametrize("name", NETS)
def test_inputs_are_those_that_the_trainer_knows(name):
    model = built(name, 2)
    wanted = ["clip", "mask"] if name in RAGGED else ["clip"]
    assert [tensor.name for tensor in model.inputs] == wanted
    shape = net(name).front_end.shape
    assert model.inputs[0].shape[1:] == (shape[1:] if name == "lstm" else shape)


def test_a_step_that_does_not_divide_the_window():
    with pytest.raises(ParameterError, match=r"`net\.lstm\.samples_per_step` is 30; allowed: what divides 2000"):
        net("lstm", samples_per_step=30)


# Learning

EPOCHS = {"dnn": 12, "cnn1d": 8, "lstm": 10, "resnet34": 12}


@pytest.mark.slow
@pytest.mark.filterwarnings("error:The structure of `inputs`")
@pytest.mark.parametrize("name", NETS)
def test_learns_pitch_from_sounds(name, tmp_path, store):
    """From samples to ONNX, as the stage does it: clips of another seed are told apart by what has been saved."""
    labels = write_voices(tmp_path / "audio")
    one = net(name, all_epochs=EPOCHS[name]) if name == "resnet34" else net(name)
    inputs = prepare(tmp_path / "audio", one.front_end, store=store, workers=1)
    model = Net(classes=3, feature_names=inputs.names, name=name, inputs=inputs, checkpoints=Checkpoints(store))
    sides = {side: Rows(inputs.rows(ids), *answers) for side, (ids, answers) in labels.items()}
    setting = NetParams(training(name), one.params, unaugmented())
    model.fit(sides["train"], sides["val"], params=setting, seed=3, log=lambda *_: None)
    model.save(tmp_path)
    loaded = net_runtime.Model.load(tmp_path, classes=3, feature_names=inputs.names)
    test = sides["test"]
    assert (loaded.predict_proba(test.features).argmax(axis=1) == test.labels).mean() >= 0.9


def write_voices(audio: Path) -> dict[str, tuple[list[str], tuple[np.ndarray, np.ndarray]]]:
    """Clips of three classes of pitch: for each side of a split the ids, and labels with weights."""
    sides, clips = {}, {}
    for side, count, seed in (("train", 48, 0), ("val", 12, 300), ("test", 24, 500)):
        sounds, labels = voices(count, 3, seed)
        ids = [f"{side}/{i:02d}" for i in range(count)]
        clips |= {name: np.rint(sound * 32767).astype(np.int16) for name, sound in zip(ids, sounds, strict=True)}
        sides[side] = ids, (labels, np.ones(count, np.float32))
    write_shards(audio, clips)
    return sides


def training(name: str) -> Training:
    """As params.yaml has it for all nets, but short, and in small steps."""
    changes = {"epochs": EPOCHS.get(name, 10), "batch_size": 32 if name == "lstm" else 8, "schedule": "constant"}
    return replace(params.get(PARAMS, "net.common", Training), **changes)


def unaugmented() -> AugmentParams:
    section = params.get(PARAMS, "augment", AugmentParams)
    mask = replace(section.mask, time_share=0.0, band_share=0.0)
    return replace(section, variants=0, mask=mask, crop=replace(section.crop, share=0.0))
