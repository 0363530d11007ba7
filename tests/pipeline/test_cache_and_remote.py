"""DVC's cache: linked files stay what they are, a remote brings everything back, a clean-up keeps what is needed."""

import os
import shutil
from pathlib import Path

import pytest

from support.dvc_project import STAGES, DvcProject, tracing
from voicetraits.files import sha256_of

pytestmark = pytest.mark.slow


def test_a_remote_brings_back_what_the_cache_has_lost(working_copy: DvcProject, tmp_path):
    working_copy.dvc("remote", "add", "--default", "folder", str(tmp_path / "remote"))
    working_copy.commit("A remote")
    assert working_copy.dvc("push").complaints == []
    assert "Everything is up to date." in working_copy.dvc("push").stdout

    clone = working_copy.clone(tmp_path / "clone")
    clone.dvc("pull")
    assert clone.dvc("status", "--json").json() == {}
    assert contents(clone.folder / "data") == contents(working_copy.folder / "data")

    shutil.rmtree(working_copy.folder / ".dvc/cache")
    for path in outs(working_copy):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    working_copy.dvc("pull")
    assert working_copy.dvc("repro").ran == []
    assert working_copy.git("status", "--porcelain") == ""


def test_gc_keeps_what_the_workspace_needs(working_copy: DvcProject):
    needed = contents(working_copy.folder / "data")
    working_copy.edit({"extract.max_duration_seconds": 3.5})
    working_copy.dvc("repro", "extract")
    working_copy.git("checkout", "--quiet", ".")
    working_copy.dvc("checkout")
    before = cached_objects(working_copy)

    working_copy.dvc("gc", "--workspace", "--force")
    assert cached_objects(working_copy) < before
    shutil.rmtree(working_copy.folder / "data")
    working_copy.dvc("checkout")
    assert contents(working_copy.folder / "data") == needed
    assert working_copy.dvc("status", "--json").json() == {}


def test_stages_run_by_hand_read_what_they_declare_and_spare_the_cache(working_copy: DvcProject, tmp_path):
    """Files of the workspace are hard links of DVC's cache: to write through one would damage the cache.

    Each script runs among links to its own inputs and former outputs and nothing else; it must write the same bytes.
    """
    shutil.rmtree(working_copy.folder / "data")
    working_copy.dvc("checkout", "--relink")
    data, everything = working_copy.folder / "data", tmp_path / "everything"
    data.rename(everything)
    before = cached_objects(working_copy)
    for name in STAGES:
        stage = working_copy.lock()[name]
        deps = [dep["path"] for dep in stage["deps"] if dep["path"].startswith("data/")]
        own = [out["path"] for out in stage["outs"] if out["path"].startswith("data/")]
        for path in [*deps, *own]:
            link(everything / Path(path).relative_to("data"), working_copy.folder / path)
        # A name here, one in `everything`, and the cache itself. DVC links no empty files.
        single = [file for file in files(data) if file.stat().st_size and file.stat().st_nlink < 3]
        assert single == [], "not links of the cache"
        working_copy.run(*stage["cmd"].split(), **tracing(tmp_path / "trace"))
        for path in own:
            made = contents(working_copy.folder / path)
            assert made == contents(everything / Path(path).relative_to("data")), f"{name} wrote another {path}"
        shutil.rmtree(data)
    assert cached_objects(working_copy) == before
    assert working_copy.git("status", "--porcelain", "metrics") == ""


def link(source: Path, target: Path) -> None:
    for file in files(source):
        copy = target / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if not copy.exists():
            os.link(file, copy)


def files(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def contents(path: Path) -> dict[str, str]:
    return {file.relative_to(path).as_posix(): sha256_of(file) for file in files(path) if file.name != "README.md"}


def outs(project: DvcProject) -> list[Path]:
    return [
        project.folder / out["path"]
        for stage in project.lock().values()
        for out in stage["outs"]
        if out["path"].startswith("data/")
    ]


def cached_objects(project: DvcProject) -> set[tuple[str, str]]:
    return set(contents(project.folder / ".dvc/cache/files").items())
