"""Scores a predictor's answers on labelled clips, as evaluate scores those on the test speakers."""

import json
import warnings
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from voicetraits.baselines import PitchThreshold, majority
from voicetraits.errors import DataError
from voicetraits.evaluation import EvaluateParams, figures, score_table
from voicetraits.examples import final_sides, read_splits, select_clips
from voicetraits.features.table import read_features
from voicetraits.inference.predictor import Predictor
from voicetraits.inference.truth import Scored
from voicetraits.params import Seed, get


def score(
    predictor: Predictor, scored: Scored, params: Mapping[str, Any], *, data: Path
) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Scores on labelled clips, with the metrics, intervals and baselines of evaluate.

    Args:
        scored: the answers on them.
        params: those of params.yaml.
        data: the project's data folder, which the baselines learn from.

    Returns:
        by target, `score_table` of the model and the baselines; and what was left out, in words.

    Raises:
        DataError: of no target two classes are left.
    """
    settings = get(params, "evaluate", EvaluateParams)
    scores, notes, few = {}, [], []
    for target, own in scored.tables.items():
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(scored.set_aside[target].items()))
        if own.empty or own["label"].nunique() < 2:
            few.append(f"{target}: skipped, since fewer than two classes are left; set aside: {reasons or 'none'}")
            continue
        config = predictor.models[target].config
        baselines = baseline_tables(own, target, config.classes, data, config.training_split_sha256)
        if not baselines:
            notes.append(f"{target}: no baselines, since {data} does not hold what the model learnt from")
        if reasons:
            notes.append(f"{target}: {len(own)} clips are scored; set aside: {reasons}")
        if lacking := [name for name in config.classes if name not in set(own["label"])]:
            told = "so that no score that averages over the classes is known"
            notes.append(f"{target}: no clip is labelled {' or '.join(lacking)}, {told}")
        tables = {config.model: own, **baselines}
        # What is not known is NaN, of a class that lacks as of the resamples of speakers that lack it.
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)
            scores[target] = score_table(target, tables, config.classes, settings, seed=get(params, "seed", Seed))
    if not scores:
        raise DataError(f"nothing to score: {'; '.join(few)}")
    return scores, few + notes


def nested(scores: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """As metrics/evaluate.json has them; NaN where one is not known."""
    return {target: figures(own, {}) for target, own in scores.items()}


def as_json(scores: Mapping[str, pd.DataFrame]) -> str:
    """`nested` as JSON, which has no NaN: null."""
    known = {target: own.astype(object).where(own.notna(), None) for target, own in scores.items()}
    return json.dumps(nested(known), indent=2, allow_nan=False)


def together(scores: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """As metrics/plots/scores.csv has them."""
    return pd.concat(scores.values())


def baseline_tables(
    table: pd.DataFrame, target: str, classes: Sequence[str], data: Path, training_split_sha256: str
) -> dict[str, pd.DataFrame]:
    """What evaluate's baselines answer on the same clips, fitted on the clips that the model learnt from.

    Args:
        table: of `Scored`.
        data: the project's data folder.

    Returns:
        by name; nothing where `data` does not hold the clips that the model learnt from.
    """
    train = training_clips(target, data, training_split_sha256)
    if train is None:
        return {}
    labels = train["label"].map(list(classes).index).to_numpy()
    stated = {"majority": majority(labels, len(classes), len(table))}
    if target == "gender":
        f0_hz = read_features(data / "features").values["f0_median_hz"].loc[train["utterance_id"]].to_numpy()
        threshold = PitchThreshold.fit(f0_hz, (train["label"] == "female").to_numpy())
        stated["pitch_threshold"] = threshold.predict_proba(table["f0_median_hz"].to_numpy(np.float64), classes)
    known = table[["utterance_id", "speaker_id", "label"]]
    return {
        name: known.assign(**{f"p_{label}": values[:, k] for k, label in enumerate(classes)})
        for name, values in stated.items()
    }


def training_clips(target: str, data: Path, training_split_sha256: str) -> pd.DataFrame | None:
    """The clips that a model learnt from: utterance_id, speaker_id, label.

    Args:
        data: the project's data folder.
        training_split_sha256: of the model's config.

    Returns:
        None where `data` does not hold them.
    """
    if not (data / "splits.csv").exists() or not (data / "metadata.parquet").exists():
        return None
    splits = read_splits(data / "splits.csv")
    own = splits[splits["target"] == target]
    metadata = pd.read_parquet(data / "metadata.parquet")
    for sides in (own, final_sides(own)):
        for fold in sorted(sides["fold"].unique()):
            clips = select_clips(metadata, sides, target, fold, "train")
            if sha256(clips.to_csv(index=False).encode()).hexdigest() == training_split_sha256:
                return clips
    return None
