"""What a predictor refuses, and what it should not: the bench's own measurement, on a sample, against the promise."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from support.dvc_project import DvcProject
from support.project import ROOT
from voicetraits.bench import refusals

#: Least share refused of what is no speech of adults, and largest of clean test speech.
LEAST_REFUSED, MOST_REFUSED = 0.9, 0.03
STRANGE = ("music", "noise", "silence", "too high", "too low")
SOUNDS = 40


@pytest.mark.slow
@pytest.mark.parametrize("model", ["softmax", "tfdf", "voicenet"])
def test_strange_sounds_are_refused_and_clean_speech_is_not(finished: DvcProject, model: str) -> None:
    """Of the small run gender alone: for age, a dozen speakers are too few to tell what lies far from them."""
    data: Path = finished.folder / "data"
    kept(refusals.measure([data / "models" / model], data, None, None, count=SOUNDS)[model]["gender"])


def test_the_models_of_the_whole_demo_keep_the_promise_for_every_target() -> None:
    figures = json.loads((ROOT / "metrics/bench/refusals.json").read_text(encoding="utf-8"))
    assert set(figures) == {"softmax", "tfdf", "voicenet"}
    for targets in figures.values():
        assert set(targets) == {"gender", "age"}
        for kinds in targets.values():
            kept(kinds)


def kept(kinds: Mapping[str, Any]) -> None:
    for kind in STRANGE:
        assert kinds[kind]["sounds"] >= 10
        assert kinds[kind]["refused"] >= LEAST_REFUSED, (kind, kinds[kind])
    speech = kinds["speech of test speakers"]
    assert speech["sounds"] >= 10
    assert speech["refused"] <= MOST_REFUSED, speech
