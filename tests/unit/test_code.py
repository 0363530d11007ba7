"""Which files of the library a module needs."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from voicetraits import code as code_module
from voicetraits.code import code_of, key_of
from voicetraits.files import sha256_of

SRC = Path(code_module.__file__).parents[1]
#: Their files are empty.
PACKAGES = {"voicetraits", "voicetraits.features", "voicetraits.front_ends"}


def test_what_a_module_imports_in_turn():
    code = code_of("voicetraits.front_ends.log_mel")
    assert {"voicetraits.front_ends.log_mel", "voicetraits.features.filter_banks", "voicetraits.features.cepstrum"} <= {
        *code
    }
    assert "voicetraits.features.statistics" in code  # by way of cepstrum
    assert not {"voicetraits.features.pyin", "voicetraits.code", "voicetraits.files"} & set(code)
    assert list(code) == sorted(code)


def test_digests_are_those_of_the_files():
    import voicetraits.features.filter_banks as module

    assert code_of(module.__name__)[module.__name__] == sha256_of(module.__file__)


def test_keys_change_with_everything_that_makes_an_entry(monkeypatch):
    def key(*parts, modules=("voicetraits.errors",), versions=("numpy",)):
        return key_of(*parts, modules=modules, versions=versions)

    assert key(["a"], 1) == key(["a"], 1)
    keys = {key(), key("a"), key("a", "b"), key(["a", "b"]), key(versions=()), key(modules=["voicetraits.classes"])}
    assert len(keys) == 6
    assert key(("a",), {"x": 1, "y": 2}) == key(["a"], {"y": 2, "x": 1})
    assert key({"x": 1}) != key({"x": 1.5})
    monkeypatch.setattr(code_module.platform, "machine", lambda: "another")
    assert key() not in keys


def test_keys_of_what_numba_compiles_change_with_the_processor():
    """As where machines share a store: on another kind of processor features differ in the last digits."""
    code = (
        "from voicetraits.code import key_of;"
        "print(key_of(modules=[], versions=['numba']), key_of(modules=[], versions=['numpy']))"
    )

    def keys(**settings):
        env = {**os.environ, "PYTHONPATH": str(SRC), **settings}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
        return done.stdout.split()

    here, generic = keys(), keys(NUMBA_CPU_NAME="generic")
    assert here == keys()
    assert here[0] != generic[0]
    assert here[1] == generic[1]


def key_in_a_process(src: Path, *, loaded: str = "sys") -> str:
    code = (
        f"import {loaded}; from voicetraits.code import key_of;"
        "print(key_of(modules=['voicetraits.files'], versions=()))"
    )
    env = {**os.environ, "PYTHONPATH": str(src)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    return done.stdout


def test_keys_change_with_the_code(tmp_path):
    """A copy of the library in another place has the same keys; an edit to a module that counts changes them."""
    library = tmp_path / "voicetraits"
    library.mkdir()
    for name in ("__init__", "code", "files", "errors"):
        (library / f"{name}.py").write_bytes((SRC / f"voicetraits/{name}.py").read_bytes())
    here = key_in_a_process(SRC)
    assert key_in_a_process(tmp_path) == here
    (library / "unused.py").write_text("# not imported")
    assert key_in_a_process(tmp_path) == here
    with open(library / "files.py", "a") as file:
        file.write("# an edit\n")
    assert key_in_a_process(tmp_path) != here


def test_keys_are_the_same_whatever_else_is_loaded():
    assert key_in_a_process(SRC) == key_in_a_process(SRC, loaded="voicetraits.featurizing")


@pytest.mark.parametrize("name", ["bundles", "corpora.demo", "extraction", "featurizing", "repacking", "stressing"])
def test_imports_within_functions_decide_where_work_runs_and_not_what_comes_out(name):
    """They do not count, so a module whose entries are kept has none but these."""
    found = {
        (module, node.module)
        for module in code_of(f"voicetraits.{name}").keys() - PACKAGES
        for function in ast.walk(ast.parse((SRC / (module.replace(".", "/") + ".py")).read_text()))
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.ImportFrom) and node.module.startswith("voicetraits")
    }
    assert found <= {
        ("voicetraits.parallel", "voicetraits.cluster"),
        # Of versions for training, whose keys name it; stress makes none.
        ("voicetraits.net_inputs", "voicetraits.augmentation.augment"),
    }


def test_every_module_that_a_fresh_process_loads_is_named():
    name = "voicetraits.front_ends.log_mel"
    script = f"import sys, {name}; print(*(m for m in sys.modules if m.startswith('voicetraits')))"
    done = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": "src"}, capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) - PACKAGES == set(code_of(name)) - PACKAGES
