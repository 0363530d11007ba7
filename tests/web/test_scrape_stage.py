"""`python src/scrape.py` as people and DVC run it: what it prints, how it stops, what survives a kill."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from support import fault_server as faults
from support.archives import make_archives
from support.fault_server import FaultServer
from support.kills import run_with_kills
from support.project import Project
from support.terminal import shown_on_a_terminal
from support.web_servers import apache, free_port, nginx

ARCHIVES = make_archives(30, size=60_000)
SCRAPE = [sys.executable, "src/scrape.py"]


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with faults.fault_server(ARCHIVES) as running:
        yield running


@pytest.fixture
def voxforge(project: Project, server: FaultServer) -> Project:
    """A project that scrapes the server."""
    project.set_params(corpus="voxforge", corpora__voxforge__url=server.url, corpora__voxforge__delay_seconds=0.0)
    return project


def digests(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def outputs(project: Project) -> dict[str, str]:
    metrics = (project.folder / "metrics/scrape.json").read_text()
    return digests(project.folder / "data/raw") | {"metrics": metrics}


def assert_one_line(done: subprocess.CompletedProcess[str], text: str) -> None:
    assert done.returncode == 1
    assert done.stderr.startswith("scrape: ")
    assert done.stderr.count("\n") == 1, done.stderr
    assert text in done.stderr


def test_stage_writes_its_outputs_and_metrics(voxforge: Project) -> None:
    done = voxforge.run("scrape")
    assert done.stderr == ""  # no progress bar where nobody watches
    assert done.stdout.startswith(
        "scrape: 30 of 30 archives selected, 0 of them already stored; 30 to fetch, about 1.8 MB"
    )
    metrics = json.loads((voxforge.folder / "metrics/scrape.json").read_text())
    assert metrics["archives"] == 30
    assert metrics["bytes"] == sum(map(len, ARCHIVES.values()))
    first = outputs(voxforge)
    voxforge.run("scrape")
    assert outputs(voxforge) == first
    assert sorted(path.name for path in (voxforge.folder / "data").iterdir()) == ["raw"]


def test_progress_bar_on_a_terminal(voxforge: Project) -> None:
    assert b"30/30" in shown_on_a_terminal(SCRAPE, cwd=voxforge.folder, env=voxforge.env)


def test_one_line_without_a_network(voxforge: Project) -> None:
    url = f"http://127.0.0.1:{free_port()}/corpus/"
    voxforge.set_params(corpora__voxforge__url=url, corpora__voxforge__retries=0)
    assert_one_line(voxforge.run("scrape", check=False), f"{url} cannot be read: Connection refused; check the network")


def test_one_line_for_too_many_failures(voxforge: Project, server: FaultServer) -> None:
    for name in list(ARCHIVES)[:3]:
        server.faults[name] = [faults.status(404)]
    done = voxforge.run("scrape", check=False)
    assert_one_line(done, "max_failed_share")
    assert not (voxforge.folder / "data/raw").exists()


def test_failures_below_the_share_are_told(voxforge: Project, server: FaultServer) -> None:
    voxforge.set_params(corpora__voxforge__max_failed_share=0.1)
    server.faults[next(iter(ARCHIVES))] = [faults.status(404)]
    assert "scrape: 1 archives could not be had, see data/raw/failed.csv" in voxforge.run("scrape").stdout


def test_one_line_for_a_store_that_cannot_be_made(voxforge: Project) -> None:
    (voxforge.folder / "file").write_text("")
    voxforge.env["VOICETRAITS_CACHE"] = str(voxforge.folder / "file/store")
    assert_one_line(voxforge.run("scrape", check=False), "VOICETRAITS_CACHE name a folder that you may write to")


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_interrupted_it_ends_at_once_and_goes_on_later(
    voxforge: Project, server: FaultServer, number: signal.Signals
) -> None:
    slow = list(ARCHIVES)[:4]
    for name in slow:
        server.faults[name] = [faults.trickle(0.05, length=10**6)]
    process = subprocess.Popen(
        SCRAPE,
        cwd=voxforge.folder,
        env=voxforge.env,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # ignored where the tests run in the background
    )
    deadline = time.monotonic() + 30
    while not all(server.gets(name) for name in slow) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    started = time.monotonic()
    _, stderr = process.communicate(timeout=30)
    assert time.monotonic() - started < 2
    assert process.returncode == 130
    assert stderr == "scrape: interrupted; run the same command again, it goes on where it stopped\n"
    finished = {path.name for path in (voxforge.folder / "store").glob("archive/*/*/*.tgz")}
    asked = len(server.requests)

    voxforge.run("scrape")
    assert not finished & {request.name for request in server.requests[asked:]}
    assert set(digests(voxforge.folder / "data/raw")) == {*ARCHIVES, "manifest.csv", "failed.csv"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 300 kB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)], check=False).returncode != 0:
        pytest.skip("this machine does not let us mount a small disk")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_one_line_for_a_disk_that_is_too_small(voxforge: Project, server: FaultServer, small_disk: Path) -> None:
    voxforge.env["VOICETRAITS_CACHE"] = str(small_disk / "store")
    done = voxforge.run("scrape", check=False)
    assert_one_line(done, f"the disk of {small_disk}/store is too small: all stages need about ")
    assert not any(server.gets(name) for name in ARCHIVES)


def test_one_line_for_a_disk_that_gets_full(voxforge: Project, server: FaultServer, small_disk: Path) -> None:
    voxforge.env["VOICETRAITS_CACHE"] = str(small_disk / "store")
    # A page that tells less than the truth, or another program that writes meanwhile.
    page = faults.index_page(dict.fromkeys(ARCHIVES, b"1"))
    server.faults[""] = [faults.status(200, page, Content_Type="text/html")] * 2
    assert_one_line(voxforge.run("scrape", check=False), f"the disk is full (while writing {small_disk}/store")
    stored = {path.name for path in small_disk.glob("store/archive/*/*/*.tgz")}
    assert stored
    asked = len(server.requests)

    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    voxforge.run("scrape")
    assert set(digests(voxforge.folder / "data/raw")) == {*ARCHIVES, "manifest.csv", "failed.csv"}
    assert not stored & {request.name for request in server.requests[asked:]}


@pytest.mark.slow
def test_killed_twenty_times_it_ends_with_the_same_bytes(
    voxforge: Project, server: FaultServer, tmp_path: Path
) -> None:
    server.chunk_seconds = 0.02
    voxforge.set_params(corpora__voxforge__jobs=2)
    seconds = []
    for _ in range(2):  # from nothing, then from the store
        started = time.monotonic()
        voxforge.run("scrape")
        seconds.append(time.monotonic() - started)
    undisturbed = outputs(voxforge)

    store = tmp_path / "another store"
    voxforge.env["VOICETRAITS_CACHE"] = str(store)
    raw = voxforge.folder / "data/raw"
    shutil.rmtree(raw)
    finished: dict[str, int] = {}
    noted: set[str] = set()
    server.requests.clear()

    def look() -> None:
        for name, requests_before in finished.items():
            assert name not in {request.name for request in server.requests[requests_before:]}
        for path in store.glob("archive/*/*/*.tgz"):
            if (path.parent / "SHA256SUMS.json").exists():
                finished.setdefault(path.name, len(server.requests))
        noted.update(finished)
        if raw.exists():  # nothing is left to disturb: from the start
            shutil.rmtree(raw)
            shutil.rmtree(store)
            finished.clear()

    last = run_with_kills(
        SCRAPE,
        voxforge.folder,
        voxforge.env,
        20,
        1,
        seconds[0],
        startup_seconds=seconds[1],
        after_kill=look,
    )
    assert last.returncode == 0, last.stderr
    assert outputs(voxforge) == undisturbed
    assert noted
    look()
    assert any(request.status == 206 for request in server.requests)  # what was half done was gone on with
    assert [path for path in (voxforge.folder / "data").iterdir() if path.name != "raw"] == []


@pytest.fixture
def served(mirror: Path) -> Path:
    """The mirror of real speech as a folder that a web server can read."""
    if not mirror.is_dir():
        pytest.skip("VOICETRAITS_MIRROR is no folder, so no server of ours can serve it")
    if not all(folder.stat().st_mode & 0o005 == 0o005 for folder in [mirror, *mirror.resolve().parents]):
        pytest.skip("VOICETRAITS_MIRROR is not readable for all, so Apache's user cannot serve it")
    return mirror


SERVERS = {
    "nginx": (nginx, ""),
    "nginx, sizes for people": (nginx, "autoindex_exact_size off;"),
    "apache, plain list": (apache, "IndexOptions -FancyIndexing"),
    "apache, <pre>": (apache, "IndexOptions FancyIndexing"),
    "apache, table": (apache, "IndexOptions FancyIndexing HTMLTable NameWidth=*"),
}


@pytest.mark.slow
@pytest.mark.parametrize("style", SERVERS)
def test_real_servers_give_what_the_folder_gives(project: Project, served: Path, tmp_path: Path, style: str) -> None:
    serve, options = SERVERS[style]
    project.set_params(corpus="voxforge", corpora__voxforge__url=str(served), corpora__voxforge__delay_seconds=0.0)
    project.run("scrape")
    from_folder = digests(project.folder / "data/raw")
    with serve(served, tmp_path / "server", options) as url:
        project.set_params(corpora__voxforge__url=url)
        done = project.run("scrape")
        assert f"{len(from_folder) - 2} to fetch, about" in done.stdout
        from_server = digests(project.folder / "data/raw")
        assert from_server["failed.csv"] == from_folder["failed.csv"]
        assert url in (project.folder / "data/raw/manifest.csv").read_text()
        for digest in (from_folder, from_server):
            del digest["manifest.csv"]  # it names the source
        assert from_server == from_folder
        assert (
            f"{len(from_folder) - 1} of them already stored; nothing to fetch; all stages"
            in project.run("scrape").stdout
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("serve", "slowly"),
    [(nginx, "limit_rate 100k;"), (apache, "SetOutputFilter RATE_LIMIT\nSetEnv rate-limit 100")],
    ids=["nginx", "apache"],
)
def test_real_servers_go_on_where_a_kill_stopped(
    project: Project, served: Path, tmp_path: Path, serve: Callable, slowly: str
) -> None:
    project.set_params(corpus="voxforge", corpora__voxforge__delay_seconds=0.0, corpora__voxforge__limit=4)
    project.set_params(corpora__voxforge__url=str(served))
    project.run("scrape")
    whole = digests(project.folder / "data/raw")
    with serve(served, tmp_path / "server", slowly) as url:
        project.set_params(corpora__voxforge__url=url)
        process = subprocess.Popen(SCRAPE, cwd=project.folder, env=project.env)
        deadline = time.monotonic() + 30
        while sum(path.stat().st_size > 50_000 for path in (project.folder / "store/partial").glob("*.part")) < 4:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.kill()
        process.wait()
        project.run("scrape")
    again = digests(project.folder / "data/raw")
    assert again | {"manifest.csv": ""} == whole | {"manifest.csv": ""}
    log = (tmp_path / "server/access.log").read_text()
    assert len(re.findall(r'\.tgz HTTP/1\.1"? 206', log)) == 4
