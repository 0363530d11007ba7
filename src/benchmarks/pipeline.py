"""From archives to features: how fast on all cores, how time and memory grow with the corpus, what growth costs.

The archives are the demo corpus with many speakers, so that no network and no other corpus is needed.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from benchmarks.project import Cost, Project

#: All of VoxForge.
VOXFORGE_UTTERANCES, VOXFORGE_HOURS = 95_481, 108.0
UTTERANCES = (1_000, 4_000, 16_000)
_SPEAKERS = 1_430  # of the demo; 16,000 utterances and some more
_CLIPS_AN_ARCHIVE = 4
_STAGES = ("extract", "featurize")


def measure(scratch: Path) -> dict[str, Any]:
    """Run the benchmark below a folder; what it found, for metrics/bench/pipeline.json."""
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        project = Project(Path(folder).resolve() / "project")
        project.set({"corpus": "demo", "corpora.demo.speakers": _SPEAKERS})
        return {
            "by_workers": _by_workers(project),
            "by_size": (by_size := _by_size(project)),
            "voxforge_minutes": _voxforge_minutes(by_size),
            "growth": _growth(project),
            "repro_of_nothing_seconds": _repro_of_nothing(project),
        }


def _by_workers(project: Project) -> dict[str, Any]:
    """The smallest size but one, by one worker and by two."""
    _select(project, UTTERANCES[1])
    found = {}
    for workers in (1, 2):
        project.set({"compute.workers": workers})
        found[str(workers)] = _from_archives(project)
    project.set({"compute.workers": None})
    return {**found, "speedup": found["1"]["seconds"] / found["2"]["seconds"]}


def _by_size(project: Project) -> dict[str, dict[str, float]]:
    found = {}
    for utterances in UTTERANCES:
        _select(project, utterances)
        found[str(utterances)] = _from_archives(project)
    return found


def _voxforge_minutes(by_size: dict[str, dict[str, float]]) -> float:
    """What all of VoxForge would take on this machine: the line through the measured times over audio seconds."""
    audio_seconds = [size["audio_seconds"] for size in by_size.values()]
    slope, start = np.polyfit(audio_seconds, [size["seconds"] for size in by_size.values()], 1)
    return float(start + slope * VOXFORGE_HOURS * 3600) / 60


def _growth(project: Project) -> dict[str, float]:
    """Ten per cent more archives, beside a run of all of them from nothing."""
    few = UTTERANCES[1] // _CLIPS_AN_ARCHIVE
    _select(project, UTTERANCES[1])
    _from_archives(project)
    _select(project, UTTERANCES[1] * 11 // 10)
    grown = [project.stage(stage) for stage in _STAGES]
    anew = _from_archives(project)
    seconds = sum(cost.seconds for cost in grown)
    return {
        "archives_before": few,
        "archives_after": few * 11 // 10,
        "seconds": seconds,
        "seconds_from_nothing": anew["seconds"],
        "share": seconds / anew["seconds"],
    }


def _repro_of_nothing(project: Project) -> float:
    """`dvc repro` over all utterances when everything is up to date: the median of three."""
    _select(project, UTTERANCES[-1])
    project.dvc("repro", "--quiet")
    return float(np.median([project.dvc("repro", "--quiet").seconds for _ in range(3)]))


def _select(project: Project, utterances: int) -> None:
    project.set({"corpora.demo.limit": utterances // _CLIPS_AN_ARCHIVE})
    project.stage("scrape")


def _from_archives(project: Project) -> dict[str, float]:
    """Extract and featurize what is selected, from nothing."""
    for kind in ("audio", "features"):
        project.forget(kind)
    costs = {stage: project.stage(stage) for stage in _STAGES}
    clips = pq.read_table(project.folder / "data/audio/clips.parquet", columns=["duration_seconds"])
    return _figures(costs, len(clips), float(np.sum(clips["duration_seconds"].to_numpy())))


def _figures(costs: dict[str, Cost], utterances: int, audio_seconds: float) -> dict[str, float]:
    seconds = sum(cost.seconds for cost in costs.values())
    return {
        "utterances": utterances,
        "audio_seconds": audio_seconds,
        "seconds": seconds,
        **{f"{stage}_seconds": cost.seconds for stage, cost in costs.items()},
        **{f"{stage}_peak_megabytes": cost.peak_megabytes for stage, cost in costs.items()},
        "audio_seconds_per_second": audio_seconds / seconds,
    }
