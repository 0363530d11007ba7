"""The targets and their classes, in the order in which every model and table has them."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

AgeBins = Literal["groups", "decades"]

#: Setting `metadata.age_bins`: the classes of age, from young to old. Decades as Common Voice asks for them.
AGE_BINS: dict[AgeBins, tuple[str, ...]] = {
    "groups": ("youth", "adult", "senior"),
    "decades": ("<19", "19-29", "30-39", "40-49", "50-59", "60+"),
}

#: Target: all classes that it may have under any setting.
CLASSES = {"gender": ("female", "male"), "age": tuple(name for names in AGE_BINS.values() for name in names)}

#: Target: the column of metadata.parquet that holds a clip's class.
LABEL_COLUMN = {"gender": "gender", "age": "age_group"}

Target = Literal["gender", "age"]


def classes_of(target: str, age_bins: AgeBins) -> tuple[str, ...]:
    """The classes of a target under this setting."""
    return AGE_BINS[age_bins] if target == "age" else CLASSES[target]


def positions(classes: Sequence[str]) -> tuple[int, ...] | None:
    """Place of each class in its order, from young to old; None where classes have no order.

    >>> positions(("youth", "senior"))
    (0, 2)
    """
    for names in AGE_BINS.values():
        if set(classes) <= set(names):
            return tuple(names.index(name) for name in classes)
    return None


def each_once(targets: tuple[Target, ...]) -> tuple[Target, ...]:
    if len(set(targets)) < len(targets):
        raise PydanticCustomError("each_once", "each target once")
    return targets


#: The type of `targets` in params.yaml.
Targets = Annotated[tuple[Target, ...], Field(min_length=1), AfterValidator(each_once)]
