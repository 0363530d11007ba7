"""The work store: finished pieces of work that must survive a kill, a `dvc` clean-up, and a change of corpus.

DVC deletes a stage's outputs before the stage runs. What is costly to make again (downloads, shards) is kept here,
outside the project, each entry keyed by everything that made it. Stages assemble their outputs from it by link or copy.
Deleting the store costs time only.

    <root>/<kind>/<first two digits of key>/<key>/   the entry's files and SHA256SUMS.json
    <root>/aside/                                    entries being written or removed
    <root>/partial/                                  partial downloads
"""

import errno
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal
from uuid import uuid4

import platformdirs
import psutil
from pydantic import Field

from voicetraits.errors import DataError
from voicetraits.files import sha256_of
from voicetraits.params import expanded, section

_SUMS = "SHA256SUMS.json"
_ABANDONED_SECONDS = 30 * 24 * 3600
_FULL = (errno.ENOSPC, errno.EDQUOT)


@section
class ComputeParams:
    """Where and how it runs; never what comes out. In no stage's `params:`, so a change reruns nothing."""

    backend: Literal["loky", "dask", "ray"]
    scheduler: Annotated[str, Field(min_length=1)] | None
    workers: Annotated[int, Field(ge=1)] | None
    store_gigabytes: Annotated[float, Field(gt=0)]


class Store:
    """Finished work under one root folder, bounded in size.

    What a kill left half written goes when a store is opened: a disk may be full of it.

    Args:
        root: the folder; None for `$VOICETRAITS_CACHE`, else the user's cache folder.
        max_bytes: what `trim` cuts the store to.

    Raises:
        ParameterError: `$VOICETRAITS_CACHE` lies in a home that is not known.
        DataError: the folder cannot be made.
    """

    def __init__(self, root: Path | None = None, *, max_bytes: int = 40 * 10**9) -> None:
        self.root = Path(root or _named_root() or platformdirs.user_cache_path("voicetraits"))
        self.max_bytes = max_bytes
        try:
            self.partial.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            if error.errno in _FULL:
                raise
            raise DataError(
                f"the work store {self.root} cannot be made ({error.strerror}); let the environment variable "
                f"VOICETRAITS_CACHE name a folder that you may write to"
            ) from None
        self._remove_leftovers()

    @property
    def partial(self) -> Path:
        """Folder for files that are not finished, such as partial downloads; its users name them by key."""
        return self.root / "partial"

    def get(self, kind: str, key: str) -> Path | None:
        """The entry's folder, or None. A damaged entry is removed, with a line on stderr, and counts as none."""
        entry = self._entry(kind, key)
        if not entry.is_dir():
            return None
        try:
            sums = self.digests(entry)
            damaged = [name for name, digest in sums.items() if sha256_of(entry / name) != digest]
            os.utime(entry)  # trim removes what was not used for longest
        except (OSError, ValueError) as error:
            damaged = [str(error)]
        if not damaged:
            return entry
        if self._remove(entry):  # else another process has just done so
            print(f"store: {entry} is damaged ({damaged[0]}); making it again", file=sys.stderr)
        return None

    def digests(self, entry: Path) -> dict[str, str]:
        """Name and sha256 of each file of an entry that `get` or `put` has returned."""
        return json.loads((entry / _SUMS).read_text())

    def entries(self, kind: str) -> list[Path]:
        """Folders of all entries of a kind, unchecked; each is named by its key."""
        return sorted(path for path in (self.root / kind).glob("??/*") if (path / _SUMS).exists())

    def bytes_of(self, *kinds: str) -> int:
        """The size of what all entries of these kinds hold, less what another process removes meanwhile."""
        total = 0
        for path in (path for kind in kinds for path in (self.root / kind).glob("??/*/*")):
            with suppress(FileNotFoundError):
                total += path.stat().st_size * (path.name != _SUMS)
        return total

    def put(self, kind: str, key: str, fill: Callable[[Path], None]) -> Path:
        """Let `fill` write an entry's files into an empty folder, then make it an entry at once, by renaming it."""
        aside = self._new_aside()
        aside.mkdir()
        entry = self._entry(kind, key)
        try:
            with self.named_where_it_is_full():
                fill(aside)
                sums = {file.name: sha256_of(file) for file in sorted(aside.iterdir())}
                (aside / _SUMS).write_text(json.dumps(sums, indent=1))
            entry.parent.mkdir(parents=True, exist_ok=True)
            try:
                aside.rename(entry)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # another process made the same entry meanwhile
                    raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        return entry

    def get_or_make(self, kind: str, key: str, fill: Callable[[Path], None]) -> Path:
        """The entry's folder, made by `fill` where it is not there yet."""
        return self.get(kind, key) or self.put(kind, key, fill)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """An empty folder for the time of a block; what a kill leaves of it goes when a store is opened."""
        folder = self._new_aside()
        folder.mkdir()
        try:
            with self.named_where_it_is_full():
                yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def named_where_it_is_full(self) -> Iterator[None]:
        """Name the store in a full disk's error: who writes to an open file, in a block of this, is told no path."""
        try:
            yield
        except OSError as error:
            if error.errno in _FULL and error.filename is None:
                error.filename = str(self.root)
            raise

    def _remove_leftovers(self) -> None:
        """Remove writings aside whose process is gone, left by a kill.

        And files in `partial`, and what another machine writes aside, that nobody has gone on with for a month.
        """
        for aside in (self.root / "aside").glob("*-*-*"):
            host, pid, _ = aside.name.rsplit("-", 2)
            with suppress(FileNotFoundError):  # another process may be as busy here as we are
                # What runs on another machine that shares the store, nobody here can tell.
                if not _is_running(int(pid)) if host == platform.node() else _is_abandoned(aside):
                    shutil.rmtree(aside, ignore_errors=True)
        for file in self.partial.iterdir():
            with suppress(FileNotFoundError):
                if _is_abandoned(file):
                    file.unlink()

    def trim(self) -> int:
        """Remove leftovers, and the entries that were not used for longest until the store fits `max_bytes`.

        Returns:
            the bytes of the entries removed.
        """
        self._remove_leftovers()
        entries = []
        for entry in self.root.glob("*/??/*"):
            with suppress(FileNotFoundError):
                if (entry / _SUMS).exists():
                    size = sum(file.stat().st_size for file in entry.iterdir())
                    entries.append((entry.stat().st_mtime, size, entry))
        excess = total = sum(size for _, size, _ in entries) - self.max_bytes
        for _, size, entry in sorted(entries):
            if excess <= 0:
                break
            self._remove(entry)
            excess -= size
        return max(0, total - excess)

    def _remove(self, entry: Path) -> bool:
        """Remove an entry, renamed away first, so that nobody sees half of one; whether it was there."""
        aside = self._new_aside()
        try:
            entry.rename(aside)
        except FileNotFoundError:
            return False
        shutil.rmtree(aside)
        return True

    def _new_aside(self) -> Path:
        """A new name in the folder for what is no entry yet, or no more."""
        folder = self.root / "aside"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{platform.node()}-{os.getpid()}-{uuid4().hex}"

    def _entry(self, kind: str, key: str) -> Path:
        return self.root / kind / key[:2] / key


def _named_root() -> Path | None:
    """What `$VOICETRAITS_CACHE` names; a shell does not expand the `~` of `VOICETRAITS_CACHE="~/store"`."""
    named = os.environ.get("VOICETRAITS_CACHE")
    return expanded(named, "the environment variable VOICETRAITS_CACHE") if named else None


def plain_key(*parts: str) -> str:
    """A key for an entry that no code of ours made, such as a download: sha256 over the parts."""
    return sha256("\0".join(parts).encode()).hexdigest()


def _is_abandoned(path: Path) -> bool:
    return time.time() - path.stat().st_mtime > _ABANDONED_SECONDS


def _is_running(pid: int) -> bool:
    """Whether there is such a process, and not only the trace of it that its parent has not asked for yet."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
