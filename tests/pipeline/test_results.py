"""`make results`: every seed, both ways between sources, in a copy; the project itself stays as it is."""

import sys

import pandas as pd
import pytest

import results
from support.dvc_project import DvcProject
from support.project import ROOT
from voicetraits.errors import DataError

#: With few speakers, their broken archives weigh more than a real mirror's may.
SETTINGS = {
    "corpora.voxforge.max_failed_share": 0.5,
    "targets": "[gender]",
    "nets": "[dnn]",
    "audit.fold_seeds": 1,
    "audit.suspect_min_uar": 0.0,
}


@pytest.mark.slow
def test_a_small_mirror(working_copy: DvcProject):
    project = working_copy
    runs = project.folder / ".dvc/cache/runs"
    before = len(list(runs.glob("??/*")))
    settings = [text for key, value in SETTINGS.items() for text in ("--set", f"{key}={value}")]
    printed = project.run(sys.executable, "src/results.py", "data/raw", "tiny", "--seeds", "2", *settings)
    assert project.git("status", "--porcelain").split() == ["??", "metrics/results/tiny/"]
    page = project.read("metrics/results/tiny/README.md")
    assert printed.stdout.endswith(page + "\n")
    assert "NAME=tiny ARGS='--seeds 2 --set" in page
    scores = pd.read_csv(project.folder / "metrics/results/tiny/scores.csv")
    assert set(scores["seed"]) == {0, 1}
    assert set(scores["model"]) == {"softmax", "tfdf", "dnn", "majority", "pitch_threshold"}
    assert set(scores["target"]) == {"gender"}
    # Of the synthetic voices there is one source only.
    assert "Not measured: no two sources" in page
    # Were it interrupted, what is trained would be there.
    assert len(list(runs.glob("??/*"))) > before + 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "say what to run on and how to name it: make results MIRROR="),
        (["mirror", ""], "say what to run on"),
        (["mirror", "../up"], r"NAME is '\.\./up'; allowed: small letters"),
        (["mirror", "x", "--seeds", "0"], "--seeds is 0; allowed: 1 or more"),
        (["mirror", "x", "--set", "tfdf.trees=5"], r"tfdf\.trees=5: params\.yaml has no tfdf\.trees; write KEY=VALUE"),
        (["mirror", "x", "--set", "seed=3"], "--set seed=3: seed is set by this script; allowed: all but corpus,"),
        (["mirror", "x", "--set", "audit.run=false"], "audit.run is set by this script"),
        (["mirror", "x", "--set", "tfdf.num_trees"], "--set tfdf.num_trees: .* write KEY=VALUE"),
        (["mirror", "x", "--set", "nets=[dnn"], r"--set nets=\[dnn: no YAML"),
    ],
)  # fmt: skip
def test_what_cannot_be_run(monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["results.py", *arguments])
    with pytest.raises(DataError, match=message):
        dict(map(results.setting, results.read_arguments().set))


def test_settings_are_read_as_yaml(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    asked = ["--set", "nets=[dnn, tcn]", "--set", "train.lr=1e-4", "--set", "tfdf.num_trees=7"]
    monkeypatch.setattr(sys, "argv", ["results.py", "--seeds", "2", "mirror", "name", *asked])
    arguments = results.read_arguments()
    read = dict(map(results.setting, arguments.set))
    assert read == {"nets": ["dnn", "tcn"], "train.lr": 1e-4, "tfdf.num_trees": 7}
    assert results.options(arguments) == ["--seeds", "2", *asked], "whatever stands first"
