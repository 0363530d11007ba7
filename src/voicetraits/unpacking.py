"""One archive -> the clips and texts in it, and what was set aside."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field

from voicetraits.archive import Limits, Member, read_members
from voicetraits.audio import Clip, Effort, decode
from voicetraits.errors import ParameterError
from voicetraits.params import section
from voicetraits.quarantine import Reason, SetAside, printable
from voicetraits.suffixes import AUDIO_SUFFIXES

# In lower case, in whatever folder.
_TEXT_FIELDS = {
    "readme": "readme",
    "readme.txt": "readme",
    "prompts": "prompts",
    "prompts.txt": "prompts",
    "prompts-original": "prompts_original",
    "prompts-original.txt": "prompts_original",
    "license": "licence",
    "license.txt": "licence",
    "licence": "licence",
    "licence.txt": "licence",
    "gpl_license": "gpl",
    "gpl_license.txt": "gpl",
    "copying": "gpl",
}
_MAX_TEXT_BYTES = 1_000_000
# Clips of 8 to 48 kHz take up to three times what is kept of them; files that are set aside count too.
_DECODED_TO_KEPT = 4
_BYTES_PER_SAMPLE = 2


@section
class ExtractParams:
    """Section `extract` of params.yaml."""

    min_duration_seconds: Annotated[float, Field(ge=0.01)]
    max_duration_seconds: Annotated[float, Field(gt=0, le=600)]
    silence_dbfs: Annotated[float, Field(ge=-120, le=0)]
    max_archive_megabytes: Annotated[float, Field(gt=0)]
    max_member_megabytes: Annotated[float, Field(gt=0)]
    max_members: Annotated[int, Field(ge=1)]
    max_compression_ratio: Annotated[float, Field(ge=1)]
    archives_per_shard: Annotated[int, Field(ge=1)]

    def __post_init__(self) -> None:
        if self.min_duration_seconds >= self.max_duration_seconds:
            raise ParameterError(
                f"params.yaml: `extract.min_duration_seconds` is {self.min_duration_seconds:g}; "
                f"allowed: below extract.max_duration_seconds, which is {self.max_duration_seconds:g}"
            )

    @property
    def limits(self) -> Limits:
        return Limits(
            archive_bytes=int(self.max_archive_megabytes * 1e6),
            member_bytes=int(self.max_member_megabytes * 1e6),
            members=self.max_members,
            compression_ratio=self.max_compression_ratio,
        )


@dataclass(frozen=True)
class MemberSetAside:
    """A row of quarantine.csv about one member, and whether the member counts as a clip."""

    member: str
    problem: SetAside
    is_clip: bool


@dataclass
class Unpacked:
    """What an archive that can be read to its end holds.

    Attributes:
        clips: the usable clips by utterance name.
        audio_members: the utterance names of all audio files, usable or not.
        texts: the raw bytes of `readme`, `prompts`, `prompts_original`, `licence`, as far as they are there.
        set_aside: the members that cannot be used, in the archive's order.
    """

    clips: dict[str, Clip] = field(default_factory=dict)
    audio_members: set[str] = field(default_factory=set)
    texts: dict[str, bytes] = field(default_factory=dict)
    set_aside: list[MemberSetAside] = field(default_factory=list)


def unpack(path: Path, params: ExtractParams) -> Unpacked:
    """Read an archive in one pass.

    Of several files for one utterance (`wav/a.wav` beside `flac/a.flac`, or a name that stands twice) the first usable
    one is taken; of several texts of one kind the first. Where there is no LICENSE, the GPL's text stands in for it.
    Files that are neither audio nor one of the four texts are not looked at, nor is what macOS adds (`._name`).

    Raises:
        SetAside: the whole archive cannot be trusted; none of its clips is kept.
    """
    unpacked = Unpacked()
    kept_bytes = 0
    effort = Effort(_DECODED_TO_KEPT * params.limits.archive_bytes // _BYTES_PER_SAMPLE)
    for member in read_members(path, params.limits):
        utterance = utterance_name(member.name)
        try:
            if utterance is None:
                _add_text(unpacked, member)
                continue
            unpacked.audio_members.add(printable(utterance))
            clip = _decode(unpacked, utterance, member, params, effort)
        except SetAside as problem:
            if effort.is_spent:
                raise
            unpacked.set_aside.append(MemberSetAside(printable(member.name), problem, utterance is not None))
            continue
        unpacked.clips[utterance] = clip
        kept_bytes += clip.samples.nbytes
        if kept_bytes > params.limits.archive_bytes:
            raise SetAside(Reason.ARCHIVE_TOO_LARGE, f"decoded, more than {params.max_archive_megabytes:g} MB")
    if "gpl" in unpacked.texts:
        unpacked.texts.setdefault("licence", unpacked.texts.pop("gpl"))
    return unpacked


def utterance_name(member_name: str) -> str | None:
    """The name of an audio file without folder and suffix; None for any other file."""
    *folders, base = member_name.split("/")
    stem, dot, suffix = base.rpartition(".")
    is_macos_junk = base.startswith("._") or "__MACOSX" in folders
    return stem if dot and suffix.lower() in AUDIO_SUFFIXES and not is_macos_junk else None


def _content(member: Member) -> bytes:
    if isinstance(member.content, SetAside):
        raise member.content
    return member.content


def _add_text(unpacked: Unpacked, member: Member) -> None:
    content = _content(member)
    kind = _TEXT_FIELDS.get(member.name.rpartition("/")[2].lower())
    if kind is None:
        return
    if kind in unpacked.texts:
        raise SetAside(Reason.DUPLICATE, "the archive has another text of this kind before it")
    if len(content) > _MAX_TEXT_BYTES:
        raise SetAside(Reason.MEMBER_TOO_LARGE, f"a text of {len(content)} bytes, over {_MAX_TEXT_BYTES / 1e6:g} MB")
    unpacked.texts[kind] = content


def _decode(unpacked: Unpacked, utterance: str, member: Member, params: ExtractParams, effort: Effort) -> Clip:
    content = _content(member)
    if not utterance:
        raise SetAside(Reason.BAD_NAME, "nothing before the suffix")
    if utterance in unpacked.clips:
        raise SetAside(Reason.DUPLICATE, "the archive has this utterance before it")
    return decode(
        content,
        min_duration_seconds=params.min_duration_seconds,
        max_duration_seconds=params.max_duration_seconds,
        silence_dbfs=params.silence_dbfs,
        effort=effort,
    )
