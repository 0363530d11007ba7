"""A copy of the project in a folder of its own, in which a test runs stages."""

import os
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parent.parent.parent


class Project:
    """A copy of the project in a folder of its own, with its own store, in which stages can be run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        for name in ("src", "params.yaml", "dvc.yaml"):
            (folder / name).symlink_to(ROOT / name) if name == "src" else (folder / name).write_bytes(
                (ROOT / name).read_bytes()
            )
        self.env = {**os.environ, "VOICETRAITS_CACHE": str(folder / "store")}

    def set_params(self, **values: object) -> None:
        """Set keys of params.yaml; a dot in a key is written as two underscores (`corpora__demo__speakers=12`)."""
        path, yaml = self.folder / "params.yaml", YAML()
        params = yaml.load(path)
        for key, value in values.items():
            *parents, last = key.split("__")
            section = params
            for parent in parents:
                section = section[parent]
            section[last] = value
        yaml.dump(params, path)

    def run(self, stage: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `python src/<stage>.py` here; with `check`, a failure shows what it printed."""
        command = [sys.executable, f"src/{stage}.py", *arguments]
        done = subprocess.run(command, cwd=self.folder, env=self.env, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, f"{stage} failed:\n{done.stdout}\n{done.stderr}"
        return done
