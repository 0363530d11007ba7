"""params.yaml: every key and value is checked, and the message names the key and what is allowed."""

import re
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field

from voicetraits import params
from voicetraits.classes import Targets
from voicetraits.errors import ParameterError
from voicetraits.evaluation import EvaluateParams
from voicetraits.features.extractor import FeaturizeParams
from voicetraits.models import softmax, tfdf
from voicetraits.models.net_params import Training
from voicetraits.store import ComputeParams

ROOT = Path(__file__).parents[2]


@params.section
class Knobs:
    lr: Annotated[float, Field(gt=0)]
    epochs: Annotated[int, Field(ge=1)]
    workers: Annotated[int, Field(ge=1)] | None
    name: str


GOOD = {"lr": "0.1", "epochs": "5", "workers": "null", "name": "abc"}


def write(folder: Path, **values: str | None) -> Path:
    """Params with a section `train` of GOOD and `values`; None leaves a key out."""
    lines = [f"  {key}: {value}" for key, value in {**GOOD, **values}.items() if value is not None]
    path = folder / "params.yaml"
    path.write_text("\n".join(["seed: 1", "train:", *lines]) + "\n", encoding="utf-8")
    return path


def refuse(message: str, path: Path, key: str = "train", kind: type = Knobs) -> None:
    with pytest.raises(ParameterError) as caught:
        params.get(params.load(path), key, kind)
    assert re.search(message, str(caught.value)), str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-05", 1e-5), ("1e-5", 1e-5), ("1E5", 1e5), ("1.0e-3", 0.001), (".5", 0.5), ("3", 3.0), ("+2.", 2.0)],
)
def test_numbers_as_yaml_1_2_has_them(tmp_path, text, value):
    """DVC writes 0.00001 as `1e-05`, which PyYAML reads as a text."""
    loaded = params.get(params.load(write(tmp_path, lr=text)), "train", Knobs)
    assert loaded.lr == value
    assert isinstance(loaded.lr, float)


def test_sections_are_frozen(tmp_path):
    knobs = params.get(params.load(write(tmp_path)), "train", Knobs)
    with pytest.raises(AttributeError):
        knobs.lr = 1.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lr": "'0.1'"}, r"`train\.lr` is '0\.1'; allowed: a valid number"),
        ({"lr": "fast"}, r"`train\.lr` is 'fast'; allowed: a valid number"),
        ({"lr": "0"}, r"`train\.lr` is 0; allowed: greater than 0"),
        ({"lr": "-1e-05"}, r"`train\.lr` is -1e-05; allowed: greater than 0"),
        ({"lr": ".inf"}, r"`train\.lr` is inf; allowed: a finite number"),
        ({"lr": ".nan"}, r"`train\.lr` is nan; allowed: a finite number"),
        ({"lr": "null"}, r"`train\.lr` is None; allowed: a valid number"),
        ({"lr": "[0.1, 0.2]"}, r"`train\.lr` is \[0\.1, 0\.2\]; allowed: a valid number"),
        ({"lr": "true"}, r"`train\.lr` is True; allowed: a valid number"),
        ({"lr": "yes"}, r"`train\.lr` is 'yes'"),
        ({"epochs": "2.5"}, r"`train\.epochs` is 2\.5; allowed: a valid integer"),
        ({"epochs": "5.0"}, r"`train\.epochs` is 5\.0; allowed: a valid integer"),
        ({"epochs": "0"}, r"`train\.epochs` is 0; allowed: greater than or equal to 1"),
        ({"epochs": "true"}, r"`train\.epochs` is True; allowed: a valid integer"),
        ({"name": "3"}, r"`train\.name` is 3; allowed: a valid string"),
        ({"workers": "0"}, r"`train\.workers` is 0; allowed: greater than or equal to 1"),
        ({"lr": None}, r"`train\.lr` is missing; git has the file with every key and its meaning"),
        (
            {"epoch": "5"},
            r"unknown key `train\.epoch`; did you mean `train\.epochs`\? allowed: train\.lr, train\.epochs",
        ),
        ({"epochs": None, "epoch": "5"}, r"unknown key `train\.epoch`; did you mean `train\.epochs`\?"),
        (
            {"momentum": "0.9"},
            r"unknown key `train\.momentum`; allowed: train\.lr, train\.epochs, train\.workers, train\.name",
        ),
        ({"5": "5"}, r"unknown key `train\.5`"),
    ],
    ids=str,
)
def test_wrong_keys_and_values(tmp_path, values, message):
    refuse(message, write(tmp_path, **values))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: 5\n", r"`train` is 5; allowed: "),
        ("train:\n", r"`train` is None; allowed: "),
        ("train: []\n", r"`train` is \[\]; allowed: "),
        ("seed: 1\n", r"`train` is missing; the top level has: seed"),
        (
            "trian: {}\n",
            r"params\.yaml: unknown key `trian`; did you mean `train`\? allowed: corpus, corpora, targets, seed",
        ),
        ("learning: {}\n", r"unknown key `learning`; allowed: corpus"),
        ("1: x\n", r"unknown key `1`"),
        ("", r"must hold sections such as `corpus: demo`; it holds None"),
        ("- train\n", r"must hold sections such as"),
        ("just text\n", r"must hold sections .* it holds 'just text'"),
        ("train: {lr: 1\n", r"params\.yaml is not valid YAML: "),
        ("train:\n\tlr: 1\n", r"params\.yaml is not valid YAML: .*tab|params\.yaml is not valid YAML: .*token"),
        ("seed: 1\nseed: 2\n", r"params\.yaml is not valid YAML: .*duplicate key"),
        ("train: *nothing\n", r"params\.yaml is not valid YAML: "),
        ("train: !!python/object/apply:os.getcwd []\n", r"params\.yaml is not valid YAML: "),
        ("train: \x00\n", r"params\.yaml is not valid YAML: "),
    ],
)
def test_wrong_files(tmp_path, text, message):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    refuse(message, path)


def test_a_file_that_is_no_text(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_bytes(b"seed: \xff\xfe\n")
    refuse(r"is not valid YAML", path)


def test_no_file(tmp_path):
    refuse(
        r"params\.yaml is missing: run this from the project's root, or restore it with git", tmp_path / "params.yaml"
    )


def test_keys_below_keys(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("corpora:\n  demo: {limit: 3, sources: {a: b}}\n  voxforge: text\n")
    loaded = params.load(path)
    assert params.get(loaded, "corpora.demo.limit", int) == 3
    assert params.get(loaded, "corpora.demo.sources", dict[str, str]) == {"a": "b"}
    for key, message in (
        ("corpora.vox", "`corpora.vox` is missing; corpora has: demo, voxforge"),
        ("corpora.demo.jobs", "`corpora.demo.jobs` is missing; corpora.demo has: limit, sources"),
        ("corpora.voxforge.limit", "`corpora.voxforge.limit` is missing; corpora.voxforge has: nothing"),
    ):
        refuse(re.escape(message), path, key, int)


def test_targets(tmp_path):
    path = tmp_path / "params.yaml"
    for text, message in (
        ("[gender, age]", None), ("[age]", None),
        ("[]", r"`targets` is \[\]; allowed: "),
        ("[gender, gender]", r"`targets` is \['gender', 'gender'\]; allowed: each target once"),
        ("[sex]", r"`targets\.0` is 'sex'; allowed: 'gender' or 'age'"),
        ("gender", r"`targets` is 'gender'; allowed: "),
    ):  # fmt: skip
        path.write_text(f"targets: {text}\n")
        if message:
            refuse(message, path, "targets", Targets)
        else:
            assert params.get(params.load(path), "targets", Targets) == tuple(text.strip("[]").split(", "))


@pytest.mark.parametrize("text", ["0", "20240501", "2147483647"])
def test_seeds(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(f"seed: {text}\n")
    assert params.get(params.load(path), "seed", params.Seed) == int(text)


@pytest.mark.parametrize("text", ["2147483648", "-1", "1.0", "x", "'1'", "true", "null", "[1]"])
def test_no_seeds(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(f"seed: {text}\n")
    refuse("`seed` is ", path, "seed", params.Seed)


def test_the_projects_own_file_holds_every_section_and_no_other():
    loaded = params.load(ROOT / "params.yaml")
    assert sorted(loaded) == sorted(params.SECTIONS)
    for key, kind in (
        ("featurize", FeaturizeParams), ("tfdf", tfdf.Params), ("evaluate", EvaluateParams), ("compute", ComputeParams),
        ("targets", Targets), ("seed", params.Seed),
    ):  # fmt: skip
        params.get(loaded, key, kind)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("featurize.f0_min_hz", 500.0, r"`featurize\.f0_min_hz` is 500\.0; allowed: below f0_max_hz"),
        ("featurize.mfcc", 65, r"`featurize\.mfcc` is 65; allowed: up to featurize\.mel_bands"),
        ("featurize.f0_frame_seconds", 0.01, r"`featurize\.f0_frame_seconds` is 0\.01; allowed: 0\.0333 or more"),
        ("featurize.frame_seconds", 0.3, r"`featurize\.frame_seconds` is 0\.3; allowed: less than or equal to 0\.25"),
        ("featurize.formant_ceiling_hz", 4500.0, r"`featurize\.formant_ceiling_hz` is 4500\.0; allowed: .* 5000"),
        ("featurize.formant_ceiling_hz", 5499.9, r"formant_ceiling_hz` is 5499\.9; allowed: a multiple of 50$"),
        ("featurize.pre_emphasis", 1.0, r"`featurize\.pre_emphasis` is 1\.0; allowed: less than 1"),
        ("evaluate.confidence", 95, r"`evaluate\.confidence` is 95; allowed: less than 1"),
        (
            "evaluate.bootstrap_samples",
            10,
            r"`evaluate\.bootstrap_samples` is 10; allowed: greater than or equal to 100",
        ),
        (
            "tfdf.balance",
            "both",
            r"`tfdf\.balance` is 'both'; allowed: 'none', 'class_weight', 'undersample' or 'overs",
        ),
        (
            "tfdf.algorithm",
            "forest",
            r"`tfdf\.algorithm` is 'forest'; allowed: 'gradient_boosted_trees' or 'random_forest'$",
        ),
        ("tfdf.num_trees", 3_000_000_000, r"`tfdf\.num_trees` is 3000000000; allowed: less than or equal to 100000$"),
        ("tfdf.max_depth", 3_000_000_000, r"`tfdf\.max_depth` is 3000000000; allowed: less than or equal to 1000$"),
        ("tfdf.patience", 3_000_000_000, r"`tfdf\.patience` is 3000000000; allowed: less than or equal to 1000000$"),
        ("train.batch_size", 10**22, r"`train\.batch_size` is 10{22}; allowed: less than or equal to 1000000$"),
        ("train.patience", 3_000_000_000, r"`train\.patience` is 3000000000; allowed: less than or equal to 1000000$"),
        ("net.common.threads", 1_000_000, r"`net\.common\.threads` is 1000000; allowed: less than or equal to 256$"),
        (
            "net.common.batch_size",
            10**22,
            r"batch_size` is 10{22}; allowed: less than or equal to 1000000$",
        ),
        ("compute.workers", 0, r"`compute\.workers` is 0; allowed: greater than or equal to 1"),
        ("compute.backend", "spark", r"`compute\.backend` is 'spark'; allowed: 'loky', 'dask' or 'ray'$"),
        ("compute.scheduler", 8786, r"`compute\.scheduler` is 8786; allowed: a valid string$"),
    ],
)
def test_rules_of_the_sections(key, value, message):
    kinds = {"featurize": FeaturizeParams, "evaluate": EvaluateParams, "tfdf": tfdf.Params, "compute": ComputeParams}
    kinds |= {"train": softmax.Params, "net.common": Training}
    section, _, name = key.rpartition(".")
    loaded = params.load(ROOT / "params.yaml")
    reduce(getitem, section.split("."), loaded)[name] = value
    with pytest.raises(ParameterError, match=message):
        params.get(loaded, section, kinds[section])
