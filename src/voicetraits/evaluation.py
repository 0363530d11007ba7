"""Figures of all models for one target, with intervals over speakers, and the tables behind the plots."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field
from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_curve

from voicetraits.params import section
from voicetraits.predictions import by_speaker
from voicetraits.scores import confidence_bins, interval, score, speaker_weights

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
    """

    labels: np.ndarray
    probabilities: np.ndarray
    speakers: np.ndarray

    @classmethod
    def of(cls, table: pd.DataFrame, classes: Sequence[str]) -> "Prediction":
        """From a table with speaker_id, label and p_<class>…"""
        return cls(
            labels=table["label"].map(list(classes).index).to_numpy(),
            probabilities=table[[f"p_{name}" for name in classes]].to_numpy(np.float64),
            speakers=table["speaker_id"].to_numpy(),
        )


def score_table(
    target: str, tables: Mapping[str, pd.DataFrame], classes: Sequence[str], params: EvaluateParams, *, seed: int
) -> pd.DataFrame:
    """All scores of all models, on clips and on speakers, each with its interval.

    Args:
        tables: model name: a row per test clip with speaker_id, label, p_<class>…

    Returns:
        target, model, unit (clips or speakers), score, value, low, high.
    """
    rows = []
    for model, table in tables.items():
        for unit, units in (("clips", table), ("speakers", by_speaker(table))):
            # The same seed for every model: they are compared on the same resamples of speakers.
            scored = _with_intervals(Prediction.of(units, classes), classes, params, np.random.default_rng(seed))
            rows += [{"target": target, "model": model, "unit": unit, **row} for row in scored]
    return pd.DataFrame(rows).round(6)


def figures(scores: pd.DataFrame) -> dict[str, dict[str, dict[str, float]]]:
    """The rows of one target's `score_table` as {model: {unit: {score: value}}}, with the interval of the lead figure.

    All other intervals stay in the table: three numbers for each score would bury the ones that are read.
    """
    nested: dict[str, dict[str, dict[str, float]]] = {}
    for row in scores.itertuples():
        unit = nested.setdefault(row.model, {}).setdefault(row.unit, {})
        unit[row.score] = row.value
        if row.score == "uar":
            unit |= {"uar_low": row.low, "uar_high": row.high}
    return nested


def _with_intervals(
    prediction: Prediction, classes: Sequence[str], params: EvaluateParams, rng: np.random.Generator
) -> list[dict[str, Any]]:
    settings: dict[str, Any] = {"classes": classes, "ece_bins": params.ece_bins}
    once = np.ones((1, len(prediction.labels)))
    plain = score(prediction.labels, prediction.probabilities, once, **settings)
    parts = []
    for samples in _chunks(params.bootstrap_samples, most=max(1, _WEIGHTS_AT_A_TIME // len(prediction.labels))):
        weights = speaker_weights(prediction.speakers, samples, rng)
        parts.append(score(prediction.labels, prediction.probabilities, weights, **settings))
    drawn = {name: np.concatenate([part[name] for part in parts]) for name in plain}
    rows = []
    for name, value in plain.items():
        low, high = interval(drawn[name], params.confidence)
        rows.append({"score": name, "value": float(value[0]), "low": low, "high": high})
    return rows


def _chunks(total: int, *, most: int) -> list[int]:
    return [min(most, total - done) for done in range(0, total, most)]


def plot_tables(
    target: str, tables: Mapping[str, pd.DataFrame], classes: Sequence[str], params: EvaluateParams
) -> dict[str, pd.DataFrame]:
    """The tables behind the plots, on test clips, all models in one table each.

    Args:
        tables: model name: a row per test clip with speaker_id, label, p_<class>…

    Returns:
        roc, precision_recall, confusion and calibration, each with the columns target and model.
    """
    collected: dict[str, list[pd.DataFrame]] = {}
    for model, table in tables.items():
        prediction = Prediction.of(table, classes)
        parts = {
            "roc": _roc(prediction, classes),
            "precision_recall": _precision_recall(prediction, classes),
            "confusion": _confusion(prediction, classes),
            "calibration": _calibration(prediction, params.ece_bins),
        }
        for name, part in parts.items():
            part.insert(0, "model", model)
            part.insert(0, "target", target)
            collected.setdefault(name, []).append(part)
    return {name: pd.concat(parts, ignore_index=True) for name, parts in collected.items()}


def _shown(classes: Sequence[str]) -> range:
    """Which classes have a ranking curve: one of two tells all, of more each against the rest."""
    return range(1) if len(classes) == 2 else range(len(classes))


def _roc(prediction: Prediction, classes: Sequence[str]) -> pd.DataFrame:
    curves = []
    for k in _shown(classes):
        false_positive, true_positive, _ = roc_curve(prediction.labels == k, prediction.probabilities[:, k])
        curves.append(_curve(classes[k], false_positive_rate=false_positive, true_positive_rate=true_positive))
    return pd.concat(curves)


def _precision_recall(prediction: Prediction, classes: Sequence[str]) -> pd.DataFrame:
    curves = []
    for k in _shown(classes):
        precision, recall, _ = precision_recall_curve(
            prediction.labels == k, prediction.probabilities[:, k], drop_intermediate=True
        )
        curves.append(_curve(classes[k], recall=recall[::-1], precision=precision[::-1]))
    return pd.concat(curves)


def _curve(label: str, **columns: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"class": label, **columns}).round(5).drop_duplicates()


def _confusion(prediction: Prediction, classes: Sequence[str]) -> pd.DataFrame:
    """A row per pair of classes: share of the clips of `actual` that were taken for `predicted`."""
    predicted = prediction.probabilities.argmax(axis=1)
    counts = confusion_matrix(prediction.labels, predicted, labels=range(len(classes)))
    shares = counts / counts.sum(axis=1, keepdims=True)
    return pd.DataFrame(
        [
            {"actual": actual, "predicted": claimed, "clips": int(counts[i, j]), "share": round(shares[i, j], 5)}
            for i, actual in enumerate(classes)
            for j, claimed in enumerate(classes)
        ]
    )


def _calibration(prediction: Prediction, bins: int) -> pd.DataFrame:
    """A row per bin that holds clips: their mean confidence and the share of them that was right."""
    confidence = prediction.probabilities.max(axis=1)
    right = prediction.probabilities.argmax(axis=1) == prediction.labels
    table = pd.DataFrame({"bin": confidence_bins(confidence, bins), "confidence": confidence, "accuracy": right})
    grouped = table.groupby("bin")
    return grouped.mean().assign(clips=grouped.size()).reset_index(drop=True).round(5)


def importance_table(target: str, importances: Mapping[str, pd.Series], most: int = 20) -> pd.DataFrame:
    """The most important features of each model, as shares of the sum over all of its features."""
    rows = []
    for model, values in importances.items():
        shares = values / values.sum() if values.sum() > 0 else values
        top = shares.sort_index().sort_values(ascending=False, kind="stable").head(most)
        rows.append(pd.DataFrame({"target": target, "model": model, "feature": top.index, "importance": top.round(5)}))
    return pd.concat(rows, ignore_index=True)


def pitch_table(f0_median_hz: pd.Series, gender: pd.Series, bin_hz: float = 10.0) -> pd.DataFrame:
    """Histogram of the clips' median pitch by labelled gender: share of the gender's voiced clips in each bin."""
    table = pd.DataFrame({"f0_median_hz": f0_median_hz, "gender": gender}).dropna()
    table = table[table["f0_median_hz"] > 0]
    middle_hz = (np.floor(table["f0_median_hz"].astype(np.float64) / bin_hz) + 0.5) * bin_hz
    counts = table.groupby(["gender", middle_hz]).size()
    shares = counts / counts.groupby(level="gender").transform("sum")
    return shares.rename("share_of_clips").round(5).reset_index()
