"""Reads a .tgz that may be broken, or made to do harm: in one pass, in memory, and never to disk.

A damaged archive (cut off, corrupt, past a limit) is damaged as a whole: `SetAside` is raised, and the caller keeps
nothing of what was read before. A member that is not a plain file with a plain name is handed over with the problem in
place of its content, and reading goes on.

A tar ends at its first block of zeros. What is behind it (some writers leave their buffer's rest there) is not read as
members but, unless it is more zeros, reported as one; the gzip stream is read to its end for its check sum.
"""

import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from isal import igzip, isal_zlib

from voicetraits.quarantine import Reason, SetAside, printable

# Headers of one member: long names and PAX records are some hundred bytes. tarfile holds them whole, and calls itself
# for each of a chain of them.
_MAX_HEADER_BYTES = 32 * 1024
# Of these, PAX records. Older Pythons search them in time that grows with the square.
_MAX_PAX_BYTES = 4096
# Below this, a high compression ratio does no harm: silence compresses a thousandfold.
_RATIO_FREE_BYTES = 10_000_000
_READ_BYTES = 1 << 18
_MAX_NAME_BYTES = 200
_BEHIND_THE_END, _NO_NAME = "(behind the end)", "(no name)"  # stand for names

# What tarfile raises on headers that were made to confuse it, besides its own errors.
_HEADER_ERRORS = (tarfile.TarError, ValueError, ArithmeticError, LookupError)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much an archive may ask of its reader.

    Attributes:
        archive_bytes: all of it, unpacked.
        member_bytes: one file in it, unpacked.
        members: files, folders and anything else.
        compression_ratio: unpacked to packed size of the whole archive. (A .tgz is one stream: a member in it has no
            packed size of its own.)
        pax_bytes: PAX records of all members together. Archivers write about 100 bytes of them for each member.
    """

    archive_bytes: int
    member_bytes: int
    members: int
    compression_ratio: float
    pax_bytes: int = 4_000_000


@dataclass(frozen=True)
class Member:
    """One entry of an archive that is no folder: its name as stored, and its content or what is wrong with it."""

    name: str
    content: bytes | SetAside


def read_members(path: Path, limits: Limits) -> Iterator[Member]:
    """Yield the members of a .tgz in their order.

    Raises:
        SetAside: the archive is damaged or past a limit; nothing that was yielded before can be trusted.
    """
    with open(path, "rb") as file:
        if not (packed_bytes := path.stat().st_size):
            raise SetAside(Reason.DAMAGED_GZIP, "the file is empty")
        stream = _Inflated(igzip.GzipFile(fileobj=file), packed_bytes, limits)
        try:
            yield from _members(stream, limits)
        except SetAside as problem:
            if problem.reason is Reason.DAMAGED_TAR:
                stream.drain()  # broken packing is the deeper reason, where it is one
            raise
        stream.drain()


class _Inflated:
    """The unpacked bytes of a .tgz as a file for tarfile's stream mode; `SetAside` at damage or at a limit."""

    def __init__(self, file: igzip.GzipFile, packed_bytes: int, limits: Limits) -> None:
        self._file = file
        self._position = 0
        self._header_end: int | None = None
        ratio_bytes = max(int(limits.compression_ratio * packed_bytes), _RATIO_FREE_BYTES)
        if ratio_bytes < limits.archive_bytes:
            self._end = ratio_bytes
            self._past_end = SetAside(
                Reason.COMPRESSION_RATIO,
                f"unpacked, more than {limits.compression_ratio:g} times its {packed_bytes} bytes",
            )
        else:
            self._end = limits.archive_bytes
            self._past_end = SetAside(
                Reason.ARCHIVE_TOO_LARGE, f"unpacked, more than {limits.archive_bytes / 1e6:g} MB"
            )

    def expect_headers(self, start: int) -> None:
        """From here on to a member's content, headers that begin at byte `start` are read, and they are short."""
        if start > self._end:  # what a header claims: tarfile would look for it beyond the end of the stream
            raise self._past_end
        self._header_end = start + _MAX_HEADER_BYTES

    def expect_content(self) -> None:
        self._header_end = None

    def read(self, size: int) -> bytes:
        try:
            chunk = self._file.read(min(size, self._end + 1 - self._position))
        except EOFError:
            raise SetAside(Reason.DAMAGED_GZIP, "the gzip stream is cut off") from None
        except (igzip.BadGzipFile, isal_zlib.error):
            raise SetAside(Reason.DAMAGED_GZIP, "the gzip stream is corrupt, or is none") from None
        self._position += len(chunk)
        if self._position > self._end:
            raise self._past_end
        if self._header_end is not None and self._position > self._header_end:
            raise SetAside(Reason.OVERSIZED_HEADER, f"the headers of one member exceed {_MAX_HEADER_BYTES} bytes")
        return chunk

    def drain(self) -> None:
        """Read to the end of the gzip stream, where its check sum is."""
        self._header_end = None
        while self.read(_READ_BYTES):
            pass


class _StrictTarInfo(tarfile.TarInfo):
    """tarfile takes a broken header after the first member for the end of the archive, and drops the rest.

    And it reads PAX records of any size.
    """

    most_pax_bytes: int  # of all members together

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> tarfile.TarInfo:
        try:
            return super().fromtarfile(tar)
        except (tarfile.InvalidHeaderError, tarfile.TruncatedHeaderError):
            raise SetAside(Reason.DAMAGED_TAR, f"no tar header at byte {tar.offset}") from None

    def _proc_pax(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        tar.pax_bytes = getattr(tar, "pax_bytes", 0) + self.size
        for size, most in ((self.size, _MAX_PAX_BYTES), (tar.pax_bytes, self.most_pax_bytes)):
            if size > most:
                raise SetAside(Reason.OVERSIZED_HEADER, f"{size} bytes of PAX records, over {most}")
        return super()._proc_pax(tar)


def _members(stream: _Inflated, limits: Limits) -> Iterator[Member]:
    stream.expect_headers(0)
    headers = type("_Headers", (_StrictTarInfo,), {"most_pax_bytes": limits.pax_bytes})  # tarfile makes them itself
    try:
        # The encoding must not hang on the user's locale. Bytes that are no UTF-8 become lone surrogates.
        tar = tarfile.open(  # noqa: SIM115 (it owns nothing; `stream` is the caller's)
            fileobj=stream, mode="r|", tarinfo=headers, encoding="utf-8", errors="surrogateescape"
        )
        count = 0
        while (info := tar.next()) is not None:
            if (count := count + 1) > limits.members:
                raise SetAside(Reason.TOO_MANY_MEMBERS, f"more than {limits.members} members")
            if info.size < 0 or tar.offset <= info.offset:
                raise SetAside(Reason.DAMAGED_TAR, "a header leads backwards")
            stream.expect_content()
            content = _problem(info, limits) or _content(tar, info)
            if content is not None:
                yield Member(info.name or _NO_NAME, content)
            stream.expect_headers(tar.offset)
            tar.members.clear()  # tarfile keeps each header, which of a large archive are gigabytes
        stream.expect_content()
        if any(chunk.strip(b"\0") for chunk in iter(partial(tar.fileobj.read, _READ_BYTES), b"")):
            yield Member(_BEHIND_THE_END, SetAside(Reason.TRAILING_DATA, "the tar ends before the gzip stream does"))
    except _HEADER_ERRORS:
        raise SetAside(Reason.DAMAGED_TAR, "the tar ends too soon, or a header contradicts itself") from None


def _content(tar: tarfile.TarFile, info: tarfile.TarInfo) -> bytes | None:
    return None if info.isdir() else tar.extractfile(info).read()


def _problem(info: tarfile.TarInfo, limits: Limits) -> SetAside | None:
    """Why a member's content is not read, if so."""
    if is_unsafe(info.name):
        return SetAside(Reason.UNSAFE_PATH, "the path leads out of the archive's folder")
    if info.issym() or info.islnk():
        return SetAside(Reason.LINK, f"{'symbolic' if info.issym() else 'hard'} link to {printable(info.linkname)}")
    if info.isdir():
        return None
    if info.issparse():
        return SetAside(Reason.SPARSE_FILE, f"a sparse file of {info.size} bytes")
    if not info.isreg():
        kind = "a fifo" if info.isfifo() else "a device" if info.isdev() else "of an unknown type"
        return SetAside(Reason.SPECIAL_FILE, f"it is {kind}, no plain file")
    if info.size > limits.member_bytes:
        return SetAside(Reason.MEMBER_TOO_LARGE, f"{info.size} bytes, over {limits.member_bytes / 1e6:g} MB")
    base = info.name.rpartition("/")[2]
    if not base or not base.isprintable():
        return SetAside(Reason.BAD_NAME, "the name is empty, not UTF-8, or has control characters")
    if len(base.encode()) > _MAX_NAME_BYTES:
        return SetAside(Reason.BAD_NAME, f"the name is longer than {_MAX_NAME_BYTES} bytes")
    return None


def is_unsafe(name: str) -> bool:
    """Whether a member's path could lead out of the folder that it is unpacked to."""
    return name.startswith("/") or "\\" in name or ".." in name.split("/") or bool(re.match("[A-Za-z]:", name))
