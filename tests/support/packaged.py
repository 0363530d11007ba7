"""What packaging reads of a project, with a model that training did not make; and what its users' machines have."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support.project import ROOT
from support.saved_models import save_softmax
from voicetraits.shipping.contents import models_in
from voicetraits.shipping.package import write_package

#: Of the project's root, where the models lie.
MODELS = "data/models/softmax"


def small_project(folder: Path) -> Path:
    """Put links to code, pins, licence and dvc.lock into a folder, and a softmax regression for both targets."""
    for name in ("src", "requirements.txt", "LICENSE", "dvc.lock"):
        (folder / name).symlink_to(ROOT / name)
    for target in ("gender", "age"):
        save_softmax(folder / MODELS, target)
    return folder


def packed(project: Path, folder: Path, card: str) -> Path:
    """The wheel of a small project, written into a folder."""
    return write_package(models_in(project / MODELS), project, card=card, notice="Notes.\n", folder=folder)


def run(command: list, *, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command as in a shell that knows nothing of this project."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VOICETRAITS", "NUMBA"))}
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, env={**env, **variables}, capture_output=True, text=True, check=False
    )


def without_network() -> list[str]:
    """What to put before a command; skips the test where the machine has no such means."""
    inside = ["unshare", "--map-root-user", "--net"]
    if not shutil.which("unshare") or run([*inside, "true"]).returncode:
        pytest.skip("not permitted to take the network away")
    return inside


def need_index(python: Path, folder: Path) -> None:
    """Skip the test where pip reaches no index to install from."""
    small = re.search("(?m)^threadpoolctl==.*$", (ROOT / "requirements.txt").read_text())[0]
    reached = run([python, "-m", "pip", "--quiet", "download", "--no-deps", "--dest", folder, small])
    if reached.returncode:
        pytest.skip(f"pip reaches no index to install from: {reached.stderr.strip().splitlines()[-1]}")
