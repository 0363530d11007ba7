"""Notes what the stages of a `dvc repro` load and read, their worker processes included.

Python imports this file as it starts, where PYTHONPATH names its folder. It appends to the file that STAGE_TRACE names
a JSON line for each of the library's modules that is loaded (`{"script": "src/split.py", "module": …}`) and for each
key of params.yaml that is read (`"param"`).
"""

import json
import os
import sys
from importlib.machinery import PathFinder

_TRACE = os.environ["STAGE_TRACE"]
# A worker process belongs to the script that started it.
if len(sys.orig_argv) > 1 and sys.orig_argv[1].startswith("src/"):
    os.environ["STAGE_TRACE_SCRIPT"] = " ".join(sys.orig_argv[1:])


def _note(**what: str) -> None:
    script = os.environ.get("STAGE_TRACE_SCRIPT", "")
    # One short write to the end of a file: lines of several processes do not mix.
    with open(_TRACE, "a", encoding="utf-8") as file:
        file.write(json.dumps({"script": script, **what}) + "\n")


class _Params(dict):
    """A dict that notes the dotted keys that are read."""

    def __init__(self, content: dict, prefix: str = "") -> None:
        super().__init__(content)
        self._prefix = prefix

    def __getitem__(self, key: str) -> object:
        value = super().__getitem__(key)
        _note(param=self._prefix + key)
        return _Params(value, f"{self._prefix}{key}.") if isinstance(value, dict) else value


class _Finder:
    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> object:
        if not name.startswith("voicetraits"):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None:
            _note(module=name)
        if spec is not None and name == "voicetraits.params":
            execute = spec.loader.exec_module

            def execute_and_wrap(module: object) -> None:
                execute(module)
                load = module.load
                module.load = lambda *arguments: _Params(load(*arguments))

            spec.loader.exec_module = execute_and_wrap
        return spec


sys.meta_path.insert(0, _Finder)
