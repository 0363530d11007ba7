"""Files are written aside and renamed, have the same bytes each time, and JSON has no NaN."""

import json
import os

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from voicetraits.files import (
    folder_anew,
    link_or_copy,
    sha256_of,
    write_csv,
    write_json,
    write_parquet,
    written_aside,
)

TABLE = pd.DataFrame({"name": ["ä", None], "value": [0.1, 2.0]}, index=[7, 9])
WRITERS = {
    "parquet": lambda path, n: write_parquet(TABLE.assign(n=n), path),
    "arrow": lambda path, n: write_parquet(pa.table({"n": [n]}), path),
    "csv": lambda path, n: write_csv(TABLE.assign(n=n), path),
    "json": lambda path, n: write_json({"n": n}, path),
}


@pytest.fixture(params=WRITERS.values(), ids=WRITERS.keys())
def write(request):
    return request.param


def test_folders_are_made_and_nothing_else_is_left(write, tmp_path):
    path = tmp_path / "a b/ü/out"
    write(path, 1)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]


def test_a_linked_file_is_not_written_through(write, tmp_path):
    """DVC links files of its cache into the workspace, and takes away the right to write to them."""
    path, cached = tmp_path / "out", tmp_path / "cached"
    write(path, 1)
    os.link(path, cached)
    cached.chmod(0o444)
    before = cached.read_bytes()
    write(path, 2)
    assert cached.read_bytes() == before != path.read_bytes()
    path.unlink()
    path.symlink_to(cached)
    write(path, 3)
    assert cached.read_bytes() == before
    assert not path.is_symlink()


def test_the_same_content_has_the_same_bytes(write, tmp_path):
    for name in "ab":
        write(tmp_path / name, 1)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_failure_leaves_the_old_file(tmp_path):
    path = tmp_path / "out"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), written_aside(path) as aside:
        aside.write_text("half")
        assert path.read_text() == "old"
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_kill_left_is_removed(tmp_path):
    """Under this name alone: a dot, the name, 32 hex digits, `.tmp`."""
    mine, neighbours, users = f".out.{'0' * 32}.tmp", f".out.csv.{'0' * 32}.tmp", ".out.backup.tmp"
    for name in (mine, neighbours, users):
        (tmp_path / name).write_text("left")
    (tmp_path / f".out.{'1' * 32}.tmp").mkdir()
    with written_aside(tmp_path / "out") as aside:
        aside.write_text("new")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([neighbours, users, "out"])


def test_folder_anew(tmp_path):
    path = tmp_path / "folder[1]"
    path.mkdir()
    (path / "old").write_text("old")
    with folder_anew(path) as folder:
        (folder / "new").write_text("new")
        assert [p.name for p in path.iterdir()] == ["old"]
    assert [p.name for p in path.iterdir()] == ["new"]
    with pytest.raises(ValueError, match="no"), folder_anew(path) as folder:
        (folder / "newer").write_text("newer")
        raise ValueError("no")
    assert [p.name for p in path.iterdir()] == ["new"]
    (tmp_path / f".folder[1].{'a' * 32}.tmp").mkdir()
    with folder_anew(path):
        pass
    assert list(path.iterdir()) == []
    assert list(tmp_path.iterdir()) == [path]


def test_folder_anew_leaves_linked_files(tmp_path):
    cached = tmp_path / "cached"
    cached.write_text("cached")
    cached.chmod(0o444)
    (tmp_path / "folder").mkdir()
    os.link(cached, tmp_path / "folder/file")
    with folder_anew(tmp_path / "folder") as folder:
        (folder / "file").write_text("new")
    assert cached.read_text() == "cached"


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), -np.inf, np.nan, np.float32("nan"), [1.0, {"a": float("nan")}]], ids=repr
)
def test_json_without_numbers_is_an_error(tmp_path, value):
    path = tmp_path / "out.json"
    write_json({"uar": 1.0}, path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json({"uar": value}, path)
    assert json.loads(path.read_text()) == {"uar": 1.0}


def test_json_for_people(tmp_path):
    content = {
        "ä": 1 / 3, "int": np.int64(3), "single": np.float32(0.1), "flag": np.bool_(True), "none": None,
        "list": (1, np.float64(2) / 3), 5: "text", "nested": {"x": 1e-9},
    }  # fmt: skip
    write_json(content, tmp_path / "out.json")
    text = (tmp_path / "out.json").read_bytes().decode()
    assert text.startswith('{\n  "ä": 0.333333,\n  "int": 3,\n  "single": 0.1,\n  "flag": true,')
    assert text.endswith("}\n")
    assert "\r" not in text
    assert json.loads(text) == {
        "ä": 0.333333, "int": 3, "single": 0.1, "flag": True, "none": None, "list": [1, 0.666667], "5": "text",
        "nested": {"x": 0.0},
    }  # fmt: skip


def test_csv(tmp_path):
    write_csv(TABLE, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == "name,value\nä,0.1\n,2.0\n".encode()


def test_parquet_holds_no_metadata(tmp_path):
    write_parquet(TABLE, tmp_path / "out")
    schema = pq.read_schema(tmp_path / "out")
    assert not schema.metadata
    assert schema.names == ["name", "value"], "no index"
    assert pq.ParquetFile(tmp_path / "out").metadata.row_group(0).column(0).compression == "ZSTD"


def test_sha256_of(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    assert sha256_of(tmp_path / "file") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_link_or_copy(tmp_path, monkeypatch):
    source, target = tmp_path / "source", tmp_path / "folder/target"
    source.write_bytes(b"new")
    link_or_copy(source, target)
    assert target.stat().st_ino == source.stat().st_ino

    def refuse(*_):
        raise OSError("another file system")

    monkeypatch.setattr(os, "link", refuse)
    link_or_copy(source, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"new"
    assert (tmp_path / "copy").stat().st_ino != source.stat().st_ino
