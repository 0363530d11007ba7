"""Scores against scikit-learn, intervals by simulation, the pitch threshold by trying every one."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from voicetraits.baselines import PitchThreshold, majority
from voicetraits.evaluation import EvaluateParams, score_table
from voicetraits.predictions import by_speaker
from voicetraits.scores import answer_scores, confidence_bins, interval, score, speaker_weights
from voicetraits.share_intervals import wilson

CLASSES = {2: ("female", "male"), 3: ("youth", "adult", "senior")}


def case(seed: int, n: int = 60, c: int = 3, levels: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities; with `levels` there are few distinct probabilities, so that many rows tie."""
    rng = np.random.default_rng(seed)
    labels = np.r_[np.arange(c), rng.integers(0, c, n - c)]
    raw = rng.gamma(1.0, size=(n, c)) + 1.5 * rng.random((n, 1)) * np.eye(c)[labels]
    if levels:
        raw = np.floor(raw / raw.max() * levels) + 1
    return labels, raw / raw.sum(axis=1, keepdims=True)


def by_sklearn(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray, bins: int) -> dict[str, float]:
    c = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    weighted = {"sample_weight": weights}
    each = {"labels": range(c), "average": None, "zero_division": 0, **weighted}
    recall = metrics.recall_score(labels, predicted, **each)
    precision = metrics.precision_score(labels, predicted, **each)
    one_hot = np.eye(c, dtype=int)[labels]
    return {
        "uar": metrics.balanced_accuracy_score(labels, predicted, **weighted),
        "accuracy": metrics.accuracy_score(labels, predicted, **weighted),
        "macro_f1": metrics.f1_score(labels, predicted, labels=range(c), average="macro", zero_division=0, **weighted),
        "roc_auc": metrics.roc_auc_score(one_hot, probabilities, average="macro", **weighted),
        "average_precision": metrics.average_precision_score(one_hot, probabilities, average="macro", **weighted),
        "log_loss": metrics.log_loss(labels, probabilities, labels=range(c), **weighted),
        "ece": expected_calibration_error(labels, probabilities, weights, bins),
        "errors_left": errors_left_by_hand(labels, probabilities, weights),
        **(ordered_scores(labels, predicted, weights) if c == 3 else {}),
        **{f"recall_{name}": recall[k] for k, name in enumerate(CLASSES[c])},
        **{f"precision_{name}": precision[k] for k, name in enumerate(CLASSES[c])},
    }


def errors_left_by_hand(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> float:
    """A row at a time, in the order of confidence; of rows of equal confidence each is answered in the same part."""
    confidence, wrong = probabilities.max(axis=1), probabilities.argmax(axis=1) != labels
    room, left = 0.95 * weights.sum(), 0.0
    for level in np.unique(confidence)[::-1]:
        rows = weights[confidence == level].sum()
        if rows > 0:
            part = min(1.0, room / rows)
            left += part * weights[(confidence == level) & wrong].sum()
            room -= part * rows
    return left / weights[wrong].sum() if weights[wrong].sum() else 0.0


def ordered_scores(labels: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    distance = np.abs(labels - predicted)
    return {
        "group_error": metrics.mean_absolute_error(labels, predicted, sample_weight=weights),
        "within_one_group": np.average(distance < 2, weights=weights),
    }


def expected_calibration_error(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray, bins: int) -> float:
    """Guo et al. 2017, equation 3, a bin at a time."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    error = 0.0
    for b in range(bins):
        inside = (confidence > b / bins) & (confidence <= (b + 1) / bins)
        if weights[inside].sum() > 0:
            accuracy = np.average(right[inside], weights=weights[inside])
            error += weights[inside].sum() * abs(accuracy - np.average(confidence[inside], weights=weights[inside]))
    return error / weights.sum()


def assert_scores(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray, bins: int = 15) -> None:
    c = probabilities.shape[1]
    own = score(labels, probabilities, weights[None], classes=CLASSES[c], ece_bins=bins)
    expected = by_sklearn(labels, probabilities, weights, bins)
    assert own.keys() == expected.keys()
    for name, value in expected.items():
        assert own[name].shape == (1,)
        assert own[name][0] == pytest.approx(value, rel=1e-9, abs=1e-12), name


@pytest.mark.parametrize("levels", [None, 3, 1], ids=["all distinct", "ties", "all equal"])
@pytest.mark.parametrize("c", [2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_scores(seed, c, levels):
    labels, probabilities = case(seed, c=c, levels=levels)
    rng = np.random.default_rng(seed)
    assert_scores(labels, probabilities, np.ones(len(labels)))
    assert_scores(labels, probabilities, rng.random(len(labels)) + 0.1)
    assert_scores(labels, probabilities, np.where(labels < c, rng.integers(1, 4, len(labels)), 0).astype(float), bins=4)


@settings(max_examples=60, deadline=None)
@given(
    labels=st.lists(st.integers(0, 2), min_size=4, max_size=12).map(lambda own: [0, 1, 2, *own]),
    data=st.data(),
)
def test_scores_of_any_table(labels, data):
    """Few rows, few distinct probabilities, rows that don't count."""
    n = len(labels)
    raw = np.array(data.draw(st.lists(st.tuples(*[st.integers(1, 3)] * 3), min_size=n, max_size=n)), dtype=float)
    weights = np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)), dtype=float)
    weights[:3] = 1
    assert_scores(np.array(labels), raw / raw.sum(axis=1, keepdims=True), weights, bins=7)


def test_a_weight_is_a_number_of_repeats():
    labels, probabilities = case(1)
    weights = np.random.default_rng(0).integers(0, 4, len(labels))
    setting = {"classes": CLASSES[3], "ece_bins": 15}
    own = score(labels, probabilities, weights[None].astype(float), **setting)
    rows = np.repeat(np.arange(len(labels)), weights)
    repeated = score(labels[rows], probabilities[rows], np.ones((1, len(rows))), **setting)
    for name in own:
        assert own[name] == pytest.approx(repeated[name], rel=1e-12), name


def test_many_weightings_at_once_are_each_by_itself():
    labels, probabilities = case(2)
    weights = np.random.default_rng(0).integers(0, 3, (20, len(labels))).astype(float)
    setting = {"classes": CLASSES[3], "ece_bins": 15}
    together = score(labels, probabilities, weights, **setting)
    for b, row in enumerate(weights):
        for name, values in score(labels, probabilities, row[None], **setting).items():
            assert together[name][b] == pytest.approx(values[0], rel=1e-12), name


def test_a_class_that_is_missing_gives_nan_where_it_is_needed():
    labels, probabilities = case(3)
    without = (labels != 2).astype(float)
    own = score(labels, probabilities, np.stack([without, np.ones(len(labels))]), classes=CLASSES[3], ece_bins=15)
    missing = {name for name, values in own.items() if np.isnan(values[0])}
    assert missing == {"uar", "roc_auc", "average_precision", "recall_senior"}
    assert all(np.isfinite(values[1]) for values in own.values())
    low, high = interval(own["uar"], 0.95)
    assert low == high == own["uar"][1]


def test_age_as_ordered_groups():
    """By hand: right, one off, two off; a class that is left out still lies between."""
    labels, answers = np.array([0, 1, 2, 2]), np.array([0, 2, 0, 1])
    own = score(labels, np.eye(3)[answers], np.ones((1, 4)), classes=CLASSES[3], ece_bins=15)
    assert own["group_error"][0] == (0 + 1 + 2 + 1) / 4
    assert own["within_one_group"][0] == 3 / 4
    own = score(labels[:2], np.eye(2)[[1, 1]], np.ones((1, 2)), classes=("youth", "senior"), ece_bins=15)
    assert own["group_error"][0] == 2 / 2
    assert own["within_one_group"][0] == 1 / 2
    decades = ("<19", "19-29", "30-39", "60+")
    own = score(np.array([0, 3]), np.eye(4)[[1, 2]], np.ones((1, 2)), classes=decades, ece_bins=15)
    assert own["group_error"][0] == (1 + 3) / 2
    assert "group_error" not in score(labels[:2], np.eye(2), np.ones((1, 2)), classes=CLASSES[2], ece_bins=15)


def test_errors_left():
    """Of twenty clips the least confident is not answered: of two errors one is left; without errors, none."""
    p = np.linspace(0.99, 0.6, 20)
    probabilities, labels = np.stack([p, 1 - p], axis=1), np.zeros(20, int)
    once = np.ones((1, 20))
    assert score(labels, probabilities, once, classes=CLASSES[2], ece_bins=15)["errors_left"][0] == 0
    labels[[0, 19]] = 1
    assert score(labels, probabilities, once, classes=CLASSES[2], ece_bins=15)["errors_left"][0] == pytest.approx(0.5)
    same = np.tile([0.9, 0.1], (20, 1))  # confidence says nothing: as many errors are left as clips are answered
    assert score(labels, same, once, classes=CLASSES[2], ece_bins=15)["errors_left"][0] == pytest.approx(0.95)


def test_answers_and_refusals():
    right, refused = np.array([1, 1, 0, 0, 1], bool), np.array([0, 1, 1, 0, 0], bool)
    own = answer_scores(right, refused, np.array([[1.0, 1, 1, 1, 1], [0, 1, 1, 0, 0], [2, 0, 0, 1, 0]]))
    assert own["coverage"] == pytest.approx([3 / 5, 0, 1])
    assert own["refused"].tolist() == [2, 2, 0]
    assert own["answered_error"] == pytest.approx([1 / 3, 0, 1 / 3])


def test_probability_zero_costs_much_but_not_everything():
    own = score(np.array([0, 1]), np.array([[0.0, 1.0], [0.5, 0.5]]), np.ones((1, 2)), classes=CLASSES[2], ece_bins=15)
    assert own["log_loss"][0] == pytest.approx((-np.log(1e-15) - np.log(0.5)) / 2)


def test_bins_hold_their_upper_edge():
    assert confidence_bins(np.array([0.0, 0.1, 0.5, 0.50001, 0.99, 1.0]), 2).tolist() == [0, 0, 0, 1, 1, 1]
    assert confidence_bins(np.array([1 / 3, 2 / 3]), 3).tolist() == [0, 1]


def test_speakers_are_drawn_as_a_whole():
    speakers = np.array(["b", "a", "b", "c", "b", "c"])
    weights = speaker_weights(speakers, 4000, np.random.default_rng(0))
    assert weights.shape == (4000, 6)
    for name in "abc":
        own = weights[:, speakers == name]
        assert (own == own[:, :1]).all()
        # A speaker of three is drawn once on average: binomial with 3 draws at 1/3.
        assert np.bincount(own[:, 0].astype(int), minlength=4) / 4000 == pytest.approx(
            [8 / 27, 12 / 27, 6 / 27, 1 / 27], abs=0.025
        )
    once = weights[:, [1, 0, 3]]
    assert (once.sum(axis=1) == 3).all()


def test_interval_is_in_the_middle():
    assert interval(np.random.default_rng(0).permutation(1001) / 1000, 0.95) == pytest.approx((0.025, 0.975))
    assert interval(np.arange(101.0), 0.8) == pytest.approx((10, 90))


def simulate(rng: np.random.Generator, speakers: int, clips: int) -> pd.DataFrame:
    """Clips of one speaker succeed or fail together: a speaker's own accuracy is 0.95 or 0.55, 0.75 in the mean."""
    female = np.arange(speakers) % 2 == 0
    own = np.where(rng.random(speakers) < 0.5, 0.95, 0.55)
    right = rng.random((speakers, clips)) < own[:, None]
    says_female = (right == female[:, None]).ravel()
    p = np.where(says_female, 0.8, 0.2)
    names = np.repeat([f"s{i:03d}" for i in range(speakers)], clips)
    labels = np.where(np.repeat(female, clips), "female", "male")
    return pd.DataFrame({"speaker_id": names, "label": labels, "p_female": p, "p_male": 1 - p})


def test_intervals_over_speakers_cover_the_truth():
    """The true UAR, 0.75, lies in the 95 % interval of about 95 % of samples; over clips it would be far fewer."""
    rng = np.random.default_rng(1)
    params = EvaluateParams(bootstrap_samples=100, confidence=0.95, ece_bins=15)
    covered, covered_over_clips = [], []
    for _ in range(150):
        table = simulate(rng, speakers=40, clips=10)
        scores = score_table("gender", {"model": table}, CLASSES[2], params, seed=1)
        row = scores[(scores["unit"] == "clips") & (scores["score"] == "uar")].iloc[0]
        covered.append(row["low"] <= 0.75 <= row["high"])
        error = 1.96 * np.sqrt(0.75 * 0.25 / len(table))
        covered_over_clips.append(abs(row["value"] - 0.75) <= error)
    # 150 samples have a standard error of 1.8 points.
    assert 0.90 <= np.mean(covered) <= 0.98
    assert np.mean(covered_over_clips) < 0.85


def test_a_single_speaker_of_a_class_does_not_break_the_intervals():
    """A third of the resamples have none; they are left out where a score needs one."""
    table = simulate(np.random.default_rng(0), speakers=9, clips=4)
    table.loc[table["label"] == "female", "label"] = "male"
    table.loc[table["speaker_id"] == "s000", "label"] = "female"
    params = EvaluateParams(bootstrap_samples=100, confidence=0.9, ece_bins=15)
    scores = score_table("gender", {"model": table}, CLASSES[2], params, seed=1)
    assert np.isfinite(scores[["value", "low", "high"]]).all(axis=None)
    assert (scores["low"] <= scores["high"]).all()


def test_all_clips_of_one_speaker():
    """Next to nothing can be said about others: a share has the interval of one row, all else is a point."""
    table = simulate(np.random.default_rng(0), speakers=2, clips=4).assign(speaker_id="one")
    params = EvaluateParams(bootstrap_samples=100, confidence=0.95, ece_bins=15)
    scores = score_table("gender", {"model": table}, CLASSES[2], params, seed=1)
    clips = scores[scores["unit"] == "clips"].set_index("score")
    accuracy = clips.loc["accuracy"]
    assert (accuracy["low"], accuracy["high"]) == pytest.approx(wilson(accuracy["value"], 1, 0.95), abs=1e-6)
    others = clips.drop(index=["uar", "accuracy", "recall_female", "recall_male"])
    assert (others["low"] == others["value"]).all()
    assert (others["high"] == others["value"]).all()


def test_figures_do_not_depend_on_the_order_of_rows():
    table = simulate(np.random.default_rng(0), speakers=12, clips=4)
    params = EvaluateParams(bootstrap_samples=100, confidence=0.95, ece_bins=15)
    shuffled = table.sample(frac=1, random_state=0)
    one, other = (score_table("gender", {"m": t}, CLASSES[2], params, seed=1) for t in (table, shuffled))
    pd.testing.assert_frame_equal(one, other)


def test_memory_bound_does_not_change_the_resamples(monkeypatch):
    table = simulate(np.random.default_rng(0), speakers=12, clips=4)
    params = EvaluateParams(bootstrap_samples=100, confidence=0.95, ece_bins=15)
    whole = score_table("gender", {"m": table}, CLASSES[2], params, seed=1)
    monkeypatch.setattr("voicetraits.evaluation._WEIGHTS_AT_A_TIME", 7 * len(table))
    pd.testing.assert_frame_equal(score_table("gender", {"m": table}, CLASSES[2], params, seed=1), whole)


def test_models_are_compared_on_the_same_resamples():
    table = simulate(np.random.default_rng(0), speakers=12, clips=4)
    params = EvaluateParams(bootstrap_samples=100, confidence=0.95, ece_bins=15)
    scores = score_table("gender", {"a": table, "b": table}, CLASSES[2], params, seed=1)
    columns = ["unit", "score", "value", "low", "high"]
    a, b = (scores.loc[scores["model"] == model, columns].reset_index(drop=True) for model in "ab")
    pd.testing.assert_frame_equal(a, b)


def test_speakers_are_judged_by_the_mean_log_probability_of_their_clips():
    table = pd.DataFrame(
        {
            "speaker_id": ["x", "x", "y", "z", "z"],
            "label": ["female", "female", "male", "youth", "adult"],
            "p_female": [0.9, 0.2, 0.4, 0.3, 0.0],
            "p_male": [0.1, 0.8, 0.6, 0.7, 1.0],
        }
    )
    speakers = by_speaker(table)
    # x: √(0.9·0.2) : √(0.1·0.8) = √0.18 : √0.08 = 3 : 2.
    assert speakers["speaker_id"].to_list() == ["x", "y", "z", "z"]
    assert speakers["label"].to_list() == ["female", "male", "adult", "youth"]
    assert speakers["p_female"].to_list() == pytest.approx([0.6, 0.4, 0.0, 0.3], abs=1e-11)
    assert (speakers["p_female"] + speakers["p_male"]).to_list() == pytest.approx([1] * 4)


def uar_by_brute_force(f0_hz: np.ndarray, female: np.ndarray, threshold_hz: float) -> float:
    return metrics.balanced_accuracy_score(female, f0_hz >= threshold_hz)


@settings(max_examples=100, deadline=None)
@given(
    women=st.lists(st.integers(0, 30).map(lambda i: float(i * 10)), min_size=1, max_size=15),
    men=st.lists(st.integers(0, 30).map(lambda i: float(i * 10)), min_size=1, max_size=15),
)
def test_pitch_threshold_is_the_best_of_all(women, men):
    f0_hz = np.array([*women, *men], dtype=np.float32)
    female = np.arange(len(f0_hz)) < len(women)
    fitted = PitchThreshold.fit(f0_hz, female)
    # Below the lowest voice there is nothing to tell apart.
    heard = np.maximum(f0_hz, 60)
    candidates = np.unique(heard)
    between = (candidates[1:] + candidates[:-1]) / 2 if len(candidates) > 1 else candidates
    best = max(uar_by_brute_force(heard, female, threshold) for threshold in between)
    assert uar_by_brute_force(heard, female, fitted.threshold_hz) == pytest.approx(best)
    probabilities = fitted.predict_proba(f0_hz, CLASSES[2])
    assert np.isfinite(probabilities).all()
    assert probabilities.sum(axis=1) == pytest.approx(1)
    np.testing.assert_array_equal(probabilities.argmax(axis=1) == 0, heard >= fitted.threshold_hz)
    np.testing.assert_array_equal(fitted.predict_proba(f0_hz, ("male", "female")), probabilities[:, ::-1])


def test_of_thresholds_that_are_as_good_the_middle_one_is_taken():
    """120, 180 and 240 Hz each sort out two thirds in the mean, at 150 and 210 Hz less."""
    f0_hz, female = np.array([100.0, 140, 160, 200, 220, 260]), np.array([0, 1, 0, 1, 0, 1], bool)
    assert PitchThreshold.fit(f0_hz, female).threshold_hz == 180


def test_pitch_threshold_of_separate_groups_is_in_the_middle():
    fitted = PitchThreshold.fit(np.array([100.0, 120, 140, 180, 200, 220]), np.array([0, 0, 0, 1, 1, 1], bool))
    assert fitted.threshold_hz == 160
    assert fitted.predict_proba(np.array([160.0]), CLASSES[2]).tolist() == [[0.5, 0.5]]


def test_steepness_is_that_of_logistic_regression():
    """The likeliest slope at a fixed threshold, with both classes counted the same."""
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    female = np.arange(400) % 4 == 0
    f0_hz = np.where(female, 200, 125) * 2 ** rng.normal(0, 0.35, 400)
    fitted = PitchThreshold.fit(f0_hz, female)
    octaves = np.log2(f0_hz / fitted.threshold_hz)[:, None]
    plain = LogisticRegression(C=1e9, fit_intercept=False, class_weight="balanced", tol=1e-10).fit(octaves, female)
    assert fitted.steepness == pytest.approx(plain.coef_[0, 0], rel=1e-3)


def test_no_voice_in_any_clip():
    f0_hz, female = np.zeros(6, np.float32), np.arange(6) % 2 == 0
    with np.errstate(all="raise"):
        probabilities = PitchThreshold.fit(f0_hz, female).predict_proba(f0_hz, CLASSES[2])
    assert (probabilities == 0.5).all()


def test_majority():
    shares = majority(np.array([1, 1, 0, 1]), 3, 2)
    assert shares.tolist() == [[0.25, 0.75, 0.0]] * 2
    scores = score(np.array([0, 1, 2]), np.tile(shares[0], (3, 1)), np.ones((1, 3)), classes=CLASSES[3], ece_bins=15)
    assert scores["uar"][0] == pytest.approx(1 / 3)
    assert scores["roc_auc"][0] == 0.5
