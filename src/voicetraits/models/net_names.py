"""The nets that there are, each a module under models/, and the type of `nets` in params.yaml."""

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

NetName = Literal[
    "voicenet", "dnn", "cnn1d", "cnn2d", "cnn_age", "cnn_mfc", "resnet34", "rnn", "bigru", "tcn", "lstm"
]  # fmt: skip
NETS: tuple[str, ...] = get_args(NetName)


def _each_once(nets: tuple[NetName, ...]) -> tuple[NetName, ...]:
    if len(set(nets)) < len(nets):
        raise PydanticCustomError("each_once", "each net once")
    return nets


#: The type of `nets` in params.yaml.
Nets = Annotated[tuple[NetName, ...], AfterValidator(_each_once)]
