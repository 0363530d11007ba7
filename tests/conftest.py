"""What all tests share: a store of their own, the mirror of real speech if any, projects to run stages in."""

import os
import re
import signal
from functools import cache
from pathlib import Path

import pytest
from joblib.externals.loky import reusable_executor
from xdist.scheduler import LoadFileScheduling

from support.project import Project
from voicetraits.store import Store

# What a shell starts in the background does not hear Ctrl-C, and neither would anything that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def own_workers() -> None:
    """Worker processes that a test before this one has left in our process work in the folder of that test."""
    if reusable_executor._executor is not None:
        reusable_executor._executor.shutdown(wait=True)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The folder of real speech that VOICETRAITS_MIRROR names."""
    folder = os.environ.get("VOICETRAITS_MIRROR")
    if not folder:
        pytest.skip("VOICETRAITS_MIRROR is not set: no real speech to run against")
    return Path(folder)


class _ByRun(LoadFileScheduling):
    """A file's tests in one process, and in one those of all files that share the costly first run."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::")[0]
        return "first run" if _shares_first_run(file) else file


@cache
def _shares_first_run(file: str) -> bool:
    text = (Path(__file__).parents[1] / file).read_text(encoding="utf-8")
    return bool(re.search(r"\b(finished|working_copy): DvcProject|\b(first_run|without_age): tuple", text))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> _ByRun:
    return _ByRun(config, log)
