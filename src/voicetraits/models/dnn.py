"""Dense layers on statistics of spectral features.

    spectral_statistics (292) -> standardise
    -> dense 256, relu -> dropout                        (256)
    -> dense 128, relu -> dropout                        (128)
    -> dense 64, relu -> dropout                         (64)
    -> softmax                                           (classes)

116,874 parameters (116,290 trainable) with two classes. The form is that of many projects on speaker gender: a pyramid
of dense layers, dropout after each (N. Srivastava et al.: Dropout. JMLR 15 (2014), 1929-1958). No paper describes it.
"""

from typing import Annotated

import keras
from pydantic import Field

from voicetraits.front_ends import spectral_statistics
from voicetraits.models.layers import class_probabilities, clip_input, standardise
from voicetraits.params import section

_UNITS = (256, 128, 64)


@section
class Params:
    """The section `net.dnn` of params.yaml."""

    dropout: Annotated[float, Field(ge=0, lt=1)]


def front_end(params: Params) -> spectral_statistics.FrontEnd:
    """Mean and deviation of spectral features over the clip."""
    return spectral_statistics.FrontEnd()


def build(params: Params, shape: tuple[int, ...], classes: int) -> keras.Model:
    """The layers; see the module."""
    clip = clip_input(shape)  # (292,)
    x = standardise()(clip)
    for i, units in enumerate(_UNITS, start=1):
        x = keras.layers.Dense(units, activation="relu", name=f"dense_{i}")(x)  # (256,), (128,), (64,)
        x = keras.layers.Dropout(params.dropout, name=f"dropout_{i}")(x)
    return keras.Model(clip, class_probabilities(x, classes), name="dnn")
