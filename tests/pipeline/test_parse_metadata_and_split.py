"""The two stages as scripts: what they read and write, the same bytes each time, what they print."""

import json
import os
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from support.readmes import Readme
from voicetraits.files import write_parquet
from voicetraits.metadata import SCHEMA

OUTPUTS = ("data/metadata.parquet", "data/review.csv", "metrics/metadata.json", "data/splits.csv", "metrics/split.json")
TEXTS = ("readme", "prompts", "prompts_original", "licence")


@pytest.fixture
def extracted(project):
    """A project in which 24 speakers have been extracted: half of them women, one a senior, one unreadable."""
    submissions, clips = [], []
    for number in range(24):
        archive = f"user{number}-20080101-abc"
        readme = Readme(
            user_name=f"user{number}",
            gender="Femmina" if number % 2 else "Maschio",
            age="> 75" if number == 3 else "gibberish" if number == 4 else "13 - 17" if number < 12 else "Adulto",
        )
        submissions.append(
            {
                "archive": archive,
                "readme": readme.render(),
                "prompts": None,
                "prompts_original": b"a1 Hello.\na2 You.\na3 There.\n",
                "licence": b"GPL",
                "clips": 2,
                "audio_members": ["a1", "a2"],
            }
        )
        clips += [(f"{archive}/{name}", archive, f"sha256 {archive} {name}", 3.0, 16000) for name in ("a1", "a2")]
    columns = ["utterance_id", "archive", "audio_sha256", "duration_seconds", "original_sample_rate_hz"]
    schema = pa.schema(
        {
            "archive": pa.string(),
            **dict.fromkeys(TEXTS, pa.binary()),
            "clips": pa.int64(),
            "audio_members": pa.list_(pa.string()),
        }
    )
    audio = project.folder / "data/audio"
    write_parquet(pa.Table.from_pylist(submissions, schema=schema), audio / "submissions.parquet")
    write_parquet(pd.DataFrame(clips, columns=columns), audio / "clips.parquet")
    return project


def test_both_stages(extracted):
    parsed = extracted.run("parse_metadata")
    split = extracted.run("split")
    assert (parsed.stdout, parsed.stderr, split.stderr) == ("", "", "")
    assert split.stdout == (
        "split: age: class senior is left out: it has 1 of the 5 speakers that split.min_speakers_per_class asks for\n"
    )
    metadata = pd.read_parquet(extracted.folder / "data/metadata.parquet")
    assert metadata.columns.to_list() == SCHEMA.names
    assert len(metadata) == 48
    assert metadata["transcript"].to_list()[:2] == ["Hello.", "You."]
    assert set(metadata["corpus"]) == set(metadata["source"]) == {"demo"}
    review = (extracted.folder / "data/review.csv").read_text()
    assert review == "archive,field,raw,problem\nuser4-20080101-abc,age,gibberish,no rule reads it\n"
    metrics = json.loads((extracted.folder / "metrics/metadata.json").read_text())
    assert metrics["age"]["unreadable"] == 1
    assert metrics["prompts"] == {"in": 72, "without_audio": 24, "audio_set_aside": 0}
    splits = pd.read_csv(extracted.folder / "data/splits.csv")
    assert splits.groupby("target")["side"].value_counts().to_dict() == {
        ("gender", "train"): 14, ("gender", "val"): 4, ("gender", "test"): 6,
        ("age", "train"): 13, ("age", "val"): 4, ("age", "test"): 5, ("age", "none"): 2,
    }  # fmt: skip
    counts = json.loads((extracted.folder / "metrics/split.json").read_text())
    assert counts["gender"]["test"]["female"]["speakers"] == 3
    assert counts["age"]["none"]["senior"] == {"speakers": 1, "clips": 2, "hours": pytest.approx(6 / 3600, abs=1e-6)}


def test_a_second_run_writes_the_same_bytes_into_new_files(extracted):
    """A file in the workspace may be a hard link of DVC's cache: nothing may be written through it."""
    for stage in ("parse_metadata", "split"):
        extracted.run(stage)
    before = {output: (extracted.folder / output).read_bytes() for output in OUTPUTS}
    for output in OUTPUTS:
        os.link(extracted.folder / output, extracted.folder / f"link of {Path(output).name}")
    extracted.set_params(seed=2)
    for stage in ("parse_metadata", "split"):
        extracted.run(stage)
    for output in OUTPUTS:
        assert (extracted.folder / f"link of {Path(output).name}").read_bytes() == before[output]
        assert ((extracted.folder / output).read_bytes() == before[output]) == (output != "data/splits.csv")


def test_what_cannot_be_done_is_one_line(extracted):
    extracted.run("parse_metadata")
    extracted.set_params(metadata__youth_below_years=70, targets=["sex"])
    for stage, message in (
        ("parse_metadata", "parse_metadata: params.yaml: `metadata.senior_from_years` is 65; allowed: more than"),
        ("split", "split: params.yaml: `targets.0` is 'sex'; allowed: 'gender' or 'age'\n"),
    ):
        done = extracted.run(stage, check=False)
        assert done.returncode == 1
        assert done.stderr.startswith(message)
        assert done.stderr.count("\n") == 1


def test_missing_inputs_are_one_line(project):
    for stage, file in (("parse_metadata", "data/audio/submissions.parquet"), ("split", "data/metadata.parquet")):
        done = project.run(stage, check=False)
        assert done.returncode == 1
        assert done.stderr == f"{stage}: {file} is missing; `dvc repro` makes what stages write\n"
