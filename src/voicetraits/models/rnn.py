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

from voicetraits.front_ends import log_mel
from voicetraits.models.layers import class_probabilities, clip_input, mask_input, standardise
from voicetraits.params import section


@section
class Params:
    """The section `net.rnn` of params.yaml."""

    hop_seconds: Annotated[float, Field(ge=0.005, le=0.05)]
    units: Annotated[int, Field(ge=1)]
    dropout: Annotated[float, Field(ge=0, lt=1)]


def front_end(params: Params) -> log_mel.FrontEnd:
    """Log-mel frames of the whole clip."""
    return log_mel.FrontEnd(hop_seconds=params.hop_seconds)


def build(params: Params, shape: tuple[int | None, ...], classes: int) -> keras.Model:
    """The layers; see the module."""
    layers = keras.layers
    clip, mask = clip_input(shape), mask_input()  # (time, 64), (time,)
    x = standardise()(clip)
    x = layers.SimpleRNN(params.units, return_sequences=True, name="recurrent")(x, mask=mask)  # (time, 128)
    x = layers.GlobalAveragePooling1D(name="mean")(x, mask=mask)  # (128,)
    x = layers.Dropout(params.dropout, name="dropout")(x)
    return keras.Model([clip, mask], class_probabilities(x, classes), name="rnn")
