"""One small run of the whole graph, made once, and copies of it for tests that change something."""

from pathlib import Path

import pytest

from support.dvc_project import SMALL, Done, DvcProject, tracing


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[DvcProject, Done]:
    """The project after its first `dvc repro`, committed, and what that printed; `trace.jsonl` lies beside it."""
    folder = tmp_path_factory.mktemp("dvc")
    project = DvcProject.of_working_tree(folder / "project")
    project.edit(SMALL)
    printed = project.dvc("repro", **tracing(folder / "trace.jsonl"))
    project.commit("A first run")
    return project, printed


@pytest.fixture(scope="session")
def finished(first_run: tuple[DvcProject, Done]) -> DvcProject:
    """The project after its first run; tests look at it and change nothing."""
    return first_run[0]


@pytest.fixture
def working_copy(finished: DvcProject, tmp_path: Path) -> DvcProject:
    """A copy of the project after its first run, to work in."""
    return finished.copy(tmp_path / "project")


@pytest.fixture(scope="session")
def without_age(finished: DvcProject, tmp_path_factory: pytest.TempPathFactory) -> tuple[DvcProject, Done]:
    """A second run: shorter clips only, and so many speakers asked for that age is skipped. Not committed."""
    project = finished.copy(tmp_path_factory.mktemp("dvc") / "project")
    counts = finished.json("metrics/metadata.json")
    *_, second, _ = sorted(counts["age"][group]["speakers"] for group in ("youth", "adult", "senior"))
    least = min(counts["gender"][gender]["speakers"] for gender in ("female", "male"))
    assert second < least, "the demo corpus has too few women or men for a number that leaves out all ages but one"
    project.edit({"extract.max_duration_seconds": 3.5, "split.min_speakers_per_class": second + 1})
    return project, project.dvc("repro")
