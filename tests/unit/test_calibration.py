"""Calibration: known temperatures and lapses are found, few speakers move little, answers stay, errors as wanted."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.isotonic import IsotonicRegression

from voicetraits.calibration import Calibration, CalibrationParams, fit
from voicetraits.errors import ModelError, ParameterError
from voicetraits.params import get
from voicetraits.scores import score

METHODS = ("none", "temperature", "lapse", "isotonic")


def params(method="lapse", wanted_error=0.1):
    wanted = {"gender": wanted_error, "age": wanted_error}
    return get({"calibration": {"method": method, "wanted_error": wanted}}, "calibration", CalibrationParams)


def voices(rng, speakers, classes=2, clips=4, temperature=1.0, lapse_rate=0.0):
    """Labels drawn as calibrated probabilities say; stated are those of a model that is off by `temperature`.

    A share of `lapse_rate` of the labels is drawn anew at random.
    """
    logits = rng.normal(scale=2.0, size=(speakers * clips, classes))
    honest = softmax(logits, axis=1)
    labels = (honest.cumsum(axis=1) < rng.random((len(honest), 1))).sum(axis=1)
    lapses = rng.random(len(labels)) < lapse_rate
    labels = np.where(lapses, rng.integers(classes, size=len(labels)), labels)
    return labels, softmax(logits * temperature, axis=1), np.repeat(np.arange(speakers), clips)


def ece(labels, probabilities):
    own = score(labels, probabilities, np.ones((1, len(labels))), classes=("female", "male"), ece_bins=15)
    return own["ece"][0]


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_a_known_temperature_is_found(temperature, classes):
    data = voices(np.random.default_rng(0), 1200, classes, temperature=temperature)
    fitted = fit(*data, params("temperature"), target="gender")
    assert fitted.temperature == pytest.approx(temperature, rel=0.1)
    assert (fitted.lapse_rate, fitted.speakers) == (0, 1200)


def test_a_known_lapse_rate_is_found():
    data = voices(np.random.default_rng(0), 1200, temperature=2.0, lapse_rate=0.1)
    fitted = fit(*data, params("lapse"), target="gender")
    assert fitted.temperature == pytest.approx(2, rel=0.1)
    assert fitted.lapse_rate == pytest.approx(0.1, abs=0.02)


def test_temperature_scaling_as_defined():
    """softmax(log p / T), and (1 - e) of it beside a uniform distribution."""
    raw = np.array([[0.9, 0.1], [0.2, 0.8], [1.0, 0.0]])
    stated = Calibration(method="temperature", temperature=2.0).apply(raw)
    assert stated[:2] == pytest.approx(np.sqrt(raw[:2]) / np.sqrt(raw[:2]).sum(axis=1, keepdims=True))
    assert np.isfinite(np.log(stated)).all()
    lapsed = Calibration(method="lapse", temperature=2.0, lapse_rate=0.1).apply(raw)
    assert lapsed == pytest.approx(0.9 * stated + 0.05)


@pytest.mark.parametrize("method", METHODS[1:])
def test_calibration_error_falls(method):
    """Of a model three times too sure, on speakers that it was not fitted on."""
    rng = np.random.default_rng(1)
    fitted = fit(*voices(rng, 200, temperature=3.0), params(method), target="gender")
    labels, raw, _ = voices(rng, 1000, temperature=3.0)
    assert ece(labels, fitted.apply(raw)) < 0.4 * ece(labels, raw)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(1, 5), st.sampled_from(METHODS), st.integers(2, 4), st.integers(0, 1000))
def test_any_few_speakers_give_finite_probabilities_and_keep_the_answers(speakers, clips, method, classes, seed):
    rng = np.random.default_rng(seed)
    labels, raw, names = voices(rng, speakers, classes, clips, temperature=4.0)
    fitted = fit(labels, raw, names, params(method), target="age")
    stated = fitted.apply(np.concatenate([raw, np.eye(classes)]))
    assert method == "none" or np.isfinite(np.log(stated)).all()
    assert stated.sum(axis=1) == pytest.approx(1)
    if method != "isotonic":
        np.testing.assert_array_equal(stated.argmax(axis=1), np.concatenate([raw, np.eye(classes)]).argmax(axis=1))


def test_few_speakers_move_little():
    """One confident error among the clips of three speakers does not flatten what a hundred would."""
    raw = np.tile([[0.999, 0.001]], (12, 1))
    labels = np.array([1] + [0] * 11)
    few = fit(labels, raw, np.repeat(np.arange(3), 4), params("temperature"), target="gender")
    many = fit(np.tile(labels, 40), np.tile(raw, (40, 1)), np.repeat(np.arange(120), 4), params("temperature"),
               target="gender")  # fmt: skip
    assert 1 < few.temperature < many.temperature
    assert few.apply(raw)[0, 0] > 0.97


def test_a_mislabelled_speaker_costs_less_with_lapses():
    """Fifty speakers are told apart well; the label of one is wrong. What is nearly sure should stay so."""
    rng = np.random.default_rng(0)
    labels, raw, names = voices(rng, 50, temperature=1.0)
    raw = softmax(np.log(raw) * 3, axis=1)
    labels = np.where(names == 0, 1 - raw.argmax(axis=1), raw.argmax(axis=1))
    middling = np.array([[0.9, 0.1]])
    flat, lapsed = (fit(labels, raw, names, params(method), target="gender") for method in ("temperature", "lapse"))
    assert lapsed.temperature < flat.temperature
    assert lapsed.apply(middling)[0, 0] > flat.apply(middling)[0, 0]
    assert lapsed.apply(np.array([[1.0, 0.0]]))[0, 0] < 1


def test_each_speaker_counts_the_same():
    """A speaker with a hundred clips says no more than one with one."""
    rng = np.random.default_rng(0)
    labels, raw, names = voices(rng, 40, clips=1, temperature=2.0)
    repeats = rng.integers(1, 100, 40)
    for method in METHODS[1:3]:
        once = fit(labels, raw, names, params(method), target="gender")
        often = fit(*(np.repeat(own, repeats, axis=0) for own in (labels, raw, names)), params(method), target="gender")
        assert once.temperature == pytest.approx(often.temperature, rel=1e-3)


def test_isotonic_is_scikit_learns():
    labels, raw, names = voices(np.random.default_rng(0), 60)
    fitted = fit(labels, raw, names, params("isotonic"), target="gender")
    oracle = IsotonicRegression(y_min=1 / 62, y_max=61 / 62, out_of_bounds="clip").fit(raw[:, 1], labels)
    test = np.random.default_rng(1).random(50)
    assert fitted.apply(np.stack([1 - test, test], axis=1))[:, 1] == pytest.approx(oracle.predict(test))


# Refusals


def test_refusals_keep_the_wanted_error():
    """On other speakers than those that the threshold was chosen on; and no more is refused than that takes."""
    rng = np.random.default_rng(0)
    wanted, errors, coverage = 0.05, [], []
    for _ in range(60):
        fitted = fit(*voices(rng, 100), params("none", wanted), target="gender")
        labels, raw, _ = voices(rng, 400)
        answered = ~fitted.refuses(raw)
        errors.append((raw.argmax(axis=1) != labels)[answered].mean())
        coverage.append(answered.mean())
    assert 0.6 * wanted < np.mean(errors) < 1.1 * wanted
    assert 0.4 < np.mean(coverage) < 0.9, "without refusals, every eighth answer is wrong"


def test_the_threshold_by_hand():
    """Ten clips, the third of which is wrong. One error more is counted than there is."""
    confidence = np.linspace(0.95, 0.5, 10)
    labels = np.array([0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
    raw = np.stack([confidence, 1 - confidence], axis=1)

    def answered(wanted_error):
        fitted = fit(labels, raw, np.arange(10), params("none", wanted_error), target="gender")
        return int((~fitted.refuses(raw)).sum())

    assert answered(1 / 3) == 10  # (1 + 1) / (5 + 1) at five answers, less later
    assert answered(0.19) == 10  # 2 / 11
    assert answered(0.18) == 0  # at two answers 1 / 3, at ten 2 / 11
    assert answered(0.5) == 10


def test_clips_of_equal_confidence_are_answered_together():
    raw = np.tile([[0.9, 0.1]], (30, 1))
    labels = np.array([0] * 25 + [1] * 5)
    for order in (slice(None), slice(None, None, -1)):
        fitted = fit(labels[order], raw, np.arange(30), params("none", 0.1), target="gender")
        assert fitted.refuses(raw).all()
    assert not fit(labels, raw, np.arange(30), params("none", 0.2), target="gender").refuses(raw).any()


# Saved, and its params


def test_comes_back_as_it_was_saved(tmp_path):
    for method in METHODS:
        labels, raw, names = voices(np.random.default_rng(0), 30, 3)
        fitted = fit(labels, raw, names, params(method), target="age")
        fitted.save(tmp_path)
        assert Calibration.load(tmp_path) == fitted
        np.testing.assert_array_equal(Calibration.load(tmp_path).apply(raw), fitted.apply(raw))


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"steps": 1}', json.dumps({"steps": [], "surplus": 1})])
def test_damage_is_one_line(tmp_path, content):
    (tmp_path / "calibration.json").write_text(content)
    with pytest.raises(ModelError, match=r"is incomplete or damaged \(calibration.json: .*; make it again") as caught:
        Calibration.load(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "platt"}, "`calibration.method` is 'platt'; allowed: 'none', 'temperature', 'lapse' or 'isotonic'"),
        ({"wanted_error": {"gender": 0, "age": 0.2}}, "`calibration.wanted_error.gender` is 0; allowed: greater than"),
        ({"wanted_error": {"gender": 0.1}}, "`calibration.wanted_error.age` is missing"),
    ],
)
def test_params(changes, message):
    section = {"method": "lapse", "wanted_error": {"gender": 0.02, "age": 0.2}}
    with pytest.raises(ParameterError, match=message):
        get({"calibration": section | changes}, "calibration", CalibrationParams)
