"""The work store: no download and no shard is made twice; without it, or with damage in it, all comes out the same."""

import shutil
from pathlib import Path

import pytest

from support.dvc_project import DvcProject, mirror_of

pytestmark = pytest.mark.slow

STAGES = ["extract", "featurize", "parse_metadata", "scrape"]


def test_to_another_corpus_and_back_and_limits_up_and_down(working_copy: DvcProject, tmp_path):
    project = DvcProject(working_copy.folder)  # with a store of its own
    voxforge = {
        "corpus": "voxforge",
        "corpora.voxforge.url": str(mirror_of(project, tmp_path / "mirror")),
        "corpora.voxforge.limit": 16,
        "corpora.voxforge.delay_seconds": 0.0,
        "extract.archives_per_shard": 8,
    }
    project.edit(voxforge)
    printed = reproduce(project)
    assert sorted(printed.ran) == STAGES
    assert "16 of " in printed.stdout
    assert "0 of them already stored; 16 to fetch" in printed.stdout
    at_16 = entries(project.store)
    assert counts(at_16) == {"archive": 16, "audio": 2, "features": 2}

    project.edit({"corpora.voxforge.limit": 24})
    printed = reproduce(project)
    assert sorted(printed.ran) == STAGES
    assert "16 of them already stored; 8 to fetch" in printed.stdout
    at_24 = entries(project.store)
    assert counts(at_24) == {"archive": 24, "audio": 3, "features": 3}
    assert at_16.items() <= at_24.items(), "something that was there was made again"

    project.edit({"corpora.voxforge.limit": 16})
    printed = reproduce(project)
    assert (printed.ran, sorted(printed.cached)) == ([], STAGES)

    project.git("checkout", "--quiet", "params.yaml")
    printed = project.dvc("repro")
    assert printed.ran == []
    assert project.git("status", "--porcelain") == ""

    # Even where DVC has forgotten the runs, nothing is fetched or computed again.
    shutil.rmtree(project.folder / ".dvc/cache/runs")
    project.edit(voxforge | {"corpora.voxforge.limit": 24})
    printed = reproduce(project)
    assert sorted(printed.ran) == STAGES
    assert "24 of them already stored; nothing to fetch" in printed.stdout
    assert entries(project.store) == at_24


def test_a_damaged_store_and_none_at_all_give_the_same(finished: DvcProject, tmp_path):
    project = finished.copy(tmp_path / "project", own_store=True)
    again = ("repro", "--force", "--single-item", "scrape", "extract", "featurize")
    shutil.rmtree(project.store)
    printed = project.dvc(*again)
    assert printed.ran == ["scrape", "extract", "featurize"]
    assert project.git("status", "--porcelain") == ""
    before = entries(project.store)
    kinds = set(counts(before))
    assert {"audio", "features"} < kinds
    for kind in kinds:
        damage(
            next(path for path in sorted(before) if path.startswith(f"{kind}/") and not path.endswith(".json")), project
        )
    printed = project.dvc(*again)
    assert printed.stderr.count(" is damaged (") == len(kinds)
    assert "; making it again\n" in printed.stderr
    assert project.git("status", "--porcelain") == ""
    assert set(entries(project.store)) == set(before)


def reproduce(project: DvcProject):
    return project.dvc("repro", "parse_metadata", "featurize")


def entries(store: Path) -> dict[str, tuple[int, int]]:
    """File of a finished entry: its inode and time, which change when it is written again."""
    return {
        file.relative_to(store).as_posix(): (file.stat().st_ino, file.stat().st_mtime_ns)
        for file in sorted(store.glob("*/??/*/*"))
    }


def counts(found: dict[str, tuple[int, int]]) -> dict[str, int]:
    kinds = [path.split("/")[0] for path in found if path.endswith("/SHA256SUMS.json")]
    return {kind: kinds.count(kind) for kind in sorted(kinds)}


def damage(name: str, project: DvcProject) -> None:
    path = project.store / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.unlink()
    path.write_bytes(content)
