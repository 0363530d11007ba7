"""Reads the text files of one VoxForge submission: who speaks, what the README states, what was to be said."""

import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from voicetraits.classes import AgeBins
from voicetraits.labels import (
    Stated,
    clean,
    is_anonymous,
    is_unstated,
    read_age,
    read_each,
    read_gender,
    read_yes_or_no,
)
from voicetraits.mixed_names import parted
from voicetraits.prompts import read_transcripts
from voicetraits.readme import SEPARATOR, UnreadLine, decode_lines, parse_readme, unread_lines
from voicetraits.words import comparable

_USER_AND_DATE = re.compile(r"(?P<user>.+?)-\d{8}(?!\d)")
#: Before lines of a README that stand for a label which it does not have; characters of them that are kept.
_UNREAD, _LONGEST_UNREAD = "unread: ", 500
_LANGUAGE_CODE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
_LETTERS = re.compile(r"[^\W\d_]{2}")


class Problem(NamedTuple):
    """Something in a submission that a person should look at."""

    archive: str
    field: str
    raw: str
    problem: str


@dataclass(frozen=True)
class Submission:
    """What one archive's text files say.

    Attributes:
        archive: name of the archive, without its suffix.
        corpus: the corpus that it comes from.
        user_name: the speaker's name, from the README, else from the archive's name; None for an anonymous submission.
            Where the README has the id of another corpus (`Speaker ID`, as JSON text), that, whatever it says.
        user_name_fits: whether README and archive name agree on it, as far as both have one.
        fields: the README's fields as raw text; empty where it has none.
        has_readme: whether there is a README at all.
        gender, age, native_speaker: what the README states.
        language: code such as `EN`, or None.
        licence: text of the licence file, else what the README names, else None.
        transcripts: utterance: text, of every prompt.
        audio: utterances of which the archive has audio, usable or not.
        is_of_mix: whether other corpora stand beside this one.
        unread: the README's lines that nobody can place.
    """

    archive: str
    corpus: str
    user_name: str | None
    user_name_fits: bool
    fields: dict[str, str]
    has_readme: bool
    gender: Stated
    age: Stated
    native_speaker: Stated
    language: str | None
    licence: str | None
    transcripts: dict[str, str]
    audio: frozenset[str]
    is_of_mix: bool = False
    unread: tuple[UnreadLine, ...] = ()

    @property
    def speaker_id(self) -> str:
        """The user name, in a mix behind that of the corpus; an anonymous submission is a speaker of its own."""
        if self.user_name is None:
            return self.archive
        return f"{self.corpus}:{self.user_name}" if self.is_of_mix else self.user_name

    def describe(self, field: str) -> str | None:
        """A README field without blanks and brackets around it; None where it says nothing."""
        value = clean(self.fields.get(field, ""))
        return None if is_unstated(value) else value

    def problems(self) -> list[Problem]:
        """What could not be read."""
        found = [
            Problem(self.archive, field, self.fields[field], stated.problem)
            for field, stated in (("gender", self.gender), ("age", self.age), ("native_speaker", self.native_speaker))
            if stated.problem
        ]
        if self.language is None and not is_unstated(raw := clean(self.fields.get("language", ""))):
            found.append(Problem(self.archive, "language", raw, "it names no language"))
        # Where a label misses, they stand with it already.
        if self.unread and self.fields and not any(one.raw.startswith(_UNREAD) for one in found):
            problem = "these lines could not be placed"
            found.append(Problem(self.archive, "readme", _joined(self.unread), problem))
        if not self.fields:
            problem = "no field of it could be read" if self.has_readme else "there is none"
            found.append(Problem(self.archive, "readme", "", problem))
        if not self.user_name_fits:
            raw = self.fields["user_name"]
            found.append(Problem(self.archive, "user_name", raw, "the archive's name begins with another user name"))
        return found


def read_submission(
    row: Mapping[str, Any], *, corpus: str, youth_below_years: int, senior_from_years: int, age_bins: AgeBins = "groups"
) -> Submission:
    """Read one row of submissions.parquet.

    Args:
        row: archive; readme, prompts, prompts_original, licence (bytes or None); audio_members (utterances).
        corpus: name of the corpus, which may be a mix.
        youth_below_years, senior_from_years, age_bins: see `read_age`.
    """
    archive, readme = row["archive"], row["readme"]
    own_corpus, own_archive = parted(corpus, archive)
    unread = unread_lines(readme or b"")
    fields = _with_unread_labels(parse_readme(readme or b""), unread)
    own_id = _own_id(fields.get("speaker_id", ""))
    stated_name, archive_name = _plain_name(fields.get("user_name", "")), _name_in(own_archive)
    name = stated_name or archive_name
    licence = "\n".join(decode_lines(row["licence"] or b"")).strip()
    return Submission(
        archive=archive,
        corpus=own_corpus,
        user_name=own_id or (None if is_anonymous(name) else name),
        user_name_fits=bool(own_id) or not stated_name or not archive_name or _same_name(stated_name, archive_name),
        fields=fields,
        has_readme=readme is not None,
        gender=_read(fields, "gender", partial(read_gender, letters=own_id is not None)),
        age=_read(
            fields,
            "age",
            partial(
                read_age,
                youth_below_years=youth_below_years,
                senior_from_years=senior_from_years,
                age_bins=age_bins,
            ),
        ),
        native_speaker=read_yes_or_no(fields.get("native_speaker", "")),
        language=_language(fields.get("language", "")),
        licence=licence or clean(fields.get("licence", "")) or None,
        transcripts=read_transcripts(row["prompts"], row["prompts_original"]),
        audio=frozenset(row["audio_members"] or ()),
        is_of_mix=own_corpus != corpus,
        unread=tuple(unread),
    )


def _with_unread_labels(fields: dict[str, str], unread: Sequence[UnreadLine]) -> dict[str, str]:
    """Where a label has no line, it has as raw text what else the README says that nobody can place.

    It may stand there in other words or in another encoding. An empty line is a blank, unless the label stands on a
    line of its own.
    """
    if not fields:
        return fields
    of_own = [line for line in unread if not line.has_key]
    could_be = {field: of_own if field in fields else unread for field in ("gender", "age") if not fields.get(field)}
    return fields | {field: _UNREAD + _joined(lines) for field, lines in could_be.items() if lines}


def _joined(lines: Sequence[UnreadLine]) -> str:
    return " / ".join(line.text for line in lines)[:_LONGEST_UNREAD]


def _read(fields: Mapping[str, str], field: str, read: Callable[[str], Stated]) -> Stated:
    text = fields.get(field, "")
    if text.startswith(_UNREAD):
        return Stated(problem="no line says it in words that are known; these lines could not be placed")
    return read_each(text.split(SEPARATOR), read)


def _own_id(raw: str) -> str | None:
    """The id that repackaged archives state, as JSON text: so it may be any text."""
    try:
        value = json.loads(raw)
    except ValueError:
        return None
    return value if isinstance(value, str) and value else None


def _plain_name(raw: str) -> str:
    return " ".join(unicodedata.normalize("NFC", clean(raw)).split())


def _name_in(archive: str) -> str:
    """The user name in an archive's name (`<user>-<yyyymmdd>-<suffix>`); empty where it has another form."""
    match = _USER_AND_DATE.match(archive)
    return match["user"] if match else ""


def _same_name(one: str, other: str) -> bool:
    return comparable(one) == comparable(other) or (is_anonymous(one) and is_anonymous(other))


def _language(raw: str) -> str | None:
    value = clean(raw)
    if is_unstated(value) or not _LETTERS.search(value):
        return None
    return value.upper() if _LANGUAGE_CODE.fullmatch(value) else value
