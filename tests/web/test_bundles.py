"""A corpus that is one large file on a server: brought whole, resumed, checked, and repacked after any kill."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import fault_server as faults
from support.corpora import archives_in, params_with, run_scrape
from support.fault_server import FaultServer
from support.kills import run_with_kills
from support.layouts import audiomnist, librispeech, tarred
from support.project import Project
from voicetraits import download
from voicetraits.download import Client
from voicetraits.errors import DataError
from voicetraits.opening import open_corpus
from voicetraits.store import Store

NAME = "train-clean-100.tar.gz"
CONTENT = tarred(librispeech())


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "FIRST_PAUSE_SECONDS", 0.01)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with faults.fault_server({NAME: CONTENT}) as running:
        yield running


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return tmp_path / "raw"


@pytest.fixture
def expected(tmp_path: Path) -> dict[str, bytes]:
    """The archives as the file gives them where it lies on this machine."""
    (tmp_path / NAME).write_bytes(CONTENT)
    run_scrape("librispeech", tmp_path / "expected", Store(tmp_path / "other"), url=str(tmp_path))
    return archives_in(tmp_path / "expected")


def test_it_is_fetched_once(
    server: FaultServer, raw: Path, store: Store, expected: dict, capsys: pytest.CaptureFixture[str]
) -> None:
    run_scrape("librispeech", raw, store, url=server.url, limit=3)
    run_scrape("librispeech", raw, store, url=server.url)
    assert archives_in(raw) == expected
    assert len(server.gets(NAME)) == 1
    assert f"fetching {server.url}{NAME}, {len(CONTENT) / 1000:.3g} kB\n" in capsys.readouterr().out


def test_the_file_may_leave_the_store(server: FaultServer, raw: Path, store: Store, expected: dict) -> None:
    """What was made of it serves without it; for more of it, it is fetched again, if it is still the same."""
    run_scrape("librispeech", raw, store, url=server.url, limit=3)
    shutil.rmtree(store.root / "archive")
    run_scrape("librispeech", raw, store, url=server.url, limit=3)
    assert len(server.gets(NAME)) == 1
    run_scrape("librispeech", raw, store, url=server.url)
    assert len(server.gets(NAME)) == 2
    assert archives_in(raw) == expected
    shutil.rmtree(store.root / "archive")
    shutil.rmtree(store.root / "repacked")
    server.files[NAME] = tarred(librispeech(1))
    with pytest.raises(DataError, match=r"is not the file that it was .*; to take the new one, remove .*/version/"):
        run_scrape("librispeech", raw, store, url=server.url)


def test_a_broken_download_goes_on(server: FaultServer, raw: Path, store: Store, expected: dict) -> None:
    half = len(CONTENT) // 2
    server.faults[NAME] = [faults.truncated(half)]
    with pytest.raises(DataError, match=r"train-clean-100.tar.gz cannot be had: the connection broke off.*is kept"):
        run_scrape("librispeech", raw, store, url=server.url, retries=0)
    run_scrape("librispeech", raw, store, url=server.url, retries=0)
    assert server.gets(NAME)[-1].headers["Range"].startswith("bytes=")
    assert server.gets(NAME)[-1].sent < len(CONTENT)
    assert archives_in(raw) == expected


def test_a_file_that_is_cut_off_on_the_server(server: FaultServer, raw: Path, store: Store) -> None:
    server.files[NAME] = CONTENT[:-500]
    with pytest.raises(DataError, match="cannot be had: not a whole gzip file"):
        run_scrape("librispeech", raw, store, url=server.url, retries=1)


def test_no_such_file(server: FaultServer, raw: Path, store: Store) -> None:
    with pytest.raises(DataError, match=r"dev-clean.tar.gz cannot be had: the server answered 404"):
        run_scrape("librispeech", raw, store, url=server.url, part="dev-clean")


def test_redirect_to_another_server(server: FaultServer, raw: Path, store: Store, expected: dict) -> None:
    """As the large corpora's servers do, which send each visitor to a mirror."""
    with faults.fault_server({NAME: b""}) as first:
        away = faults.redirect(server.url + NAME)
        first.faults[NAME] = [away]
        run_scrape("librispeech", raw, store, url=first.url)
        assert archives_in(raw) == expected
        first.faults[NAME] = [away]
        secret = first.url.replace("://", "://user:secret@")
        with pytest.raises(DataError, match=r"redirects to .* not below") as caught:
            run_scrape("librispeech", raw, Store(store.root / "new"), url=secret)
        assert "secret" not in str(caught.value)


def test_other_file_systems(raw: Path, store: Store, expected: dict, tmp_path: Path) -> None:
    run_scrape("librispeech", raw, store, url=f"file://{tmp_path}")
    assert archives_in(raw) == expected
    with pytest.raises(DataError, match=r"dev-other.tar.gz cannot be had: there is no such file"):
        run_scrape("librispeech", raw, store, url=f"file://{tmp_path}", part="dev-other")


def test_an_address_without_a_name_in_it(raw: Path, store: Store) -> None:
    """As GitHub serves a branch: `…/tar.gz/refs/heads/master`, of unknown length."""
    with faults.fault_server({"master": tarred(audiomnist())}) as server:
        server.lengths = False
        assert run_scrape("audiomnist", raw, store, url=f"{server.url}master")["archives"] == 6


def test_killed_while_it_repacks(raw: Path, store: Store, expected: dict, tmp_path: Path) -> None:
    """What was finished is kept; scratch files of the killed run are removed by the next."""
    corpus = open_corpus(params_with("librispeech", url=str(tmp_path)), store)
    archives = corpus.list_archives()
    made = corpus.fetch(archives, store=store, workers=None)
    first = next(made)
    made.close()
    again = open_corpus(params_with("librispeech", url=str(tmp_path)), store)
    assert [one.name for one in archives if again.is_stored(one, store)] == [first.archive.name]
    assert {
        one.archive.name: one.path.read_bytes() for one in again.fetch(archives, store=store, workers=1)
    } == expected


def _seconds(project: Project, command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, cwd=project.folder, env=project.env, check=True, capture_output=True)
    return time.perf_counter() - start


@pytest.mark.slow
def test_killed_at_any_moment(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(tarred(librispeech(120)))
    run_scrape("librispeech", tmp_path / "expected", Store(tmp_path / "other"), url=str(tmp_path))
    project, measured = Project(tmp_path / "project"), Project(tmp_path / "measured")
    for each in (project, measured):
        each.set_params(corpus="librispeech", corpora__librispeech__url=str(tmp_path))
    command = [sys.executable, "src/scrape.py"]
    # From nothing, then with everything done already.
    total_seconds, startup_seconds = (_seconds(measured, command) for _ in range(2))
    last = run_with_kills(command, project.folder, project.env, 10, 3, total_seconds, startup_seconds=startup_seconds)
    assert last.returncode == 0, last.stderr
    assert archives_in(project.folder / "data/raw") == archives_in(tmp_path / "expected")
    assert not list((project.folder / "store/aside").iterdir())


def test_redirects_that_are_not_followed(raw: Path, store: Store, server: FaultServer) -> None:
    """Neither from https to http, nor to what is no web server at all."""
    server.faults[NAME] = [faults.redirect("file:///etc/passwd")]
    with pytest.raises(DataError, match=r"redirects to file:///etc/passwd, which is not below"):
        run_scrape("librispeech", raw, store, url=server.url, retries=0)
    client = Client(
        "https://example.org/a.tgz",
        connect_timeout_seconds=1.0,
        read_timeout_seconds=1.0,
        retries=0,
        delay_seconds=0.0,
        may_leave_folder=True,
    )
    assert [client.may_go_to(f"{scheme}://mirror.org/a.tgz") for scheme in ("https", "http", "ftp")] == [
        True,
        False,
        False,
    ]
