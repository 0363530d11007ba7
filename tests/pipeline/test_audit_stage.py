"""The stage audit: what it leaves with `audit.run` off and on, that it repeats itself, and what it says."""

import json
import shutil
import sys

import numpy as np
import pandas as pd
import pytest

import audit
from support.dataset import SPEAKERS, write_dataset, write_log_mel
from voicetraits.auditing import learners
from voicetraits.auditing.review import COLUMNS
from voicetraits.files import write_parquet

FILES = ("metrics/audit.json", "metrics/audit/learning_curve.csv", "data/label_suspects.csv")
QUICK = {
    "audit__fold_seeds": 1, "audit__folds": 3, "audit__learning_curve_shares": [0.5, 1.0],
    "evaluate__bootstrap_samples": 100,
}  # fmt: skip


@pytest.fixture
def run(project, monkeypatch):
    """`run(audit__run=True)`: the stage in the project's folder, with these params; the bytes of its files."""
    monkeypatch.chdir(project.folder)
    monkeypatch.setattr(sys, "argv", ["src/audit.py"])
    monkeypatch.setattr(learners, "_TREES", 20)  # for speed

    def run(**params):
        project.set_params(**QUICK, **params)
        audit.main()
        return {name: (project.folder / name).read_bytes() for name in FILES}

    return run


@pytest.fixture
def dataset(project):
    """The small dataset, with a source, log-mel matrices whose pauses tell the gender, and clips.parquet."""

    def write(**settings):
        write_dataset(project.folder, **settings)
        data = project.folder / "data"
        metadata = pd.read_parquet(data / "metadata.parquet").assign(source="here")
        write_parquet(metadata, data / "metadata.parquet")
        ids = metadata["utterance_id"].tolist()
        write_parquet(pd.DataFrame({"utterance_id": ids, "audio_sha256": ids}), data / "audio/clips.parquet")
        log_mel_db = np.where(np.arange(60)[:, None] < 30, -60.0, -10.0) * np.ones(3)  # half a pause, half speech
        louder = 5.0 * np.eye(3)[0]
        rows = [log_mel_db + louder * (gender == "female") for gender in metadata["gender"]]
        shutil.rmtree(data / "features/logmel")
        write_log_mel(dict(zip(ids, rows, strict=True)), project.folder)

    return write


def test_off_it_costs_little_and_says_what_it_left_out(run, dataset, capsys):
    dataset()
    files = run()
    metrics = json.loads(files[FILES[0]])
    assert list(metrics) == ["gender", "age"]
    for target in metrics.values():
        assert target["speakers"] == SPEAKERS
        assert list(target["random_clip_split"]) == ["linear"]
        assert target["suspects"] == {"skipped": 1}
    gender = metrics["gender"]["random_clip_split"]["linear"]
    assert gender["gap"] == pytest.approx(gender["uar_clip_split"] - gender["uar_speaker_split"], abs=1e-5)
    assert files[FILES[2]].decode() == ",".join(COLUMNS) + "\n"
    assert set(pd.read_csv(FILES[1])["target"]) == {"gender", "age"}
    pauses = metrics["gender"]["pauses"]
    assert (pauses["clips"], pauses["clips_without_pauses"], pauses["far_above_chance"]) == (4 * SPEAKERS, 0, 1)
    assert pauses["linear"]["uar"] == 1
    assert pauses["source_alone"]["uar"] == 0.5
    assert "audit: gender: pauses without any voice tell the class with UAR 1.000" in capsys.readouterr().out
    assert metrics["age"]["pauses"]["far_above_chance"] == 0


def test_on_it_lists_a_wrong_label_and_repeats_itself(run, dataset, project):
    dataset()
    metadata = pd.read_parquet("data/metadata.parquet")
    metadata.loc[metadata["speaker_id"] == "user04", "gender"] = "male"
    write_parquet(metadata, project.folder / "data/metadata.parquet")
    files = run(audit__run=True, targets=["gender"])
    metrics = json.loads(files[FILES[0]])["gender"]
    assert list(metrics["random_clip_split"]) == ["linear", "trees"]
    suspects = pd.read_csv(FILES[2])
    assert "user04" in suspects["speaker_id"].tolist()
    assert len(suspects) == metrics["suspects"]["speakers"]
    row = suspects.set_index("speaker_id").loc["user04"]
    assert row[["stated", "suggested", "source", "clips"]].tolist() == ["male", "female", "here", 4]
    assert files == run(audit__run=True, targets=["gender"])


def test_no_suspects_where_models_are_worse_than_labels(run, dataset):
    dataset()
    metrics = json.loads(run(audit__run=True, audit__suspect_min_uar=1.0)[FILES[0]])["age"]["suspects"]
    assert metrics["skipped"] == 1
    assert metrics["uar_speakers"] < 1
    assert "age" not in pd.read_csv(FILES[2])["target"].tolist()


def test_a_target_that_the_split_skips(run, dataset):
    dataset(skip_age=True)
    assert json.loads(run()[FILES[0]])["age"] == {"skipped": 1}


def test_no_pauses_at_all(run, dataset):
    dataset()
    pauses = json.loads(run(audit__min_pause_seconds=10.0)[FILES[0]])["gender"]["pauses"]
    assert pauses == {"clips": 0, "clips_without_pauses": 4 * SPEAKERS, "skipped": 1}
