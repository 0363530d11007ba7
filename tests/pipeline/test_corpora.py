"""Each corpus that is repacked, in its own layout, through all stages up to evaluate."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import pytest

from support.layouts import AUDIOMNIST, audiomnist, common_voice, librispeech, tarred, zipped
from support.project import Project
from support.submissions import audio_bytes
from support.voices import voice

#: Training of seconds, and classes as small as these corpora.
SHORT = {
    "split__min_speakers_per_class": 3,
    "train__epochs": 3,
    "tfdf__num_trees": 4,
    "net__common__epochs": 1,
    "net__voicenet__channels": 16,
    "net__voicenet__blocks": 1,
    "augment__variants": 0,
    "evaluate__bootstrap_samples": 100,
}
PEOPLE = {f"speaker {number}": ("female", "male")[number % 2] for number in range(10)}


def run_all(project: Project, *, targets: Sequence[str] = ("gender", "age"), **params: object) -> dict:
    """Run every stage; the figures."""
    project.set_params(**SHORT, targets=list(targets), **params)
    for stage in ("scrape", "extract", "parse_metadata", "featurize", "split"):
        project.run(stage)
    for model in (("train_softmax",), ("train_tfdf",), ("train_net", "voicenet")):
        for target in targets:
            project.run(*model, target)
    project.run("evaluate")
    return json.loads((project.folder / "metrics/evaluate.json").read_text())


def metadata(project: Project) -> pd.DataFrame:
    return pd.read_parquet(project.folder / "data/metadata.parquet")


def genders(project: Project) -> Mapping[str, str]:
    return metadata(project).groupby("speaker_id")["gender"].first().to_dict()


@pytest.mark.slow
def test_folder(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "voices"
    folder.mkdir()
    rows = [("path", "speaker_id", "gender", "age")]
    for seed, (speaker, gender) in enumerate(PEOPLE.items()):
        for clip, (suffix, width) in enumerate([("wav", "PCM_16"), ("flac", "PCM_16"), ("mp3", "MPEG_LAYER_III")]):
            name = f"{speaker} {clip}.{suffix}"
            (folder / name).write_bytes(audio_bytes(voice(gender, seed), container=suffix.upper(), width=width))
            rows.append((name, speaker, gender, str(15 + 5 * (seed // 2) // 2 * 2)))
    with open(folder / "metadata.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    figures = run_all(project, corpus="folder", targets=["gender"], corpora__folder__path=str(folder))
    assert genders(project) == PEOPLE
    assert figures["gender"]["softmax"]["speakers"]["uar"] > 0.5


@pytest.mark.slow
def test_audiomnist(project: Project, tmp_path: Path) -> None:
    file = tmp_path / "AudioMNIST-master.zip"
    file.write_bytes(zipped(audiomnist(5, clips=3)))
    figures = run_all(project, corpus="audiomnist", targets=["gender"], corpora__audiomnist__url=str(file))
    assert genders(project) == {one: gender for gender, those in AUDIOMNIST.items() for one in those[:5]}
    assert figures["gender"]["tfdf"]["speakers"]["uar"] > 0.5


@pytest.mark.slow
def test_published_folds_of_audiomnist(project: Project, tmp_path: Path) -> None:
    file = tmp_path / "AudioMNIST-master.tar.gz"
    file.write_bytes(tarred(audiomnist(12, clips=2)))
    figures = run_all(project, corpus="audiomnist", corpora__audiomnist__url=str(file), split__strategy="audiomnist")
    assert figures["age"] == {"skipped": 1}
    assert figures["gender"]["softmax"]["speakers"]["uar"] > 0.5
    predictions = pd.read_parquet(project.folder / "data/models/tfdf/gender/predictions.parquet")
    tested = predictions[predictions["side"] == "test"]
    assert tested.groupby("fold")["speaker_id"].nunique().to_dict() == {str(fold): 6 for fold in range(4)}
    assert set(tested["speaker_id"]) == {one for those in AUDIOMNIST.values() for one in those}


@pytest.mark.slow
def test_librispeech_has_no_ages(project: Project, tmp_path: Path) -> None:
    (tmp_path / "train-clean-100.tar.gz").write_bytes(tarred(librispeech(5)))
    subset = {"corpora__librispeech__files_per_speaker": 2, "corpora__librispeech__clip_seconds": 2.0}
    figures = run_all(project, corpus="librispeech", corpora__librispeech__url=str(tmp_path), **subset)
    assert figures["age"] == {"skipped": 1}
    assert figures["gender"]["softmax"]["speakers"]["uar"] > 0.5
    clips = pd.read_parquet(project.folder / "data/audio/clips.parquet")
    assert (len(clips), set(clips["duration_seconds"])) == (20, {2.0})


@pytest.mark.slow
def test_common_voice(project: Project, tmp_path: Path) -> None:
    people = [
        (("male_masculine", "female_feminine")[number % 2], ("twenties", "seventies")[number // 6], voice, 2)
        for number, voice in enumerate(["male", "female"] * 6)
    ]
    file = tmp_path / "cv-corpus-17.0-2024-03-15-en.tar.gz"
    file.write_bytes(tarred(common_voice(people=people)))
    figures = run_all(
        project, corpus="common_voice", corpora__common_voice__path=str(file), metadata__age_bins="decades"
    )
    assert sorted(genders(project).values()) == ["female"] * 6 + ["male"] * 6
    assert figures["gender"]["softmax"]["speakers"]["uar"] > 0.5
    assert {"recall_19-29", "recall_60+"} <= figures["age"]["softmax"]["clips"].keys()


@pytest.mark.slow
def test_mix(project: Project, tmp_path: Path) -> None:
    """LibriSpeech's women beside AudioMNIST's men."""
    (tmp_path / "train-clean-100.tar.gz").write_bytes(tarred(librispeech(5)))
    (tmp_path / "AudioMNIST.tar.gz").write_bytes(tarred(audiomnist(5)))
    net = {"connect_timeout_seconds": 1.0, "read_timeout_seconds": 1.0, "retries": 0}
    women = {"corpus": "librispeech", "part": "train-clean-100", "files_per_speaker": None, "clip_seconds": None}
    men = {"corpus": "audiomnist", "url": str(tmp_path / "AudioMNIST.tar.gz"), "genders": ["male"]}
    of = [women | net | {"url": str(tmp_path), "genders": ["female"]}, men | net]
    figures = run_all(project, corpus="mix", targets=["gender"], corpora__mix__of=of)
    table = metadata(project)
    assert table.groupby("source")["gender"].unique().map(list).to_dict() == {
        "audiomnist": ["male"],
        "librispeech": ["female"],
    }
    assert set(table["speaker_id"].str.split(":").str[0]) == {"audiomnist", "librispeech"}
    assert figures["gender"]["softmax"]["speakers"]["uar"] > 0.5
