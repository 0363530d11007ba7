"""What the nets on log-mel frames share: the distance between frames, and how a net begins."""

from typing import Annotated

import keras
from pydantic import Field

from voicetraits.front_ends.log_mel import FrontEnd
from voicetraits.models.layers import clip_input, standardise
from voicetraits.models.net_module import MASK
from voicetraits.params import section


@section
class LogMelParams:
    """Keys of `net.rnn`, `net.bigru` and `net.tcn`."""

    hop_seconds: Annotated[float, Field(ge=0.005, le=0.05)]
    dropout: Annotated[float, Field(ge=0, lt=1)]


def front_end(params: LogMelParams) -> FrontEnd:
    """Log-mel frames of the whole clip."""
    return FrontEnd(hop_seconds=params.hop_seconds)


def begin(shape: tuple[int | None, ...]) -> tuple[list[keras.KerasTensor], keras.KerasTensor, keras.KerasTensor]:
    """The inputs, clip (time, bands) and mask (time,); the standardised frames (time, bands); the mask."""
    clip, mask = clip_input(shape), keras.Input((None,), name=MASK)
    return [clip, mask], standardise()(clip), mask
