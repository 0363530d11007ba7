"""Work in processes: in order, the same for any number of them, and a death is one line."""

import os
import threading
import time
from contextlib import closing
from functools import partial

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from voicetraits.errors import DataError, ParameterError
from voicetraits.parallel import in_threads, map_in_workers


def run(function, tasks, workers):
    return list(map_in_workers(function, tasks, workers=workers, description="work", unit="task"))


def square_slowly_at_first(task: int) -> tuple[int, float]:
    """The first tasks end last; a sum that would show another order of additions."""
    time.sleep(0.05 * max(0, 3 - task))
    matrix = np.random.default_rng(task).normal(size=(200, 200)).astype(np.float32)
    return task, float((matrix @ matrix).sum())


def fail_at(bad: int, task: int) -> int:
    if task == bad:
        raise ParameterError(f"task {task} is bad")
    return task


def die_at(bad: int, task: int) -> int:
    if task == bad:
        os._exit(9)
    return task


def blas_threads(_: int) -> list[int]:
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_results_are_in_order_and_the_same_for_any_number_of_workers():
    one, two = (run(square_slowly_at_first, range(6), workers) for workers in (1, 2))
    assert [task for task, _ in two] == list(range(6))
    assert one == two


def process_of(_: int) -> int:
    return os.getpid()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="a system where a process cannot be bound to cores")
def test_a_worker_a_core_counts_those_that_this_process_may_use():
    """As `taskset`, a container or a batch system grants them; with one, the work is done right here."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert set(run(process_of, range(4), None)) == {os.getpid()}
    finally:
        os.sched_setaffinity(0, allowed)


@pytest.mark.parametrize("workers", [1, 2, None])
def test_no_tasks(workers):
    assert run(square_slowly_at_first, [], workers) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_reaches_the_caller_as_it_is(workers):
    with pytest.raises(ParameterError, match=r"^task 2 is bad$"):
        run(partial(fail_at, 2), range(5), workers)


def test_a_worker_that_dies_is_one_line():
    with pytest.raises(DataError) as caught:
        run(partial(die_at, 1), range(4), 2)
    assert str(caught.value) == (
        "work: a worker process died, most often for want of memory; set compute.workers in params.yaml lower and run "
        "again: what is finished is kept"
    )
    assert run(partial(die_at, 9), range(4), 2) == [0, 1, 2, 3], "the next work has new workers"


def test_workers_have_one_blas_thread_each():
    assert {threads for own in run(blas_threads, range(2), 2) for threads in own} == {1}


def test_threads_give_each_task_its_result_or_error():
    def halve(number: int) -> int:
        if number % 2:
            raise ValueError(number)
        return number // 2

    found = dict(in_threads(halve, range(40), threads=3, stop=pytest.fail))
    assert {task: result for task, result in found.items() if task % 2 == 0} == {n: n // 2 for n in range(0, 40, 2)}
    assert all(isinstance(found[task], ValueError) for task in range(1, 40, 2))


def test_who_ends_early_leaves_no_thread_at_work():
    stopped, working = threading.Event(), set()

    def work_until_stopped(number: int) -> int:
        if number == 0:
            return 0
        working.add(threading.current_thread())
        while not stopped.wait(0.01):
            pass
        return number

    with closing(in_threads(work_until_stopped, range(9), threads=4, stop=stopped.set)) as results:
        assert next(results) == (0, 0)
    assert stopped.is_set() and not any(thread.is_alive() for thread in working)


def grow(megabytes: int) -> int:
    """Keeps more and more memory, for longer than loky leaves unchecked."""
    vars(os).setdefault("kept", []).append(bytearray(os.urandom(1024)) * (megabytes * 1024))
    time.sleep(1.1)
    return os.getpid()


@pytest.mark.slow
def test_a_worker_that_grows_is_replaced_without_a_word(recwarn):
    made_by = list(map_in_workers(grow, [350] * 6, workers=2, description="grow", unit="task"))
    assert len(set(made_by)) > 2
    assert [str(one.message) for one in recwarn] == []


def test_no_bar_where_nobody_watches(capfd):
    run(partial(fail_at, 9), range(3), 2)
    assert capfd.readouterr() == ("", "")
