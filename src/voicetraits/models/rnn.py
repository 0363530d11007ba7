"""A plain recurrent net on log-mel frames.

    log_mel (time, 64) -> standardise
    -> Elman's recurrent layer of 128 units, tanh        (time, 128)
    -> mean over the clip's frames -> dropout            (128)
    -> softmax                                           (classes)

25,090 parameters (24,962 trainable) with two classes. J. Elman: Finding structure in time. Cognitive Science 14 (1990),
179-211. It forgets within some tens of frames; the mean over time keeps what it has seen.
"""

from typing import Annotated

import keras
from pydantic import Field

from voicetraits.models.layers import class_probabilities
from voicetraits.models.log_mel_nets import LogMelParams, begin, front_end
from voicetraits.params import section

__all__ = ["Params", "build", "front_end"]


@section
class Params(LogMelParams):
    """The section `net.rnn` of params.yaml."""

    units: Annotated[int, Field(ge=1)]


def build(params: Params, shape: tuple[int | None, ...], classes: int) -> keras.Model:
    """The layers; see the module."""
    layers = keras.layers
    inputs, x, mask = begin(shape)  # (time, 64), (time,)
    x = layers.SimpleRNN(params.units, return_sequences=True, name="recurrent")(x, mask=mask)  # (time, 128)
    x = layers.GlobalAveragePooling1D(name="mean")(x, mask=mask)  # (128,)
    x = layers.Dropout(params.dropout, name="dropout")(x)
    return keras.Model(inputs, class_probabilities(x, classes), name="rnn")
