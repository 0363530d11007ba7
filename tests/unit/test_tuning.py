"""Tuning: what is tried, that it goes on as if undisturbed, that test speakers play no part, what is written back."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Annotated

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock
from optuna.trial import TrialState
from pydantic import Field
from ruamel.yaml import YAML

import tune
from support.dataset import write_dataset
from voicetraits import params
from voicetraits.errors import DataError, Diverged, ParameterError
from voicetraits.examples import read_splits
from voicetraits.features.table import FeatureTable, read_features
from voicetraits.files import write_csv, write_parquet
from voicetraits.tuning.clips import features_of, tuning_folds, without_tested
from voicetraits.tuning.objective import rows_of
from voicetraits.tuning.space import Choices, Range, read_space
from voicetraits.tuning.study import has_diverged, run_study, table, values_of
from voicetraits.tuning.subject import on_features

ROOT = Path(__file__).parents[2]
NO_FEATURES = FeatureTable(pd.DataFrame(), {})
SPACE = {"x": Range(low=-1.0, high=1.0, log=False), "kind": Choices(choices=("near", "far"))}


@params.section
class Knobs:
    shift: Annotated[float, Field(ge=-500, le=500)]
    epochs: Annotated[int, Field(ge=1)]


class Stub:
    """Answers by a threshold on pitch, moved by `shift`."""

    versions, curves = ("numpy",), ("uar/val",)

    def __init__(self, *, classes, feature_names):
        self._column = list(feature_names).index("f0_median_hz")

    def fit(self, train, validation, *, params, seed, log):
        pitch = train.features[:, self._column]
        self._threshold = np.mean([pitch[train.labels == label].mean() for label in (0, 1)]) + params.shift
        for epoch in range(params.epochs):
            log(epoch, {"uar/val": 0.5})

    def predict_proba(self, features):
        female = (features[:, self._column] > self._threshold).astype(float)
        return np.stack([female, 1 - female], axis=1)


def peak(values, report):
    """Best at x = 0.3 and near."""
    return 1 - (values["x"] - 0.3) ** 2 - 0.5 * (values["kind"] == "far")


def run(folder, objective=peak, trials=12, key="k", **changes):
    settings = {
        "now": {"x": 0.9, "kind": "far"}, "file": folder / "s.db", "key": key, "trials": trials, "seed": 5,
        "warm_up_steps": 0, "announce": lambda trial: None,
    }  # fmt: skip
    return run_study(objective, SPACE, **{**settings, **changes})


def tried(finished):
    return [(values_of(trial), trial.value) for trial in sorted(finished, key=lambda trial: trial.number)]


# Studies


def test_the_first_trial_is_what_is_set_now_and_the_best_is_better(tmp_path):
    finished = run(tmp_path, trials=20)
    assert len(finished) == 20
    assert tried(finished)[0][0] == {"x": 0.9, "kind": "far"}
    assert [trial.value for trial in finished] == sorted((trial.value for trial in finished), reverse=True)
    assert values_of(finished[0])["kind"] == "near"
    assert abs(values_of(finished[0])["x"] - 0.3) < 0.15
    assert "20 trials to their end, 0 pruned" in table(finished)


def test_what_is_scored_has_three_digits(undisturbed):
    assert all(values["x"] == float(f"{values['x']:.3g}") for values, _ in undisturbed)


def test_todays_values_outside_the_space_are_not_tried(tmp_path):
    first = tried(run(tmp_path, trials=1, now={"x": 3.0, "kind": "far"}))[0][0]
    assert -1 <= first["x"] <= 1


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return tried(run(tmp_path_factory.mktemp("undisturbed"), trials=10))


@pytest.mark.parametrize("stop", [0, 9])
def test_interrupted_it_goes_on_as_if_undisturbed(tmp_path, undisturbed, stop):
    calls = 0

    def interrupted(values, report):
        nonlocal calls
        calls += 1
        if calls == stop + 1:
            raise KeyboardInterrupt
        return peak(values, report)

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, interrupted, trials=10)
    assert tried(run(tmp_path, trials=10)) == undisturbed


def test_more_trials_go_on_and_another_key_begins_anew(tmp_path):
    few = tried(run(tmp_path, trials=2))
    more = tried(run(tmp_path, trials=4))
    assert more[:2] == few
    assert len(more) == 4
    assert len(run(tmp_path, trials=2, key="other")) == 2


def test_hopeless_trials_are_pruned_and_never_the_best(tmp_path):
    def objective(values, report):
        for step in range(3):
            report(step, 2 * peak(values, report))  # promises that it does not keep
        return peak(values, report)

    finished = run(tmp_path, objective, trials=12)
    states = [trial.state for trial in finished]
    assert TrialState.PRUNED in states
    assert states == sorted(states, key=lambda state: state == TrialState.PRUNED)
    assert "pruned" in table(finished)


def diverging(values, report):
    """A loss beyond all numbers on the left half, after a good beginning."""
    report(0, 0.99)
    if values["x"] < 0:
        raise Diverged("too large")
    return peak(values, report)


def test_diverging_trials_count_are_passed_over_and_never_the_best(tmp_path):
    finished = run(tmp_path, diverging, trials=12, warm_up_steps=9)
    assert len(finished) == 12
    diverged = [trial for trial in finished if has_diverged(trial)]
    assert diverged
    assert finished[-len(diverged) :] == diverged
    assert all((values_of(trial)["x"] < 0) == has_diverged(trial) for trial in finished)
    assert table(finished).endswith(f"{12 - len(diverged)} trials to their end, 0 pruned, {len(diverged)} diverged")

    def must_not_run(values, report):
        raise AssertionError("nothing is tried again")

    assert tried(run(tmp_path, must_not_run, trials=12)) == tried(finished)


def test_one_at_a_time(tmp_path):
    with FileLock(tmp_path / "s.db.lock"), pytest.raises(DataError, match="another process is tuning"):
        run(tmp_path)


# Spaces


def test_the_projects_own_space_is_allowed():
    softmax_and_trees = (
        pytest.importorskip("voicetraits.models.softmax"),
        pytest.importorskip("voicetraits.models.tfdf"),
    )
    loaded = params.load(ROOT / "params.yaml")
    for section, module in zip(("train", "tfdf"), softmax_and_trees, strict=True):
        space = read_space(loaded, on_features(section, module, loaded, NO_FEATURES))
        assert all(tried.has(loaded[section][key]) for key, tried in space.items())


@pytest.mark.parametrize(
    ("key", "tried", "message"),
    [
        (
            "shift",
            {"low": 0.0, "high": 600.0, "log": False},
            r"shift` goes too far: `net\.stub\.shift` is 600\.0; allowed: ",
        ),
        ("speed", {"low": 0.0, "high": 6.0, "log": False}, r"speed` goes too far: unknown key `net\.stub\.speed`"),
        ("shift", {"low": 2.0, "high": 1.0, "log": False}, r"a range from 2\.0 to 1\.0; allowed: low below high"),
        ("shift", {"low": 0.0, "high": 1.0, "log": True}, r"low below high, and above 0 where `log` is true"),
        ("shift", {"low": 0.0, "high": 1.0}, r"tune\.space\.net\.stub\.shift"),
        ("epochs", {"choices": [3]}, r"tune\.space\.net\.stub\.epochs"),
        ("epochs", {"low": 1.5, "high": 3, "log": False}, r"net\.stub\.epochs` is 1\.5; allowed: a valid integer"),
    ],
)
def test_spaces_that_cannot_be(key, tried, message):
    of_model = {"shift": 0.0, "epochs": 2}
    all_params = {"tune": {"space": {"net": {"stub": {key: tried}}}}, "net": {"stub": of_model}}
    module = SimpleNamespace(Params=Knobs, Model=Stub)
    with pytest.raises(ParameterError, match=message):
        read_space(all_params, on_features("net.stub", module, all_params, NO_FEATURES))


# Test speakers


def read_data(folder):
    data = folder / "data"
    return (
        read_splits(data / "splits.csv"),
        pd.read_parquet(data / "metadata.parquet"),
        read_features(data / "features"),
    )


def folds_of(splits, metadata, features, folds):
    metadata = without_tested(splits, "gender", metadata)
    groups = {speaker: speaker for speaker in metadata["speaker_id"]}
    pairs, classes = tuning_folds("gender", metadata=metadata, splits=splits, groups=groups, folds=folds, seed=1)
    features = features_of(metadata, features)
    return [tuple(rows_of(clips, features) for clips in pair) for pair in pairs], classes


@pytest.mark.parametrize("folds", [None, 3])
def test_poisoned_test_speakers_change_nothing(tmp_path, folds):
    write_dataset(tmp_path)
    splits, metadata, features = read_data(tmp_path)
    tested = set(splits.loc[(splits["target"] == "gender") & (splits["side"] == "test"), "speaker_id"])
    is_tested = metadata["speaker_id"].isin(tested)
    assert is_tested.any()
    poisoned = features.values.copy()
    poisoned.loc[metadata.loc[is_tested, "utterance_id"]] = np.nan
    relabelled = metadata.assign(gender=metadata["gender"].where(~is_tested, "poison"))
    pairs, classes = folds_of(splits, metadata, features, folds)
    others, _ = folds_of(splits, relabelled, FeatureTable(poisoned, features.params), folds)
    assert classes == ("female", "male")
    assert len(pairs) == (folds or 1)
    for pair, other in zip(pairs, others, strict=True):
        for rows, same in zip(pair, other, strict=True):
            assert np.isfinite(rows.features).all()
            assert (rows.features == same.features).all()
            assert (rows.labels == same.labels).all()
    assert sum(len(validation.labels) for _, validation in pairs) == (36 if folds is None else (~is_tested).sum())


@pytest.mark.parametrize("folds", [None, 3])
def test_a_clip_without_a_label_takes_no_part(tmp_path, folds):
    """Of a speaker who has others: an archive under `metadata.exclude`, or one whose label cannot be read."""
    write_dataset(tmp_path)
    splits, metadata, features = read_data(tmp_path)
    learnt = set(splits.loc[(splits["target"] == "gender") & (splits["side"] == "train"), "speaker_id"])
    first = metadata.index[metadata["speaker_id"].isin(learnt)][0]
    without = metadata.assign(gender=metadata["gender"].mask(metadata.index == first))
    pairs, classes = folds_of(splits, without, features, folds)
    whole, _ = folds_of(splits, metadata, features, folds)
    assert classes == ("female", "male")
    for (train, validation), (all_train, all_validation) in zip(pairs, whole, strict=True):
        lacking = len(all_train.labels) + len(all_validation.labels) - len(train.labels) - len(validation.labels)
        assert lacking == 1


def test_k_folds_leave_nobody_to_tune_on(tmp_path):
    write_dataset(tmp_path)
    splits, metadata, features = read_data(tmp_path)
    gender = splits[splits["target"] == "gender"]
    other = gender.assign(fold="1", side=gender["side"].map({"test": "train", "train": "test", "val": "test"}))
    with pytest.raises(DataError, match="every speaker is a test speaker in some fold of this split"):
        folds_of(pd.concat([gender, other]), metadata, features, None)


# The program


@pytest.fixture
def stub(project, monkeypatch):
    """A project with a model `stub`, in which `run()` tunes and returns what params.yaml then says of it."""
    write_dataset(project.folder)
    ids = pd.read_parquet(project.folder / "data/metadata.parquet")["utterance_id"]
    write_parquet(pd.DataFrame({"utterance_id": ids, "audio_sha256": ids}), project.folder / "data/audio/clips.parquet")
    module = ModuleType("voicetraits.models.stub")
    module.__file__, module.Params, module.Model = None, Knobs, Stub
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(tune.SECTION_OF, "stub", "net.stub")
    monkeypatch.chdir(project.folder)
    path = project.folder / "params.yaml"
    lines = ["net:", "  # A remark.", "  stub:", "    shift: 200.0  # far off", "    epochs: 2", ""]
    text = path.read_text().replace("\nnet:\n", "\n" + "\n".join(lines))
    space = "  space:\n    net:\n      stub:\n        shift: {low: -300.0, high: 300.0, log: false}\n"
    path.write_text(text.replace("  space:\n    net:\n", space))

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["src/tune.py", "stub", "gender", *arguments])
        tune.main()
        return YAML(typ="safe").load(path)["net"]["stub"]

    return run


def test_the_best_is_shown_and_written_when_asked_for(stub, project, capsys):
    before = (project.folder / "params.yaml").read_text().splitlines()
    assert stub("--trials", "12") == {"shift": 200.0, "epochs": 2}
    printed = capsys.readouterr().out
    assert "tune: trial 0: 0.5000 with {'shift': 200.0}" in printed
    assert "12 trials to their end" in printed
    written = stub("--trials", "12", "--write")
    assert abs(written["shift"]) < 100
    assert "tune: trial" not in capsys.readouterr().out, "nothing is tried again"
    after = (project.folder / "params.yaml").read_text().splitlines()
    ((old, new),) = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert old.split() == ["shift:", "200.0", "#", "far", "off"]
    assert new.split() == ["shift:", str(written["shift"]), "#", "far", "off"]


def test_test_speakers_do_not_move_what_is_found(stub, project, capsys):
    stub("--trials", "4")
    first = capsys.readouterr().out
    splits, metadata, _ = read_data(project.folder)
    tested = set(splits.loc[splits["side"] == "test", "speaker_id"])
    wrong = metadata["gender"].map({"female": "male", "male": "female"})
    metadata["gender"] = metadata["gender"].where(~metadata["speaker_id"].isin(tested), wrong)
    write_parquet(metadata, project.folder / "data/metadata.parquet")
    stub("--trials", "4")
    again = capsys.readouterr().out
    assert "tune: trial" not in again, "the same study"
    assert again == "".join(line for line in first.splitlines(True) if not line.startswith("tune: trial"))


def test_other_data_are_another_study(stub, project, capsys):
    stub("--trials", "2")
    capsys.readouterr()
    splits = read_splits(project.folder / "data/splits.csv")
    splits.loc[splits["side"] == "val", "side"] = "none"
    splits.loc[splits["speaker_id"].isin(["user00", "user01", "user12", "user13"]), "side"] = "val"
    write_csv(splits, project.folder / "data/splits.csv")
    stub("--trials", "2")
    assert capsys.readouterr().out.count("tune: trial") == 2


def test_a_trial_that_diverges_does_not_end_the_search(stub, monkeypatch, capsys):
    original = Stub.fit

    def fit(self, train, validation, *, params, **others):
        if params.shift > 0:
            raise Diverged("too large")
        original(self, train, validation, params=params, **others)

    monkeypatch.setattr(Stub, "fit", fit)
    with pytest.raises(ParameterError, match=r"`tune\.space\.net\.stub` goes too far: with each of the 1 settings"):
        stub("--trials", "1")
    assert stub("--trials", "8", "--write")["shift"] <= 0
    printed = capsys.readouterr().out
    assert "tune: trial 0: diverged (the loss grew beyond all numbers) with {'shift': 200.0}" in printed
    assert printed.count("tune: trial") == 8


def learning(trained, epochs):
    """A `fit` of `Stub` whose UAR after each of so many epochs is already the one of its setting."""

    def fit(self, train, validation, *, params, seed, log):
        self._threshold = 160 + params.shift
        trained.append(0)
        for epoch in range(epochs):
            log(epoch, {"uar/val": 1 - abs(params.shift) / 1000})
            trained[-1] = epoch + 1

    return fit


@pytest.mark.parametrize("epochs", [2, 8, 13, 100])
def test_bad_trials_are_given_up_after_a_third_of_the_epochs(stub, project, monkeypatch, capsys, epochs):
    path, trained = project.folder / "params.yaml", []
    path.write_text(path.read_text().replace("    epochs: 2\n", f"    epochs: {epochs}\n", 1))
    monkeypatch.setattr(Stub, "fit", learning(trained, epochs))
    stub("--trials", "12")
    given_up = [done for done in trained if done < epochs]
    assert capsys.readouterr().out.count(": pruned with") == len(given_up) > 0
    assert max(1, epochs // 3) <= min(given_up) <= epochs / 2


def test_a_model_that_tells_nothing_while_it_trains_is_not_given_up(stub, monkeypatch, capsys):
    monkeypatch.setattr(Stub, "curves", ("loss/val",))
    monkeypatch.setattr(Stub, "fit", lambda self, *_, params, **__: setattr(self, "_threshold", 160 + params.shift))
    stub("--trials", "12")
    assert "12 trials to their end, 0 pruned" in capsys.readouterr().out


@pytest.mark.parametrize("model", ["mlp", "rows", "saved", "net", "softmax_runtime", "mlp.softmax", ""])
def test_no_such_model(monkeypatch, model):
    monkeypatch.setattr(sys, "argv", ["src/tune.py", model, "gender"])
    with pytest.raises(ParameterError, match=f"there is no model '{model}'; allowed: softmax, tfdf, voicenet, dnn, "):
        tune.main()


@pytest.mark.parametrize("trials", ["0", "-1"])
def test_as_many_trials_as_cannot_be(stub, trials):
    with pytest.raises(ParameterError, match=f"--trials is {trials}; allowed: 1 or more"):
        stub("--trials", trials)
