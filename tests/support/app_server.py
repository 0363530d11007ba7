"""The server as a process of its own, as `make app` starts it."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import psutil
import pytest

from voicetraits.bench.page_recording import browser_path

ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 120.0
#: None that the environment names: it does not know the loopback.
_OPENER = build_opener(ProxyHandler({}))


class AppServer:
    """Serves models until it is stopped; a context manager.

    Args:
        models: folder.
        scratch: gets its log and its temporary files.
        page: whether with the page.
        arguments, env: of serve.py.
    """

    def __init__(self, models: Path, scratch: Path, *arguments: str, page: bool = False, **env: str) -> None:
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.temporary, self._log = scratch / "temporary", scratch / "server.log"
        self.temporary.mkdir(exist_ok=True)
        self._command = [
            sys.executable, str(ROOT / "src/serve.py"), "--models", str(models), "--port", str(self.port),
            *([] if page else ["--no-page"]), *arguments,
        ]  # fmt: skip
        self._env = {**os.environ, "TMPDIR": str(self.temporary), "PYTHONDONTWRITEBYTECODE": "1", **env}
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        """Returns when it takes requests."""
        with open(self._log, "ab") as log:
            self.process = subprocess.Popen(self._command, cwd=ROOT, env=self._env, stdout=log, stderr=log)
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with _OPENER.open(f"{self.url}/healthz", timeout=5):
                    return
            except (URLError, ConnectionError, TimeoutError):
                time.sleep(0.1)
        raise AssertionError(f"the server does not start:\n{self.log()}")

    def kill(self) -> list[int]:
        """kill -9; returns the ids of its workers, which must end by themselves."""
        workers = [one.pid for one in psutil.Process(self.process.pid).children(recursive=True)]
        self.process.kill()
        self.process.wait()
        return workers

    def stop(self) -> int:
        """As Ctrl-C or a service manager does; returns the exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(30)

    def memory_bytes(self) -> int:
        """Of the server and its workers, resident."""
        own = psutil.Process(self.process.pid)
        return sum(one.memory_info().rss for one in (own, *own.children(recursive=True)))

    def log(self) -> str:
        """All that it has printed."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def files(self) -> list[Path]:
        """Files that hold something among its temporary ones."""
        return [path for path in self.temporary.rglob("*") if path.is_file() and path.stat().st_size]

    def __enter__(self) -> "AppServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def chromium() -> str:
    """The browser's path; skips where there is none."""
    return browser_path() or pytest.skip("there is no Chromium: `apt-get install chromium`")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
