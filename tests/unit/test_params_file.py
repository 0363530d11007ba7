"""params.yaml keeps its comments and its layout, whoever writes values into it."""

import difflib
from pathlib import Path

import pytest
import yaml
from dvc.utils.hydra import apply_overrides

from voicetraits import params
from voicetraits.params_file import write_values

PARAMS = Path(__file__).parents[2] / "params.yaml"
#: What may be a list, with one.
LISTS = {
    "targets": ["gender"],
    "nets": ["voicenet", "dnn"],
    "metadata.exclude": ["somebody", "another"],
    "corpora.mix.of": [{"corpus": "folder", "genders": ["female"]}, {"corpus": "demo", "seed": 1}],
    "featurize.mfcc_statistics": ["iqr"],
    "featurize.mfcc_delta_statistics": ["iqr"],
    "featurize.log_mel_statistics": ["mean", "std"],
    "featurize.contrast_statistics": ["iqr"],
    "augment.pitch.semitones": [-1.5, 1.5],
    "augment.pitch.targets": ["age"],
    "augment.crop.seconds": [0.5, 1.0],
    "stress.conditions": ["telephone"],
    "audit.learning_curve_shares": [0.5, 1.0],
    **{f"corpora.{name}.genders": ["female"] for name in ("audiomnist", "librispeech", "common_voice", "folder")},
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "params.yaml").write_bytes(PARAMS.read_bytes())
    return tmp_path / "params.yaml"


def changed(path: Path, before: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), path.read_text().splitlines(), n=0, lineterm="")
    return [line for line in lines if line[:3] not in ("---", "+++") and line[0] in "+-"]


def test_an_experiment_changes_nothing_but_its_value(path):
    for _ in range(3):
        apply_overrides(str(path), ["train.lr=1e-4"])
        assert changed(path, PARAMS.read_text()) == ["-  lr: 0.003", "+  lr: 0.0001"]
    apply_overrides(str(path), ["train.lr=0.003", "corpora.voxforge.limit=200"])
    assert changed(path, PARAMS.read_text()) == ["-    limit:", "+    limit: 200"]


def test_values_of_our_own_are_written_as_dvc_writes_them(path):
    write_values(path, {"train.lr": 0.0001, "corpora.folder.path": "/data/my recordings"})
    assert changed(path, PARAMS.read_text()) == [
        "-    path:", "+    path: /data/my recordings", "-  lr: 0.003", "+  lr: 0.0001",
    ]  # fmt: skip
    before = path.read_text()
    apply_overrides(str(path), ["train.lr=0.0001"])
    assert path.read_text() == before


def test_lists_cost_no_comment_however_often_they_are_set(path):
    comments = [line for line in PARAMS.read_text().splitlines() if line.lstrip().startswith("#")]
    for lists in (LISTS, {name: value[:1] for name, value in LISTS.items()}):
        text = yaml.safe_dump(lists, default_flow_style=True, width=10_000)
        for name, value in yaml.safe_load(text).items():
            apply_overrides(str(path), [f"{name}={as_hydra(value)}"])
            found = yaml.safe_load(path.read_text())
            for part in name.split("."):
                found = found[part]
            assert found == value
        assert [line for line in path.read_text().splitlines() if line.lstrip().startswith("#")] == comments


def test_every_list_of_the_file_is_tried():
    def lists(content: dict, prefix: str = ""):
        for name, value in content.items():
            if isinstance(value, dict):
                yield from lists(value, f"{prefix}{name}.")
            elif isinstance(value, list):
                yield prefix + name

    # Sections of `augment` are alike, and the search spaces are flow maps, which stay so.
    found = {name for name in lists(yaml.safe_load(PARAMS.read_text())) if not name.startswith(("augment.", "tune."))}
    assert found <= LISTS.keys()


def test_writing_nothing_new_leaves_every_byte(path):
    write_values(path, {"train.lr": 0.003})
    assert path.read_bytes() == PARAMS.read_bytes()


def test_small_numbers_words_and_nothing(tmp_path):
    path = tmp_path / "params.yaml"
    lines = ["train:", "  # How fast.", "  lr: 0.003 # slow", "  balance: none", "  how: 1", "seed:", ""]
    path.write_text("\n".join(lines))
    write_values(path, {"train.lr": 1e-05, "train.balance": "class_weight", "train.how": None})
    lines[2:5] = ["  lr: 1e-05 # slow", "  balance: class_weight", "  how:"]
    assert path.read_text() == "\n".join(lines)
    assert params.load(path) == {"train": {"lr": 1e-5, "balance": "class_weight", "how": None}, "seed": None}
    write_values(path, {"train.new": 2})
    assert params.load(path)["train"]["new"] == 2


def as_hydra(value: object) -> str:
    if isinstance(value, list):
        return f"[{','.join(map(as_hydra, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{name}:{as_hydra(item)}' for name, item in value.items())}}}"
    return str(value)


def test_dvc_lock_holds_the_params_as_they_stand():
    """In another order, too, a run in a new clone would write another dvc.lock."""
    given = yaml.safe_load(PARAMS.read_text())
    stages = yaml.safe_load((PARAMS.parent / "dvc.lock").read_text())["stages"]
    held = [
        (key, value) for stage in stages.values() for key, value in stage.get("params", {}).get(PARAMS.name, {}).items()
    ]
    assert len(held) > 20
    for key, value in held:
        found = given
        for part in key.split("."):
            found = found[part]
        assert repr(value) == repr(found), key
