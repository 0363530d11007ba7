"""The work store: nothing half-made is ever seen, damage is noticed, the least used goes first."""

import errno
import json
import multiprocessing
import os
import pickle
import platform
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from voicetraits import store as store_module
from voicetraits.errors import DataError, ParameterError
from voicetraits.store import ComputeParams, Store, plain_key

SRC = Path(store_module.__file__).parents[1]
KEY = plain_key("a key")


def write(content: bytes, name: str = "file"):
    return lambda folder: (folder / name).write_bytes(content)


def never(folder: Path) -> None:
    raise AssertionError("made again")


def test_what_is_put_can_be_got(store):
    assert store.get("audio", KEY) is None
    entry = store.put("audio", KEY, lambda folder: [write(b"1")(folder), write(b"2", "other")(folder)])
    assert store.get("audio", KEY) == entry
    assert sorted(path.name for path in entry.iterdir()) == ["SHA256SUMS.json", "file", "other"]
    assert (entry / "file").read_bytes() == b"1"
    assert store.get("features", KEY) is None, "kinds are apart"
    assert store.get_or_make("audio", KEY, never) == entry
    assert Store(store.root).get("audio", KEY) == entry, "another process finds it"


def test_what_fails_leaves_nothing(store):
    def fill(folder):
        write(b"half")(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.put("audio", KEY, fill)
    assert store.get("audio", KEY) is None
    assert [path for path in store.root.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("file", lambda path: path.write_bytes(b"changed")),
        ("file", lambda path: path.write_bytes(b"")),
        ("file", lambda path: path.unlink()),
        ("SHA256SUMS.json", lambda path: path.unlink()),
        ("SHA256SUMS.json", lambda path: path.write_bytes(b"")),
        ("SHA256SUMS.json", lambda path: path.write_bytes(bytes(200))),
        ("SHA256SUMS.json", lambda path: path.write_text("{")),
        ("SHA256SUMS.json", lambda path: path.write_bytes(b"\xff\xfe")),
    ],
)
def test_damage_is_noticed_and_made_good(store, capsys, name, damage):
    entry = store.put("audio", KEY, write(b"content"))
    damage(entry / name)
    again = store.get_or_make("audio", KEY, write(b"content"))
    said = capsys.readouterr().err
    assert said.startswith(f"store: {entry} is damaged (")
    assert said.endswith("); making it again\n")
    assert said.count("\n") == 1
    assert (again / "file").read_bytes() == b"content"
    assert store.get("audio", KEY) == again
    assert capsys.readouterr().err == ""


def test_two_at_once_make_one_entry(store):
    """The second finds the first's entry in its way, and takes it."""

    def fill(folder):
        store.put("audio", KEY, write(b"first"))
        write(b"second")(folder)

    entry = store.put("audio", KEY, fill)
    assert (entry / "file").read_bytes() == b"first"
    assert store.get("audio", KEY) == entry
    assert list((store.root / "aside").iterdir()) == []


def _put_many(root: Path, worker: int) -> None:
    store = Store(root, max_bytes=0)
    for number in range(30):
        entry = store.get_or_make("audio", plain_key(str(number % 5)), write(bytes([number % 5]) * 1000))
        if number % 10 == worker:
            store.trim()
        del entry


def test_many_at_once(store):
    """Processes that make, use and remove the same entries get along; what is left is whole."""
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_put_many, args=(store.root, worker)) for worker in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    for number in range(5):
        entry = store.get_or_make("audio", plain_key(str(number)), write(bytes([number]) * 1000))
        assert (entry / "file").read_bytes() == bytes([number]) * 1000
    assert list((store.root / "aside").iterdir()) == []


def age(entry: Path, seconds: float) -> None:
    os.utime(entry, (time.time() - seconds,) * 2)


def test_trim_removes_what_was_not_used_for_longest(tmp_path):
    store = Store(tmp_path / "store", max_bytes=2500)
    keys = [plain_key(str(number)) for number in range(4)]
    for number, key in enumerate(keys):
        age(store.put("audio" if number % 2 else "features", key, write(bytes(1000))), seconds=100 - number)
    store.get("features", keys[0])  # the oldest, but used just now
    removed = store.trim()
    kept = [key for number, key in enumerate(keys) if store.get("audio" if number % 2 else "features", key)]
    assert kept == [keys[0], keys[3]]
    assert 2000 < removed < 2500
    assert store.trim() == 0


def test_trim_leaves_what_fits(store):
    entry = store.put("audio", KEY, write(bytes(1000)))
    assert store.trim() == 0
    assert store.get("audio", KEY) == entry


def test_trim_removes_what_a_kill_left(store):
    """The folder of a process that is gone goes; that of one that runs, here or perhaps on another machine, stays."""
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    here = platform.node()
    owners = [f"{here}-{done.pid}", f"{here}-{os.getpid()}", f"other-{here}-{done.pid}", f"node-7-{done.pid}"]
    dead, alive, elsewhere, forgotten = (store.root / f"aside/{owner}-0123456789abcdef" for owner in owners)
    for folder in (dead, alive, elsewhere, forgotten):
        folder.mkdir(parents=True)
        write(bytes(10))(folder)
    os.utime(forgotten, (0, 0))
    store.trim()
    assert not dead.exists()
    assert not forgotten.exists()
    assert (alive / "file").exists()
    assert (elsewhere / "file").exists()


def test_what_a_kill_left_goes_when_the_store_is_opened(store):
    """Before anything is written: the disk may be full of it. Entries stay, whatever the store's size."""
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    dead, alive = (store.root / f"aside/{platform.node()}-{pid}-0123456789abcdef" for pid in (done.pid, os.getpid()))
    for folder in (dead, alive):
        folder.mkdir(parents=True)
        write(bytes(10))(folder)
    entry = store.put("audio", KEY, write(b"content"))
    assert Store(store.root, max_bytes=0).get("audio", KEY) == entry
    assert not dead.exists()
    assert (alive / "file").exists()


def test_a_full_disk_is_said_to_be_the_stores(store):
    """What writes to an open file is told no path; in a worker process the error is pickled."""

    def fill(folder: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space") as put:
        store.put("audio", KEY, fill)
    with pytest.raises(OSError, match="No space") as scratch, store.scratch() as folder:
        fill(folder)
    for error in (put.value, scratch.value):
        assert pickle.loads(pickle.dumps(error)).filename == str(store.root)
    assert list((store.root / "aside").iterdir()) == []


def test_trim_counts_as_gone_what_nobody_has_waited_for(store):
    """Killed, a process stays in the system's table until its parent asks for it, which may take its time."""
    killed = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    folder = store.root / f"aside/{platform.node()}-{killed.pid}-0123456789abcdef"
    folder.mkdir(parents=True)
    store.trim()
    assert folder.exists()
    killed.kill()
    while psutil.Process(killed.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    store.trim()
    assert not folder.exists()
    killed.communicate()


def test_trim_removes_forgotten_downloads(store):
    old, new = store.partial / "old", store.partial / "new"
    for path in (old, new):
        path.write_bytes(b"part")
    age(old, 31 * 24 * 3600)
    store.trim()
    assert list(store.partial.iterdir()) == [new]


def test_a_kill_in_the_midst_of_a_writing(tmp_path):
    """kill -9 while an entry is filled: no entry is there, and the next run makes it and tidies up."""
    code = f"""
import sys, time
sys.path.insert(0, {str(SRC)!r})
from pathlib import Path
from voicetraits.store import Store
def fill(folder):
    (folder / "file").write_bytes(b"half")
    print("filling", flush=True)
    time.sleep(60)
Store(Path({str(tmp_path)!r})).put("audio", {KEY!r}, fill)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "filling\n"
    process.kill()
    process.wait()
    process.stdout.close()
    store = Store(tmp_path)
    assert store.get("audio", KEY) is None
    assert (store.get_or_make("audio", KEY, write(b"whole")) / "file").read_bytes() == b"whole"
    store.trim()
    assert list((tmp_path / "aside").iterdir()) == []


def test_root(tmp_path, monkeypatch):
    monkeypatch.setenv("VOICETRAITS_CACHE", str(tmp_path / "named"))
    assert Store().root == tmp_path / "named"
    assert Store(tmp_path / "given").root == tmp_path / "given"
    monkeypatch.setenv("VOICETRAITS_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert tmp_path in Store().root.parents
    assert Store().root.name == "voicetraits"


def test_a_root_in_a_home(tmp_path, monkeypatch):
    """In quotes, or in a file of settings, the shell leaves `~` as it is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("VOICETRAITS_CACHE", "~/store")
    assert Store().root == tmp_path / "home/store"
    monkeypatch.setenv("VOICETRAITS_CACHE", "~no one/store")
    expected = "the environment variable VOICETRAITS_CACHE is '~no one/store': no home is known for ~no one; write the"
    with pytest.raises(ParameterError, match=expected):
        Store()
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_clean_empties_the_root_in_a_home(tmp_path, monkeypatch):
    """`make clean` is a shell script of its own."""
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("VOICETRAITS_CACHE", "~/store")
    Store().put("audio", KEY, write(b"content"))
    subprocess.run(["sh", SRC.parent / "tools/clean.sh"], cwd=project, check=True, capture_output=True)
    assert [path.name for path in tmp_path.iterdir()] == ["project"]


def test_a_root_that_cannot_be(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("VOICETRAITS_CACHE", str(tmp_path / "file/store"))
    with pytest.raises(
        DataError, match=r"the work store .*file/store cannot be made \(.*\); .* VOICETRAITS_CACHE name"
    ):
        Store()


def test_plain_keys_keep_their_parts_apart():
    assert plain_key("a", "bc") != plain_key("ab", "c") != plain_key("abc")
    assert plain_key("a") == plain_key("a")


def test_sums_are_those_of_the_files(store):
    entry = store.put("audio", KEY, write(b"content"))
    sums = json.loads((entry / "SHA256SUMS.json").read_text())
    assert sums == {"file": "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"}
    assert ComputeParams(backend="loky", scheduler=None, workers=None, store_gigabytes=1.0).workers is None
