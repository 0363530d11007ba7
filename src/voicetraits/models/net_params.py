"""The section `net` of params.yaml: how nets are trained, all alike or each in its own way."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

from pydantic import Field

from voicetraits import params
from voicetraits.models.rows import Balance
from voicetraits.params import Count, section


@section
class Training:
    """The section `net.common`; `net.<net>` may have any of its keys as well, which then count for this net."""

    optimizer: Literal["adam", "sgd"]
    lr: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)]
    schedule: Literal["constant", "step", "plateau", "cosine"]
    step_epochs: Count
    gamma: Annotated[float, Field(gt=0, lt=1)]
    epochs: Count
    patience: Count | None
    batch_size: Count
    label_smoothing: Annotated[float, Field(ge=0, lt=1)]
    balance: Balance
    threads: Annotated[int, Field(ge=1, le=256)]
    gpu: bool
    tensorboard: bool


@dataclass(frozen=True)
class NetParams:
    """All that a net is trained with.

    Attributes:
        training: `net.common`, with what `net.<net>` has otherwise.
        net: the net's own keys of `net.<net>`, its module's `Params`.
        augment: the section `augment`.
    """

    training: Training
    net: Any
    augment: Any


def read_training_and_net(all_params: Mapping[str, Any], name: str, kind: type) -> tuple[Training, Any]:
    """`net.common` as it counts for the net `name`, and the net's own keys as `kind`.

    Raises:
        ParameterError: a key is missing, unknown or out of range, or `net.<net>` holds no keys.
    """
    params.get(all_params, "net.common", Training)
    shared = [field.name for field in fields(Training)]
    has_keys = name in all_params["net"] and all_params["net"][name] is not None  # none: `dnn:` and nothing behind it
    section_of_net = params.get(all_params, f"net.{name}", dict) if has_keys else {}
    otherwise = {key: section_of_net[key] for key in section_of_net if key in shared}
    own = {key: section_of_net[key] for key in section_of_net if key not in shared}
    counts = {"net": {name: {**all_params["net"]["common"], **otherwise}}}
    training = params.get(counts, f"net.{name}", Training)
    return training, params.get({"net": {name: own}}, f"net.{name}", kind, also=shared)
