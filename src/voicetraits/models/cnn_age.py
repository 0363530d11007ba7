"""A convolutional net from work on the age of speakers: a step of two first, then kernels of falling size.

    mfcc_image (40, 87)                                              (40, 87, 1)
    -> convolution 3 × 3 × 32, step 2, relu -> batch norm            (19, 43, 32)
    -> max-pool 2 × 2                                                (9, 21, 32)
    -> convolution 5 × 5 × 64, relu -> max-pool 2 × 2, step 1        (5, 17, 64) -> (4, 16, 64)
    -> convolution 2 × 2 × 64, relu -> batch norm                    (3, 15, 64)
    -> flatten                                                       (2880)
    -> dense 128, relu -> dropout -> softmax                         (classes)

Convolutions and pools are valid. 437,571 parameters (437,379 trainable) with three classes. The order, kernels and
steps are the original's, https://github.com/sqiyan/DLvoiceclassification (2022; six age groups of Common Voice); it
does not tell the numbers of filters, which are ours.
"""

import keras

from voicetraits.models.layers import batch_norm, class_probabilities, clip_input, convolution
from voicetraits.models.mfcc_nets import Params, front_end

__all__ = ["Params", "build", "front_end"]


def build(params: Params, shape: tuple[int, ...], classes: int) -> keras.Model:
    """The layers; see the module."""
    layers = keras.layers
    clip = clip_input(shape)  # (40, 87)
    x = layers.Reshape((*shape, 1), name="image")(clip)  # (40, 87, 1)
    x = convolution(32, (3, 3), "convolution_1", strides=2)(x)  # (19, 43, 32)
    x = batch_norm("norm_1")(x)
    x = layers.MaxPooling2D(2, name="pool_1")(x)  # (9, 21, 32)
    x = convolution(64, (5, 5), "convolution_2")(x)  # (5, 17, 64)
    x = layers.MaxPooling2D(2, strides=1, name="pool_2")(x)  # (4, 16, 64)
    x = convolution(64, (2, 2), "convolution_3")(x)  # (3, 15, 64)
    x = batch_norm("norm_3")(x)
    x = layers.Flatten(name="flatten")(x)  # (2880,)
    x = layers.Dense(128, activation="relu", name="dense")(x)  # (128,)
    x = layers.Dropout(params.dropout, name="dropout")(x)
    return keras.Model(clip, class_probabilities(x, classes), name="cnn_age")
