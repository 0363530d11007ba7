"""The command line: files, folders, globs and pipes in; a table, JSON, CSV, TextGrid and labels out; what fails."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import parselmouth
import pytest
import soundfile
from parselmouth.praat import call

from support.saved_models import save_softmax
from support.sounds import RATE_HZ
from voicetraits.corpora import demo
from voicetraits.inference.asked import expand

SRC = Path(demo.__file__).parents[2]
COLUMNS = [
    "path", "target", "label", "confidence", "p_youth", "p_adult", "p_senior", "p_female", "p_male", "refusal",
    "speech_share", "f0_median_hz", "model",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Models, `voices/a.wav` and `voices/deeper/b.flac`, a text file beside them, and one that is called .wav."""
    folder = tmp_path_factory.mktemp("predict")
    for target in ("gender", "age"):
        save_softmax(folder / "models/softmax", target)
    (folder / "voices/deeper").mkdir(parents=True)
    sound = [one for one in demo.plan(24, 1) if not one.faults]
    for one, name in zip(sound, ("a.wav", "deeper/b.flac"), strict=False):
        soundfile.write(folder / "voices" / name, np.asarray(demo.render_clip(one, 0, 1)), RATE_HZ)
    (folder / "voices/notes.txt").write_text("not audio")
    (folder / "bad.wav").write_text("not audio")
    return folder


def predict(folder, *arguments, data=None):
    return subprocess.run(
        [sys.executable, str(SRC / "predict.py"), *arguments, "--model", "models/softmax"],
        cwd=folder, input=data, capture_output=True, check=False,
    )  # fmt: skip


def test_a_model_is_found_by_its_name_from_any_folder(folder, tmp_path):
    (tmp_path / "project/data").mkdir(parents=True)
    (tmp_path / "project/src").symlink_to(SRC)
    (tmp_path / "project/data/models").symlink_to(folder / "models")
    command = [sys.executable, str(tmp_path / "project/src/predict.py"), "a.wav", "--format", "csv", "--model"]
    done = subprocess.run([*command, "softmax"], cwd=folder / "voices", capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {row["target"] for row in rows_of(done)} == {"gender", "age"}
    done = subprocess.run([*command, "none"], cwd=folder / "voices", capture_output=True, check=False, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        f"--model none is no folder, and no model in {tmp_path}/project/data/models; there are softmax" in done.stderr
    )


def rows_of(done):
    return list(csv.DictReader(io.StringIO(done.stdout.decode())))


def test_csv_has_these_columns_and_a_bad_file_is_a_row(folder):
    done = predict(folder, "bad.wav", "voices", "none.wav", "--format", "csv")
    assert done.returncode == 1
    assert done.stdout.decode().splitlines()[0].split(",") == COLUMNS
    rows = rows_of(done)
    assert [(row["path"], row["target"]) for row in rows] == [
        ("bad.wav", ""), ("voices/a.wav", "age"), ("voices/a.wav", "gender"), ("voices/deeper/b.flac", "age"),
        ("voices/deeper/b.flac", "gender"), ("none.wav", ""),
    ]  # fmt: skip
    assert rows[0]["refusal"].startswith("unreadable: ") and rows[-1]["refusal"].startswith("unreadable: ")
    for row in rows[1:-1]:
        stated = {name[2:]: float(row[name]) for name in COLUMNS[4:9] if row[name]}
        assert sum(stated.values()) == pytest.approx(1, abs=1e-5)
        assert set(stated) == ({"female", "male"} if row["target"] == "gender" else {"youth", "adult", "senior"})
        assert row["label"] == max(stated, key=stated.get) and float(row["confidence"]) == max(stated.values())
        assert re.fullmatch(r"softmax@[0-9a-f]{12}", row["model"])
    assert done.stderr == b""


def test_json_holds_what_csv_holds_and_more(folder):
    from_csv = rows_of(predict(folder, "voices/a.wav", "--format", "csv"))
    done = predict(folder, "voices/a.wav", "bad.wav", "--format", "json", "--segments")
    assert done.returncode == 1
    first, second = json.loads(done.stdout)
    assert second["path"] == "bad.wav" and second["error"].startswith("no sound that can be read")
    for row in from_csv:
        answer = first["answers"][row["target"]]
        assert answer["label"] == row["label"]
        assert answer["f0_median_hz"] == pytest.approx(float(row["f0_median_hz"]), abs=1e-5)
        assert first["segments"][row["target"]][-1]["end_seconds"] == first["duration_seconds"]


def test_a_table_for_people(folder):
    done = predict(folder, "voices")
    assert done.returncode == 0
    lines = done.stdout.decode().splitlines()
    assert len(lines) == 5 and lines[0].split()[:3] == ["sound", "target", "answer"]
    assert re.search(r"voices/a\.wav +gender +(male|female) +\d+% +\d+% +\d+ Hz +softmax@", lines[2])


def test_names_of_files_are_printed_as_they_are(folder, tmp_path):
    """No markup, and what is not UTF-8 is replaced."""
    names = [b"b[b]c.wav", b"q[/w].wav", b"s:smile:[/x].wav", b"t\xff.wav"]
    paths = [tmp_path / os.fsdecode(name) for name in names]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes((folder / "voices/a.wav").read_bytes())
    shown = [f"{tmp_path}/{name.decode('utf-8', 'replace')}" for name in names]
    done = predict(folder, str(tmp_path), "--explain", "--plot", str(tmp_path / "drawn"))
    assert (done.returncode, done.stderr) == (0, b"")
    printed = "".join(done.stdout.decode().split())  # long paths are folded
    for name in shown:
        assert printed.count(f"{name},gender:whatspeaksfor") == 1
        assert printed.count(name) == 4  # two answers, and why for each
    assert {path.stem for path in (tmp_path / "drawn").iterdir()} == {path.stem for path in paths}
    assert [row["path"] for row in rows_of(predict(folder, str(tmp_path), "--format", "csv"))][::2] == shown
    done = predict(folder, str(tmp_path), str(tmp_path / "none[/x].wav"), "--format", "json")
    assert [one["path"] for one in json.loads(done.stdout)] == [*shown, f"{tmp_path}/none[/x].wav"]
    assert b"(unreadable: there is no such file)" in predict(folder, "none[/x].wav").stdout


def test_a_pipe(folder):
    content = (folder / "voices/a.wav").read_bytes()
    done = predict(folder, "-", "--format", "csv", data=content)
    named = rows_of(predict(folder, "voices/a.wav", "--format", "csv"))
    assert [{**row, "path": "-"} for row in named] == rows_of(done)


def test_textgrid_is_read_by_praat_and_labels_say_the_same(folder, tmp_path):
    long = np.tile(soundfile.read(folder / "voices/a.wav")[0], 4)
    silence = np.zeros(10 * RATE_HZ)
    soundfile.write(tmp_path / "x.wav", np.concatenate([long, silence]), RATE_HZ)
    done = predict(
        folder, str(tmp_path / "x.wav"), "--textgrid", str(tmp_path / "x.TextGrid"), "--labels", str(tmp_path / "x.txt")
    )
    assert done.returncode == 0, done.stderr
    grid = parselmouth.read(str(tmp_path / "x.TextGrid"))
    assert call(grid, "Get number of tiers") == 2
    end = call(grid, "Get end time")
    assert end == pytest.approx((len(long) + len(silence)) / RATE_HZ, abs=1e-4)
    praats = []
    for tier in (1, 2):
        target = call(grid, "Get tier name", tier)
        for interval in range(1, call(grid, "Get number of intervals", tier) + 1):
            begin = call(grid, "Get start time of interval", tier, interval)
            praats.append((round(begin, 3), f"{target}: {call(grid, 'Get label of interval', tier, interval)}"))
    lines = [line.split("\t") for line in (tmp_path / "x.txt").read_text().splitlines()]
    assert sorted(praats) == sorted((round(float(begin), 3), text) for begin, _, text in lines)
    assert any(text.endswith("(no_speech)") for _, text in praats)


def test_explains_and_draws_each_of_several_sounds(folder, tmp_path):
    done = predict(folder, "voices", "--explain", "--plot", str(tmp_path), "--format", "json")
    assert done.returncode == 0, done.stderr
    for one in json.loads(done.stdout):
        moved = one["explanations"]["gender"]["features"]
        assert moved[0]["feature"] == "f0_median_hz"
        assert moved[0]["value"] == pytest.approx(one["answers"]["gender"]["f0_median_hz"])
    assert {path.name for path in tmp_path.iterdir()} == {"a.png", "b.png"}
    table = predict(folder, "voices/a.wav", "--explain").stdout.decode()
    assert re.search(r"f0_median_hz +\d+(\.\d)? Hz +165 Hz +\d+% +\+\d", table)
    assert "training speakers with less" in table


def test_what_no_model_can_explain_is_said_before_the_first_sound(folder, tmp_path):
    """A model without statistics of its training clips, as a net is."""
    code = (
        "import sys, predict; from voicetraits import stage; from voicetraits.inference import predictor;"
        "predictor.domain_of = lambda classifier: None; stage.run(predict.main)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "voices", "--explain", "--format", "json", "--model", "models/softmax"],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(SRC)}, capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"sees no features that could be named" in done.stderr and done.stderr.count(b"\n") == 1


@pytest.fixture(scope="module")
def truth(folder):
    """A table of four readable clips and one that is not; genders are known, and no age."""
    (folder / "params.yaml").write_text((SRC.parent / "params.yaml").read_text())
    shutil.copytree(folder / "voices", folder / "again")
    rows = [
        f"{name},s{number},{gender},"
        for number, (name, gender) in enumerate(
            [
                ("voices/a.wav", "Male"),
                ("again/a.wav", "Female"),
                ("voices/deeper/b.flac", "Male"),
                ("again/deeper/b.flac", "Female"),
            ]
        )
    ]
    (folder / "clips.csv").write_text("\n".join(["path,speaker_id,gender,age", *rows, "bad.wav,s4,Male,", ""]))
    return "clips.csv"


def test_a_target_without_labels_is_skipped_and_a_bad_file_is_said(folder, truth):
    done = predict(folder, "--truth", truth, "--format", "json")
    assert done.returncode == 1  # for the bad file
    scores = json.loads(done.stdout)
    assert set(scores) == {"gender"} and scores["gender"]["softmax"]["clips"]["uar"] == 0.5
    skipped, bad, *_ = done.stderr.decode().splitlines()
    assert skipped == "predict: age: skipped, since fewer than two classes are labelled"
    assert bad.startswith("predict: bad.wav: no sound that can be read")
    text = (folder / truth).read_text()
    (folder / "good.csv").write_text(text.replace("bad.wav,s4,Male,\n", ""))
    assert predict(folder, "--truth", "good.csv").returncode == 0


@pytest.mark.parametrize("options", [["voices"], ["--truth", "clips.csv"]])
def test_a_bar_is_shown_where_somebody_looks(folder, truth, options):
    ours, theirs = os.openpty()
    run = subprocess.Popen(
        [sys.executable, str(SRC / "predict.py"), *options, "--model", "models/softmax", "--format", "csv"],
        cwd=folder, env={**os.environ, "TERM": "xterm", "COLUMNS": "120"}, stdout=subprocess.PIPE, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    said = b""
    with open(ours, "rb", buffering=0) as terminal, suppress(OSError):  # an error, or nothing more, is its end
        while part := terminal.read(4096):
            said += part
    printed, _ = run.communicate()
    assert b"listening" in said and b"100%" in said
    assert b"listening" not in printed and len(printed.splitlines()) > 4


def test_scoring_takes_no_options_of_answering(folder, truth):
    for option in (["--segments"], ["--explain"], *([name, "out"] for name in ("--plot", "--textgrid", "--labels"))):
        done = predict(folder, "--truth", truth, *option)
        assert (done.returncode, done.stdout) == (2, b"") and b"--truth scores" in done.stderr


def test_a_microphone_that_is_not_there_is_one_line(folder):
    done = predict(folder, "--record", "1")
    assert done.returncode == 1 and done.stdout == b""
    assert len(done.stderr.decode().splitlines()) == 1 and done.stderr.startswith(b"predict: ")


def test_wrong_usage_is_said(folder):
    assert predict(folder).returncode == 2
    assert predict(folder, "voices", "--format", "xml").returncode == 2
    assert predict(folder, "voices", "--record", "1").returncode == 2
    assert predict(folder, "voices", "--explain", "--format", "csv").returncode == 2
    done = predict(folder, "voices", "--model", "elsewhere")  # the last one counts, so this one is not read
    assert done.returncode == 0
    done = subprocess.run(
        [sys.executable, str(SRC / "predict.py"), "voices", "--model", "elsewhere"], cwd=folder, capture_output=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.decode().startswith(
        f"predict: --model elsewhere is no folder, and no model in {SRC.parent}/data/models; "
    )
    assert len(done.stderr.splitlines()) == 1


def test_what_stands_for_no_sound_is_said(folder, tmp_path):
    done = predict(folder, str(tmp_path), "", "--format", "csv")
    assert done.returncode == 1
    empty, nameless = (row["refusal"] for row in rows_of(done))  # not all that lies in the current folder
    assert empty.startswith("unreadable: holds no sound files; ") and ".wav" in empty
    assert nameless.startswith("unreadable: an empty name; ")


def test_expand(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert list(expand(["voices"])) == ["voices/a.wav", "voices/deeper/b.flac"]
    assert list(expand(["voices/*.wav", "voices/a.wav"])) == ["voices/a.wav"]
    assert list(expand(["voices/**/*.flac", "-", "none", "voices/notes.txt"])) == [
        "voices/deeper/b.flac", "-", "none", "voices/notes.txt",
    ]  # fmt: skip
