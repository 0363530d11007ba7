"""A program that somebody watches: its stderr is a terminal."""

import os
import pty
import subprocess
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path


def shown_on_a_terminal(command: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> bytes:
    """What the command shows on a terminal of 80 columns, after it has ended well."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    process = subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        while data := os.read(ours, 4096):
            shown += data
    except OSError:  # how a terminal says that nobody is there any more
        pass
    os.close(ours)
    assert process.wait() == 0, shown
    return shown
