"""Saved models that know all features and answer at once, made without training: a softmax regression on pitch."""

from dataclasses import asdict
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from support.sounds import PARAMS
from voicetraits.calibration import Calibration
from voicetraits.features.extractor import FeatureExtractor
from voicetraits.models import saved, softmax_runtime

EXTRACTOR = FeatureExtractor(PARAMS)
CLASSES = {"gender": ("female", "male"), "age": ("youth", "adult", "senior")}
#: Hz above which the model says female.
BOUNDARY_HZ, SLOPE_HZ = 165.0, 10.0


def save_softmax(
    folder: Path,
    target: str = "gender",
    *,
    scale: float = 1e6,
    threshold: float = 0.0,
    level_range_db: float | None = None,
) -> Path:
    """Write a softmax regression that hears nothing but median F0, as training writes one.

    Args:
        folder: gets `<target>/final/`.
        scale: deviation of all features but F0; a small one makes every clip a stranger.
        threshold: confidence below which it does not answer.
        level_range_db: of its training clips, as they had no noise.
    """
    names = EXTRACTOR.names
    place = names.index("f0_median_hz")
    mean, scales = np.zeros(len(names)), np.full(len(names), scale)
    mean[place], scales[place] = BOUNDARY_HZ, 100.0
    classes = CLASSES[target]
    weights = np.zeros((len(names), len(classes)), np.float32)
    weights[place, 0] = 100.0 / SLOPE_HZ
    own = folder / target / "final"
    own.mkdir(parents=True)
    with h5py.File(own / softmax_runtime.WEIGHTS, "w") as file:
        file["layers/dense/vars/0"], file["layers/dense/vars/1"] = weights, np.zeros(len(classes), np.float32)
    table = pd.DataFrame({"feature": names, "mean": mean, "scale": scales})
    table.to_csv(own / softmax_runtime.SCALING, index=False)
    config = saved.Config(
        model="softmax",
        target=target,
        classes=classes,
        feature_names=names,
        feature_params=asdict(PARAMS),
        params={},
        seed=1,
        training_split_sha256="ab" * 32,
        versions={},
        level_range_db=level_range_db,
    )

    class Written:
        """What is there already."""

        def save(self, folder: Path) -> None:
            pass

    speakers = np.zeros((21, len(names)), np.float32)
    speakers[:, place] = np.linspace(BOUNDARY_HZ - 100, BOUNDARY_HZ + 100, len(speakers))
    saved.save(saved.SavedModel(config, Written(), Calibration(threshold=threshold), speakers), own)
    return own
