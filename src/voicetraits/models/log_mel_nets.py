"""What the nets on log-mel frames share: their keys, what they see, how they begin, and how recurrent ones end."""

from typing import Annotated

import keras
from pydantic import Field

from voicetraits.front_ends.log_mel import FrontEnd
from voicetraits.models.layers import class_probabilities, clip_input, standardise
from voicetraits.models.net_module import MASK
from voicetraits.params import section


@section
class LogMelParams:
    """Keys of all of them."""

    hop_seconds: Annotated[float, Field(ge=0.005, le=0.05)]
    dropout: Annotated[float, Field(ge=0, lt=1)]


@section
class RecurrentParams(LogMelParams):
    """The sections `net.rnn` and `net.bigru` of params.yaml."""

    units: Annotated[int, Field(ge=1)]


def front_end(params: LogMelParams) -> FrontEnd:
    """Log-mel frames of the whole clip."""
    return FrontEnd(hop_seconds=params.hop_seconds)


def begin(shape: tuple[int | None, ...]) -> tuple[list[keras.KerasTensor], keras.KerasTensor, keras.KerasTensor]:
    """The inputs, clip (time, bands) and mask (time,); the standardised frames (time, bands); the mask.

    From the frames the mean over the clip is subtracted, one number for all bands: a clip's volume does not count, and
    the shape of its mean spectrum, which tells much of a speaker, stays.
    """
    layers = keras.layers
    clip, mask = clip_input(shape), keras.Input((None,), name=MASK)
    x = standardise()(clip)
    bands = layers.GlobalAveragePooling1D(name="mean_of_bands")(x, mask=mask)  # (bands,)
    column = layers.Reshape((-1, 1), name="column")(bands)
    level = layers.GlobalAveragePooling1D(name="level")(column)  # (1,)
    level = layers.Reshape((1, 1), name="level_of_frames")(level)
    return [clip, mask], layers.Subtract(name="levelled")([x, level]), mask


def end(x: keras.KerasTensor, mask: keras.KerasTensor, params: RecurrentParams, classes: int) -> keras.KerasTensor:
    """From what a recurrent layer says of each frame, (time, n), to the classes: mean over the clip, dense, softmax."""
    layers = keras.layers
    x = layers.GlobalAveragePooling1D(name="mean")(x, mask=mask)  # (n,)
    x = layers.Dropout(params.dropout, name="dropout_1")(x)
    x = layers.Dense(64, activation="relu", name="dense")(x)  # (64,)
    x = layers.Dropout(params.dropout, name="dropout_2")(x)
    return class_probabilities(x, classes)
