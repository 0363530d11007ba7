"""The bench of the stages: what it takes for time and memory, and the figures that it derives."""

import re
import sys

import pytest

from support.dvc_project import ROOT
from voicetraits.bench import pipeline
from voicetraits.bench.project import Project, watched
from voicetraits.errors import DataError


def test_time_and_memory_of_a_command_and_its_children(tmp_path):
    grandchild = "import time; held = bytearray(b'x' * 300_000_000); time.sleep(0.6)"
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


@pytest.mark.slow
def test_a_small_run_of_all_of_it(tmp_path):
    figures = pipeline.measure(ROOT, tmp_path, (40, 80, 120))
    assert [size["utterances"] for size in figures["by_size"].values()] == pytest.approx([40, 80, 120], abs=8)
    assert figures["growth"]["archives_after"] == 22
    assert figures["growth"]["share"] > 0
    assert figures["by_workers"]["speedup"] > 0
    rows = [line for line in pipeline.render(figures).splitlines() if re.match(r"\| \d", line)]
    assert len(rows) == 3
    assert list(tmp_path.iterdir()) == []


def test_params_of_a_copy(tmp_path):
    project = Project(ROOT, tmp_path / "project")
    project.set({"corpora.demo.speakers": 9, "corpus": "demo"})
    assert "  demo:" in (project.folder / "params.yaml").read_text()
    assert "speakers: 9" in (project.folder / "params.yaml").read_text()
