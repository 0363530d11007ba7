"""The UAR of one setting of a model on speakers that it did not learn from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
from sklearn.metrics import recall_score

from voicetraits.models.rows import Rows
from voicetraits.tuning.study import Objective

#: With one fold, its progress is reported every so many epochs; with several, after each fold.
_EPOCHS_BETWEEN_REPORTS = 5


def validation_uar(
    model: str, now: Any, folds: Sequence[tuple[Rows, Rows]], *, classes: int, feature_names: Sequence[str], seed: int
) -> Objective:
    """An objective for `run_study`: mean over the folds of the UAR on clips.

    Args:
        model: name of its module under models/.
        now: its params today; what a trial tries replaces some of them.
    """

    def objective(values: Mapping[str, Any], report: Callable[[int, float], None]) -> float:
        params = replace(now, **values)
        uars: list[float] = []
        for train, validation in folds:
            classifier = import_module(f"voicetraits.models.{model}").Model(
                classes=classes, feature_names=feature_names
            )

            def log(step: int, figures: Mapping[str, float]) -> None:
                if len(folds) == 1 and "uar/val" in figures and step % _EPOCHS_BETWEEN_REPORTS == 0:
                    report(step, figures["uar/val"])

            classifier.fit(train, validation, params=params, seed=seed, log=log)
            uars.append(_uar(validation.labels, classifier.predict_proba(validation.features)))
            if 1 < len(folds) != len(uars):
                report(len(uars), float(np.mean(uars)))
        return float(np.mean(uars))

    return objective


def _uar(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Over the classes that occur: a small validation side may lack one."""
    return float(recall_score(labels, probabilities.argmax(axis=1), labels=np.unique(labels), average="macro"))
