"""What the service takes, of one client and of fifty at once; and the page, of a person who records a voice."""

import io
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import soundfile

from voicetraits.bench import page_recording
from voicetraits.bench.load import Client, Load
from voicetraits.bench.timing import machine
from voicetraits.errors import DataError
from voicetraits.inference.predictor import SAMPLE_RATE_HZ
from voicetraits.serving.words import model_of

_VERSIONS = ("fastapi", "uvicorn", "numpy", "onnxruntime", "ydf")
_CLIP_SECONDS, _CLIENTS, _LOAD_SECONDS = 5, 50, 60.0
_LONG_SECONDS = 3600
_START_SECONDS = 120.0


def measure(repository: Path, speech: Sequence[np.ndarray], *, runs: int) -> dict[str, Any]:
    """Serve the models of the last run, and ask: first as a program does, without the page, then on the page.

    Args:
        repository: a project after `dvc repro`.
        speech: clips, (n,) float32 at 16 kHz, that are repeated to make files.
        runs: how often each model is asked alone; the median counts, and one more before, which loads the model, not.

    Raises:
        DataError: the server does not start, or does not answer.
    """
    sound, long = (
        _file(np.resize(np.concatenate(speech), seconds * SAMPLE_RATE_HZ)) for seconds in (_CLIP_SECONDS, _LONG_SECONDS)
    )
    names = sorted(folder.name for folder in (repository / "data/models").iterdir())
    begin = time.perf_counter()
    with _serving(repository, "--no-page") as (server, client):
        figures: dict[str, Any] = {
            "machine": machine(_VERSIONS),
            "start_seconds": time.perf_counter() - begin,
            "answer_seconds": {
                name: statistics.median([_answer_seconds(client, sound, name) for _ in range(runs + 1)][1:])
                for name in names
            },
            "load": _under_load(server, client.port, sound),
        }
        patient = Client(client.port)  # the other has been idle for so long that its connection is closed
        figures["long"] = {
            "seconds": _LONG_SECONDS,
            "megabytes": len(long) / 1e6,
            "answer_seconds": {name: _answer_seconds(patient, long, name) for name in names},
        }
    with _serving(repository) as (_, client), tempfile.TemporaryDirectory() as folder:
        microphone = Path(folder) / "voice.wav"
        microphone.write_bytes(sound)
        labels = {name: model_of(name) for name in names}
        url = f"http://127.0.0.1:{client.port}"
        found = page_recording.measure(url, [*labels.values()], microphone, runs=runs)
        figures["page_seconds"] = found and {name: found[label] for name, label in labels.items()}
    return figures


def _under_load(server: subprocess.Popen, port: int, sound: bytes) -> dict[str, Any]:
    load = Load(port, [sound], clients=_CLIENTS, seconds=_LOAD_SECONDS)
    megabytes = []
    while time.monotonic() < load.end:
        time.sleep(1)
        megabytes.append(_memory_bytes(server.pid) / 1e6)
    load.wait()
    if load.errors:
        raise DataError(f"{len(load.errors)} of {_CLIENTS} clients gave up: {load.errors[0]}")
    third = len(megabytes) // 3
    return {
        "clients": _CLIENTS,
        "seconds": _LOAD_SECONDS,
        "statuses": {str(status): count for status, count in sorted(load.statuses.items())},
        "answers_per_second": len(load.answer_seconds) / _LOAD_SECONDS,
        "answer_seconds_median": statistics.median(load.answer_seconds),
        "answer_seconds_99": float(np.percentile(load.answer_seconds, 99)),
        "megabytes_second_third": statistics.median(megabytes[third : 2 * third]),
        "megabytes_last_third": statistics.median(megabytes[-third:]),
    }


def render(figures: dict[str, Any]) -> str:
    """A table and a paragraph."""
    load, long, on_page = figures["load"], figures["long"], figures["page_seconds"]
    others = ", ".join(f"{count:,} × {status}" for status, count in load["statuses"].items() if status != "200")
    lines = [
        "## Serving",
        "",
        f"`python src/serve.py` on this machine, asked about a file of {_CLIP_SECONDS} s; all targets are answered at "
        f"once. It takes requests {figures['start_seconds']:.1f} s after its start.",
        "",
        f"| model | answer to one client, ms | on the page, from Stop to the answer, ms | answer on "
        f"{long['seconds'] / 60:.0f} minutes (a wav file of {long['megabytes']:.0f} MB), s |",
        "| --- | --- | --- | --- |",
        *(
            f"| {name} | {1000 * seconds:.0f} | {f'{1000 * on_page[name]:.0f}' if on_page else '–'} "
            f"| {long['answer_seconds'][name]:.1f} |"
            for name, seconds in figures["answer_seconds"].items()
        ),
        "",
        "The page was open in headless Chromium, with a fake microphone."
        if on_page
        else "There was no Chromium to open the page in.",
        "",
        f"{load['clients']} clients at once, {load['seconds']:.0f} s, the default model: {load['statuses']['200']:,} "
        f"answers, {load['answers_per_second']:.0f} a second, after {load['answer_seconds_median']:.2f} s (median) "
        f"and {load['answer_seconds_99']:.2f} s (99 %); beside them {others or 'nothing'} (429 asks to come "
        f"again). Memory of all its processes: {load['megabytes_second_third']:.0f} MB in the second third, "
        f"{load['megabytes_last_third']:.0f} MB in the last.",
    ]
    return "\n".join(lines) + "\n"


def _file(samples: np.ndarray) -> bytes:
    content = io.BytesIO()
    soundfile.write(content, samples, SAMPLE_RATE_HZ, format="WAV", subtype="PCM_16")
    return content.getvalue()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def _serving(repository: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen, Client]]:
    """A server that takes requests, and a client of it."""
    port = _free_port()
    command = [sys.executable, str(repository / "src/serve.py"), "--port", str(port), *arguments]
    server = subprocess.Popen(command, cwd=repository, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        yield server, _connected(server, port)
    finally:
        server.terminate()
        server.wait()


def _connected(server: subprocess.Popen, port: int) -> Client:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            client = Client(port)
            client.get("/healthz")
            return client
        except OSError:
            time.sleep(0.05)
    server.kill()
    raise DataError(f"the server does not start: {server.stderr.read().strip()}")


def _answer_seconds(client: Client, sound: bytes, model: str) -> float:
    begin = time.perf_counter()
    status, body, _ = client.predict(sound, f"?model={model}")
    seconds = time.perf_counter() - begin
    if status != 200:
        raise DataError(f"the server answers {status} for {model}: {body}")
    return seconds


def _memory_bytes(process_id: int) -> int:
    own = psutil.Process(process_id)
    return sum(one.memory_info().rss for one in (own, *own.children(recursive=True)))
