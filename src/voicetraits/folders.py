"""Where archives lie: behind an http(s) index page, in a folder, or at any other address that fsspec opens."""

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol
from urllib.parse import urlsplit

import fsspec

from voicetraits.corpus import Archive, selection_order
from voicetraits.download import CannotFetchError, Client
from voicetraits.index_page import archive_links, is_plain_name
from voicetraits.partial import PartialFile, gzip_problem
from voicetraits.store import plain_key

#: Where an index page tells no sizes, the server is asked for those of so many archives.
SIZES_ASKED_FOR = 16
#: What the many file systems call a file's size, its version, or the time of its last change.
VERSION_MARKS = ("size", "mtime", "ETag", "etag", "md5Hash", "LastModified", "last_modified", "modified")


class Folder(Protocol):
    """A place that lists archives and brings them; `archives` is called before the rest."""

    @property
    def server(self) -> str:
        """What bears the load of a download: the same text for all folders of one server."""

    def archives(self) -> list[Archive]:
        """Every archive here. Raises CannotFetchError."""

    def identity(self, archive: Archive) -> str:
        """A key for this version of an archive."""

    def bring(self, archive: Archive, part: PartialFile) -> None:
        """Bring an archive, whole and checked, to `part`. Raises CannotFetchError."""

    def stop(self) -> None:
        """Let every thread that is in `bring` end soon."""


class WebFolder:
    """The folder of an http(s) index page.

    Args:
        client: talks to its server.
        suffixes: how an archive's name ends, in lower case.
    """

    def __init__(self, client: Client, suffixes: tuple[str, ...]) -> None:
        self._client = client
        self._suffixes = suffixes

    @property
    def server(self) -> str:
        return urlsplit(self._client.address).netloc.lower()

    def archives(self) -> list[Archive]:
        page = self._client.index_page()
        links = archive_links(page.content, page.url, suffixes=self._suffixes, charset=page.charset)
        return self._with_some_sizes([Archive(link.name, link.url, link.bytes, link.changed or "") for link in links])

    def _with_some_sizes(self, archives: list[Archive]) -> list[Archive]:
        unsized = [number for number, archive in enumerate(archives) if archive.bytes is None]
        # The first ones that any `limit` selects.
        unsized.sort(key=lambda number: selection_order(archives[number].name))
        for number in unsized[:SIZES_ASKED_FOR]:
            size = self._client.size(archives[number].source)
            if size is None:
                break
            archives[number] = replace(archives[number], bytes=size)
        return archives

    def identity(self, archive: Archive) -> str:
        return plain_key(archive.source, archive.version)

    def bring(self, archive: Archive, part: PartialFile) -> None:
        self._client.archive(archive.source, part)

    def stop(self) -> None:
        self._client.stop()


class FileSystemFolder:
    """A folder on this machine (a path), or wherever else fsspec reaches (`s3://…`, `sftp://…`, `memory://…`).

    Args:
        url: the folder's path or address.
        suffixes: how an archive's name ends, in lower case.
    """

    def __init__(self, url: str, suffixes: tuple[str, ...]) -> None:
        self._url = url
        self._suffixes = suffixes
        self._infos: dict[str, dict] = {}

    @property
    def server(self) -> str:
        return self._files.unstrip_protocol(self._folder)

    def archives(self) -> list[Archive]:
        with _reasons():
            self._files, self._folder = fsspec.core.url_to_fs(self._url)
            if not self._files.isdir(self._folder):
                raise CannotFetchError("there is no such folder")
            listing = self._files.ls(self._folder, detail=True)
        for info in listing:
            name = info["name"].rpartition("/")[2]
            if info["type"] != "directory" and is_plain_name(name) and name.lower().endswith(self._suffixes):
                self._infos[name] = info
        address = without_password(self._url).rstrip("/")
        return [Archive(name, f"{address}/{name}", info.get("size")) for name, info in self._infos.items()]

    def identity(self, archive: Archive) -> str:
        info = self._infos[archive.name]
        version = [f"{mark}={info[mark]}" for mark in VERSION_MARKS if mark in info]
        return plain_key(self._files.unstrip_protocol(info["name"]), *version)

    def bring(self, archive: Archive, part: PartialFile) -> None:
        part.forget()
        path = self._infos[archive.name]["name"]
        # A copy, never a link: what DVC does to a file in the workspace must not reach the user's own.
        with _reasons(), self._files.open(path, "rb") as source, open(part.path, "wb") as target:
            shutil.copyfileobj(source, target, 2**20)
        problem = gzip_problem(part.path)
        if problem:
            part.forget()
            raise CannotFetchError(problem)

    def stop(self) -> None:
        """Copies are short: nothing to do."""


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
        text = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise CannotFetchError(" ".join(str(text).split())) from error


def without_password(url: str) -> str:
    """An address without the user name and password that may stand in it."""
    return re.sub(r"(?<=://)[^/@]*@", "", url)
