"""What a predictor refuses, and what it should not: the bench's own measurement, on a sample, against the promise."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.dvc_project import DvcProject
from support.project import ROOT
from support.sounds import RATE_HZ
from voicetraits.bench import recordings, refusals
from voicetraits.inference.answers import Refusal
from voicetraits.inference.asked import expand
from voicetraits.inference.predictor import Predictor

#: Least share refused of what is no speech of adults, and largest of clean test speech.
LEAST_REFUSED, MOST_REFUSED = 0.9, 0.03
#: Largest of the same speech as recordings often have it.
MOST_REFUSED_AS_RECORDED = 0.05
STRANGE = ("music", "noise", "silence", "too high", "too low")
SPEECH = {
    "speech of test speakers": MOST_REFUSED,
    "speech amid silence": MOST_REFUSED_AS_RECORDED,
    "speech with an offset": MOST_REFUSED_AS_RECORDED,
}
RECORDED = ("recorded music", "recorded notes", "recorded noises")
SOUNDS = 40
#: Where Debian's asc-music, torus-trooper-data and sound-icons put pieces of music and single notes.
MUSIC = ("/usr/share/games/asc/music", "/usr/share/games/torus-trooper/sounds/musics", "/usr/share/sounds/sound-icons")


@pytest.mark.slow
@pytest.mark.parametrize("model", ["softmax", "tfdf", "voicenet"])
def test_strange_sounds_are_refused_and_clean_speech_is_not(finished: DvcProject, model: str) -> None:
    """Of the small run gender alone: for age, a dozen speakers are too few to tell what lies far from them."""
    data: Path = finished.folder / "data"
    kept(refusals.measure([data / "models" / model], data, None, None, count=SOUNDS)[model]["gender"])


@pytest.mark.slow
@pytest.mark.parametrize("model", ["softmax", "tfdf", "voicenet"])
def test_recorded_music_is_refused(finished: DvcProject, model: str) -> None:
    files = [path for folder in MUSIC for path in expand([folder]) if Path(path).is_file()]
    if not files:
        pytest.skip("no recorded music here; install Debian's asc-music, torus-trooper-data, sound-icons")
    predictor = Predictor(finished.folder / "data/models" / model)
    refused = [
        predictor((excerpt, RATE_HZ)).answers["gender"].refusal not in (None, Refusal.UNSURE)
        for excerpt in recordings.excerpts_of(files, SOUNDS)
    ]
    assert len(refused) >= 20
    assert np.mean(refused) >= LEAST_REFUSED


def test_the_models_of_the_whole_demo_keep_the_promise_for_every_target() -> None:
    figures = json.loads((ROOT / "metrics/bench/refusals.json").read_text(encoding="utf-8"))
    assert set(figures) == {"softmax", "tfdf", "voicenet"}
    for targets in figures.values():
        assert set(targets) == {"gender", "age"}
        for kinds in targets.values():
            kept(kinds)
            for kind in RECORDED:
                assert kinds[kind]["sounds"] >= 30
                assert kinds[kind]["refused"] >= LEAST_REFUSED, (kind, kinds[kind])


def kept(kinds: Mapping[str, Any]) -> None:
    for kind in STRANGE:
        assert kinds[kind]["sounds"] >= 10
        assert kinds[kind]["refused"] >= LEAST_REFUSED, (kind, kinds[kind])
    for kind, most in SPEECH.items():
        assert kinds[kind]["sounds"] >= 10
        assert kinds[kind]["refused"] <= most, (kind, kinds[kind])
