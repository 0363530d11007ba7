"""Weights for a trunk: from another trained net, or from a file in PyTorch's layout; torchvision's resnet34."""

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.signal

from support.nets import net
from voicetraits.errors import DataError, ParameterError
from voicetraits.models.net_training import keras
from voicetraits.models.trunk_weights import copy_trunk, read_safetensors

PARTS = ("weight", "bias", "running_mean", "running_var")


def toy(classes: int = 2):
    """A net with a convolution and a norm; (8, 6, 3) pictures."""
    layers = keras.layers
    picture = keras.Input((8, 6, 3), name="clip")
    x = layers.Conv2D(4, (3, 2), use_bias=False, name="stem_conv1")(picture)
    x = layers.BatchNormalization(epsilon=1e-5, name="stem_bn1")(x)
    x = layers.Dense(classes, activation="softmax", name="softmax")(layers.GlobalAveragePooling2D(name="mean")(x))
    return keras.Model(picture, x, name="toy")


def toy_arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = {"stem.conv1.weight": (4, 3, 3, 2), **norm("stem.bn1", 4), "fc.weight": (1000, 4)}
    return {name: rng.uniform(0.5, 1.5, shape).astype(np.float32) for name, shape in shapes.items()}


def norm(name: str, filters: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.{part}": (filters,) for part in PARTS}


def write_safetensors(arrays: dict[str, np.ndarray], path: Path) -> Path:
    """As the format's own page has it, with a count of batches such as PyTorch keeps."""
    arrays = {"bn1.num_batches_tracked": np.array(7, np.int64), **arrays}
    header, place = {"__metadata__": {"format": "pt"}}, 0
    for name, array in arrays.items():
        kind = {"float16": "F16", "float32": "F32", "int64": "I64"}[array.dtype.name]
        entry = {"dtype": kind, "shape": list(array.shape), "data_offsets": [place, place + array.nbytes]}
        header[name], place = entry, place + array.nbytes
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in arrays.values():
            file.write(array.tobytes())
    return path


def write_npz(arrays: dict[str, np.ndarray], path: Path) -> Path:
    np.savez(path, **arrays)
    return path


def save(model, folder: Path) -> Path:
    folder.mkdir()
    (folder / "architecture.json").write_text(model.to_json())
    model.save_weights(folder / "net.weights.h5")
    return folder


@pytest.mark.parametrize(("write", "name"), [(write_safetensors, "a.safetensors"), (write_npz, "a.npz")])
def test_a_file_sets_the_trunk_and_not_the_head(write, name, tmp_path):
    arrays, model = toy_arrays(), toy()
    head = model.get_layer("softmax").get_weights()
    copy_trunk(write(arrays, tmp_path / name), model, head="softmax")
    np.testing.assert_array_equal(model.get_layer("softmax").get_weights()[0], head[0])
    picture = np.random.default_rng(1).random((8, 6, 3), np.float32)
    shown = keras.Model(model.inputs[0], model.get_layer("stem_bn1").output)(picture[None]).numpy()[0]
    expected = convolved(picture, arrays["stem.conv1.weight"], 1, [arrays[f"stem.bn1.{part}"] for part in PARTS])
    np.testing.assert_allclose(shown, expected, rtol=1e-4)


def convolved(picture: np.ndarray, kernels: np.ndarray, step: int, norm_arrays: list[np.ndarray]) -> np.ndarray:
    """A convolution and a norm by hand, from arrays as PyTorch has them: kernels (out, in, height, width)."""
    sums = [
        sum(scipy.signal.correlate2d(picture[..., c], kernel[c], "valid") for c in range(picture.shape[-1]))
        for kernel in kernels
    ]
    weight, bias, mean, var = norm_arrays
    return (np.stack(sums, axis=-1)[::step, ::step] - mean) / np.sqrt(var + 1e-5) * weight + bias


def test_the_folder_of_a_trained_net_with_other_classes(tmp_path):
    keras.utils.set_random_seed(6)
    model, other = toy(2), toy(3)
    copy_trunk(save(other, tmp_path / "final"), model, head="softmax")
    for name in ("stem_conv1", "stem_bn1"):
        for ours, theirs in zip(model.get_layer(name).get_weights(), other.get_layer(name).get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_half_precision_is_read_as_it_is_written(tmp_path):
    values = np.arange(6, dtype=np.float16).reshape(2, 3)
    read = read_safetensors(write_safetensors({"a": values}, tmp_path / "a.safetensors"))
    np.testing.assert_array_equal(read["a"], values)


def damaged(folder: Path) -> dict[str, str]:
    """Files and folders that cannot serve, and what is said of each."""
    arrays = toy_arrays()
    whole = write_safetensors(arrays, folder / "whole.safetensors").read_bytes()
    (folder / "cut.safetensors").write_bytes(whole[:-100])
    (folder / "half a header.safetensors").write_bytes(whole[:100])
    (folder / "text.safetensors").write_text("<html>not found</html>")
    (folder / "empty.npz").write_bytes(b"")
    (folder / "cut.npz").write_bytes(write_npz(arrays, folder / "whole.npz").read_bytes()[:-100])
    (folder / "list.safetensors").write_bytes((4).to_bytes(8, "little") + b"[12]")
    (folder / "weights.pth").write_bytes(b"PK")
    (folder / "folder").mkdir()
    write_npz({**arrays, "stem.conv1.weight": arrays["stem.conv1.weight"][:, :, :2]}, folder / "small.npz")
    write_npz({**arrays, "stem.bn1.bias": np.full(4, np.nan, np.float32)}, folder / "nan.npz")
    write_npz({name: array for name, array in arrays.items() if name != "stem.bn1.bias"}, folder / "less.npz")
    save(net("dnn").build(2), folder / "dnn")
    return {
        "cut.safetensors": "cut short within fc.weight",
        "half a header.safetensors": "no .safetensors file",
        "text.safetensors": "no .safetensors file",
        "empty.npz": "No data left in file",
        "cut.npz": "not a zip file",
        "list.safetensors": "object has no attribute",
        "weights.pth": "a file of the kind .pth",
        "missing.npz": "it does not exist",
        "missing": "it does not exist",
        "missing.pth": "it does not exist",
        "folder": r"^the net in .*/folder cannot be restored: .*No such file [^;]*$",
        "small.npz": r"weights of stem_conv1 are of shape \(2, 2, 3, 4\), not \(3, 2, 3, 4\)",
        "nan.npz": "weights of stem_bn1 are not all numbers",
        "less.npz": "it holds no stem_bn1_bias",
        "dnn": "a net without the layer stem_conv1",
    }


def test_damage_and_other_nets_change_nothing_and_are_named(tmp_path):
    model = toy()
    before = model.get_layer("stem_conv1").get_weights()[0].copy()
    for name, reason in damaged(tmp_path).items():
        with pytest.raises(DataError, match=reason):
            copy_trunk(tmp_path / name, model, head="softmax")
    np.testing.assert_array_equal(model.get_layer("stem_conv1").get_weights()[0], before)


# resnet34


def torchvision_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of torchvision's resnet34, written down from its definition."""
    shapes = {"conv1.weight": (64, 3, 7, 7), **norm("bn1", 64)}
    width = 64
    for layer, (filters, blocks) in enumerate([(64, 3), (128, 4), (256, 6), (512, 3)], start=1):
        for block in range(blocks):
            prefix = f"layer{layer}.{block}"
            shapes |= {f"{prefix}.conv1.weight": (filters, width, 3, 3), **norm(f"{prefix}.bn1", filters)}
            shapes |= {f"{prefix}.conv2.weight": (filters, filters, 3, 3), **norm(f"{prefix}.bn2", filters)}
            if width != filters:
                shapes |= {f"{prefix}.downsample.0.weight": (filters, width, 1, 1)}
                shapes |= norm(f"{prefix}.downsample.1", filters)
            width = filters
    return {**shapes, "fc.weight": (1000, 512), "fc.bias": (1000,)}


def test_torchvisions_resnet34_sets_every_layer_of_ours_but_the_head(tmp_path):
    shapes = torchvision_shapes()
    learnt = [shape for name, shape in shapes.items() if "running" not in name]
    assert sum(int(np.prod(shape)) for shape in learnt) == 21_797_672  # as torchvision counts
    rng = np.random.default_rng(0)
    arrays = {
        name: np.ones(shape, np.float32) if name.endswith("var") else rng.random(shape, np.float32)
        for name, shape in shapes.items()
    }
    one = net("resnet34", init=str(write_safetensors(arrays, tmp_path / "model.safetensors")))
    model = one.build(2)
    before = {layer.name: layer.get_weights() for layer in model.layers if layer.weights}
    one.module.initialise(model, one.params)
    same = [
        name for name, weights in before.items() if np.array_equal(model.get_layer(name).get_weights()[0], weights[0])
    ]
    assert same == ["softmax"]

    # The first layers on a picture: ImageNet's standardisation, and a convolution of step 2 between margins of 3.
    picture = rng.random((98, 12, 3), np.float32)
    scaled = (picture - np.array([0.485, 0.456, 0.406])) / [0.229, 0.224, 0.225]
    padded = np.pad(scaled, [(3, 3), (3, 3), (0, 0)])
    expected = convolved(padded, arrays["conv1.weight"], 2, [arrays[f"bn1.{part}"] for part in PARTS])
    shown = keras.Model(model.inputs[0], model.get_layer("bn1").output)(picture[None]).numpy()[0]
    np.testing.assert_allclose(shown, expected, rtol=1e-3, atol=1e-3)


def test_what_cannot_serve_is_a_line_that_names_the_key(tmp_path):
    one = net("resnet34", init=str(tmp_path / "missing.npz"))
    with pytest.raises(
        ParameterError, match=r"`net\.resnet34\.init` is '.*missing\.npz' \(it does not exist\); allowed: none"
    ):
        one.module.initialise(toy(), one.params)


def test_none_leaves_random_weights():
    one, model = net("resnet34", init="none"), toy()
    before = model.get_layer("stem_conv1").get_weights()[0].copy()
    one.module.initialise(model, one.params)
    np.testing.assert_array_equal(model.get_layer("stem_conv1").get_weights()[0], before)


def test_phases_from_random_and_from_other_weights():
    def phases(**changes):
        one = net("resnet34", all_epochs=5, all_lr_factor=0.1, **changes)
        return [(phase.epochs, phase.lr_factor, phase.trainable) for phase in one.module.phases(one.params)]

    assert phases(init="none", head_epochs=2) == [(5, 1.0, None)]
    assert phases(init="weights.npz", head_epochs=2) == [(2, 1.0, ("softmax",)), (5, 0.1, None)]
    assert phases(init="weights.npz", head_epochs=0) == [(5, 0.1, None)]
