"""What models cost: size on disk, seconds of training, milliseconds a clip; beside what they gain. Of the last run."""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from voicetraits.audio import SAMPLE_RATE_HZ
from voicetraits.bench.project import Project, watched
from voicetraits.bench.timing import machine
from voicetraits.comparison import size_on_disk
from voicetraits.errors import DataError
from voicetraits.features.extractor import FeatureExtractor, FeaturizeParams
from voicetraits.models import saved
from voicetraits.net_inputs import front_end_of

_VERSIONS = ("numpy", "tensorflow", "ydf")
#: What training reads, beside the code.
_INPUTS = ("data/audio", "data/features", "data/metadata.parquet", "data/splits.csv", "params.yaml")


def measure(repository: Path, scratch: Path, speech: Sequence[np.ndarray], *, runs: int) -> dict[str, Any]:
    """Train each model of the last run once more, on all cores, and let it predict clips one at a time.

    Args:
        repository: a project after `dvc repro`; its last commit is what trains.
        scratch: a folder on a disk with room, in which a folder is made and removed.
        speech: clips to predict, (n,) float32 at 16 kHz.
        runs: how often; the median counts.

    Raises:
        DataError: there has been no run.
    """
    stages = YAML(typ="safe", pure=True).load(repository / "dvc.lock")["stages"]
    commands = {stage["outs"][0]["path"]: stage["cmd"] for name, stage in stages.items() if name.startswith("train_")}
    commands = {path: command for path, command in commands.items() if (repository / path / "final").exists()}
    if not commands:
        raise DataError("data/models holds no model to measure; run `dvc repro`")
    gains = pd.read_csv(repository / "metrics/plots/gain_by_size.csv").query("unit == 'clips'")
    gains = gains.set_index(["target", "model"])
    clip_seconds = float(np.mean([len(samples) for samples in speech])) / SAMPLE_RATE_HZ
    figures: dict[str, Any] = {"machine": machine(_VERSIONS), "clip_seconds": clip_seconds, "models": {}}
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
                "milliseconds_per_clip": 1000 * _seconds_per_clip(model, speech, runs),
                "over": gain["over"],
                **{key: float(gain[key]) for key in ("gain", "low", "high")},
            }
    return figures


def _seconds_per_clip(model: saved.SavedModel, speech: Sequence[np.ndarray], runs: int) -> float:
    """From samples to probabilities, a clip at a time."""
    predict = _from_samples(model)
    predict(speech[0])  # nothing is compiled while the clock runs
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        for samples in speech:
            predict(samples)
        seconds.append((time.perf_counter() - start) / len(speech))
    return statistics.median(seconds)


def _from_samples(model: saved.SavedModel) -> Callable[[np.ndarray], np.ndarray]:
    """What makes probabilities of a clip: features, or a net's front end, then the model."""
    config = model.config
    if config.runtime is None:
        extract = FeatureExtractor(FeaturizeParams(**config.feature_params))
        return lambda samples: model.predict_proba(extract(samples)[None], names=extract.names)
    front_end = front_end_of(config.feature_names[0], config.feature_params)
    return lambda samples: model.predict_proba([front_end(samples)], names=config.feature_names)


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
        "whole stage, start included, on all folds of the split; a clip is predicted by itself, from its samples on, "
        f"{figures['clip_seconds']:.1f} s of speech in the mean.",
        "",
        "| target | model | kilobytes on disk | training, s | milliseconds a clip | gain of UAR on clips | 95 % "
        "interval | over |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *rows,
    ]
    return "\n".join(lines) + "\n"
