"""`python src/bench.py` measures the models of a real run, nets among them."""

import sys

import pytest

from support.dvc_project import DvcProject


@pytest.mark.slow
def test_models_of_a_run_are_measured(working_copy: DvcProject):
    project = working_copy
    project.run(sys.executable, "src/bench.py", "models", "--clips", "3", "--runs", "1", VOICETRAITS_MIRROR="")
    found = project.json("metrics/bench/models.json")["models"]
    assert set(found) == {"gender", "age"}
    for models in found.values():
        assert set(models) == {"softmax", "tfdf", "voicenet"}
        for own in models.values():
            assert own["training_seconds"] > 0.5
            assert 0.1 < own["milliseconds_per_clip"] < 5000
            assert own["bytes"] > 1000
    assert "| gender | voicenet | " in project.read("metrics/bench/README.md")
