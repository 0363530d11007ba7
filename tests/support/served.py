"""Tiny saved models and sounds for tests of the service."""

import io
import json
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
import yaml

from support.saved_models import EXTRACTOR, save_softmax
from support.sounds import RATE_HZ
from voicetraits.corpora import demo
from voicetraits.run_lock import md5_of
from voicetraits.serving.settings import Settings


def save_models(folder: Path) -> Path:
    """Two kinds of models: `one` tells gender and age, `other` gender."""
    for target in ("gender", "age"):
        save_softmax(folder / "one", target)
    save_softmax(folder / "other", "gender")
    return folder


def write_lock(project: Path, models: Path, *, corpus: str = "demo", youth: int = 18, senior: int = 65) -> dict:
    """Write dvc.lock and metrics/split.json as the run would have that made these models; returns the lock.

    Args:
        project: above `models`.
        models: as `save_models` makes them, with folders of targets in each.
        youth, senior: youth_below_years, senior_from_years.
    """
    split = {"gender": {"train": {"female": {"clips": 30, "speakers": 3}, "male": {"clips": 10, "speakers": 2}}}}
    (project / "metrics").mkdir(exist_ok=True)
    (project / "metrics/split.json").write_text(json.dumps(split))
    params = {"corpus": corpus, "metadata": {"youth_below_years": youth, "senior_from_years": senior}}
    learnt_from = [{"path": "data/metadata.parquet", "md5": "ab"}]
    stages = {
        "parse_metadata": {"params": {"params.yaml": params}, "outs": learnt_from},
        "split": {"deps": learnt_from, "outs": [_out(project, project / "metrics/split.json")]},
    }
    for folder in sorted(models.glob("*/*/")):
        stages[f"train_{folder.parent.name}@{folder.name}"] = {"deps": learnt_from, "outs": [_out(project, folder)]}
    lock = {"schema": "2.0", "stages": stages}
    (project / "dvc.lock").write_text(yaml.safe_dump(lock))
    return lock


def _out(project: Path, path: Path) -> dict[str, str]:
    return {"path": path.relative_to(project).as_posix(), "md5": md5_of(path)}


def settings_of(models: Path, **changed) -> Settings:
    """A plain service with one worker."""
    return Settings(**{"models": models, "page": False, "workers": 1, "concurrent": 4, **changed})


def file_of(samples: np.ndarray, form: str = "WAV", rate_hz: int = RATE_HZ) -> bytes:
    """A file of that format."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=form)
    return file.getvalue()


@cache
def voices() -> dict[str, bytes]:
    """By the label that the tiny models give: wav files of a low and a high voice, made by the demo corpus."""
    clips = [np.asarray(demo.render_clip(one, 0, 1), np.float32) for one in demo.plan(24, 1) if not one.faults]
    pitch_hz = np.array([EXTRACTOR(clip)[EXTRACTOR.names.index("f0_median_hz")] for clip in clips[:24]])
    chosen = {"male": pitch_hz.argmin(), "female": np.where(pitch_hz < 290, pitch_hz, 0).argmax()}
    return {label: file_of(clips[place]) for label, place in chosen.items()}


def voice() -> bytes:
    """The high one."""
    return voices()["female"]
