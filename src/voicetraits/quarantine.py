"""Why an archive or a file in one is set aside: a fixed vocabulary, written to quarantine.csv."""

from enum import StrEnum

_MAX_TEXT = 200  # characters of a name or a detail that are worth showing


class Reason(StrEnum):
    """The `reason` column of quarantine.csv. The first group sets a whole archive aside, the others one member."""

    DAMAGED_GZIP = "damaged_gzip"  # cut off, corrupt, with a wrong check sum, or no gzip at all
    DAMAGED_TAR = "damaged_tar"  # whole gzip, but what it holds is no tar, ends too soon, or has a broken header
    ARCHIVE_TOO_LARGE = "archive_too_large"  # unpacks, or decodes, to more than max_archive_megabytes
    COMPRESSION_RATIO = "compression_ratio"  # unpacks to more than max_compression_ratio times its size
    TOO_MANY_MEMBERS = "too_many_members"  # more than max_members
    OVERSIZED_HEADER = "oversized_header"  # a member's headers go on and on
    NO_AUDIO = "no_audio"  # no audio file in it
    NO_CLIP_LEFT = "no_clip_left"  # each of its audio files was set aside: see their rows

    UNSAFE_PATH = "unsafe_path"  # absolute, with `..`, a backslash or a drive letter
    BAD_NAME = "bad_name"  # empty, too long, not UTF-8, or with control characters
    LINK = "link"  # symbolic or hard
    SPECIAL_FILE = "special_file"  # a device, a fifo, or a type that tar does not define
    SPARSE_FILE = "sparse_file"  # a file with holes
    MEMBER_TOO_LARGE = "member_too_large"  # above max_member_megabytes, or a text above 1 MB
    TRAILING_DATA = "trailing_data"  # not a member: bytes behind the end of the tar, where no reader looks
    DUPLICATE = "duplicate"  # the archive has this utterance, or this text, already

    EMPTY = "empty"  # no bytes
    UNREADABLE = "unreadable"  # not audio, or cut off
    UNSUPPORTED_FORMAT = "unsupported_format"  # no wav, FLAC or MP3, an absurd rate, or an MP3 without its true length
    NO_SAMPLES = "no_samples"  # a header only
    BAD_SAMPLES = "bad_samples"  # NaN or infinity among the samples, or floats far beyond full scale
    TOO_SHORT = "too_short"  # below min_duration_seconds
    TOO_LONG = "too_long"  # above max_duration_seconds
    SILENCE = "silence"  # the loudest sample is below silence_dbfs


class SetAside(Exception):
    """An archive, or a file in one, cannot be used: the reason, and a detail for people."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def printable(text: str) -> str:
    """The text on one line, without control characters or half characters, cut where it is very long."""
    shown = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return shown if len(shown) <= _MAX_TEXT else f"{shown[: _MAX_TEXT - 1]}…"
