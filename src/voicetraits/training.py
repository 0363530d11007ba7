"""Trains a model on each fold of a split, and keeps what evaluation and inference need."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from voicetraits.calibration import Calibration, CalibrationParams, fit
from voicetraits.classes import CLASSES
from voicetraits.examples import final_sides, select_clips
from voicetraits.features.table import FeatureTable
from voicetraits.files import write_parquet
from voicetraits.models import saved
from voicetraits.models.rows import Rows

if TYPE_CHECKING:
    from voicetraits.net_inputs import NetInputs

#: So many training clips may be a recording that went wrong, and say nothing of how much noise a model knows.
_NOISIEST_SHARE = 0.005
_QUANTILES = 21
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
    calibration: CalibrationParams,
    features: "FeatureTable | NetInputs",
    metadata: pd.DataFrame,
    splits: pd.DataFrame,
    seed: int,
    out: Path,
    open_log: OpenLog,
) -> bool:
    """Train the model `name` for `target` on every fold of `splits`, and write it to the empty folder `out`.

    Writes `fold-<n>/` for each fold, calibrated on its validation speakers, `final/` (what inference loads) and
    `predictions.parquet` (utterance_id, speaker_id, label, target, fold, side, and for each class raw_<class>, as the
    classifier states it, and p_<class>, calibrated) for validation and test clips. Of one fold, its model is the final
    one; of several, the final one learns from all speakers but some for early stopping, see `final_sides`, and is
    calibrated on what the folds say of the speakers that they test. Where the split skipped the target, only
    `skipped.json`.

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
    folds = sorted(splits["fold"].unique())
    tables = []
    for fold in folds:
        sides = {side: select_clips(metadata, splits, target, fold, side) for side in ("train", "val", "test")}
        model = _fit(name, target, params, sides, classes, new_model, features, seed, open_log(fold))
        held_out = [_predict(model, target, fold, side, sides[side], features) for side in ("val", "test")]
        model = replace(model, calibration=_calibrate(held_out[0], classes, calibration, target))
        saved.save(model, out / f"fold-{fold}")
        tables += [_with_stated(table, model) for table in held_out]
    predictions = pd.concat(tables)
    if len(folds) == 1:
        shutil.copytree(out / f"fold-{folds[0]}", out / "final")
    else:
        split = final_sides(splits)
        sides = {side: select_clips(metadata, split, target, "final", side) for side in ("train", "val")}
        model = _fit(name, target, params, sides, classes, new_model, features, seed, open_log("final"))
        tested = predictions[predictions["side"] == "test"]
        saved.save(replace(model, calibration=_calibrate(tested, classes, calibration, target)), out / "final")
    write_parquet(predictions, out / "predictions.parquet")
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
    # Nets hear noise in training, and see no functionals.
    sees_functionals = isinstance(rows["train"].features, np.ndarray)
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
        level_range_db=_least_level_range_db(rows["train"], features.names) if sees_functionals else None,
    )
    speakers = _quantiles_of_speakers(rows["train"], sides["train"]) if sees_functionals else None
    return saved.SavedModel(config, classifier, speakers=speakers)


def _quantiles_of_speakers(rows: Rows, clips: pd.DataFrame) -> np.ndarray:
    """See `SavedModel.speakers`."""
    means = pd.DataFrame(rows.features.astype(np.float64)).groupby(clips["speaker_id"].to_numpy()).mean()
    return np.quantile(means.to_numpy(), np.linspace(0, 1, _QUANTILES), axis=0).astype(np.float32)


def _least_level_range_db(rows: Rows, names: Sequence[str]) -> float | None:
    """What all but the noisiest training clips have at least."""
    ranges_db = saved.level_range_db(rows.features, names)
    return None if ranges_db is None else round(float(np.quantile(ranges_db, _NOISIEST_SHARE)), 3)


def _rows(clips: pd.DataFrame, classes: Sequence[str], features: "FeatureTable | NetInputs") -> Rows:
    labels = clips["label"].map({label: i for i, label in enumerate(classes)}).to_numpy(np.int32)
    return Rows(features.rows(clips["utterance_id"]), labels, np.ones(len(labels), np.float32))


def _predict(
    model: saved.SavedModel,
    target: str,
    fold: str,
    side: str,
    clips: pd.DataFrame,
    features: "FeatureTable | NetInputs",
) -> pd.DataFrame:
    values = features.rows(clips["utterance_id"])
    raw = model.predict_raw(values, names=features.names, params=features.params)
    columns = {f"raw_{label}": raw[:, k] for k, label in enumerate(model.config.classes)}
    return clips.assign(target=target, fold=fold, side=side, **columns)


def _calibrate(table: pd.DataFrame, classes: Sequence[str], params: CalibrationParams, target: str) -> Calibration:
    labels = table["label"].map(list(classes).index).to_numpy()
    raw = table[[f"raw_{label}" for label in classes]].to_numpy()
    return fit(labels, raw, table["speaker_id"].to_numpy(), params, target=target)


def _with_stated(table: pd.DataFrame, model: saved.SavedModel) -> pd.DataFrame:
    """With the columns p_<class>."""
    classes = model.config.classes
    stated = model.calibration.apply(table[[f"raw_{label}" for label in classes]].to_numpy())
    return table.assign(**{f"p_{label}": stated[:, k] for k, label in enumerate(classes)})
