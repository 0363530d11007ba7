"""Mozilla Common Voice (Ardila et al. 2020): volunteers reading sentences into their browser, MP3.

    <release>/<locale>/validated.tsv      client_id, path, sentence, age, gender, accents or accent, locale
    <release>/<locale>/clips/<path>       path as the table has it, in old releases without `.mp3`

Releases differ in columns and words; what is read here is in all of them. A row that cannot be used, as when its clip
is not in the archive, is left out and counted: nobody can mend a release.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from voicetraits.bundles import BundleLayout, BundleParams
from voicetraits.corpus import selection_order
from voicetraits.errors import DataError
from voicetraits.params import section
from voicetraits.speaker_archives import Recording, Speaker, by_speaker, stated_genders
from voicetraits.store import Store

_TABLE = r"(^|/)validated\.tsv$"
_CLIP = re.compile(r"(?P<folder>(.*/)?clips/)[^/]+")
_NEEDED = ("client_id", "path", "sentence", "age", "gender")
_ACCENTS = ("accents", "accent")
_CLASSES = ("female", "male")
_PROBLEMS = {
    "malformed": "it has another number of values than there are columns",
    "without_speaker": "client_id, the speaker, is blank",
    "without_clip": "its clip is not in the archive's folder clips",
    "repeated": "its clip stands in a row before it",
}
_TAKEN = -1  # in place of the size of a clip that has been seen: a set of all would be large
_LONGEST_VALUE = 2**20


@section
class PerClass:
    """Key `per_class`: how much of each gender to take."""

    count: Annotated[int, Field(ge=1)]
    of: Literal["speakers", "clips"]


@section
class Params(BundleParams):
    """Section `corpora.common_voice` of params.yaml."""

    path: Annotated[str, Field(min_length=1)] | None
    per_class: PerClass | None

    @property
    def address(self) -> str | None:
        return self.path


class Layout(BundleLayout):
    """The layout of Common Voice, behind the protocol voicetraits.repacking.Layout."""

    licence = (
        "Mozilla Common Voice, https://commonvoice.mozilla.org, CC0 1.0 (public domain). Who downloads it agrees not "
        "to try to find out who its speakers are.\n"
        "R. Ardila et al.: Common Voice: A Massively-Multilingual Speech Corpus. LREC 2020, 4218-4222.\n"
    )

    _params: Params

    def speakers(self, store: Store) -> list[Speaker]:
        """Who speaks in the validated clips; of each gender `per_class`, if asked for.

        Raises:
            DataError: the archive is none of Common Voice, or its table cannot be read.
        """
        survey = self._survey(store, _TABLE)
        if len(survey.texts) != 1:
            found = f"has {len(survey.texts)} files validated.tsv" if survey.texts else "has no validated.tsv"
            raise DataError(
                f"{self.source} {found}; {self._bundle.key}.path in params.yaml names the archive of one language, "
                f"cv-corpus-<release>-<language>.tar.gz"
            )
        (table,) = survey.texts.values()
        speakers = by_speaker(self._rows(table, survey.clips))
        if not speakers:
            raise DataError(f"validated.tsv of {self.source} has no row that can be used; take another release")
        if self._params.per_class is None:
            return speakers
        taken = balanced(speakers, self._params.per_class, self._bundle.key)
        self.left_out["clips_beyond_per_class"] = _clips(speakers) - _clips(taken)
        return taken

    def _rows(self, table: Path, sizes: dict[str, int]) -> Iterator[tuple]:
        """What by_speaker takes, of each row whose clip is there; `sizes` is used up."""
        folder = next((match["folder"] for match in map(_CLIP.fullmatch, sizes) if match), "clips/")
        where = f"validated.tsv of {self.source}"
        left_out: dict[str, list[int]] = {}  # problem: lines
        try:
            # A row ends with a line feed alone: sentences may hold other line ends, and quotes that quote nothing.
            with open(table, encoding="utf-8-sig", newline="\n") as file:
                rows = map(_values, file)
                at = _columns(next(rows, []), where)
                accent = next((at[name] for name in _ACCENTS if name in at), None)
                for number, row in enumerate(rows, start=2):
                    path, size, problem = _clip_of(row, at, folder, sizes)
                    if problem:
                        left_out.setdefault(problem, []).append(number)
                        continue
                    details = {"Language": row[at["locale"]]} if "locale" in at else {}
                    if accent is not None and row[accent].strip():
                        details["Pronunciation dialect"] = row[accent]
                    recording = Recording(path, bytes=size, transcript=row[at["sentence"]])
                    yield row[at["client_id"]].strip(), row[at["gender"]], row[at["age"]], details, recording
        except (UnicodeDecodeError, _TooLongError) as error:
            raise DataError(f"{where} cannot be read ({error}); download the archive again") from None
        if others := sum(size != _TAKEN for size in sizes.values()):
            self.left_out["clips_without_row"] = others  # most: not validated, or found to be wrong
        for problem, numbers in left_out.items():
            self.left_out[f"rows_{problem}"] = len(numbers)
            print(f"scrape: {where}: {len(numbers)} rows are left out, such as line {numbers[0]}: {_PROBLEMS[problem]}")


class _TooLongError(Exception):
    """A value is longer than any sentence."""


def _values(line: str) -> list[str]:
    values = line.removesuffix("\n").removesuffix("\r").split("\t")
    if max(map(len, values)) > _LONGEST_VALUE:
        raise _TooLongError(f"a value is longer than {_LONGEST_VALUE} characters")
    return values


def _clip_of(
    row: Sequence[str], at: Mapping[str, int], folder: str, sizes: dict[str, int]
) -> tuple[str, int, str | None]:
    """Path and size of a row's clip in the archive, and which of `_PROBLEMS` the row has, if any."""
    if len(row) != len(at):
        return "", 0, "malformed"
    if not row[at["client_id"]].strip():
        return "", 0, "without_speaker"
    name = folder + row[at["path"]].strip()
    path = name if name in sizes else f"{name}.mp3"
    size = sizes.get(path)
    if size is None:
        return "", 0, "without_clip"
    sizes[path] = _TAKEN
    return path, size, "repeated" if size == _TAKEN else None


def _columns(header: Sequence[str], where: str) -> dict[str, int]:
    for name in _NEEDED:
        if name not in header:
            raise DataError(f"{where} has no column {name}; its first line is {' '.join(header)[:200]!r}")
    return {name: number for number, name in enumerate(header)}


def _clips(speakers: Sequence[Speaker]) -> int:
    return sum(len(speaker.recordings) for speaker in speakers)


def balanced(speakers: Sequence[Speaker], per_class: PerClass, key: str) -> list[Speaker]:
    """So many speakers, or clips, of each gender, in the order of a hash of the speakers' ids.

    Speakers whose gender is not stated, other, or contradictory are left out. With `clips` the last speaker gives only
    what is still wanted, the first in the order of their names. A gender that has fewer gives all that it has.
    """
    gender_of = stated_genders(speakers)
    taken: list[Speaker] = []
    counts: Counter[str] = Counter()
    in_order = sorted(
        speakers, key=lambda one: (selection_order(one.id), one.gender, one.age, sorted(one.details.items()))
    )
    last_of: dict[str, str] = {}
    for speaker in in_order:
        gender = gender_of.get(speaker.id)
        if gender not in _CLASSES:
            continue
        if per_class.of == "speakers":
            if counts[gender] == per_class.count and last_of[gender] != speaker.id:
                continue
            counts[gender] += last_of.get(gender) != speaker.id
            last_of[gender] = speaker.id
            taken.append(speaker)
        elif missing := per_class.count - counts[gender]:
            recordings = sorted(speaker.recordings, key=lambda one: one.path)[:missing]
            counts[gender] += len(recordings)
            taken.append(Speaker(speaker.id, speaker.gender, speaker.age, recordings, speaker.details))
    for gender in _CLASSES:
        if counts[gender] < per_class.count:
            print(f"scrape: {gender}: {counts[gender]} of the {per_class.count} {per_class.of} of {key}.per_class")
    return taken
