"""The targets and their classes, in the order in which every model and table has them."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

#: Target: its classes.
CLASSES = {"gender": ("female", "male"), "age": ("youth", "adult", "senior")}

#: Target: the column of metadata.parquet that holds a clip's class.
LABEL_COLUMN = {"gender": "gender", "age": "age_group"}

Target = Literal["gender", "age"]


def _each_once(targets: tuple[Target, ...]) -> tuple[Target, ...]:
    if len(set(targets)) < len(targets):
        raise PydanticCustomError("each_once", "each target once")
    return targets


#: The type of `targets` in params.yaml.
Targets = Annotated[tuple[Target, ...], Field(min_length=1), AfterValidator(_each_once)]
