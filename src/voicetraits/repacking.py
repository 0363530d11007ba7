"""Repacks a corpus that comes in another form (one large archive, a folder of files) as an archive for each speaker.

The source is read in one pass: what is wanted of it goes to a scratch file for each archive, and an archive is written
as soon as all of its clips are there. At any time one file is open, and the clips of one archive are in memory.
"""

from array import array
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Protocol

from pydantic import Field
from tqdm import tqdm

from voicetraits.code import key_of
from voicetraits.corpus import SPACE_FACTOR, Archive, Fetched
from voicetraits.errors import DataError
from voicetraits.parallel import Workers
from voicetraits.params import section
from voicetraits.speaker_archives import LOSSY, Plan, Speaker, pack, plans_of, stated_genders
from voicetraits.store import Store, plain_key

#: Of clips that are packed closer than wav and FLAC. Measured as SPACE_FACTOR was, on 18 minutes of MP3 at 49 kbit/s:
#: 6.6 MB of clips, 7.2 of archives, 19.7 of audio shards, 10.8 of features and, at 0.56 GB an hour, 165 of what a net
#: sees and of stress make 31. The other lossy formats are taken to be alike.
_SPACE_FACTORS = dict.fromkeys(LOSSY, 32.0)


@section
class RepackParams:
    """The keys of every corpus that is repacked; params.yaml tells what each means."""

    limit: Annotated[int, Field(ge=1)] | None
    genders: Annotated[tuple[Literal["female", "male"], ...], Field(min_length=1)] | None
    max_failed_share: Annotated[float, Field(ge=0, le=1)]
    sources: dict[str, str]


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
        self._beyond_genders: dict[str, int] = {}

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
        """What the layout leaves out, and those who are not of the genders asked for, with their clips."""
        return self._layout.left_out | self._beyond_genders

    def _of_wanted_gender(self, speakers: Sequence[Speaker]) -> list[Speaker]:
        """All parts of whom the corpus states a gender asked for, also those that leave it blank, and no other.

        Who states two genders is left out: with one part alone parse_metadata would not see that they contradict.
        """
        if self._genders is None:
            return list(speakers)
        gender_of = stated_genders(speakers)
        wanted = [speaker for speaker in speakers if gender_of.get(speaker.id) in self._genders]
        others = [speaker for speaker in speakers if gender_of.get(speaker.id) not in self._genders]
        ids, ids_of_others = ({one.id for one in those} for those in (wanted, others))
        clips = sum(len(one.recordings) for one in others)
        if others:
            self._beyond_genders = {"speakers_beyond_genders": len(ids_of_others), "clips_beyond_genders": clips}
        asked = " or ".join(self._genders)
        print(
            f"scrape: {len(ids)} of {len(ids | ids_of_others)} speakers of {self._name} are {asked}; the others are "
            f"left out ({clips} clips), also who states several genders"
        )
        if not wanted:
            stated = Counter(speaker.gender for speaker in speakers)
            raise DataError(
                f"{self._layout.source} has no speaker who is {asked} (it states "
                f"{', '.join(repr(word) for word, _ in stated.most_common(5))}); check {self._params_key}.genders in "
                f"params.yaml"
            )
        return wanted

    def list_archives(self) -> list[Archive]:
        """An archive for each speaker, or several where there is much of one.

        Raises:
            DataError: the source cannot be had or read.
        """
        return [
            Archive(f"{plan.name}.tgz", self._layout.source, plan.bytes, space_factor=space_factor(plan))
            for plan in self._plans.values()
        ]

    def is_stored(self, archive: Archive, store: Store) -> bool:
        """Whether the archive was made before."""
        entry = store.get("repacked", self._key(archive))
        if entry:
            self._known_as_stored[archive.name] = _fetched(archive, entry, store)
        return entry is not None

    def fetch(self, archives: Sequence[Archive], *, store: Store, workers: Workers | int | None) -> Iterator[Fetched]:
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
        # Not of all that is loaded: a mix finds what a corpus alone has packed.
        return key_of(modules=[__name__, type(self._layout).__module__], versions=("soundfile",))


def space_factor(plan: Plan) -> float:
    """Bytes that all stages put on the disk for each byte of a plan's clips."""
    of_clips = sum(one.bytes * _SPACE_FACTORS.get(one.suffix, SPACE_FACTOR) for one in plan.utterances.values())
    return of_clips / plan.bytes if plan.bytes else SPACE_FACTOR


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


def _fetched(archive: Archive, entry: Path, store: Store) -> Fetched:
    return Fetched(archive, path=entry / archive.name, sha256=store.digests(entry)[archive.name])
