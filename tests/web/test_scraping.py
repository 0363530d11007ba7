"""Selection, store, manifest, failures and space: what scrape makes of a corpus, wherever the corpus lies."""

import errno
import gzip
import os
import shutil
import subprocess
import threading
import time
import zlib
from collections import namedtuple
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pytest

from support import fault_server as faults
from support.archives import make_archives
from support.fault_server import FaultServer
from support.web_servers import free_port
from voicetraits import download, folders, remote
from voicetraits.corpus import Archive, selection_order
from voicetraits.errors import DataError, ParameterError, VoicetraitsError
from voicetraits.opening import open_corpus
from voicetraits.scraping import estimate_bytes, human_bytes, mean_space_factor, scrape
from voicetraits.store import Store, plain_key

ARCHIVES = make_archives(12)
ORDER = sorted(ARCHIVES, key=selection_order)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "FIRST_PAUSE_SECONDS", 0.01)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with faults.fault_server(ARCHIVES) as running:
        yield running


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return tmp_path / "data" / "raw"


def params_of(url: str, **values: Any) -> dict[str, Any]:
    defaults = {
        "limit": None,
        "jobs": 3,
        "delay_seconds": 0.0,
        "connect_timeout_seconds": 5.0,
        "read_timeout_seconds": 5.0,
        "retries": 2,
        "max_failed_share": 0.0,
        "sources": {},
    }
    return {"corpus": "voxforge", "corpora": {"voxforge": {"url": str(url)} | defaults | values}}


def run(url: object, raw: Path, store: Store, **values: Any) -> dict[str, int]:
    return scrape(open_corpus(params_of(str(url), **values), store), "corpora.voxforge", raw, store=store, workers=None)


def archives_in(raw: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in raw.iterdir() if path.suffix != ".csv"}


def write_folder(folder: Path, archives: dict[str, bytes] = ARCHIVES) -> Path:
    folder.mkdir()
    for name, content in archives.items():
        (folder / name).write_bytes(content)
    return folder


# --- What comes out -----------------------------------------------------------------------------------------------


def test_everything_arrives_with_a_manifest(server: FaultServer, raw: Path, store: Store) -> None:
    counts = run(server.url, raw, store)
    assert archives_in(raw) == ARCHIVES
    manifest = pd.read_csv(raw / "manifest.csv")
    assert manifest.columns.tolist() == ["name", "source", "bytes", "sha256"]
    assert manifest["name"].tolist() == sorted(ARCHIVES)
    for row in manifest.itertuples():
        assert row.source == server.url + row.name
        assert row.bytes == len(ARCHIVES[row.name])
        assert row.sha256 == sha256(ARCHIVES[row.name]).hexdigest()
    assert (raw / "failed.csv").read_text() == "name,source,reason\n"
    assert counts == {
        "archives_offered": 12,
        "archives_left_out": 0,
        "archives_selected": 12,
        "archives": 12,
        "archives_failed": 0,
        "bytes": sum(map(len, ARCHIVES.values())),
    }


def test_the_store_gives_the_same_as_the_server(server: FaultServer, raw: Path, store: Store, tmp_path: Path) -> None:
    first = run(server.url, raw, store)
    again = run(server.url, tmp_path / "again", store, jobs=1)
    assert again == first
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == {
        path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()
    }


def test_limit_up_and_down_takes_what_it_names_and_downloads_nothing_twice(
    server: FaultServer, raw: Path, store: Store
) -> None:
    for limit in (4, 9, 2, 12, 4):
        counts = run(server.url, raw, store, limit=limit)
        assert sorted(archives_in(raw)) == sorted(ORDER[:limit])
        assert counts["archives"] == counts["archives_selected"] == limit
    assert all(len(server.gets(name)) == 1 for name in ARCHIVES)


def test_selection_is_the_smallest_hashes_of_the_names() -> None:
    hashes = sorted(sha256(name.encode()).hexdigest() for name in ARCHIVES)
    assert [sha256(name.encode()).hexdigest() for name in ORDER] == hashes


def test_to_another_corpus_and_back_downloads_nothing_twice(
    server: FaultServer, raw: Path, store: Store, tmp_path: Path
) -> None:
    run(server.url, raw, store)
    other = write_folder(tmp_path / "other", make_archives(2, seed=9))
    run(other, raw, store)
    assert archives_in(raw) == make_archives(2, seed=9)
    run(server.url, raw, store)
    assert archives_in(raw) == ARCHIVES
    assert all(len(server.gets(name)) == 1 for name in ARCHIVES)


def test_a_damaged_store_entry_is_fetched_again(server: FaultServer, raw: Path, store: Store) -> None:
    run(server.url, raw, store)
    stored = next(store.root.glob(f"archive/*/*/{ORDER[0]}"))
    stored.unlink()
    stored.write_bytes(b"rot")
    run(server.url, raw, store)
    assert archives_in(raw) == ARCHIVES
    assert len(server.gets(ORDER[0])) == 2


def test_nothing_partial_is_left(server: FaultServer, raw: Path, store: Store) -> None:
    run(server.url, raw, store)
    assert [path.name for path in store.partial.iterdir() if path.suffix != ".lock"] == []
    assert sorted(path.name for path in raw.parent.iterdir()) == ["raw"]


# --- Where it comes from ------------------------------------------------------------------------------------------


def test_a_folder_is_as_good_as_a_server(raw: Path, store: Store, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "Ordner mit Leerzeichen äöü")
    (folder / "README.txt").write_text("not an archive")
    (folder / "sub.tgz").mkdir()
    counts = run(folder, raw, store)
    assert archives_in(raw) == ARCHIVES
    assert counts["archives_offered"] == 12
    assert pd.read_csv(raw / "manifest.csv")["source"][0] == f"{folder}/{sorted(ARCHIVES)[0]}"


def test_files_of_a_folder_are_copied_not_linked(raw: Path, store: Store, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "mirror")
    run(folder, raw, store)
    assert all(path.stat().st_nlink == 1 for path in folder.iterdir())


def test_links_in_a_folder_are_followed(raw: Path, store: Store, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "real")
    linked = tmp_path / "linked"
    linked.mkdir()
    for path in folder.iterdir():
        (linked / path.name).symlink_to(path)
    run(linked, raw, store)
    assert archives_in(raw) == ARCHIVES


def test_a_changed_file_in_a_folder_is_copied_again(raw: Path, store: Store, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "mirror")
    run(folder, raw, store)
    changed = make_archives(1, seed=5)[f"{sorted(ARCHIVES)[0]}"]
    (folder / sorted(ARCHIVES)[0]).write_bytes(changed)
    run(folder, raw, store)
    assert archives_in(raw) == ARCHIVES | {sorted(ARCHIVES)[0]: changed}


def test_a_file_that_the_server_replaced_is_fetched_again(server: FaultServer, raw: Path, store: Store) -> None:
    run(server.url, raw, store)
    name = sorted(ARCHIVES)[0]
    server.files[name] = make_archives(1, seed=5)[name]
    # Its index page tells: a new time beside this one file.
    old, new = faults.index_page(server.files), faults.index_page({name: server.files[name]}, "2009-01-01 12:00")
    rows = [new.splitlines()[0] if name.encode() in row else row for row in old.splitlines()]
    server.faults[""] = [faults.status(200, b"\n".join(rows), Content_Type="text/html")]
    run(server.url, raw, store)
    assert archives_in(raw) == ARCHIVES | {name: server.files[name]}
    assert {name: len(server.gets(name)) for name in ARCHIVES} == dict.fromkeys(ARCHIVES, 1) | {name: 2}


def test_any_address_of_fsspec(raw: Path, store: Store) -> None:
    memory = fsspec.filesystem("memory")
    for name, content in ARCHIVES.items():
        memory.pipe_file(f"/bucket/corpus/{name}", content)
    try:
        run("memory://bucket/corpus/", raw, store)
        assert archives_in(raw) == ARCHIVES
        assert pd.read_csv(raw / "manifest.csv")["source"][0] == f"memory://bucket/corpus/{sorted(ARCHIVES)[0]}"
    finally:
        memory.rm("/bucket", recursive=True)


def test_a_password_in_the_address_is_not_written_down(server: FaultServer, raw: Path, store: Store) -> None:
    run(server.url.replace("http://", "http://me:secret@"), raw, store)
    assert "secret" not in (raw / "manifest.csv").read_text()


def test_an_index_page_in_another_place(server: FaultServer, raw: Path, store: Store) -> None:
    server.faults["here"] = [faults.redirect("there/")]
    server.faults["there/"] = [faults.status(200, faults.index_page(ARCHIVES), Content_Type="text/html")]
    for name in ARCHIVES:
        server.files[f"there/{name}"] = ARCHIVES[name]
    run(f"{server.url}here", raw, store, limit=3)
    assert set(pd.read_csv(raw / "manifest.csv")["source"]) == {f"{server.url}there/{name}" for name in ORDER[:3]}


def test_names_that_differ_in_the_suffix_only(raw: Path, store: Store, tmp_path: Path) -> None:
    content = ARCHIVES[ORDER[0]]
    folder = write_folder(tmp_path / "mirror", {"a.tgz": content, "a.tar.gz": content, "b.tar.gz": content})
    counts = run(folder, raw, store)
    assert sorted(archives_in(raw)) == ["a.tar.gz", "b.tar.gz"]
    assert (counts["archives_offered"], counts["archives_left_out"], counts["archives_failed"]) == (3, 1, 0)
    assert pd.read_csv(raw / "failed.csv").to_numpy().tolist() == [
        ["a.tgz", f"{folder}/a.tgz", f"left out: {folder}/a.tar.gz has the same name"]
    ]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("/no/such/folder", "/no/such/folder cannot be read: there is no such folder; check corpora.voxforge.url"),
        ("what://is/this", "what://is/this cannot be read: Protocol not known: what; check corpora.voxforge.url"),
        ("http://", r"http:// cannot be read: Invalid URL"),
        ("", "`corpora.voxforge.url` is ''"),
        (
            f"http://127.0.0.1:{free_port()}/",
            r"Connection refused \(tried 3 times\); check the network and",
        ),
    ],
    ids=["no folder", "no protocol", "no host", "empty", "no server"],  # the port differs from process to process
)
def test_an_address_that_leads_nowhere(raw: Path, store: Store, url: str, message: str) -> None:
    with pytest.raises(VoicetraitsError, match=message) as error:
        run(url, raw, store)
    assert "\n" not in str(error.value)


def test_a_file_in_the_folders_place(raw: Path, store: Store, tmp_path: Path) -> None:
    (tmp_path / "x.tgz").write_bytes(b"")
    with pytest.raises(DataError, match="there is no such folder"):
        run(tmp_path / "x.tgz", raw, store)


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (faults.status(200, b"<html><a href='x.zip'>x</a></html>"), r"holds no archives \(\.tgz, \.tar\.gz\); check"),
        (
            faults.status(200, b"\x1f\x8b", Content_Type="application/gzip"),
            "this is no index page but application/gzip",
        ),
        (faults.status(403), "the server answered 403 Forbidden"),
        (
            faults.redirect("http://other.example/corpus/"),
            "redirects to http://other.example/corpus/, which is not below",
        ),
    ],
)
def test_an_index_page_that_is_none(
    server: FaultServer, raw: Path, store: Store, page: faults.Fault, message: str
) -> None:
    server.faults[""] = [page]
    with pytest.raises(DataError, match=message):
        run(server.url, raw, store)


@pytest.mark.parametrize("lengths", [True, False])
def test_an_index_page_that_breaks_off_is_read_again(
    server: FaultServer, raw: Path, store: Store, lengths: bool
) -> None:
    server.lengths = lengths
    page = faults.index_page(ARCHIVES)
    server.faults[""] = [lambda handler: handler.send(200, page, {"Content-Type": "text/html"}, sent=len(page) // 2)]
    assert run(server.url, raw, store)["archives_offered"] == 12


PAGE = faults.index_page(ARCHIVES)
UNENDED = PAGE.replace(b"</body></html>", b"")  # HTML leaves these away where it likes


@pytest.mark.parametrize("page", [UNENDED, PAGE + b"<!--" + bytes(5000) + b"-->"], ids=["no end tag", "a tail"])
def test_a_page_whose_end_the_server_tells_need_not_tell_it_itself(
    server: FaultServer, raw: Path, store: Store, page: bytes
) -> None:
    server.faults[""] = [faults.chunked(page)]
    assert run(server.url, raw, store, retries=0)["archives_offered"] == 12
    server.faults[""] = [faults.status(200, page, Content_Type="text/html")]
    assert run(server.url, raw, store, retries=0)["archives_offered"] == 12


def test_a_page_of_which_a_chunk_lacks_is_read_again(server: FaultServer, raw: Path, store: Store) -> None:
    server.faults[""] = [faults.chunked(PAGE[: len(PAGE) // 2], ended=False)]
    assert run(server.url, raw, store)["archives_offered"] == 12
    assert len(server.gets("")) == 2


def test_a_page_whose_end_nothing_tells_counts_when_it_comes_twice(
    server: FaultServer, raw: Path, store: Store
) -> None:
    server.lengths = False
    half = UNENDED[: UNENDED.index(b"<img", len(UNENDED) // 2)]
    pages = [half, UNENDED, UNENDED]
    server.faults[""] = [faults.status(200, page, Content_Type="text/html") for page in pages]
    assert run(server.url, raw, store, retries=2)["archives_offered"] == 12
    assert len(server.gets("")) == 3
    server.faults[""] = [faults.status(200, UNENDED, Content_Type="text/html")]
    with pytest.raises(DataError, match="the index page broke off"):
        run(server.url, raw, store, retries=0)


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)], ids=["gzip", "deflate"]
)
def test_a_compressed_index_page_is_read(
    server: FaultServer, raw: Path, store: Store, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    server.faults[""] = [faults.status(200, pack(PAGE), Content_Type="text/html", Content_Encoding=encoding)]
    assert run(server.url, raw, store, retries=0)["archives_offered"] == 12


@pytest.mark.parametrize(
    ("encoding", "sent", "message"),
    [
        ("br", PAGE, "the index page comes compressed as br; allowed: gzip, deflate, or not at all"),
        ("gzip", PAGE, "the compressed index page is damaged"),
        ("gzip", gzip.compress(PAGE)[:-9], "the index page broke off"),
        ("gzip", gzip.compress(bytes(2000)), "the index page is larger than 1000 bytes"),
    ],
    ids=["another encoding", "none", "cut off", "inflates"],
)
def test_a_compressed_index_page_that_cannot_be_read(
    server: FaultServer, raw: Path, store: Store, monkeypatch, encoding: str, sent: bytes, message: str
) -> None:
    if "larger" in message:
        monkeypatch.setattr(download, "LARGEST_PAGE_BYTES", 1000)
    server.faults[""] = [faults.status(200, sent, Content_Type="text/html", Content_Encoding=encoding)]
    with pytest.raises(DataError, match=message):
        run(server.url, raw, store, retries=0)


def test_a_busy_server_is_asked_for_its_index_page_again(server: FaultServer, raw: Path, store: Store) -> None:
    server.faults[""] = [faults.status(503), faults.status(429)]
    assert run(server.url, raw, store)["archives_offered"] == 12


# --- What cannot be had -------------------------------------------------------------------------------------------


def test_what_cannot_be_had_is_listed_with_its_reason(server: FaultServer, raw: Path, store: Store) -> None:
    gone, broken, page = ORDER[2], ORDER[5], ORDER[7]
    server.faults[gone] = [faults.status(404)]
    server.faults[broken] = [faults.damaged]
    server.faults[page] = [faults.html_page]
    counts = run(server.url, raw, store, max_failed_share=0.25)
    assert (counts["archives"], counts["archives_failed"]) == (9, 3)
    failed = pd.read_csv(raw / "failed.csv").set_index("name")
    assert sorted(failed.index) == failed.index.tolist() == sorted([gone, broken, page])
    assert failed["reason"][gone] == "the server answered 404 Not Found"
    assert failed["reason"][broken].startswith("not a whole gzip file: CRC check failed")
    assert failed["reason"][page] == "the server sent an HTML page in the archive's place"
    assert failed["source"][gone] == server.url + gone
    assert set(archives_in(raw)) == set(ARCHIVES) - {gone, broken, page}

    counts = run(server.url, raw, store)  # the server has recovered
    assert (counts["archives"], counts["archives_failed"]) == (12, 0)


def test_a_damaged_file_in_a_folder(raw: Path, store: Store, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "mirror")
    (folder / ORDER[0]).write_bytes(ARCHIVES[ORDER[0]][:-100])
    (folder / ORDER[1]).write_bytes(b"")
    (folder / ORDER[2]).unlink()
    (folder / ORDER[2]).symlink_to("nowhere")
    assert run(folder, raw, store, max_failed_share=0.5)["archives_failed"] == 3
    reasons = pd.read_csv(raw / "failed.csv").set_index("name")["reason"]
    assert reasons[ORDER[0]].startswith("not a whole gzip file: Compressed file ended before")
    assert reasons[ORDER[1]] == "the file is empty"
    assert reasons[ORDER[2]] == "No such file or directory"


def test_too_many_that_cannot_be_had(server: FaultServer, raw: Path, store: Store) -> None:
    for name in ORDER[:4]:
        server.faults[name] = [faults.status(404)]
    message = (
        r"3 of 12 archives cannot be had \(corpora\.voxforge\.max_failed_share in params\.yaml allows a share of "
        r"0\.2\); most often \(3, such as http.*\.tgz\): the server answered 404 Not Found; run the same command again"
    )
    with pytest.raises(DataError, match=message) as error:
        run(server.url, raw, store, max_failed_share=0.2, jobs=1)
    assert "\n" not in str(error.value)
    assert not raw.exists()
    asked = {name for name in ARCHIVES if server.gets(name)}
    assert asked <= set(ORDER[:5])  # as soon as it is certain, no more is asked for


def test_none_that_can_be_had(server: FaultServer, raw: Path, store: Store) -> None:
    for name in ORDER[:2]:
        server.faults[name] = [faults.status(404)]
    with pytest.raises(DataError, match="2 of 2 archives cannot be had"):
        run(server.url, raw, store, max_failed_share=1.0, limit=2)


def test_a_server_that_goes_away(server: FaultServer, raw: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "MOST_UNANSWERED", 3)
    corpus = open_corpus(params_of(server.url, max_failed_share=1.0, retries=0), store)
    archives = corpus.list_archives()
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(DataError, match=r"does not answer any more: the proxy .* check the network and run the same"):
        list(corpus.fetch(archives, store=store, workers=None))


# --- Space --------------------------------------------------------------------------------------------------------


def test_says_beforehand_what_it_will_take(
    server: FaultServer, raw: Path, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    run(server.url, raw, store, limit=4)
    assert capsys.readouterr().out == (
        "scrape: 4 of 12 archives selected, 0 of them already stored; 4 to fetch, about 80.1 kB; "
        "all stages will need about 801 kB of disk\n"
    )
    run(server.url, raw, store, limit=6)
    assert capsys.readouterr().out == (
        "scrape: 6 of 12 archives selected, 4 of them already stored; 2 to fetch, about 40.1 kB; "
        "all stages will need about 1.12 MB of disk\n"
    )
    run(server.url, raw, store, limit=6)
    nothing = "scrape: 6 of 12 archives selected, 6 of them already stored; nothing to fetch"
    assert capsys.readouterr().out == f"{nothing}; all stages will need about 1.08 MB of disk\n"
    store.put("audio", plain_key("shards"), lambda folder: (folder / "part").write_bytes(bytes(981_000)))
    run(server.url, raw, store, limit=6)
    # Not 100: beside each archive lies a note in the store, which counts with it.
    assert capsys.readouterr().out == f"{nothing}; all stages will need about 101 kB of disk\n"
    store.put("stress", plain_key("shards"), lambda folder: (folder / "part").write_bytes(bytes(140_000)))
    run(server.url, raw, store, limit=6)
    assert capsys.readouterr().out == f"{nothing}\n"


def test_what_was_made_of_other_archives_saves_no_space(
    server: FaultServer, raw: Path, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """As after `make repro` on the demo: the store is full of what has nothing to do with this corpus."""
    store.put("demo", plain_key("demo"), lambda folder: (folder / "voices.tgz").write_bytes(bytes(120_000)))
    store.put("stress", plain_key("shards"), lambda folder: (folder / "part").write_bytes(bytes(1_000_000)))
    run(server.url, raw, store, limit=6)
    assert "6 to fetch, about 120 kB; all stages will need about 1.2 MB of disk" in capsys.readouterr().out
    # Half of the archives in the store are the demo's, so half of what is made of archives counts as theirs.
    run(server.url, raw, store, limit=6)
    assert "nothing to fetch; all stages will need about 581 kB of disk" in capsys.readouterr().out


def test_a_page_without_sizes_costs_a_few_requests(
    server: FaultServer, raw: Path, store: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "SIZES_ASKED_FOR", 3)
    page = "".join(f'<li><a href="{name}">{name}</a></li>' for name in ARCHIVES)
    server.faults[""] = [faults.status(200, page.encode(), Content_Type="text/html")]
    run(server.url, raw, store)
    assert "12 to fetch, about 240 kB" in capsys.readouterr().out
    assert [request.name for request in server.requests if request.method == "HEAD"] == ORDER[:3]


def test_sizes_that_nobody_knows(
    server: FaultServer, raw: Path, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    server.lengths = False
    page = "".join(f'<li><a href="{name}">{name}</a></li>' for name in ARCHIVES)
    server.faults[""] = [faults.status(200, page.encode(), Content_Type="text/html")]
    run(server.url, raw, store)
    assert "12 to fetch, of unknown size" in capsys.readouterr().out


def test_unknown_sizes_count_as_the_mean_of_the_known() -> None:
    known, unknown = Archive("a", "", 100), Archive("b", "", None)
    assert estimate_bytes([known, unknown], [known, unknown]) == 200
    assert estimate_bytes([known, unknown], [unknown]) == 100
    assert estimate_bytes([unknown], [unknown]) is None
    assert estimate_bytes([known], []) == 0


def test_space_is_what_each_archive_needs_by_its_size() -> None:
    wav, mp3, unknown = Archive("a", "", 300), Archive("b", "", 100, space_factor=32.0), Archive("c", "", None)
    assert mean_space_factor([wav]) == 10.0
    assert mean_space_factor([wav, mp3]) == (300 * 10.0 + 100 * 32.0) / 400
    assert mean_space_factor([unknown]) == mean_space_factor([]) == 10.0


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (12_345, "12.3 kB"), (5e8, "500 MB"), (12.5e9, "12.5 GB")]
)
def test_bytes_for_people(count: float, text: str) -> None:
    assert human_bytes(count) == text


@pytest.mark.parametrize("small", ["store", "data"])
def test_a_disk_that_is_too_small(
    server: FaultServer, raw: Path, store: Store, monkeypatch: pytest.MonkeyPatch, small: str
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, 100_000 if small in str(path) else 10**9))
    raw.parent.mkdir()
    place = store.root if small == "store" else raw
    with pytest.raises(DataError, match=f"the disk of {place} is too small: all stages need about .*, 100 kB are free"):
        run(server.url, raw, store)
    assert not any(server.gets(name) for name in ARCHIVES)
    with pytest.raises(DataError, match=r"or set corpora\.voxforge\.limit in params\.yaml lower"):
        run(server.url, raw, store)


def test_a_small_disk_is_enough_for_what_is_stored(
    server: FaultServer, raw: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the archives alone it is not: what is made of them has no room."""
    usage = namedtuple("usage", "total used free")
    run(server.url, raw, store)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, 0))
    with pytest.raises(DataError, match=r"is too small: all stages need about 2.16 MB, 0 B are free"):
        run(server.url, raw, store)
    store.put("audio", plain_key("shards"), lambda folder: (folder / "part").write_bytes(bytes(2_200_000)))
    assert run(server.url, raw, store)["archives"] == 12


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 200 kB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)], check=False)
    if mounted.returncode != 0:
        pytest.skip("this machine does not let us mount a small disk")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.parametrize("kind", ["server", "folder"])
def test_a_disk_that_gets_full(
    server: FaultServer, raw: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    url = server.url if kind == "server" else write_folder(tmp_path / "mirror")
    # The check beforehand would stop it.
    monkeypatch.setattr("voicetraits.scraping.estimate_space", lambda selected, missing, stored, made: 0)
    store = Store(small_disk / "store")
    with pytest.raises(OSError) as error:
        run(url, raw, store)
    assert error.value.errno == errno.ENOSPC
    assert str(error.value.filename).startswith(str(small_disk))
    stored = {path.name for path in store.root.glob("archive/*/*/*.tgz")}
    assert len(stored) >= 3
    asked = len(server.requests)

    subprocess.run(["mount", "-o", "remount,size=2m", str(small_disk)], check=True)
    run(url, raw, store)
    assert archives_in(raw) == ARCHIVES
    assert not stored & {request.name for request in server.requests[asked:]}


# --- Together -----------------------------------------------------------------------------------------------------


def test_two_at_a_time_download_each_archive_once(
    server: FaultServer, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.chunk_seconds = 0.02
    errors: list[BaseException] = []

    def work(name: str) -> None:
        try:
            run(server.url, tmp_path / name, Store(store.root))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert archives_in(tmp_path / "one") == archives_in(tmp_path / "two") == ARCHIVES
    assert all(len(server.gets(name)) == 1 for name in ARCHIVES)
    assert "another process is downloading from 127.0.0.1" in capsys.readouterr().err


def test_jobs_is_the_number_of_connections(server: FaultServer, raw: Path, store: Store) -> None:
    server.chunk_seconds = 0.01
    most = []
    answer = faults.Handler.answer_normally
    open_now = 0
    lock = threading.Lock()

    def counted(handler: faults.Handler) -> None:
        nonlocal open_now
        with lock:
            open_now += 1
            most.append(open_now)
        answer(handler)
        with lock:
            open_now -= 1

    for name in ARCHIVES:
        server.faults[name] = [counted]
    run(server.url, raw, store, jobs=3)
    assert max(most) == 3


def test_what_nobody_goes_on_with_is_removed_in_the_end(store: Store) -> None:
    old, new = store.partial / "old.part", store.partial / "new.part"
    for path in (old, new):
        path.write_bytes(b"half a file")
    os.utime(old, (0, time.time() - 40 * 24 * 3600))
    store.trim()
    assert not old.exists()
    assert new.exists()


# --- Params -------------------------------------------------------------------------------------------------------


def test_an_unknown_corpus(store: Store) -> None:
    with pytest.raises(ParameterError, match=r"`corpus` is 'voxforg'; allowed: audiomnist, .*voxforge"):
        open_corpus({"corpus": "voxforg", "corpora": {}}, store)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("limit", 0, "`corpora.voxforge.limit` is 0; allowed: .*greater than or equal to 1"),
        ("jobs", 33, "`corpora.voxforge.jobs` is 33; allowed: .*less than or equal to 32"),
        ("jobs", "4", "`corpora.voxforge.jobs` is '4'; allowed: a valid integer"),
        ("delay_seconds", -1, "`corpora.voxforge.delay_seconds` is -1"),
        ("read_timeout_seconds", 0, "`corpora.voxforge.read_timeout_seconds` is 0"),
        ("max_failed_share", 2, "`corpora.voxforge.max_failed_share` is 2"),
        ("job", 4, r"unknown key `corpora.voxforge.job`; did you mean `corpora.voxforge.jobs`\?"),
    ],
)
def test_params_out_of_range(key: str, value: object, message: str, store: Store) -> None:
    with pytest.raises(ParameterError, match=message):
        open_corpus(params_of("/somewhere", **{key: value}), store)
