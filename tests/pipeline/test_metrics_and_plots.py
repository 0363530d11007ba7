"""What `dvc metrics`, `dvc params` and `dvc plots` show: tables for people, and every chart without a failure."""

import json
import math
from collections import defaultdict

import pytest

from support.dvc_project import SMALL, Done, DvcProject, leaves

TARGETS = ("gender", "age")
MODELS = {
    "gender": {"softmax", "tfdf", "voicenet", "majority", "pitch_threshold"},
    "age": {"softmax", "tfdf", "voicenet", "majority"},
}
LEARNING_CURVES = {
    f"metrics/train/{model}/{target}/curves.csv": f"Learning curves: {model}, {target}"
    for model in ("softmax", "tfdf", "voicenet")
    for target in TARGETS
}
#: File of each chart that evaluate and stress make: its title.
CHARTS = {
    "metrics/plots/scores.csv": "UAR with its interval",
    "metrics/plots/roc.csv": "ROC",
    "metrics/plots/precision_recall.csv": "Precision and recall",
    "metrics/plots/confusion.csv": "Confusion, as shares of the actual class",
    "metrics/plots/calibration.csv": "Calibration",
    "metrics/plots/risk_coverage.csv": "Errors among the answers, when the least confident clips are refused",
    "metrics/plots/slices.csv": "UAR on parts of the test clips",
    "metrics/plots/comparisons.csv": "What the larger of two models is worth",
    "metrics/plots/gain_by_size.csv": "Gain by size",
    "metrics/plots/importance.csv": "Importance of features",
    "metrics/plots/pitch.csv": "Median pitch by gender",
    "metrics/plots/stress.csv": "UAR under stress",
    "metrics/audit/learning_curve.csv": "UAR by number of speakers to learn from",
}
#: The same of explain.
EXPLAINED = {
    "metrics/plots/family_importance.csv": "UAR lost when a family of features is shuffled",
    "metrics/plots/family_alone.csv": "UAR with one family of features alone",
    "metrics/plots/contributions.csv": "What each family adds to the true class",
    "metrics/plots/contributing_features.csv": "Features that add or take most",
    "metrics/plots/correlation.csv": "Correlation of features",
    "metrics/plots/redundancy.csv": "UAR lost when a cluster of redundant features is shuffled",
    "metrics/plots/saliency.csv": "Where nets look, by mel band",
    "metrics/plots/faithfulness.csv": "What a net loses without what its map names",
    "metrics/plots/voices.csv": "Pitch and formants by gender and age",
    "metrics/plots/balance.csv": "Speakers by label",
    "metrics/plots/durations.csv": "Duration of clips",
    "metrics/plots/signal_to_noise.csv": "Signal to noise",
}
CHARTS |= EXPLAINED
OVERLAID = ("scores", "roc", "precision_recall", "confusion", "calibration", "risk_coverage", "slices")


@pytest.fixture(scope="module")
def charts(finished: DvcProject) -> dict[str, list[dict]]:
    """File of a chart: its Vega-Lite content, one for each way to draw it."""
    return charts_of(finished)


def charts_of(project: DvcProject) -> dict[str, list[dict]]:
    shown = project.dvc("plots", "show", "--json")
    assert shown.stderr == ""
    return {name: [one["content"] for one in drawn] for name, drawn in shown.json()["data"].items()}


def rows_of(chart: dict) -> list[dict]:
    return chart["data"]["values"]


def test_metrics_are_numbers(finished: DvcProject):
    files = finished.dvc("metrics", "show", "--json").json()[""]["data"]
    assert {"metrics/scrape.json", "metrics/evaluate.json", "metrics/train/tfdf/age/metrics.json"} <= set(files)
    for name, file in files.items():
        for key, value in leaves(file["data"]):
            is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            assert is_number or value == {}, f"{name}: {key} is {value!r}"
    for target in TARGETS:
        scores = files["metrics/evaluate.json"]["data"][target]
        assert set(scores) == MODELS[target]
        for model in scores.values():
            for unit in ("clips", "speakers"):
                assert model[unit]["uar_low"] <= model[unit]["uar"] <= model[unit]["uar_high"]


def test_metrics_show_names_the_lead_figures(finished: DvcProject):
    header, *rows = finished.dvc("metrics", "show").stdout.splitlines()
    columns = header.split()
    for key in ("gender.softmax.speakers.uar", "age.tfdf.clips.uar_low", "gender.pitch_threshold.clips.uar"):
        assert key in columns
    assert "metrics/evaluate.json" in {row.split()[0] for row in rows}


def test_all_figures_one_a_line(finished: DvcProject):
    """`dvc metrics show` has a column for each figure; to read them, ask for a comparison with what git holds."""
    printed = finished.dvc("metrics", "diff", "--all").stdout
    lines = {tuple(line.split()[:2]): line.split()[2:] for line in printed.splitlines()[1:]}
    for key in ("gender.softmax.speakers.uar", "age.tfdf.clips.uar_low", "gender.pitch_threshold.clips.uar"):
        before, now, *_ = lines["metrics/evaluate.json", key]
        assert before == now
        assert 0 <= float(now) <= 1


@pytest.mark.slow
def test_diffs_are_tables_of_what_changed(without_age: tuple[DvcProject, Done]):
    project, _ = without_age
    header, *rows = (line.split() for line in project.dvc("metrics", "diff").stdout.splitlines())
    assert header == ["Path", "Metric", "HEAD", "workspace", "Change"]
    changes = {(path, key): values for path, key, *values in rows}
    old, new, change = changes["metrics/extract.json", "clips_kept"]
    assert int(new) - int(old) == int(change) < 0
    assert changes["metrics/evaluate.json", "age.skipped"] == ["-", "1", "-"]
    assert all(len(values) == 3 for values in changes.values())

    header, *rows = (line.split() for line in project.dvc("params", "diff").stdout.splitlines())
    assert header == ["Path", "Param", "HEAD", "workspace"]
    edited = project.params()
    assert rows == [
        ["params.yaml", "extract.max_duration_seconds", "60.0", "3.5"],
        ["params.yaml", "split.min_speakers_per_class", "3", str(edited["split"]["min_speakers_per_class"])],
    ]


def test_params_diff_names_every_edit(finished: DvcProject):
    rows = [line.split() for line in finished.dvc("params", "diff", "HEAD~1", "HEAD").stdout.splitlines()[1:]]
    assert {key for _, key, *_ in rows} == set(SMALL)


def test_every_chart_is_drawn(finished: DvcProject, charts, tmp_path):
    for name, title in {**CHARTS, **LEARNING_CURVES}.items():
        (chart,) = charts[name]
        assert chart["title"]["text"] == title
        assert rows_of(chart)
        assert "<DVC_" not in json.dumps(chart), f"{name}: a blank of the template is not filled"
    shown = finished.dvc("plots", "show", "--out", str(tmp_path / "page"))
    assert shown.stderr == ""
    page = (tmp_path / "page/index.html").read_text()
    assert all(json.dumps(title) in page for title in {**CHARTS, **LEARNING_CURVES}.values())


@pytest.mark.parametrize("name", OVERLAID)
def test_all_models_stand_in_one_chart(charts, name):
    (chart,) = charts[f"metrics/plots/{name}.csv"]
    for target in TARGETS:
        assert {row["model"] for row in rows_of(chart) if row["target"] == target} == MODELS[target]


def test_confusion_is_normalised(charts):
    (chart,) = charts["metrics/plots/confusion.csv"]
    shares: dict[tuple, float] = defaultdict(float)
    for row in rows_of(chart):
        shares[row["target"], row["model"], row["actual"]] += float(row["share"])
    assert list(shares.values()) == pytest.approx([1] * len(shares), abs=1e-4)


def test_learning_curves_hold_training_and_validation(charts):
    (chart,) = charts["metrics/train/softmax/age/curves.csv"]
    sides = {(row["figure"], row["side"]) for row in rows_of(chart)}
    assert sides == {(figure, side) for figure in ("loss", "uar") for side in ("train", "val")}
    assert [float(row["step"]) for row in rows_of(chart) if (row["figure"], row["side"]) == ("loss", "val")] == [
        *range(SMALL["train.epochs"])
    ]


def test_pictures_need_neither_a_browser_nor_a_network(working_copy: DvcProject):
    printed = working_copy.run("python", "src/pictures.py")
    assert printed.stderr == ""
    pictures = [working_copy.folder / line for line in printed.stdout.splitlines()]
    assert len(pictures) == len(CHARTS) + len(LEARNING_CURVES)
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)


@pytest.mark.slow
def test_a_skipped_target_leaves_the_other_charts_whole(without_age: tuple[DvcProject, Done]):
    project, _ = without_age
    charts = charts_of(project)
    for name in CHARTS:
        (chart,) = charts[name]
        assert rows_of(chart)
        assert {row["target"] for row in rows_of(chart) if "target" in row} <= {"gender"}
    for name in LEARNING_CURVES:
        assert len(charts[name]) == ("/gender/" in name)


@pytest.mark.slow
def test_a_comparison_with_another_version(without_age: tuple[DvcProject, Done]):
    project, _ = without_age
    compared = project.dvc("plots", "diff", "HEAD", "--json")
    assert compared.stderr == ""
    for drawn in (compared.json()["data"][name] for name in CHARTS):
        (chart,) = drawn
        assert {row["rev"] for row in rows_of(chart["content"])} == {"HEAD", "workspace"}
