"""What models cost: size on disk, seconds of training, milliseconds a clip; beside what they gain. Of the last run."""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML

from voicetraits.bench.project import Project, watched
from voicetraits.bench.timing import machine
from voicetraits.comparison import size_on_disk
from voicetraits.errors import DataError
from voicetraits.features.table import FeatureTable, read_features
from voicetraits.models import saved

_VERSIONS = ("numpy", "tensorflow", "ydf")
#: What training reads, beside the code.
_INPUTS = ("data/audio", "data/features", "data/metadata.parquet", "data/splits.csv", "params.yaml")


def measure(repository: Path, scratch: Path, *, clips: int, runs: int) -> dict[str, Any]:
    """Train each model of the last run once more, on all cores, and let it predict clips one at a time.

    Args:
        repository: a project after `dvc repro`; its last commit is what trains.
        scratch: a folder on a disk with room, in which a folder is made and removed.
        clips: how many to predict.
        runs: how often; the median counts.

    Raises:
        DataError: there has been no run.
    """
    stages = YAML(typ="safe", pure=True).load(repository / "dvc.lock")["stages"]
    commands = {stage["outs"][0]["path"]: stage["cmd"] for name, stage in stages.items() if name.startswith("train_")}
    commands = {path: command for path, command in commands.items() if (repository / path / "final").exists()}
    if not commands:
        raise DataError("data/models holds no model to measure; run `dvc repro`")
    features = read_features(repository / "data/features")
    gains = pd.read_csv(repository / "metrics/plots/gain_by_size.csv").query("unit == 'clips'")
    gains = gains.set_index(["target", "model"])
    figures: dict[str, Any] = {"machine": machine(_VERSIONS), "models": {}}
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        project = Project(repository, Path(folder).resolve() / "project")
        for name in _INPUTS:
            (project.folder / name).unlink(missing_ok=True)
            (project.folder / name).symlink_to(repository.resolve() / name)
        for path, command in sorted(commands.items()):
            target, name = Path(path).name, Path(path).parent.name
            model = saved.load(repository / path / "final")
            gain = gains.loc[(target, name)]
            figures["models"].setdefault(target, {})[name] = {
                "bytes": size_on_disk(repository / path / "final"),
                "training_seconds": watched(
                    command.split(), project.folder, {"VOICETRAITS_CACHE": str(project.store)}
                ).seconds,
                "milliseconds_per_clip": 1000 * _seconds_per_clip(model, features, clips, runs),
                "over": gain["over"],
                **{key: float(gain[key]) for key in ("gain", "low", "high")},
            }
    return figures


def _seconds_per_clip(model: saved.SavedModel, features: FeatureTable, clips: int, runs: int) -> float:
    """From features that are there to probabilities, a clip at a time."""
    rows = features.rows(features.values.index[:clips])
    model.predict_proba(rows[:1], names=features.names)  # nothing is compiled while the clock runs
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        for number in range(len(rows)):
            model.predict_proba(rows[number : number + 1], names=features.names)
        seconds.append((time.perf_counter() - start) / len(rows))
    return statistics.median(seconds)


def render(figures: dict[str, Any]) -> str:
    """The figures of `measure` as Markdown."""
    m = figures["machine"]
    versions = ", ".join(f"{name} {m[name]}" for name in ("python", *_VERSIONS))
    rows = [
        f"| {target} | {name} | {own['bytes'] / 1024:,.0f} | {own['training_seconds']:.0f} | "
        f"{own['milliseconds_per_clip']:.2f} | {own['gain']:+.3f} | {own['low']:+.3f} to {own['high']:+.3f} | "
        f"{own['over']} |"
        for target, models in figures["models"].items()
        for name, own in models.items()
    ]
    lines = [
        "## Models",
        "",
        f"Those of the last run; {m['processor']}, {m['cores']} cores, {m['system']}; {versions}. Training is the "
        "whole stage, start included, on all folds of the split; a clip is predicted by itself, from features that are "
        "there.",
        "",
        "| target | model | kilobytes on disk | training, s | milliseconds a clip | gain of UAR on clips | 95 % "
        "interval | over |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *rows,
    ]
    return "\n".join(lines) + "\n"
