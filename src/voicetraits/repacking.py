"""Repacks a corpus that comes in another form (one large archive, a folder of files) as an archive for each speaker.

What comes out has VoxForge's layout, so that all later stages stay as they are:

    <name>/LICENSE
    <name>/etc/README             who speaks: the corpus's own id as JSON text, gender and age as it has them
    <name>/etc/prompts-original   what is said, where that is known
    <name>/audio/<utterance>.<suffix>

The source is read in one pass: what is wanted of it goes to a scratch file for each archive, and an archive is written
as soon as all of its clips are there. At any time one file is open, and the clips of one archive are in memory.
"""

import gzip
import io
import json
import re
import tarfile
import unicodedata
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal, Protocol

from pydantic import Field
from tqdm import tqdm

from voicetraits.corpus import Archive, Fetched
from voicetraits.errors import DataError
from voicetraits.labels import read_gender
from voicetraits.params import section
from voicetraits.store import Store, make_key, plain_key

#: An archive holds no more of a speaker than this: later stages hold one archive in memory.
CLIPS_PER_ARCHIVE = 500
BYTES_PER_ARCHIVE = 64 * 10**6
#: Audio that is stored as samples shrinks; FLAC and MP3 do not.
_SHRINKING = ("wav", "wave")
_LONGEST_NAME = 48  # characters of a speaker's id or an utterance in a file name


@section
class RepackParams:
    """The keys of every corpus that is repacked; params.yaml tells what each means."""

    limit: Annotated[int, Field(ge=1)] | None
    genders: Annotated[tuple[Literal["female", "male"], ...], Field(min_length=1)] | None
    max_failed_share: Annotated[float, Field(ge=0, le=1)]
    sources: dict[str, str]


@dataclass(frozen=True, slots=True)
class Recording:
    """One clip of a speaker, as the source has it.

    Attributes:
        path: where the source has it; its suffix, in lower case, tells the format.
        version: what tells this content from another under the same path, where the source's version does not.
        bytes: its size, where known.
        transcript: what is said.
    """

    path: str
    version: str = ""
    bytes: int = 0
    transcript: str = ""

    @property
    def suffix(self) -> str:
        return self.path.rpartition(".")[2].lower()


@dataclass(frozen=True)
class Speaker:
    """Recordings of one speaker for which the corpus states the same.

    Attributes:
        id: the corpus's own, any text. Where it states different things of one speaker, there are several of one id.
        gender, age: as the corpus words them; empty where it says nothing.
        recordings: at least one, in any order.
        details: further README fields, such as `Language`.
    """

    id: str
    gender: str
    age: str
    recordings: Sequence[Recording]
    details: Mapping[str, str] = field(default_factory=dict)


class Layout(Protocol):
    """How one corpus lies: who speaks in it, and where each clip is."""

    #: Text of each archive's LICENSE: the licence, and whom to cite.
    licence: str

    #: What is not taken, as found by `speakers`: kind, count.
    left_out: dict[str, int]

    @property
    def source(self) -> str:
        """Where it lies, for people."""

    @property
    def version(self) -> str:
        """What tells this version of the source, and of what is done to its clips, from another."""

    def speakers(self, store: Store) -> list[Speaker]:
        """Everyone who speaks, in any order; no path stands twice. Called before the rest. Raises DataError."""

    def read(self, paths: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """Path and content of each of these clips that can be read, in the order that suits the source."""


@dataclass(frozen=True)
class Plan:
    """All that one archive is made from, besides the clips' contents.

    Attributes:
        name: of the archive, without .tgz.
        speaker: who speaks.
        utterances: name in the archive: recording.
        licence: text of LICENSE.
    """

    name: str
    speaker: Speaker
    utterances: Mapping[str, Recording]
    licence: str

    @property
    def bytes(self) -> int:
        return sum(one.bytes for one in self.utterances.values())

    def texts(self) -> dict[str, str]:
        """The text files by their path in the archive."""
        speaker = self.speaker
        fields = {
            "User Name": speaker.id,
            "Speaker ID": json.dumps(speaker.id),
            "Gender": speaker.gender,
            "Age": speaker.age,
            **speaker.details,
        }
        readme = "".join(f"{key}: {one_line(text)}\n" for key, text in fields.items())
        texts = {"LICENSE": self.licence, "etc/README": readme}
        spoken = {utterance: one_line(one.transcript) for utterance, one in self.utterances.items()}
        if any(spoken.values()):
            lines = (f"{utterance} {text}\n" for utterance, text in spoken.items() if text)
            texts["etc/prompts-original"] = "".join(lines)
        return texts


class Repacked:
    """A corpus.Corpus over a layout.

    Args:
        layout: how the corpus lies.
        params: what params.yaml says.
        name: of the corpus.
        key: of its section in params.yaml, for messages (`corpora.folder`).
        store: keeps what a layout has to fetch.
    """

    def __init__(self, layout: Layout, params: RepackParams, *, name: str, key: str, store: Store) -> None:
        self.limit = params.limit
        self.max_failed_share = params.max_failed_share
        self._layout = layout
        self._genders = params.genders
        self._name = name
        self._params_key = key
        self._store = store
        self._known_as_stored: dict[str, Fetched] = {}
        self._of_other_gender = 0

    @cached_property
    def _plans(self) -> dict[str, Plan]:
        speakers = self._layout.speakers(self._store)
        own: dict[str, list[Speaker]] = {}
        for speaker in self._of_wanted_gender(speakers):
            own.setdefault(speaker.id, []).append(speaker)
        return {
            plan.name: plan
            for several in own.values()
            for plan in plans_of(several, corpus=self._name, licence=self._layout.licence)
        }

    @property
    def left_out(self) -> dict[str, int]:
        """What the layout leaves out, and the speakers who are not of the genders asked for."""
        others = {"speakers_beyond_genders": self._of_other_gender} if self._of_other_gender else {}
        return self._layout.left_out | others

    def _of_wanted_gender(self, speakers: Sequence[Speaker]) -> list[Speaker]:
        if self._genders is None:
            return list(speakers)
        wanted = [speaker for speaker in speakers if read_gender(speaker.gender, letters=True).label in self._genders]
        self._of_other_gender = len({one.id for one in speakers} - {one.id for one in wanted})
        print(
            f"scrape: {len(wanted)} of {len(speakers)} speakers of {self._name} are {' or '.join(self._genders)}; "
            f"the others are left out"
        )
        if not wanted:
            stated = Counter(speaker.gender for speaker in speakers)
            raise DataError(
                f"{self._layout.source} has no speaker who is {' or '.join(self._genders)} (it states "
                f"{', '.join(repr(word) for word, _ in stated.most_common(5))}); check {self._params_key}.genders in "
                f"params.yaml"
            )
        return wanted

    def list_archives(self) -> list[Archive]:
        """An archive for each speaker, or several where there is much of one.

        Raises:
            DataError: the source cannot be had or read.
        """
        return [Archive(f"{plan.name}.tgz", self._layout.source, plan.bytes) for plan in self._plans.values()]

    def is_stored(self, archive: Archive, store: Store) -> bool:
        """Whether the archive was made before."""
        entry = store.get("repacked", self._key(archive))
        if entry:
            self._known_as_stored[archive.name] = _fetched(archive, entry, store)
        return entry is not None

    def fetch(self, archives: Sequence[Archive], *, store: Store, workers: int | None) -> Iterator[Fetched]:
        """Hand over what the store has, then make the others in one pass over the source.

        Args:
            workers: not used: reading the source is what takes the time.
        """
        missing = []
        for archive in archives:
            # To look again would mean to check all its bytes again.
            if archive.name in self._known_as_stored or self.is_stored(archive, store):
                yield self._known_as_stored[archive.name]
            else:
                missing.append(archive)
        if missing:
            with tqdm(total=len(missing), desc="scrape", unit="archive", disable=None) as bar:
                for result in self._make(missing, store):
                    bar.update()
                    yield result

    def _make(self, archives: Sequence[Archive], store: Store) -> Iterator[Fetched]:
        unfinished = {archive.name: _Unfinished(archive, self._plan(archive)) for archive in archives}
        owners = {path: one for one in unfinished.values() for path in one.paths()}
        with store.scratch() as folder:
            for path, content in self._layout.read(owners):
                one = owners[path]
                one.add(path, content, folder)
                if one.is_complete:
                    del unfinished[one.archive.name]
                    yield self._finish(one, folder, store)
        for one in unfinished.values():
            absent = sorted(set(one.paths()) - set(one.there))
            more = f", and {len(absent) - 1} more" if len(absent) > 1 else ""
            yield Fetched(one.archive, failure=f"{absent[0]} is not there or cannot be read{more}")

    def _finish(self, one: "_Unfinished", folder: Path, store: Store) -> Fetched:
        contents = one.contents(folder)
        entry = store.put(
            "repacked",
            self._key(one.archive),
            lambda aside: (aside / one.archive.name).write_bytes(pack(one.plan, contents)),
        )
        return _fetched(one.archive, entry, store)

    def _plan(self, archive: Archive) -> Plan:
        return self._plans[archive.name.removesuffix(".tgz")]

    def _key(self, archive: Archive) -> str:
        plan = self._plan(archive)
        clips = (f"{name}\t{one.path}\t{one.version}" for name, one in sorted(plan.utterances.items()))
        texts = (f"{name}\t{text}" for name, text in sorted(plan.texts().items()))
        return plain_key(self._code, self._layout.version, plan.name, *texts, *clips)

    @cached_property
    def _code(self) -> str:
        return make_key(versions=("soundfile",))


class _Unfinished:
    """An archive of which some clips are there: in a scratch file, one behind the other.

    There may be millions of clips in unfinished archives, so that little is kept of each.
    """

    def __init__(self, archive: Archive, plan: Plan) -> None:
        self.archive = archive
        self.plan = plan
        self.there: list[str] = []  # their paths, in the order of the scratch file
        self._sizes = array("Q")

    @property
    def is_complete(self) -> bool:
        return len(self.there) == len(self.plan.utterances)

    def paths(self) -> Iterator[str]:
        """Of all clips of the archive."""
        return (one.path for one in self.plan.utterances.values())

    def add(self, path: str, content: bytes, folder: Path) -> None:
        with open(folder / self.plan.name, "ab") as file:
            file.write(content)
        self.there.append(path)
        self._sizes.append(len(content))

    def contents(self, folder: Path) -> dict[str, bytes]:
        """Path: content, of all clips; the scratch file is removed."""
        scratch = folder / self.plan.name
        with open(scratch, "rb") as file:
            contents = {path: file.read(size) for path, size in zip(self.there, self._sizes, strict=True)}
        scratch.unlink()
        return contents


def by_speaker(rows: Iterable[tuple[str, str, str, Mapping[str, str], Recording]]) -> list[Speaker]:
    """Speakers from a row per recording: id, gender, age, details, recording."""
    own: dict[tuple, list[Recording]] = {}
    for id_, gender, age, details, recording in rows:
        own.setdefault((id_, gender, age, tuple(sorted(details.items()))), []).append(recording)
    return [
        Speaker(id_, gender, age, recordings, dict(details)) for (id_, gender, age, details), recordings in own.items()
    ]


def plans_of(speakers: Sequence[Speaker], *, corpus: str, licence: str) -> list[Plan]:
    """The archives of one speaker: one; numbered from 1 where there is much, or different things are stated."""
    parts = [
        (speaker, dict(part))
        for speaker in sorted(speakers, key=lambda one: (one.gender, one.age, sorted(one.details.items())))
        for part in _parts(sorted(utterance_names(speaker.recordings).items()))
    ]
    name = f"{file_name(speakers[0].id)}-{corpus}"
    names = [name] if len(parts) == 1 else [f"{name}-{number:04d}" for number in range(1, len(parts) + 1)]
    return [Plan(name, speaker, part, licence) for name, (speaker, part) in zip(names, parts, strict=True)]


def _parts(utterances: Sequence[tuple[str, Recording]]) -> list[list[tuple[str, Recording]]]:
    parts: list[list[tuple[str, Recording]]] = [[]]
    size = 0
    for name, one in utterances:
        if parts[-1] and (len(parts[-1]) == CLIPS_PER_ARCHIVE or size + one.bytes > BYTES_PER_ARCHIVE):
            parts.append([])
            size = 0
        parts[-1].append((name, one))
        size += one.bytes
    return parts


def utterance_names(recordings: Sequence[Recording]) -> dict[str, Recording]:
    """A name for each recording: its file's without suffix, or that of the whole path where two files share one."""
    shared = Counter(_stem(one.path).casefold() for one in recordings)

    def name(one: Recording) -> str:
        stem = _stem(one.path)
        is_alone = shared[stem.casefold()] == 1
        return file_name(stem if is_alone else one.path, allowed="-", longest=2 * _LONGEST_NAME)

    return {name(one): one for one in recordings}


def _stem(path: str) -> str:
    return path.rpartition("/")[2].rpartition(".")[0]


def file_name(text: str, *, allowed: str = "", longest: int = _LONGEST_NAME) -> str:
    """A text as part of a file name: lower-case letters and digits of ASCII, `_`, and what is `allowed`.

    A text that has anything else, or is long, gets digits of its hash, so that different texts have different names,
    also where the file system does not tell capitals.
    """
    plain = re.sub(rf"[^a-z0-9_{re.escape(allowed)}]+", "_", text.lower()).strip("_")[:longest]
    # Like the form that a hash gives: it could be that of another text.
    looks_hashed = re.search(r"(^|_)x[0-9a-f]{12}$", text) is not None
    if plain == text and text and not looks_hashed:
        return plain
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{plain}_x{digest}".lstrip("_")


def one_line(text: str) -> str:
    """A text as it can stand in a README: on one line, without control characters or half characters."""
    shown = "".join(char if unicodedata.category(char) not in ("Cc", "Cs") else " " for char in text)
    return " ".join(shown.split())


def pack(plan: Plan, contents: Mapping[str, bytes]) -> bytes:
    """The .tgz of a plan: members sorted, without dates or owners; the same content, the same bytes.

    Args:
        contents: each clip's path in the source: its bytes.
    """
    files = {name: text.encode() for name, text in plan.texts().items()}
    files |= {f"audio/{name}.{one.suffix}": contents[one.path] for name, one in plan.utterances.items()}
    shrinks = any(one.suffix in _SHRINKING for one in plan.utterances.values())
    packed = io.BytesIO()
    with (
        gzip.GzipFile(filename="", fileobj=packed, mode="wb", compresslevel=int(shrinks), mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for name in sorted(files):
            info = tarfile.TarInfo(f"{plan.name}/{name}")
            info.size = len(files[name])
            tar.addfile(info, io.BytesIO(files[name]))
    return packed.getvalue()


def _fetched(archive: Archive, entry: Path, store: Store) -> Fetched:
    return Fetched(archive, path=entry / archive.name, sha256=store.digests(entry)[archive.name])
