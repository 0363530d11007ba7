"""Gated recurrent units that read log-mel frames in both directions.

    log_mel (time, 64) -> standardise -> less the clip's level
    -> gated recurrent units forwards and backwards      (time, 2 · 64)
    -> mean over the clip's frames -> dropout            (128)
    -> dense 64, relu -> dropout -> softmax              (classes)

58,434 parameters (58,306 trainable) with two classes. K. Cho et al.: Learning phrase representations using RNN
encoder-decoder for statistical machine translation. EMNLP 2014; M. Schuster, K. Paliwal: Bidirectional recurrent neural
networks. IEEE Trans. Signal Processing 45 (1997), 2673-2681.
"""

import keras

from voicetraits.models.log_mel_nets import RecurrentParams as Params
from voicetraits.models.log_mel_nets import begin, end, front_end

__all__ = ["Params", "build", "front_end"]


def build(params: Params, shape: tuple[int | None, ...], classes: int) -> keras.Model:
    """The layers; see the module."""
    layers = keras.layers
    inputs, x, mask = begin(shape)  # (time, 64), (time,)
    units = layers.GRU(params.units, return_sequences=True, name="units")
    x = layers.Bidirectional(units, name="both_directions")(x, mask=mask)  # (time, 128)
    return keras.Model(inputs, end(x, mask, params, classes), name="bigru")
