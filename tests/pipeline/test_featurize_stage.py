"""The stage featurize: the same features for any shards and workers, kept in the store, each clip accounted for."""

import json
import os
import re
import shutil
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from threadpoolctl import threadpool_limits

import featurize
from support.project import Project
from support.sounds import PARAMS, noise, pulses, sine
from support.terminal import shown_on_a_terminal
from voicetraits.errors import DataError, ParameterError
from voicetraits.features.extractor import FeatureExtractor
from voicetraits.features.table import FeatureTable, read_features
from voicetraits.files import write_parquet

CLIPS = {
    f"user{number}-2008-abc/a{clip}": (32767 * samples).astype(np.int16)
    for number in range(3)
    for clip, samples in enumerate([pulses(80 + 10 * number), noise(0.7, seed=number), np.zeros(9000), sine(150, 0.5)])
}


def write_shards(project: Project, clips_each: int) -> None:
    shutil.rmtree(project.folder / "data/audio", ignore_errors=True)
    ids = list(CLIPS)
    for number, start in enumerate(range(0, len(ids), clips_each)):
        own = ids[start : start + clips_each]
        samples = pa.array([CLIPS[name] for name in own], pa.list_(pa.int16()))
        write_parquet(
            pa.table({"utterance_id": own, "samples": samples}),
            project.folder / f"data/audio/part-{number:04d}.parquet",
        )


def outputs(project: Project) -> dict[str, bytes]:
    folder = project.folder / "data/features"
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return files | {"featurize.json": (project.folder / "metrics/featurize.json").read_bytes()}


@pytest.fixture(scope="module")
def featurized(tmp_path_factory) -> Project:
    """A project after two workers have featurized three shards."""
    project = Project(tmp_path_factory.mktemp("featurize") / "project")
    write_shards(project, 4)
    project.set_params(compute__workers=2)
    done = project.run("featurize")
    assert (done.stdout, done.stderr) == ("", "")  # no progress bar where nobody watches
    return project


@pytest.fixture
def run_here(monkeypatch):
    """`run_here(project)`: the stage with one worker, in this process, which has the kernels loaded."""

    def run(project: Project) -> None:
        monkeypatch.chdir(project.folder)
        monkeypatch.setattr(sys, "argv", ["src/featurize.py"])
        monkeypatch.setenv("VOICETRAITS_CACHE", project.env["VOICETRAITS_CACHE"])
        project.set_params(compute__workers=1)
        featurize.main()

    return run


def test_what_the_stage_leaves(featurized):
    names = sorted(outputs(featurized))
    parts = [f"part-000{number}.parquet" for number in range(3)]
    assert names == [
        "description.json", "featurize.json",
        *(f"functionals/{part}" for part in parts), *(f"logmel/{part}" for part in parts),
    ]  # fmt: skip
    extractor = FeatureExtractor(PARAMS)
    table = read_features(featurized.folder / "data/features")
    assert table.names == extractor.names
    assert FeatureExtractor(type(PARAMS)(**table.params)).names == table.names, "inference can make them from params"
    assert table.values.index.to_list() == sorted(CLIPS)
    assert (table.values.dtypes == np.float32).all()
    assert np.isfinite(table.values).all(axis=None)
    log_mel = pa.concat_tables(pq.read_table(path) for path in (featurized.folder / "data/features/logmel").iterdir())
    rows = dict(zip(log_mel["utterance_id"].to_pylist(), log_mel["log_mel_db"], strict=True))
    assert log_mel.schema.field("log_mel_db").type == pa.list_(pa.list_(pa.float16(), PARAMS.mel_bands))
    for name, samples in CLIPS.items():
        with threadpool_limits(1):  # as in the stage's workers; with more, sums in float32 differ in the last digit
            row, log_mel_db = extractor.extract(samples)
        np.testing.assert_array_equal(table.values.loc[name].to_numpy(), row, name)
        frames = rows[name].values
        own = frames.flatten().to_numpy(zero_copy_only=False).reshape(-1, PARAMS.mel_bands)
        np.testing.assert_array_equal(own, log_mel_db, name)


def test_progress_bar_on_a_terminal(featurized):
    command = [sys.executable, "src/featurize.py"]
    assert b"3/3" in shown_on_a_terminal(command, cwd=featurized.folder, env=featurized.env)


def test_clips_without_voice_are_counted(featurized):
    metrics = json.loads((featurized.folder / "metrics/featurize.json").read_text())
    voiced_share = read_features(featurized.folder / "data/features").values["voiced_share"]
    assert metrics == {
        "clips": 12,
        "clips_without_voice": int((voiced_share == 0).sum()),
        "features": len(FeatureExtractor(PARAMS).names),
    }
    assert (voiced_share[[name for name in CLIPS if name.endswith("a2")]] == 0).all(), "silence has no voice"
    assert 3 <= metrics["clips_without_voice"] < 12


def test_workers_store_and_folder_change_no_byte(featurized, run_here, tmp_path):
    elsewhere = Project(tmp_path / "elsewhere ä b")
    write_shards(elsewhere, 4)
    run_here(elsewhere)
    assert outputs(elsewhere) == outputs(featurized)
    entries = {path: path.stat().st_ino for path in elsewhere.folder.glob("store/features/??/*")}
    assert len(entries) == 3
    shutil.rmtree(elsewhere.folder / "data/features")
    run_here(elsewhere)  # from the store
    assert outputs(elsewhere) == outputs(featurized)
    assert {path: path.stat().st_ino for path in elsewhere.folder.glob("store/features/??/*")} == entries


def test_a_damaged_entry_is_made_again(featurized, run_here, tmp_path, capsys):
    project = Project(tmp_path / "damaged")
    write_shards(project, 4)
    shutil.copytree(featurized.folder / "store", project.folder / "store")
    path = sorted(project.folder.glob("store/features/??/*/functionals.parquet"))[1]
    path.write_bytes(path.read_bytes()[:-1])
    run_here(project)
    assert capsys.readouterr().err == f"store: {path.parent} is damaged (functionals.parquet); making it again\n"
    assert outputs(project) == outputs(featurized)


def test_the_sorted_table_is_the_same_for_any_shards(featurized, run_here, tmp_path):
    project = Project(tmp_path / "other shards")
    write_shards(project, 5)
    run_here(project)
    one, other = (read_features(own.folder / "data/features").values for own in (featurized, project))
    assert one.equals(other)


def test_another_setting_gives_other_features_into_new_files(featurized, run_here, tmp_path):
    """A file in the workspace may be a hard link of DVC's cache: nothing may be written through it."""
    project = Project(tmp_path / "linked")
    write_shards(project, 4)
    for name in ("data/features", "metrics", "store"):
        shutil.copytree(featurized.folder / name, project.folder / name, copy_function=os.link)
    before = outputs(featurized)
    stale = project.folder / "data/features/functionals/part-0009.parquet"
    stale.write_bytes(b"of a larger corpus")
    # More decimals than write_json keeps: the params must come back as they are.
    project.set_params(featurize__mfcc=13, featurize__pre_emphasis=0.9512345678)
    run_here(project)
    assert outputs(featurized) == before
    table = read_features(project.folder / "data/features")
    assert not stale.exists()
    assert len(list(project.folder.glob("store/features/??/*"))) == 6
    assert "mfcc_12_mean" in table.names
    assert "mfcc_13_mean" not in table.names
    assert table.params["pre_emphasis"] == 0.9512345678


def test_bad_input_is_one_line(project, run_here):
    with pytest.raises(DataError, match=r"^data/audio holds no part-\*\.parquet; run `dvc repro extract`$"):
        run_here(project)
    write_shards(project, 4)
    short = pa.table({"utterance_id": ["x/short"], "samples": pa.array([[1, 2, 3]], pa.list_(pa.int16()))})
    write_parquet(short, project.folder / "data/audio/part-0003.parquet")
    message = (
        "x/short in data/audio/part-0003.parquet: a clip has shape (3,); allowed: one channel, 400 samples or more"
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}"):
        run_here(project)
    project.set_params(compute__workers=2)
    done = project.run("featurize", check=False)  # raised in a worker
    assert done.returncode == 1
    assert done.stderr.startswith(f"featurize: {message}"), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert not (project.folder / "data/features").exists()
    project.set_params(featurize__mfcc=65)
    with pytest.raises(ParameterError, match=r"`featurize\.mfcc` is 65; allowed: up to featurize\.mel_bands"):
        run_here(project)


def test_rows_are_found_by_clip(featurized):
    table = read_features(featurized.folder / "data/features")
    wanted = ["user2-2008-abc/a1", "user0-2008-abc/a3", "user2-2008-abc/a1"]
    rows = table.rows(wanted)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, table.values.loc[wanted].to_numpy())
    assert isinstance(table, FeatureTable)
