"""A user installs the wheel in a new environment, and asks without a network. Slow: an environment of 500 MB."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
from packaging.requirements import Requirement

from support.packaged import MODELS, need_index, packed, run, small_project, without_network
from support.project import ROOT
from support.sounds import RATE_HZ, glide, noise
from voicetraits.shipping.contents import normalised

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """The wheel, the models that it was made of, and two sounds: a voice and noise."""
    folder = small_project(tmp_path_factory.mktemp("install"))
    packed(folder, folder, "# The card\n")
    soundfile.write(folder / "voice.wav", glide(110, 190, 2.0), RATE_HZ)
    soundfile.write(folder / "noise.wav", noise(2.0), RATE_HZ)
    return folder


@pytest.fixture(scope="module")
def environment(place) -> Path:
    """A new environment with the wheel, installed as its user does it, from pip's configured index."""
    environment = place / "environment"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    need_index(environment / "bin/python", place / "probe")
    pip = [environment / "bin/python", "-m", "pip", "--quiet", "--disable-pip-version-check"]
    done = run([*pip, "install", *place.glob("*.whl")])
    assert done.returncode == 0, done.stderr
    return environment


def test_it_answers_as_the_project_does_without_a_network(place, environment, tmp_path):
    sounds = ["voice.wav", "noise.wav", "--format", "json", "--segments", "--explain"]
    command = [*without_network(), environment / "bin/voicetraits-predict", *sounds]
    alone = run(command, cwd=place, XDG_CACHE_HOME=str(tmp_path))
    within = run([sys.executable, ROOT / "src/predict.py", *sounds, "--model", MODELS], cwd=place)
    assert alone.returncode == within.returncode == 0, alone.stderr
    assert alone.stdout == within.stdout
    assert alone.stderr == ""


def test_the_card_comes_with_it(environment):
    assert run([environment / "bin/voicetraits-predict", "--card"]).stdout == "# The card\n"


def test_it_brings_nothing_that_training_needs(environment):
    listed = run([environment / "bin/python", "-m", "pip", "list", "--format", "json"]).stdout
    names = {one["name"].lower() for one in json.loads(listed)}
    assert {"voicetraits", "numba", "h5py"} <= names
    assert not names & {"tensorflow", "keras", "dvc", "scikit-learn", "librosa", "pandas", "ydf", "onnxruntime"}
    assert run([environment / "bin/python", "-m", "pip", "check"]).returncode == 0


def test_the_readme_says_how_much_room_it_takes(place, environment):
    subprocess.run([sys.executable, "-m", "venv", place / "empty"], check=True)
    megabytes = (bytes_in(environment / "lib") - bytes_in(place / "empty/lib")) / 1e6
    row = re.search(r"\| `softmax` \| .* \| (\d+) MB \|", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert float(row[1]) == pytest.approx(megabytes, rel=0.1)


def bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def test_what_it_installs_is_as_pinned(environment):
    listed = run([environment / "bin/python", "-m", "pip", "list", "--format", "json"]).stdout
    pins = [Requirement(line) for line in (ROOT / "requirements.txt").read_text().splitlines() if line[0] != "#"]
    for one in json.loads(listed):
        if one["name"] not in ("voicetraits", "pip", "setuptools"):  # the environment's own, and the wheel
            (pin,) = [pin for pin in pins if normalised(pin.name) == normalised(one["name"])]
            assert pin.specifier.contains(one["version"]), one
