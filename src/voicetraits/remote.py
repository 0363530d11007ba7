"""A corpus that is kept elsewhere: in a folder, behind an http(s) index page, or at any other address of fsspec."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

from filelock import FileLock, Timeout
from pydantic import Field
from tqdm import tqdm

from voicetraits.corpus import Archive, Fetched
from voicetraits.download import CannotFetchError, Client, NoServerError
from voicetraits.errors import DataError
from voicetraits.files import link_or_copy
from voicetraits.folders import FileSystemFolder, Folder, WebFolder, without_password
from voicetraits.parallel import Workers, in_threads
from voicetraits.params import section
from voicetraits.partial import PartialFile
from voicetraits.store import Store, plain_key

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

    Raises:
        DataError: the address is none.
    """

    def __init__(self, params: RemoteParams, *, key: str, suffixes: tuple[str, ...]) -> None:
        self.limit = params.limit
        self.max_failed_share = params.max_failed_share
        self.left_out: dict[str, int] = {}
        self._jobs = params.jobs
        self._key = key
        self._suffixes = suffixes
        self._known_as_stored: dict[str, Fetched] = {}
        self._address = without_password(params.url)
        self._folder: Folder
        if params.url.lower().startswith(("http://", "https://")):
            try:
                client = Client(
                    params.url,
                    connect_timeout_seconds=params.connect_timeout_seconds,
                    read_timeout_seconds=params.read_timeout_seconds,
                    retries=params.retries,
                    delay_seconds=params.delay_seconds,
                )
            except CannotFetchError as error:
                raise self._unreadable(error) from None
            self._folder = WebFolder(client, suffixes)
        else:
            self._folder = FileSystemFolder(params.url, suffixes)

    def list_archives(self) -> list[Archive]:
        """Every archive at the address.

        Raises:
            DataError: nothing answers there, or there is no archive.
        """
        try:
            offered = self._folder.archives()
        except CannotFetchError as error:
            raise self._unreadable(error) from None
        if not offered:
            raise DataError(
                f"{self._address} holds no archives ({', '.join(self._suffixes)}); check {self._key}.url in "
                f"params.yaml, which names the folder, or the index page of the folder, in which they lie"
            )
        return offered

    def _unreadable(self, error: CannotFetchError) -> DataError:
        check = "check the network and" if isinstance(error, NoServerError) else "check"
        return DataError(
            f"{self._address} cannot be read: {error}; {check} {self._key}.url in params.yaml, which names a folder, "
            f"the index page of a folder, or another address that fsspec opens"
        )

    def is_stored(self, archive: Archive, store: Store) -> bool:
        """Whether the store has this archive."""
        stored = self._stored(archive, store)
        if stored:
            self._known_as_stored[archive.name] = stored
        return stored is not None

    def fetch(self, archives: Sequence[Archive], *, store: Store, workers: Workers | int | None) -> Iterator[Fetched]:
        """Fetch archives of the list into the store, `jobs` at a time; first come those that are there.

        Args:
            workers: not used: `jobs` is what the server has to bear.

        Raises:
            DataError: the server does not answer any more.
        """
        missing = []
        for archive in archives:
            # To look again would mean to check all its bytes again.
            stored = self._known_as_stored.get(archive.name) or self._stored(archive, store)
            if stored:
                yield stored
            else:
                missing.append(archive)
        if not missing:
            return
        with (
            alone(store, self._folder.server),
            tqdm(total=len(missing), desc="scrape", unit="archive", disable=None) as bar,
        ):
            yield from self._fetch_missing(missing, store, bar)

    def _fetch_missing(self, missing: Sequence[Archive], store: Store, bar: tqdm) -> Iterator[Fetched]:
        unanswered = 0
        fetch = partial(self._fetch, store=store)
        with closing(in_threads(fetch, missing, threads=self._jobs, stop=self._folder.stop)) as results:
            for archive, result in results:
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
        entry = store.get("archive", self._folder.identity(archive))
        return _fetched(archive, entry, store) if entry else None

    def _fetch(self, archive: Archive, store: Store) -> Fetched:
        identity = self._folder.identity(archive)
        entry = store.get("archive", identity)  # another process may have been faster
        if entry is None:
            part = PartialFile(store.partial / f"{identity}.part")
            with store.named_where_it_is_full():
                self._folder.bring(archive, part)
            # Linked, not moved: killed before the entry is complete, the partial file is still there.
            entry = store.put("archive", identity, lambda folder: link_or_copy(part.path, folder / archive.name))
            part.forget()
        return _fetched(archive, entry, store)


@contextmanager
def alone(store: Store, server: str) -> Iterator[None]:
    """One process at a time downloads from a server: a partial file has one writer, and `jobs` keeps its promise."""
    lock = FileLock(store.partial / f"{plain_key(server)}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"scrape: another process is downloading from {server}; waiting for its end", file=sys.stderr, flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _fetched(archive: Archive, entry: Path, store: Store) -> Fetched:
    return Fetched(archive, path=entry / archive.name, sha256=store.digests(entry)[archive.name])
