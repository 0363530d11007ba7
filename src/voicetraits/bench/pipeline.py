"""From archives to features: how fast on all cores, how time and memory grow with the corpus, what growth costs.

The archives are the demo corpus with many speakers, so that no network and no other corpus is needed.
"""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from voicetraits import params
from voicetraits.bench import parts
from voicetraits.bench.parts import FLOOR_MINUTES, VOXFORGE_HOURS
from voicetraits.bench.project import Cost, Project
from voicetraits.bench.timing import machine
from voicetraits.features.extractor import FeaturizeParams
from voicetraits.unpacking import ExtractParams

UTTERANCES = (1_000, 4_000, 16_000)
#: Of the demo; so few that its speakers give more than is asked for.
_UTTERANCES_A_SPEAKER, _CLIPS_AN_ARCHIVE = 11, 4
#: Of these the parts are timed, so often.
_UTTERANCES_OF_PARTS = 256
#: What is compared takes turns so often, the parts and a run with nothing to do are timed so often, and medians count.
_RUNS = 3
_STAGES = ("extract", "featurize")
_VERSIONS = ("dvc", "isal", "numba", "numpy", "pyarrow", "scipy", "soundfile")
#: What is trained before there is nothing to do is of no matter.
_SHORT_TRAINING = {
    "train.epochs": 2,
    "tfdf.num_trees": 5,
    "net.common.epochs": 1,
    "augment.variants": 0,
    "stress.conditions": [],
    "explain.repeats": 1,
}


def measure(repository: Path, scratch: Path, utterances: Sequence[int] = UTTERANCES) -> dict[str, Any]:
    """Run the benchmark.

    Args:
        repository: whose last commit is measured.
        scratch: a folder on a disk with room, in which a folder is made and removed.
        utterances: about how many, ascending; of all but the first, workers are compared and growth is measured, since
            processes take seconds to start, whatever their work.
    """
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        project = Project(repository, Path(folder).resolve() / "project")
        project.set({"corpus": "demo", "corpora.demo.speakers": _grown(utterances[-1]) // _UTTERANCES_A_SPEAKER})
        _select(project, utterances[0])
        _from_archives(project)  # kernels are compiled once on a machine, which is measured elsewhere
        by_size = _by_size(project, utterances)
        return {
            "machine": machine(_VERSIONS),
            "runs": _RUNS,
            "by_size": by_size,
            "by_workers": {str(count): _by_workers(project, count) for count in utterances[1:]},
            "voxforge_minutes": _voxforge_minutes(list(by_size.values())),
            "parts": _parts(project, min(_UTTERANCES_OF_PARTS, utterances[0])),
            "growth": {str(count): _growth(project, count) for count in utterances[1:]},
            "repro_of_nothing_seconds": _repro_of_nothing(project, utterances[-1]),
        }


def render(figures: dict[str, Any]) -> str:
    """The figures of `measure` as Markdown."""
    m = figures["machine"]
    versions = ", ".join(f"{name} {m[name]}" for name in ("python", *_VERSIONS))
    sizes = [
        f"| {size['utterances']:,} | {size['audio_seconds'] / 3600:.2f} | {size['extract_seconds']:.1f} | "
        f"{size['featurize_seconds']:.1f} | {size['audio_seconds_per_second']:,.0f} | "
        f"{size['extract_peak_megabytes']:.0f} | {size['featurize_peak_megabytes']:.0f} |"
        for size in figures["by_size"].values()
    ]
    workers = [
        f"| {by['1']['utterances']:,.0f} | {by['1']['seconds']:.1f} | {by['2']['seconds']:.1f} | {by['speedup']:.2f} |"
        for by in figures["by_workers"].values()
    ]
    growth = [
        f"| {grown['archives_before']:,} | {grown['archives_after']:,} | {grown['seconds']:.1f} | "
        f"{grown['seconds_from_nothing']:.1f} | {grown['share']:.0%} |"
        for grown in figures["growth"].values()
    ]
    # Figures of before they took turns do not tell how many runs there were.
    taking_turns = [f"By turns; medians of {figures['runs']} runs.", ""] if "runs" in figures else []
    lines = [
        "## From archives to features",
        "",
        f"The demo corpus with more speakers; {m['processor']}, {m['system']}; {versions}. Stages as `dvc repro` runs "
        "them, on all cores, with an empty work store and compiled kernels.",
        "",
        "| utterances | hours | extract, s | featurize, s | audio seconds per second | extract, peak MB of a process | "
        "featurize, peak MB of a process |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *sizes,
        "",
        f"The straight line through these times gives **{figures['voxforge_minutes']:.1f} minutes** for all of "
        f"VoxForge ({VOXFORGE_HOURS:.0f} hours) from .tgz to features on this machine, beside the download: "
        f"{figures['voxforge_minutes'] / FLOOR_MINUTES:.1f} times the floor.",
        "",
        *taking_turns,
        "| utterances | one worker, s | two workers, s | times as fast |",
        "| --- | --- | --- | --- |",
        *workers,
        "",
        *parts.render(figures["parts"]),
        "",
        "A tenth more archives, where features of the others are there:",
        "",
        *taking_turns,
        "| archives | grown to | s | all of them from nothing, s | share |",
        "| --- | --- | --- | --- | --- |",
        *growth,
        "",
        f"`dvc repro` with nothing to do at the largest size: {figures['repro_of_nothing_seconds']:.1f} s.",
    ]
    return "\n".join(lines) + "\n"


def _by_workers(project: Project, utterances: int) -> dict[str, Any]:
    _select(project, utterances)
    runs: dict[str, list[dict[str, float]]] = {"1": [], "2": []}
    for _ in range(_RUNS):
        for workers, found in runs.items():
            project.set({"compute.workers": int(workers)})
            found.append(_from_archives(project))
    project.set({"compute.workers": None})
    by = {workers: _medians(found) for workers, found in runs.items()}
    return {**by, "speedup": by["1"]["seconds"] / by["2"]["seconds"]}


def _by_size(project: Project, utterances: Sequence[int]) -> dict[str, dict[str, float]]:
    found = {}
    for count in utterances:
        _select(project, count)
        found[str(count)] = _from_archives(project)
    return found


def _voxforge_minutes(sizes: Sequence[Mapping[str, float]]) -> float:
    """What all of VoxForge would take on this machine: the line through the measured times over audio seconds."""
    slope, start = np.polyfit([size["audio_seconds"] for size in sizes], [size["seconds"] for size in sizes], 1)
    return float(start + slope * VOXFORGE_HOURS * 3600) / 60


def _parts(project: Project, utterances: int) -> dict[str, Any]:
    """Where the time goes from archives to features."""
    _select(project, utterances)
    setting = params.load(project.folder / "params.yaml")
    return parts.from_archives(
        project.folder / "data/raw",
        params.get(setting, "extract", ExtractParams),
        params.get(setting, "featurize", FeaturizeParams),
        runs=_RUNS,
    )


def _growth(project: Project, utterances: int) -> dict[str, float]:
    """Ten per cent more archives, beside a run of all of them from nothing."""
    more = _grown(utterances)
    grown, anew = [], []
    for _ in range(_RUNS):
        _select(project, utterances)
        _from_archives(project)
        _select(project, more)
        grown.append(sum(project.stage(stage).seconds for stage in _STAGES))
        anew.append(_from_archives(project)["seconds"])
    seconds, from_nothing = float(np.median(grown)), float(np.median(anew))
    return {
        "archives_before": utterances // _CLIPS_AN_ARCHIVE,
        "archives_after": more // _CLIPS_AN_ARCHIVE,
        "seconds": seconds,
        "seconds_from_nothing": from_nothing,
        "share": seconds / from_nothing,
    }


def _grown(utterances: int) -> int:
    return utterances * 11 // 10


def _repro_of_nothing(project: Project, utterances: int) -> float:
    """`dvc repro` when everything is up to date."""
    project.set(_SHORT_TRAINING)
    _select(project, utterances)
    project.dvc("repro", "--quiet")
    return float(np.median([project.dvc("repro", "--quiet").seconds for _ in range(_RUNS)]))


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


def _medians(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: float(np.median([run[name] for run in runs])) for name in runs[0]}


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
