"""Parts of the service and the page that need no server."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import yaml

from support.saved_models import save_softmax
from support.served import file_of, save_models, write_lock
from support.sounds import noise
from voicetraits.errors import DataError, ModelError, ParameterError
from voicetraits.inference.answers import Refusal
from voicetraits.run_lock import md5_of
from voicetraits.serving import fragments, page_inputs, pool, uploads, words
from voicetraits.serving.catalogue import default_of, models_in
from voicetraits.serving.drift import WINDOW, AnswerDrift, FeatureDrift
from voicetraits.serving.page_door import PageDoor
from voicetraits.serving.problems import STATUS, Kind, Problem
from voicetraits.serving.settings import Settings, is_loopback
from voicetraits.serving.sniffing import kind_of
from voicetraits.serving.tasks import Looked
from voicetraits.serving.training_set import UNKNOWN, TrainingSet, read_training_set

SRC = Path(words.__file__).parents[2]
TOKEN = "0123456789abcdef"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_this_machine_needs_no_token(host):
    assert is_loopback(host)
    Settings(Path("models"), host=host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "example.org", "localhost.example.org", ""])
def test_other_machines_need_one(host):
    assert not is_loopback(host)
    with pytest.raises(ParameterError, match="VOICETRAITS_TOKEN"):
        Settings(Path("models"), host=host)
    assert Settings(Path("models"), host=host, token=TOKEN).token == TOKEN


def test_a_token_that_can_be_guessed_is_none():
    with pytest.raises(ParameterError, match="has 6 characters"):
        Settings(Path("models"), token="secret")


@pytest.mark.parametrize("form", ["WAV", "FLAC", "OGG", "MP3", "AIFF", "AU", "CAF", "W64", "RF64", "NIST", "VOC"])
def test_what_is_decoded_is_told_by_its_first_bytes(form):
    content = file_of(noise(0.5), form)
    assert kind_of(content).upper() == {"NIST": "SPHERE"}.get(form, form)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"R",
        b"RIFF",
        b"RIFF\0\0\0\0AVI ",
        b"\xff",
        b"\xff\xfe\0h\0i",
        b"%PDF-1.7",
        b"\x89PNG\r\n",
        b"{}",
        b"\0" * 99,
    ],
)
def test_what_is_not_is_told_as_well(content):
    assert kind_of(content) is None


def test_features_like_the_training_clips_do_not_drift_and_shifted_ones_do_by_their_shift():
    rng = np.random.default_rng(1)
    still, moved = FeatureDrift(), FeatureDrift()
    for z in rng.standard_normal((400, 200)):
        still.add(z)
        moved.add(z + 0.5)
    assert still.value() < 0.03
    assert moved.value() == pytest.approx(0.5, abs=0.03)
    few = FeatureDrift()
    few.add(np.zeros(3))
    assert np.isnan(few.value())


def test_drift_forgets():
    drift = FeatureDrift()
    for value in [3.0] * 50 + [0.0] * WINDOW:
        drift.add(np.full(4, value))
    assert drift.value() == 0


def test_answers_drift_by_the_population_stability_index():
    same, other = (AnswerDrift({"a": 0.6, "b": 0.4}) for _ in range(2))
    for number in range(200):
        same.add("a" if number % 5 < 3 else "b")
        other.add("a" if number % 5 < 1 else "b")
    assert same.value() < 0.001
    p = np.array([40.5, 160.5]) / 201
    assert other.value() == pytest.approx(((p - [0.6, 0.4]) * np.log(p / [0.6, 0.4])).sum())
    assert other.value() > 0.25
    assert np.isnan(AnswerDrift({"a": 1.0}).value())


def test_which_models_there_are(tmp_path):
    models = models_in(save_models(tmp_path))
    assert list(models) == ["one", "other"]
    assert set(models["one"].configs) == {"gender", "age"}
    assert default_of(models) == "one" and default_of(models | {"tfdf": models["one"]}) == "tfdf"
    assert list(models_in(tmp_path / "one")) == ["softmax"]
    with pytest.raises(ModelError, match="holds no saved model"):
        models_in(tmp_path / "none")
    (save_softmax(tmp_path / "damaged") / "config.yaml").write_text("model: softmax\ntarget: gender\n")
    with pytest.raises(ModelError, match="damaged"):
        models_in(tmp_path)


@pytest.fixture
def learnt(tmp_path):
    """A project with models that learnt from the demo corpus."""
    models = save_models(tmp_path / "data/models")
    return tmp_path, models, write_lock(tmp_path, models, youth=16, senior=70)


def test_what_the_models_learnt_from(learnt, monkeypatch):
    project, models, _ = learnt
    read = read_training_set(models)
    assert read.is_synthetic and read.shares("gender") == {"female": 0.75, "male": 0.25} and read.shares("age") == {}
    assert words.labels_of(read)["adult"] == "adult (16 to 69)"
    told = words.trained_on(read)
    assert "3 speakers labelled female" in told and "never heard a person" in told
    assert read_training_set(models / "other") == read  # one kind of them
    monkeypatch.chdir(models / "one")
    assert read_training_set(Path("..")) == read
    (project / "elsewhere").symlink_to(models)
    assert read_training_set(project / "elsewhere") == UNKNOWN  # the lock tells of no output there


def test_models_of_another_run_have_learnt_from_what_is_not_known(learnt, tmp_path_factory, monkeypatch):
    project, models, lock = learnt
    monkeypatch.chdir(project)
    other = save_models(tmp_path_factory.mktemp("other"))
    assert read_training_set(other) == UNKNOWN  # whatever lies in the working directory
    config = models / "one/age/final/config.yaml"
    before = config.read_text()
    config.write_text(before + "\n")
    assert read_training_set(models) == UNKNOWN
    assert read_training_set(models / "other").corpus == "demo"
    config.write_text(before)
    assert read_training_set(models).corpus == "demo"
    lock["stages"]["parse_metadata"] |= {"outs": [{"path": "data/metadata.parquet", "md5": "cd"}]}
    (project / "dvc.lock").write_text(yaml.safe_dump(lock))
    assert read_training_set(models) == UNKNOWN  # the metadata are newer than the models
    told = words.trained_on(UNKNOWN)
    assert "not known" in told and words.labels_of(UNKNOWN) == {}


def test_counts_of_another_run_are_not_told(learnt):
    project, models, _ = learnt
    split = project / "metrics/split.json"
    split.write_text(split.read_text().replace("30", "31"))
    read = read_training_set(models)
    assert (read.corpus, read.clips, read.speakers, read.senior_from_years) == ("demo", {}, {}, 70)
    split.unlink()
    assert read_training_set(models) == read


def test_a_damaged_lock_is_told_of(learnt):
    project, models, lock = learnt
    split = project / "metrics/split.json"
    split.write_text("[")
    lock["stages"]["split"]["outs"][0]["md5"] = md5_of(split)
    (project / "dvc.lock").write_text(yaml.safe_dump(lock))
    with pytest.raises(DataError, match=r"split\.json is damaged"):
        read_training_set(models)
    for text in ("stages: [", "{}", "stages: {train: {outs: [{path: a}]}}"):
        (project / "dvc.lock").write_text(text)
        with pytest.raises(DataError, match=r"dvc\.lock is damaged"):
            read_training_set(models)


def test_everything_has_plain_words_and_a_status():
    for refusal in Refusal:
        assert words.refusal_of({"refusal": refusal})
    for kind in Kind:
        assert 400 <= STATUS[kind] < 600
        assert "why" in words.problem_of(Problem(kind, "why"))
    assert [words.seconds_of(one) for one in (3.04, 59.9, 60, 725.4)] == ["3.0 s", "59.9 s", "1:00", "12:05"]


def prediction(**changed):
    answer = {
        "target": "gender", "label": "male", "confidence": 0.9, "probabilities": {"female": 0.1, "male": 0.9},
        "refusal": None, "speech_share": 0.5, "f0_median_hz": 110.0,
    } | changed  # fmt: skip
    segments = [{"start_seconds": 10.0 * n, "end_seconds": 10.0 * n + 10, "answer": answer} for n in range(2)]
    return {"duration_seconds": 20.0, "answers": {"gender": answer}, "segments": {"gender": segments}}


LABELS = words.labels_of(TrainingSet("demo", {}, {}, 18, 65))
CLASSES = {"gender": ("female", "male")}


def test_answers_on_the_page():
    shown = fragments.answers(prediction(), CLASSES, name="<img src=x>.wav", model="tfdf", labels=LABELS)
    assert "male: 90% sure" in shown and "110 Hz" in shown and "<img" not in shown and "&lt;img" in shown
    assert shown.count("<tr>") == 3 and "remark" not in shown
    shown = fragments.answers(prediction(), CLASSES, name="x", model="tfdf", labels=LABELS, remark=words.SYNTHETIC)
    assert "has heard no people" in shown
    refused = prediction(label=None, confidence=None, probabilities=None, refusal=Refusal.NO_SPEECH, f0_median_hz=None)
    shown = fragments.answers(refused, CLASSES, name="x", model="tfdf", labels=LABELS)
    assert "No answer" in shown and "No voice was heard" in shown and "(no speech)" in shown and "pitch" not in shown
    assert "<script>" not in fragments.problem("<script>")


def test_what_there_is_to_see():
    explanation = {
        "target": "gender", "leans_to": "male",
        "features": [{
            "feature": "f0_median_hz", "unit": "Hz", "definition": "a <b>", "value": 110.0, "training_mean": 165.0,
            "share_below": 0.1, "contribution": 1.5,
        }],
    }  # fmt: skip
    shown = fragments.looks(Looked(b"png", 60.0, {"gender": explanation}, None), duration_seconds=60.0, labels=LABELS)
    assert "110 Hz" in shown and "for it, 1.50" in shown and "a &lt;b&gt;" in shown and "cG5n" in shown
    assert "of 60 s" not in shown and "<h2>The sound</h2>" in shown
    unexplained = Looked(b"png", 60.0, {}, "the cnn model sees no features")
    assert "where it listens" in fragments.looks(unexplained, duration_seconds=60.0, labels=LABELS)
    cut = fragments.looks(unexplained, duration_seconds=89.6, labels=LABELS)
    assert "<h2>The sound: the first 60 of 89.6 s</h2>" in cut
    assert cut.count("the first 60 of 89.6 s") == 3  # the heading, and what is read aloud of the picture and its frame


def test_age_groups_are_told_with_their_ages_where_these_are_known():
    answer = {"label": "senior", "probabilities": {"adult": 0.1, "senior": 0.9}}
    classes, plain = {"gender": ("adult", "senior")}, {"name": "x", "model": "tfdf"}
    known = fragments.answers(prediction(**answer), classes, labels=LABELS, **plain)
    assert "senior (65 and over): 90% sure" in known and "adult (18 to 64)" in known
    unknown = fragments.answers(prediction(**answer), classes, labels={}, **plain)
    assert "senior: 90% sure" in unknown and "(18" not in unknown and "65" not in unknown


def test_an_upload_is_read_once_and_leaves_nothing(tmp_path):
    upload = tmp_path / "digest" / "voice.wav"
    upload.parent.mkdir()
    upload.write_bytes(b"sound")
    assert uploads.take(upload, tmp_path) == b"sound"
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError):
        uploads.take(upload, tmp_path)


@pytest.fixture
def beside(tmp_path):
    """An upload folder, a secret beside it, and ways that lead from the one to the other."""
    folder, secret = tmp_path / "uploads", tmp_path / "secret.wav"
    (folder / "digest").mkdir(parents=True)
    (folder / "digest" / "voice.wav").write_bytes(b"sound")
    secret.write_bytes(b"secret")
    (folder / "link.wav").symlink_to(secret)
    (folder / "up").symlink_to(tmp_path)
    ways = [secret, folder / ".." / "secret.wav", folder / "link.wav", folder / "up" / "secret.wav", folder]
    return folder, [*ways, Path(os.path.relpath(secret)), folder / "digest"]


def test_the_page_takes_so_many_files_at_a_time_and_gradio_s_other_routes_are_closed():
    async def ask():
        may_end = asyncio.Event()

        async def app(scope, receive, send):
            if scope["path"].endswith("upload"):
                await may_end.wait()
            await send({"type": "http.response.start", "status": 200})

        async def status_of(path):
            told = []

            async def receive():
                return {"type": "http.request", "body": b"", "more_body": False}

            async def send(message):
                told.append(message)

            await door({"type": "http", "path": path}, receive, send)
            return told[0]["status"]

        door = PageDoor(app, uploads=2)
        uploading = [asyncio.create_task(status_of("/gradio_api/upload")) for _ in range(2)]
        await asyncio.sleep(0)
        busy = [await status_of(path) for path in ("/gradio_api/upload", "/gradio_api/upload/", "/v1/predict")]
        may_end.set()
        ended = await asyncio.gather(*uploading)
        closed = [
            await status_of(f"/gradio_api/{path}")
            for path in ("file=http://192.0.2.1/a", "proxy=x", "process_recording", "run-history/buckets", "//upload")
        ]
        return busy, [*ended, await status_of("/gradio_api/upload"), await status_of("/gradio_api/queue/join")], closed

    busy, free, closed = asyncio.run(ask())
    assert busy == [429, 429, 200] and set(free) == {200} and set(closed) == {404}


def test_only_uploads_are_read(beside):
    folder, ways = beside
    for way in ways:
        with pytest.raises(FileNotFoundError):
            uploads.take(way, folder)
        with pytest.raises(ValueError, match="no upload's"):
            page_inputs.check([None, {"value": [{"path": str(way)}]}], folder)
    assert (folder.parent / "secret.wav").read_bytes() == b"secret"
    inside = folder / "digest" / "voice.wav"
    page_inputs.check([{"path": str(inside), "meta": {"_type": "gradio.FileData"}}, "tfdf"], folder)
    page_inputs.check([{"path": str(folder / "digest" / "gone.wav")}, None], folder)
    for told in ({"path": str(inside), "is_stream": True}, {"path": ["/etc/hostname"]}):
        with pytest.raises(ValueError, match="no path of a file"):
            page_inputs.check([told], folder)
    with pytest.raises(ValueError, match="an address"):
        page_inputs.check([{"path": "http://192.0.2.1/voice.wav"}], folder)
    assert uploads.take(inside, folder) == b"sound"


def test_uploads_that_nobody_asks_about_go(tmp_path):
    for name, age in (("old/a.wav", 90), ("new/b.wav", 0)):
        path = tmp_path / name
        path.parent.mkdir()
        path.write_bytes(b"sound")
        os.utime(path, times=(time.time() - age,) * 2)
        os.utime(path.parent, times=(time.time() - age,) * 2)
    uploads.remove_old(tmp_path, 60)
    uploads.remove_old(tmp_path, 60)
    assert [path.name for path in tmp_path.rglob("*.wav")] == ["b.wav"]


def test_folders_of_servers_that_were_killed_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = tmp_path / f"voicetraits-uploads-{ended.pid}-abc"
    left.mkdir()
    (left / "a.wav").write_bytes(b"sound")
    alive = tmp_path / f"voicetraits-uploads-{os.getppid()}-abc"
    alive.mkdir()
    own = uploads.make_folder()
    assert not left.exists() and alive.exists() and own.stat().st_mode & 0o77 == 0


def test_predicting_by_hand_loads_nothing_of_the_service():
    script = (
        "import sys, predict; print([m for m in ('fastapi', 'gradio', 'uvicorn', 'starlette') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": str(SRC)}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


class Patient:
    """A worker whose task takes until it is told to end."""

    is_alive, process_id = True, 1

    def __init__(self, _: tuple) -> None:
        self.connection, self._ended = self, threading.Event()

    def wait_until_ready(self) -> None: ...

    def send(self, task: threading.Event) -> None:
        self._ended = task

    def poll(self, seconds: float) -> bool:
        return self._ended.wait(seconds)

    def recv(self) -> list:
        return []

    def stop(self) -> None: ...


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_long_sounds_leave_a_worker_to_short_ones(monkeypatch, workers):
    monkeypatch.setattr(pool, "_Worker", Patient)
    tasks = pool.Pool(workers, {}, "one", max_audio_seconds=1.0, work_seconds=20.0)
    endless, done = threading.Event(), threading.Event()
    done.set()
    with ThreadPoolExecutor(4) as threads:
        held = [threads.submit(tasks.run, endless, is_long=True) for _ in range(workers)]
        time.sleep(0.05)
        if workers > 1:
            assert tasks.run(done) == [], "one worker is free, though as many long sounds as workers are asked for"
        endless.set()
        assert [one.result() for one in held] == [[]] * workers
    assert tasks.run(done, is_long=True) == [], "what was held is free again"


def test_a_long_sound_that_finds_no_worker_in_time_is_told(monkeypatch):
    monkeypatch.setattr(pool, "_Worker", Patient)
    tasks = pool.Pool(2, {}, "one", max_audio_seconds=1.0, work_seconds=0.05)
    tasks._long_tasks.acquire()
    with pytest.raises(pool.TimedOut, match="no worker became free"):
        tasks.run(threading.Event(), is_long=True)
