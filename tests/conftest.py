"""What all tests share: a store of their own, the mirror of real speech if any, projects to run stages in."""

import os
from pathlib import Path

import pytest

from support.project import Project
from voicetraits.store import Store


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


@pytest.hookimpl(tryfirst=True)  # xdist reads the mark here as well
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where tests run in several processes: those of a file in one, those that share a costly first run too."""
    for item in items:
        group = "first run" if "first_run" in item.fixturenames else item.path.name
        item.add_marker(pytest.mark.xdist_group(group))
