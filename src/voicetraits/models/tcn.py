"""A temporal convolutional net: dilated causal convolutions on log-mel frames.

    log_mel (time, 64) -> standardise
    -> 5 residual blocks of 64 filters, dilations 1, 2, 4, 8, 16         (time, 64)
       each: x + 2 × [causal convolution of 3 -> layer norm -> relu -> spatial dropout], relu
    -> mean over the clip's frames -> layer norm                         (64)
    -> softmax                                                           (classes)

125,186 parameters (125,058 trainable) with two classes. A frame of the last block has seen 125 frames. S. Bai, J.
Kolter, V. Koltun: An empirical evaluation of generic convolutional and recurrent networks for sequence modeling.
arXiv:1803.01271 (2018); layer norm takes the place of their weight norm. Causal convolutions never see what follows, so
padding behind a clip's end changes none of its frames, and the mask matters to the mean alone.
"""

from typing import Annotated

import keras
from pydantic import Field

from voicetraits.models.layers import class_probabilities
from voicetraits.models.log_mel_nets import LogMelParams, begin, front_end
from voicetraits.params import section

__all__ = ["Params", "build", "front_end"]

_DILATIONS = (1, 2, 4, 8, 16)


@section
class Params(LogMelParams):
    """The section `net.tcn` of params.yaml."""

    filters: Annotated[int, Field(ge=1)]


def build(params: Params, shape: tuple[int | None, ...], classes: int) -> keras.Model:
    """The layers; see the module."""
    layers = keras.layers
    inputs, x, mask = begin(shape)  # (time, 64), (time,)
    for dilation in _DILATIONS:
        x = _residual_block(x, params, dilation)  # (time, 64)
    x = layers.GlobalAveragePooling1D(name="mean")(x, mask=mask)  # (64,)
    x = layers.LayerNormalization(name="norm")(x)  # sums of five blocks are large: the softmax would start saturated
    return keras.Model(inputs, class_probabilities(x, classes), name="tcn")


def _residual_block(x: keras.KerasTensor, params: Params, dilation: int) -> keras.KerasTensor:
    layers = keras.layers
    block = f"dilation_{dilation}"
    straight = x
    if x.shape[-1] != params.filters:
        straight = layers.Conv1D(params.filters, 1, name=f"{block}_fit")(x)
    for i in (1, 2):
        name = f"{block}_{i}"
        x = layers.Conv1D(params.filters, 3, padding="causal", dilation_rate=dilation, name=f"{name}_convolution")(x)
        x = layers.LayerNormalization(name=f"{name}_norm")(x)
        x = layers.ReLU(name=f"{name}_relu")(x)
        x = layers.SpatialDropout1D(params.dropout, name=f"{name}_dropout")(x)
    return layers.ReLU(name=f"{block}_relu")(layers.Add(name=f"{block}_sum")([straight, x]))
