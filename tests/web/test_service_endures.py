"""The service as a process: fifty clients for a minute, broken files, kill -9, requests made from its description."""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CHECKS

from support.app_server import AppServer
from support.broken_sounds import broken_sounds
from support.served import file_of, save_models, voice, voices
from support.sounds import RATE_HZ
from voicetraits.bench.load import Client, Load

pytestmark = pytest.mark.slow

CLIENTS, LOAD_SECONDS = 50, 60.0
SETTINGS = ("--work-seconds", "20", "--max-audio-seconds", "60", "--max-body-mib", "4")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def server(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    with AppServer(models, tmp_path_factory.mktemp("server"), *SETTINGS) as server:
        yield server


def test_broken_files_neither_stop_nor_hang_a_worker(server: AppServer):
    client, statuses, slowest = Client(server.port), Counter(), 0.0
    for number, content in enumerate(broken_sounds(seed=7, of_each=36)):
        begin = time.monotonic()
        status, body, _ = client.predict(content)
        slowest = max(slowest, time.monotonic() - begin)
        assert status in (200, 413, 415, 422), f"file {number}: {status} {body}"
        statuses[status] += 1
    print(f"{sum(statuses.values())} broken files: {dict(statuses)}, the slowest took {slowest:.2f} s")
    assert client.figure("voicetraits_worker_restarts") == 0
    assert statuses[200] and statuses[415] and statuses[422] and statuses[413]
    assert client.predict(voice())[0] == 200
    assert server.files() == [] and "Traceback" not in server.log()


@pytest.mark.alone
def test_fifty_clients_for_a_minute(server: AppServer):
    load = Load(server.port, list(voices().values()), clients=CLIENTS, seconds=LOAD_SECONDS)
    memory = []
    while time.monotonic() < load.end:
        time.sleep(1)
        memory.append(server.memory_bytes())
    load.wait()
    statuses, seconds = load.statuses, load.answer_seconds
    third = len(memory) // 3
    early, late = np.median(memory[third : 2 * third]), np.median(memory[-third:])
    print(
        f"{CLIENTS} clients, {LOAD_SECONDS:g} s: {dict(statuses)}, {statuses[200] / LOAD_SECONDS:.1f} answers/s; "
        f"seconds to an answer: median {np.median(seconds):.2f}, 99 % {np.percentile(seconds, 99):.2f}; "
        f"memory {early / 1e6:.0f}, then {late / 1e6:.0f} MB"
    )
    assert load.errors == []
    assert set(statuses) <= {200, 429}
    assert statuses[200] > 2 * LOAD_SECONDS
    assert late < 1.03 * early + 5e6
    assert Client(server.port).figure("voicetraits_worker_restarts") == 0


def test_kill_and_start_again(models: Path, tmp_path: Path):
    server = AppServer(models, tmp_path, "--max-audio-seconds", "600")
    server.start()
    long = file_of(np.resize(np.sin(np.arange(RATE_HZ) / 9) * 0.3, 300 * RATE_HZ))
    broken = []

    def ask() -> None:
        try:
            Client(server.port).predict(long)
        except (ConnectionError, http.client.HTTPException) as error:
            broken.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.5)
    workers = server.kill()
    asking.join(30)
    assert broken and len(workers) >= 2
    server.start()
    try:
        assert Client(server.port).predict(voice())[0] == 200
        _, alive = psutil.wait_procs([psutil.Process(one) for one in workers if psutil.pid_exists(one)], timeout=20)
        assert alive == []  # a worker whose server is gone ends, whatever it is at
        assert server.files() == []
    finally:
        assert server.stop() == 0
    assert list(server.temporary.iterdir()) == []


def sounds() -> st.SearchStrategy[bytes]:
    return st.sampled_from([*voices().values(), file_of(np.zeros(8000))]) | st.binary(max_size=4000)


for _media_type in ("application/octet-stream", "audio/wav", "audio/flac", "audio/ogg", "audio/mpeg"):
    schemathesis.openapi.media_type(_media_type, st.deferred(sounds))


def _check_all(cases: st.SearchStrategy, check: Callable) -> None:
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(case=cases)
    def examples(case: schemathesis.Case) -> None:
        check(case)

    examples()


def test_the_service_does_what_its_description_says(server: AppServer):
    described = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    asked: Counter = Counter()
    # Bytes at random are a body that the description allows, and no sound.
    checks = {"excluded_checks": CHECKS.get_by_names(["positive_data_acceptance"])}

    def check(case: schemathesis.Case) -> None:
        asked[case.operation.label] += 1
        case.call_and_validate(timeout=30, **checks)

    for found in described.get_all_operations():
        operation = found.ok()
        for mode in schemathesis.GenerationMode:
            if mode.is_positive or operation.query or operation.body:
                _check_all(operation.as_strategy(generation_mode=mode), check)
    print(f"requests made from the description: {dict(asked)}")
    assert set(asked) == {"POST /v1/predict", "GET /v1/models", "GET /healthz", "GET /metrics"}
