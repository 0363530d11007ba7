"""Gated recurrent units that read log-mel frames in both directions.

    log_mel (time, 64) -> standardise
    -> gated recurrent units forwards and backwards      (time, 2 · 64)
    -> mean over the clip's frames -> dropout            (128)
    -> dense 64, relu -> dropout -> softmax              (classes)

58,434 parameters (58,306 trainable) with two classes. K. Cho et al.: Learning phrase representations using RNN
encoder-decoder for statistical machine translation. EMNLP 2014; M. Schuster, K. Paliwal: Bidirectional recurrent neural
networks. IEEE Trans. Signal Processing 45 (1997), 2673-2681.
"""

from typing import Annotated

import keras
from pydantic import Field

from voicetraits.front_ends import log_mel
from voicetraits.models.layers import class_probabilities, clip_input, mask_input, standardise
from voicetraits.params import section


@section
class Params:
    """The section `net.bigru` of params.yaml."""

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
    units = layers.GRU(params.units, return_sequences=True, name="units")
    x = layers.Bidirectional(units, name="both_directions")(x, mask=mask)  # (time, 128)
    x = layers.GlobalAveragePooling1D(name="mean")(x, mask=mask)  # (128,)
    x = layers.Dropout(params.dropout, name="dropout_1")(x)
    x = layers.Dense(64, activation="relu", name="dense")(x)  # (64,)
    x = layers.Dropout(params.dropout, name="dropout_2")(x)
    return keras.Model([clip, mask], class_probabilities(x, classes), name="bigru")
