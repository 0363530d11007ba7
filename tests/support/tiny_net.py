"""A voicenet that trains in seconds, and clips of two or three kinds of voices for it to learn."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from support.project import ROOT
from support.shards import buzz, write_shards
from voicetraits import params
from voicetraits.augmentation.params import AugmentParams
from voicetraits.models import voicenet
from voicetraits.models.net_params import NetParams, read_training_and_net
from voicetraits.models.rows import Rows
from voicetraits.net_inputs import Augmentation, NetInputs, prepare
from voicetraits.store import Store

#: Pitch of the voices of each class.
PITCHES_HZ = (120.0, 180.0, 260.0)
#: By keys of params.yaml, as `Project.set_params` takes them.
TINY = {
    "net__voicenet__channels": 12, "net__voicenet__blocks": 1, "net__voicenet__embedding": 8,
    "net__voicenet__dropout": 0.1, "net__voicenet__mel_bands": 40, "net__common__epochs": 8, "net__common__lr": 0.01,
    "net__common__batch_size": 8, "augment__variants": 1, "augment__pitch__share": 0.0, "augment__tape__share": 0.0,
    "augment__room__share": 0.0, "augment__noise__snr_db": [20.0, 30.0], "augment__crop__seconds": [0.3, 0.6],
    "augment__mask__time_share": 0.2, "augment__mask__band_share": 0.2,
}  # fmt: skip


def tiny_params(**changes: Any) -> NetParams:
    """Params as in params.yaml, with `TINY` and, by the same kind of keys, `changes`."""
    everything = params.load(ROOT / "params.yaml")
    for key, value in {**TINY, **changes}.items():
        *parents, last = key.split("__")
        section = everything
        for parent in parents:
            section = section[parent]
        section[last] = value
    training, net = read_training_and_net(everything, "voicenet", voicenet.Params)
    return NetParams(training, net, params.get(everything, "augment", AugmentParams))


def voices(clips: int, classes: int, seed: int) -> dict[str, np.ndarray]:
    """Clips of 0.4 to 0.8 s by name, `<class>-<number>/a`; pitches of a class lie within 10 %."""
    rng = np.random.default_rng(seed)
    return {
        f"{number % classes}-{number:03d}/a": buzz(
            PITCHES_HZ[number % classes] * rng.uniform(0.9, 1.1), rng.uniform(0.4, 0.8), seed + number
        )
        for number in range(clips)
    }


def inputs_of(clips: dict[str, np.ndarray], folder: Path, net_params: NetParams) -> NetInputs:
    """What voicenet's front end makes of clips, with augmented versions of all."""
    write_shards(folder / "audio", clips)
    augmentation = Augmentation(net_params.augment, frozenset(clips), seed=1, target="gender")
    front_end = voicenet.front_end(net_params.net)
    return prepare(folder / "audio", front_end, store=Store(folder / "store"), workers=1, augmentation=augmentation)


def rows_of(inputs: NetInputs, names: list[str]) -> Rows:
    """Rows with the class that the name says."""
    labels = np.array([int(name[0]) for name in names], np.int32)
    return Rows(inputs.rows(names), labels, np.ones(len(names), np.float32))


def config_of(inputs: NetInputs, net_params: NetParams) -> dict[str, Any]:
    """What the config of a saved model says of features and params."""
    return {"feature_names": inputs.names, "feature_params": inputs.params, "params": asdict(net_params)}
