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

from voicetraits.models.layers import class_probabilities
from voicetraits.models.log_mel_nets import LogMelParams, begin, front_end
from voicetraits.params import section

__all__ = ["Params", "build", "front_end"]


@section
class Params(LogMelParams):
    """The section `net.bigru` of params.yaml."""

    units: Annotated[int, Field(ge=1)]


def build(params: Params, shape: tuple[int | None, ...], classes: int) -> keras.Model:
    """The layers; see the module."""
    layers = keras.layers
    inputs, x, mask = begin(shape)  # (time, 64), (time,)
    units = layers.GRU(params.units, return_sequences=True, name="units")
    x = layers.Bidirectional(units, name="both_directions")(x, mask=mask)  # (time, 128)
    x = layers.GlobalAveragePooling1D(name="mean")(x, mask=mask)  # (128,)
    x = layers.Dropout(params.dropout, name="dropout_1")(x)
    x = layers.Dense(64, activation="relu", name="dense")(x)  # (64,)
    x = layers.Dropout(params.dropout, name="dropout_2")(x)
    return keras.Model(inputs, class_probabilities(x, classes), name="bigru")
