"""The nets that the project has, with the params of params.yaml, and clips to learn from."""

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from support.sounds import RATE_HZ, noise, pulses
from voicetraits import params

NETS = ("dnn", "cnn1d", "cnn2d", "cnn_age", "cnn_mfc", "resnet34", "rnn", "bigru", "tcn", "lstm")
PARAMS = params.load(Path(__file__).parents[2] / "params.yaml")


class Net(NamedTuple):
    """A net's module with its params."""

    module: ModuleType
    params: Any

    @property
    def front_end(self):
        return self.module.front_end(self.params)

    def build(self, classes: int = 2, **others):
        return self.module.build(self.params, self.front_end.shape, classes, **others)


def net(name: str, **changes: Any) -> Net:
    """A net as params.yaml has it, but for `changes`."""
    module = import_module(f"voicetraits.models.{name}")
    own = {key: PARAMS["net"][name][key] for key in module.Params.__dataclass_fields__}
    return Net(module, module.Params(**{**own, **changes}))


def voices(clips: int, classes: int, seed: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Pulse trains of a pitch that tells the class, 110 to 130 Hz, 220 to 260, 440 to 520, in noise; the classes."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(clips) % classes)
    periods = (RATE_HZ / (rng.uniform(110, 130, clips) * 2**labels)).astype(int)
    sounds = [pulses(period) + noise(seed=seed + i, amplitude=0.01) for i, period in enumerate(periods)]
    return [sound.astype(np.float32) for sound in sounds], labels


def inputs(model, rows: np.ndarray) -> np.ndarray | list[np.ndarray]:
    """What a model takes: clips of one length, (n, …), and a mask of ones where it wants one."""
    return rows if len(model.inputs) == 1 else [rows, np.ones(rows.shape[:2], np.float32)]
