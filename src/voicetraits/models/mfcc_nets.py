"""What the nets on MFCC of two seconds share: their only key, and what they see."""

from typing import Annotated

from pydantic import Field

from voicetraits.front_ends.mfcc_image import FrontEnd
from voicetraits.params import section


@section
class Params:
    """The sections `net.cnn1d`, `net.cnn2d` and `net.cnn_age` of params.yaml."""

    dropout: Annotated[float, Field(ge=0, lt=1)]


def front_end(params: Params) -> FrontEnd:
    """40 MFCC in 87 frames of two seconds."""
    return FrontEnd()
