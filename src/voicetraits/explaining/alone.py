"""What each family of features tells by itself: a logistic regression that has nothing else."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from voicetraits.explaining.held_out import Fold, Intervals

#: Strength of the regularisation, the same for every family; chosen beforehand, not by any score.
_C = 0.1


def alone_table(
    folds: Sequence[Fold],
    train: Sequence[tuple[np.ndarray, np.ndarray]],
    groups: Mapping[str, Sequence[int]],
    intervals: Intervals,
) -> pd.DataFrame:
    """UAR on test clips of a logistic regression on each group alone, trained on the fold's training clips.

    Args:
        train: of each fold, features (m, features) and labels (m,).
        groups: name: places of its features.
        intervals: over the test clips of all folds behind one another.

    Returns:
        group, features (how many), uar, low, high; in the order of `groups`.
    """
    rows = []
    for name, places in groups.items():
        hits = []
        for fold, (features, labels) in zip(folds, train, strict=True):
            model = make_pipeline(
                StandardScaler(), LogisticRegression(C=_C, class_weight="balanced", max_iter=2000, random_state=0)
            )
            model.fit(features[:, places].astype(np.float64), labels)
            hits.append(model.predict(fold.features[:, places].astype(np.float64)) == fold.clips.labels)
        value, low, high = intervals.mean(np.concatenate(hits).astype(np.float64))
        rows.append({"group": name, "features": len(places), "uar": value, "low": low, "high": high})
    return pd.DataFrame(rows, columns=["group", "features", "uar", "low", "high"]).round(6)
