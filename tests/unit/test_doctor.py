"""`make doctor`: what is there, what is missing, what is not as pinned; and that it runs without .venv."""

import importlib
import subprocess
import sys
from importlib.metadata import version
from types import SimpleNamespace

import pytest

from support.dvc_project import git_identity
from support.project import ROOT

NAMES = [
    "commit", "python", "system", "processor", "memory", "disk here", "work store", "packages", "releases",
    "dvc remote", "microphone",
]  # fmt: skip


@pytest.fixture
def doctor(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")
    return importlib.import_module("doctor")


def test_make_doctor_says_all_of_it_in_a_line_each():
    # Within `make test`, make would say first that it is not the outer one.
    command = ["make", "--no-print-directory", "doctor"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = dict(line.split(":", 1) for line in done.stdout.splitlines())
    assert list(lines) == NAMES
    assert all(value.strip() for value in lines.values())
    assert done.stderr == ""


def test_it_needs_nothing_but_python(tmp_path):
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(ROOT / "tools/doctor.py")],
        env={"PATH": str(tmp_path), "VOICETRAITS_CACHE": str(tmp_path / "not/there/yet")},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "none: git is missing" in done.stdout
    assert f"{tmp_path}/not/there/yet, " in done.stdout
    assert "numpy is missing" in done.stdout


def test_packages_are_held_against_the_pins(doctor):
    numpy = version("numpy")
    elsewhere = "elsewhere==2.0 ; sys_platform == 'plan9'\npandas==0.1 ; sys_platform == 'plan9'\n"
    pins = f"# All.\nnumpy=={numpy}\npytest==0.1\nno-such-package==1.0\n{elsewhere}"
    said = doctor.packages(pins)
    assert said.startswith("1 as pinned; no-such-package is missing; pytest is ")
    assert "pinned 0.1 (`make install` mends that)" in said
    assert "elsewhere" not in said and "pandas" not in said
    assert doctor.packages(f"numpy=={numpy}\n") == "1 as pinned"


def test_changed_files_are_counted(doctor, tmp_path, monkeypatch):
    assert doctor.commit(tmp_path).startswith("none: ")
    for name, value in git_identity().items():
        monkeypatch.setenv(name, value)
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "Start"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    assert "changed" not in doctor.commit(tmp_path)
    (tmp_path / "new").write_text("")
    assert doctor.commit(tmp_path).endswith(", 1 files changed since")


class PortAudioError(Exception):
    pass


def no_device(kind):
    raise PortAudioError("Error querying device -1")


@pytest.mark.parametrize(("query", "said"), [
    (lambda kind: {"name": "Desk microphone"}, "Desk microphone"),
    (no_device, "none (Error querying device -1)"),
])  # fmt: skip
def test_the_microphone_or_why_there_is_none(doctor, monkeypatch, query, said):
    monkeypatch.setitem(sys.modules, "sounddevice", SimpleNamespace(query_devices=query, PortAudioError=PortAudioError))
    assert doctor.microphone() == said


def test_without_sounddevice_it_says_how_to_get_it(doctor, monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert doctor.microphone() == "sounddevice is not installed (pip install sounddevice)"


def test_the_work_store_is_that_of_the_variable(doctor, monkeypatch, tmp_path):
    monkeypatch.setenv("VOICETRAITS_CACHE", str(tmp_path))
    assert dict(doctor.findings(ROOT))["work store"].startswith(f"{tmp_path}, ")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("VOICETRAITS_CACHE", "~/store")
    assert dict(doctor.findings(ROOT))["work store"].startswith(f"{tmp_path}/store, ")
    monkeypatch.delenv("VOICETRAITS_CACHE")
    assert dict(doctor.findings(ROOT))["work store"] == "in the user's cache folder"
