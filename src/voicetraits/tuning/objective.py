"""The UAR of one setting of a model on speakers that it did not learn from."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.metrics import recall_score

from voicetraits.models.rows import Rows
from voicetraits.tuning.study import Objective
from voicetraits.tuning.subject import Subject

if TYPE_CHECKING:
    from voicetraits.features.table import FeatureTable
    from voicetraits.net_inputs import NetInputs

#: With one fold, progress is reported so many times in today's epochs, if it has so many; with several, after each.
_REPORTS = 20


def validation_uar(
    subject: Subject,
    all_params: Mapping[str, Any],
    folds: Sequence[tuple[pd.DataFrame, pd.DataFrame]],
    *,
    classes: int,
    seed: int,
) -> Objective:
    """An objective for `run_study`: mean over the folds of the UAR on clips.

    A model that tells no `uar/val` while it trains, such as tfdf, reports between folds alone.

    Args:
        folds: clips to learn from and clips to score on, as `tuning_folds` gives them.
    """

    epochs_between_reports = max(1, (subject.epochs or 0) // _REPORTS)

    def objective(values: Mapping[str, Any], report: Callable[[int, float], None]) -> float:
        chosen = subject.params_with(all_params, values)
        inputs = subject.inputs(chosen)
        uars: list[float] = []
        for train, validation in (tuple(rows_of(clips, inputs) for clips in pair) for pair in folds):
            classifier = subject.new_model(chosen, inputs, classes)

            def log(step: int, figures: Mapping[str, float]) -> None:
                if len(folds) == 1 and "uar/val" in figures and step % epochs_between_reports == 0:
                    report(step, figures["uar/val"])

            classifier.fit(train, validation, params=chosen, seed=seed, log=log)
            uars.append(_uar(validation.labels, classifier.predict_proba(validation.features)))
            if 1 < len(folds) != len(uars):
                report(len(uars), float(np.mean(uars)))
        return float(np.mean(uars))

    return objective


def rows_of(clips: pd.DataFrame, inputs: "FeatureTable | NetInputs") -> Rows:
    """What a model learns from, of clips with utterance_id and class_index."""
    return Rows(
        inputs.rows(clips["utterance_id"]), clips["class_index"].to_numpy(np.int32), np.ones(len(clips), np.float32)
    )


def _uar(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Over the classes that occur: a small validation side may lack one."""
    return float(recall_score(labels, probabilities.argmax(axis=1), labels=np.unique(labels), average="macro"))
