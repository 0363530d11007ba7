"""Which of the library's files a module needs, so that what they made can be kept until one of them changes."""

import ast
import json
import platform
from collections.abc import Sequence
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from voicetraits.files import sha256_of

_LIBRARY = "voicetraits"


def key_of(*parts: Any, modules: Sequence[str], versions: Sequence[str]) -> str:
    """A key for the work store: sha256 over parts (as JSON has them), code, releases of distributions and machine.

    What numba compiles is a little different on another processor (it may add in another order), so that the kind of
    processor counts where its release does.

    It does not hang on what else a process has loaded: two stages that use the same code find each other's work, and a
    run that finds half of its work done finds the rest too.

    Args:
        modules: whose code counts, with all that they import.
        versions: distributions whose release may change what comes out.
    """
    machine = [platform.system(), platform.machine()]
    if "numba" in versions:
        machine.append(processor())
    content = [parts, code_of(*modules), {name: version(name) for name in versions}, machine]
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def processor() -> str:
    """The kind of processor for which numba compiles here: LLVM's name of it, and a hash of what it can do."""
    from numba.core.registry import cpu_target  # loaded by those who use it

    _, name, features = cpu_target.target_context.codegen().magic_tuple()
    return f"{name} {sha256(features.encode()).hexdigest()[:8]}"


def code_of(*modules: str) -> dict[str, str]:
    """sha256 of the files of the named modules, and of all of the library that they import, in turn, by module name."""
    digests: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in digests:
            path = Path(find_spec(name).origin)
            digests[name] = sha256_of(path)
            waiting += _imported(path)
    return dict(sorted(digests.items()))


def _imported(path: Path) -> list[str]:
    """Modules of the library that a file imports at its top; within functions stand those that decide where it runs."""
    names = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            # `from voicetraits.features import cepstrum` names a module, `… import mel_filters` what is in one.
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [name for name in names if name.split(".")[0] == _LIBRARY and _is_module(name)]


def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # its parent is a module, and no package
        return False
