"""Worker processes that can be stopped: a sound that hangs or crashes a decoder costs one of them, never the server."""

import multiprocessing
import queue
import threading
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from voicetraits.errors import ModelError

#: Loading the library takes a second or two; far more where kernels have to be compiled first.
_START_SECONDS = 180.0


class TimedOut(Exception):
    """A task took too long; its worker was stopped."""


class Crashed(Exception):
    """A worker ended amid a task."""


class Failed(Exception):
    """A task ended in an error that is nobody's input; the message is a traceback."""


class _Worker:
    """One process and this end of the pipe to it."""

    def __init__(self, arguments: tuple) -> None:
        context = multiprocessing.get_context("spawn")  # a copy of a process with threads may hang
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_begin, args=(theirs, *arguments), daemon=True)
        self._process.start()
        theirs.close()
        self._is_ready = False

    def wait_until_ready(self) -> None:
        """Raises EOFError if it ended instead."""
        if not self._is_ready:
            if not self.connection.poll(_START_SECONDS):
                raise EOFError
            self.connection.recv()
            self._is_ready = True

    @property
    def is_alive(self) -> bool:
        """Whether the process has not ended."""
        return self._process.is_alive()

    @property
    def process_id(self) -> int:
        """Of the worker."""
        return self._process.pid

    def stop(self) -> None:
        """At once."""
        self._process.kill()
        self._process.join()
        self.connection.close()


def _begin(connection: Connection, folders: Mapping[str, Path], default: str, max_audio_seconds: float) -> None:
    from voicetraits.serving.worker import run  # here, so that the server loads none of it

    run(connection, folders, default, max_audio_seconds)


class Pool:
    """Runs tasks in worker processes, one at a time each; threads may share it.

    Args:
        workers: how many.
        folders: of models, by name.
        default: the model that each worker loads before its first task.
        max_audio_seconds: of a sound.
        work_seconds: after which a task is given up, and as long as one waits for a free worker.

    Of several workers one is never given a long task: a short one does not wait until somebody's hour is heard.

    Attributes:
        restarts: workers that were replaced.
    """

    def __init__(
        self,
        workers: int,
        folders: Mapping[str, Path],
        default: str,
        *,
        max_audio_seconds: float,
        work_seconds: float,
    ) -> None:
        self._arguments = (dict(folders), default, max_audio_seconds)
        self._work_seconds = work_seconds
        self._free: queue.LifoQueue[_Worker] = queue.LifoQueue()
        self._all: set[_Worker] = set()
        self._long_tasks = threading.Semaphore(max(1, workers - 1))
        self._lock = threading.Lock()
        self._is_closed = False
        self.restarts = 0
        for _ in range(workers):
            self._add()

    def wait_until_ready(self) -> None:
        """Until all workers take tasks.

        Raises:
            ModelError: one ended instead.
        """
        for worker in list(self._all):
            try:
                worker.wait_until_ready()
            except (EOFError, OSError):
                raise ModelError("a worker process did not start; see the lines above") from None

    def run(self, task: Any, *, is_long: bool = False) -> Any:
        """The result of a task.

        Args:
            is_long: whether it may take long.

        Raises:
            TimedOut, Crashed, Failed: see there.
            VoicetraitsError: as the task raised it.
        """
        deadline = time.monotonic() + self._work_seconds
        if not is_long:
            return self._run(task, deadline)
        if not self._long_tasks.acquire(timeout=self._work_seconds):
            raise TimedOut("no worker became free")
        try:
            return self._run(task, deadline)
        finally:
            self._long_tasks.release()

    def _run(self, task: Any, deadline: float) -> Any:
        worker = self._take(deadline)
        try:
            worker.wait_until_ready()
            begin = time.monotonic()
            worker.connection.send(task)
            if not worker.connection.poll(max(0.0, self._work_seconds - (time.monotonic() - begin))):
                raise TimedOut(f"took longer than {self._work_seconds:g} s")
            result = worker.connection.recv()
        except TimedOut:
            self._replace(worker)
            raise
        except (EOFError, OSError):
            self._replace(worker)
            raise Crashed("the process that decoded it ended") from None
        self._free.put(worker)
        if isinstance(result, Exception):
            raise result
        if isinstance(result, str):
            raise Failed(result)
        return result

    def processes(self) -> list[int]:
        """The ids of the workers' processes."""
        return [worker.process_id for worker in self._all]

    def close(self) -> None:
        """Stop all workers."""
        with self._lock:
            self._is_closed = True
            for worker in self._all:
                worker.stop()
            self._all.clear()

    def _take(self, deadline: float) -> _Worker:
        """A free worker; those that ended while nothing was asked of them are replaced. Raises TimedOut."""
        while True:
            try:
                worker = self._free.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise TimedOut("no worker became free") from None
            if worker.is_alive or self._is_closed:
                return worker
            self._replace(worker)

    def _add(self) -> None:
        worker = _Worker(self._arguments)
        self._all.add(worker)
        self._free.put(worker)

    def _replace(self, worker: _Worker) -> None:
        with self._lock:
            if not self._is_closed:
                worker.stop()
                self._all.discard(worker)
                self.restarts += 1
                self._add()
