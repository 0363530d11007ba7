"""A copy of the last commit in which a benchmark runs stages, watched for time and memory."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from voicetraits.errors import DataError
from voicetraits.params_file import write_values

_SAMPLING_SECONDS = 0.05


@dataclass(frozen=True)
class Cost:
    """What a command took.

    Attributes:
        seconds: on the clock.
        peak_megabytes: the most that one process of it held in memory at a time (resident set), seen every 50 ms.
    """

    seconds: float
    peak_megabytes: float


class Project:
    """A clone of a repository's last commit, with a work store of its own.

    Args:
        repository: what to clone.
        folder: where to put it; must not exist.
    """

    def __init__(self, repository: Path, folder: Path) -> None:
        self.folder = folder
        self.store = folder.parent / f"{folder.name}-store"
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(repository), str(folder)], check=True)

    def set(self, values: Mapping[str, Any]) -> None:
        """Write values into params.yaml, by dotted keys."""
        write_values(self.folder / "params.yaml", values)

    def forget(self, kind: str) -> None:
        """Remove all entries of a kind from the work store."""
        shutil.rmtree(self.store / kind, ignore_errors=True)

    def stage(self, name: str) -> Cost:
        """Run a stage's script."""
        return self._run(sys.executable, f"src/{name}.py")

    def dvc(self, *arguments: str) -> Cost:
        """Run a DVC command."""
        return self._run(sys.executable, "-m", "dvc", *arguments)

    def _run(self, *command: str) -> Cost:
        return watched(command, self.folder, {"VOICETRAITS_CACHE": str(self.store)})


def watched(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Cost:
    """Run a command in a folder, with more environment variables; what it took.

    Raises:
        DataError: it fails; the message has what it printed.
    """
    # Stages call `python`: this one.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    env = {**os.environ, "PATH": path, **environment}
    started = time.perf_counter()
    with subprocess.Popen(
        command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        peak = _Peak(process.pid)
        output, _ = process.communicate()
        seconds = time.perf_counter() - started
    if process.returncode:
        raise DataError(f"`{' '.join(command)}` failed in {folder}: {output.strip()}")
    return Cost(seconds, peak.end() / 1e6)


class _Peak:
    """Watches a process and its descendants from a thread; `end` gives the largest resident set of any, in bytes."""

    def __init__(self, pid: int) -> None:
        self._largest = 0
        self._ended = threading.Event()
        self._root = psutil.Process(pid)
        self._own_command = psutil.Process().cmdline()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self) -> int:
        self._ended.set()
        self._thread.join()
        return self._largest

    def _watch(self) -> None:
        while not self._ended.wait(_SAMPLING_SECONDS):
            try:
                processes = [self._root, *self._root.children(recursive=True)]
            except psutil.NoSuchProcess:
                return
            for process in processes:
                try:
                    if process.cmdline() == self._own_command:
                        continue  # between fork and exec a child has our memory
                    self._largest = max(self._largest, process.memory_info().rss)
                except (psutil.NoSuchProcess, psutil.ZombieProcess):
                    continue  # it has ended since
