"""What the headers of an MP3 file tell of its length (ISO 11172-3, section 2.4.1.3; ISO 13818-3 for low rates).

libsndfile takes the length from the tag in the first frame (`Xing`, `Info`). Where there is none it estimates it from
the first frame's bit rate, and reads no further: of a file of variable bit rate it would lose a part without a word.
"""

from dataclasses import dataclass

#: Samples of the longest frame: where the length is an estimate, so much may be missing.
FRAME_SAMPLES = 1152

_KBIT_PER_SECOND = {
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),  # MPEG 1, layer III
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),  # MPEG 2 and 2.5, layer III
}
_RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # by version bits
_HEADER_BYTES, _ID3_HEADER_BYTES = 4, 10
_TAGS = (b"Xing", b"Info", b"VBRI")
_LATEST_TAG_BYTES = 40  # from a frame's begin to where its tag stands at the latest


@dataclass(frozen=True)
class Frames:
    """What a walk over the frames found.

    Attributes:
        tells_length: whether the first frame holds a tag that does.
        kbit_per_second: the bit rates of the frames, up to the first that is none.
    """

    tells_length: bool
    kbit_per_second: frozenset[int]


def may_be_mp3(content: bytes) -> bool:
    """Whether a file begins with an ID3v2 tag or with a frame's sync word."""
    return content[:3] == b"ID3" or (len(content) > 1 and content[0] == 0xFF and content[1] & 0xE0 == 0xE0)


def walk(content: bytes) -> Frames:
    """Go from frame to frame."""
    position = _behind_id3(content)
    tells_length = any(tag in content[position : position + _LATEST_TAG_BYTES] for tag in _TAGS)
    rates = set()
    while frame := _frame(content[position : position + _HEADER_BYTES]):
        length, rate = frame
        rates.add(rate)
        position += length
    return Frames(tells_length, frozenset(rates))


def _behind_id3(content: bytes) -> int:
    if content[:3] != b"ID3" or len(content) < _ID3_HEADER_BYTES:
        return 0
    size = 0
    for byte in content[6:_ID3_HEADER_BYTES]:  # seven bits of each
        size = size << 7 | byte & 0x7F
    return _ID3_HEADER_BYTES + size


def _frame(header: bytes) -> tuple[int, int] | None:
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
