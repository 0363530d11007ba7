"""The service, asked in this process: answers, limits, errors, who may ask, what Prometheus reads."""

import asyncio
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from urllib.request import Request, urlopen

import numpy as np
import psutil
import pytest
import uvicorn
from fastapi.testclient import TestClient

from support.served import file_of, save_models, settings_of, voice, voices
from support.sounds import RATE_HZ, noise
from voicetraits.inference.predictor import Predictor
from voicetraits.serving import head_limit, running
from voicetraits.serving.app import app_of
from voicetraits.serving.engine import Engine
from voicetraits.serving.problems import Problem
from voicetraits.serving.training_set import UNKNOWN, TrainingSet

HERE = "http://127.0.0.1:7860"
TOKEN = "0123456789abcdef"
LEARNT = TrainingSet("demo", {"gender": {"female": 30, "male": 10}}, {"gender": {"female": 3, "male": 2}})
SRC = Path(sys.modules[Engine.__module__].__file__).parents[2]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return save_models(tmp_path_factory.mktemp("models"))


def served(models, **changed):
    """A client of a server with these settings, with what it counts; its workers start with the first sound."""
    engine = Engine(settings_of(models, **changed), LEARNT)
    client = TestClient(app_of(engine), base_url=HERE)
    client.engine = engine
    return client


@pytest.fixture(scope="module")
def client(models):
    with served(models, max_audio_seconds=60, max_body_bytes=4_000_000) as client:
        yield client


def figure(client, line):
    """The value of a line of /metrics, 0 if there is none."""
    for one in client.get("/metrics").text.splitlines():
        if one.startswith(line + " "):
            return float(one.rpartition(" ")[2])
    return 0.0


def test_a_body_a_form_and_the_predictor_answer_alike(client, models):
    sound = voice()
    plain = client.post("/v1/predict", content=sound)
    assert plain.status_code == 200, plain.text
    form = client.post("/v1/predict", files={"file": ("voice.wav", sound)}, params={"model": "one"})
    assert form.json() == plain.json()
    expected = Predictor(models / "one")(sound)
    for target, answer in expected.answers.items():
        told = plain.json()["answers"][target]
        assert told["label"] == answer.label and told["confidence"] == answer.confidence
        assert told["probabilities"] == answer.probabilities
        assert told["model"] == vars(answer.model)
    assert plain.json()["segments"] == {}


def test_segments_and_other_models(client):
    long = file_of(np.concatenate([np.zeros(8 * RATE_HZ), np.resize(noise(4.0, amplitude=0.2), 8 * RATE_HZ)]), "FLAC")
    told = client.post("/v1/predict", content=long, params={"model": "other", "segments": True}).json()
    assert set(told["answers"]) == {"gender"}
    assert told["segments"]["gender"][-1]["end_seconds"] == told["duration_seconds"] == 16


def test_which_models_there_are(client):
    told = client.get("/v1/models").json()
    assert [(one["name"], one["is_default"]) for one in told["models"]] == [("one", True), ("other", False)]
    assert told["is_synthetic"] and told["corpus"] == "demo"
    assert told["models"][1]["targets"]["gender"]["training_clips"] == {"female": 30, "male": 10}
    assert client.get("/healthz").json() == {"status": "ok"}


NO_SOUND = {
    "text": (b"path,label\n" * 50, 415, "not_audio"),
    "empty": (b"", 415, "not_audio"),
    "header only": (file_of(np.zeros(0)), 422, "unreadable"),
    "truncated": (file_of(noise(2.0), "FLAC")[:20_000], 422, "unreadable"),
    "sync bytes": (b"\xff\xfb\x90\x00" + bytes(500), 422, "unreadable"),
    "too long": (file_of(np.zeros(61 * RATE_HZ)), 413, "too_long"),
    "too large": (b"RIFF" + bytes(4_000_001), 413, "too_large"),
}


@pytest.mark.parametrize("name", NO_SOUND)
def test_what_gets_no_answer_gets_a_reason(client, name):
    content, status, error = NO_SOUND[name]
    response = client.post("/v1/predict", content=content)
    assert (response.status_code, response.json()["error"]) == (status, error), response.text
    assert len(response.json()["reason"].splitlines()) == 1 and response.json()["reason"]


@pytest.mark.alone
@pytest.mark.parametrize("name", ["text", "empty", "header only", "truncated", "sync bytes"])
def test_what_is_no_sound_is_turned_away_within_milliseconds(client, name):
    content, status, _ = NO_SOUND[name]
    seconds = []
    for _ in range(9):
        begin = time.perf_counter()
        assert client.post("/v1/predict", content=content).status_code == status
        seconds.append(time.perf_counter() - begin)
    assert np.median(seconds) < 0.05


def test_a_body_without_a_length_is_bounded_as_well(client):
    parts = (b"RIFF" + bytes(100_000) for _ in range(60))
    response = client.post("/v1/predict", content=parts)
    assert "content-length" not in response.request.headers
    assert (response.status_code, response.json()["error"]) == (413, "too_large")


@pytest.mark.parametrize(
    "asked",
    [
        {"params": {"model": "elsewhere"}, "content": b"x"},
        {"params": {"segments": "perhaps"}, "content": b"x"},
        {"files": {"sound": ("a.wav", b"x")}},
        {"data": {"file": "a.wav"}, "files": {"other": ("", b"")}},
        {"content": b"x", "headers": {"content-type": "multipart/form-data"}},
        {"content": b"x", "headers": {"content-type": "multipart/form-data; boundary=b"}},
    ],
)
def test_wrong_requests_are_said(client, asked):
    response = client.post("/v1/predict", **asked)
    assert (response.status_code, response.json()["error"]) == (422, "malformed"), response.text


def test_other_addresses_and_methods(client):
    assert (client.get("/nowhere").status_code, client.get("/nowhere").json()["error"]) == (404, "not_found")
    assert client.get("/v1/predict").json()["error"] == "method_not_allowed"


@pytest.mark.parametrize("path", ["/healthz", "/v1/models", "/metrics"])
def test_monitors_may_ask_for_the_head_alone(client, path):
    assert (client.head(path).status_code, client.get(path).status_code) == (200, 200)
    assert client.head("/v1/predict").status_code == 405


def asked(engine, path, part, headers=()):
    """Status and body of a POST whose body comes in parts like this one, 50 ms apart, and never ends."""

    async def ask():
        sent = []
        scope = {
            "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": [(b"host", b"127.0.0.1"), *headers], "scheme": "http", "server": ("127.0.0.1", 80),
            "root_path": "", "http_version": "1.1", "client": ("127.0.0.1", 1),
        }  # fmt: skip

        async def receive():
            await asyncio.sleep(0.05)
            return {"type": "http.request", "body": part, "more_body": True}

        async def send(message):
            sent.append(message)

        begin = time.monotonic()
        await app_of(engine)(scope, receive, send)
        return sent[0]["status"], sent[1]["body"], time.monotonic() - begin

    try:
        return asyncio.run(asyncio.wait_for(ask(), 20))
    finally:
        engine.close()


@pytest.mark.parametrize(
    ("path", "headers", "token"),
    [
        ("/v1/predict", (), None),
        ("/v1/predict", ((b"host", b"elsewhere.example"),), None),
        ("/v1/predict", (), TOKEN),
        ("/login", (), TOKEN),
    ],
    ids=["a sound", "from elsewhere", "no token", "a login"],
)
@pytest.mark.parametrize("part", [b"R", b""], ids=["byte by byte", "without a byte"])
def test_a_body_that_trickles_is_given_up(models, path, headers, token, part):
    engine = Engine(settings_of(models, upload_seconds=0.2, token=token), LEARNT)
    status, body, seconds = asked(engine, path, part, headers)
    assert status == 408 and b"too_slow_upload" in body and 0.2 <= seconds < 2
    via = "service" if path == "/v1/predict" else "page"
    assert f'voicetraits_problems_total{{reason="too_slow_upload",via="{via}"}} 1.0' in engine.figures.text().decode()


def test_more_requests_than_places_are_told_to_come_again(client):
    with ExitStack() as taken:
        for _ in range(4):
            taken.enter_context(client.engine.place("page"))
        response = client.post("/v1/predict", content=voice())
        assert (response.status_code, response.json()["error"]) == (429, "busy")
        assert int(response.headers["retry-after"]) >= 1
        assert client.get("/healthz").status_code == 200
    assert client.post("/v1/predict", content=voice()).status_code == 200


def worker_of(client):
    """The process id of its only worker."""
    return max(client.engine.processes())


@pytest.mark.slow  # each worker takes a second or two to start
def test_a_worker_that_hangs_or_ends_is_replaced(models):
    with served(models, work_seconds=2.5, concurrent=2) as client, ThreadPoolExecutor(1) as pool:
        client.engine.wait_until_ready()
        for is_killed, error in ((False, "timed_out"), (True, "crashed")):
            os.kill(worker_of(client), signal.SIGSTOP)
            asked = pool.submit(client.post, "/v1/predict", content=voice())
            if is_killed:
                time.sleep(1)  # the sound has come to the worker by then
                os.kill(worker_of(client), signal.SIGKILL)
            assert (asked.result().status_code, asked.result().json()["error"]) == (503, error)
            client.engine.wait_until_ready()
            assert client.post("/v1/predict", content=voice()).status_code == 200
        assert figure(client, "voicetraits_worker_restarts") == 2
        workers = client.engine.processes()
    assert not any(psutil.pid_exists(one) and psutil.Process(one).is_running() for one in workers)


@pytest.mark.slow  # as above
def test_a_worker_that_ends_while_nothing_is_asked_of_it_costs_no_request(models):
    with served(models, concurrent=2) as client:
        client.engine.wait_until_ready()
        os.kill(worker_of(client), signal.SIGKILL)
        time.sleep(0.5)  # all its threads are gone by then
        response = client.post("/v1/predict", content=voice())
        assert response.status_code == 200, response.text
        assert figure(client, "voicetraits_worker_restarts") == 1


@pytest.mark.parametrize(
    ("content", "kind"), [(b"RIFF" + bytes(4_000_001), "too_large"), (b"--x\r\n\r\n", "malformed")]
)
def test_what_is_turned_away_before_it_is_heard_is_counted(client, content, kind):
    line = f'voicetraits_problems_total{{reason="{kind}",via="service"}}'
    before = figure(client, line)
    headers = {"content-type": "multipart/form-data; boundary=x"} if kind == "malformed" else {}
    assert client.post("/v1/predict", content=content, headers=headers).json()["error"] == kind
    assert figure(client, line) == before + 1


def test_figures(client):
    answered = 'voicetraits_answers_total{label="female",model="other",target="gender"}'
    refused = 'voicetraits_refusals_total{model="other",reason="no_speech",target="gender"}'
    requests = 'voicetraits_requests_total{method="POST",route="/v1/predict",status="415"}'
    problems = 'voicetraits_problems_total{reason="not_audio",via="service"}'
    seconds = 'voicetraits_predict_seconds_count{model="other",via="service"}'
    names = (answered, refused, requests, problems, seconds)
    before = [figure(client, name) for name in names]
    for content in (voice(), file_of(np.zeros(RATE_HZ)), b"no sound"):
        client.post("/v1/predict", content=content, params={"model": "other"})
    assert [figure(client, name) - was for name, was in zip(names, before, strict=True)] == [1, 1, 1, 1, 2]


def test_drift_is_told_once_there_is_enough(client):
    shift = 'voicetraits_feature_drift{model="one",target="gender"}'
    answers = 'voicetraits_answer_drift{model="one",target="gender"}'
    for _ in range(20):
        client.post("/v1/predict", content=voice())
    assert np.isfinite(figure(client, shift))
    assert figure(client, answers) > 0.25  # only high voices, which a quarter of the training clips were not
    assert "answer_drift{" in client.get("/metrics").text
    assert 'answer_drift{model="one",target="age"}' not in client.get("/metrics").text  # not known what it learnt from


def test_threads_get_their_own_answers(client):
    sounds = voices()
    asked = list(sounds) * 4
    with ThreadPoolExecutor(4) as pool:
        told = pool.map(lambda name: client.post("/v1/predict", content=sounds[name], params={"model": "other"}), asked)
    assert [one.json()["answers"]["gender"]["label"] for one in told] == asked


def test_the_description_needs_no_other_host(client):
    page = client.get("/docs").text
    assert "POST /v1/predict" in page and "Retry" not in page and "no_speech" in page
    assert "http://" not in page and "https://" not in page and "<script" not in page
    described = client.get("/openapi.json").json()["paths"]["/v1/predict"]["post"]
    assert {"200", "401", "413", "415", "422", "429", "503"} <= set(described["responses"])


def test_without_a_token_other_pages_and_names_are_turned_away(client):
    for headers in ({"host": "evil.example"}, {"origin": "http://evil.example"}, {"origin": "null"}):
        response = client.post("/v1/predict", content=voice(), headers=headers)
        assert (response.status_code, response.json()["error"]) == (421, "wrong_host")
    assert client.get("/healthz", headers={"origin": HERE}).status_code == 200
    assert client.get("/healthz", headers={"host": "[::1]:7860"}).status_code == 200


@pytest.fixture(scope="module")
def guarded(models):
    with served(models, token=TOKEN, host="0.0.0.0") as client:
        yield client


def test_a_token_is_asked_for(guarded):
    for headers in (
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": TOKEN},
        {"cookie": f"voicetraits={TOKEN}"},
    ):
        for method, path in (("POST", "/v1/predict"), ("GET", "/v1/models"), ("GET", "/metrics"), ("GET", "/docs")):
            response = guarded.request(method, path, headers=headers)
            assert (response.status_code, response.json()["error"]) == (401, "unauthorised")
            assert response.headers["www-authenticate"] == "Bearer"
    assert guarded.get("/healthz").status_code == 200
    allowed = {"authorization": f"Bearer {TOKEN}", "host": "voices.example"}
    assert guarded.get("/v1/models", headers=allowed).status_code == 200


def test_a_browser_logs_in(guarded):
    browser = {"accept": "text/html"}
    sent = guarded.get("/docs", headers=browser, follow_redirects=False)
    assert (sent.status_code, sent.headers["location"]) == (303, "/login")
    assert 'type="password"' in guarded.get("/login").text
    assert guarded.post("/login", data={"token": "wrong"}).status_code == 401
    done = guarded.post("/login", data={"token": TOKEN}, follow_redirects=False)
    assert done.status_code == 303
    cookie = done.headers["set-cookie"]
    assert TOKEN not in cookie and "HttpOnly" in cookie and "samesite=strict" in cookie.lower()
    assert guarded.get("/docs", headers=browser).status_code == 200
    guarded.cookies.clear()


def test_a_login_that_holds_more_than_a_token_is_turned_away(guarded):
    parts = (b"token=" + bytes(1000) for _ in range(9))
    for content in (b"token=" + TOKEN.encode() + bytes(4096), parts):
        response = guarded.post("/login", content=content)
        assert (response.status_code, response.json()["error"]) == (413, "too_large")
        assert "4096" in response.json()["reason"] and "set-cookie" not in response.headers


def test_a_login_leads_to_where_something_is(guarded):
    done = guarded.post("/login", data={"token": TOKEN})
    assert (done.status_code, done.url.path) == (200, "/docs")  # there is no page
    guarded.cookies.clear()


def test_what_is_too_large_is_told_before_the_token_is_asked_for(models):
    with served(models, token=TOKEN, max_body_bytes=1000) as client:
        assert client.post("/v1/predict", content=bytes(1001)).status_code == 413
        assert client.post("/v1/predict", content=bytes(1000)).status_code == 401


def test_an_error_of_ours_is_told_as_one(client, monkeypatch, capsys):
    monkeypatch.setitem(client.engine.models, "forgotten", client.engine.models["one"])
    with pytest.raises(Problem) as caught:
        client.portal.call(partial(client.engine.predict, "forgotten", voice(), segments=False, via="service"))
    assert caught.value.status == 500 and "KeyError: 'forgotten'" in capsys.readouterr().err
    assert client.post("/v1/predict", content=voice()).status_code == 200
    monkeypatch.setattr(client.engine, "predict", None)
    response = TestClient(client.app, base_url=HERE, raise_server_exceptions=False).post("/v1/predict", content=voice())
    assert (response.status_code, response.json()["error"]) == (500, "failed")


def status_of_health(port):
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET", "/healthz")
        return connection.getresponse().status


@contextmanager
def running_server(models, monkeypatch, **changed):
    """The port of a server in a thread of this process."""
    started = []

    class Server(uvicorn.Server):
        def __init__(self, config):
            super().__init__(config)
            started.append(self)

    monkeypatch.setattr(running.uvicorn, "Server", Server)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    thread = threading.Thread(target=running.run, args=(settings_of(models, port=port, **changed),))
    thread.start()
    try:
        while thread.is_alive() and not (started and started[0].started):
            time.sleep(0.05)
        yield port
    finally:
        for server in started:
            server.should_exit = True
        thread.join(20)
    assert started and not thread.is_alive()


def test_connections_that_say_nothing_do_not_pile_up(models, monkeypatch):
    monkeypatch.setattr(running, "_MOST_CONNECTIONS", 3)
    monkeypatch.setattr(head_limit, "SECONDS", 1.0)
    with running_server(models, monkeypatch) as port, ExitStack() as silent:
        assert status_of_health(port) == 200
        for _ in range(3):
            silent.enter_context(socket.create_connection(("127.0.0.1", port)))
        assert status_of_health(port) == 503
        time.sleep(1.5)
        assert status_of_health(port) == 200


@pytest.mark.parametrize("head", [b"", b"GET /healthz HTTP/1.1\r\nHost: 127", b"GET /healthz HTTP/1.1\r\nA: b\r\n"])
def test_a_head_that_does_not_end_is_given_up(models, monkeypatch, head):
    monkeypatch.setattr(head_limit, "SECONDS", 0.5)
    whole = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with running_server(models, monkeypatch) as port:
        for before in (b"", whole):  # on a new connection, and on one that was of use
            with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                if before:
                    connection.sendall(before)
                    answered = b""
                    while not answered.endswith(b"}"):
                        answered += connection.recv(100_000)
                    assert answered.startswith(b"HTTP/1.1 200")
                connection.sendall(head)
                assert connection.recv(100_000) == b"", "closed by the server"


def test_a_body_may_take_longer_than_a_head(models, monkeypatch):
    monkeypatch.setattr(head_limit, "SECONDS", 0.5)
    with (
        running_server(models, monkeypatch) as port,
        socket.create_connection(("127.0.0.1", port), timeout=20) as connection,
    ):
        connection.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 40\r\n\r\n")
        for _ in range(4):
            time.sleep(0.4)
            connection.sendall(b"no sound..")
        assert connection.recv(100_000).startswith(b"HTTP/1.1 415")


def test_slow_uploads_take_no_places_and_who_goes_is_no_error(models, monkeypatch):
    gone = 'voicetraits_requests_total{method="POST",route="/v1/predict",status="499"}'
    failed = 'voicetraits_requests_total{method="POST",route="/v1/predict",status="500"}'
    head = b"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4000\r\n\r\nRIFF"
    with running_server(models, monkeypatch, concurrent=2) as port:
        with ExitStack() as slow:
            for _ in range(4):
                slow.enter_context(socket.create_connection(("127.0.0.1", port))).sendall(head)
            time.sleep(0.3)
            sound = Request(f"http://127.0.0.1:{port}/v1/predict", data=voice(), method="POST")
            with urlopen(sound, timeout=60) as response:
                assert response.status == 200
        time.sleep(0.3)
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as response:
            told = response.read().decode()
    assert f"{gone} 4.0" in told and failed not in told


def test_all_that_is_being_sent_is_bounded_together(models):
    with served(models, concurrent=2, max_body_bytes=1000) as client, client.engine.held() as hold:
        hold(1500)
        assert client.post("/v1/predict", content=b"x" * 400).json()["error"] == "not_audio"
        response = client.post("/v1/predict", content=b"x" * 600)
        assert (response.status_code, response.json()["error"]) == (429, "busy")
        assert client.post("/v1/predict", content=b"x" * 400).json()["error"] == "not_audio", "what was sent is let go"


def test_where_nothing_is_known_of_what_models_learnt_from(models):
    engine = Engine(settings_of(models), UNKNOWN)
    try:
        client = TestClient(app_of(engine), base_url=HERE)
        told = client.get("/v1/models").json()
        assert told["corpus"] is None and not told["is_synthetic"]
        assert "answer_drift{" not in client.get("/metrics").text
    finally:
        engine.close()


def serve(*arguments, **env):
    return subprocess.run(
        [sys.executable, str(SRC / "serve.py"), *arguments], env={**os.environ, **env}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


def only_line(done):
    assert (done.returncode, done.stdout) == (1, ""), done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 1
    return done.stderr


@pytest.mark.parametrize(("token", "said"), [("", "lets other machines in"), ("short", "has 5 characters")])
def test_other_machines_are_not_served_without_a_token(models, token, said):
    line = only_line(serve("--models", str(models), "--host", "0.0.0.0", "--no-page", VOICETRAITS_TOKEN=token))
    assert line.startswith("serve: ") and said in line


@pytest.mark.parametrize(
    ("setting", "value", "most"),
    [
        ("--max-body-mib", "inf", "4096"),
        ("--max-audio-seconds", "nan", "86400"),
        ("--upload-seconds", "1e300", "86400"),
        ("--work-seconds", "inf", "86400"),
    ],
)
def test_settings_that_are_no_bounds_are_told_of(models, setting, value, most):
    done = serve("--models", str(models), "--no-page", setting, value)
    told = " ".join(done.stderr.replace("│", " ").split())
    assert done.returncode == 2 and f"Invalid value for '{setting}'" in told and most in told
    assert "Traceback" not in told


@pytest.mark.slow
def test_what_cannot_be_served_is_one_line(models, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert "serve: cannot listen at 127.0.0.1" in only_line(serve("--models", str(models), "--port", port))
    assert "holds no saved model" in only_line(serve("--models", str(tmp_path), "--port", port))
    (tmp_path / "gradio.py").write_text("raise ModuleNotFoundError\n")  # as where it is not installed
    assert "the page needs Gradio: start it with `make app`" in only_line(
        serve("--models", str(models), "--port", port, PYTHONPATH=str(tmp_path))
    )


def test_the_server_loads_neither_tensorflow_nor_what_decodes():
    code = (
        "import sys, voicetraits.serving.running;"
        "print([m for m in ('tensorflow', 'keras', 'gradio', 'numba', 'soundfile', 'ydf') if m in sys.modules]);"
        "import voicetraits.serving.worker;"
        "print([m for m in ('tensorflow', 'keras', 'tf_keras', 'sklearn', 'dvc') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(SRC)}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["[]", "[]"]


def test_a_form_reaches_no_disk(client, monkeypatch):
    monkeypatch.setattr("tempfile.SpooledTemporaryFile.rollover", lambda file: pytest.fail("written to a file"))
    long = file_of(np.resize(noise(2.0), 55 * RATE_HZ))
    assert len(long) > 1_500_000
    assert client.post("/v1/predict", files={"file": ("voice.wav", long)}).status_code == 200
