"""The residual net of 34 layers that is known from ImageNet, on the MFC as a colour picture.

    mfc_image -> colours as ImageNet's nets expect them              (98, 12, 3)
    -> convolution 7 × 7 × 64, step 2 -> max-pool 3 × 3, step 2      (49, 6, 64) -> (25, 3, 64)
    -> layer1: 3 blocks of 64 filters                                (25, 3, 64)
    -> layer2: 4 blocks of 128 filters                               (13, 2, 128)
    -> layer3: 6 blocks of 256 filters                               (7, 1, 256)
    -> layer4: 3 blocks of 512 filters                               (4, 1, 512)
    -> mean over the picture                                         (512)
    -> softmax                                                       (classes)

    block: x + [convolution 3 × 3 -> batch norm -> relu -> convolution 3 × 3 -> batch norm], relu; the first block of
    layer2 to layer4 has step 2, and a convolution 1 × 1 with batch norm beside it

21,302,722 parameters with two classes, of which 21,284,672 of the trunk and 1,026 of the head are trainable; a trunk as
torchvision has it. On the MFC it was used by zhihanyang2022/gender_audio_classification, as recogx tells (see
cnn_mfc.py). K. He, X. Zhang, S. Ren, J. Sun: Deep residual learning for image recognition. CVPR 2016, 770-778.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import keras
from pydantic import Field

from voicetraits.errors import DataError, ParameterError
from voicetraits.front_ends import mfc_image
from voicetraits.models.layers import batch_norm, class_probabilities, clip_input
from voicetraits.models.net_module import Phase
from voicetraits.models.trunk_weights import copy_trunk
from voicetraits.params import Count, section

_HEAD = "softmax"
_NO_INIT = "none"
_LAYERS = ((64, 3), (128, 4), (256, 6), (512, 3))
#: Mean and deviation of red, green and blue over ImageNet, by which its nets standardise pictures in 0 … 1.
_COLOUR_MEANS, _COLOUR_DEVIATIONS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@section
class Params:
    """The section `net.resnet34` of params.yaml."""

    init: Annotated[str, Field(min_length=1)]
    head_epochs: Annotated[int, Field(ge=0, le=1_000_000)]
    all_epochs: Count
    all_lr_factor: Annotated[float, Field(gt=0, le=1)]


def front_end(params: Params) -> mfc_image.FrontEnd:
    """12 liftered MFCC in 98 frames of one second, in colours."""
    return mfc_image.FrontEnd()


def build(params: Params, shape: tuple[int, ...], classes: int) -> keras.Model:
    """The layers; see the module."""
    layers = keras.layers
    clip = clip_input(shape)  # (98, 12, 3)
    scale = [1 / deviation for deviation in _COLOUR_DEVIATIONS]
    offset = [-mean / deviation for mean, deviation in zip(_COLOUR_MEANS, _COLOUR_DEVIATIONS, strict=True)]
    x = layers.Rescaling(scale, offset, name="colours")(clip)
    x = _convolution(x, 64, 7, 2, "conv1", "bn1")  # (49, 6, 64)
    x = layers.ReLU(name="relu")(x)
    x = layers.ZeroPadding2D(1, name="maxpool_padding")(x)  # zeros are the least that a rectifier gives
    x = layers.MaxPooling2D(3, strides=2, name="maxpool")(x)  # (25, 3, 64)
    for number, (filters, blocks) in enumerate(_LAYERS, start=1):
        for block in range(blocks):
            x = _block(x, filters, 2 if number > 1 and block == 0 else 1, f"layer{number}_{block}")
    x = layers.GlobalAveragePooling2D(name="mean")(x)  # (512,)
    return keras.Model(clip, class_probabilities(x, classes), name="resnet34")


def phases(params: Params) -> Sequence[Phase]:
    """All layers at once from random weights; from others the head alone first, then all at a lower rate."""
    if params.init == _NO_INIT:
        return [Phase(epochs=params.all_epochs)]
    head = [Phase(epochs=params.head_epochs, trainable=(_HEAD,))] if params.head_epochs else []
    return [*head, Phase(epochs=params.all_epochs, lr_factor=params.all_lr_factor)]


def initialise(model: keras.Model, params: Params) -> None:
    """Give the trunk the weights that `init` names; the head keeps its random ones.

    Raises:
        ParameterError: there are no such weights, or they are not those of this trunk.
    """
    if params.init == _NO_INIT:
        return
    try:
        copy_trunk(Path(params.init), model, head=_HEAD)
    except DataError as error:
        raise ParameterError(
            f"params.yaml: `net.resnet34.init` is {params.init!r} ({error}); allowed: none, the folder of a trained "
            f"resnet34, or a .safetensors or .npz file of its weights as torchvision names them"
        ) from None


def _block(x: keras.KerasTensor, filters: int, step: int, name: str) -> keras.KerasTensor:
    straight = x
    if step > 1:
        straight = _convolution(x, filters, 1, step, f"{name}_downsample_0", f"{name}_downsample_1")
    x = _convolution(x, filters, 3, step, f"{name}_conv1", f"{name}_bn1")
    x = keras.layers.ReLU(name=f"{name}_relu1")(x)
    x = _convolution(x, filters, 3, 1, f"{name}_conv2", f"{name}_bn2")
    return keras.layers.ReLU(name=f"{name}_relu2")(keras.layers.Add(name=f"{name}_sum")([straight, x]))


def _convolution(
    x: keras.KerasTensor, filters: int, kernel: int, step: int, name: str, norm_name: str
) -> keras.KerasTensor:
    """Padded on all sides alike, as torchvision does, where Keras's `same` would pad the far side first."""
    if kernel > 1:
        x = keras.layers.ZeroPadding2D(kernel // 2, name=f"{name}_padding")(x)
    convolution = keras.layers.Conv2D(
        filters, kernel, strides=step, use_bias=False, kernel_initializer="he_normal", name=name
    )
    return batch_norm(norm_name, epsilon=1e-5)(convolution(x))
