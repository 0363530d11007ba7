"""Audio and split -> a net for one target: `python src/train_net.py voicenet gender`."""

import argparse
from functools import partial
from importlib import import_module
from pathlib import Path

import pandas as pd

from voicetraits import params, stage
from voicetraits.augmentation.params import AugmentParams
from voicetraits.calibration import CalibrationParams
from voicetraits.classes import CLASSES
from voicetraits.curves import recorded_curves
from voicetraits.examples import read_splits
from voicetraits.files import folder_anew
from voicetraits.models.checkpoints import Checkpoints
from voicetraits.models.net import Net, start_tensorflow
from voicetraits.models.net_names import NETS
from voicetraits.models.net_params import NetParams, read_training_and_net
from voicetraits.net_inputs import Augmentation, prepare
from voicetraits.parallel import Workers
from voicetraits.store import ComputeParams, Store
from voicetraits.tensorboard import in_tensorboard_too
from voicetraits.training import train


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("net", choices=NETS)
    parser.add_argument("target", choices=CLASSES)
    arguments = parser.parse_args()
    name, target = arguments.net, arguments.target
    all_params = params.load()
    compute = params.get(all_params, "compute", ComputeParams)
    seed = params.get(all_params, "seed", params.Seed)
    augment = params.get(all_params, "augment", AugmentParams)
    module = import_module(f"voicetraits.models.{name}")
    training, net = read_training_and_net(all_params, name, module.Params)
    store = Store(max_bytes=int(compute.store_gigabytes * 1e9))
    metadata, splits = pd.read_parquet("data/metadata.parquet"), read_splits(Path("data/splits.csv"))
    # Of all targets, so that these share the versions. Of several folds, the final model learns from almost everyone.
    taking_part = splits[splits["side"] == "train"] if splits["fold"].nunique() == 1 else splits
    learnt_from = metadata["speaker_id"].isin(taking_part["speaker_id"])
    inputs = prepare(
        Path("data/audio"),
        module.front_end(net),
        store=store,
        workers=Workers(compute.workers, compute.backend, compute.scheduler),
        augmentation=Augmentation(augment, frozenset(metadata.loc[learnt_from, "utterance_id"]), seed, target),
    )
    start_tensorflow(training)
    checkpoints = Checkpoints(store)
    with (
        folder_anew(Path("data/models") / name / target) as folder,
        recorded_curves(Path("metrics/train") / name / target, Net.curves) as open_log,
    ):
        if training.tensorboard:
            open_log = in_tensorboard_too(open_log, Path("tensorboard") / name / target)
        train(
            name,
            target,
            NetParams(training, net, augment),
            new_model=partial(Net, name=name, inputs=inputs, checkpoints=checkpoints),
            calibration=params.get(all_params, "calibration", CalibrationParams),
            features=inputs,
            metadata=metadata,
            splits=splits,
            seed=seed,
            out=folder,
            open_log=open_log,
        )
    checkpoints.remove()
    store.trim()


if __name__ == "__main__":
    stage.run(main)
