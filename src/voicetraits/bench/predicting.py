"""What predicting takes: from a cold start to the first answer, of a long file, and of memory; a rival beside it.

inaSpeechSegmenter (Doukhan et al. 2018) finds speech, music and noise, and says female or male of speech. It is no
dependency of ours, and measured where it is installed beside us.
"""

import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from voicetraits.bench.project import watched
from voicetraits.bench.timing import machine
from voicetraits.errors import DataError
from voicetraits.inference.predictor import SAMPLE_RATE_HZ, Predictor

_VERSIONS = ("numpy", "onnxruntime", "ydf")
_SHORT_SECONDS, _LONG_SECONDS = 5, 600
#: The default model, of which memory is measured, and the length of the file.
_DEFAULT_MODEL, _MEMORY_HOURS = "tfdf", 10.0
_RIVAL = "inaSpeechSegmenter"
#: Segments the files that are named, a time each; prints what it took from its start to the first answer, and each.
_RUN_RIVAL = """
import sys, time
begin = time.perf_counter()
from inaSpeechSegmenter import Segmenter
segmenter = Segmenter()
for path in sys.argv[1:]:
    start = time.perf_counter()
    segmenter(path)
    print("answered", time.perf_counter() - begin, time.perf_counter() - start)
"""


def measure(repository: Path, scratch: Path, speech: Sequence[np.ndarray], *, runs: int) -> dict[str, Any]:
    """Predict with each model of the last run.

    Args:
        repository: a project after `dvc repro`.
        scratch: a folder on a disk with room.
        speech: clips, (n,) float32 at 16 kHz, that are repeated to make files.
        runs: how often each is measured; the median counts.

    Raises:
        DataError: there has been no run, or predicting fails.
    """
    folders = sorted(path for path in (repository / "data/models").glob("*") if any(path.glob("*/final")))
    if not folders:
        raise DataError("data/models holds no model to measure; run `dvc repro`")
    together = np.concatenate(speech)
    figures: dict[str, Any] = {"machine": machine(_VERSIONS), "models": {}, "rival": None}
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        files = {seconds: Path(name) / f"{seconds}.wav" for seconds in (_SHORT_SECONDS, _LONG_SECONDS)}
        for seconds, path in files.items():
            soundfile.write(path, np.resize(together, seconds * SAMPLE_RATE_HZ), SAMPLE_RATE_HZ)
        for folder in folders:
            cold = [_cold_start(repository, folder, files[_SHORT_SECONDS]) for _ in range(runs + 1)][1:]
            predictor = Predictor(folder)
            predictor(files[_SHORT_SECONDS])
            long = [_seconds_of(predictor, files[_LONG_SECONDS]) for _ in range(runs)]
            figures["models"][folder.name] = {
                "cold_start_seconds": statistics.median(cold),
                "times_real_time": _LONG_SECONDS / statistics.median(long),
            }
        for folder in folders:
            if folder.name == _DEFAULT_MODEL:
                path = Path(name) / "hours.wav"
                _write_repeated(path, together, round(_MEMORY_HOURS * 3600 * SAMPLE_RATE_HZ))
                command = [sys.executable, str(repository / "src/predict.py"), str(path), "--model", str(folder)]
                cost = watched([*command, "--segments"], repository, {})
                figures["memory"] = {
                    "model": folder.name,
                    "hours": _MEMORY_HOURS,
                    "peak_megabytes": cost.peak_megabytes,
                }
        if importlib.util.find_spec(_RIVAL):
            figures["rival"] = _measure_rival(files, runs)
    return figures


def render(figures: dict[str, Any]) -> str:
    """A table."""
    lines = [
        "## Predicting",
        "",
        f"Cold start: `python src/predict.py` on one file of {_SHORT_SECONDS} s, from its start to its end. Long file: "
        f"{_LONG_SECONDS // 60} minutes of speech, finding it included, on one core. All targets are answered at once. "
        "Medians, not counting a run before them, which compiles or loads.",
        "",
        "| model | cold start, seconds | long file, times real time |",
        "| --- | --- | --- |",
    ]
    for name, own in figures["models"].items():
        lines.append(f"| {name} | {own['cold_start_seconds']:.2f} | {own['times_real_time']:.0f} |")
    if rival := figures["rival"]:
        lines.append(f"| {_RIVAL} | {rival['cold_start_seconds']:.2f} | {rival['times_real_time']:.0f} |")
    else:
        lines += ["", f"{_RIVAL} was not installed, so that nothing stands beside it; `pip install {_RIVAL}`."]
    if memory := figures.get("memory"):  # figures of before it was measured have none
        lines += [
            "",
            f"Memory: `python src/predict.py --segments` on one file of {memory['hours']:g} hours with "
            f"{memory['model']} held {memory['peak_megabytes']:.0f} MB at most (resident set).",
        ]
    return "\n".join(lines) + "\n"


def _write_repeated(path: Path, samples: np.ndarray, length: int) -> None:
    """Write samples again and again, up to a length, without holding it in memory."""
    with soundfile.SoundFile(path, "w", SAMPLE_RATE_HZ, 1) as file:
        for start in range(0, length, len(samples)):
            file.write(samples[: length - start])


def _cold_start(repository: Path, model: Path, sound: Path) -> float:
    command = [sys.executable, str(repository / "src/predict.py"), str(sound), "--model", str(model)]
    start = time.perf_counter()
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise DataError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
    return seconds


def _measure_rival(files: Mapping[int, Path], runs: int) -> dict[str, float]:
    """As our models are measured; one thread, as ours."""
    order = [files[_SHORT_SECONDS], *[files[_LONG_SECONDS]] * runs]
    command = [sys.executable, "-c", _RUN_RIVAL, *map(str, order)]
    cold, long = [], []
    for _ in range(runs):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DataError(f"{_RIVAL} failed: {done.stderr.strip().splitlines()[-1]}; remove it, or mend it")
        times = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("answered ")]
        cold.append(float(times[0][0]))
        long += [float(seconds) for _, seconds in times[1:]]
    return {
        "cold_start_seconds": statistics.median(cold),
        "times_real_time": _LONG_SECONDS / statistics.median(long),
    }


def _seconds_of(predictor: Predictor, sound: Path) -> float:
    start = time.perf_counter()
    predictor(sound)
    return time.perf_counter() - start
