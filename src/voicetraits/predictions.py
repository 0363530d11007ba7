"""Predictions of saved models on test speakers, made anew as a user would and checked against those of training."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from voicetraits.baselines import PitchThreshold, majority
from voicetraits.errors import ModelError
from voicetraits.examples import select_clips
from voicetraits.features.table import FeatureTable
from voicetraits.models import saved

if TYPE_CHECKING:
    from voicetraits.net_inputs import NetInputs

#: Largest difference to the predictions stored at training that still counts as the same.
_TOLERANCE = 1e-5


def predict_test_clips(
    folder: Path,
    target: str,
    *,
    features: "FeatureTable | NetInputs",
    metadata: pd.DataFrame,
    splits: pd.DataFrame,
) -> pd.DataFrame:
    """Load each fold's model from `folder` and predict that fold's test clips.

    Returns:
        utterance_id, speaker_id, label, fold, raw_<class>…, p_<class>…, refused; a row per test clip and fold.

    Raises:
        ModelError: a model is damaged, or does not reproduce the predictions stored at training.
    """
    stored = pd.read_parquet(folder / "predictions.parquet")
    stored = stored[stored["side"] == "test"]
    tables = []
    for fold in _folds(splits, target):
        model = saved.load(folder / f"fold-{fold}")
        clips = select_clips(metadata, splits, target, fold, "test")
        values = features.rows(clips["utterance_id"])
        raw = model.predict_raw(values, names=features.names, params=features.params)
        classes = model.config.classes
        known = stored[stored["fold"] == fold].set_index("utterance_id").reindex(clips["utterance_id"])
        known_raw, known_stated = (
            known.reindex(columns=[f"{prefix}_{label}" for label in classes]).to_numpy() for prefix in ("raw", "p")
        )
        # NaN where a clip has no stored prediction. Calibration may widen what is within the tolerance.
        differences = known_raw - raw, known_stated - model.calibration.apply(known_raw)
        difference = max(np.abs(own).max() for own in differences)
        if not all(np.abs(own).max() <= _TOLERANCE for own in differences):
            stage = stage_of(model.config, target)
            raise ModelError(
                f"{folder / f'fold-{fold}'} does not reproduce its stored test predictions (largest difference "
                f"{difference:.2g}); train it again with `dvc repro --force --single-item {stage}`"
            )
        stated = model.calibration.apply(raw)
        columns = {
            f"{prefix}_{label}": values[:, k]
            for prefix, values in (("raw", raw), ("p", stated))
            for k, label in enumerate(classes)
        }
        tables.append(clips.assign(fold=fold, **columns, refused=model.calibration.refuses(stated)))
    return pd.concat(tables, ignore_index=True)


def predict_baselines(
    target: str, classes: Sequence[str], *, features: FeatureTable, metadata: pd.DataFrame, splits: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """The baselines, fitted on the training clips of each fold, on that fold's test clips.

    Returns:
        name: a table with utterance_id, speaker_id, label, fold, p_<class>…, for `majority` and, for gender,
        `pitch_threshold`.
    """
    tables: dict[str, list[pd.DataFrame]] = {}
    for fold in _folds(splits, target):
        train, test = (select_clips(metadata, splits, target, fold, side) for side in ("train", "test"))
        labels = train["label"].map(list(classes).index).to_numpy()
        predicted = {"majority": majority(labels, len(classes), len(test))}
        if target == "gender":
            f0_hz = features.values["f0_median_hz"]
            threshold = PitchThreshold.fit(
                f0_hz.loc[train["utterance_id"]].to_numpy(), (train["label"] == "female").to_numpy()
            )
            predicted["pitch_threshold"] = threshold.predict_proba(f0_hz.loc[test["utterance_id"]].to_numpy(), classes)
        for name, probabilities in predicted.items():
            columns = {f"p_{label}": probabilities[:, k] for k, label in enumerate(classes)}
            tables.setdefault(name, []).append(test.assign(fold=fold, **columns))
    return {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}


def stage_of(config: saved.Config, target: str) -> str:
    """Name in dvc.yaml of the stage that trains a saved model."""
    return f"train_net@{config.model}-{target}" if config.runtime else f"train_{config.model}@{target}"


def by_speaker(clips: pd.DataFrame) -> pd.DataFrame:
    """One row per speaker and label: probabilities from the mean log-probability of the clips.

    A speaker whose age group changed over the years has a row for each; who is tested in several folds, one in each.

    Args:
        clips: speaker_id, label, p_<class>…; raw_<class>… and fold, where they are, are kept.
    """
    keys = [name for name in ("fold", "speaker_id", "label") if name in clips]
    parts = []
    for prefix in ("raw_", "p_"):
        columns = [column for column in clips if column.startswith(prefix)]
        if not columns:
            continue
        logs = np.log(clips[columns].clip(lower=1e-15)).assign(**{name: clips[name] for name in keys})
        means = np.exp(logs.groupby(keys, sort=True)[columns].mean())
        # Rounded, so that equal clips give equal speakers whatever their number.
        parts.append(means.div(means.sum(axis=1), axis=0).round(12))
    return pd.concat(parts, axis=1).reset_index()


def _folds(splits: pd.DataFrame, target: str) -> list[str]:
    return sorted(splits.loc[splits["target"] == target, "fold"].unique())
