"""What travels to a worker, and each obstacle on the way as one line; without any cluster."""

import pickle
import platform
import subprocess
import sys
from contextlib import nullcontext
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from support.clusters import free_port
from voicetraits import cluster
from voicetraits.code import processor
from voicetraits.errors import DataError, ParameterError
from voicetraits.files import sha256_of
from voicetraits.parallel import Workers, map_in_workers

#: A worker that has another library of this name loaded, and gets a task on stdin.
WORKER = """
import pickle, sys, types
if "old" in sys.argv:
    sys.modules["voicetraits"] = types.ModuleType("voicetraits")
    sys.modules["voicetraits.files"] = types.ModuleType("voicetraits.files")
    sys.modules["voicetraits.files"].sha256_of = lambda path: "of yesterday"
problem, result = pickle.load(sys.stdin.buffer)
print(problem or result)
"""


def run(workers: Workers) -> list:
    return list(map_in_workers(sha256_of, ["a", "b"], workers=workers, description="work", unit="task"))


def problem_of(**changes: object) -> str:
    """What a worker has to say of a task that is sent under other conditions."""
    package = Path(cluster.__file__).parent
    conditions = {
        "package": str(package), "digest": cluster._digest(package), "folder": str(Path.cwd()),
        "versions": {"numpy": np.__version__}, "machine": cluster._machine(),
        "processor": processor(),
    }  # fmt: skip
    problem, result = cluster._run(pickle.dumps((abs, -1)), **conditions | changes)
    assert result is None
    start = f"the worker on {platform.node()} cannot help: "
    assert problem.startswith(start)
    return problem.removeprefix(start)


@pytest.mark.parametrize("modules", ["none", "old"])
def test_a_task_brings_its_code_and_finds_its_files(modules, tmp_path, monkeypatch):
    """On a worker in another folder, which knows no such library, or an older one."""
    (tmp_path / "file").write_bytes(b"content")
    monkeypatch.chdir(tmp_path)
    payload = cluster._sender(sha256_of)(Path("file"))
    command = [sys.executable, "-c", WORKER, modules]
    done = subprocess.run(command, cwd="/", input=payload, capture_output=True, check=False)
    assert done.stdout.decode() == f"{sha256(b'content').hexdigest()}\n", done.stderr.decode()


def test_a_worker_with_other_packages():
    problem = problem_of(versions={"numpy": "1.0"})
    assert problem == (
        f"numpy is {np.__version__} there and 1.0 here; start the workers with the Python of the project's .venv, or "
        f"one like it"
    )
    assert problem_of(versions={"no-such-one": "1.0"}).startswith("no-such-one is missing there and 1.0 here; ")


def test_a_worker_of_another_kind():
    problem = problem_of(machine="Plan9 vax")
    assert problem == f"it is a {cluster._machine()} and this machine a Plan9 vax; results would differ"


@pytest.fixture
def as_brought(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a worker runs here is as if this process had brought it itself: its modules stay."""
    package = Path(cluster.__file__).parent
    came_from = cluster._digest(package), package
    monkeypatch.setattr(sys.modules["voicetraits"], "_came_from", came_from, raising=False)


def test_a_worker_with_another_processor(as_brought):
    assert problem_of(processor="i486 00000000") == (
        f"its processor is {processor()} and this machine's i486 00000000; results would differ a little"
    )


@pytest.mark.parametrize("what", ["package", "folder"])
def test_a_worker_without_the_files(what):
    assert problem_of(**{what: "/no/such/folder"}) == (
        "/no/such/folder is not there; workers must see the project's folder and the work store under the same paths"
    )


def test_a_worker_that_sees_other_files_under_the_same_path():
    assert problem_of(digest="0" * 64).endswith(" holds other code there than here; do the two share a disk?")


def test_a_result_that_only_the_worker_sees(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "_VISIBLE_SECONDS", 0)
    cluster._wait_for(tmp_path)
    with pytest.raises(DataError, match=r"/entry, which a worker has made, is not here; workers must see "):
        cluster._wait_for(tmp_path / "entry")


@pytest.mark.parametrize(("backend", "module"), [("dask", "distributed"), ("ray", "ray")])
def test_a_missing_package(backend, module, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ParameterError) as caught:
        run(Workers(backend=backend, scheduler="127.0.0.1:1"))
    assert str(caught.value) == (
        f"params.yaml: `compute.backend` is '{backend}', which is not installed; install it with "
        f"`pip install -r requirements-cluster.txt`, or set it to loky"
    )


def test_dask_needs_an_address():
    with pytest.raises(ParameterError, match=r"`compute\.scheduler` is null; .* such as tcp://host:8786$"):
        run(Workers(backend="dask"))


@pytest.mark.slow  # with what needs the clusters' packages
@pytest.mark.parametrize("address", ["nonsense", "tcp://host", "tcp://host:", ":8786", "host:65536", "host:eight"])
@pytest.mark.parametrize("backend", ["dask", "ray"])
def test_an_address_that_is_none(backend, address):
    pytest.importorskip({"dask": "distributed", "ray": "ray"}[backend])
    with pytest.raises(ParameterError) as caught:
        run(Workers(backend=backend, scheduler=address))
    assert str(caught.value).startswith(f"params.yaml: `compute.scheduler` is {address!r}; allowed: ")


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "what"), [("dask", "Dask scheduler"), ("ray", "Ray head")])
def test_nobody_answers(backend, what):
    pytest.importorskip({"dask": "distributed", "ray": "ray"}[backend])
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(DataError, match=rf"^no {what} answers at {address} \(.*\); check compute\.scheduler in params"):
        run(Workers(backend=backend, scheduler=address))


def test_another_python_on_a_dask_worker():
    """Asked for before any task is sent, as another Python could not even read it."""

    class Client:
        def wait_for_workers(self, count, timeout):
            pass

        def scheduler_info(self, n_workers):
            return {"workers": {"tcp://host:1": {"nthreads": 1, "name": "w", "host": "host"}}}

        def get_versions(self):
            return {"workers": {"tcp://host:1": {"host": {"python": "3.9.1.final.0"}}}}

    with pytest.raises(DataError, match=r"^Python is 3\.9\.1\.final\.0 on the Dask worker tcp://host:1 and 3\.1[12]\."):
        cluster._Dask(Client(), "tcp://host:8786").check()


def test_results_come_in_order_and_at_most_so_many_run(monkeypatch, as_brought):
    """A cluster that ends the last task first."""

    class Backwards:
        most = 0

        def submit(self, payload: bytes) -> bytes:
            return payload

        def wait(self, handles):
            self.most = max(self.most, len(handles))
            return [list(handles)[-1]]

        def result(self, handle: bytes):
            return pickle.loads(handle)

    one = Backwards()
    monkeypatch.setattr(cluster, "_dask", lambda *_: nullcontext(one))
    function = partial(pow, 2)
    for at_once, most in ((None, 5), (2, 2), (1, 1)):
        one.most = 0
        sent = cluster.map_on_cluster(function, range(5), backend="dask", scheduler=None, at_once=at_once)
        assert list(sent) == [1, 2, 4, 8, 16]
        assert one.most == most
