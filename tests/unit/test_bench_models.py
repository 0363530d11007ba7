"""The bench of the models: every trained one is trained again and timed, and its row says what it gains."""

import json
from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from support.saved_models import EXTRACTOR
from support.sounds import PARAMS, RATE_HZ
from voicetraits.bench import models
from voicetraits.bench.project import Cost
from voicetraits.errors import DataError
from voicetraits.files import write_csv

LOCK = """
stages:
  train_softmax@gender:
    cmd: python src/train_softmax.py gender
    outs:
    - path: data/models/softmax/gender
  train_net@tcn-age:
    cmd: python src/train_net.py tcn age
    outs:
    - path: data/models/tcn/age
  train_softmax@age:
    cmd: python src/train_softmax.py age
    outs:
    - path: data/models/softmax/age
  split:
    cmd: python src/split.py
    outs:
    - path: data/splits.csv
"""

SPEECH = [np.sin(np.arange(1.6 * RATE_HZ) / 20).astype(np.float32)] * 5


@pytest.fixture
def finished(tmp_path, monkeypatch):
    """A project after a run, in which age was skipped for softmax; training takes three seconds."""
    folder = tmp_path / "project"
    for name in ("audio", "features"):
        (folder / "data" / name).mkdir(parents=True)
    for name in ("metadata.parquet", "splits.csv"):
        (folder / "data" / name).write_text("")
    (folder / "dvc.lock").write_text(LOCK)
    (folder / "params.yaml").write_text("seed: 1\n")
    for name, size in (("softmax/gender", 2048), ("tcn/age", 10240)):
        (folder / "data/models" / name / "final").mkdir(parents=True)
        (folder / "data/models" / name / "final/weights").write_bytes(bytes(size))
    rows = [("gender", "clips", "softmax", "pitch_threshold", 0.02), ("age", "clips", "tcn", "majority", 0.2)]
    gains = pd.DataFrame(rows, columns=["target", "unit", "model", "over", "gain"]).assign(low=-0.01, high=0.3)
    write_csv(gains, folder / "metrics/plots/gain_by_size.csv")
    ran = []

    class FakeProject:
        def __init__(self, repository, clone):
            (clone / "data").mkdir(parents=True)
            (clone / "params.yaml").write_text("seed: 0\n")
            self.folder, self.store = clone, clone.parent / "store"

    def watched(command, clone, environment):
        assert (clone / "params.yaml").read_text() == "seed: 1\n", "trains with the params of the run"
        assert (clone / "data/splits.csv").exists()
        ran.append(" ".join(command))
        return Cost(3.0, 1.0)

    def load(folder):
        is_net = folder.parts[-3] == "tcn"
        expected = ("log_mel",) if is_net else EXTRACTOR.names

        def predict_proba(values, *, names):
            assert tuple(names) == expected
            assert np.shape(values) == ((1, 161, 40) if is_net else (1, len(EXTRACTOR.names)))
            return np.ones((1, 2)) / 2

        setting = {"mel_bands": 40, "frame_seconds": 0.025, "hop_seconds": 0.01} if is_net else asdict(PARAMS)
        config = SimpleNamespace(runtime="onnx" if is_net else None, feature_names=expected, feature_params=setting)
        return SimpleNamespace(predict_proba=predict_proba, config=config)

    monkeypatch.setattr(models, "Project", FakeProject)
    monkeypatch.setattr(models, "watched", watched)
    monkeypatch.setattr(models.saved, "load", load)
    return folder, ran


def test_every_model_of_the_run_is_measured(finished, tmp_path):
    folder, ran = finished
    figures = models.measure(folder, tmp_path, SPEECH, runs=3)
    assert ran == ["python src/train_softmax.py gender", "python src/train_net.py tcn age"]
    own = figures["models"]["age"]["tcn"]
    assert 0 < own["milliseconds_per_clip"] < 1000
    assert (own["bytes"], own["training_seconds"], own["gain"], own["over"]) == (10240, 3.0, 0.2, "majority")
    text = models.render(json.loads(json.dumps(figures)))
    assert "| age | tcn | 10 | 3 | " in text
    assert "| +0.020 | -0.010 to +0.300 | pitch_threshold |" in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["project"], "the copy is removed"


def test_no_run_yet(finished, tmp_path):
    folder, _ = finished
    (folder / "dvc.lock").write_text("stages: {}\n")
    with pytest.raises(DataError, match="holds no model to measure; run `dvc repro`"):
        models.measure(folder, tmp_path, SPEECH, runs=3)
