"""What the headers of an MP3 file tell of its length (ISO 11172-3, section 2.4.1.3; ISO 13818-3 for low rates).

libsndfile takes the length from the tag in the first frame (`Xing`, `Info`), and reads no further: of files that were
joined it would lose all but the first without a word. Where the tag does not tell it, or is another's (`VBRI`),
libsndfile estimates it from the first frame's bit rate: of a file of variable bit rate it would lose a part.
"""

from collections.abc import Sized
from dataclasses import dataclass
from typing import Protocol

#: Samples of the longest frame: where the length is an estimate, so much may be missing.
FRAME_SAMPLES = 1152

_KBIT_PER_SECOND = {
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),  # MPEG 1, layer III
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),  # MPEG 2 and 2.5, layer III
}
_RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # by version bits
_HEADER_BYTES, _ID3_HEADER_BYTES, _ID3V1_BYTES = 4, 10, 128
_TAGS = (b"Xing", b"Info")
_HAS_COUNT = 1  # of the flags behind them
_LATEST_TAG_BYTES = 40  # from a frame's begin to where its tag stands at the latest
#: So many more than the tag tells are no other recording: encoders differ in which of the first and last they count.
_SPARE_FRAMES = 2


class Content(Sized, Protocol):
    """A file's bytes, or what gives them by their places."""

    def __getitem__(self, places: slice, /) -> bytes | memoryview: ...


@dataclass(frozen=True)
class Frames:
    """What a walk over the frames found.

    Attributes:
        kbit_per_second: the bit rates of the frames, up to the first that is none.
        count: how many there are, that with the tag among them.
        told: how many of them hold sound, by a tag in the first; None where none tells that.
    """

    kbit_per_second: frozenset[int]
    count: int
    told: int | None

    @property
    def tells_length(self) -> bool:
        return self.told is not None

    @property
    def unread(self) -> str | None:
        """Why libsndfile may leave a part of the file unread; None where it does not."""
        if self.told is None:
            is_variable = len(self.kbit_per_second) > 1
            return "an MP3 of variable bit rate that does not tell its length" if is_variable else None
        if self.count - 1 > self.told + _SPARE_FRAMES:
            return f"an MP3 of {self.count} frames that tells of {self.told}; perhaps several, joined"
        return None


def may_be_mp3(content: bytes) -> bool:
    """Whether a file begins with an ID3v2 tag or with a frame's sync word."""
    return content[:3] == b"ID3" or (len(content) > 1 and content[0] == 0xFF and content[1] & 0xE0 == 0xE0)


def walk(content: Content) -> Frames:
    """Go from frame to frame of a file's bytes, also over what tags players put between files that were joined."""
    position = _behind_tags(content, 0)
    told = _frames_told(bytes(content[position : position + _LATEST_TAG_BYTES + 8]))
    rates, count = set(), 0
    while frame := _frame(content[position : position + _HEADER_BYTES]):
        length, rate = frame
        rates.add(rate)
        count += 1
        position = _behind_tags(content, position + length)
    return Frames(frozenset(rates), count, told)


def _frames_told(frame: bytes) -> int | None:
    for tag in _TAGS:
        at = frame.find(tag, 0, _LATEST_TAG_BYTES) + len(tag)
        if at >= len(tag):
            flags, frames = (int.from_bytes(frame[start : start + 4], "big") for start in (at, at + 4))
            return frames or None if flags & _HAS_COUNT else None  # libsndfile takes 0 for unknown
    return None


def _behind_tags(content: Content, position: int) -> int:
    """Behind the ID3 tags of both kinds that stand here, if any do."""
    while True:
        if content[position : position + 3] == b"ID3" and position + _ID3_HEADER_BYTES <= len(content):
            size = 0
            for byte in content[position + 6 : position + _ID3_HEADER_BYTES]:  # seven bits of each
                size = size << 7 | byte & 0x7F
            position += _ID3_HEADER_BYTES + size
        elif content[position : position + 3] == b"TAG":
            position += _ID3V1_BYTES
        else:
            return position


def _frame(header: bytes | memoryview) -> tuple[int, int] | None:
    """Length in bytes and kbit/s of the frame with this header; None if it is none of layer III."""
    if len(header) < _HEADER_BYTES or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    rate_index, hz_index, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer != 1 or rate_index in (0, 15) or hz_index == 3:
        return None
    is_mpeg1 = version == 3
    rate = _KBIT_PER_SECOND[is_mpeg1][rate_index]
    samples = FRAME_SAMPLES if is_mpeg1 else FRAME_SAMPLES // 2
    return samples // 8 * rate * 1000 // _RATES_HZ[version][hz_index] + padding, rate
