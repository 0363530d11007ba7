"""Weights for all layers of a net but its head: from another trained net, or from a file in PyTorch's layout."""

import json
import math
from pathlib import Path
from zipfile import BadZipFile

import keras
import numpy as np

from voicetraits.errors import DataError, ModelError
from voicetraits.models.restoring import restore_net

#: Of each layer kind, the last part of the names of its weights in PyTorch, in Keras's order.
_PARTS = {"Conv2D": ("weight",), "BatchNormalization": ("weight", "bias", "running_mean", "running_var")}
_TYPES = {"F16": np.float16, "F32": np.float32, "F64": np.float64}


def copy_trunk(source: Path, model: keras.Model, *, head: str) -> None:
    """Set the weights of every layer of `model` but the one named `head`.

    Args:
        source: the folder of a trained net with the same layers, or a file (.safetensors or .npz) of arrays named as in
            PyTorch: `layer1.0.conv1.weight` is the kernel, (out, in, height, width), of our layer `layer1_0_conv1`.

    Raises:
        DataError: it cannot be read, is damaged, or its layers are others; no weight has been changed then.
    """
    layers = [layer for layer in model.layers if layer.weights and layer.name != head]
    try:
        weights = _from_folder(source, layers) if source.is_dir() else _from_file(source, layers)
    except ModelError as error:
        raise DataError(str(error).rpartition("; ")[0]) from None  # what to do, the net that wants it says
    # Damage shows in many ways: AttributeError and TypeError are those of JSON that holds something else.
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, BadZipFile) as error:
        raise DataError(" ".join(str(error).split())) from None
    for layer, arrays in zip(layers, weights, strict=True):
        shapes = [weight.shape for weight in layer.weights]
        if [array.shape for array in arrays] != shapes:
            raise DataError(f"weights of {layer.name} are of shape {arrays[0].shape}, not {shapes[0]}")
        if not all(np.isfinite(array).all() for array in arrays):
            raise DataError(f"weights of {layer.name} are not all numbers")
    for layer, arrays in zip(layers, weights, strict=True):
        layer.set_weights(arrays)


def _from_folder(folder: Path, layers: list[keras.layers.Layer]) -> list[list[np.ndarray]]:
    found = {layer.name: layer.get_weights() for layer in restore_net(folder).layers}
    if missing := [layer.name for layer in layers if layer.name not in found]:
        raise ValueError(f"it is a net without the layer {missing[0]}")
    return [found[layer.name] for layer in layers]


def _from_file(path: Path, layers: list[keras.layers.Layer]) -> list[list[np.ndarray]]:
    read = {".safetensors": read_safetensors, ".npz": _read_npz}.get(path.suffix)
    if not path.exists():
        raise ValueError("it does not exist")
    if read is None:
        raise ValueError(f"a file of the kind {path.suffix or 'without a suffix'}")
    arrays = {name.replace(".", "_"): array for name, array in read(path).items()}
    weights = []
    for layer in layers:
        names = [f"{layer.name}_{part}" for part in _PARTS[type(layer).__name__]]
        if missing := [name for name in names if name not in arrays]:
            raise ValueError(f"it holds no {missing[0]}")
        weights.append([_channels_last(arrays[name]) for name in names])
    return weights


def _channels_last(array: np.ndarray) -> np.ndarray:
    """A kernel as Keras has it, (height, width, in, out); anything else as it is."""
    return array.transpose(2, 3, 1, 0) if array.ndim == 4 else array


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a .safetensors file, of floats alone; others are left out.

    The format: the header's length in 8 bytes, little-endian; the header, in JSON, with type, shape and place of each
    array; then the arrays (https://huggingface.co/docs/safetensors).

    Raises:
        ValueError: it is damaged.
    """
    content = path.read_bytes()
    begin = 8 + int.from_bytes(content[:8], "little")
    if not 8 < begin <= len(content):
        raise ValueError("it is no .safetensors file")
    arrays = {}
    for name, entry in json.loads(content[8:begin]).items():
        if name == "__metadata__" or entry["dtype"] not in _TYPES:
            continue
        first, end = entry["data_offsets"]
        kind = np.dtype(_TYPES[entry["dtype"]])
        if end - first != math.prod(entry["shape"]) * kind.itemsize or begin + end > len(content):
            raise ValueError(f"it is cut short within {name}")
        arrays[name] = np.frombuffer(content[begin + first : begin + end], kind).reshape(entry["shape"])
    return arrays
