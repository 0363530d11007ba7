"""Figures of all models for one target, with intervals over speakers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from voicetraits.params import section
from voicetraits.predictions import by_speaker
from voicetraits.scores import (
    answer_scores,
    expected_calibration_error,
    interval,
    score,
    speaker_weights,
)
from voicetraits.share_intervals import Share, mean_of, share

#: Bounds the memory of the bootstrap, whatever the number of clips.
_WEIGHTS_AT_A_TIME = 2_000_000


@section
class EvaluateParams:
    """The section `evaluate` of params.yaml."""

    bootstrap_samples: Annotated[int, Field(ge=100)]
    confidence: Annotated[float, Field(gt=0.5, lt=1)]
    ece_bins: Annotated[int, Field(ge=2)]


@dataclass(frozen=True)
class Prediction:
    """Probabilities of one model, on clips or on speakers.

    Attributes:
        labels: (n,) index of the true class.
        probabilities: (n, c).
        speakers: (n,) the speaker of each row.
        raw: (n, c) before calibration; None of what has none.
        refused: (n,) whether the model refuses to answer; None of what never does.
    """

    labels: np.ndarray
    probabilities: np.ndarray
    speakers: np.ndarray
    raw: np.ndarray | None = None
    refused: np.ndarray | None = None

    @classmethod
    def of(cls, table: pd.DataFrame, classes: Sequence[str]) -> "Prediction":
        """From a table with speaker_id, label and p_<class>…; of models also raw_<class>… and, of clips, refused."""
        raw = [f"raw_{name}" for name in classes]
        return cls(
            labels=table["label"].map(list(classes).index).to_numpy(),
            probabilities=table[[f"p_{name}" for name in classes]].to_numpy(np.float64),
            speakers=table["speaker_id"].to_numpy(),
            raw=table[raw].to_numpy(np.float64) if set(raw) <= set(table) else None,
            refused=table["refused"].to_numpy(bool) if "refused" in table else None,
        )

    @property
    def predicted(self) -> np.ndarray:
        """(n,) index of the class that is answered."""
        return self.probabilities.argmax(axis=1)

    @property
    def right(self) -> np.ndarray:
        """(n,) whether the answer is right."""
        return self.predicted == self.labels

    def score(self, weights: np.ndarray, classes: Sequence[str], ece_bins: int) -> dict[str, np.ndarray]:
        """All scores under (b, n) weights, each (b,)."""
        scores = score(self.labels, self.probabilities, weights, classes=classes, ece_bins=ece_bins)
        if self.raw is not None:
            right = self.raw.argmax(axis=1) == self.labels
            scores["ece_raw"] = expected_calibration_error(self.raw.max(axis=1), right, weights, ece_bins)
        if self.refused is not None:
            scores |= answer_scores(self.right, self.refused, weights)
        return scores


def score_table(
    target: str, tables: Mapping[str, pd.DataFrame], classes: Sequence[str], params: EvaluateParams, *, seed: int
) -> pd.DataFrame:
    """All scores of all models, on clips and on speakers, each with its interval.

    Args:
        tables: model name: a row per test clip with speaker_id, label, p_<class>… and, where there are folds, fold.

    Returns:
        target, model, unit (clips or speakers), score, value, low, high.
    """
    rows = []
    for model, table in tables.items():
        is_constant = always_the_same(table, classes)
        for unit, units in (("clips", table), ("speakers", by_speaker(table))):
            # The same seed for every model: they are compared on the same resamples of speakers.
            rng = np.random.default_rng(seed)
            scored = _with_intervals(Prediction.of(units, classes), classes, params, rng, is_constant=is_constant)
            rows += [{"target": target, "model": model, "unit": unit, **row} for row in scored]
    return pd.DataFrame(rows).round(6)


def always_the_same(table: pd.DataFrame, classes: Sequence[str]) -> bool:
    """Whether the model of each fold answers the same, whoever speaks: its recalls are known, not estimated."""
    answers = table[[f"p_{name}" for name in classes]].to_numpy().argmax(axis=1)
    folds = table["fold"].to_numpy() if "fold" in table else np.zeros(len(table))
    return bool((pd.Series(answers).groupby(folds).nunique() <= 1).all())


def figures(
    scores: pd.DataFrame, on_parts: Mapping[str, Mapping[str, float]]
) -> dict[str, dict[str, dict[str, float]]]:
    """The rows of one target's `score_table` as {model: {unit: {score: value}}}, with the interval of the lead figure.

    All other intervals stay in the table: three numbers for each score would bury the ones that are read.

    Args:
        on_parts: model: score: value, on clips, as `slices.lead_figures` gives them.
    """
    nested: dict[str, dict[str, dict[str, float]]] = {}
    for row in scores.itertuples():
        unit = nested.setdefault(row.model, {}).setdefault(row.unit, {})
        unit[row.score] = row.value
        if row.score == "uar":
            unit |= {"uar_low": row.low, "uar_high": row.high}
    for model, own in on_parts.items():
        nested[model]["clips"] |= own
    return nested


def _with_intervals(
    prediction: Prediction,
    classes: Sequence[str],
    params: EvaluateParams,
    rng: np.random.Generator,
    *,
    is_constant: bool,
) -> list[dict[str, Any]]:
    plain = prediction.score(np.ones((1, len(prediction.labels))), classes, params.ece_bins)
    parts = []
    for samples in _chunks(params.bootstrap_samples, most=max(1, _WEIGHTS_AT_A_TIME // len(prediction.labels))):
        weights = speaker_weights(prediction.speakers, samples, rng)
        parts.append(prediction.score(weights, classes, params.ece_bins))
    drawn = {name: np.concatenate([part[name] for part in parts]) for name in plain}
    shares = _shares(prediction, classes, params.confidence, is_constant=is_constant)
    rows = []
    for name, value in plain.items():
        low, high = shares[name][1:] if name in shares else interval(drawn[name], params.confidence)
        rows.append({"score": name, "value": float(value[0]), "low": low, "high": high})
    return rows


def _shares(
    prediction: Prediction, classes: Sequence[str], confidence: float, *, is_constant: bool
) -> dict[str, Share]:
    """Accuracy, and where each class has a row its recall and UAR."""
    _, speaker = np.unique(prediction.speakers, return_inverse=True)
    right = prediction.right

    def among(chosen: np.ndarray) -> Share:
        rows, hits = np.bincount(speaker[chosen]), np.bincount(speaker[chosen], weights=right[chosen])
        return share(hits, rows, confidence)

    of_class = [prediction.labels == k for k in range(len(classes))]
    shares = {"accuracy": among(np.ones(len(right), bool))}
    if all(chosen.any() for chosen in of_class):
        recalls = [among(chosen) for chosen in of_class]
        if is_constant:  # recall is 1 or 0, whoever speaks
            recalls = [one.exactly() for one in recalls]
        shares |= {f"recall_{name}": recall for name, recall in zip(classes, recalls, strict=True)}
        shares["uar"] = mean_of(recalls)
    return shares


def _chunks(total: int, *, most: int) -> list[int]:
    return [min(most, total - done) for done in range(0, total, most)]
