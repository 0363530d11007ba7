"""Trains a model on each fold of a split, and keeps what evaluation and inference need."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from voicetraits.classes import CLASSES
from voicetraits.examples import select_clips
from voicetraits.features.table import FeatureTable
from voicetraits.files import write_parquet
from voicetraits.models import saved
from voicetraits.models.rows import Rows

if TYPE_CHECKING:
    from voicetraits.net_inputs import NetInputs

#: Makes the log of a fold's training: `open_log(fold)`.
OpenLog = Callable[[str], saved.Log]
#: Makes an untrained model: `new_model(classes=…, feature_names=…)`.
NewModel = Callable[..., saved.Classifier]


def train(
    name: str,
    target: str,
    params: Any,
    *,
    new_model: NewModel,
    features: "FeatureTable | NetInputs",
    metadata: pd.DataFrame,
    splits: pd.DataFrame,
    seed: int,
    out: Path,
    open_log: OpenLog,
) -> bool:
    """Train the model `name` for `target` on every fold of `splits`, and write it to the empty folder `out`.

    Writes `fold-<n>/` for each fold, `final/` (what inference loads; for a holdout the model of fold 0) and
    `predictions.parquet` (target, fold, side, utterance_id, speaker_id, label, p_<class>…) for validation and test
    clips. Where the split skipped the target, only `skipped.json`.

    Returns:
        whether there was something to train.
    """
    splits = splits[splits["target"] == target]
    if splits.empty:
        saved.write_skipped(out, f"the split has no speakers for the target {target}")
        return False
    # A class that the split left out has no clips on any side.
    everything = pd.concat([select_clips(metadata, splits, target, fold, "train") for fold in splits["fold"].unique()])
    classes = [label for label in CLASSES[target] if (everything["label"] == label).any()]
    predictions = []
    for fold in sorted(splits["fold"].unique()):
        sides = {side: select_clips(metadata, splits, target, fold, side) for side in ("train", "val", "test")}
        model = _fit(name, target, params, sides, classes, new_model, features, seed, open_log(fold))
        saved.save(model, out / f"fold-{fold}")
        predictions += [_predict(model, target, fold, side, sides[side], features) for side in ("val", "test")]
    shutil.copytree(out / "fold-0", out / "final")
    write_parquet(pd.concat(predictions), out / "predictions.parquet")
    return True


def _fit(
    name: str,
    target: str,
    params: Any,
    sides: dict[str, pd.DataFrame],
    classes: Sequence[str],
    new_model: NewModel,
    features: "FeatureTable | NetInputs",
    seed: int,
    log: saved.Log,
) -> saved.SavedModel:
    classifier = new_model(classes=len(classes), feature_names=features.names)
    rows = {side: _rows(clips, classes, features) for side, clips in sides.items()}
    classifier.fit(rows["train"], rows["val"], params=params, seed=seed, log=log)
    config = saved.Config(
        model=name,
        target=target,
        classes=tuple(classes),
        feature_names=features.names,
        feature_params=features.params,
        params=asdict(params),
        seed=seed,
        training_split_sha256=sha256(sides["train"].to_csv(index=False).encode()).hexdigest(),
        versions=saved.installed_versions(*classifier.versions),
        runtime=getattr(classifier, "runtime", None),
    )
    return saved.SavedModel(config, classifier)


def _rows(clips: pd.DataFrame, classes: Sequence[str], features: "FeatureTable | NetInputs") -> Rows:
    labels = clips["label"].map({label: i for i, label in enumerate(classes)}).to_numpy(np.int32)
    return Rows(features.rows(clips["utterance_id"]), labels, np.ones(len(labels), np.float32))


def _predict(
    model: saved.SavedModel,
    target: str,
    fold: Any,
    side: str,
    clips: pd.DataFrame,
    features: "FeatureTable | NetInputs",
) -> pd.DataFrame:
    values = features.rows(clips["utterance_id"])
    probabilities = model.predict_proba(values, names=features.names, params=features.params)
    columns = {f"p_{label}": probabilities[:, i] for i, label in enumerate(model.config.classes)}
    return clips.assign(target=target, fold=str(fold), side=side, **columns)
