"""Real clusters on this machine, Dask and Ray, whose processes end with their test."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

import psutil


class Group:
    """A command in a session of its own, so that it and its children can be ended together, and nothing else.

    Args:
        command: what to run with the Python that runs the tests.
        folder: where it runs, and where its output goes (`<name>.log`).
        name: what the log is called.
        env: variables beside those of this process.
    """

    def __init__(self, command: list[str], folder: Path, name: str, **env: str) -> None:
        self.log = folder / f"{name}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, env=os.environ | env, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self) -> None:
        """`kill -9` of all of it."""
        descendants = psutil.Process(self.process.pid).children(recursive=True) if self.process.poll() is None else []
        for pid in (self.process.pid, *(child.pid for child in descendants)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


class DaskCluster:
    """A scheduler on loopback, and the groups of its workers."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.address = f"tcp://127.0.0.1:{free_port()}"
        self.folder = folder
        host, port = "127.0.0.1", self.address.rpartition(":")[2]
        self.scheduler = self._start("scheduler", "scheduler", "--host", host, "--port", port, "--no-dashboard")
        wait_until(lambda: answers(port), "the Dask scheduler", self.scheduler)
        self.workers = [self.start_worker(f"worker-{number}") for number in range(workers)]
        wait_until(lambda: self.count_workers() == workers, "the Dask workers", *self.workers)

    def start_worker(self, name: str, *options: str) -> Group:
        """A worker process under the process that watches over it, as `dask worker` starts them."""
        options = ("--nthreads", "1", *options) if "--nthreads" not in options else options
        return self._start(name, "worker", self.address, "--name", name, "--no-dashboard", *options)

    def count_workers(self) -> int:
        return len(self.ask(lambda client: client.scheduler_info(n_workers=-1)["workers"]))

    def count_tasks(self) -> int:
        """How many tasks the scheduler knows of, waiting, running or kept for someone."""
        return self.ask(lambda client: client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)))

    def ask(self, question: Callable) -> object:
        import distributed

        with distributed.Client(self.address, set_as_default=False, timeout=20) as client:
            return question(client)

    def end(self) -> None:
        for group in (*self.workers, self.scheduler):
            group.kill()

    def _start(self, name: str, *command: str) -> Group:
        folder = self.folder / name
        folder.mkdir(parents=True)
        # A worker spills into its folder; where it lies must not matter to the tasks.
        return Group([sys.executable, "-m", "dask", *command], folder, name)


@contextmanager
def dask_cluster(folder: Path, *, workers: int = 2) -> Iterator[DaskCluster]:
    cluster = DaskCluster(folder, workers)
    try:
        yield cluster
    finally:
        cluster.end()


@dataclass(frozen=True)
class RayHead:
    """A Ray cluster of this machine alone: its address, its processes, and the variables that its users need."""

    address: str
    group: Group
    env: dict[str, str]

    def busy_workers(self) -> list[int]:
        """The processes that are at work on a task."""
        processes = psutil.Process(self.group.process.pid).children(recursive=True)
        titles = {process.pid: " ".join(process.cmdline()) for process in processes}
        return [pid for pid, title in titles.items() if title.startswith("ray::voicetraits")]


@contextmanager
def ray_head(folder: Path, *, cpus: int = 2) -> Iterator[RayHead]:
    port = free_port()
    folder.mkdir(parents=True)
    command = [
        str(Path(sys.executable).with_name("ray")), "start", "--head", "--block", "--port", str(port),
        "--num-cpus", str(cpus), "--include-dashboard", "false", "--ray-client-server-port", str(free_port()),
        "--dashboard-agent-listen-port", str(free_port()), "--object-store-memory", str(100 * 2**20),
    ]  # fmt: skip
    env = ray_env()
    head = RayHead(f"127.0.0.1:{port}", Group(command, folder, "head", **env), env)
    try:
        wait_until(lambda: "Ray runtime started" in head.group.log.read_text(errors="replace"), "Ray", head.group)
        yield head
    finally:
        head.group.kill()


def ray_env() -> dict[str, str]:
    """Variables of a head and its users: a token of their own, and no reports to Ray's makers."""
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token_hex(32), "RAY_USAGE_STATS_ENABLED": "0"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port: str) -> bool:
    try:
        socket.create_connection(("127.0.0.1", int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def wait_until(condition: Callable[[], bool], what: str, *groups: Group, seconds: float = 60) -> None:
    """Look ten times a second; where it does not come about, fail with what the groups printed."""
    end = time.monotonic() + seconds
    while not condition():
        logs = "\n".join(group.log.read_text(errors="replace")[-2000:] for group in groups)
        assert time.monotonic() < end, f"after {seconds} s not there: {what}\n{logs}"
        time.sleep(0.1)
