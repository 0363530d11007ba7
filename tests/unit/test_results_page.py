"""The page of results: means, spreads and intervals over seeds are in the rows that readers look for."""

import pandas as pd
import pytest

import summary
from voicetraits.results_page import CONFIDENCE, SHOWN, chart, over_seeds, render

DATA = {
    "folds": 5, "archives": 2, "clips": 8, "hours": 0.5, "speakers": 4, "speakers_by_source": {"desk": 3, "phone": 1},
    "suspects": ["kim", "ana"], "arguments": [],
}  # fmt: skip
MODELS = ("net", "pitch_threshold")


def scores(seed=0, shift=0.0):
    rows = []
    for model in MODELS:
        for unit in ("clips", "speakers"):
            for score in (*SHOWN, *(CONFIDENCE if model == "net" else ())):
                value = 0.9 + shift
                rows.append(("gender", model, unit, score, value, value - 0.1, value + 0.05))
    columns = ["target", "model", "unit", "score", "value", "low", "high"]
    return pd.DataFrame(rows, columns=columns).assign(seed=seed)


def slices(seed=0, shift=0.0):
    parts = [("pitch", "150-190 Hz", 0.8), ("source", "desk", 0.7), ("source", "phone", None), ("fold", "a--b", 0.75)]
    rows = [
        ("gender", model, name, part, "female male", 9, 90, value and value + shift, 0.5, 0.95)
        for model in MODELS
        for name, part, value in parts
    ]
    columns = ["target", "model", "slice", "part", "classes", "speakers", "clips", "uar", "low", "high"]
    return pd.DataFrame(rows, columns=columns).assign(seed=seed)


def comparisons(fold="all"):
    row = ("gender", fold, "clips", "net", "pitch_threshold", 0.02, -0.01, 0.05, 20480, 1024)
    columns = ["target", "fold", "unit", "model", "other", "difference", "low", "high", "model_bytes", "other_bytes"]
    return pd.DataFrame([row], columns=columns)


def stress(seed=0, shift=0.0):
    rows = [
        (condition, "gender", model, "clips", score, value + shift, 0.5, 0.95)
        for model in MODELS
        for condition, value in (("clean", 0.9), ("pitch_up_3", 0.7))
        for score in ("uar", "ece")
    ]
    columns = ["condition", "target", "model", "unit", "score", "value", "low", "high"]
    return pd.DataFrame(rows, columns=columns).assign(seed=seed)


def page(between=None, **changes):
    return render(
        "name", DATA | changes,
        scores=pd.concat([scores(0), scores(1, 0.02)]), slices=pd.concat([slices(0), slices(1, 0.1)]),
        comparisons=pd.concat([comparisons().assign(seed=seed) for seed in (0, 1)]), between=between,
        stress=pd.concat([stress(0), stress(1, 0.04)]), without_suspects=slices(0, 0.12),
    )  # fmt: skip


def test_over_seeds():
    summary = over_seeds(pd.concat([scores(0), scores(1, 0.02), scores(2, -0.05)]), ["model", "score"], "value")
    row = summary.loc[("net", "uar")]
    assert row.to_list() == pytest.approx([0.89, 0.85, 0.92, 0.79, 0.94])


def test_rows_of_the_page():
    text = page()
    spread = "0.910 (0.900–0.920)"
    for row in (
        f"| gender | net | speakers | {' | '.join([spread] * len(SHOWN))} | 0.810–0.960 |",
        f"| gender | net | {' | '.join([spread] * len(CONFIDENCE))} |",
        "| pitch_threshold | 0.850 (0.800–0.900) | 0.500–0.950 | 9 | 90 |",
        "| net | 0.920 (0.920–0.920) | 0.500–0.950 | 9 | 90 |",
        "| pitch up 3 | 0.720 (0.700–0.740) | 0.720 (0.700–0.740) |",
        "| gender | net | source: desk | female male | 0.750 (0.700–0.800) | 0.500–0.950 |",
        "| gender | net | pitch_threshold | +0.020 | -0.010 to +0.050 | 20 / 1 |",
    ):
        assert row in text.splitlines(), row
    assert "Not measured: no two sources" in text
    assert "without 2 speakers (kim, ana), whose stated gender" in text
    assert "without any speaker, whose" in page(suspects=[])
    assert "mean over 2 seeds" in text
    assert "NAME=name`." in text
    assert "NAME=name ARGS='--seeds 1'`." in page(arguments=["--seeds", "1"])


def test_between_sources():
    text = page({"scores": scores(), "slices": slices(), "comparisons": comparisons("a--b")})
    assert "| gender | a | b | net | 0.750 | 0.500–0.950 | +0.020 | -0.010 to +0.050 |" in text.splitlines()
    assert "| gender | a | b | pitch_threshold | 0.750 | 0.500–0.950 |  |  |" in text.splitlines()


def test_the_chart_has_a_dot_for_each_seed():
    values = chart(pd.concat([scores(0), scores(1, 0.02)]))["data"]["values"]
    assert [(row["seed"], row["value"]) for row in values if row["model"] == "net"] == [
        (0, 0.9), (1, pytest.approx(0.92)),
    ]  # fmt: skip


def test_the_summary_names_the_weakest_part():
    table = slices().assign(is_worst=lambda own: own["part"] == "desk")
    assert summary.weakest(table) == "gender, net: source desk (0.700)"
    assert summary.weakest(table.assign(is_worst=False)) == "no part, for want of speakers"
