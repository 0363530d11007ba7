"""The tables behind the plots: curves, confusion and calibration of all models, importances, pitch by gender."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_curve

from voicetraits.evaluation import Prediction
from voicetraits.scores import confidence_bins

#: Most points of a risk-coverage curve.
_STEPS = 200


def plot_tables(
    target: str, tables: Mapping[str, pd.DataFrame], classes: Sequence[str], *, ece_bins: int
) -> dict[str, pd.DataFrame]:
    """The tables behind the plots, on test clips, all models in one table each.

    Args:
        tables: model name: a row per test clip with speaker_id, label, p_<class>…

    Returns:
        roc, precision_recall, confusion, calibration and risk_coverage, each with the columns target and model.
    """
    collected: dict[str, list[pd.DataFrame]] = {}
    for model, table in tables.items():
        prediction = Prediction.of(table, classes)
        parts = {
            "roc": _roc(prediction, classes),
            "precision_recall": _precision_recall(prediction, classes),
            "confusion": _confusion(prediction, classes),
            "calibration": _calibration(prediction, ece_bins),
            "risk_coverage": _risk_coverage(prediction),
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
    counts = confusion_matrix(prediction.labels, prediction.predicted, labels=range(len(classes)))
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
    table = pd.DataFrame(
        {"bin": confidence_bins(confidence, bins), "confidence": confidence, "accuracy": prediction.right}
    )
    grouped = table.groupby("bin")
    return grouped.mean().assign(clips=grouped.size()).reset_index(drop=True).round(5)


def _risk_coverage(prediction: Prediction) -> pd.DataFrame:
    """Share of the clips that is answered, the most confident first, and share and number of errors among them.

    Clips of equal confidence are answered together; where there are many steps, one for each 200th of the clips.
    """
    confidence = prediction.probabilities.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    answered = np.arange(1, len(order) + 1)
    errors = np.cumsum(~prediction.right[order])
    ends = np.append(np.diff(confidence[order]) != 0, True)
    table = pd.DataFrame(
        {
            "coverage": answered / len(order),
            "risk": errors / answered,
            "confidence": confidence[order],
            "answered": answered,
            "errors": errors,
        }
    )[ends]
    return table.groupby(np.ceil(table["coverage"] * _STEPS)).last().round(5).reset_index(drop=True)


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
