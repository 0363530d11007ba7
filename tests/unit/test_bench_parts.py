"""Where the time goes: what counts for which module, and the steps from archives to features."""

import importlib
import sys

import pytest

from support.sounds import PARAMS
from support.submissions import submission, write_raw
from support.voice import EXTRACT
from voicetraits.bench import parts


@pytest.fixture
def caller(tmp_path, monkeypatch):
    """A module that calls two others beside it, and does something itself."""
    (tmp_path / "slow_part.py").write_text("import time\ndef work(): time.sleep(0.02); deeper()\n")
    (tmp_path / "slow_part.py").open("a").write("def deeper(): time.sleep(0.02)\n")
    (tmp_path / "quick_part.py").write_text("def work(): pass\n")
    (tmp_path / "calling_part.py").write_text(
        "import time, quick_part, slow_part\n"
        "def compute(clip): own(); quick_part.work(); slow_part.work()\n"
        "def own(): time.sleep(0.02)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("calling_part")
    for name in ("slow_part", "quick_part", "calling_part"):
        sys.modules.pop(name, None)


def test_time_counts_for_the_module_that_was_called(caller):
    seconds = parts.by_module(caller.compute, [1, 2, 3], caller)
    assert list(seconds) == ["quick_part", "slow_part"]
    assert 0.12 <= seconds["slow_part"] < 1
    assert seconds["quick_part"] < 0.02


@pytest.fixture
def raw(tmp_path):
    archives = {f"u{number}-2008-abc.tgz": submission(f"u{number}-2008-abc", clips=2) for number in range(3)}
    return write_raw(tmp_path / "raw", archives | {"broken-2008-abc.tgz": archives["u0-2008-abc.tgz"][:-10]})


def test_steps_that_cannot_be_timed_by_themselves_are_differences(raw, monkeypatch):
    took = {"inflate": 1, "unpack": 3, "extract": 7, "read": 0.5, "features": 10.5, "featurize": 13}
    monkeypatch.setattr(
        parts, "alternating", lambda rivals, items, runs: {name: [took[name]] * runs for name in rivals}
    )
    figures = parts.from_archives(raw, EXTRACT, PARAMS, runs=2)
    assert figures["archives"] == 4
    assert figures["audio_seconds"] == pytest.approx(3 * 2 * 0.6)
    seconds = {name: value * 3.6 / 1000 for name, value in figures["milliseconds_per_audio_second"].items()}
    assert seconds == pytest.approx(
        {
            "inflate": 1,
            "decode": 2,
            "check archives, write audio": 4,
            "read audio": 0.5,
            "features": 10,
            "write features and log-mel": 2.5,
            "all": 20,
        }
    )
    assert sum(seconds.values()) == pytest.approx(2 * seconds["all"])
    floor_seconds = 3.6 * 2 * 3.6 * 60 / (108 * 3600)
    assert f"All parts take {20 / floor_seconds:.1f} times as long." in "\n".join(parts.render(figures))


def test_every_step_runs_with_a_store_of_its_own(raw):
    figures = parts.from_archives(raw, EXTRACT, PARAMS, runs=1)
    milliseconds = figures["milliseconds_per_audio_second"]
    # Were the store shared, to extract or featurize a second time would be next to nothing.
    assert milliseconds["all"] > milliseconds["features"] + milliseconds["inflate"] > 0


def test_the_floor():
    """108 hours in 3.6 minutes on two cores are 900 audio seconds a second of one core."""
    assert pytest.approx(1000 / 900) == parts.FLOOR_MILLISECONDS
