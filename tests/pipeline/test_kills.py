"""kill -9 at twenty random moments, then the same bytes as an undisturbed run, with nothing made twice."""

import shutil
import sys
import time
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from support.kills import run_with_kills
from support.project import Project
from support.submissions import audio_bytes, member, tgz, tone, write_raw

ARCHIVES = 16


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}


def write_archives(raw: Path) -> None:
    """Archives that take a while each, to read and to featurize: clips of 4 s, stereo, 44.1 kHz; two are damaged."""
    archives = {}
    for number in range(ARCHIVES):
        clips = [tone(4.0, 90 + number + 40 * clip, rate_hz=44100) for clip in range(3)]
        stereo = [audio_bytes(np.stack([clip, 0.5 * clip], 1), 44100) for clip in clips]
        archives[f"u{number}.tgz"] = tgz(member(f"u/wav/{clip}.wav", content) for clip, content in enumerate(stereo))
    archives["u3.tgz"], archives["u8.tgz"] = archives["u3.tgz"][:-9], b"no gzip"
    write_raw(raw, archives)


@pytest.fixture
def kill_and_compare(project: Project, tmp_path: Path):
    def run(stage: str, kind: str, out: str, entries: int) -> None:
        """Run `stage` undisturbed, then from nothing with twenty kills; `entries` shards go to `kind` in the store."""
        seconds = []
        for _ in range(2):  # from nothing, then from the store
            started = time.monotonic()
            project.run(stage)
            seconds.append(time.monotonic() - started)
        folder, metrics = project.folder / out, project.folder / f"metrics/{stage}.json"
        undisturbed, counts = digests(folder), metrics.read_bytes()
        shutil.rmtree(folder)
        metrics.unlink()
        beside = set(folder.parent.iterdir()) | {folder}

        store = tmp_path / "another store"
        project.env["VOICETRAITS_CACHE"] = str(store)
        finished: dict[Path, int] = {}

        def look() -> None:
            assert not folder.exists() or digests(folder) == undisturbed
            finished_now = {sums.parent: sums.stat().st_ino for sums in store.glob(f"{kind}/??/*/SHA256SUMS.json")}
            assert finished.items() <= finished_now.items()  # what was finished is not made again
            finished.update(finished_now)
            if folder.exists():  # nothing is left to disturb: from the start
                shutil.rmtree(folder)
                shutil.rmtree(store)
                finished.clear()

        last = run_with_kills(
            [sys.executable, f"src/{stage}.py"], project.folder, project.env, 20, 7, seconds[0],
            startup_seconds=seconds[1], after_kill=look,
        )  # fmt: skip
        assert last.returncode == 0, last.stderr
        assert digests(folder) == undisturbed
        assert metrics.read_bytes() == counts
        assert set(folder.parent.iterdir()) == beside  # nothing is left of the runs that were killed
        assert list((store / "aside").iterdir()) == []
        assert len(list(store.glob(f"{kind}/??/*"))) == entries
        look()

    return run


@pytest.mark.slow
def test_extract(project: Project, kill_and_compare) -> None:
    write_archives(project.folder / "data/raw")
    project.set_params(extract__archives_per_shard=1, compute__workers=2)
    kill_and_compare("extract", "audio", "data/audio", ARCHIVES)


@pytest.mark.slow
def test_featurize(project: Project, kill_and_compare) -> None:
    write_archives(project.folder / "data/raw")
    project.set_params(extract__archives_per_shard=1, compute__workers=2)
    project.run("extract")
    kill_and_compare("featurize", "features", "data/features", ARCHIVES - 1)  # two shards are empty, thus the same
