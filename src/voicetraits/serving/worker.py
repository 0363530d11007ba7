"""The process that decodes and predicts. It may be stopped at any time: it holds nothing that anybody misses."""

import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from traceback import format_exc

import numpy as np

from voicetraits.audio import SAMPLE_RATE_HZ
from voicetraits.errors import ModelError, VoicetraitsError
from voicetraits.inference.picture import png_of
from voicetraits.inference.predictor import LONGEST_CLIP_SECONDS, Predictor
from voicetraits.inference.sound import blocks_of
from voicetraits.serving.example import example_wav
from voicetraits.serving.tasks import Look, Looked, Predict, Predicted, TooLongError

_WATCH_SECONDS = 1.0


def run(connection: Connection, folders: Mapping[str, Path], default: str, max_audio_seconds: float) -> None:
    """Serve tasks until the other end closes.

    Sends None when ready; then for each task a result, an exception of ours, or a traceback as text.

    Args:
        folders: by model name.
        default: the model that is loaded before the first task.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the server says when to end
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    predictors = Predictors(folders)
    predictors[default](example_wav())  # loads compiled kernels as well: the first person waits no longer than others
    connection.send(None)
    while True:
        try:
            task = connection.recv()
        except EOFError:
            return
        try:
            result = answer(task, predictors, max_audio_seconds)
        except VoicetraitsError as error:
            result = error
        except Exception:  # whatever it was, the next task is another; the server logs it
            result = format_exc()
        connection.send(result)


class Predictors:
    """Predictors by name, each loaded when it is first asked for, and kept."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._folders = folders
        self._loaded: dict[str, Predictor] = {}

    def __getitem__(self, name: str) -> Predictor:
        if name not in self._loaded:
            self._loaded[name] = Predictor(self._folders[name])
        return self._loaded[name]


def answer(task: Predict | Look, predictors: Predictors, max_audio_seconds: float) -> Predicted | Looked:
    """Do one task.

    Raises:
        DataError: the sound cannot be read; TooLongError if it is too long.
        ModelError: the model is damaged.
    """
    predictor = predictors[task.model]
    sound = _decode(task.sound, max_audio_seconds), SAMPLE_RATE_HZ
    if isinstance(task, Predict):
        prediction, rows = predictor.with_features(sound, segments=task.segments)
        return Predicted(prediction.as_dict(), predictor.shifts(rows))
    explanations, unexplained = {}, None
    try:
        explanations = {target: one.as_dict() for target, one in predictor.explain(sound).items()}
    except ModelError as error:
        unexplained = str(error)
    picture = png_of(predictor, sound, title="", scale=1.0)
    return Looked(picture, LONGEST_CLIP_SECONDS, explanations, unexplained)


def _decode(sound: bytes, max_audio_seconds: float) -> np.ndarray:
    """(n,) int16 at 16 kHz; decoding ends where it is too long."""
    return np.concatenate(list(_up_to(blocks_of(sound), max_audio_seconds)))


def _up_to(blocks: Iterator[np.ndarray], seconds: float) -> Iterator[np.ndarray]:
    left = round(seconds * SAMPLE_RATE_HZ)
    for block in blocks:
        left -= len(block)
        if left < 0:
            raise TooLongError(f"more than {seconds:g} seconds of sound; send a shorter stretch")
        yield block


def _end_with(server: int) -> None:
    """End when the server is gone, even amid a task: nobody waits for it."""
    while os.getppid() == server:
        time.sleep(_WATCH_SECONDS)
    os._exit(1)
