"""Writes files so that the same content has the same bytes, and so that a reader never sees half a file."""

import glob
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; renamed to `path` when the block ends well, removed when it does not.

    Never write through an existing file: a file that DVC has linked into the workspace is DVC's cache itself.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = _aside(path)
    try:
        yield aside
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def folder_anew(path: Path) -> Iterator[Path]:
    """A new folder to fill; it replaces `path` when the block ends well, and is removed when it does not."""
    aside = _aside(path)
    old = aside.with_suffix(".old.tmp")
    aside.mkdir(parents=True)
    try:
        yield aside
        if path.exists():
            os.replace(path, old)  # a kill in the midst of removing it in place would leave half a folder
        os.replace(aside, path)
    finally:
        shutil.rmtree(old, ignore_errors=True)
        shutil.rmtree(aside, ignore_errors=True)


def _aside(path: Path) -> Path:
    """A new name beside `path`; what a killed run left under such a name is removed."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.{'[0-9a-f]' * 32}*.tmp"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    return path.with_name(f".{path.name}.{uuid4().hex}.tmp")


def write_parquet(table: "pa.Table | pd.DataFrame", path: Path) -> None:
    """Write one Parquet file: zstd, no index, no time stamp."""
    # Loaded here, since inference writes no tables and should start at once.
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    if isinstance(table, pd.DataFrame):
        table = pa.Table.from_pandas(table, preserve_index=False)
    # The pandas block holds library versions and says nothing that the schema does not.
    table = table.replace_schema_metadata(None)
    with written_aside(path) as aside:
        pq.write_table(table, aside, compression="zstd")


def write_csv(table: "pd.DataFrame", path: Path) -> None:
    """Write one CSV file: no index, `\\n` line ends, empty for null."""
    with written_aside(path) as aside:
        table.to_csv(aside, index=False, lineterminator="\n")


def write_json(content: Any, path: Path) -> None:
    """Write one JSON file for people and for `dvc metrics`: indented, six decimals; NaN is an error."""
    with written_aside(path) as aside:
        text = json.dumps(_rounded(content), indent=2, ensure_ascii=False, allow_nan=False)
        aside.write_text(text + "\n", encoding="utf-8")


def _rounded(content: Any) -> Any:
    if isinstance(content, dict):
        return {str(key): _rounded(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_rounded(value) for value in content]
    # numpy's float64 is a float, its float32 and integers have .item()
    content = content.item() if hasattr(content, "item") else content
    return round(content, 6) if isinstance(content, float) else content


def sha256_of(path: Path) -> str:
    """Hex digest of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def link_or_copy(source: Path, target: Path) -> None:
    """Give `target`, a new file in a folder that is being filled, the content of `source`.

    By hard link where the file system allows it, else by copy.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        shutil.copyfile(source, target)
