"""Experiments: in the workspace, in a copy, in the queue; shown, compared, applied, kept, removed."""

import csv
import time

import pytest
import yaml

from support.dvc_project import STAGES, DvcProject

pytestmark = pytest.mark.slow

SOFTMAX_AND_BEYOND = ["train_softmax@gender", "train_softmax@age", "evaluate", "stress", "explain", "report"]
TFDF_AND_BEYOND = ["train_tfdf@gender", "train_tfdf@age", "evaluate", "stress", "explain", "report"]
WAIT_SECONDS = 400


def test_a_learning_rate_in_the_workspace(working_copy: DvcProject):
    printed = working_copy.dvc("exp", "run", "--name", "slower", "-S", "train.lr=1e-5")
    assert printed.ran == SOFTMAX_AND_BEYOND
    assert printed.complaints == []
    # YAML 1.2, in which this is a number; other readers take it for text.
    assert "  lr: 1e-05\n" in working_copy.read("params.yaml")
    for target in ("gender", "age"):
        config = yaml.safe_load(working_copy.read(f"data/models/softmax/{target}/final/config.yaml"))
        assert float(config["params"]["lr"]) == 1e-5
    lock = working_copy.read("dvc.lock")

    shown = {row["Experiment"] or row["rev"]: row for row in experiments(working_copy)}
    assert float(shown["slower"]["train.lr"]) == 1e-5
    assert float(shown["main"]["train.lr"]) == 0.003
    assert 0 <= float(shown["slower"]["gender.softmax.speakers.uar"]) <= 1
    # As in its pager, which scrolls sideways: cut to the width of a terminal, columns would be missing.
    table = working_copy.dvc("exp", "show", "--only-changed", "--no-pager", COLUMNS="10000").stdout
    assert "slower" in table
    assert "train.lr" in table

    # What VS Code's extension asks for.
    for row in working_copy.dvc("exp", "show", "--json").json():
        assert row["error"] is None
        assert row["data"]["metrics"]["metrics/evaluate.json"]["data"]["gender"]

    compared = working_copy.dvc("exp", "diff", "main", "slower").stdout
    assert "gender.softmax.clips.log_loss" in compared
    assert ["params.yaml", "train.lr", "0.003", "1e-05"] in [line.split()[:4] for line in compared.splitlines()]
    assert "tfdf" not in compared

    discard_changes(working_copy)
    assert working_copy.params()["train"]["lr"] == 0.003
    working_copy.dvc("exp", "apply", "slower")
    assert working_copy.read("dvc.lock") == lock
    assert working_copy.dvc("status", "--json").json() == {}

    discard_changes(working_copy)
    working_copy.dvc("exp", "branch", "slower", "try-slower")
    working_copy.git("checkout", "--quiet", "try-slower")
    working_copy.dvc("checkout", "--quiet")
    assert working_copy.read("dvc.lock") == lock
    assert working_copy.dvc("status", "--json").json() == {}

    working_copy.git("checkout", "--quiet", "main")
    working_copy.dvc("exp", "remove", "slower")
    assert "slower" not in working_copy.dvc("exp", "list").stdout


def test_trees_in_a_copy_leave_the_workspace_alone(working_copy: DvcProject):
    printed = working_copy.dvc("exp", "run", "--temp", "--name", "more-trees", "-S", "tfdf.num_trees=9")
    assert printed.ran == TFDF_AND_BEYOND
    assert printed.complaints == []
    assert working_copy.git("status", "--porcelain") == ""
    working_copy.dvc("exp", "apply", "more-trees")
    assert working_copy.params()["tfdf"]["num_trees"] == 9
    assert working_copy.dvc("status", "--json").json() == {}


def test_a_sweep_in_the_queue(working_copy: DvcProject):
    working_copy.dvc("exp", "run", "--queue", "-S", "train.lr=1e-4,1e-3")
    assert queue_states(working_copy) == ["Queued", "Queued"]
    try:
        working_copy.dvc("queue", "start")
        deadline = time.monotonic() + WAIT_SECONDS
        while {"Queued", "Running"} & set(queue_states(working_copy)) and time.monotonic() < deadline:
            time.sleep(3)
        assert queue_states(working_copy) == ["Success", "Success"], working_copy.dvc("queue", "status").stdout
    finally:
        working_copy.dvc("queue", "stop", "--kill")
        wait_until_the_worker_is_gone(working_copy)
    assert working_copy.git("status", "--porcelain") == ""
    rates = [float(row["train.lr"]) for row in experiments(working_copy) if row["Experiment"]]
    assert sorted(rates) == [0.0001, 0.001]

    # The same in the workspace: nothing is trained again.
    printed = working_copy.dvc("exp", "run", "-S", "train.lr=1e-4")
    assert (printed.ran, printed.cached) == (["report"], SOFTMAX_AND_BEYOND[:-1]), "report writes a text that git holds"


def test_a_rule_of_labels_concerns_no_sound(working_copy: DvcProject):
    printed = working_copy.dvc("exp", "run", "split", "-S", "metadata.senior_from_years=19")
    assert printed.ran == ["parse_metadata", "split"], "no label of the demo corpus hangs on this rule"
    assert sorted(working_copy.dvc("status", "--json").json()) == sorted(STAGES[5:])


def discard_changes(project: DvcProject) -> None:
    project.git("checkout", "--quiet", ".")
    project.dvc("checkout", "--quiet")


def experiments(project: DvcProject) -> list[dict[str, str]]:
    return list(csv.DictReader(project.dvc("exp", "show", "--csv").stdout.splitlines()))


def queue_states(project: DvcProject) -> list[str]:
    tasks = project.dvc("queue", "status").stdout.split("\n\n")[0].splitlines()[1:]
    return [task.split()[-1] for task in tasks]


def wait_until_the_worker_is_gone(project: DvcProject) -> None:
    deadline = time.monotonic() + 60
    while "Worker status: 0 active, 0 idle" not in project.dvc("queue", "status").stdout:
        assert time.monotonic() < deadline, "the queue's worker does not stop"
        time.sleep(1)
