"""Kills a command at random moments, again and again, then lets it finish."""

import os
import random
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

#: Of starts for each kill; where more are needed, the command ends too soon to be killed.
_MOST_TRIES = 3
#: How much sooner kills come after one that came too late: the machine is faster now than when it was measured.
_SOONER = 0.8


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
) -> subprocess.CompletedProcess[str]:
    """Start `command` until `kill -9` at a random moment has found it running `kills` times; then run it to its end.

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
        after_kill: called after each kill, and after each run that came to its end first, to look at what is there.

    Returns:
        the last run, which nobody disturbed.
    """
    moments = random.Random(seed)
    work_seconds = max(total_seconds - startup_seconds, 0.0)
    hits = tries = 0
    pace = 1.0
    while hits < kills:
        assert tries < _MOST_TRIES * kills, f"{hits} of {kills} kills found {command} running in {tries} tries"
        if moments.random() < 0.25:
            seconds = moments.uniform(0, startup_seconds)
        else:
            seconds = startup_seconds + moments.uniform(0, 2 * work_seconds / (0.75 * kills))
        if _is_killed(command, cwd, env, pace * seconds):
            hits += 1
        else:
            pace *= _SOONER
        tries += 1
        after_kill()
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


def _is_killed(command: Sequence[str], cwd: Path, env: Mapping[str, str], seconds: float) -> bool:
    """Start a command and kill it after a time; whether it was still running."""
    # A session of its own, so that its worker processes can be killed with it.
    process = subprocess.Popen(
        command, cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return True
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return False
