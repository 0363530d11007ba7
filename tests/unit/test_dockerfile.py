"""The Dockerfile: what it copies is there, what it installs is what the service imports, and it is not root."""

import json
import re
import shlex
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from packaging.requirements import Requirement

from support.project import ROOT
from voicetraits.code import code_of
from voicetraits.shipping.contents import EXTRAS, imports_of, normalised
from voicetraits.shipping.package import PYTHON

SERVE = ROOT / "src/serve.py"
#: The image draws, and has no microphone.
WANTED_EXTRAS = ("", EXTRAS["vl_convert"])
#: What training and the graph need.
HEAVY = {"tensorflow", "tf-keras", "keras", "tensorflow-decision-forests", "dvc", "dvclive", "scikit-learn", "librosa"}


def instructions() -> list[tuple[str, str]]:
    """Name and arguments of each, in order, lines put together."""
    text = re.sub(r"(?m)^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8")).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


def all_of(name: str) -> list[str]:
    return [arguments for found, arguments in instructions() if found == name]


def command(arguments: str) -> list[str]:
    """A command in JSON form."""
    return json.loads(arguments[arguments.index("[") :])


def installed() -> dict[str, set[str]]:
    """Requirements of the image by distribution."""
    return requirements((ROOT / "requirements-app.txt").read_text(encoding="utf-8"))


def requirements(text: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            one = Requirement(line)
            found.setdefault(normalised(one.name), set()).add(str(one.specifier))
    return found


def needed_to_predict() -> set[str]:
    """Distributions that predicting imports, with any model."""
    runtimes = ["voicetraits.models.softmax_runtime", "voicetraits.models.tfdf", "voicetraits.models.net_runtime"]
    front_ends = [f"voicetraits.front_ends.{path.stem}" for path in (ROOT / "src/voicetraits/front_ends").glob("*.py")]
    names = code_of("voicetraits.inference.predictor", "voicetraits.inference.picture", *runtimes, *front_ends)
    found = imports_of({name: ROOT / f"src/{name.replace('.', '/')}.py" for name in names if is_file(name)})
    return {name for extra in WANTED_EXTRAS for name in found.get(extra, ())}


def is_file(module: str) -> bool:
    return (ROOT / f"src/{module.replace('.', '/')}.py").is_file()


def test_the_python_is_a_supported_one_and_small():
    (base,) = all_of("FROM")
    minor = re.fullmatch(r"python:3\.(\d+)-slim", base)[1]
    setup = (ROOT / "tools/setup.sh").read_text()
    assert f"python3.{minor} " in setup
    lowest, above = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", PYTHON).groups()
    assert int(lowest) <= int(minor) < int(above)
    assert f'python: "3.{minor}"' in (ROOT / ".github/workflows/ci.yml").read_text()


def test_what_is_copied_is_there_and_not_ignored():
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    kept = {line[1:] for line in ignore if line.startswith("!")}
    copied = {source for arguments in all_of("COPY") for source in arguments.split()[:-1]}
    assert copied == kept and "*" in ignore
    outputs = {path for path in copied if path.startswith("data/")}
    assert all((ROOT / path).exists() for path in copied - outputs)
    assert outputs == {"data/models"}  # stages write it


def test_what_is_installed_is_pinned_as_everywhere_and_not_for_training():
    (install,) = (line for line in all_of("RUN") if "pip install" in line)
    words = shlex.split(install)
    assert words[words.index("--requirement") + 1] == "requirements-app.txt"
    assert not [word for word in words if "==" in word or "://" in word]
    assert not installed().keys() & HEAVY
    pinned = requirements((ROOT / "requirements.txt").read_text(encoding="utf-8"))
    for name, releases in installed().items():
        assert all(release.startswith("==") for release in releases), name
        # Gradio wants another release of it than DVC.
        assert name not in pinned or releases <= pinned[name] or name == "tomlkit", name


def test_all_that_predicting_and_serving_import_is_installed():
    needed = needed_to_predict()
    assert {"numpy", "ydf", "onnxruntime", "h5py", "vl-convert-python"} <= needed
    own = {f"voicetraits.serving.{path.stem}": path for path in (ROOT / "src/voicetraits/serving").glob("*.py")}
    serving = imports_of({"voicetraits.serving": SERVE, **own})[""]
    assert {"fastapi", "uvicorn"} <= serving
    assert needed | serving <= installed().keys()


def test_the_service_runs_as_a_user_that_is_not_root():
    (user,) = all_of("USER")
    assert int(user) > 0
    assert any(f"useradd --uid {user} " in line for line in all_of("RUN"))
    order = [name for name, _ in instructions()]
    assert order.index("USER") < order.index("CMD")
    assert "COPY" not in order[order.index("USER") :]  # the service cannot write its own code
    cache = re.search(r"NUMBA_CACHE_DIR=(\S+)", all_of("ENV")[0])[1]
    assert any(cache in line and "--owner" in line for line in all_of("RUN"))


def test_the_service_is_reached_from_outside_at_the_port_that_is_stated():
    (start,), (port,) = all_of("CMD"), all_of("EXPOSE")
    assert command(start) == ["python", "src/serve.py", "--host", "0.0.0.0", "--port", port]


@pytest.fixture
def server():
    """Answers on a port of its own; `status` by path."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(self.server.status.get(self.path, 404))
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.status = {}
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def healthy(port: int) -> bool:
    """What the image's check says, on another port."""
    (check,), (stated,) = all_of("HEALTHCHECK"), all_of("EXPOSE")
    _, option, script = command(check)
    assert script.count(stated) == 1
    run = [sys.executable, option, script.replace(stated, str(port))]
    return subprocess.run(run, capture_output=True, check=False).returncode == 0


def test_it_is_healthy_where_healthz_says_so_alone(server):
    port = server.server_address[1]
    assert not healthy(port)
    server.status = {"/healthz": 503}
    assert not healthy(port)
    server.status = {"/healthz": 200}
    assert healthy(port)


def test_it_is_not_healthy_where_nobody_listens():
    with socket.socket() as taken:  # bound, and nobody accepts
        taken.bind(("127.0.0.1", 0))
        assert not healthy(taken.getsockname()[1])
