"""A corpus that comes as one large file, .tar.gz or .zip: brings it, says what is in it, and reads it in one pass.

It is never unpacked to disk. A local file is read where it lies. From elsewhere it comes to the work store whole, and a
download that was broken off goes on where it stopped.
"""

import json
import re
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from voicetraits.archive import Limits, Member, is_unsafe, read_members
from voicetraits.code import key_of
from voicetraits.corpus import Archive
from voicetraits.download import CannotFetchError, Client
from voicetraits.errors import DataError, ParameterError
from voicetraits.files import link_or_copy, write_json, write_parquet
from voicetraits.folders import FileSystemFolder, without_password
from voicetraits.params import expanded, section
from voicetraits.partial import PartialFile
from voicetraits.quarantine import Reason, SetAside
from voicetraits.remote import alone
from voicetraits.repacking import RepackParams
from voicetraits.scraping import human_bytes, require_space
from voicetraits.store import Store, plain_key
from voicetraits.suffixes import is_audio

# A bundle may be as large as it likes; a member is read into memory.
_LIMITS = Limits(archive_bytes=10**15, member_bytes=4 * 10**9, members=10**9, compression_ratio=10**6, pax_bytes=10**15)
_GZIP_MAGIC, _ZIP_MAGIC = b"\x1f\x8b", b"PK"
#: Bytes on the disk for each of a bundle's, before it is known how much is taken from it: itself, and at most as much
#: again as archives, as audio shards and as features. What nets and stress need beside is told once that is known.
_SPACE_FACTOR = 4
_CLIPS, _ABOUT, _VERSION = "clips.parquet", "survey.json", "version.txt"
_CLIPS_SCHEMA = pa.schema({"path": pa.string(), "bytes": pa.int64()})


@section
class BundleParams(RepackParams):
    """The keys of a corpus that is one file."""

    @property
    def address(self) -> str | None:
        """Where the file is: a path, or an address."""
        raise NotImplementedError


@section
class DownloadParams(BundleParams):
    """The keys of a corpus that is one file on a server."""

    url: Annotated[str, Field(min_length=1)]
    connect_timeout_seconds: Annotated[float, Field(gt=0)]
    read_timeout_seconds: Annotated[float, Field(gt=0)]
    retries: Annotated[int, Field(ge=0, le=20)]

    @property
    def address(self) -> str:
        return self.url


@dataclass(frozen=True)
class Survey:
    """What is in a bundle.

    Attributes:
        clips: path: size, of each.
        texts: path: a file with the content, of those that were asked for.
        left_out: how many clips and texts are no plain files, or stand there twice.
    """

    clips: dict[str, int]
    texts: Mapping[str, Path]
    left_out: int


class BundleLayout:
    """What the layouts of corpora that are one file have in common; of their own they have `licence` and `speakers`.

    Args:
        params: the corpus's section of params.yaml.
        bundle: the file.
    """

    licence: str

    def __init__(self, params: BundleParams, bundle: "Bundle") -> None:
        self._params = params
        self._bundle = bundle
        self.left_out: dict[str, int] = {}

    @property
    def source(self) -> str:
        return self._bundle.source

    @property
    def version(self) -> str:
        return self._bundle.version

    def read(self, paths: Collection[str]) -> Iterator[tuple[str, bytes]]:
        return self._bundle.read(paths)

    def _survey(self, store: Store, texts: str) -> Survey:
        """What is in the file, as `Bundle.survey` says; what it leaves out is counted."""
        survey = self._bundle.survey(store, texts)
        if survey.left_out:
            self.left_out["members"] = survey.left_out
        return survey

    def _named(self, survey: Survey, pattern: re.Pattern[str], form: str) -> dict[str, re.Match[str]]:
        """Path: match, of the clips whose path holds the pattern; the others are counted.

        Args:
            form: what a path looks like, for people.
        """
        matches = {path: match for path in survey.clips if (match := pattern.search(path))}
        if others := [path for path in survey.clips if path not in matches]:
            self.left_out["clips_with_other_names"] = len(others)
            print(
                f"scrape: {len(others)} clips of {self.source} are left out, such as {others[0]}: their names are not "
                f"of the form {form}"
            )
        return matches


class Bundle:
    """One large file with all clips of a corpus.

    Args:
        params: where it is.
        key: the section in params.yaml, for messages.

    Raises:
        ParameterError: no file is named, one in a home that is not known, or a web address without settings for it.
    """

    def __init__(self, params: BundleParams, *, key: str) -> None:
        self.key = key
        self._params = params
        if params.address is None:
            raise ParameterError(
                f"params.yaml: `{key}.path` is not set; it names the file that you have downloaded, for example with "
                f"`-S {key}.path=/data/corpus.tar.gz`"
            )
        self._address = params.address
        self.source = without_password(self._address)
        setting = "url" if isinstance(params, DownloadParams) else "path"
        if setting == "path" and self._is_web:
            raise ParameterError(
                f"params.yaml: `{key}.path` is {self.source!r}; allowed: the path of the file that you have downloaded"
            )
        self._path = expanded(self._address, f"params.yaml: `{key}.{setting}`")
        self.version = ""
        self._store: Store

    def survey(self, store: Store, texts: str) -> Survey:
        """Bring the file, and read all of it once to see what it holds; the store keeps the answer.

        Args:
            texts: pattern of the paths of the texts that are wanted.

        Raises:
            DataError: the file cannot be had, or is damaged.
        """
        self._store = store
        self.version = self._find_version()
        key = key_of(self.version, texts, modules=[__name__], versions=())
        entry = store.get_or_make("survey", key, lambda folder: self._write_survey(folder, re.compile(texts)))
        clips = pq.read_table(entry / _CLIPS)
        about = json.loads((entry / _ABOUT).read_text())
        return Survey(
            dict(zip(clips["path"].to_pylist(), clips["bytes"].to_pylist(), strict=True)),
            {path: entry / name for path, name in about["texts"].items()},
            about["left_out"],
        )

    def read(self, paths: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """Path and content of these members, in the file's order; `survey` comes before."""
        wanted = set(paths)
        for member in self._members(wanted):
            path = _plain(member.name)
            if path in wanted and isinstance(member.content, bytes):
                wanted.remove(path)  # what stands there twice comes once
                yield path, member.content
            if not wanted:
                return

    def _find_version(self) -> str:
        """What tells this file's content from another; brings the file, where it was never here."""
        if self._is_remote:
            # The version outlives the file itself, which may have left the store: what was made of it may all be there.
            entry = self._store.get_or_make("version", plain_key(self._address), self._note_version)
            return (entry / _VERSION).read_text()
        if not self._path.is_file():
            raise DataError(
                f"{self._path} is {'a folder' if self._path.is_dir() else 'missing'}; check the path in {self.key} of "
                f"params.yaml (best absolute), which names a .tar.gz or .zip file"
            )
        found = self._path.stat()
        return plain_key(str(self._path.absolute()), str(found.st_size), str(found.st_mtime_ns))

    def _note_version(self, folder: Path) -> None:
        (digest,) = self._store.digests(self._fetch()).values()
        (folder / _VERSION).write_text(digest)

    def _local(self) -> Path:
        """The file on this machine."""
        if not self._is_remote:
            return self._path
        entry = self._fetch()
        ((name, digest),) = self._store.digests(entry).items()
        if digest != self.version:
            note = self._store.get("version", plain_key(self._address))
            raise DataError(
                f"{self.source} is not the file that it was when it was first fetched; to take the new one, remove "
                f"{note} and run the same command again"
            )
        return entry / name

    @property
    def _is_remote(self) -> bool:
        return "://" in self._address

    @property
    def _is_web(self) -> bool:
        return self._address.lower().startswith(("http://", "https://"))

    def _fetch(self) -> Path:
        """The store's entry with the file."""
        store, key = self._store, plain_key(self._address)
        with alone(store, self.source):
            entry = store.get("archive", key)
            if entry is None:
                part = PartialFile(store.partial / f"{key}.part")
                try:
                    self._download(part)
                except CannotFetchError as error:
                    raise DataError(
                        f"{self.source} cannot be had: {error}; check the network and {self.key}.url in params.yaml, "
                        f"and run the same command again: what has come is kept"
                    ) from None
                entry = store.put("archive", key, lambda folder: link_or_copy(part.path, folder / "bundle"))
                part.forget()
        return entry

    def _download(self, part: PartialFile) -> None:
        if not self._is_web:
            folder, _, name = self._address.rpartition("/")
            files = FileSystemFolder(folder, (name.lower(),))
            found = [archive for archive in files.archives() if archive.name == name]
            if not found:
                raise CannotFetchError("there is no such file")
            self._announce(found[0].bytes, part)
            files.bring(found[0], part)
            return
        client = Client(
            self._address,
            connect_timeout_seconds=self._params.connect_timeout_seconds,
            read_timeout_seconds=self._params.read_timeout_seconds,
            retries=self._params.retries,
            delay_seconds=0.0,
            may_leave_folder=True,
        )
        archive = Archive(self._path.name, self._address, client.size(self._address))
        self._announce(archive.bytes, part)
        client.archive(archive.source, part)

    def _announce(self, size: int | None, part: PartialFile) -> None:
        if size is None:
            print(f"scrape: fetching {self.source}, of unknown size", flush=True)
            return
        there = f", {human_bytes(part.size)} of it are there" if part.size else ""
        print(f"scrape: fetching {self.source}, {human_bytes(size)}{there}", flush=True)
        require_space(_SPACE_FACTOR * size - part.size, [self._store.root], self.key)

    def _write_survey(self, folder: Path, texts: re.Pattern[str]) -> None:
        print(f"scrape: looking through {self.source}", flush=True)
        clips: dict[str, int] = {}
        kept: dict[str, str] = {}
        left_out: dict[str, str] = {}
        for member in self._members(None):
            path = _plain(member.name)
            is_text = texts.search(path) is not None
            if not is_text and not is_audio(path):
                continue
            if isinstance(member.content, SetAside):
                left_out[path] = member.content.detail
            elif path in clips or path in kept:
                left_out[path] = "it stands there twice; the first is taken"
            elif is_text:
                kept[path] = f"text-{len(kept)}"
                (folder / kept[path]).write_bytes(member.content)
            else:
                clips[path] = len(member.content)
        if left_out:
            path, reason = next(iter(left_out.items()))
            print(f"scrape: {len(left_out)} members of {self.source} are left out, such as {path}: {reason}")
        write_json({"texts": kept, "left_out": len(left_out)}, folder / _ABOUT)
        table = pa.table({"path": list(clips), "bytes": list(clips.values())}, _CLIPS_SCHEMA)
        write_parquet(table, folder / _CLIPS)

    def _members(self, wanted: Collection[str] | None) -> Iterator[Member]:
        """The members in their order; of a .zip, whose members can be had one by one, only the wanted (None: all)."""
        path = self._local()
        with open(path, "rb") as file:
            magic = file.read(2)
        try:
            if magic == _ZIP_MAGIC:
                yield from _zip_members(path, wanted)
            elif magic == _GZIP_MAGIC:
                yield from read_members(path, _LIMITS)
            else:
                raise DataError(f"{self.source} is neither a .tar.gz nor a .zip file; check {self.key} in params.yaml")
        except SetAside as problem:
            raise DataError(f"{self.source} is damaged ({problem.detail}); download it again") from None


def _zip_members(path: Path, wanted: Collection[str] | None) -> Iterator[Member]:
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if info.is_dir() or (wanted is not None and _plain(info.filename) not in wanted):
                    continue
                if is_unsafe(info.filename):
                    problem = SetAside(Reason.UNSAFE_PATH, "the path leads out of the archive's folder")
                    yield Member(info.filename, problem)
                elif info.file_size > _LIMITS.member_bytes:
                    yield Member(info.filename, SetAside(Reason.MEMBER_TOO_LARGE, f"{info.file_size} bytes"))
                else:
                    yield Member(info.filename, archive.read(info))
    except (zipfile.BadZipFile, EOFError, zlib.error, RuntimeError, NotImplementedError) as error:
        raise SetAside(Reason.DAMAGED_GZIP, str(error)) from None


def _plain(path: str) -> str:
    return path.removeprefix("./")
