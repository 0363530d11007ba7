"""A speaker's recordings as archives in VoxForge's layout, so that all later stages stay as they are.

<name>/LICENSE
<name>/etc/README             who speaks: the corpus's own id as JSON text, gender and age as it has them
<name>/etc/prompts-original   what is said, where that is known
<name>/audio/<utterance>.<suffix>
"""

import gzip
import io
import json
import re
import tarfile
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from voicetraits.labels import read_gender

#: An archive holds no more of a speaker than this, as samples: extract holds one archive in memory, decoded, and stays
#: below 600 MB with so much.
CLIPS_PER_ARCHIVE = 500
BYTES_PER_ARCHIVE = 40 * 10**6
#: Suffixes of formats that leave out what is not heard.
LOSSY = ("mp3", "ogg", "oga", "opus", "m4a", "aac", "wma")
#: Decoded to packed bytes of what is packed closer than samples: FLAC holds about half, and MP3 of speech is seldom
#: below 24 kbit/s. At 8, the least there is, an archive has 130 MB decoded, far below `extract.max_archive_megabytes`.
_DECODED_FACTORS = {"flac": 2} | dict.fromkeys(LOSSY, 10)
#: Audio that is stored as samples shrinks; FLAC and MP3 do not.
_SHRINKING = ("wav", "wave")
_LONGEST_NAME = 48  # characters of a speaker's id or an utterance in a file name


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

    @property
    def decoded_bytes(self) -> int:
        """About how much it is as samples, where its size is known."""
        return self.bytes * _DECODED_FACTORS.get(self.suffix, 1)


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


def by_speaker(rows: Iterable[tuple[str, str, str, Mapping[str, str], Recording]]) -> list[Speaker]:
    """Speakers from a row per recording: id, gender, age, details, recording."""
    own: dict[tuple, list[Recording]] = {}
    for id_, gender, age, details, recording in rows:
        own.setdefault((id_, gender, age, tuple(sorted(details.items()))), []).append(recording)
    return [
        Speaker(id_, gender, age, recordings, dict(details)) for (id_, gender, age, details), recordings in own.items()
    ]


def stated_genders(speakers: Iterable[Speaker]) -> dict[str, str]:
    """Id: the gender (`female`, `male` or `other`) that is stated of it; without ids of which none or several are.

    As parse_metadata reconciles a speaker's archives: what is blank or cannot be read says nothing.
    """
    stated: dict[str, set[str]] = {}
    for speaker in speakers:
        if label := read_gender(speaker.gender, letters=True).label:
            stated.setdefault(speaker.id, set()).add(label)
    return {id_: next(iter(labels)) for id_, labels in stated.items() if len(labels) == 1}


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
        if parts[-1] and (len(parts[-1]) == CLIPS_PER_ARCHIVE or size + one.decoded_bytes > BYTES_PER_ARCHIVE):
            parts.append([])
            size = 0
        parts[-1].append((name, one))
        size += one.decoded_bytes
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
