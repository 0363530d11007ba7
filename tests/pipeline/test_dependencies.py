"""dvc.yaml's deps and params are exactly what the stages load and read: no more reruns than needed, and no fewer."""

from pathlib import Path

import pytest

from support.dvc_project import STAGES, DvcProject, mirror_of, traced, tracing

#: Read by several stages and in no stage's params: where it runs does not change what comes out.
EXEMPT = "compute"


@pytest.fixture(scope="module")
def trace_of_demo(finished: DvcProject) -> Path:
    return finished.folder.parent / "trace.jsonl"


@pytest.mark.parametrize("stage", STAGES)
def test_deps_are_the_modules_that_a_run_loads(finished, trace_of_demo, stage):
    assert code_deps(finished, stage) == loaded_files(finished, trace_of_demo, stage)


@pytest.mark.parametrize("stage", STAGES)
def test_params_are_the_keys_that_a_run_reads(finished, trace_of_demo, stage):
    assert set(finished.lock()[stage]["params"]["params.yaml"]) == read_keys(trace_of_demo, stage)


def test_both_for_another_corpus(working_copy: DvcProject, tmp_path):
    working_copy.edit(
        {
            "corpus": "voxforge",
            "corpora.voxforge.url": str(mirror_of(working_copy, tmp_path / "mirror")),
            "corpora.voxforge.limit": 6,
            "corpora.voxforge.delay_seconds": 0.0,
        }
    )
    trace = tmp_path / "trace.jsonl"
    printed = working_copy.dvc("repro", "parse_metadata", **tracing(trace))
    assert printed.ran == ["scrape", "extract", "parse_metadata"]
    for stage in printed.ran:
        assert code_deps(working_copy, stage) == loaded_files(working_copy, trace, stage)
        assert set(working_copy.lock()[stage]["params"]["params.yaml"]) == read_keys(trace, stage)


def code_deps(project: DvcProject, stage: str) -> set[str]:
    return {dep["path"] for dep in project.lock()[stage]["deps"] if dep["path"].startswith("src/")}


def loaded_files(project: DvcProject, trace: Path, stage: str) -> set[str]:
    """The stage's script and the library's files that it or its workers loaded, less empty ones."""
    modules = [f"src/{module.replace('.', '/')}" for module in traced(trace, "module")[stage]]
    files = [f"{name}.py" if (project.folder / f"{name}.py").exists() else f"{name}/__init__.py" for name in modules]
    return {f"src/{stage.split('@')[0]}.py", *(name for name in files if (project.folder / name).stat().st_size)}


def read_keys(trace: Path, stage: str) -> set[str]:
    """The keys that were read for their value, not on the way to one of the keys below them."""
    keys = traced(trace, "param")[stage]
    return {key for key in keys if not any(other.startswith(f"{key}.") for other in keys)} - {EXEMPT}
