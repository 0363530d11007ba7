"""dvc.yaml's deps and params are exactly what the stages load and read: no more reruns than needed, and no fewer."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from support.dvc_project import ROOT, STAGES, DvcProject, mirror_of, traced, tracing
from support.layouts import audiomnist, common_voice, librispeech, tarred
from support.submissions import audio_bytes, tone
from voicetraits.code import code_of
from voicetraits.models.net_names import NETS

#: Read by several stages and in no stage's params: where it runs does not change what comes out.
EXEMPT = "compute"


@pytest.fixture(scope="module")
def trace_of_demo(finished: DvcProject) -> Path:
    return finished.folder.parent / "trace.jsonl"


@pytest.mark.parametrize("stage", STAGES)
def test_deps_are_the_modules_that_a_run_loads(finished, trace_of_demo, stage):
    deps, loaded = code_deps(finished, stage), loaded_files(finished, trace_of_demo, stage)
    assert loaded <= deps
    assert deps - loaded <= needed_by_nets(stage.partition("@")[0])


@pytest.mark.parametrize("net", NETS)
def test_deps_hold_what_each_net_needs(finished, net):
    """Of the nets that the run had no part in: what their files import, and what imports nothing that is not a dep."""
    needed = files_of(f"voicetraits.models.{net}") - {f"src/voicetraits/models/{net}.py"}
    assert needed <= code_deps(finished, "train_net@voicenet-gender")
    front_ends = {name for name in needed if "/front_ends/" in name or "/features/" in name}
    for stage in ("evaluate", "stress", "explain"):
        assert front_ends <= code_deps(finished, stage)


@pytest.mark.parametrize("stage", STAGES)
def test_params_are_the_keys_that_a_run_reads(finished, trace_of_demo, stage):
    assert set(finished.lock()[stage]["params"]["params.yaml"]) == read_keys(trace_of_demo, stage)


def test_both_for_another_corpus(working_copy: DvcProject, tmp_path: Path):
    settings = {
        "corpora.voxforge.url": str(mirror_of(working_copy, tmp_path / "mirror")),
        "corpora.voxforge.limit": 6,
        "corpora.voxforge.delay_seconds": 0.0,
    }
    check_both(working_copy, "voxforge", settings, tmp_path / "trace.jsonl")


@pytest.mark.slow
@pytest.mark.parametrize("corpus", ["folder", "audiomnist", "librispeech", "common_voice"])
def test_both_for_corpora_that_are_repacked(working_copy: DvcProject, tmp_path: Path, corpus: str):
    check_both(working_copy, corpus, written(corpus, tmp_path), tmp_path / "trace.jsonl")


@pytest.mark.slow
def test_both_for_a_mix_less_the_files_of_its_corpora(working_copy: DvcProject, tmp_path: Path):
    """dvc.yaml can name one corpus's file: that of the mix."""
    settings = {
        "corpora.mix.of": [
            {"corpus": "demo", "speakers": 8, "seed": 1, "limit": 2},
            {
                "corpus": "folder",
                "genders": None,
                "table": "metadata.csv",
                "path": written("folder", tmp_path)["corpora.folder.path"],
            },
        ]
    }
    members = {f"src/voicetraits/corpora/{name}.py" for name in ("demo", "folder")}
    check_both(working_copy, "mix", settings, tmp_path / "trace.jsonl", but=members)


def written(corpus: str, folder: Path) -> dict[str, Any]:
    """Write a small corpus to `folder`; the settings that lead to it."""
    if corpus == "folder":
        (folder / "a.wav").write_bytes(audio_bytes(tone(1.0)))
        (folder / "metadata.csv").write_text("path,speaker_id,gender,age\na.wav,a,female,30\n")
        return {"corpora.folder.path": str(folder)}
    file = folder / "train-clean-100.tar.gz"
    make = {"audiomnist": audiomnist, "librispeech": librispeech, "common_voice": common_voice}[corpus]
    file.write_bytes(tarred(make()))
    return {f"corpora.{corpus}.{'path' if corpus == 'common_voice' else 'url'}": str(file)}


def check_both(
    project: DvcProject, corpus: str, settings: dict[str, Any], trace: Path, but: Collection[str] = ()
) -> None:
    """Run scrape, extract and parse_metadata of a corpus, and compare; `but` are loaded, and no deps."""
    project.edit({"corpus": corpus, **settings})
    printed = project.dvc("repro", "parse_metadata", **tracing(trace))
    assert printed.ran == ["scrape", "extract", "parse_metadata"]
    for stage in printed.ran:
        loaded = loaded_files(project, trace, stage)
        assert code_deps(project, stage) == loaded - (set(but) if stage == "scrape" else set())
        assert set(project.lock()[stage]["params"]["params.yaml"]) == read_keys(trace, stage)


def needed_by_nets(stage: str) -> set[str]:
    """Files that a stage may have as deps though a run did not load them: those of nets that the run had no part in.

    DVC's matrix cannot look up, by a net's name, which front end it has.
    """
    needed = {name for net in NETS for name in files_of(f"voicetraits.models.{net}")}
    if stage == "train_net":
        return needed - {f"src/voicetraits/models/{net}.py" for net in NETS}
    is_input = stage in ("evaluate", "stress", "explain")
    return {name for name in needed if is_input and ("/front_ends/" in name or "/features/" in name)}


def files_of(module: str) -> set[str]:
    """The library's files that a module imports, in turn, less empty ones."""
    names = {f"src/{name.replace('.', '/')}.py" for name in code_of(module)}
    return {name for name in names if (ROOT / name).is_file()}


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
