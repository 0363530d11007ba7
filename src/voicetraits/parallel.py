"""Runs one function over many tasks, in worker processes or, where the work is waiting, in threads."""

import queue
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import joblib
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from voicetraits.errors import DataError

Task = TypeVar("Task")
Result = TypeVar("Result")

#: How long a program that ends waits for threads.
_LAST_SECONDS = 0.5


@dataclass(frozen=True)
class Workers:
    """Where tasks run; what comes out does not depend on it.

    Attributes:
        count: worker processes, None for one a core; on a cluster, tasks at a time, None for all that it has room for.
        backend: `loky` for processes of this machine, or the kind of the cluster, `dask` or `ray`.
        scheduler: the cluster's address.
    """

    count: int | None = None
    backend: str = "loky"
    scheduler: str | None = None


def map_in_workers(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    *,
    workers: Workers | int | None,
    description: str,
    unit: str,
) -> Iterator[Result]:
    """Yield `function(task)` in the order of `tasks`; the results do not depend on the workers.

    Args:
        workers: where; a number, or None for one a core, means worker processes of this machine.

    Raises:
        ParameterError: the cluster's package is missing, or its address is none.
        DataError: a worker process died (most often for want of memory), or the cluster cannot be used.
    """
    workers = workers if isinstance(workers, Workers) else Workers(workers)
    in_one_thread = partial(_with_one_thread, function)
    if workers.backend == "loky":
        results = _map_in_processes(in_one_thread, tasks, count=workers.count, description=description)
    else:
        # Loaded by those who use it: dvc.yaml has no dependency on it.
        from voicetraits.cluster import map_on_cluster

        results = map_on_cluster(
            in_one_thread,
            tasks,
            backend=workers.backend,
            scheduler=workers.scheduler,
            at_once=workers.count,
        )
    # A bar only where someone watches: `disable=None` turns it off where output is no terminal.
    with tqdm(total=len(tasks), desc=description, unit=unit, disable=None) as bar:
        for result in results:
            bar.update()
            yield result


def _map_in_processes(
    function: Callable[[Task], Result], tasks: Sequence[Task], *, count: int | None, description: str
) -> Iterator[Result]:
    count = min(count or joblib.cpu_count(), max(len(tasks), 1))  # of the cores that this process may use
    calls = (joblib.delayed(function)(task) for task in tasks)
    # A worker that has grown by 300 MB, or had nothing to do for minutes, is replaced: nobody need act on that.
    warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
    try:
        yield from joblib.Parallel(n_jobs=count, return_as="generator", pre_dispatch="2*n_jobs")(calls)
    except joblib.externals.loky.process_executor.BrokenProcessPool:
        raise DataError(
            f"{description}: a worker process died, most often for want of memory; set compute.workers in "
            f"params.yaml lower and run again: what is finished is kept"
        ) from None


def in_threads(
    function: Callable[[Task], Result], tasks: Sequence[Task], *, threads: int, stop: Callable[[], None]
) -> Iterator[tuple[Task, Result | BaseException]]:
    """Yield each task with what `function` returned or raised for it, as they come.

    A program that ends waits for the threads half a second at most: what they do must bear to be broken off anywhere.

    Args:
        stop: called where the caller ends before the tasks do; it lets `function` end soon in all threads.
    """
    waiting: queue.SimpleQueue[Task] = queue.SimpleQueue()
    results: queue.SimpleQueue[tuple[Task, Result | BaseException]] = queue.SimpleQueue()
    ended = threading.Event()
    for task in tasks:
        waiting.put(task)

    def work() -> None:
        while not ended.is_set():
            try:
                task = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                results.put((task, function(task)))
            except BaseException as error:  # for the caller to judge
                results.put((task, error))

    started = [threading.Thread(target=work, daemon=True) for _ in range(min(threads, len(tasks)))]
    for thread in started:
        thread.start()
    try:
        for _ in tasks:
            yield results.get()
    except BaseException:
        stop()
        raise
    finally:
        ended.set()
        # A thread that computes while the interpreter is taken down may crash it; one that waits does no harm.
        deadline = time.monotonic() + _LAST_SECONDS
        for thread in started:
            thread.join(max(0.0, deadline - time.monotonic()))


def _with_one_thread(function: Callable[[Task], Result], task: Task) -> Any:
    # More BLAS threads than one would change the order of sums, and fight over the cores with the other workers.
    with threadpool_limits(1):
        return function(task)
