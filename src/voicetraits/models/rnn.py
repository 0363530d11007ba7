"""A plain recurrent net on log-mel frames.

    log_mel (time, 64) -> standardise -> less the clip's level
    -> Elman's recurrent layer of 128 units, tanh        (time, 128)
    -> mean over the clip's frames -> dropout            (128)
    -> dense 64, relu -> dropout -> softmax              (classes)

33,218 parameters (33,090 trainable) with two classes. J. Elman: Finding structure in time. Cognitive Science 14 (1990),
179-211. It forgets within some tens of frames; the mean over time keeps what it has seen.
"""

import keras

from voicetraits.models.log_mel_nets import RecurrentParams as Params
from voicetraits.models.log_mel_nets import begin, end, front_end

__all__ = ["Params", "build", "front_end"]


def build(params: Params, shape: tuple[int | None, ...], classes: int) -> keras.Model:
    """The layers; see the module."""
    layers = keras.layers
    inputs, x, mask = begin(shape)  # (time, 64), (time,)
    x = layers.SimpleRNN(params.units, return_sequences=True, name="recurrent")(x, mask=mask)  # (time, 128)
    return keras.Model(inputs, end(x, mask, params, classes), name="rnn")
