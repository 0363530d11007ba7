"""The stage stress: models trained on clear voices, and what is left of them under each condition."""

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import parselmouth
import pyarrow as pa
import pytest
from sklearn.metrics import balanced_accuracy_score

import stress
from support.classifiers import SOFTMAX
from support.dataset import write_log_mel
from support.project import Project
from support.sounds import PARAMS
from support.voices import voice
from voicetraits.augmentation.pitch import Voice
from voicetraits.calibration import CalibrationParams, WantedError
from voicetraits.conditions import hear
from voicetraits.errors import DataError, ParameterError
from voicetraits.examples import read_splits
from voicetraits.features.extractor import FeatureExtractor
from voicetraits.features.table import read_features, write_description
from voicetraits.files import write_csv, write_parquet
from voicetraits.models import softmax
from voicetraits.training import train

SPEAKERS = 24
FOLDS = ("0", "1")
#: By number of the speaker modulo 12; in the other fold, those of training and test change places.
SIDES = ("train",) * 5 + ("val",) * 2 + ("test",) * 5
GENDERS = ("female", "male")
CLIPS = {
    f"user{n:02d}-2008-abc/a{clip}": voice(GENDERS[n % 2], 10 * n + clip, seconds=0.8 + 0.3 * clip)
    for n in range(SPEAKERS)
    for clip in range(2)
}
#: A test clip in which there is nothing to hear.
SILENT = "user07-2008-abc/a0"
CLIPS[SILENT] = np.zeros_like(CLIPS[SILENT])
UNCALIBRATED = CalibrationParams(method="none", wanted_error=WantedError(gender=0.1, age=0.1))
SOME = ["telephone", "noise_0db", "crop_1s", "pitch_up_5"]


def write_project(folder: Path) -> None:
    """Audio, features, metadata, splits of gender in two folds, age skipped, and both models."""
    ids, extractor = sorted(CLIPS), FeatureExtractor(PARAMS)
    samples = {name: np.int16(np.rint(32767 * clip)) for name, clip in CLIPS.items()}
    for number in range(2):
        own = ids[number::2]
        audio = pa.table(
            {"utterance_id": own, "samples": pa.array([samples[name] for name in own], pa.list_(pa.int16()))}
        )
        write_parquet(audio, folder / f"data/audio/part-{number:04d}.parquet")
        rows = pd.DataFrame([extractor(samples[name]) for name in own], columns=list(extractor.names))
        rows.insert(0, "utterance_id", own)
        write_parquet(rows, folder / f"data/features/functionals/part-{number:04d}.parquet")
        write_log_mel({name: extractor.extract(samples[name])[1] for name in own}, folder, number)
    write_description(folder / "data/features", PARAMS.__dict__, extractor.features)
    speakers = [name[:6] for name in ids]
    genders = [GENDERS[int(speaker[4:]) % 2] for speaker in speakers]
    columns = {"utterance_id": ids, "speaker_id": speakers, "archive": [name.split("/")[0] for name in ids]}
    metadata = pd.DataFrame({**columns, "gender": genders, "age_group": None})
    write_parquet(metadata, folder / "data/metadata.parquet")
    other = {"train": "test", "test": "train", "val": "val"}
    rows = [("gender", "0", f"user{n:02d}", SIDES[n % 12]) for n in range(SPEAKERS)]
    rows += [(target, "1", speaker, other[side]) for target, _, speaker, side in rows]
    write_csv(pd.DataFrame(rows, columns=["target", "fold", "speaker_id", "side"]), folder / "data/splits.csv")
    for target in ("gender", "age"):
        models = folder / "data/models/softmax" / target
        models.mkdir(parents=True)
        train(
            "softmax", target, softmax.Params(**SOFTMAX | {"epochs": 6}), new_model=softmax.Model,
            calibration=UNCALIBRATED, seed=0, out=models,
            open_log=lambda fold: log, features=read_features(folder / "data/features"), metadata=metadata,
            splits=read_splits(folder / "data/splits.csv"),
        )  # fmt: skip


def log(step: int, figures: object) -> None:
    """Forgets them."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    project = Project(tmp_path_factory.mktemp("stress") / "project")
    write_project(project.folder)
    return project.folder / "data"


@pytest.fixture
def project(project: Project, trained: Path) -> Project:
    shutil.copytree(trained, project.folder / "data")
    project.set_params(evaluate__bootstrap_samples=100, compute__workers=1, stress__conditions=SOME, nets=[])
    return project


@pytest.fixture
def run_here(project: Project, monkeypatch) -> Callable[[], dict]:
    """`run_here()`: the stage in this process, which has TensorFlow loaded; its figures."""
    monkeypatch.chdir(project.folder)
    monkeypatch.setattr(sys, "argv", ["src/stress.py"])
    monkeypatch.setenv("VOICETRAITS_CACHE", project.env["VOICETRAITS_CACHE"])
    monkeypatch.setattr(stress, "CLASSIC_MODELS", ("softmax",))  # for every model the stage does the same

    def run() -> dict:
        stress.main()
        return json.loads((project.folder / "metrics/stress.json").read_text())

    return run


def outputs(project: Project) -> tuple[bytes, bytes]:
    return tuple((project.folder / f"metrics/{name}").read_bytes() for name in ("stress.json", "plots/stress.csv"))


def test_what_the_stage_leaves(project, run_here):
    figures = run_here()
    in_test = {f"user{n:02d}" for n in range(SPEAKERS) if SIDES[n % 12] != "val"}
    test_clips = [name for name in CLIPS if name[:6] in in_test]
    assert figures["heard_clips"] == len(test_clips)
    assert figures["age"] == {"skipped": 1}
    short = sum(len(CLIPS[name]) <= 16000 for name in test_clips)
    assert figures["unchanged_clips"] == {
        "clean": 0, "telephone": 1, "noise_0db": 1, "crop_1s": short,
        "pitch_up_5": sum(not hear_voice(CLIPS[name]) for name in test_clips),
    }  # fmt: skip
    assert 1 <= figures["unchanged_clips"]["pitch_up_5"] < 5
    assert list(figures["gender"]) == ["softmax", "pitch_threshold"]
    for conditions in figures["gender"].values():
        assert list(conditions) == ["clean", *SOME]
        assert all(set(scores) == {"uar", "ece"} for scores in conditions.values())
    table = pd.read_csv(project.folder / "metrics/plots/stress.csv")
    assert len(table) == 5 * 2 * 2 * 2
    assert not table.isna().any(axis=None)
    assert set(table["unit"]) == {"clips", "speakers"}
    assert (table["low"] <= table["high"]).all()
    row = table.query("condition == 'telephone' and model == 'softmax' and unit == 'clips' and score == 'ece'").iloc[0]
    assert row["value"] == figures["gender"]["softmax"]["telephone"]["ece"]


def hear_voice(samples: np.ndarray) -> bool:
    """Whether Praat, asked in another way, finds a pitch."""
    pitch = parselmouth.Sound(samples, 16000).to_pitch(0.01, 60.0, 500.0)
    return bool((pitch.selected_array["frequency"] > 0).any())


def test_clips_as_they_are_score_as_at_training(project, run_here):
    figures = run_here()["gender"]
    stored = pd.read_parquet(project.folder / "data/models/softmax/gender/predictions.parquet")
    stored = stored[stored["side"] == "test"]
    expected = balanced_accuracy_score(stored["label"], np.where(stored["p_female"] > 0.5, "female", "male"))
    assert figures["softmax"]["clean"]["uar"] == pytest.approx(expected, abs=1e-6)
    # Voices of 102 to 138 and of 178 to 242 Hz: a threshold between them, until all men are a third higher.
    pitch = figures["pitch_threshold"]
    assert pitch["clean"]["uar"] > 0.95
    assert pitch["pitch_up_5"]["uar"] < 0.9


def test_each_fold_has_the_threshold_of_its_own_training_clips(project, run_here):
    """What is heard of a test clip must not reach the threshold of the fold in which it is for training."""
    before = run_here()["gender"]["pitch_threshold"]
    project.set_params(stress__conditions=["pitch_up_5"])
    assert run_here()["gender"]["pitch_threshold"]["pitch_up_5"] == before["pitch_up_5"]
    features = read_features(project.folder / "data/features")
    f0_hz, right = features.values["f0_median_hz"], []
    splits = read_splits(project.folder / "data/splits.csv")
    extractor = FeatureExtractor(PARAMS)
    place = extractor.names.index("f0_median_hz")
    for fold in FOLDS:
        sides = splits[splits["fold"] == fold].set_index("speaker_id")["side"]
        train_ids, test_ids = ([n for n in sorted(CLIPS) if sides[n[:6]] == side] for side in ("train", "test"))
        women = np.array([int(n[4:6]) % 2 == 0 for n in train_ids])
        hz = np.maximum(f0_hz[train_ids].to_numpy(float), 60.0)
        edges = (np.unique(hz)[1:] + np.unique(hz)[:-1]) / 2
        uars = [balanced_accuracy_score(women, hz > edge) for edge in edges]
        best = np.flatnonzero(np.isclose(uars, max(uars)))
        threshold_hz = edges[best[len(best) // 2]]
        for name in test_ids:
            samples = np.int16(np.rint(32767 * CLIPS[name])).astype(np.float32) / 32768
            heard = hear(Voice(samples), "pitch_up_5", name).samples
            right.append((int(name[4:6]) % 2 == 0, max(float(extractor(heard)[place]), 60.0) > threshold_hz))
    assert before["pitch_up_5"]["uar"] == pytest.approx(balanced_accuracy_score(*zip(*right, strict=True)), abs=1e-6)


def test_workers_and_store_change_no_byte(project, run_here):
    run_here()
    expected = outputs(project)
    entries = {path: path.stat().st_ino for path in project.folder.glob("store/stress/??/*")}
    assert len(entries) == 2 * 5  # shards × conditions
    run_here()
    assert outputs(project) == expected
    assert {path: path.stat().st_ino for path in project.folder.glob("store/stress/??/*")} == entries
    project.set_params(compute__workers=2)
    shutil.rmtree(project.folder / "store")
    run_here()  # from an empty store
    assert outputs(project) == expected


def test_no_conditions(project, run_here, capsys):
    project.set_params(stress__conditions=[])
    assert run_here() == {"off": 1}
    assert "stress.conditions in params.yaml is empty" in capsys.readouterr().out
    assert outputs(project)[1] == b"condition,target,model,unit,score,value,low,high\n"
    assert not (project.folder / "store/stress").exists()


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        (["telefone"], r"`stress\.conditions\.0` is 'telefone'; allowed: 'telephone', 'noise_10db'"),
        (["rooms", "rooms"], r"`stress\.conditions` is \['rooms', 'rooms'\]; allowed: each condition once"),
    ],
)
def test_conditions_that_there_are_not(project, run_here, conditions, message):
    project.set_params(stress__conditions=conditions)
    with pytest.raises(ParameterError, match=message):
        run_here()


def test_a_clip_that_is_in_no_shard(project, run_here):
    (project.folder / "data/audio/part-0001.parquet").unlink()
    first = min(name for name in sorted(CLIPS)[1::2] if SIDES[int(name[4:6]) % 12] != "val")
    with pytest.raises(DataError, match=re.escape(f"{first} is in no shard of data/audio; run `dvc repro extract`")):
        run_here()
