"""A corpus that is kept elsewhere: in a folder, behind an http(s) index page, or at any other address of fsspec."""

import errno
import queue
import re
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Protocol

import fsspec
from filelock import FileLock, Timeout
from pydantic import Field
from tqdm import tqdm

from voicetraits.corpus import Archive, Fetched, selection_order
from voicetraits.download import CannotFetchError, Client, NoServerError, PartialFile, StoppedError, gzip_problem
from voicetraits.errors import DataError
from voicetraits.files import link_or_copy, sha256_of
from voicetraits.index_page import archive_links
from voicetraits.params import section
from voicetraits.store import Store, plain_key

#: Where an index page tells no sizes, the server is asked for those of so many archives.
SIZES_ASKED_FOR = 16
#: After so many archives in a row for which no server answered, the network is gone.
MOST_UNANSWERED = 10


@section
class RemoteParams:
    """The keys of a corpus that is kept elsewhere; params.yaml tells what each means."""

    url: Annotated[str, Field(min_length=1)]
    limit: Annotated[int, Field(ge=1)] | None
    jobs: Annotated[int, Field(ge=1, le=32)]
    delay_seconds: Annotated[float, Field(ge=0)]
    connect_timeout_seconds: Annotated[float, Field(gt=0)]
    read_timeout_seconds: Annotated[float, Field(gt=0)]
    retries: Annotated[int, Field(ge=0, le=20)]
    max_failed_share: Annotated[float, Field(ge=0, le=1)]
    sources: dict[str, str]


class Remote:
    """A corpus.Corpus over an address.

    Args:
        params: what params.yaml says.
        key: the section's name in params.yaml, for messages (`corpora.voxforge`).
        suffixes: how an archive's name ends, in lower case (`.tgz`).
    """

    def __init__(self, params: RemoteParams, *, key: str, suffixes: tuple[str, ...]) -> None:
        self.limit = params.limit
        self.max_failed_share = params.max_failed_share
        self._jobs = params.jobs
        self._key = key
        self._suffixes = suffixes
        self._address = _without_password(params.url)
        is_web = params.url.lower().startswith(("http://", "https://"))
        try:
            self._source: _Source = (_Web if is_web else _FileSystem)(params, suffixes)
        except (ImportError, ValueError) as error:  # fsspec: an unknown scheme, or one that needs another package
            raise DataError(f"{key}.url: {self._address} cannot be opened: {error}") from None

    def list_archives(self) -> list[Archive]:
        """Every archive at the address.

        Raises:
            DataError: nothing answers there, or there is no archive.
        """
        try:
            offered = self._source.archives()
        except CannotFetchError as error:
            raise DataError(
                f"{self._address} cannot be read: {error}; check the network and {self._key}.url in params.yaml, which "
                f"may also name a mirror or a folder"
            ) from None
        if not offered:
            raise DataError(
                f"{self._address} holds no archives ({', '.join(self._suffixes)}); {self._key}.url in params.yaml must "
                f"name the folder, or the index page of the folder, in which the archives lie"
            )
        archives: dict[str, Archive] = {}
        for archive in sorted(offered, key=lambda archive: (archive.name, archive.source)):
            kept = archives.setdefault(_stem(archive.name, self._suffixes), archive)
            if kept is not archive:
                print(f"scrape: {archive.source} has the same name as {kept.source}; left out", file=sys.stderr)
        return list(archives.values())

    def is_stored(self, archive: Archive, store: Store) -> bool:
        """Whether the store has this archive."""
        return self._stored(archive, store) is not None

    def fetch(self, archives: Sequence[Archive], *, store: Store, workers: int | None) -> Iterator[Fetched]:
        """Fetch the archives into the store, `jobs` at a time; first come those that are there.

        Args:
            workers: not used: `jobs` is what the server has to bear.

        Raises:
            DataError: the server does not answer any more.
        """
        missing = []
        for archive in archives:
            stored = self._stored(archive, store)
            if stored:
                yield stored
            else:
                missing.append(archive)
        if not missing:
            return
        with _alone(store, self._address), tqdm(total=len(missing), desc="scrape", unit="archive", disable=None) as bar:
            unanswered = 0
            for archive, result in self._in_threads(lambda archive: self._fetch(archive, store), missing):
                bar.update()
                unanswered = unanswered + 1 if isinstance(result, NoServerError) else 0
                if unanswered == MOST_UNANSWERED:
                    raise DataError(
                        f"{self._address} does not answer any more: {result}; check the network and run the same "
                        f"command again, it goes on where it stopped"
                    )
                if isinstance(result, CannotFetchError):
                    yield Fetched(archive, failure=str(result))
                elif isinstance(result, BaseException):
                    raise result
                else:
                    yield result

    def _stored(self, archive: Archive, store: Store) -> Fetched | None:
        try:
            entry = store.get("archive", self._source.identity(archive))
        except CannotFetchError:  # it went since it was listed: a fetch will say so
            return None
        return _fetched(archive, entry) if entry else None

    def _fetch(self, archive: Archive, store: Store) -> Fetched:
        identity = self._source.identity(archive)
        entry = store.get("archive", identity)  # another process may have been faster
        if entry is None:
            part = PartialFile(store.partial / f"{identity}.part")
            self._source.bring(archive, part)
            # Linked, not moved: killed before the entry is complete, the partial file is still there.
            entry = store.put("archive", identity, lambda folder: link_or_copy(part.path, folder / archive.name))
            part.forget()
        return _fetched(archive, entry)

    def _in_threads(
        self, work: Callable[[Archive], Fetched], archives: Sequence[Archive]
    ) -> Iterator[tuple[Archive, Fetched | BaseException]]:
        """Each archive with what `work` returned or raised, as they come. The threads end with the program, at once."""
        tasks: queue.SimpleQueue[Archive] = queue.SimpleQueue()
        results: queue.SimpleQueue[tuple[Archive, Fetched | BaseException]] = queue.SimpleQueue()
        for archive in archives:
            tasks.put(archive)

        def run() -> None:
            while True:
                try:
                    archive = tasks.get_nowait()
                except queue.Empty:
                    return
                try:
                    results.put((archive, work(archive)))
                except StoppedError:
                    return
                except BaseException as error:  # handed to the thread that waits for the results
                    results.put((archive, error))

        for _ in range(min(self._jobs, len(archives))):
            threading.Thread(target=run, daemon=True).start()
        try:
            for _ in archives:
                yield results.get()
        finally:
            self._source.stop()


class _Source(Protocol):
    def archives(self) -> list[Archive]: ...

    def identity(self, archive: Archive) -> str:
        """The key under which the store keeps an archive."""

    def bring(self, archive: Archive, part: PartialFile) -> None:
        """Bring the archive, checked, to `part`; CannotFetchError says why not."""

    def stop(self) -> None:
        """Let the threads that work here end."""


class _Web:
    """An http(s) index page."""

    def __init__(self, params: RemoteParams, suffixes: tuple[str, ...]) -> None:
        self._suffixes = suffixes
        self._client = Client(
            params.url,
            connect_timeout_seconds=params.connect_timeout_seconds,
            read_timeout_seconds=params.read_timeout_seconds,
            retries=params.retries,
            delay_seconds=params.delay_seconds,
        )

    def archives(self) -> list[Archive]:
        page = self._client.index_page()
        links = archive_links(page.content, page.url, suffixes=self._suffixes, charset=page.charset)
        archives = [Archive(name=link.name, source=link.url, bytes=link.bytes) for link in links]
        unsized = [archive for archive in archives if archive.bytes is None]
        sample = sorted(unsized, key=lambda archive: selection_order(archive.name))[:SIZES_ASKED_FOR]
        return [
            replace(archive, bytes=self._client.size(archive.source)) if archive in sample else archive
            for archive in archives
        ]

    def identity(self, archive: Archive) -> str:
        return plain_key(archive.source)

    def bring(self, archive: Archive, part: PartialFile) -> None:
        self._client.archive(archive.source, part)

    def stop(self) -> None:
        self._client.stop()


class _FileSystem:
    """A folder, or any other address that fsspec opens."""

    def __init__(self, params: RemoteParams, suffixes: tuple[str, ...]) -> None:
        self._suffixes = suffixes
        self._address = _without_password(params.url).rstrip("/")
        self._files, self._folder = fsspec.core.url_to_fs(params.url)

    def archives(self) -> list[Archive]:
        with _reasons():
            if not self._files.isdir(self._folder):
                raise CannotFetchError("there is no such folder")
            listing = self._files.ls(self._folder, detail=True)
        archives = []
        for info in listing:
            name = info["name"].rstrip("/").rpartition("/")[2]
            if info["type"] != "directory" and name.lower().endswith(self._suffixes) and name.isprintable():
                archives.append(Archive(name=name, source=f"{self._address}/{name}", bytes=info.get("size")))
        return archives

    def identity(self, archive: Archive) -> str:
        path = self._path(archive)
        with _reasons():
            info = self._files.info(path)
        # What the many file systems call a version, or the date of the last change.
        marks = ("size", "mtime", "ETag", "etag", "md5Hash", "LastModified", "last_modified", "modified", "created")
        # A local file that is linked once more counts as created anew, but not as modified.
        version = [
            f"{mark}={info[mark]}" for mark in marks if mark in info and not (mark == "created" and "mtime" in info)
        ]
        return plain_key(self._files.unstrip_protocol(path), *version)

    def bring(self, archive: Archive, part: PartialFile) -> None:
        part.forget()
        with _reasons(), self._files.open(self._path(archive), "rb") as source, open(part.path, "wb") as target:
            shutil.copyfileobj(source, target, 2**20)
        problem = gzip_problem(part.path)
        if problem:
            part.forget()
            raise CannotFetchError(problem)

    def stop(self) -> None:
        pass  # copies are short

    def _path(self, archive: Archive) -> str:
        return f"{self._folder.rstrip('/')}/{archive.name}"


@contextmanager
def _reasons() -> Iterator[None]:
    """Turn what a file system raises, which may be anything, into CannotFetchError; a full disk here stays one."""
    try:
        yield
    except CannotFetchError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        text = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        raise CannotFetchError(" ".join(str(text).split())) from error


@contextmanager
def _alone(store: Store, address: str) -> Iterator[None]:
    """One process at a time downloads from an address: a partial file has one writer, and `jobs` keeps its promise."""
    lock = FileLock(store.partial / f"{plain_key(address)}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(
            f"scrape: another process is downloading from {address}; waiting for its end", file=sys.stderr, flush=True
        )
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _fetched(archive: Archive, entry: Path) -> Fetched:
    path = entry / archive.name
    return Fetched(archive, path=path, sha256=sha256_of(path))


def _without_password(url: str) -> str:
    return re.sub(r"(?<=://)[^/@]*@", "", url)


def _stem(name: str, suffixes: tuple[str, ...]) -> str:
    return next(name[: -len(suffix)] for suffix in suffixes if name.lower().endswith(suffix))
