"""The stage train_net as DVC runs it, in processes of its own, and evaluate and stress on what it leaves."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import yaml

from support.dataset import TEST_CLIPS, write_dataset
from support.shards import buzz, write_shards
from support.tiny_net import TINY

pytestmark = pytest.mark.slow

PITCH_HZ = {"female": 210.0, "male": 120.0}


@pytest.fixture
def dataset(project):
    """A project with a commit, splits and audio: 144 clips of buzzing voices, whose pitch is that of the gender."""
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(project.folder)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "Start"], check=True)
    (project.folder / ".dvc").mkdir()
    (project.folder / ".dvc/config").touch()
    write_dataset(project.folder)
    metadata = pd.read_parquet(project.folder / "data/metadata.parquet")
    rng = np.random.default_rng(0)
    clips = {
        row.utterance_id: buzz(PITCH_HZ[row.gender] * rng.uniform(0.85, 1.15), rng.uniform(0.4, 0.7), number)
        for number, row in enumerate(metadata.itertuples())
    }
    write_shards(project.folder / "data/audio", clips)
    project.set_params(**TINY, evaluate__bootstrap_samples=100, compute__workers=1)
    return project


def outputs(project):
    folders = (project.folder / "data/models/voicenet", project.folder / "metrics/train/voicenet")
    return {str(p.relative_to(project.folder)): p.read_bytes() for f in folders for p in f.rglob("*") if p.is_file()}


def checkpoints(project, store="store"):
    return list((project.folder / store / "partial").glob("*.checkpoint"))


def test_killed_in_the_midst_of_training_and_run_again(dataset):
    """kill -9 after some epochs, once when a checkpoint is being written; then the bytes of an undisturbed run."""
    started = time.monotonic()
    dataset.run("train_net", "voicenet", "gender")
    seconds = time.monotonic() - started
    undisturbed = outputs(dataset)
    assert {"data/models/voicenet/gender/final/net.onnx", "metrics/train/voicenet/gender/curves.csv"} <= set(
        undisturbed
    )
    assert checkpoints(dataset) == []
    for folder in ("data/models", "metrics/train"):
        shutil.rmtree(dataset.folder / folder)

    dataset.env["VOICETRAITS_CACHE"] = str(dataset.folder / "other")
    for epochs in (2, 5):
        process = subprocess.Popen(
            [sys.executable, "src/train_net.py", "voicenet", "gender"], cwd=dataset.folder, env=dataset.env,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        written, last = 0, None
        while written < epochs and time.monotonic() - started < 20 * seconds:
            assert process.poll() is None, "training ended before it was killed"
            marks = [(path.stat().st_ino, path.stat().st_mtime_ns) for path in checkpoints(dataset, "other")]
            written += marks != last and marks != []
            last = marks or last
            time.sleep(0.002)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert written == epochs
        assert not (dataset.folder / "data/models/voicenet/gender").exists()
        assert len(checkpoints(dataset, "other")) == 1
    dataset.run("train_net", "voicenet", "gender")
    assert outputs(dataset) == undisturbed
    assert checkpoints(dataset, "other") == []
    left = [path.name for path in (dataset.folder / "data/models/voicenet").iterdir()]
    assert left == ["gender"]


def test_from_training_to_stress(dataset):
    """A net stands in each table; when params.yaml no longer names it, evaluate removes its folders."""
    dataset.set_params(targets=["gender"], net__common__tensorboard=True, train__epochs=5, tfdf__num_trees=5)
    dataset.set_params(stress__conditions=[])
    for stage, *arguments in (["train_softmax"], ["train_tfdf"], ["train_net", "voicenet"]):
        dataset.run(stage, *arguments, "gender")
    assert list((dataset.folder / "tensorboard/voicenet/gender/fold-0").iterdir())
    config = yaml.safe_load((dataset.folder / "data/models/voicenet/gender/final/config.yaml").read_text())
    assert config["feature_names"] == ["log_mel"]
    assert config["feature_params"]["mel_bands"] == 40
    dataset.run("evaluate")
    scores = pd.read_csv(dataset.folder / "metrics/plots/scores.csv").set_index(["model", "unit", "score"])["value"]
    assert scores["voicenet", "clips", "uar"] > 0.9
    predictions = pd.read_parquet(dataset.folder / "data/models/voicenet/gender/predictions.parquet")
    assert predictions["side"].value_counts().to_dict() == {"val": TEST_CLIPS, "test": TEST_CLIPS}
    importances = pd.read_csv(dataset.folder / "metrics/plots/importance.csv")
    assert set(importances["model"]) == {"softmax", "tfdf"}

    dataset.set_params(nets=[])
    assert "evaluate: removing data/models/voicenet" in dataset.run("evaluate").stdout
    assert not (dataset.folder / "data/models/voicenet").exists()
    assert not (dataset.folder / "metrics/train/voicenet").exists()


@pytest.mark.parametrize(
    ("values", "arguments", "message"),
    [
        ({"net__common__lr": 1e30, "net__common__optimizer": "sgd"}, ["voicenet"], "params.yaml: `net.common.lr`, or"),
        ({"net__voicenet__lr": 0}, ["voicenet"], "train_net: params.yaml: `net.voicenet.lr` is 0; allowed: "),
        ({}, ["vgg"], "invalid choice: 'vgg'"),
    ],
)  # fmt: skip
def test_failures_are_one_line(dataset, values, arguments, message):
    dataset.set_params(**values)
    done = dataset.run("train_net", *arguments, "gender", check=False)
    assert done.returncode
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert outputs(dataset) == {}


def test_a_search_for_better_settings(dataset):
    """Of a key of its own and one of all nets; what is found is written to its own section."""
    space = {"lr": {"low": 1e-6, "high": 0.02, "log": True}, "dropout": {"choices": [0.1, 0.2]}}
    dataset.set_params(
        tune__space={"net": {"voicenet": space}}, net__common__lr=1e-6, net__common__epochs=4, augment__variants=0
    )
    done = dataset.run("tune", "voicenet", "gender", "--trials", "3", "--write")
    uars = [float(line.split()[3]) for line in done.stdout.splitlines() if line.startswith("tune: trial ")]
    assert len(uars) == 3
    assert max(uars) > uars[0], "the learning rate of the first trial, that of params.yaml, is far too low"
    found = yaml.safe_load((dataset.folder / "params.yaml").read_text())["net"]
    assert float(found["common"]["lr"]) == 1e-6
    assert 1e-6 < float(found["voicenet"]["lr"]) <= 0.02

    def trials() -> list[str]:
        said = dataset.run("tune", "voicenet", "gender", "--trials", "1").stdout
        return [line.split(":")[1].strip() for line in said.splitlines() if line.startswith("tune: trial ")]

    dataset.set_params(augment__mask__time_share=0.0)
    assert trials() == ["trial 0"], "scores with other masks are no scores of this study"
    assert trials() == [], "it has its one trial"
