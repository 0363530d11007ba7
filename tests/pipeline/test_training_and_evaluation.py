"""The stages train_softmax, train_tfdf and evaluate, one after the other in this process: TensorFlow loads once."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import evaluate
import train_softmax
import train_tfdf
from support import dvc_project
from support.dataset import FEATURES, SPEAKERS, TEST_CLIPS, write_dataset, write_features
from voicetraits.errors import DataError, ModelError, ParameterError
from voicetraits.features.table import read_features
from voicetraits.models import saved
from voicetraits.predictions import stage_of

STAGES = {"train_softmax": train_softmax, "train_tfdf": train_tfdf, "evaluate": evaluate}
MODELS = ("softmax", "tfdf")
QUICK = {"train__epochs": 15, "train__lr": 0.05, "tfdf__num_trees": 15, "evaluate__bootstrap_samples": 100}
# Thirty-six validation clips can promise no less.
QUICK |= {"calibration__wanted_error__gender": 0.1, "nets": []}


@pytest.fixture
def run(project, monkeypatch):
    """`run("train_softmax", "gender")`: a stage in the project's folder, which is a git repository with a commit."""
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(project.folder)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "Start"], check=True)
    (project.folder / ".dvc").mkdir()
    (project.folder / ".dvc/config").touch()
    monkeypatch.chdir(project.folder)
    project.set_params(**QUICK)

    def run(stage, *arguments):
        monkeypatch.setattr(sys, "argv", [f"src/{stage}.py", *arguments])
        STAGES[stage].main()

    return run


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory):
    """A folder that is filled by the first test that wants it."""
    return tmp_path_factory.mktemp("finished")


@pytest.fixture
def finished(project, run, finished_once):
    """A project in which everything has been trained and evaluated, each test's own copy."""
    if not (finished_once / "data").exists():
        write_dataset(project.folder)
        for target in ("gender", "age"):
            for model in MODELS:
                run(f"train_{model}", target)
        run("evaluate")
        for name in ("data", "metrics"):
            shutil.copytree(project.folder / name, finished_once / name)
    else:
        for name in ("data", "metrics"):
            shutil.copytree(finished_once / name, project.folder / name)
    return project


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def outputs(project):
    return files(project.folder / "data/models") | files(project.folder / "metrics")


def read_json(path):
    # NaN and Infinity, which json.loads takes, are no JSON.
    return json.loads(path.read_text(), parse_constant=lambda text: pytest.fail(f"{path} holds {text}"))


def test_what_training_leaves(finished):
    for target, classes in (("gender", ("female", "male")), ("age", ("youth", "adult", "senior"))):
        for model in MODELS:
            folder = finished.folder / "data/models" / model / target
            assert sorted(path.name for path in folder.iterdir()) == ["final", "fold-0", "predictions.parquet"]
            assert files(folder / "final") == files(folder / "fold-0")
            loaded = saved.load(folder / "final")
            assert (loaded.config.model, loaded.config.target) == (model, target)
            assert loaded.config.classes == classes
            assert loaded.config.feature_names == FEATURES
            assert re.fullmatch("[0-9a-f]{64}", loaded.config.training_split_sha256)
            predictions = pd.read_parquet(folder / "predictions.parquet")
            assert predictions["side"].value_counts().to_dict() == {"val": TEST_CLIPS, "test": TEST_CLIPS}
            assert predictions["utterance_id"].is_unique
            assert set(predictions["fold"]) == {"0"}
            columns = [f"p_{name}" for name in classes]
            assert predictions[columns].sum(axis=1).to_numpy() == pytest.approx(1)
            raw = predictions[[f"raw_{name}" for name in classes]].to_numpy()
            assert loaded.calibration.method == "lapse"
            assert loaded.calibration.speakers == TEST_CLIPS // 4
            assert predictions[columns].to_numpy() == pytest.approx(loaded.calibration.apply(raw), abs=1e-12)
            metrics = finished.folder / "metrics/train" / model / target
            assert read_json(metrics / "metrics.json")
            curves = sorted((metrics / "plots/metrics").rglob("*.tsv"))
            assert len(curves) == (4 if model == "softmax" else 2)
            assert all(len(pd.read_csv(curve, sep="\t")) > 1 for curve in curves)


def test_what_evaluation_leaves(finished):
    results = read_json(finished.folder / "metrics/evaluate.json")
    assert list(results) == ["gender", "age"]
    assert list(results["gender"]) == [*MODELS, "majority", "pitch_threshold"]
    assert list(results["age"]) == [*MODELS, "majority"]
    for target, models in results.items():
        classes = ("female", "male") if target == "gender" else ("youth", "adult", "senior")
        for model, figures in models.items():
            assert set(figures) == {"clips", "speakers"}
            for name, unit in figures.items():
                calibrated = {"ece_raw"} if model in MODELS else set()
                # Of each age group three speakers are tested: too few for figures on parts.
                on_clips = {"uar_worst_slice"} if name == "clips" and target == "gender" else set()
                refusing = {"coverage", "refused", "answered_error"} if model in MODELS and name == "clips" else set()
                ordered = {"group_error", "within_one_group"} if target == "age" else set()
                assert set(unit) == {
                    "uar", "uar_low", "uar_high", "accuracy", "macro_f1", "roc_auc", "average_precision", "log_loss",
                    "ece", "errors_left", *(f"{score}_{name}" for score in ("recall", "precision") for name in classes),
                } | calibrated | on_clips | refusing | ordered  # fmt: skip
                assert all(isinstance(value, float) for value in unit.values()), "plain numbers, for dvc metrics diff"
                assert unit["uar_low"] <= unit["uar"] <= unit["uar_high"]
    gender = {model: results["gender"][model]["clips"]["uar"] for model in results["gender"]}
    assert gender["majority"] == 0.5
    assert min(gender["softmax"], gender["tfdf"], gender["pitch_threshold"]) > 0.8
    plots = sorted(path.name for path in (finished.folder / "metrics/plots").iterdir())
    assert plots == [
        "calibration.csv", "comparisons.csv", "confusion.csv", "gain_by_size.csv", "importance.csv", "pitch.csv",
        "precision_recall.csv", "risk_coverage.csv", "roc.csv", "scores.csv", "slices.csv",
    ]  # fmt: skip
    for name in plots:
        table = pd.read_csv(finished.folder / "metrics/plots" / name)
        assert len(table)
        assert name == "slices.csv" or table.notna().all(axis=None), name


def test_plots_say_what_the_predictions_say(finished):
    plots = {path.stem: pd.read_csv(path) for path in (finished.folder / "metrics/plots").iterdir()}
    predictions = pd.read_parquet(finished.folder / "data/models/tfdf/age/predictions.parquet")
    predictions = predictions[predictions["side"] == "test"]
    classes = ["youth", "adult", "senior"]
    claimed = predictions[[f"p_{name}" for name in classes]].to_numpy().argmax(axis=1)
    confusion = plots["confusion"].query("target == 'age' and model == 'tfdf'").set_index(["actual", "predicted"])
    for i, actual in enumerate(classes):
        for j, predicted in enumerate(classes):
            clips = int(((predictions["label"] == actual).to_numpy() & (claimed == j)).sum())
            assert confusion.loc[(actual, predicted), "clips"] == clips, (i, j)
    assert confusion.groupby("actual")["share"].sum().to_numpy() == pytest.approx(1, abs=1e-4)
    results = read_json(finished.folder / "metrics/evaluate.json")
    for name in classes:
        recall = results["age"]["tfdf"]["clips"][f"recall_{name}"]
        assert confusion.loc[(name, name), "share"] == pytest.approx(recall, abs=1e-5)
    roc = plots["roc"].query("target == 'gender' and model == 'softmax'")
    area = np.trapezoid(roc["true_positive_rate"], roc["false_positive_rate"])
    assert area == pytest.approx(results["gender"]["softmax"]["clips"]["roc_auc"], abs=1e-3)
    calibration = plots["calibration"].query("target == 'age' and model == 'tfdf'")
    assert calibration["clips"].sum() == TEST_CLIPS
    gap = (calibration["clips"] * (calibration["accuracy"] - calibration["confidence"]).abs()).sum() / TEST_CLIPS
    assert gap == pytest.approx(results["age"]["tfdf"]["clips"]["ece"], abs=1e-4)
    shares = plots["pitch"].groupby("gender")["share_of_clips"].sum()
    assert shares.to_numpy() == pytest.approx(1, abs=1e-4)
    assert (plots["importance"].groupby(["target", "model"])["importance"].sum() <= 1.0001).all()
    scores = plots["scores"]
    assert (scores["low"] <= scores["high"]).all()
    assert len(scores.query("target == 'gender' and model == 'tfdf' and unit == 'clips'")) == 16
    answers = predictions.assign(right=claimed == predictions["label"].map(classes.index))
    curve = plots["risk_coverage"].query("target == 'age' and model == 'tfdf'")
    assert curve["coverage"].is_monotonic_increasing
    last = curve.iloc[-1]
    assert (last["coverage"], last["answered"]) == (1, TEST_CLIPS)
    assert last["errors"] == (~answers["right"]).sum()
    slices = plots["slices"].query("target == 'gender' and model == 'tfdf'")
    assert slices["is_worst"].sum() == 1
    assert slices.loc[slices["is_worst"], "uar"].item() == results["gender"]["tfdf"]["clips"]["uar_worst_slice"]
    assert slices.groupby("slice")["clips"].sum().unique().tolist() == [TEST_CLIPS]
    gain = plots["gain_by_size"].query("target == 'gender' and model == 'tfdf' and unit == 'clips'").iloc[0]
    folder = finished.folder / "data/models/tfdf/gender/final"
    assert gain["bytes"] == sum(len(content) for content in files(folder).values())
    uar = {model: own["clips"]["uar"] for model, own in results["gender"].items()}
    assert gain["gain"] == pytest.approx(uar["tfdf"] - uar["pitch_threshold"], abs=2e-6)


def test_everything_again_gives_the_same_bytes_in_new_files(finished, run, tmp_path):
    """A file in the workspace may be a hard link of DVC's cache: nothing may be written through it."""
    before = outputs(finished)
    for name in before:
        path = next(
            p for p in (finished.folder / "data/models" / name, finished.folder / "metrics" / name) if p.exists()
        )
        link = tmp_path / "links" / name
        link.parent.mkdir(parents=True, exist_ok=True)
        os.link(path, link)
        path.chmod(0o444)
    for target in ("gender", "age"):
        for model in MODELS:
            run(f"train_{model}", target)
    run("evaluate")
    assert outputs(finished) == before
    assert files(tmp_path / "links") == before
    finished.set_params(seed=7)
    run("evaluate")
    assert files(tmp_path / "links") == before
    assert outputs(finished) != before, "another seed draws other speakers"


def test_a_param_changes_what_it_should(finished, run):
    before = outputs(finished)
    finished.set_params(train__lr=1e-5)
    run("train_softmax", "gender")
    run("train_tfdf", "gender")
    changed = {name for name, content in outputs(finished).items() if before.get(name) != content}
    assert "softmax/gender/fold-0/softmax.weights.h5" in changed
    assert all("softmax/gender" in name for name in changed)
    assert saved.load(finished.folder / "data/models/softmax/gender/final").config.params["lr"] == 1e-5


def test_what_is_learnt_from_is_named(finished, run):
    """Another training side gives another digest; the same one, with other sides for the rest, does not."""

    def digest():
        return saved.load(finished.folder / "data/models/tfdf/gender/final").config.training_split_sha256

    before, path = digest(), finished.folder / "data/splits.csv"
    text = path.read_text()
    path.write_text(text.replace("gender,0,user06,val", "gender,0,user06,test"))
    run("train_tfdf", "gender")
    assert digest() == before
    path.write_text(text.replace("gender,0,user06,val", "gender,0,user06,train"))
    run("train_tfdf", "gender")
    assert digest() != before


def test_skipped_target(project, run, capfd):
    write_dataset(project.folder, skip_age=True)
    for model in MODELS:
        run(f"train_{model}", "age")
        run(f"train_{model}", "gender")
        folder = project.folder / "data/models" / model / "age"
        assert [path.name for path in folder.iterdir()] == ["skipped.json"]
        assert read_json(folder / "skipped.json") == {"skipped": "the split has no speakers for the target age"}
        curves, other = (project.folder / "metrics/train" / model / target for target in ("age", "gender"))
        assert (curves / "metrics.json").exists()
        names = {path.relative_to(other) for path in other.rglob("*.tsv")}
        assert {path.relative_to(curves) for path in curves.rglob("*.tsv")} == names
        for name in names:
            assert (curves / name).read_text() == (other / name).read_text().splitlines(keepends=True)[0]
    run("evaluate")
    results = read_json(project.folder / "metrics/evaluate.json")
    assert results["age"] == {"skipped": 1}
    assert results["gender"]["softmax"]["clips"]["uar"] > 0.8
    assert set(pd.read_csv(project.folder / "metrics/plots/roc.csv")["target"]) == {"gender"}


def test_folders_that_params_no_longer_name_are_removed(finished, run, capsys):
    finished.set_params(targets=["gender"])
    stale = finished.folder / "data/models/cnn2d/gender"
    stale.mkdir(parents=True)
    run("evaluate")
    said = capsys.readouterr().out.splitlines()
    assert said == [
        f"evaluate: removing {name}, which params.yaml no longer names"
        for name in (
            "data/models/cnn2d", "data/models/softmax/age", "data/models/tfdf/age",
            "metrics/train/softmax/age", "metrics/train/tfdf/age",
        )
    ]  # fmt: skip
    assert list(read_json(finished.folder / "metrics/evaluate.json")) == ["gender"]
    assert sorted(path.name for path in (finished.folder / "data/models").rglob("final")) == ["final"] * 2


# Several folds


def in_folds(project, side_of):
    """Write splits.csv anew: `side_of(number of the speaker, fold)` for each fold."""
    rows = [
        ("gender", fold, f"user{number:02d}", side) for fold, own in side_of.items() for number, side in enumerate(own)
    ]
    table = pd.DataFrame(sorted(rows), columns=["target", "fold", "speaker_id", "side"])
    table.to_csv(project.folder / "data/splits.csv", index=False)


def test_a_random_forest_takes_the_place_of_boosted_trees(project, run):
    """The same files with the same columns; a clip is answered and evaluated as of any model."""
    write_dataset(project.folder)
    project.set_params(targets=["gender"], train__epochs=2, tfdf__algorithm="random_forest", tfdf__max_depth=16)
    for model in MODELS:
        run(f"train_{model}", "gender")
    run("evaluate")
    folder = project.folder / "data/models/tfdf/gender"
    loaded = saved.load(folder / "final")
    assert loaded.config.params["algorithm"] == "random_forest"
    assert loaded.calibration.speakers == TEST_CLIPS // 4
    metrics = project.folder / "metrics/train/tfdf/gender"
    curves = pd.read_csv(metrics / "curves.csv")
    assert list(curves) == ["fold", "figure", "side", "step", "value"]
    assert set(zip(curves["figure"], curves["side"], strict=True)) == {("loss", "val"), ("accuracy", "val")}
    assert list(curves.loc[curves["figure"] == "loss", "step"]) == list(range(1, 16)), "of each of the 15 trees"
    for name in ("loss", "accuracy"):
        assert len(pd.read_csv(metrics / f"plots/metrics/{name}/val.tsv", sep="\t")) == 15
    assert read_json(project.folder / "metrics/evaluate.json")["gender"]["tfdf"]["clips"]["uar"] > 0.8
    before = outputs(project)
    run("train_tfdf", "gender")
    run("evaluate")
    assert outputs(project) == before


def test_figures_of_folds_are_over_all_speakers(project, run):
    """Each speaker is tested once; the final model learns from all but fold 0's validation speakers."""
    write_dataset(project.folder)
    parts = np.arange(SPEAKERS) // 2 % 3
    in_folds(
        project,
        {str(fold): np.array(["test", "val", "train"])[(parts - fold) % 3] for fold in range(3)},
    )
    project.set_params(targets=["gender"], train__epochs=2, tfdf__num_trees=4)
    for model in MODELS:
        run(f"train_{model}", "gender")
    run("evaluate")
    folder = project.folder / "data/models/tfdf/gender"
    assert sorted(path.name for path in folder.iterdir()) == [
        "final", "fold-0", "fold-1", "fold-2", "predictions.parquet",
    ]  # fmt: skip
    predictions = pd.read_parquet(folder / "predictions.parquet")
    tested = predictions[predictions["side"] == "test"]
    assert tested["utterance_id"].is_unique
    assert len(tested) == SPEAKERS * 4
    final = saved.load(folder / "final")
    assert final.calibration.speakers == SPEAKERS, "calibrated on what the folds say of everybody"
    assert saved.load(folder / "fold-1").calibration.speakers == SPEAKERS // 3
    learnt = pd.read_parquet(project.folder / "data/metadata.parquet")
    learnt = learnt[~learnt["speaker_id"].isin([f"user{n:02d}" for n in np.flatnonzero(parts == 1)])]
    learnt = learnt.rename(columns={"gender": "label"}).sort_values("utterance_id")
    text = learnt[["utterance_id", "speaker_id", "label"]].to_csv(index=False)
    assert final.config.training_split_sha256 == hashlib.sha256(text.encode()).hexdigest()
    right = tested[["p_female", "p_male"]].to_numpy().argmax(axis=1) == (tested["label"] == "male")
    clips = read_json(project.folder / "metrics/evaluate.json")["gender"]["tfdf"]["clips"]
    assert clips["accuracy"] == pytest.approx(right.mean(), abs=1e-6)
    curves = pd.read_csv(project.folder / "metrics/train/softmax/gender/curves.csv")
    assert sorted(curves["fold"].unique()) == ["0", "1", "2", "final"]
    assert (project.folder / "metrics/train/softmax/gender/plots/metrics/final/loss/val.tsv").exists()


def test_folds_between_sources(project, run):
    """Figures over both directions, and the comparison with the pitch threshold for each."""
    write_dataset(project.folder)
    sources = np.arange(SPEAKERS) % 4 // 2
    validating = np.arange(SPEAKERS) // 4 % 3 == 0
    in_folds(
        project,
        {
            f"{train}--{test}": np.where(sources == test_number, "test", np.where(validating, "val", "train"))
            for train, test, test_number in (("desk", "phone", 1), ("phone", "desk", 0))
        },
    )
    project.set_params(targets=["gender"], train__epochs=2, tfdf__num_trees=4)
    for model in MODELS:
        run(f"train_{model}", "gender")
    run("evaluate")
    folder = project.folder / "data/models/softmax/gender"
    assert saved.load(folder / "final").calibration.speakers == SPEAKERS
    comparisons = pd.read_csv(project.folder / "metrics/plots/comparisons.csv")
    assert set(comparisons["fold"]) == {"all", "desk--phone", "phone--desk"}
    slices = pd.read_csv(project.folder / "metrics/plots/slices.csv")
    own = slices.query("model == 'softmax' and slice == 'fold'").set_index("part")
    assert own["clips"].to_dict() == {"desk--phone": SPEAKERS * 2, "phone--desk": SPEAKERS * 2}
    by_source = slices.query("model == 'softmax' and slice == 'source'").set_index("part")
    assert own.loc["desk--phone", "uar"] == by_source.loc["phone", "uar"]


# What evaluate refuses


def tampered(finished, change):
    path = finished.folder / "data/models/tfdf/gender/predictions.parquet"
    table = pd.read_parquet(path)
    path.unlink()
    change(table).to_parquet(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.assign(p_female=table["p_female"] + 1e-4),
        lambda table: table.assign(raw_female=table["raw_female"] + 1e-4),
        lambda table: table.assign(p_female=np.nan),
        lambda table: table.iloc[:-1],
        lambda table: table.iloc[:0],
        lambda table: table.drop(columns="p_male"),
        lambda table: table.assign(fold="1"),
        lambda table: table.assign(p_female=table["p_male"], p_male=table["p_female"]),
    ],
    ids=[
        "a little off",
        "raw a little off",
        "NaN",
        "a row short",
        "empty",
        "a column short",
        "another fold",
        "swapped",
    ],
)
def test_predictions_that_are_not_reproduced(finished, run, change):
    tampered(finished, change)
    before = files(finished.folder / "metrics")
    with pytest.raises(ModelError, match=(
        r"data/models/tfdf/gender/fold-0 does not reproduce its stored test predictions \(largest difference .*\); "
        r"train it again with `dvc repro --force --single-item train_tfdf@gender`"
    )):  # fmt: skip
        run("evaluate")
    assert files(finished.folder / "metrics") == before


def test_a_stage_to_run_again_is_one_of_the_graph():
    for model, runtime in (("softmax", None), ("tfdf", None), ("voicenet", "net_runtime")):
        assert stage_of(SimpleNamespace(model=model, runtime=runtime), "gender") in dvc_project.STAGES


def test_a_model_of_another_split(finished, run):
    """A speaker who went from training to test has no stored prediction."""
    path = finished.folder / "data/splits.csv"
    path.write_text(path.read_text().replace("gender,0,user00,train", "gender,0,user00,test"))
    with pytest.raises(ModelError, match="does not reproduce"):
        run("evaluate")


def test_features_made_with_other_params(finished, run):
    table = read_features(finished.folder / "data/features").values.reset_index()
    write_features(finished.folder, table, hop_seconds=0.02)
    with pytest.raises(ModelError, match=r"made with hop_seconds=0.01, these were made with hop_seconds=0.02"):
        run("evaluate")


def test_a_feature_that_went(finished, run):
    table = read_features(finished.folder / "data/features").values.reset_index().drop(columns="noise_2")
    write_features(finished.folder, table)
    with pytest.raises(ModelError, match="wants the feature 'noise_2', which is not there"):
        run("evaluate")


def test_a_clip_without_features(finished, run):
    table = read_features(finished.folder / "data/features").values.reset_index()
    write_features(finished.folder, table[table["utterance_id"] != "user09-20080101-aaa/a2"])
    with pytest.raises(DataError, match="user09-20080101-aaa/a2 has no features; run `dvc repro`"):
        run("evaluate")


def test_a_model_that_was_not_trained(finished, run):
    shutil.rmtree(finished.folder / "data/models/softmax/age")
    with pytest.raises(ModelError, match=r"softmax/age/final holds no config\.yaml"):
        run("evaluate")


def test_a_key_that_does_not_exist(project, run):
    write_dataset(project.folder)
    project.set_params(train__learning_rate=0.1)
    with pytest.raises(ParameterError, match=r"unknown key `train\.learning_rate`"):
        run("train_softmax", "gender")
    assert not (project.folder / "data/models/softmax/gender").exists()
    assert not (project.folder / "metrics/train/softmax/gender").exists()


def test_no_first_commit(project, run):
    write_dataset(project.folder)
    shutil.rmtree(project.folder / ".git")
    subprocess.run(["git", "init", "-q", str(project.folder)], check=True)
    with pytest.raises(DataError, match="git has no commit yet"):
        run("train_tfdf", "gender")


def test_size_and_order_of_shards_do_not_matter(finished, run):
    before = outputs(finished)
    table = read_features(finished.folder / "data/features").values.reset_index()
    shutil.rmtree(finished.folder / "data/features/functionals")
    write_features(finished.folder, table.sample(frac=1, random_state=1), shards=5)
    run("train_tfdf", "gender")
    run("evaluate")
    assert outputs(finished) == before


def test_a_class_with_one_test_speaker(finished, run):
    """All other women leave the test side: figures and intervals are still numbers."""
    path = finished.folder / "data/splits.csv"
    splits = pd.read_csv(path, dtype=str)
    women = [f"user{number:02d}" for number in range(36) if number % 2 == 0 and number % 12 >= 9][1:]
    splits.loc[splits["speaker_id"].isin(women) & (splits["target"] == "gender"), "side"] = "val"
    splits.to_csv(path, index=False)
    finished.set_params(targets=["gender"], train__epochs=2)
    for model in MODELS:
        run(f"train_{model}", "gender")
    run("evaluate")
    results = read_json(finished.folder / "metrics/evaluate.json")
    assert results["gender"]["softmax"]["speakers"]["recall_female"] in (0, 1)


def test_no_clip_has_a_voice(finished, run, recwarn):
    """Pitch 0 everywhere: the pitch threshold knows nothing, its picture is empty, and nothing is NaN."""
    table = read_features(finished.folder / "data/features").values.reset_index()
    write_features(finished.folder, table.assign(f0_median_hz=np.float32(0)))
    finished.set_params(targets=["gender"], train__epochs=2)
    for model in MODELS:
        run(f"train_{model}", "gender")
    run("evaluate")
    results = read_json(finished.folder / "metrics/evaluate.json")
    assert results["gender"]["pitch_threshold"]["clips"]["uar"] == 0.5
    pitch = (finished.folder / "metrics/plots/pitch.csv").read_text()
    assert pitch == "gender,f0_median_hz,share_of_clips\n"
    assert not [warning for warning in recwarn if issubclass(warning.category, RuntimeWarning)]


@pytest.mark.slow
def test_the_command_says_nothing_that_nobody_need_act_on(finished):
    """As a user runs it: a process of its own, no start-up notes of TensorFlow, no warnings."""
    for stage, *arguments in (["train_softmax", "gender"], ["train_tfdf", "gender"], ["evaluate"]):
        done = finished.run(stage, *arguments)
        assert (done.stdout, done.stderr) == ("", ""), stage
