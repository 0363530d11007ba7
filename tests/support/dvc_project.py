"""Copies of the whole project, each a git repository of its own, in which DVC runs as its users run it."""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]

STAGES = [
    "scrape", "extract", "parse_metadata", "featurize", "split",
    "train_softmax@gender", "train_softmax@age", "train_tfdf@gender", "train_tfdf@age",
    "train_net@voicenet-gender", "train_net@voicenet-age",
    "evaluate", "stress", "explain", "audit", "report",
]  # fmt: skip
#: Those that learn from the split, and what hangs on them.
BEYOND_SPLIT = STAGES[STAGES.index("split") + 1 :]
#: Those all of whose outputs git holds: in a clone they have nothing to do where what they read comes out the same.
HELD_BY_GIT = ("evaluate", "stress")

#: Params of a run that takes seconds: few speakers, short training, coarse intervals.
SMALL = {
    "corpora.demo.speakers": 16,
    "split.min_speakers_per_class": 3,
    "train.epochs": 4,
    "tfdf.num_trees": 8,
    "net.common.epochs": 2,
    "net.voicenet.channels": 16,
    "net.voicenet.blocks": 1,
    "augment.variants": 1,
    "evaluate.bootstrap_samples": 100,
    "stress.conditions": ["telephone", "crop_1s"],
    "explain.repeats": 2,
    "explain.nets.clips": 4,
    "explain.nets.steps": 2,
    "explain.nets.random_masks": 1,
}

#: What no run that ends well prints: lines that say that something is wrong, when its reader need not act on it.
COMPLAINT = re.compile(r"warn|error|deprecat|fail|traceback|exception|could not|unable|cuda", re.IGNORECASE)


@dataclass(frozen=True)
class Done:
    """What a command printed, its exit code, and the processor time that it took, its children included."""

    stdout: str
    stderr: str
    returncode: int
    cpu_seconds: float

    @property
    def output(self) -> str:
        return self.stdout + self.stderr

    @property
    def complaints(self) -> list[str]:
        return [line for line in self.output.splitlines() if COMPLAINT.search(line)]

    @property
    def ran(self) -> list[str]:
        """The stages that `dvc repro` or `dvc exp run` ran (with --dry: would run)."""
        return re.findall(r"^Running stage '(.+)':$", self.output, re.MULTILINE)

    @property
    def cached(self) -> list[str]:
        """The stages whose outputs DVC brought back from its run cache."""
        return re.findall(r"^Stage '(.+)' is cached", self.output, re.MULTILINE)

    def json(self) -> Any:
        return json.loads(self.stdout)


class DvcProject:
    """A project under `folder`, with a DVC cache and a DVC state of its own.

    Args:
        folder: the project's root.
        store: the work store; None for one of its own.
    """

    def __init__(self, folder: Path, *, store: Path | None = None) -> None:
        self.folder = folder
        self.store = store or folder.parent / f"{folder.name}-store"
        state = folder.parent / f"{folder.name}-dvc"
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "DVC_"))},
            # Stages call `python`, people call `dvc`: both those of the interpreter that runs the tests.
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "VOICETRAITS_CACHE": str(self.store),
            "DVC_NO_ANALYTICS": "1",
            "DVC_SITE_CACHE_DIR": str(state / "site"),
            "DVC_GLOBAL_CONFIG_DIR": str(state / "global"),
            "DVC_SYSTEM_CONFIG_DIR": str(state / "system"),
            **git_identity(),
        }

    @classmethod
    def of_working_tree(cls, folder: Path) -> "DvcProject":
        """The project's files as they are now, in a new repository with a first commit."""
        copy_working_tree(folder)
        project = cls(folder)
        project.git("init", "--quiet", "--initial-branch=main")
        project.commit("Start")
        return project

    def copy(self, folder: Path, *, own_store: bool = False) -> "DvcProject":
        """All of it, DVC's cache too, in another folder; the work store is copied with `own_store`, else shared."""
        shutil.copytree(self.folder, folder, symlinks=True)
        copy = DvcProject(folder, store=None if own_store else self.store)
        if own_store:
            shutil.copytree(self.store, copy.store)
        return copy

    def clone(self, folder: Path) -> "DvcProject":
        """A clean `git clone`: no data, no DVC cache, an empty work store."""
        self.git("clone", "--quiet", ".", str(folder))
        return DvcProject(folder)

    def run(self, *command: str, check: bool = True, stdin: str = "", **env: str) -> Done:
        """Run a command here; with `check`, a failure shows what it printed."""
        before = _cpu_seconds_of_children()
        done = subprocess.run(
            command, cwd=self.folder, env=self.env | env, input=stdin, capture_output=True, text=True, check=False,
            timeout=600,
        )  # fmt: skip
        shown = f"{' '.join(command)} gave {done.returncode}:\n{done.stdout}\n{done.stderr}"
        assert not check or done.returncode == 0, shown
        return Done(done.stdout, done.stderr, done.returncode, _cpu_seconds_of_children() - before)

    def dvc(self, *arguments: str, check: bool = True, **env: str) -> Done:
        return self.run("dvc", *arguments, check=check, **env)

    def git(self, *arguments: str) -> str:
        return self.run("git", *arguments).stdout

    def commit(self, message: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def params(self) -> dict[str, Any]:
        return _yaml(self.folder / "params.yaml")

    def edit(self, values: Mapping[str, Any]) -> None:
        """Set dotted keys of params.yaml."""
        yaml, path = YAML(), self.folder / "params.yaml"
        params = yaml.load(path)
        for key, value in values.items():
            *parents, last = key.split(".")
            section = params
            for parent in parents:
                section = section[parent]
            assert last in section, f"{key} is no key of params.yaml"
            section[last] = value
        yaml.dump(params, path)

    def lock(self) -> dict[str, Any]:
        """The stages of dvc.lock."""
        return _yaml(self.folder / "dvc.lock")["stages"]

    def read(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def json(self, name: str) -> Any:
        return json.loads(self.read(name))


def git_identity() -> dict[str, str]:
    """Variables under which git commits as a tester, and reads no configuration of this machine."""
    return {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        **{f"GIT_{who}_NAME": "A Tester" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "tester@example.org" for who in ("AUTHOR", "COMMITTER")},
    }


def copy_working_tree(folder: Path) -> None:
    """Copy the project's files as they are now to `folder`: those that git knows or would take, less git's own.

    Compiled kernels come along, which are good as long as their sources have the same time: they take half a minute.
    """
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    kernels = [str(path.relative_to(ROOT)) for path in (ROOT / "src").rglob("__pycache__/*.nb[ci]")]
    for name in filter(None, [*names, *kernels]):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def mirror_of(project: DvcProject, folder: Path) -> Path:
    """A folder with copies of those of the project's archives that have usable clips."""
    folder.mkdir()
    clips = pd.read_parquet(project.folder / "data/audio/clips.parquet", columns=["archive"])
    for archive in clips["archive"].unique():
        shutil.copyfile(project.folder / f"data/raw/{archive}.tgz", folder / f"{archive}.tgz")
    return folder


def tracing(file: Path) -> dict[str, str]:
    """Variables under which the stages note in `file` what they load and read; see trace/sitecustomize.py."""
    path = [str(Path(__file__).parent / "trace"), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, path)), "STAGE_TRACE": str(file)}


def traced(file: Path, what: str) -> dict[str, set[str]]:
    """Stage: what `file` says it loaded (`module`) or read (`param`)."""
    found: dict[str, set[str]] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        if what in event:
            # Of `src/train_net.py voicenet gender`, DVC makes train_net@voicenet-gender.
            script, *item = event["script"].removeprefix("src/").replace(".py", "").split(" ")
            stage = "@".join([script, "-".join(item)]) if item else script
            found.setdefault(stage, set()).add(event[what])
    return found


def leaves(params: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of nested mappings; a list and an empty mapping count as values."""
    for key, value in params.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _yaml(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path)


def _cpu_seconds_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
