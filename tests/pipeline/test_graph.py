"""The graph as DVC sees it: a first run, a second, what each edited param reruns, and what dvc.yaml may say."""

import json
import re
import time

import dvc.schema
import pytest
from ruamel.yaml import YAML

from support.dvc_project import ROOT, STAGES, DvcProject, leaves

DVC_YAML = YAML(typ="safe", pure=True).load(ROOT / "dvc.yaml")

#: What `_loop_seconds` takes where nothing slows the machine down: at 2.6 GHz 0.14 to 0.2.
USUAL_LOOP_SECONDS = 0.2

SOFTMAX, TFDF = ["train_softmax@gender", "train_softmax@age"], ["train_tfdf@gender", "train_tfdf@age"]
NETS = ["train_net@voicenet-gender", "train_net@voicenet-age"]

#: Key of params.yaml, or a section of it: the stages that read it. The longest that fits counts.
READERS = {
    "corpora.demo": ["scrape"],
    "corpora.demo.sources": ["scrape", "parse_metadata"],
    "corpora": [],  # not the corpus in use
    "targets": ["split", "evaluate", "stress", "explain", "audit"],  # and the graph has a train stage for each target
    "seed": ["split", *SOFTMAX, *TFDF, *NETS, "evaluate", "stress", "explain", "audit"],
    "extract": ["extract"],
    "metadata": ["parse_metadata"],
    "metadata.age_bins": ["parse_metadata", "split"],
    "featurize": ["featurize", "report"],
    "split": ["split"],
    "train": SOFTMAX,
    "tfdf": TFDF,
    "calibration": [*SOFTMAX, *TFDF, *NETS],
    "nets": ["evaluate", "stress", "explain"],  # and the graph has a train stage for each net
    "net": [],  # not a net in use
    "net.common": NETS,
    "net.voicenet": NETS,
    "augment": NETS,
    "evaluate": ["evaluate", "stress"],
    "evaluate.bootstrap_samples": ["evaluate", "stress", "explain", "audit"],
    "evaluate.confidence": ["evaluate", "stress", "explain", "report", "audit"],
    "stress": ["stress"],
    "explain": ["explain"],
    "audit": ["audit"],
    "tune": [],  # read by hand
    "compute": [],  # where it runs does not change what comes out
}

# `dvc status --json` for each of many params.yaml, in one process: DVC takes longer to start than to answer.
STATUSES = """
import json, pathlib, sys
from dvc.cli import main
for text in json.load(sys.stdin):
    pathlib.Path("params.yaml").write_text(text)
    assert main(["status", "--json"]) == 0
    sys.stdout.flush()
"""


def test_the_first_run_runs_every_stage_and_complains_of_nothing(first_run):
    project, printed = first_run
    assert printed.ran == STAGES
    assert printed.complaints == []
    assert set(project.json("metrics/evaluate.json")) == {"gender", "age"}
    assert "skipped" not in project.read("metrics/evaluate.json"), "too few speakers to test with"


def test_git_holds_the_figures_and_not_the_data(finished: DvcProject):
    assert finished.git("status", "--porcelain") == ""
    tracked = set(finished.git("ls-files").splitlines())
    assert {name for name in tracked if name.startswith("data/")} <= {"data/README.md"}
    outs = [out for stage in finished.lock().values() for out in stage["outs"]]
    for out in outs:
        in_git = out["path"] in tracked or any(name.startswith(out["path"] + "/") for name in tracked)
        assert in_git == (not out["path"].startswith("data/")), out["path"]


def test_a_second_run_runs_nothing_in_three_seconds(finished: DvcProject):
    seconds = []
    for _ in range(3):
        printed = finished.dvc("repro")
        assert (printed.ran, printed.cached) == ([], [])
        assert printed.stdout.endswith("Data and pipelines are up to date.\n")
        # Of processor time at the usual speed: the machine may be busy with something else, and slower for that.
        seconds.append(printed.cpu_seconds / max(1.0, _loop_seconds() / USUAL_LOOP_SECONDS))
        if min(seconds) < 3:
            return
    pytest.fail(f"seconds of processor time: {seconds}")


def _loop_seconds() -> float:
    """Processor time of work that is always the same."""
    begin, total = time.process_time(), 0
    for number in range(5_000_000):
        total += number
    return time.process_time() - begin


@pytest.mark.parametrize("place", [0, pytest.param(-1, marks=pytest.mark.slow)])
def test_an_edited_param_reruns_the_stages_that_read_it(working_copy: DvcProject, place: int):
    """Of each section the first or the last key: DVC compares those that a stage names, and all below them, alike."""
    path = working_copy.folder / "params.yaml"
    original = path.read_text()
    of_sections: dict[str, list[str]] = {}
    values = dict(leaves(working_copy.params()))
    for key in values:
        if key != "corpus":
            of_sections.setdefault(_reader(key), []).append(key)
    keys = [own[place] for own in of_sections.values()]
    texts = []
    for key in keys:
        working_copy.edit({key: _another(values[key])})
        texts.append(path.read_text())
        path.write_text(original)
    answers = _statuses(working_copy, texts)
    wrong = {
        key: list(answer)
        for key, answer in zip(keys, answers, strict=True)
        if sorted(answer) != sorted(READERS[_reader(key)])
    }
    assert wrong == {}


def _reader(key: str) -> str:
    """The longest name in `READERS` that the key is, or is below."""
    return max((name for name in READERS if _is_in(key, name)), key=len)


def _statuses(project: DvcProject, texts: list[str]) -> list[dict]:
    done = project.run("python", "-c", STATUSES, stdin=json.dumps(texts))
    return [json.loads(line) for line in done.stdout.splitlines()]


def _is_in(key: str, section: str) -> bool:
    return key == section or key.startswith(section + ".")


def _another(value: object) -> object:
    match value:
        case str():
            return value + "x"
        case list():
            return value[::-1] if value[::-1] != value else ([] if value else ["x"])
        case dict():
            return {"x": "y"}
        case None:
            return 1
    return value + 1


def test_an_edited_script_or_module_reruns_the_stages_that_load_it(working_copy: DvcProject):
    models = ("src/voicetraits/models/softmax.py", "src/voicetraits/models/softmax_runtime.py")
    for name in (*models, "src/voicetraits/features/pitch.py", "src/split.py"):
        with open(working_copy.folder / name, "a") as file:
            file.write("# a remark\n")
    changed = set(working_copy.dvc("status", "--json").json())
    assert changed == {*SOFTMAX, "evaluate", "stress", "explain", "featurize", "split"}


def test_dag_and_status(finished: DvcProject):
    drawn = finished.dvc("dag", "--mermaid").stdout
    assert all(f'["{stage}"]' in drawn for stage in STAGES)
    assert "train_tfdf@age" in finished.dvc("dag", "evaluate").stdout
    assert finished.dvc("status").stdout == "Data and pipelines are up to date.\n"


def test_dvc_yaml_is_valid():
    dvc.schema.COMPILED_MULTI_STAGE_SCHEMA(DVC_YAML)


@pytest.mark.parametrize("name", DVC_YAML["stages"])
def test_manners_of_a_stage(name):
    """What would turn the run cache off, break a clean clone, or work in one shell only."""
    stage = DVC_YAML["stages"][name]
    assert stage["desc"].endswith(".")
    assert re.fullmatch(rf"python src/{name}\.py( \$\{{item\.\w+\}})*", stage["cmd"])
    assert "frozen" not in stage
    # Text that git holds is neither metrics nor a plot; its stage gives up the run cache, and runs in seconds.
    outs = [out for out in stage.get("outs", []) if out != {"metrics/report.md": {"cache": False}}]
    assert all(isinstance(out, str) for out in outs), "an out with flags such as persist"
    for flagged in [*stage.get("metrics", []), *stage.get("plots", [])]:
        ((path, flags),) = flagged.items()
        assert path.startswith("metrics/")
        assert flags["cache"] is False
        assert "persist" not in flags


def test_vs_code_recommends_the_dvc_extension():
    assert "iterative.dvc" in json.loads((ROOT / ".vscode/extensions.json").read_text())["recommendations"]


def test_the_committed_lock_is_current(tmp_path):
    """A clone of the last commit, whatever stands in the working tree, has nothing to run but to fetch its data."""
    project = DvcProject(tmp_path / "clone")
    DvcProject(ROOT).git("clone", "--quiet", ".", str(project.folder))
    printed = project.dvc("repro", "--allow-missing", "--dry", check=False)
    assert printed.ran == [], "run `dvc repro` and commit dvc.lock and metrics/ with what made them change"
    assert printed.returncode == 0
