"""The bench of the stages: what it takes for time and memory, and the figures that it derives."""

import sys
from pathlib import Path

import pandas as pd
import pytest

from support.dvc_project import ROOT
from voicetraits.bench import pipeline
from voicetraits.bench.project import Cost, Project, watched
from voicetraits.errors import DataError
from voicetraits.files import write_parquet


def test_time_and_memory_of_a_command_and_its_children(tmp_path):
    grandchild = "import time; held = b'x' * 300_000_000; time.sleep(0.6)"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grandchild!r}])"
    cost = watched([sys.executable, "-c", child], tmp_path, {})
    assert 0.6 < cost.seconds < 30
    assert 300 < cost.peak_megabytes < 360


def test_a_failure_says_what_the_command_said(tmp_path):
    with pytest.raises(DataError, match=r"failed in .*: no such luck"):
        watched([sys.executable, "-c", "raise SystemExit('no such luck')"], tmp_path, {})


def test_voxforge_by_the_line_through_the_sizes():
    sizes = [{"audio_seconds": float(n), "seconds": 5 + n / 1000} for n in (1000, 4000, 16000)]
    assert pipeline._voxforge_minutes(sizes) == pytest.approx((5 + 108 * 3.6) / 60)


class FakeProject:
    """Stages that take a second for each 100 clips, half that with two workers; four clips of 3 s an archive."""

    def __init__(self, repository: Path, folder: Path) -> None:
        self.folder, self.params, self.done = folder, {}, 0

    def set(self, values: dict) -> None:
        self.params |= values

    def forget(self, kind: str) -> None:
        self.done = 0

    def dvc(self, *arguments: str) -> Cost:
        return Cost(1.5, 100.0)

    def stage(self, name: str) -> Cost:
        clips = 4 * self.params["corpora.demo.limit"]
        if name == "extract":
            write_parquet(pd.DataFrame({"duration_seconds": [3.0] * clips}), self.folder / "data/audio/clips.parquet")
        seconds = (clips - self.done) / 100 / (self.params.get("compute.workers") or 2)
        self.done = clips if name == "featurize" else self.done
        return Cost(seconds, 200.0)


def test_what_the_figures_are_made_from(tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "Project", FakeProject)
    part_figures = {"archives": 64, "milliseconds_per_audio_second": {"inflate": 1.25, "all": 20.0}}
    monkeypatch.setattr(pipeline, "_parts", lambda project, utterances: part_figures | {"utterances": utterances})
    figures = pipeline.measure(tmp_path, tmp_path, (1000, 4000, 16000))
    assert [size["seconds"] for size in figures["by_size"].values()] == [10, 40, 160]
    assert [size["audio_seconds_per_second"] for size in figures["by_size"].values()] == [300, 300, 300]
    assert {count: by["speedup"] for count, by in figures["by_workers"].items()} == {"4000": 2, "16000": 2}
    assert figures["voxforge_minutes"] == pytest.approx(108 * 3600 / 300 / 60)
    assert list(figures["growth"]) == ["4000", "16000"]
    growth = figures["growth"]["4000"]
    assert growth["share"] == pytest.approx(400 / 4400)
    assert (growth["archives_before"], growth["archives_after"]) == (1000, 1100)
    assert figures["repro_of_nothing_seconds"] == 1.5
    assert figures["parts"]["utterances"] == 256
    page = pipeline.render(figures)
    assert "**21.6 minutes** for all of VoxForge" in page
    assert "beside the download: 6.0 times the floor." in page
    assert "| inflate | 1.250 |" in page
    assert "| 4,000 | 80.0 | 40.0 | 2.00 |" in page
    assert "| 1,000 | 1,100 | 4.0 | 44.0 | 9% |" in page


def test_params_of_a_copy(tmp_path):
    project = Project(ROOT, tmp_path / "project")
    project.set({"corpora.demo.speakers": 9, "corpus": "demo"})
    assert "  demo:" in (project.folder / "params.yaml").read_text()
    assert "speakers: 9" in (project.folder / "params.yaml").read_text()
