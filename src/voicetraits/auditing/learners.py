"""Two quick model families that an audit trains hundreds of times: a linear one, and trees.

Both are scikit-learn's. They stand for the project's own models, which learn the same of the same features, and take
seconds where those take minutes.
"""

from collections.abc import Callable

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression

from voicetraits.auditing.clips import Clips

#: Fits to some clips and gives the probabilities of others: (training clips, (m, features), seed) -> (m, classes).
Learner = Callable[[Clips, np.ndarray, int], np.ndarray]

#: Standardised features beyond this are outliers; unclipped, a single one can decide a clip.
_CLIP = 5.0
_TREES = 100


def linear(train: Clips, values: np.ndarray, seed: int) -> np.ndarray:
    """Logistic regression with a strong L2 penalty on standardised features."""
    return _logistic(0.01, train, values)


def one_feature(train: Clips, values: np.ndarray, seed: int) -> np.ndarray:
    """Logistic regression, hardly penalised, for what a single feature says by itself."""
    return _logistic(10.0, train, values)


def _logistic(inverse_penalty: float, train: Clips, values: np.ndarray) -> np.ndarray:
    mean, deviation = train.values.mean(axis=0), train.values.std(axis=0)
    deviation = np.where(deviation > 0, deviation, 1.0)
    model = LogisticRegression(C=inverse_penalty, max_iter=500)
    return _fit_predict(model, train, lambda rows: np.clip((rows - mean) / deviation, -_CLIP, _CLIP), values)


def trees(train: Clips, values: np.ndarray, seed: int) -> np.ndarray:
    """Extremely randomised trees (Geurts et al. 2006) with five clips or more in a leaf."""
    model = ExtraTreesClassifier(_TREES, min_samples_leaf=5, max_features=0.2, random_state=seed)
    return _fit_predict(model, train, lambda rows: rows, values)


#: Name: learner.
LEARNERS: dict[str, Learner] = {"linear": linear, "trees": trees}


def _fit_predict(model, train: Clips, prepare: Callable[[np.ndarray], np.ndarray], values: np.ndarray) -> np.ndarray:
    probabilities = np.zeros((len(values), len(train.classes)))
    present = np.unique(train.labels)
    if len(present) == 1:  # logistic regression wants two
        probabilities[:, present] = 1
        return probabilities
    model.fit(prepare(train.values), train.labels, sample_weight=even_weights(train))
    probabilities[:, model.classes_] = model.predict_proba(prepare(values))
    return probabilities


def even_weights(clips: Clips) -> np.ndarray:
    """Weights under which each class counts the same, and within it each speaker; their mean is 1, (n,)."""
    weights = 1 / np.bincount(clips.units)[clips.units]
    weights /= np.bincount(clips.labels, weights)[clips.labels]
    return weights / weights.mean()


def out_of_fold(
    learn: Learner, clips: Clips, fold_of: np.ndarray, seed: int, *, trusted: np.ndarray | None = None
) -> np.ndarray:
    """Probabilities of each clip from a model that was trained on the other folds, (n, classes).

    Args:
        fold_of: (n,) fold of each clip.
        trusted: (n,) bool, the clips that may be learnt from; None: all. All are predicted.
    """
    trusted = np.ones(len(fold_of), bool) if trusted is None else trusted
    probabilities = np.empty((len(fold_of), len(clips.classes)))
    for fold in np.unique(fold_of):
        tested = fold_of == fold
        probabilities[tested] = learn(clips.take(~tested & trusted), clips.values[tested], seed)
    return probabilities
