"""Tiny saved models and sounds for tests of the service."""

import io
from functools import cache
from pathlib import Path

import numpy as np
import soundfile

from support.saved_models import EXTRACTOR, save_softmax
from support.sounds import RATE_HZ
from voicetraits.corpora import demo
from voicetraits.serving.settings import Settings


def save_models(folder: Path) -> Path:
    """Two kinds of models: `one` tells gender and age, `other` gender."""
    for target in ("gender", "age"):
        save_softmax(folder / "one", target)
    save_softmax(folder / "other", "gender")
    return folder


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
