"""The settings that a study may try: the section `tune` of params.yaml, checked against the model's own section."""

from collections.abc import Mapping
from typing import Annotated, Any

import optuna
from pydantic import Field

from voicetraits import params
from voicetraits.errors import ParameterError
from voicetraits.models.net_names import NETS
from voicetraits.params import section
from voicetraits.tuning.subject import Subject

#: Significant digits of a number that is tried: what is written to params.yaml is exactly what was scored.
_DIGITS = 3


@section
class TuneParams:
    """The section `tune` of params.yaml, less `space`."""

    trials: Annotated[int, Field(ge=1)]
    folds: Annotated[int, Field(ge=2)] | None
    space: dict[str, Any]


@section
class Range:
    """Numbers from `low` to `high`, whole ones where both are; evenly, or evenly in their logarithm."""

    low: int | float
    high: int | float
    log: bool

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ParameterError(
                f"params.yaml: `tune.space` has a range from {self.low} to {self.high}; allowed: low below high, and "
                f"above 0 where `log` is true"
            )

    @property
    def ends(self) -> tuple[Any, ...]:
        """Values that must be allowed, so that all are."""
        return self.low, self.high

    def has(self, value: Any) -> bool:
        """Whether it holds a value."""
        return self.low <= value <= self.high

    def suggest(self, trial: optuna.Trial, name: str) -> int | float:
        """What the study tries next."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(name, self.low, self.high, log=self.log)
        value = trial.suggest_float(name, self.low, self.high, log=self.log)
        return float(min(max(float(f"{value:.{_DIGITS}g}"), self.low), self.high))


@section
class Choices:
    """One of some values."""

    choices: Annotated[tuple[str | int | float | bool | None, ...], Field(min_length=2)]

    @property
    def ends(self) -> tuple[Any, ...]:
        """Values that must be allowed, so that all are."""
        return self.choices

    def has(self, value: Any) -> bool:
        """Whether it holds a value."""
        return value in self.choices

    def suggest(self, trial: optuna.Trial, name: str) -> Any:
        """What the study tries next."""
        return trial.suggest_categorical(name, self.choices)


#: Key of the model's section: what is tried for it.
Space = dict[str, Range | Choices]


#: Models that can be tuned: the section of params.yaml that each reads.
SECTION_OF = {"softmax": "train", "tfdf": "tfdf", **{net: f"net.{net}" for net in NETS}}


def read_space(all_params: Mapping[str, Any], subject: Subject) -> Space:
    """The space of a model, all of it within what its own section allows.

    Raises:
        ParameterError: there is none, or it names a key or a value that the model's section does not allow.
    """
    space = params.get(all_params, f"tune.space.{subject.section}", Space)
    for key, tried in space.items():
        for value in tried.ends:
            try:
                subject.params_with(all_params, {key: value})
            except ParameterError as error:
                reason = str(error).removeprefix("params.yaml: ")
                raise ParameterError(
                    f"params.yaml: `tune.space.{subject.section}.{key}` goes too far: {reason}"
                ) from None
    return space
