"""What a predictor refuses, and what it should not: the bench's own measurement, on a sample, against the promise."""

from pathlib import Path

import pytest

from support.dvc_project import DvcProject
from voicetraits.bench import refusals

#: Least share refused of what is no speech of adults, and largest of clean test speech.
LEAST_REFUSED, MOST_REFUSED = 0.9, 0.03
STRANGE = ("music", "noise", "silence", "too high", "too low")
SOUNDS = 40


@pytest.mark.slow
@pytest.mark.parametrize("model", ["softmax", "tfdf", "voicenet"])
def test_strange_sounds_are_refused_and_clean_speech_is_not(finished: DvcProject, model: str) -> None:
    data: Path = finished.folder / "data"
    targets = refusals.measure([data / "models" / model], data, None, None, count=SOUNDS)[model]
    assert set(targets) == {"gender", "age"}
    for target, kinds in targets.items():
        for kind in STRANGE:
            assert kinds[kind]["sounds"] >= 10
            assert kinds[kind]["refused"] >= LEAST_REFUSED, (target, kind, kinds[kind])
        speech = kinds["speech of test speakers"]
        assert speech["sounds"] >= 10
        assert speech["refused"] <= MOST_REFUSED, (target, speech)
