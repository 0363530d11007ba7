"""The stage as it is run: by hand, by several workers, from several folders, and on real speech."""

import io
import json
import os
import shutil
import subprocess
import tarfile
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import soundfile

from support.project import Project
from support.submissions import audio_bytes, member, submission, tgz, tone, write_raw


def outputs(project: Project) -> dict[str, str]:
    files = [*sorted((project.folder / "data/audio").iterdir()), project.folder / "metrics/extract.json"]
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in files}


def assert_one_line(done: subprocess.CompletedProcess[str], start: str) -> None:
    assert done.returncode == 1
    assert done.stderr.startswith(start)
    assert done.stderr.count("\n") == 1, done.stderr


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project after two workers have extracted nine archives."""
    project = Project(tmp_path_factory.mktemp("extract") / "project")
    archives = {f"user{number}-2008-abc.tgz": submission(f"user{number}-2008-abc") for number in range(7)}
    archives["broken-2008-abc.tgz"] = archives["user0-2008-abc.tgz"][:-10]
    archives["odd-2008-abc.tgz"] = tgz(
        [
            member("t/stereo.flac", audio_bytes(np.stack([tone(1.0, rate_hz=44100)] * 2, 1), 44100, container="FLAC")),
            member("t/../../../../../outside.wav", audio_bytes(tone(1.0))),
            member("t/silent.wav", audio_bytes(np.zeros(16000))),
        ]
    )
    write_raw(project.folder / "data/raw", archives)
    project.set_params(extract__archives_per_shard=2, compute__workers=2)
    done = project.run("extract")
    assert (done.stdout, done.stderr) == ("", "")  # no progress bar where nobody watches
    return project


def test_stage_writes_its_outputs_and_metrics(extracted: Project) -> None:
    assert json.loads((extracted.folder / "metrics/extract.json").read_text()) == {
        "archives_in": 9, "archives_kept": 8, "archives_quarantined": 1,
        "clips_in": 24, "clips_kept": 22, "clips_quarantined": 2, "other_files_quarantined": 0,
        "hours": 0.003778, "shards": 5,
        "quarantined": {"damaged_gzip": 1, "silence": 1, "unsafe_path": 1},
    }  # fmt: skip
    assert sorted(path.name for path in extracted.folder.iterdir()) == [
        "data", "dvc.yaml", "metrics", "params.yaml", "src", "store",
    ]  # fmt: skip
    assert sorted(path.name for path in (extracted.folder / "data").iterdir()) == ["audio", "raw"]


def test_workers_folder_and_store_change_no_byte(extracted: Project, tmp_path: Path) -> None:
    elsewhere = Project(tmp_path / "elsewhere ä")
    shutil.copytree(extracted.folder / "data/raw", elsewhere.folder / "data/raw")
    elsewhere.set_params(extract__archives_per_shard=2, compute__workers=1)
    elsewhere.run("extract")
    assert outputs(elsewhere) == outputs(extracted)
    entries = {path: path.stat().st_ino for path in elsewhere.folder.glob("store/audio/??/*")}
    assert len(entries) == 5
    elsewhere.set_params(compute__workers=2)
    elsewhere.run("extract")  # from the store
    assert outputs(elsewhere) == outputs(extracted)
    assert {path: path.stat().st_ino for path in elsewhere.folder.glob("store/audio/??/*")} == entries


def test_stage_never_writes_through_a_linked_file(extracted: Project, tmp_path: Path) -> None:
    """DVC's cache may be linked into the workspace: what is there before a run must not change by it."""
    project = Project(tmp_path / "linked")
    for name in ("data/raw", "data/audio", "metrics"):
        shutil.copytree(extracted.folder / name, project.folder / name, copy_function=os.link)
    before = outputs(extracted)
    project.set_params(extract__archives_per_shard=2, extract__max_duration_seconds=0.7, compute__workers=1)
    project.run("extract")
    assert outputs(extracted) == before
    changed = {name for name, digest in outputs(project).items() if before[name] != digest}
    assert changed >= {"clips.parquet", "quarantine.csv", "submissions.parquet", "extract.json"}


def test_listen(extracted: Project) -> None:
    done = extracted.run("listen", "odd-2008-abc/stereo", "out/here.wav")
    assert done.stdout == "out/here.wav: 1.00 s of odd-2008-abc/stereo\n"
    samples, rate_hz = soundfile.read(extracted.folder / "out/here.wav", dtype="int16")
    shutil.rmtree(extracted.folder / "out")
    assert rate_hz == 16000
    shards = pd.concat(pd.read_parquet(path) for path in (extracted.folder / "data/audio").glob("part-*"))
    np.testing.assert_array_equal(samples, shards.set_index("utterance_id").loc["odd-2008-abc/stereo", "samples"])
    np.testing.assert_allclose(samples[1600:-1600] / 32768, tone(1.0)[1600:-1600], atol=2e-4)

    done = extracted.run("listen", "odd-2008-abc/sterio", check=False)
    start = "listen: no utterance 'odd-2008-abc/sterio' in data/audio; the closest are odd-2008-abc/stereo, user"
    assert_one_line(done, start)


def test_bad_input_is_one_line(project: Project) -> None:
    write_raw(project.folder / "data/raw", {"a.tgz": b"no gzip", "b.tgz": b"no gzip"})
    project.set_params(compute__workers=2, extract__archives_per_shard=1)
    start = "extract: no clip is left of 2 archives in data/raw (damaged_gzip 2)"
    assert_one_line(project.run("extract", check=False), start)
    assert list((project.folder / "data").iterdir()) == [project.folder / "data/raw"]
    (project.folder / "data/raw/a.tgz").write_bytes(b"changed")
    start = "extract: data/raw/a.tgz is not the file that manifest.csv describes; run `dvc repro scrape`"
    assert_one_line(project.run("extract", check=False), start)  # raised in a worker


def assert_same_samples(archive: Path, audio: Path) -> None:
    parts = sorted(audio.glob("part-*.parquet"))
    filters = [("utterance_id", ">=", f"{archive.stem}/"), ("utterance_id", "<", f"{archive.stem}0")]
    rows = [row for part in parts for row in pq.read_table(part, filters=filters).to_pylist()]
    kept = {row["utterance_id"]: row["samples"] for row in rows}
    with tarfile.open(archive) as members:
        names = [name for name in members.getnames() if name.endswith((".wav", ".flac"))]
        for name in names:
            samples, rate_hz = soundfile.read(io.BytesIO(members.extractfile(name).read()), dtype="int16")
            assert rate_hz == 16000
            centred = (samples - np.rint(samples.mean())).clip(-32768, 32767)
            np.testing.assert_array_equal(kept.pop(f"{archive.stem}/{Path(name).stem}"), centred)
    assert not kept


@pytest.mark.slow
def test_real_speech(project: Project, mirror: Path) -> None:
    archives = {path.name: path.read_bytes() for path in mirror.glob("*.tgz")}
    write_raw(project.folder / "data/raw", archives)
    project.run("extract")
    counts = json.loads((project.folder / "metrics/extract.json").read_text())
    assert counts["archives_kept"] == counts["archives_in"] == len(archives)
    assert counts["clips_quarantined"] == 0
    audio = project.folder / "data/audio"
    clips = pd.read_parquet(audio / "clips.parquet").set_index("utterance_id")
    assert clips.index.is_unique
    seen = 0
    for part in sorted(audio.glob("part-*.parquet")):
        for row in pq.read_table(part).to_batches():
            for utterance_id, samples in zip(row["utterance_id"].to_pylist(), row["samples"], strict=True):
                values = samples.values.to_numpy()
                assert clips.loc[utterance_id, "audio_sha256"] == sha256(values.tobytes()).hexdigest()
                assert clips.loc[utterance_id, "duration_seconds"] == len(values) / 16000
                seen += 1
    assert seen == len(clips) == counts["clips_kept"]
    submissions = pd.read_parquet(audio / "submissions.parquet")
    assert submissions[["readme", "prompts", "prompts_original", "licence"]].notna().all(axis=None)
    # Nothing is lost on the way: the members of one archive in three, decoded by themselves.
    for path in sorted(mirror.glob("*.tgz"))[::3]:
        assert_same_samples(path, audio)
