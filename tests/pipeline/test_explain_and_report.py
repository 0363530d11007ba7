"""What the stages explain and report leave behind a run of the whole graph."""

import re

import numpy as np
import pandas as pd
import pytest

from support.dvc_project import DvcProject
from voicetraits.features.table import read_features

TARGETS = ("gender", "age")


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("model", ["softmax", "tfdf"])
def test_contributions_of_each_clip_add_up_to_the_stored_prediction(finished: DvcProject, model, target):
    data = finished.folder / "data"
    table = pd.read_parquet(data / f"explanations/contributions-{model}-{target}.parquet")
    names = list(read_features(data / "features").names)
    assert list(table.columns) == ["utterance_id", "label", "class", "base", "logit", *names]
    added = table[["base", *names]].to_numpy(np.float64).sum(axis=1)
    assert added == pytest.approx(table["logit"].to_numpy(), abs=1e-4)
    stored = pd.read_parquet(data / f"models/{model}/{target}/predictions.parquet")
    stored = stored[stored["side"] == "test"].set_index("utterance_id")
    logits = table.pivot(index="utterance_id", columns="class", values="logit")
    assert sorted(logits.index) == sorted(stored.index)
    said = np.exp(logits)
    said = said.div(said.sum(axis=1), axis=0)
    for name in said:
        # What the model said before calibration, where there is one.
        column = f"raw_{name}" if f"raw_{name}" in stored else f"p_{name}"
        assert said[name].to_numpy() == pytest.approx(stored[column].loc[said.index].to_numpy(), abs=1e-3)


def test_figures_name_every_family(finished: DvcProject):
    figures = finished.json("metrics/explain.json")
    assert figures["redundancy"]["features"] == finished.json("metrics/featurize.json")["features"]
    for target in TARGETS:
        own = figures[target]
        assert set(own["uar_lost_without"]) == {"softmax", "tfdf"}
        assert all(set(lost) == set(own["uar_alone"]) for lost in own["uar_lost_without"].values())
        assert all(0 <= uar <= 1 for uar in own["uar_alone"].values())


def test_the_report_tells_of_this_run(finished: DvcProject):
    text, page = finished.read("metrics/report.md"), finished.read("data/report/report.html")
    figures = finished.json("metrics/evaluate.json")
    for target in TARGETS:
        for model in ("softmax", "tfdf"):
            assert f"{figures[target][model]['clips']['uar']:.3f}" in text
    for shown in (text, page):
        assert "These voices are synthetic" in shown
    without_data = re.sub(r"data:image/[a-z+]+;base64,[A-Za-z0-9+/=]+", "DATA", page)
    assert not re.search(r"https?:|<script|<link", without_data)
    assert without_data.count('src="DATA"') == len(re.findall("<figure>", page)) > 10


@pytest.mark.slow
def test_made_again_they_are_the_same_bytes(working_copy: DvcProject):
    printed = working_copy.dvc("repro", "--force", "--single-item", "explain", "report")
    assert printed.ran == ["explain", "report"]
    assert printed.complaints == []
    assert working_copy.git("status", "--porcelain") == "", "dvc.lock holds the digests of all of their files"
