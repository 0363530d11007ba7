"""Long short-term memory on the signal itself, a quarter of a second at a time.

    signal_windows, a window                             (2000)
    -> steps of 40 samples, 5 ms                         (50, 40)
    -> LSTM of 128 units, dropout 0.2 of inputs and 0.2 of states   (128)
    -> softmax                                           (classes)

86,786 parameters with two classes. Windows of 0.25 s at 8 kHz every 0.125 s: each is an example of its own in training,
read as a stream in batches, and the clip's probability is the mean over its windows. The original reads a window sample
by sample, (2000, 1), which `samples_per_step: 1` does (66,818 parameters, and forty times as long), and holds all
windows of the corpus in one array, for which its memory was too small. S. Hochreiter, J. Schmidhuber: Long short-term
memory. Neural Computation 9 (1997), 1735-1780.
"""

from typing import Annotated

import keras
from pydantic import Field

from voicetraits.errors import ParameterError
from voicetraits.front_ends import signal_windows
from voicetraits.models.layers import class_probabilities, clip_input
from voicetraits.params import section


@section
class Params:
    """The section `net.lstm` of params.yaml."""

    samples_per_step: Annotated[int, Field(ge=1)]
    units: Annotated[int, Field(ge=1)]
    dropout: Annotated[float, Field(ge=0, lt=1)]
    recurrent_dropout: Annotated[float, Field(ge=0, lt=1)]

    def __post_init__(self) -> None:
        length = signal_windows.FrontEnd().shape[1]
        if length % self.samples_per_step:
            raise ParameterError(
                f"params.yaml: `net.lstm.samples_per_step` is {self.samples_per_step}; allowed: what divides {length}, "
                f"the samples of a window"
            )


def front_end(params: Params) -> signal_windows.FrontEnd:
    """Windows of the signal."""
    return signal_windows.FrontEnd()


def build(params: Params, shape: tuple[int | None, ...], classes: int) -> keras.Model:
    """The layers for one window; see the module."""
    _, length = shape
    clip = clip_input((length,))  # (2000,), without time: a window is an example
    x = keras.layers.Reshape((-1, params.samples_per_step), name="steps")(clip)  # (50, 40)
    x = keras.layers.LSTM(
        params.units, dropout=params.dropout, recurrent_dropout=params.recurrent_dropout, name="memory"
    )(x)  # (128,)
    return keras.Model(clip, class_probabilities(x, classes), name="lstm")
