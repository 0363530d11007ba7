"""What resnet34 starts from: random weights, another trained net, or a file of weights in torchvision's layout."""

import json

import numpy as np
import pytest
import scipy.signal

from support.nets import net
from voicetraits.errors import ParameterError
from voicetraits.models.net_training import keras
from voicetraits.models.trunk_weights import read_safetensors


def torchvision_names() -> dict[str, tuple[int, ...]]:
    """Names and shapes of torchvision's resnet34, written down from its definition."""
    arrays = {"conv1.weight": (64, 3, 7, 7), **norm("bn1", 64)}
    width = 64
    for layer, (filters, blocks) in enumerate([(64, 3), (128, 4), (256, 6), (512, 3)], start=1):
        for block in range(blocks):
            prefix = f"layer{layer}.{block}"
            arrays |= {f"{prefix}.conv1.weight": (filters, width, 3, 3), **norm(f"{prefix}.bn1", filters)}
            arrays |= {f"{prefix}.conv2.weight": (filters, filters, 3, 3), **norm(f"{prefix}.bn2", filters)}
            if width != filters:
                arrays |= {f"{prefix}.downsample.0.weight": (filters, width, 1, 1)}
                arrays |= norm(f"{prefix}.downsample.1", filters)
            width = filters
    return {**arrays, "fc.weight": (1000, 512), "fc.bias": (1000,)}


def norm(name: str, filters: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.{part}": (filters,) for part in ("weight", "bias", "running_mean", "running_var")}


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    made = {}
    for name, shape in torchvision_names().items():
        values = rng.standard_normal(shape, np.float32) * 0.05
        made[name] = values + 1 if name.endswith(("running_var", "bn1.weight")) else values
    return made


def write_safetensors(arrays: dict[str, np.ndarray], path) -> None:
    """As the format's own page has it, with a count of batches such as PyTorch keeps."""
    arrays = {**arrays, "bn1.num_batches_tracked": np.array(7, np.int64)}
    header, place = {"__metadata__": {"format": "pt"}}, 0
    for name, array in arrays.items():
        kind = {"float32": "F32", "int64": "I64"}[array.dtype.name]
        entry = {"dtype": kind, "shape": list(array.shape), "data_offsets": [place, place + array.nbytes]}
        header[name], place = entry, place + array.nbytes
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in arrays.values():
            file.write(array.tobytes())


@pytest.fixture(scope="module")
def resnet():
    keras.utils.set_random_seed(5)
    return net("resnet34").build(2)


def initialised(model, init) -> None:
    one = net("resnet34", init=str(init))
    one.module.initialise(model, one.params)


def test_the_names_written_down_are_those_of_21_797_672_parameters():
    learnt = {name: shape for name, shape in torchvision_names().items() if "running" not in name}
    assert sum(int(np.prod(shape)) for shape in learnt.values()) == 21_797_672


def test_a_safetensors_file_sets_the_trunk_and_not_the_head(arrays, resnet, tmp_path):
    write_safetensors(arrays, tmp_path / "model.safetensors")
    head = resnet.get_layer("softmax").get_weights()
    initialised(resnet, tmp_path / "model.safetensors")
    np.testing.assert_array_equal(resnet.get_layer("softmax").get_weights()[0], head[0])
    kernel = resnet.get_layer("layer3_0_downsample_0").get_weights()[0]
    np.testing.assert_array_equal(kernel[0, 0, 5, 9], arrays["layer3.0.downsample.0.weight"][9, 5, 0, 0])

    # The first layers on a picture, computed by hand from the file's arrays.
    picture = np.random.default_rng(1).random((98, 12, 3), np.float32)
    expected = first_layers(picture, arrays)
    shown = keras.Model(resnet.inputs[0], resnet.get_layer("bn1").output)(picture[None]).numpy()[0]
    np.testing.assert_allclose(shown, expected, atol=1e-4)


def first_layers(picture: np.ndarray, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """ImageNet's standardisation, convolution 7 × 7 of step 2 between margins of 3, batch norm."""
    scaled = (picture - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    padded = np.pad(scaled, [(3, 3), (3, 3), (0, 0)])
    filters = []
    for kernel in arrays["conv1.weight"]:  # (3, 7, 7)
        sums = sum(scipy.signal.correlate2d(padded[..., c], kernel[c], "valid") for c in range(3))
        filters.append(sums[::2, ::2])
    weight, bias, mean, var = (arrays[f"bn1.{part}"] for part in ("weight", "bias", "running_mean", "running_var"))
    return (np.stack(filters, axis=-1) - mean) / np.sqrt(var + 1e-5) * weight + bias


def test_an_npz_file_holds_the_same(arrays, resnet, tmp_path):
    np.savez(tmp_path / "weights.npz", **arrays)
    initialised(resnet, tmp_path / "weights.npz")
    norm_weights = resnet.get_layer("layer4_2_bn2").get_weights()
    for ours, part in zip(norm_weights, ("weight", "bias", "running_mean", "running_var"), strict=True):
        np.testing.assert_array_equal(ours, arrays[f"layer4.2.bn2.{part}"])


def test_the_folder_of_a_trained_net_with_other_classes(resnet, tmp_path):
    keras.utils.set_random_seed(6)
    other = net("resnet34").build(3)
    save(other, tmp_path / "final")
    initialised(resnet, tmp_path / "final")
    for layer in other.layers:
        for ours, theirs in zip(resnet.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True):
            assert layer.name == "softmax" or np.array_equal(ours, theirs)


def save(model, folder) -> None:
    folder.mkdir()
    (folder / "architecture.json").write_text(model.to_json())
    model.save_weights(folder / "net.weights.h5")


def test_damage_and_other_nets_change_nothing_and_are_named(arrays, resnet, tmp_path):
    write_safetensors(arrays, whole := tmp_path / "whole.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(whole.read_bytes()[:-100_000])
    (tmp_path / "text.safetensors").write_text("<html>not found</html>")
    write_safetensors({**arrays, "conv1.weight": arrays["conv1.weight"][:, :, :3, :3]}, tmp_path / "small.safetensors")
    write_safetensors({**arrays, "bn1.bias": np.full(64, np.nan, np.float32)}, tmp_path / "nan.safetensors")
    np.savez(tmp_path / "less.npz", **{name: array for name, array in arrays.items() if name != "layer2.1.bn2.bias"})
    (tmp_path / "weights.pth").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    save(net("dnn").build(2), tmp_path / "dnn")
    before = resnet.get_layer("conv1").get_weights()[0].copy()
    for name, reason in {
        "cut.safetensors": "cut short within fc.weight",
        "text.safetensors": "no .safetensors file",
        "small.safetensors": r"weights of conv1 are of shape \(3, 3, 3, 64\), not \(7, 7, 3, 64\)",
        "nan.safetensors": "weights of bn1 are not all numbers",
        "less.npz": "it holds no layer2_1_bn2_bias",
        "weights.pth": "a file of the kind .pth",
        "missing.npz": "No such file",
        "empty": "No such file",
        "dnn": "a net without the layer conv1",
    }.items():
        with pytest.raises(
            ParameterError, match=rf"`net\.resnet34\.init` is .*{name}' \(.*{reason}.*\); allowed: none"
        ):
            initialised(resnet, tmp_path / name)
    np.testing.assert_array_equal(resnet.get_layer("conv1").get_weights()[0], before)


def test_none_leaves_random_weights(resnet):
    before = resnet.get_layer("conv1").get_weights()[0].copy()
    initialised(resnet, "none")
    np.testing.assert_array_equal(resnet.get_layer("conv1").get_weights()[0], before)


def test_half_precision_is_read_as_it_is_written(tmp_path):
    values = np.arange(6, dtype=np.float16).reshape(2, 3)
    header = json.dumps({"a": {"dtype": "F16", "shape": [2, 3], "data_offsets": [0, 12]}}).encode()
    (tmp_path / "a.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + values.tobytes())
    read = read_safetensors(tmp_path / "a.safetensors")
    np.testing.assert_array_equal(read["a"], values)


def test_phases_from_random_and_from_other_weights():
    def phases(**changes):
        one = net("resnet34", head_epochs=2, all_epochs=5, all_lr_factor=0.1, **changes)
        return [(phase.epochs, phase.lr_factor, phase.trainable) for phase in one.module.phases(one.params)]

    assert phases(init="none") == [(5, 1.0, None)]
    assert phases(init="weights.npz") == [(2, 1.0, ("softmax",)), (5, 0.1, None)]
    assert net("resnet34").build(2).get_layer("softmax").trainable_weights
