"""Features and split -> decision trees for one target: `python src/train_tfdf.py gender`."""

import argparse
from pathlib import Path

import pandas as pd

from voicetraits import params, stage
from voicetraits.calibration import CalibrationParams
from voicetraits.classes import CLASSES
from voicetraits.curves import recorded_curves
from voicetraits.examples import read_splits
from voicetraits.features.table import read_features
from voicetraits.files import folder_anew
from voicetraits.models import tfdf
from voicetraits.training import train


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=CLASSES)
    target = parser.parse_args().target
    all_params = params.load()
    with (
        folder_anew(Path("data/models/tfdf") / target) as folder,
        recorded_curves(Path("metrics/train/tfdf") / target, tfdf.Model.curves) as open_log,
    ):
        train(
            "tfdf",
            target,
            params.get(all_params, "tfdf", tfdf.Params),
            new_model=tfdf.Model,
            calibration=params.get(all_params, "calibration", CalibrationParams),
            features=read_features(Path("data/features")),
            metadata=pd.read_parquet("data/metadata.parquet"),
            splits=read_splits(Path("data/splits.csv")),
            seed=params.get(all_params, "seed", params.Seed),
            out=folder,
            open_log=open_log,
        )


if __name__ == "__main__":
    stage.run(main)
