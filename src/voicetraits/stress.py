"""Scores of saved models, and of the pitch threshold, on test clips under each condition."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from voicetraits.conditions import CLEAN, Condition
from voicetraits.evaluation import EvaluateParams, score_table
from voicetraits.examples import select_clips
from voicetraits.features.table import FeatureTable
from voicetraits.models import saved
from voicetraits.parallel import Workers, map_in_workers
from voicetraits.params import section
from voicetraits.predictions import predict_baselines
from voicetraits.store import Store
from voicetraits.stressing import Functionals, StressedClips, maker_of

#: What is told of each condition, with its interval.
SCORES = ("uar", "ece")
COLUMNS = ("condition", "target", "model", "unit", "score", "value", "low", "high")
PITCH = "pitch_threshold"


def _each_once(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    if len(set(conditions)) < len(conditions):
        raise PydanticCustomError("each_once", "each condition once")
    return conditions


@section
class StressParams:
    """The section `stress` of params.yaml."""

    conditions: Annotated[tuple[Condition, ...], AfterValidator(_each_once)]


@dataclass(frozen=True)
class Results:
    """Of one run over all targets.

    Attributes:
        scores: a row per score, see `COLUMNS`.
        unchanged: condition: how many of the clips it could not change.
        clips: how many clips were heard under each condition.
    """

    scores: pd.DataFrame
    unchanged: Mapping[str, int]
    clips: int


def score_under_stress(
    audio: Path,
    folders: Mapping[str, Mapping[str, Path]],
    params: StressParams,
    *,
    features: FeatureTable,
    metadata: pd.DataFrame,
    splits: pd.DataFrame,
    scoring: EvaluateParams,
    seed: int,
    store: Store,
    workers: Workers | int | None,
) -> Results:
    """Score every model of every target on its test clips, as they are and under each condition.

    Args:
        audio: folder of `part-*.parquet` with the samples.
        folders: target: model name: folder with a saved model of each fold.
        features: of the clips as they are; the pitch threshold is fitted on them.
    """
    tests = list(_each_test(folders, metadata, splits))
    wanted = sorted({utterance_id for test in tests for utterance_id in test.clips["utterance_id"]})
    conditions = (CLEAN, *params.conditions)
    plain = Functionals.of(features.params)
    makers = dict.fromkeys([plain, *(maker_of(model.config) for test in tests for model in test.models.values())])
    stressed = StressedClips(audio, wanted, conditions, makers, store=store, workers=workers)
    predictions, unchanged = [], {}
    for condition in conditions:
        inputs = {maker: stressed.inputs(condition, maker) for maker in makers}
        unchanged[condition] = inputs[plain].unchanged
        tables: dict[str, dict[str, list[pd.DataFrame]]] = {}
        for test in tests:
            heard = {maker: own.of(test.clips["utterance_id"]) for maker, own in inputs.items()}
            answers = {
                name: _predict(model, heard[maker_of(model.config)], test) for name, model in test.models.items()
            }
            if test.target == "gender":
                answers[PITCH] = _predict_by_pitch(test, heard[plain], features=features, metadata=metadata)
            for name, answer in answers.items():
                tables.setdefault(test.target, {}).setdefault(name, []).append(answer)
        predictions += [(condition, target, joined) for target, joined in tables.items()]
    classes = {test.target: test.classes for test in tests}
    score = partial(_score, classes=classes, scoring=scoring, seed=seed)
    scores = map_in_workers(score, predictions, workers=workers, description="score", unit="table")
    return Results(pd.concat(scores, ignore_index=True), unchanged, len(wanted))


def _score(
    task: tuple[str, str, Mapping[str, list[pd.DataFrame]]],
    *,
    classes: Mapping[str, tuple[str, ...]],
    scoring: EvaluateParams,
    seed: int,
) -> pd.DataFrame:
    """The rows of one condition and target, all folds together."""
    condition, target, tables = task
    joined = {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}
    scored = score_table(target, joined, classes[target], scoring, seed=seed).assign(condition=condition)
    return scored.loc[scored["score"].isin(SCORES), list(COLUMNS)]


def figures(results: Results) -> dict[str, Any]:
    """{target: {model: {condition: {uar, ece}}}} on clips, and which clips were heard.

    Intervals and speakers stay in the table: ten times as many numbers would bury the ones that are read.
    """
    nested: dict[str, Any] = {"heard_clips": results.clips, "unchanged_clips": dict(results.unchanged)}
    for row in results.scores[results.scores["unit"] == "clips"].itertuples():
        models = nested.setdefault(row.target, {})
        models.setdefault(row.model, {}).setdefault(row.condition, {})[row.score] = row.value
    return nested


@dataclass(frozen=True)
class _Test:
    """The test clips of one fold of one target, and each model's answer to it."""

    target: str
    classes: tuple[str, ...]
    splits: pd.DataFrame  # of this fold alone
    clips: pd.DataFrame
    models: Mapping[str, saved.SavedModel]


def _each_test(
    folders: Mapping[str, Mapping[str, Path]], metadata: pd.DataFrame, splits: pd.DataFrame
) -> Iterator[_Test]:
    for target, by_model in folders.items():
        of_target = splits[splits["target"] == target]
        for fold, of_fold in of_target.groupby("fold"):
            models = {name: saved.load(folder / f"fold-{fold}") for name, folder in by_model.items()}
            clips = select_clips(metadata, of_fold, target, fold, "test")
            yield _Test(target, next(iter(models.values())).config.classes, of_fold, clips, models)


def _predict(model: saved.SavedModel, heard: list[np.ndarray], test: _Test) -> pd.DataFrame:
    inputs = np.stack(heard) if model.config.runtime is None else heard  # clips differ in length
    probabilities = model.predict_proba(inputs, names=model.config.feature_names)
    return test.clips.assign(**{f"p_{label}": probabilities[:, k] for k, label in enumerate(test.classes)})


def _predict_by_pitch(
    test: _Test, heard: list[np.ndarray], *, features: FeatureTable, metadata: pd.DataFrame
) -> pd.DataFrame:
    """The pitch threshold, fitted on training clips as they are, on this fold's test clips as they are heard."""
    rows = pd.DataFrame(np.stack(heard), index=test.clips["utterance_id"], columns=features.values.columns)
    others = features.values.drop(index=rows.index)
    table = FeatureTable(pd.concat([others, rows]), features.params)
    return predict_baselines(test.target, test.classes, features=table, metadata=metadata, splits=test.splits)[PITCH]
