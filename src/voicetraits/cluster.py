"""Runs tasks on the workers of a Dask or Ray cluster, with the code of this process and no other.

The workers of a cluster outlive a stage, and may have imported an older version of this library. So a task travels as
bytes; what unpickles and runs it on the worker (`_run`) travels with it, by value, and first drops modules that are not
of these very files. The workers need the same Python and packages, and the same files under the same paths: the
project's folder and the work store.

Processes of this machine run through joblib, clusters do not. joblib's Dask backend was tried: it outlives a killed
worker, but waits without a word when there is none left. Ray's refuses to give results as they come. What tasks
carry, the checks, and the loop below for Ray would stay, so it would not be less.

No stage in dvc.yaml depends on this file: it is loaded only where compute.backend asks for it, and where a task runs
must not change what comes out.
"""

import importlib
import logging
import os
import pickle
import platform
import queue
import signal
import socket
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import chdir, contextmanager, suppress
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol, TypeVar

import cloudpickle

from voicetraits.code import processor
from voicetraits.errors import DataError, ParameterError

Task = TypeVar("Task")
Result = TypeVar("Result")

#: What computes or writes the bytes of a stage's outputs.
_DISTRIBUTIONS = ("isal", "numba", "numpy", "pandas", "pyarrow", "scipy", "soundfile", "soxr")
_CONNECT_SECONDS = 10
_VISIBLE_SECONDS = 65
#: How long nothing may happen before we look whether anyone is still at work.
_PATIENCE_SECONDS = 5


class _Cluster(Protocol):
    """A connection to a cluster. A handle stands for a task that was submitted; it can be a key of a dict."""

    def submit(self, payload: bytes) -> Any:
        """Let a worker unpickle `payload`, and so run it."""

    def wait(self, handles: Collection[Any]) -> Sequence[Any]:
        """Those that have ended since the last call; at least one."""

    def result(self, handle: Any) -> Any:
        """What an ended task returned; raises what it raised."""


def map_on_cluster(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    *,
    backend: str,
    scheduler: str | None,
    at_once: int | None,
) -> Iterator[Result]:
    """Yield `function(task)` in the order of `tasks`.

    Args:
        function: a function of this library, or a `functools.partial` of one.
        backend: `dask` or `ray`.
        scheduler: the cluster's address.
        at_once: at most so many tasks run at a time; None for as many as the cluster has workers.

    Raises:
        ParameterError: the backend's package is missing, or the address is none.
        DataError: the cluster cannot be reached, differs from this machine, or lost a worker with its task.
    """
    open_cluster = {"dask": _dask, "ray": _ray}[backend]
    send = _sender(function)
    with open_cluster(scheduler, at_once) as cluster:
        waiting = iter(enumerate(tasks))
        running: dict[Any, int] = {}
        ended: dict[int, Result] = {}
        for number in range(len(tasks)):
            while number not in ended:
                while at_once is None or len(running) < at_once:
                    if (following := next(waiting, None)) is None:
                        break
                    running[cluster.submit(send(following[1]))] = following[0]
                for handle in cluster.wait(running):
                    problem, result = cluster.result(handle)
                    if problem:
                        raise DataError(problem)
                    if isinstance(result, Path):
                        _wait_for(result)
                    ended[running.pop(handle)] = result
            yield ended.pop(number)


def _wait_for(path: Path) -> None:
    """Wait until a file or folder that a worker has made is seen here: NFS may keep for a minute that it was not.

    Raises:
        DataError: it does not come.
    """
    end = time.monotonic() + _VISIBLE_SECONDS
    while not path.exists():
        if time.monotonic() > end:
            raise DataError(
                f"{path}, which a worker has made, is not here; workers must see the project's folder and the work "
                f"store under the same paths"
            )
        time.sleep(0.5)


# --- What travels -------------------------------------------------------------------------------------------------


class _Call:
    """Pickles to a call: who unpickles it has the function's result instead."""

    def __init__(self, function: Callable, *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> tuple[Callable, tuple]:
        return self._call


def _sender(function: Callable[[Task], Result]) -> Callable[[Task], bytes]:
    """What makes of a task the bytes whose unpickling, on any worker, runs it with the code of this process."""
    package = Path(__file__).parent
    digest = _digest(package)
    versions = {name: version(name) for name in _DISTRIBUTIONS}
    machine, ours = _machine(), processor()

    def send(task: Task) -> bytes:
        here = sys.modules[__name__]
        work = pickle.dumps((function, task))
        cloudpickle.register_pickle_by_value(here)
        try:
            return cloudpickle.dumps(_Call(_run, work, str(package), digest, str(Path.cwd()), versions, machine, ours))
        finally:
            cloudpickle.unregister_pickle_by_value(here)

    return send


def _digest(package: Path) -> str:
    """sha256 over the names and contents of a package's modules."""
    digest = sha256()
    for path in sorted(package.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(package).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _machine() -> str:
    return f"{platform.system()} {platform.machine()}"


def _run(work: bytes, package: str, digest: str, folder: str, versions: dict, machine: str, processor: str) -> tuple:
    """On a worker: run pickled work with the code in `package`; what is wrong here, or None, and the result.

    This and what it calls are pickled by value: in here, nothing of this library is known.
    """
    problem = _obstacle(Path(package), digest, Path(folder), versions, machine)
    if not problem:
        _load_package(Path(package), digest)
        theirs = importlib.import_module(f"{Path(package).name}.code").processor()
        if theirs != processor:
            problem = f"its processor is {theirs} and this machine's {processor}; results would differ a little"
    if problem:
        return f"the worker on {platform.node()} cannot help: {problem}", None
    with chdir(folder):  # paths in tasks may be relative
        function, task = pickle.loads(work)
        return None, function(task)


def _obstacle(package: Path, digest: str, folder: Path, versions: dict, machine: str) -> str | None:
    """Why a task would not give here what it gives on the machine that sent it."""
    for needed in (package, folder):
        if not needed.is_dir():
            return (
                f"{needed} is not there; workers must see the project's folder and the work store under the same paths"
            )
    if _is_loaded(package, digest):
        return None
    if _machine() != machine:
        return f"it is a {_machine()} and this machine a {machine}; results would differ"
    for distribution, ours in versions.items():
        try:
            theirs = version(distribution)
        except PackageNotFoundError:
            theirs = "missing"
        if theirs != ours:
            return (
                f"{distribution} is {theirs} there and {ours} here; start the workers with the Python of the project's "
                f".venv, or one like it"
            )
    if _digest(package) != digest:
        return f"{package} holds other code there than here; do the two share a disk?"
    return None


def _load_package(package: Path, digest: str) -> None:
    """Make sure that imports of the package, from now on, give the modules of these files."""
    if _is_loaded(package, digest):
        return
    for module in [*sys.modules]:
        if module.split(".")[0] == package.name:
            del sys.modules[module]
    sys.path[:] = [str(package.parent), *(path for path in sys.path if path != str(package.parent))]
    importlib.invalidate_caches()
    importlib.import_module(package.name)._came_from = digest, package


def _is_loaded(package: Path, digest: str) -> bool:
    return getattr(sys.modules.get(package.name), "_came_from", None) == (digest, package)


# --- Dask ---------------------------------------------------------------------------------------------------------


@contextmanager
def _dask(address: str | None, at_once: int | None) -> Iterator[_Cluster]:
    if address is None:
        raise ParameterError(
            "params.yaml: `compute.scheduler` is null; with compute.backend dask it is the scheduler's address, such "
            "as tcp://host:8786"
        )
    try:
        import distributed
    except ImportError:
        raise _missing("dask") from None
    _require_answer(address, what="Dask scheduler", start="dask scheduler", allowed="tcp://host:8786")
    # What it has to say of a lost connection, we say in one line.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    try:
        client = distributed.Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise DataError(
            f"what answers at {address} is no Dask scheduler of our version ({_one_line(error)}); check "
            f"compute.scheduler in params.yaml"
        ) from None
    cluster = _Dask(client, address)
    try:
        cluster.check()
        yield cluster
    finally:
        cluster.cancel()
        client.close()


class _Dask:
    """A scheduler that gives the tasks of a worker that died to another one."""

    def __init__(self, client: Any, address: str) -> None:
        self._client = client
        self._address = address
        self._futures: set[Any] = set()
        self._ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._had_workers = True

    def check(self) -> None:
        """Raises DataError: no worker, or one that would not compute the same."""
        try:
            self._client.wait_for_workers(1, timeout=_CONNECT_SECONDS)
        except TimeoutError:
            raise DataError(self._no_worker()) from None
        for worker in self._client.scheduler_info(n_workers=-1)["workers"].values():
            if worker["nthreads"] != 1:
                # Tasks in threads of one process would undo each other's limit of BLAS threads, and wait for Python.
                raise DataError(
                    f"the Dask worker {worker['name']} on {worker['host']} has "
                    f"{worker['nthreads']} threads; start it with one thread a process: dask worker {self._address} "
                    f"--nthreads 1 --nworkers <cores>"
                )
        # Asked before anything is sent: another Python cannot even read our function.
        for worker, found in self._client.get_versions()["workers"].items():
            theirs, ours = found["host"]["python"], platform.python_version()
            if not theirs.startswith(f"{ours}."):
                raise DataError(
                    f"Python is {theirs} on the Dask worker {worker} and {ours} here; start the workers "
                    f"with the Python of the project's .venv, or one like it"
                )

    def submit(self, payload: bytes) -> Any:
        future = self._client.submit(pickle.loads, payload, pure=False)
        self._futures.add(future)
        future.add_done_callback(self._ended.put)
        return future

    def wait(self, handles: Collection[Any]) -> Sequence[Any]:
        while True:
            try:
                return [self._ended.get(timeout=_PATIENCE_SECONDS)]
            except queue.Empty:
                self._look()

    def _look(self) -> None:
        if self._client.status != "running":
            raise self._lost()
        try:
            has_workers = bool(self._client.scheduler_info(n_workers=-1)["workers"])
        except OSError:  # it went while we asked
            raise self._lost() from None
        if self._had_workers and not has_workers:
            print(f"dask: {self._no_worker()}; waiting for one", file=sys.stderr, flush=True)
        self._had_workers = has_workers

    def result(self, handle: Any) -> Any:
        import distributed

        self._futures.discard(handle)
        try:
            return handle.result()
        except distributed.KilledWorker:
            raise DataError(
                "the same task killed several Dask workers, most often for want of memory; give "
                "them more (--memory-limit), and run again: what is finished is kept"
            ) from None
        except (distributed.client.FutureCancelledError, distributed.comm.CommClosedError):
            raise self._lost() from None

    def cancel(self) -> None:
        """No task of ours stays behind: what waits is dropped, what runs is not told to anybody."""
        if self._futures and self._client.status == "running":
            with suppress(OSError):  # a scheduler that is gone has no tasks
                self._client.cancel(list(self._futures), force=True)

    def _lost(self) -> DataError:
        return DataError(
            f"the Dask scheduler at {self._address} is gone; start it and run again: what is finished is kept"
        )

    def _no_worker(self) -> str:
        return (
            f"the Dask scheduler at {self._address} has no workers; start some with: dask worker {self._address} "
            f"--nthreads 1 --nworkers <cores>"
        )


# --- Ray ----------------------------------------------------------------------------------------------------------


@contextmanager
def _ray(address: str | None, at_once: int | None) -> Iterator[_Cluster]:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else Ray reports to its makers
    try:
        import ray
    except ImportError:
        raise _missing("ray") from None
    if address is not None:
        _require_answer(
            address,
            what="Ray head",
            start="ray start --head",
            allowed="null for this machine, host:6379 for a cluster's head, ray://host:10001 for its client server",
        )
    on_sigterm = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            address=address or "local",
            num_cpus=None if address else at_once,
            include_dashboard=None if address else False,
            logging_level=logging.ERROR,
            log_to_driver=False,
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise DataError(f"the Ray cluster at {address or 'this machine'} cannot be used: {_one_line(error)}") from None
    finally:
        signal.signal(signal.SIGTERM, on_sigterm)  # Ray sets its own
    cluster = _Ray()
    try:
        yield cluster
    finally:
        cluster.cancel()
        ray.shutdown()


class _Ray:
    """A head that gives each of our tasks to a worker process once."""

    def __init__(self) -> None:
        import ray

        self._ray = ray
        self._running: set[Any] = set()

        @ray.remote(num_cpus=1, max_retries=0, name="voicetraits")
        def run(payload: bytes) -> Any:
            return pickle.loads(payload)

        self._run = run

    def submit(self, payload: bytes) -> Any:
        handle = self._run.remote(payload)
        self._running.add(handle)
        return handle

    def wait(self, handles: Collection[Any]) -> Sequence[Any]:
        return self._ray.wait(list(handles), num_returns=1, fetch_local=False)[0]

    def result(self, handle: Any) -> Any:
        self._running.discard(handle)
        try:
            return self._ray.get(handle)
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except self._ray.exceptions.RayError:
            raise DataError(
                "a Ray worker died, most often for want of memory; set compute.workers in "
                "params.yaml lower, or give the workers more memory, and run again: what is finished is kept"
            ) from None

    def cancel(self) -> None:
        """No task of ours stays behind, waiting or running."""
        for handle in self._running:
            self._ray.cancel(handle, force=True)


# --- Both ---------------------------------------------------------------------------------------------------------


def _require_answer(address: str, *, what: str, start: str, allowed: str) -> None:
    """Whether anybody listens there. Dask and Ray would try for long; Ray then ends this process.

    Raises:
        ParameterError: the address is none.
        DataError: nobody answers.
    """
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not host or not port.isdecimal() or int(port) >= 2**16:
        raise ParameterError(f"params.yaml: `compute.scheduler` is {address!r}; allowed: {allowed}")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        raise DataError(
            f"no {what} answers at {address} ({_one_line(error)}); check compute.scheduler in params.yaml, or start "
            f"one with `{start}`"
        ) from None


def _missing(package: str) -> ParameterError:
    return ParameterError(
        f"params.yaml: `compute.backend` is '{package}', which is not installed; install it with "
        f"`pip install -r requirements-cluster.txt`, or set it to loky"
    )


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
