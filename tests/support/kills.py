"""Kills a command at random moments, again and again, then lets it finish."""

import os
import random
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Survival:
    """What came of it: the last run, which nobody disturbed, and how many kills found the command still running."""

    last: subprocess.CompletedProcess[str]
    hits: int


def run_with_kills(
    command: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    kills: int,
    seed: int,
    total_seconds: float,
    *,
    startup_seconds: float = 0.0,
    after_kill: Callable[[], None] = lambda: None,
) -> Survival:
    """Start `command` `kills` times, `kill -9` it and its children at a random moment; then run it to its end.

    As each run goes on where the one before was killed, the moments are drawn so that the runs together do about the
    work of one: a quarter of the kills come while the command starts, the others after a share of the work.

    Args:
        command: what to run; its children are killed with it.
        cwd: where to run it.
        env: its whole environment.
        kills: how often to kill it.
        seed: another seed kills at other moments.
        total_seconds: how long an undisturbed run takes, from nothing (measure it).
        startup_seconds: how long a run takes that finds everything done already (measure it).
        after_kill: called after each kill, to look at what is there.
    """
    moments = random.Random(seed)
    work_seconds = max(total_seconds - startup_seconds, 0.0)
    hits = 0
    for _ in range(kills):
        if moments.random() < 0.25:
            seconds = moments.uniform(0, startup_seconds)
        else:
            seconds = startup_seconds + moments.uniform(0, 2 * work_seconds / (0.75 * kills))
        # A session of its own, so that its worker processes can be killed with it.
        process = subprocess.Popen(
            command, cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            hits += 1
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        after_kill()
    last = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    return Survival(last, hits)
