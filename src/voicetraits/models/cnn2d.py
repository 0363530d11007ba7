"""A convolutional net that looks at MFCC as a picture.

    mfcc_image (40, 87)                                              (40, 87, 1)
    -> convolution 6 × 6 × 16, relu -> max-pool 2 -> batch norm      (35, 82, 16) -> (18, 41, 16)
    -> convolution 6 × 6 × 16, relu -> max-pool 2 -> batch norm      (13, 36, 16) -> (7, 18, 16)
    -> convolution 3 × 3 × 8, relu -> max-pool 2 -> batch norm       (5, 16, 8) -> (3, 8, 8)
    -> dropout -> flatten                                            (192)
    -> dense 256, relu -> softmax                                    (classes)

Convolutions are valid, pools same. 61,066 parameters with two classes; 60,809 (60,729 trainable) with one sigmoid
output, which is how the net is known from projects on speakers of LibriSpeech; no paper describes it. Convolutional
nets: LeCun et al. 1998, see cnn1d.py; batch norm: S. Ioffe, C. Szegedy: Batch normalization. ICML 2015, 448-456.
"""

import keras

from voicetraits.models.layers import batch_norm, class_probabilities, clip_input, convolution
from voicetraits.models.mfcc_nets import Params, front_end

__all__ = ["Params", "build", "front_end"]

_BLOCKS = ((16, (6, 6)), (16, (6, 6)), (8, (3, 3)))


def build(params: Params, shape: tuple[int, ...], classes: int, *, sigmoid: bool = False) -> keras.Model:
    """The layers; see the module. With `sigmoid` one output, the probability of the second class."""
    layers = keras.layers
    clip = clip_input(shape)  # (40, 87)
    x = layers.Reshape((*shape, 1), name="image")(clip)  # (40, 87, 1)
    for i, (filters, kernel) in enumerate(_BLOCKS, start=1):
        x = convolution(filters, kernel, f"convolution_{i}")(x)
        x = layers.MaxPooling2D(2, padding="same", name=f"pool_{i}")(x)
        x = batch_norm(f"norm_{i}")(x)  # (18, 41, 16), (7, 18, 16), (3, 8, 8)
    x = layers.Dropout(params.dropout, name="dropout")(x)
    x = layers.Flatten(name="flatten")(x)  # (192,)
    x = layers.Dense(256, activation="relu", name="dense")(x)  # (256,)
    return keras.Model(clip, class_probabilities(x, classes, sigmoid=sigmoid), name="cnn2d")
