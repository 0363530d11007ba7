"""Where predict.py writes files, and what it leaves alone: all that is wrong is said before the first sound."""

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from support.saved_models import save_softmax
from support.sounds import RATE_HZ, glide
from voicetraits.corpora import demo
from voicetraits.errors import DataError
from voicetraits.inference import places, recording
from voicetraits.inference.command import Wanted, answer
from voicetraits.inference.places import places_of, require_free
from voicetraits.inference.predictor import Predictor
from voicetraits.inference.printing import Format

#: Of the options that name files.
NOTHING = dict.fromkeys(("textgrid", "labels", "plot", "record", "save"))
SRC = Path(demo.__file__).parents[2]
#: Hears one sine; see `recording`.
DEVICE = """
import numpy as np

class PortAudioError(Exception):
    pass

class InputStream:
    def __init__(self, **options):
        pass
    def __enter__(self):
        return self
    def __exit__(self, *_):
        pass
    def read(self, frames):
        return np.rint(8000 * np.sin(np.arange(frames) / 10)).astype(np.int16)[:, None], False
"""


@pytest.fixture
def folder(tmp_path):
    """A model, `a/x.wav` and `b/x.wav`, which is longer."""
    save_softmax(tmp_path / "models")
    for name, seconds in (("a", 1.0), ("b", 2.0)):
        (tmp_path / name).mkdir()
        soundfile.write(tmp_path / name / "x.wav", glide(110, 190, seconds), RATE_HZ)
    return tmp_path


def predict(folder, *arguments, code="", **environment):
    """Run it, with some code before that."""
    code = f"import sys, predict; from voicetraits import stage\n{code}\nstage.run(predict.main)"
    return subprocess.run(
        [sys.executable, "-c", code, "--model", "models", *arguments],
        cwd=folder, env={**os.environ, "PYTHONPATH": f"{SRC}:{folder}", **environment}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def test_files_have_the_names_of_sounds_or_lie_as_they_do(tmp_path):
    out = tmp_path / "out"
    assert places_of(out, ".png", ["a/x.wav"]) == {"a/x.wav": out}
    assert places_of(out, ".png", ["a/x.wav", "-"]) == {"a/x.wav": out / "x.png", "-": out / "-.png"}
    sounds = ["a/x.wav", "a/b/../b/x.wav", str(Path("a/y.1.wav").absolute())]
    assert [str(path.relative_to(out)) for path in places_of(out, ".png", sounds).values()] == [
        "x.png", "b/x.png", "y.1.png",
    ]  # fmt: skip
    out.mkdir()
    assert places_of(out, ".png", ["a/x.wav"]) == {"a/x.wav": out / "x.png"}


def test_two_sounds_of_one_name_have_files_of_their_own(folder):
    done = predict(folder, "a", "b", "--textgrid", "out", "--labels", "out")
    assert (done.returncode, done.stderr) == (0, "")
    written = sorted(str(path.relative_to(folder / "out")) for path in (folder / "out").rglob("*.*"))
    assert written == ["a/x.TextGrid", "a/x.txt", "b/x.TextGrid", "b/x.txt"]
    assert [(folder / f"out/{name}/x.TextGrid").read_text().splitlines()[4] for name in "ab"] == [
        "1.000000",
        "2.000000",
    ]


def test_what_would_destroy_anything_is_refused_before_the_first_sound(folder, monkeypatch, capsys):
    os.mkfifo(folder / "fifo")
    (folder / "plain").write_text("plain")
    (folder / "link").symlink_to("plain")
    (folder / "nowhere").symlink_to("none")
    (folder / "a/x.flac").write_text("")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(recording, "record", lambda *_: pytest.fail("it records"))
    predictor = Predictor("models")
    monkeypatch.setattr(Predictor, "__call__", lambda *_, **options: pytest.fail("it listens"))
    one, two = ["a/x.wav"], ["a/x.wav", "b/x.wav"]
    for sounds, options, said in (
        (one, {"labels": "fifo"}, "--labels: fifo is no plain file; "),
        (one, {"plot": "link"}, "--plot: link is a link; "),
        (one, {"textgrid": "nowhere"}, "--textgrid: nowhere is a link; "),
        (two, {"textgrid": "plain"}, f"plain/a/x.TextGrid cannot be written, since {folder}/plain is no folder; "),
        (two, {"textgrid": "nowhere"}, f"cannot be written, since {folder}/nowhere is no folder; "),
        (one, {"labels": "plain/deeper/x.txt"}, f"cannot be written, since {folder}/plain is no folder; "),
        (one, {"labels": "a/../a/x.wav"}, "--labels: a/../a/x.wav is one of the sounds; "),
        (one, {"plot": "b/x.wav"}, "--plot: b/x.wav is a sound file, which would be lost; "),
        (one, {"textgrid": "b/x.wav"}, "--textgrid: b/x.wav is a sound file, which would be lost; "),
        (one, {"labels": "out", "plot": "out"}, ": out would be written twice, "),
        (one, {"labels": "out/x.txt", "plot": "out"}, "/out/x.txt cannot be written, since its folder would be a file"),
        (["a/x.wav", "a/x.flac"], {"plot": "out"}, "--plot: out/x.png would be written twice, "),
        ([], {"record": 1.0, "save": "a"}, "--save: a is a folder; "),
        ([], {"record": 1.0, "save": "fifo"}, "--save: fifo is no plain file; "),
        ([], {"record": 1.0, "save": "x.wav", "labels": "link"}, "--labels: link is a link; "),
    ):
        outs = {name: value if name == "record" else Path(value) for name, value in options.items()}
        wanted = Wanted(Format.CSV, segments=False, explain=False, **(NOTHING | outs))
        with pytest.raises(DataError, match=re.escape(said)):
            answer(predictor, sounds, wanted)
    assert capsys.readouterr().out == ""
    assert stat.S_ISFIFO((folder / "fifo").stat().st_mode)
    assert (folder / "link").is_symlink() and (folder / "plain").read_text() == "plain"
    assert not (folder / "out").exists()


def test_that_is_one_line(folder):
    (folder / "plain").write_text("plain")
    done = predict(folder, "a", "b", "--labels", "plain", "--format", "json")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("-c: --labels: plain/a/x.txt cannot be written") and "dvc" not in done.stderr


def test_a_folder_that_takes_no_file_is_refused(tmp_path, monkeypatch):
    def refuse(dir):
        raise PermissionError(13, "Permission denied", str(dir))

    monkeypatch.setattr(places.tempfile, "TemporaryFile", refuse)
    with pytest.raises(
        DataError, match=r"^--plot: \S+/new/x.png cannot be written \(Permission denied\); name another"
    ):
        require_free({"--plot": [tmp_path / "new/x.png"]}, [])
    assert not (tmp_path / "new").exists()


def test_what_is_named_to_be_read_may_be_a_folder_to_write_to(tmp_path):
    require_free(
        {"--plot": [tmp_path / "x.png", tmp_path / "new/x.png"], "--labels": [tmp_path / "x.txt"]}, [str(tmp_path)]
    )
    assert list(tmp_path.iterdir()) == []


def test_a_plain_file_is_replaced(folder):
    (folder / "x.txt").write_text("before")
    assert predict(folder, "a/x.wav", "--labels", "x.txt").returncode == 0
    assert (folder / "x.txt").read_text().startswith("0.000000\t")


def test_a_file_that_cannot_be_written_is_a_line_and_the_others_are_done(folder):
    """Its name is too long for the one that it has while it is written."""
    long = "x" * 240
    (folder / f"a/{long}.wav").write_bytes((folder / "a/x.wav").read_bytes())
    done = predict(folder, "a", "--labels", "out", "--format", "json")
    assert done.returncode == 1
    assert done.stderr == f"-c: out/{long}.txt is not written (File name too long)\n"
    assert len(json.loads(done.stdout)) == 2
    assert [path.name for path in (folder / "out").iterdir()] == ["x.txt"]


def test_json_is_closed_whatever_ends_it(folder):
    code = (
        "from voicetraits.errors import ModelError; from voicetraits.inference import predictor\n"
        "known = predictor.Predictor.__call__\n"
        "def fails(self, sound, **options):\n"
        "    if sound.startswith('b'): raise ModelError('no detector')\n"
        "    return known(self, sound, **options)\n"
        "predictor.Predictor.__call__ = fails"
    )
    done = predict(folder, "a", "b", "--format", "json", code=code)
    assert (done.returncode, done.stderr) == (1, "-c: no detector\n")
    assert [one["path"] for one in json.loads(done.stdout)] == ["a/x.wav"]


def test_a_recording_is_kept_and_answered(folder):
    (folder / "sounddevice.py").write_text(DEVICE)
    done = predict(folder, "--record", "1.5", "--save", "new/kept.wav", "--labels", "new/x.txt", "--format", "json")
    assert done.returncode == 0, done.stderr
    (answered,) = json.loads(done.stdout)
    assert (answered["path"], answered["duration_seconds"]) == ("microphone", 1.5)
    said = done.stderr.splitlines()
    assert (said[0], said[-1].rstrip()) == ("speak now", "thank you") and done.stderr.count("[####") == 15
    kept, rate_hz = soundfile.read(folder / "new/kept.wav", dtype="int16")
    assert (len(kept), rate_hz) == (1.5 * RATE_HZ, RATE_HZ) and abs(kept).max() > 7000
    from_file = json.loads(predict(folder, "new/kept.wav", "--format", "json").stdout)[0]
    assert from_file["answers"] == answered["answers"]


def test_a_recording_that_cannot_be_kept_is_answered(folder):
    (folder / "sounddevice.py").write_text(DEVICE)
    name = f"{'x' * 240}.wav"
    done = predict(folder, "--record", "1", "--save", name, "--format", "json")
    assert done.returncode == 1 and f"{name} is not written (File name too long)" in done.stderr
    assert len(json.loads(done.stdout)) == 1


def test_nothing_is_kept_without_a_recording(folder):
    done = predict(folder, "a/x.wav", "--save", "x.wav")
    assert (done.returncode, done.stdout) == (2, "") and "--save keeps what --record hears" in done.stderr
    assert not (folder / "x.wav").exists()
