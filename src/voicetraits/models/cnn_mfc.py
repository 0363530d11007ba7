"""A small convolutional net on the MFC as a colour picture.

    mfc_image                                            (98, 12, 3)
    -> convolution 3 × 3 × 16, same, relu -> max-pool 2  (49, 6, 16)
    -> convolution 3 × 3 × 32, same, relu -> max-pool 2  (24, 3, 32)
    -> convolution 3 × 3 × 64, same, relu                (24, 3, 64)
    -> flatten                                           (4608)
    -> dense 64, relu -> dropout -> softmax              (classes)

318,690 parameters with two classes. Learnt with Adam or SGD and a learning rate that falls by a factor (`gamma`) every
5 epochs; the usual grid is 5, 10 or 20 epochs × `lr` 0.1, 0.01 or 0.001 × `gamma` 0.1, 0.3 or 0.7. The picture is that
of https://github.com/michaelfranz/recogx (AudioMNIST), whose net has two convolutions of 3 × 3 and twice as many
parameters.
"""

from typing import Annotated

import keras
from pydantic import Field

from voicetraits.front_ends import mfc_image
from voicetraits.models.layers import class_probabilities, clip_input, convolution
from voicetraits.params import section


@section
class Params:
    """The section `net.cnn_mfc` of params.yaml."""

    dropout: Annotated[float, Field(ge=0, lt=1)]


def front_end(params: Params) -> mfc_image.FrontEnd:
    """12 liftered MFCC in 98 frames of one second, in colours."""
    return mfc_image.FrontEnd()


def build(params: Params, shape: tuple[int, ...], classes: int) -> keras.Model:
    """The layers; see the module."""
    layers = keras.layers
    clip = clip_input(shape)  # (98, 12, 3)
    x = convolution(16, (3, 3), "convolution_1", padding="same")(clip)
    x = layers.MaxPooling2D(2, name="pool_1")(x)  # (49, 6, 16)
    x = convolution(32, (3, 3), "convolution_2", padding="same")(x)
    x = layers.MaxPooling2D(2, name="pool_2")(x)  # (24, 3, 32)
    x = convolution(64, (3, 3), "convolution_3", padding="same")(x)  # (24, 3, 64)
    x = layers.Flatten(name="flatten")(x)  # (4608,)
    x = layers.Dense(64, activation="relu", name="dense")(x)  # (64,)
    x = layers.Dropout(params.dropout, name="dropout")(x)
    return keras.Model(clip, class_probabilities(x, classes), name="cnn_mfc")
