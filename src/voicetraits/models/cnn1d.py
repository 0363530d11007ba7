"""A convolutional net that reads MFCC as one long row.

    mfcc_image (40, 87) -> flatten                       (3480, 1)
    -> convolution 6 × 16, same, relu -> max-pool 2      (1740, 16)
    -> convolution 6 × 8, same, relu -> max-pool 2       (870, 8)
    -> convolution 6 × 16, same, relu -> max-pool 2      (435, 16)
    -> convolution 6 × 8, same, relu -> max-pool 2       (218, 8)
    -> flatten each step -> dropout -> flatten           (1744)
    -> dense 256, relu -> softmax                        (classes)

The row goes coefficient by coefficient: 87 frames of the first, then 87 of the second. 449,682 parameters with two
classes; 449,425 with one sigmoid output, which is how the net is known from projects on speakers of LibriSpeech; no
paper describes it. Convolutional nets: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-based learning applied to
document recognition. Proc. IEEE 86 (1998), 2278-2324.
"""

import keras

from voicetraits.models.layers import class_probabilities, clip_input
from voicetraits.models.mfcc_nets import Params, front_end

__all__ = ["Params", "build", "front_end"]

_FILTERS = (16, 8, 16, 8)


def build(params: Params, shape: tuple[int, ...], classes: int, *, sigmoid: bool = False) -> keras.Model:
    """The layers; see the module. With `sigmoid` one output, the probability of the second class."""
    layers = keras.layers
    clip = clip_input(shape)  # (40, 87)
    x = layers.Reshape((-1, 1), name="row")(clip)  # (3480, 1)
    for i, filters in enumerate(_FILTERS, start=1):
        x = layers.Conv1D(filters, 6, padding="same", activation="relu", name=f"convolution_{i}")(x)
        x = layers.MaxPooling1D(2, padding="same", name=f"pool_{i}")(x)
    x = layers.TimeDistributed(layers.Flatten(name="flatten_step"), name="each_step")(x)  # (218, 8)
    x = layers.Dropout(params.dropout, name="dropout")(x)
    x = layers.Flatten(name="flatten")(x)  # (1744,)
    x = layers.Dense(256, activation="relu", name="dense")(x)  # (256,)
    return keras.Model(clip, class_probabilities(x, classes, sigmoid=sigmoid), name="cnn1d")
