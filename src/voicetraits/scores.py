"""Scores of predicted class probabilities, with weights, for many weightings at once.

A bootstrap over speakers is a weighting: a speaker drawn twice counts twice. So each function takes (b, n) weights and
returns b values, and the plain figure is the one for weights of 1. Definitions are scikit-learn's, which is the oracle
of the tests; where a resample holds no clip of a class, the scores that need one are NaN.
"""

from collections.abc import Sequence

import numpy as np

from voicetraits.classes import positions

_SMALLEST_PROBABILITY = 1e-15
#: Share of the clips that is answered where `errors_left` counts.
COVERAGE = 0.95


def score(
    labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray, *, classes: Sequence[str], ece_bins: int
) -> dict[str, np.ndarray]:
    """All scores.

    Args:
        labels: (n,) int, index of the true class.
        probabilities: (n, c), rows sum to 1; the largest is the prediction.
        weights: (b, n), how much each row counts in each of b weightings.
        classes: names of the c classes.
        ece_bins: equal-width bins of the expected calibration error.

    Returns:
        name: (b,) for uar, accuracy, macro_f1, roc_auc, average_precision, log_loss, ece, errors_left, where classes
        have an order group_error and within_one_group, and for each class recall_<class> and precision_<class>. roc_auc
        and average_precision are means over one class against the rest.
    """
    predicted = probabilities.argmax(axis=1)
    recall, precision, f1 = _per_class(labels, predicted, weights, len(classes))
    total = weights.sum(axis=1)
    right = predicted == labels
    ranked = [_ranking_scores(probabilities[:, k], labels == k, weights) for k in range(len(classes))]
    floored = np.maximum(probabilities[np.arange(len(labels)), labels], _SMALLEST_PROBABILITY)
    return {
        "uar": recall.mean(axis=0),
        "accuracy": weights @ right / total,
        "macro_f1": f1.mean(axis=0),
        "roc_auc": np.mean([auc for auc, _ in ranked], axis=0),
        "average_precision": np.mean([average for _, average in ranked], axis=0),
        "log_loss": weights @ -np.log(floored) / total,
        "ece": expected_calibration_error(probabilities.max(axis=1), right, weights, ece_bins),
        "errors_left": errors_left(probabilities.max(axis=1), right, weights),
        **_ordered_scores(labels, predicted, weights, positions(classes)),
        **{f"recall_{name}": recall[k] for k, name in enumerate(classes)},
        **{f"precision_{name}": precision[k] for k, name in enumerate(classes)},
    }


def speaker_weights(speakers: np.ndarray, samples: int, rng: np.random.Generator) -> np.ndarray:
    """Bootstrap over speakers: draw as many speakers as there are, with replacement, `samples` times.

    Args:
        speakers: (n,) the speaker of each row.

    Returns:
        (samples, n), how often each row's speaker was drawn.
    """
    unique, inverse = np.unique(speakers, return_inverse=True)
    drawn = rng.multinomial(len(unique), np.full(len(unique), 1 / len(unique)), size=samples)  # (samples, speakers)
    return drawn[:, inverse].astype(np.float64)


def interval(values: np.ndarray, confidence: float) -> tuple[float, float]:
    """Percentile interval of bootstrapped values; resamples without a class (NaN) are left out."""
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(values, [tail, 1 - tail])
    return float(low), float(high)


def _per_class(
    labels: np.ndarray, predicted: np.ndarray, weights: np.ndarray, classes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Recall, precision and F1, each (c, b). Precision and F1 of a class never predicted are 0."""
    recall, precision, f1 = [], [], []
    for k in range(classes):
        hits = weights @ ((labels == k) & (predicted == k))
        actual, claimed = weights @ (labels == k), weights @ (predicted == k)
        recall.append(_ratio(hits, actual, np.nan))
        precision.append(_ratio(hits, claimed, 0.0))
        f1.append(_ratio(2 * hits, actual + claimed, 0.0))
    return np.array(recall), np.array(precision), np.array(f1)


def _ranking_scores(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Area under the ROC curve and average precision, each (b,); rows of equal score count as one step."""
    order = np.argsort(-scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=np.inf))  # first row of each distinct score
    hits = np.add.reduceat(weights[:, order] * positive[order], starts, axis=1)  # (b, distinct)
    misses = np.add.reduceat(weights[:, order] * ~positive[order], starts, axis=1)
    hits_so_far, misses_so_far = np.cumsum(hits, axis=1), np.cumsum(misses, axis=1)
    all_hits, all_misses = hits_so_far[:, -1], misses_so_far[:, -1]
    above = (misses * (hits_so_far - hits / 2)).sum(axis=1)
    precision = _ratio(hits_so_far, hits_so_far + misses_so_far, 0.0)
    return _ratio(above, all_hits * all_misses, np.nan), _ratio((hits * precision).sum(axis=1), all_hits, np.nan)


def _ordered_scores(
    labels: np.ndarray, predicted: np.ndarray, weights: np.ndarray, places: tuple[int, ...] | None
) -> dict[str, np.ndarray]:
    """How many groups off the answers are in the mean, and the share that is one off at most."""
    if places is None:
        return {}
    distance = np.abs(np.array(places)[predicted] - np.array(places)[labels])
    total = weights.sum(axis=1)
    return {"group_error": weights @ distance / total, "within_one_group": weights @ (distance <= 1) / total}


def errors_left(confidence: np.ndarray, right: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Share of the errors that is left where only the most confident 95 % of the rows are answered, (b,).

    Rows of equal confidence are answered in the same part. Without errors none is left: 0.
    """
    order = np.argsort(-confidence, kind="stable")
    starts = np.flatnonzero(np.diff(confidence[order], prepend=np.inf))
    rows = np.add.reduceat(weights[:, order], starts, axis=1)  # (b, distinct)
    errors = np.add.reduceat(weights[:, order] * ~right[order], starts, axis=1)
    before = np.cumsum(rows, axis=1) - rows
    room = COVERAGE * rows.sum(axis=1, keepdims=True) - before
    answered = np.clip(np.divide(room, rows, out=np.zeros_like(rows), where=rows > 0), 0, 1)
    return _ratio((answered * errors).sum(axis=1), errors.sum(axis=1), 0.0)


def answer_scores(right: np.ndarray, refused: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Of a model that may refuse: share and number of rows answered and refused, share of errors among the answers.

    Args:
        right: (n,) whether the answer is, or would be, right.
        refused: (n,) whether it is refused.
        weights: (b, n).

    Returns:
        coverage, refused and answered_error, each (b,); without an answer there is no error among them: 0.
    """
    answered = weights @ ~refused
    return {
        "coverage": answered / weights.sum(axis=1),
        "refused": weights @ refused,
        "answered_error": _ratio(weights @ (~refused & ~right), answered, 0.0),
    }


def expected_calibration_error(confidence: np.ndarray, right: np.ndarray, weights: np.ndarray, bins: int) -> np.ndarray:
    """Σ over bins of |Σ weight · (right − confidence)| / Σ weight (Guo et al. 2017), (b,)."""
    bin_of = confidence_bins(confidence, bins)
    # One product for all bins: in the bootstrap, `weights` is too large to be read from memory for each of them.
    gap = weights @ np.where(bin_of[:, None] == np.arange(bins), (right - confidence)[:, None], 0.0)  # (b, bins)
    return np.abs(gap).sum(axis=1) / weights.sum(axis=1)


def confidence_bins(confidence: np.ndarray, bins: int) -> np.ndarray:
    """Equal-width bin of each confidence, (n,) in 0 … bins − 1; a bin holds its upper edge."""
    return np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)


def _ratio(numerator: np.ndarray, denominator: np.ndarray, otherwise: float) -> np.ndarray:
    return np.divide(numerator, denominator, out=np.full(numerator.shape, otherwise), where=denominator > 0)
