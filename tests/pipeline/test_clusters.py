"""Stages on real clusters of this machine, Dask and Ray: the same bytes as here, after any death, by this very code."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from support.clusters import DaskCluster, RayHead, dask_cluster, ray_env, ray_head, wait_until
from support.project import ROOT, Project
from support.submissions import audio_bytes, member, submission, tgz, tone, write_raw

pytestmark = pytest.mark.slow

needs_dask = pytest.mark.skipif(
    not importlib.util.find_spec("distributed"), reason="Dask is not installed: make install-cluster"
)
needs_ray = pytest.mark.skipif(not importlib.util.find_spec("ray"), reason="Ray is not installed: make install-cluster")

SHARDS = 6


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project after both stages in processes of this machine: shards that take a while, and one without a clip."""
    project = Project(tmp_path_factory.mktemp("cluster") / "local")
    archives = {f"u{number}-2008-abc.tgz": submission(f"u{number}-2008-abc", 4, seconds=6.0) for number in range(5)}
    archives["silent-2008-abc.tgz"] = tgz([member("t/silent.wav", audio_bytes(tone(1.0, level=0)))])
    archives["empty-2008-abc.tgz"] = tgz([member("t/etc/README", b"nothing else")])
    write_raw(project.folder / "data/raw", archives)
    project.set_params(extract__archives_per_shard=1)
    for stage in ("extract", "featurize"):
        project.run(stage)
    return project


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    with dask_cluster(tmp_path_factory.mktemp("dask")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayHead]:
    with ray_head(tmp_path_factory.mktemp("ray") / "head") as head:
        yield head


def another(local: Project, folder: Path, *, having: tuple[str, ...] = ("raw",), **compute: object) -> Project:
    """A project with the same params and input, an empty store, and other workers."""
    project = Project(folder)
    project.set_params(extract__archives_per_shard=1, **{f"compute__{key}": value for key, value in compute.items()})
    for name in having:
        shutil.copytree(local.folder / "data" / name, folder / "data" / name)
    return project


def outputs(project: Project, *stages: str) -> dict[str, str]:
    """Digest of each file that the stages write."""
    out = {"extract": "data/audio", "featurize": "data/features"}
    files = [path for stage in stages for path in sorted((project.folder / out[stage]).rglob("*")) if path.is_file()]
    files += [project.folder / f"metrics/{stage}.json" for stage in stages]
    return {str(path.relative_to(project.folder)): sha256(path.read_bytes()).hexdigest() for path in files}


def finished(project: Project, kind: str) -> dict[str, int]:
    """The entries of the work store, and the inode that changes when one is made again."""
    store = Path(project.env["VOICETRAITS_CACHE"])
    return {sums.parent.name: sums.stat().st_ino for sums in store.glob(f"{kind}/??/*/SHA256SUMS.json")}


def start(project: Project, stage: str) -> subprocess.Popen[str]:
    command = [sys.executable, f"src/{stage}.py"]
    return subprocess.Popen(
        command, cwd=project.folder, env=project.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for_an_entry(project: Project, stage: subprocess.Popen[str], kind: str) -> None:
    wait_until(lambda: bool(finished(project, kind)) or stage.poll() is not None, "a finished shard")
    assert stage.poll() is None, stage.communicate()


@needs_dask
def test_dask_gives_the_same_bytes(local: Project, dask: DaskCluster, tmp_path: Path) -> None:
    project = another(local, tmp_path / "project", backend="dask", scheduler=dask.address)
    for stage in ("extract", "featurize"):
        done = project.run(stage)
        assert (done.stdout, done.stderr) == ("", "")
    assert outputs(project, "extract", "featurize") == outputs(local, "extract", "featurize")
    assert dask.count_tasks() == 0


@needs_ray
def test_ray_gives_the_same_bytes(local: Project, ray: RayHead, tmp_path: Path) -> None:
    project = another(local, tmp_path / "project", backend="ray", scheduler=ray.address)
    project.env |= ray.env
    for stage in ("extract", "featurize"):
        done = project.run(stage)
        assert (done.stdout, done.stderr) == ("", "")
    assert outputs(project, "extract", "featurize") == outputs(local, "extract", "featurize")


@needs_ray
def test_ray_without_an_address_is_this_machine(local: Project, tmp_path: Path) -> None:
    project = another(local, tmp_path / "project", backend="ray", workers=1)
    project.env |= ray_env()
    done = project.run("extract")
    assert (done.stdout, done.stderr) == ("", "")
    assert outputs(project, "extract") == outputs(local, "extract")


@needs_dask
def test_a_killed_dask_worker_costs_time_only(local: Project, tmp_path: Path) -> None:
    with dask_cluster(tmp_path / "dask") as cluster:
        project = another(local, tmp_path / "project", having=("audio",), backend="dask", scheduler=cluster.address)
        stage = start(project, "featurize")
        wait_for_an_entry(project, stage, "features")
        cluster.workers[0].kill()
        stdout, stderr = stage.communicate(timeout=120)
        assert (stage.returncode, stdout, stderr) == (0, "", "")
    assert outputs(project, "featurize") == outputs(local, "featurize")


@needs_ray
def test_a_killed_ray_worker_is_one_line_and_the_next_run_goes_on(local: Project, ray: RayHead, tmp_path: Path) -> None:
    project = another(local, tmp_path / "project", having=("audio",), backend="ray", scheduler=ray.address)
    project.env |= ray.env
    stage = start(project, "featurize")
    wait_for_an_entry(project, stage, "features")
    os.kill(ray.busy_workers()[0], signal.SIGKILL)
    _, stderr = stage.communicate(timeout=120)
    assert stage.returncode == 1
    assert stderr == (
        "featurize: a Ray worker died, most often for want of memory; set compute.workers in params.yaml lower, or "
        "give the workers more memory, and run again: what is finished is kept\n"
    )
    made = finished(project, "features")
    project.run("featurize")
    assert made.items() <= finished(project, "features").items()
    assert outputs(project, "featurize") == outputs(local, "featurize")


@needs_dask
def test_workers_that_live_on_use_the_code_of_today(local: Project, dask: DaskCluster, tmp_path: Path) -> None:
    project = another(local, tmp_path / "project", backend="dask", scheduler=dask.address)
    (project.folder / "src").unlink()
    shutil.copytree(ROOT / "src", project.folder / "src")
    code = project.folder / "src/voicetraits/extraction.py"
    now = code.read_text()
    before = outputs(project, "extract") if project.run("extract") else {}
    code.write_text(now.replace("no audio file in it", "nothing to hear"))
    project.run("extract")
    quarantine = (project.folder / "data/audio/quarantine.csv").read_text()
    assert "nothing to hear" in quarantine
    assert "no audio file in it" not in quarantine
    code.write_text(now)
    shutil.rmtree(project.env["VOICETRAITS_CACHE"])
    project.run("extract")
    assert outputs(project, "extract") == before == outputs(local, "extract")


@needs_dask
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_run_leaves_no_tasks(local: Project, dask: DaskCluster, tmp_path: Path, sign: int) -> None:
    # On a busy machine, workers may be nearly done before the signal comes. That shows nothing: two more tries.
    for attempt in range(3):
        folder = tmp_path / f"project-{attempt}"
        project = another(local, folder, having=("audio",), backend="dask", scheduler=dask.address)
        stage = start(project, "featurize")
        wait_for_an_entry(project, stage, "features")
        stage.send_signal(sign)
        _, stderr = stage.communicate(timeout=60)
        wait_until(lambda: dask.count_tasks() == 0, "a scheduler without tasks")
        if len(finished(project, "features")) < SHARDS - 1:
            break
    else:
        pytest.fail("the run had ended already, three times")
    assert stage.returncode == (-signal.SIGKILL if sign == signal.SIGKILL else 130)
    if sign != signal.SIGKILL:
        assert stderr == "featurize: interrupted; run the same command again, it goes on where it stopped\n"


@needs_dask
def test_a_lost_scheduler_is_one_line(local: Project, tmp_path: Path) -> None:
    with dask_cluster(tmp_path / "dask", workers=1) as cluster:
        project = another(local, tmp_path / "project", having=("audio",), backend="dask", scheduler=cluster.address)
        stage = start(project, "featurize")
        wait_for_an_entry(project, stage, "features")
        cluster.scheduler.kill()
        _, stderr = stage.communicate(timeout=120)
    assert stage.returncode == 1
    assert stderr == (
        f"featurize: the Dask scheduler at {cluster.address} is gone; start it and run again: what is finished is "
        f"kept\n"
    )


@needs_dask
def test_workers_that_would_not_do(local: Project, tmp_path: Path) -> None:
    """None at all; one with threads, whose tasks would undo each other's limit of BLAS threads."""
    with dask_cluster(tmp_path / "dask", workers=0) as cluster:
        project = another(local, tmp_path / "project", backend="dask", scheduler=cluster.address)
        done = project.run("extract", check=False)
        how = f"dask worker {cluster.address} --nthreads 1 --nworkers <cores>"
        assert (done.returncode, done.stderr) == (
            1, f"extract: the Dask scheduler at {cluster.address} has no workers; start some with: {how}\n",
        )  # fmt: skip
        cluster.workers.append(cluster.start_worker("broad", "--nthreads", "3"))
        wait_until(lambda: cluster.count_workers() == 1, "the Dask worker", *cluster.workers)
        done = project.run("extract", check=False)
        assert (done.returncode, done.stderr) == (
            1, "extract: the Dask worker broad on 127.0.0.1 has 3 threads; start it with one thread a process: "
            f"{how}\n",
        )  # fmt: skip
