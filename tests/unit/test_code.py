"""Which files of the library a module needs."""

import subprocess
import sys

from voicetraits.code import code_of
from voicetraits.files import sha256_of

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


def test_every_module_that_a_fresh_process_loads_is_named():
    name = "voicetraits.front_ends.log_mel"
    script = f"import sys, {name}; print(*(m for m in sys.modules if m.startswith('voicetraits')))"
    done = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": "src"}, capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) - PACKAGES == set(code_of(name)) - PACKAGES
