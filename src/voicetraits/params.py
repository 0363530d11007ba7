"""Loads params.yaml into typed, frozen dataclasses. An unknown key or a wrong value is an error that names the key.

Each section's dataclass lives in the module that uses it, so that a new key in one section concerns no other stage.
"""

import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, TypeVar

import pydantic
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from voicetraits.errors import ParameterError

T = TypeVar("T")

#: Decorator of every params section: `@section class Split: val_share: Annotated[float, Field(gt=0, lt=1)]`.
section = pydantic.dataclasses.dataclass(
    frozen=True, kw_only=True, config=pydantic.ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
)

#: The type of `seed`: what NumPy, TensorFlow and Yggdrasil all take.
Seed = Annotated[int, pydantic.Field(ge=0, lt=2**31)]

#: The type of numbers of epochs, clips in a step and the like: what is more is a slip, and too large for the libraries.
Count = Annotated[int, pydantic.Field(ge=1, le=1_000_000)]

SECTIONS = (
    "corpus", "corpora", "targets", "seed", "extract", "metadata", "featurize", "split",
    "train", "tfdf", "nets", "net", "augment", "calibration",
    "evaluate", "stress", "audit", "explain", "tune", "compute",
)  # fmt: skip


def load(path: Path | str = "params.yaml") -> dict[str, Any]:
    """Read params.yaml as YAML 1.2, in which DVC writes it: there `1e-05` is a number, as PyYAML does not see it.

    Raises:
        ParameterError: no such file, not YAML, a key that stands twice, or an unknown section.
    """
    path = Path(path)
    try:
        params = YAML(typ="safe", pure=True).load(path)
    except FileNotFoundError:
        raise ParameterError(f"{path} is missing: run this from the project's root, or restore it with git") from None
    except YAMLError as error:
        said = str(error).partition("\nTo suppress")[0]  # ruamel's advice to whoever calls it
        raise ParameterError(f"{path} is not valid YAML: {' '.join(said.split())}") from None
    if not isinstance(params, dict):
        raise ParameterError(f"{path} must hold sections such as `corpus: demo`; it holds {params!r}")
    for key in params:
        if key not in SECTIONS:
            raise ParameterError(_unknown(path, str(key), SECTIONS))
    return params


def get(params: Mapping[str, Any], key: str, kind: type[T], also: Sequence[str] = ()) -> T:
    """The value at a dotted key (`corpora.demo`, `seed`) as `kind`: a dataclass made by `section`, or a plain type.

    Args:
        also: names of keys that may stand there and are read by others; a message about an unknown key names them too.

    Raises:
        ParameterError: the key is missing, or its value is not what `kind` allows; the message names the key.
    """
    value: Any = params
    for depth, part in enumerate(parts := key.split(".")):
        if not isinstance(value, Mapping) or part not in value:
            where = ".".join(parts[:depth]) or "the top level"
            known = sorted(value) if isinstance(value, Mapping) else []
            raise ParameterError(f"params.yaml: `{key}` is missing; {where} has: {', '.join(known) or 'nothing'}")
        value = value[part]
    try:
        # As JSON, strict mode takes a list for a tuple and a mapping for a section, and still no text for a number.
        return pydantic.TypeAdapter(kind).validate_json(json.dumps(value, default=str), strict=True)
    except pydantic.ValidationError as error:
        raise ParameterError(_explain(key, kind, error, also)) from None


def expanded(path: str, name: str) -> Path:
    """A path as people write it: `~` or `~user` at its start stands for a home.

    Args:
        name: what holds the path, for messages.

    Raises:
        ParameterError: this machine knows no such home.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        home = Path(path).parts[0]
        raise ParameterError(f"{name} is {path!r}: no home is known for {home}; write the whole path") from None


#: What pydantic says in the words of JSON.
_ALLOWED = {
    "dataclass_type": "keys with values, as git's params.yaml has them",
    "dict_type": "names with values, or {} for none",
    "tuple_type": "a list",
    "list_type": "a list",
    "string_too_short": "a text of one sign or more",
}


def _explain(key: str, kind: type, error: pydantic.ValidationError, also: Sequence[str]) -> str:
    """The first problem as one line; an unknown key before a missing one, of which it is mostly the misspelling."""
    problem = min(error.errors(), key=lambda problem: problem["type"] == "missing")
    place = ".".join([key, *(str(part) for part in problem["loc"])])
    if problem["type"] == "unexpected_keyword_argument":
        own = getattr(kind, "__dataclass_fields__", ())  # inherited ones among them
        known = [f"{key}.{name}" for name in (*own, *also)]
        return _unknown(Path("params.yaml"), place, known)
    if problem["type"] == "missing":
        return f"params.yaml: `{place}` is missing; git has the file with every key and its meaning"
    if problem["type"] == "too_short":
        return (
            f"params.yaml: `{place}` is {problem['input']!r}; allowed: {problem['ctx']['min_length']} or more of them"
        )
    allowed = _ALLOWED.get(problem["type"]) or problem["msg"].removeprefix("Input should be ")
    return f"params.yaml: `{place}` is {problem['input']!r}; allowed: {allowed}"


def _unknown(path: Path, key: str, known: list[str] | tuple[str, ...]) -> str:
    last_parts = {name.rpartition(".")[2]: name for name in known}
    close = get_close_matches(key.rpartition(".")[2], last_parts, n=1)
    hint = f"did you mean `{last_parts[close[0]]}`? " if close else ""
    return f"{path.name}: unknown key `{key}`; {hint}allowed: {', '.join(known)}"
