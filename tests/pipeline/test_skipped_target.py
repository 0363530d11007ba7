"""A target with too few speakers is skipped and everything else works; and going back takes all from DVC's cache."""

import pandas as pd
import pytest

from support.dvc_project import STAGES, Done, DvcProject

pytestmark = pytest.mark.slow  # a second run of the whole graph


def test_a_target_with_one_class_left_is_skipped(without_age: tuple[DvcProject, Done]):
    project, printed = without_age
    assert printed.ran == STAGES[1:]
    assert printed.complaints == []
    assert "split: age: skipped, since fewer than two classes are left\n" in printed.stdout
    assert set(pd.read_csv(project.folder / "data/splits.csv")["target"]) == {"gender"}
    for model in ("softmax", "tfdf", "voicenet"):
        assert [path.name for path in (project.folder / f"data/models/{model}/age").iterdir()] == ["skipped.json"]
        curves = project.folder / f"metrics/train/{model}/age"
        for curve in [curves / "curves.csv", *curves.glob("plots/metrics/*/*.tsv")]:
            assert len(curve.read_text().splitlines()) == 1, f"{curve} holds more than a header"
        assert project.json(f"metrics/train/{model}/age/metrics.json") == {}
    evaluated = project.json("metrics/evaluate.json")
    assert evaluated["age"] == {"skipped": 1}
    assert {"softmax", "tfdf", "voicenet", "majority", "pitch_threshold"} == set(evaluated["gender"])


def test_the_summary_says_so(without_age: tuple[DvcProject, Done]):
    project, _ = without_age
    assert "age: skipped, for want of speakers in two classes\n" in project.run("python", "src/summary.py").stdout


def test_set_back_every_stage_is_cached(without_age: tuple[DvcProject, Done], tmp_path):
    """Both runs are in the run cache, so that going to and fro costs no training; but report, whose text git holds."""
    copy = without_age[0].copy(tmp_path / "project")
    changed = copy.read("dvc.lock")
    edited = copy.read("params.yaml")
    copy.git("checkout", "--quiet", "params.yaml")
    printed = copy.dvc("repro")
    assert (printed.cached, printed.ran) == (STAGES[1:-1], ["report"])
    assert copy.git("status", "--porcelain") == ""

    (copy.folder / "params.yaml").write_text(edited)
    printed = copy.dvc("repro")
    assert (printed.cached, printed.ran) == (STAGES[1:-1], ["report"])
    assert copy.read("dvc.lock") == changed
