"""What a package must hold so that a model predicts: the library's modules, and the distributions that they import."""

import ast
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import Requirement

from voicetraits.code import code_of
from voicetraits.errors import DataError, ModelError
from voicetraits.inference.loading import find_models
from voicetraits.models import saved

#: The module that an installed package runs.
ENTRY = "voicetraits.shipping.installed"
#: Where modules import within functions what predicting needs, for the sake of a quick start; elsewhere that is what
#: training needs.
_LATE = "voicetraits.inference."
#: What only some options need, by the extra that brings it.
EXTRAS = {"vl_convert": "plot", "sounddevice": "record"}
_LIBRARY = "voicetraits"


@dataclass(frozen=True)
class Model:
    """What is known of the model of one target that is to be shipped.

    Attributes:
        folder: where it lies.
        config: what it says of itself.
        modules: that load it and make its input.
    """

    folder: Path
    config: saved.Config
    modules: tuple[str, ...]


def models_in(folder: Path) -> dict[str, Model]:
    """The models of a kind by target, loaded once to see that they are whole.

    Raises:
        ModelError: there is none, one is damaged, or they are of several kinds.
    """
    models = {}
    for target, own in sorted(find_models(folder).items()):
        loaded = saved.load(own)
        modules = [type(loaded.classifier).__module__]
        if loaded.config.runtime is not None:  # a net; see Predictor
            modules.append(f"voicetraits.front_ends.{loaded.config.feature_names[0]}")
        models[target] = Model(own, loaded.config, tuple(modules))
    kinds = sorted({model.config.model for model in models.values()})
    if len(kinds) > 1:
        raise ModelError(f"{folder} holds models of several kinds ({', '.join(kinds)}); name the folder of one")
    return models


def modules_for(models: Sequence[Model]) -> dict[str, Path]:
    """Names and files of the library's modules that predicting with these models needs, packages among them."""
    names = set(code_of(ENTRY, *(name for model in models for name in model.modules)))
    packages = {name.rpartition(".")[0] for name in names} - {""}
    return {name: Path(find_spec(name).origin) for name in sorted(names | packages)}


def requirements_of(modules: Mapping[str, Path], pinned: str) -> dict[str, list[str]]:
    """What modules import from outside, and what that needs in turn, as requirements.txt pins it.

    Args:
        modules: names and files.
        pinned: the content of requirements.txt.

    Returns:
        lines of it by extra; "" holds what is always needed. What only an extra needs may have no pin.

    Raises:
        DataError: requirements.txt does not pin what is always needed.
    """
    imported = imports_of(modules)
    pins = _pins(pinned)
    always = _with_what_they_need(imported.pop(""))
    if missing := sorted(always - pins.keys()):
        raise DataError(f"requirements.txt does not pin {missing[0]!r}, which predicting needs; add it there")
    lines = {"": [line for name in sorted(always) for line in pins[name]]}
    for extra, names in sorted(imported.items()):
        more = _with_what_they_need(names) - always
        lines[extra] = [line for name in sorted(more) for line in pins.get(name, [name])]
    return lines


def imports_of(modules: Mapping[str, Path]) -> dict[str, set[str]]:
    """Distributions that modules themselves import, by extra; "" holds what is always needed."""
    homes = _homes()
    found: dict[str, set[str]] = {"": set()}
    for name, path in modules.items():
        for top in _imported(path, late=name.startswith(_LATE)):
            found.setdefault(EXTRAS.get(top, ""), set()).update(normalised(home) for home in homes.get(top, [top]))
    return found


@cache
def _homes() -> Mapping[str, Sequence[str]]:
    """Distributions by the top-level names that they install."""
    return packages_distributions()


def _with_what_they_need(names: set[str]) -> set[str]:
    """Distributions and all that they require in turn on this machine; of one that is missing, its name alone."""
    found: set[str] = set()
    waiting = sorted(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _required_by(name)
    return found


def _required_by(name: str) -> list[str]:
    try:
        needed = [Requirement(line) for line in requires(name) or []]
    except PackageNotFoundError:  # what only an extra needs is not installed everywhere
        return []
    return [normalised(one.name) for one in needed if not one.marker or one.marker.evaluate({"extra": ""})]


def normalised(name: str) -> str:
    """A distribution's name as the packaging standards compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _pins(pinned: str) -> dict[str, list[str]]:
    """Lines of requirements.txt by distribution; one may have several, each for some systems."""
    pins: dict[str, list[str]] = {}
    for line in pinned.splitlines():
        if found := re.match(r"[\w.-]+(?===)", line):
            pins.setdefault(normalised(found[0]), []).append(line)
    return pins


def _imported(path: Path, *, late: bool) -> Iterator[str]:
    """Top-level names from outside the library and Python that a file imports; with `late` within functions as well."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree) if late else tree.body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        for name in names:
            top = name.partition(".")[0]
            if top != _LIBRARY and top not in sys.stdlib_module_names:
                yield top
