"""The model card: figures are the run's, licences those of the clips heard; an older run's are refused."""

import hashlib
import re
import tarfile
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import yaml

from support.packaged import MODELS, small_project
from support.project import ROOT
from support.saved_models import save_softmax
from voicetraits.calibration import Calibration
from voicetraits.corpora import audiomnist, common_voice, demo, folder, librispeech
from voicetraits.errors import DataError
from voicetraits.inference.loading import identity_of
from voicetraits.models import saved
from voicetraits.run_lock import check_current, md5_of
from voicetraits.shipping.card import card, notice
from voicetraits.shipping.contents import models_in
from voicetraits.shipping.evidence import Evidence, gather
from voicetraits.shipping.licences import licence_of, meanings

GPL = "These files are free software under the terms of the GNU General Public License, version 3"
HEADINGS = [
    "Model details", "Intended use", "What it must not be used for", "Training data", "Speakers by group", "Metrics",
    "Results", "Results by group", "Calibration", "When it does not answer", "Other conditions", "Limits",
    "Ethical considerations", "Licences", "How to report a problem",
]  # fmt: skip


def clips(corpus: str, licence: str | None, speakers: dict[str, str | None]) -> pd.DataFrame:
    """Two clips of each speaker, whose gender is given."""
    rows = [
        {"utterance_id": f"{name}/{k}", "speaker_id": name, "corpus": corpus, "source": corpus, "gender": gender,
         "age_group": "adult", "language": None, "licence": licence}
        for name, gender in speakers.items()
        for k in range(2)
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture
def evidence(tmp_path) -> dict[str, Evidence]:
    """Of a softmax regression for gender, with figures that nothing else has."""
    model = save_softmax(tmp_path)
    config = saved.load(model).config
    scores = [
        ("softmax", "clips", "uar", 0.9123, 0.8, 0.95), ("softmax", "clips", "recall_female", 0.8765, 0.7, 0.9),
        ("softmax", "clips", "recall_male", 0.9481, 0.9, 1.0), ("softmax", "clips", "ece_raw", 0.0711, 0.05, 0.09),
        ("softmax", "clips", "coverage", 0.6543, 0.5, 0.7), ("majority", "clips", "uar", 0.5, 0.5, 0.5),
        ("tfdf", "clips", "uar", 0.7777, 0.7, 0.8),
    ]  # fmt: skip
    slices = [
        ("softmax", "gender", "female", "female", 3, 6, 0.8642, 0.6, 1.0, ""),
        ("softmax", "age_group", "senior", "", 1, 2, None, None, None, "fewer than 5 speakers of each class"),
        ("tfdf", "gender", "female", "female", 3, 6, 0.7532, 0.6, 1.0, ""),
    ]
    stress = [("noise_0db", "clips", "uar", 0.5432, 0.5, 0.6), ("noise_0db", "clips", "ece", 0.3211, 0.2, 0.4)]
    columns = ["value", "low", "high"]
    return {
        "gender": Evidence(
            config=config,
            calibration=Calibration(method="lapse", threshold=0.8931, wanted_error=0.05, speakers=17),
            identity=identity_of(model, config),
            bytes_on_disk=12_300,
            scores=pd.DataFrame(scores, columns=["model", "unit", "score", *columns]),
            slices=pd.DataFrame(
                slices,
                columns=["model", "slice", "part", "classes", "speakers", "clips", "uar", "low", "high", "note"],
            ),
            stress=pd.DataFrame(stress, columns=["condition", "unit", "score", *columns]),
            learnt=clips("demo", demo.LICENCE, {"a": "female", "b": "male", "c": None}),
            validated=clips("demo", demo.LICENCE, {"d": "male"}),
            tested=clips("demo", demo.LICENCE, {"e": "female"}),
            folds=1,
            confidence=0.9,
        )
    }


def sections(page: str) -> dict[str, str]:
    titles = re.findall(r"(?m)^## (.+)$", page)
    return dict(zip(titles, re.split(r"(?m)^## .+$", page)[1:], strict=True))


def test_it_has_all_headings_and_the_figures_of_this_model_alone(evidence):
    page = card(evidence)
    told = sections(page)
    assert list(told) == HEADINGS
    assert all(text.strip() for text in told.values())
    assert "0.912 (0.800–0.950)" in told["Results"] and "0.500 (0.500–0.500)" in told["Results"]
    assert "| female | 0.876 (0.700–0.900) |" in told["Results"]
    assert "| gender | female | female | 3 | 6 | 0.864 (0.600–1.000) |" in told["Results by group"]
    assert "| age group | senior |  | 1 | 2 | fewer than 5 speakers of each class |" in told["Results by group"]
    assert "0.777" not in page and "0.753" not in page  # the forest's
    assert "| gender | lapse | 17 | 0.071 (0.050–0.090) |" in told["Calibration"]
    assert "| gender | 0.893 | 5 % | 0.654 (0.500–0.700) |" in told["When it does not answer"]
    assert "| `noise_0db` | 0.543 (0.500–0.600) | 0.321 (0.200–0.400) |" in told["Other conditions"]
    assert "90 % intervals" in told["Metrics"]
    assert "`female` is found least often, in 88 % of its test clips" in told["Limits"]
    assert "nan" not in page.lower().replace("finance", "")


def test_speakers_are_counted_by_group(evidence):
    told = sections(card(evidence))
    assert "| gender | female | 1 | 2 | 1 | 2 |" in told["Speakers by group"]
    assert "| gender | not stated | 1 | 2 | 0 | 0 |" in told["Speakers by group"]
    assert "`demo` (3 speakers, 6 clips); 1 other speaker stopped" in told["Training data"]


def test_it_says_that_synthetic_voices_say_nothing_about_people(evidence):
    one = evidence["gender"]
    assert "say nothing about people" in card(evidence).split("## ")[0]
    people = clips("voxforge", GPL, {"a": "female", "b": "male", "c": "male"})
    assert "ynthetic" not in card({"gender": replace(one, learnt=people, validated=people)})
    half = pd.concat([people, one.learnt])
    assert "**Up to 50 % of the training clips are synthetic**" in card({"gender": replace(one, learnt=half)})


def test_minors_are_spoken_of_where_age_is(evidence):
    assert "minor" not in card(evidence)
    assert "Deciding who is a minor" in card({**evidence, "age": evidence["gender"]})


def test_what_was_not_measured_is_said(evidence):
    one = evidence["gender"]
    assert "Not measured" in sections(card({"gender": replace(one, stress=one.stress[:0])}))["Other conditions"]
    refusing = replace(one, calibration=replace(one.calibration, threshold=1.5))
    assert "none is answered" in sections(card({"gender": refusing}))["When it does not answer"]
    folds = sections(card({"gender": replace(one, folds=5)}))["Training data"]
    assert "5 sister models" in folds


@pytest.mark.parametrize(
    ("text", "data", "licence"),
    [
        (demo.LICENCE.format(part="one"), "demo", "none needed"),
        (librispeech.Layout.licence, "LibriSpeech", "CC BY 4.0"),
        (common_voice.Layout.licence, "Common Voice", "CC0 1.0"),
        (audiomnist.Layout.licence, "AudioMNIST", "MIT, "),
        (folder.Layout.licence, "your own recordings", "none stated"),
        (GPL, "VoxForge", "GNU General Public License"),
        ("GPL", "VoxForge", "GNU General Public License"),
        ("Audio of CMU AN4, repackaged in the VoxForge archive layout.", "AN4", "BSD-style"),
        ("Audio of speechocean762, repackaged in the VoxForge archive layout.", "speechocean762", "free for"),
    ],
)
def test_licences_are_known_by_their_texts(text, data, licence):
    found = licence_of(text)
    assert found.data == data and found.name.startswith(licence)


def test_the_archives_of_a_mirror_have_licences_that_are_known(mirror):
    unknown = []
    for archive in sorted(mirror.glob("*.tgz"))[::40]:
        with tarfile.open(archive) as members:
            texts = [members.extractfile(one).read() for one in members if Path(one.name).name.startswith("LICENSE")]
        unknown += [archive.name for text in texts if licence_of(text.decode("utf-8", "replace")) is None]
    assert not unknown


def test_unknown_licences_and_none_are_said_to_be_unknown():
    told = meanings([GPL, GPL, "Ask my  lawyer.", None])
    assert told.splitlines()[0].startswith("- **VoxForge** (2 training clips)")
    assert told.splitlines()[1].startswith("- **Unknown** (2 training clips). Not recognised")
    assert "'Ask my lawyer.'" in told
    assert meanings([None]).endswith("There is no text.")


def test_each_clip_counts_once_with_those_that_stopped_the_training(evidence):
    told = notice({**evidence, "age": evidence["gender"]})
    assert "**demo** (8 training clips)" in told


@pytest.fixture
def lock(tmp_path) -> dict:
    """A run that wrote a file and a folder."""
    (tmp_path / "folder/b").mkdir(parents=True)
    (tmp_path / "folder/b/c").write_text("c")
    (tmp_path / "file").write_text("file")
    entry = f'[{{"md5": "{hashlib.md5(b"c").hexdigest()}", "relpath": "b/c"}}]'
    outs = [
        {"path": "file", "md5": hashlib.md5(b"file").hexdigest()},
        {"path": "folder", "md5": hashlib.md5(entry.encode()).hexdigest() + ".dir"},
    ]
    return {"stage": {"outs": outs}, "without": {}}


def test_outputs_must_be_those_of_the_run(tmp_path, lock):
    check_current(lock, tmp_path, ["file", "folder"])
    (tmp_path / "folder/b/c").write_text("d")
    with pytest.raises(DataError, match=r"^folder is not what dvc.lock says, .*; run `dvc repro`$"):
        check_current(lock, tmp_path, ["file", "folder"])
    with pytest.raises(DataError, match=r"^gone is missing; `dvc repro` makes it"):
        check_current(lock, tmp_path, ["gone"])


def test_a_target_that_the_run_has_made_must_be_there(tmp_path):
    project = small_project(tmp_path)
    for name in ("metrics", "data/metadata.parquet", "data/splits.csv"):
        (project / name).symlink_to(ROOT / name) if name == "metrics" else (project / name).touch()
    (project / "dvc.lock").unlink()
    outs = [f"metrics/plots/{name}.csv" for name in ("scores", "slices", "stress")]
    outs += ["data/metadata.parquet", "data/splits.csv", f"{MODELS}/gender", f"{MODELS}/third"]
    written = [{"path": path, "md5": md5_of(project / path) if (project / path).exists() else "0"} for path in outs]
    params = {"params.yaml": {"evaluate": {"confidence": 0.9}}}
    (project / "dvc.lock").write_text(yaml.safe_dump({"stages": {"evaluate": {"outs": written, "params": params}}}))
    models = models_in(project / MODELS)
    with pytest.raises(DataError, match=rf"^{MODELS}/third is missing; `dvc repro` makes it"):
        gather({"gender": models["gender"]}, project)


def test_digests_are_those_of_the_committed_run():
    lock = yaml.safe_load((ROOT / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    check_current(lock, ROOT, [f"metrics/plots/{name}.csv" for name in ("scores", "slices", "stress")])
