"""Sound files that are cut off, flipped, or lie in their headers: the same for the same seed."""

import io
import struct
from collections.abc import Iterator

import numpy as np
import soundfile

from support.sounds import RATE_HZ, glide

FORMATS = ("WAV", "FLAC", "OGG", "MP3", "AIFF", "AU", "CAF", "W64", "RF64", "NIST", "VOC")
#: Where headers stand.
_HEADER_BYTES = 128


def broken_sounds(seed: int, of_each: int) -> Iterator[bytes]:
    """`of_each` files of each format, and some that nobody would write."""
    rng = np.random.default_rng(seed)
    for form in FORMATS:
        for channels in (1, 2):
            whole = _file_of(form, channels)
            for number in range(of_each // 2):
                yield _BREAKS[number % len(_BREAKS)](rng, bytearray(whole))
    yield from _lies()


def _file_of(form: str, channels: int) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.stack([glide(120, 180, 1.5)] * channels, axis=1), RATE_HZ, format=form)
    return file.getvalue()


def _cut(rng: np.random.Generator, content: bytearray) -> bytes:
    return bytes(content[: rng.integers(4, len(content))])


def _flip(rng: np.random.Generator, content: bytearray) -> bytes:
    for place in rng.integers(4, len(content), rng.integers(1, 64)):
        content[place] ^= 1 << rng.integers(8)
    return bytes(content)


def _flip_header(rng: np.random.Generator, content: bytearray) -> bytes:
    for place in rng.integers(4, min(_HEADER_BYTES, len(content)), rng.integers(1, 6)):
        content[place] = rng.integers(256)
    return bytes(content)


def _huge_number(rng: np.random.Generator, content: bytearray) -> bytes:
    place = int(rng.integers(4, _HEADER_BYTES - 4))
    content[place : place + 4] = rng.choice(
        [b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f"]
    )
    return bytes(content)


def _splice(rng: np.random.Generator, content: bytearray) -> bytes:
    first, second = sorted(rng.integers(4, len(content), 2))
    return bytes(content[:second] + content[first:])


def _fill(rng: np.random.Generator, content: bytearray) -> bytes:
    first, second = sorted(rng.integers(4, len(content), 2))
    content[first:second] = rng.bytes(second - first)
    return bytes(content)


_BREAKS = (_cut, _flip, _flip_header, _huge_number, _splice, _fill)


def _lies() -> Iterator[bytes]:
    """wav headers with channels, rates and widths that do not exist, and a FLAC that unpacks to hours of silence."""
    for channels, rate_hz, bits in (
        (0, 16000, 16),
        (65535, 16000, 16),
        (1, 0, 16),
        (1, 2**32 - 1, 16),
        (1, 16000, 0),
        (2, 8000, 255),
    ):
        form = struct.pack("<HHIIHH", 1, channels, rate_hz, 0xFFFFFFFF, 2, bits)
        yield (
            b"RIFF\xff\xff\xff\xffWAVEfmt "
            + struct.pack("<I", len(form))
            + form
            + b"data\xff\xff\xff\xff"
            + bytes(4096)
        )
    for magic in (b"RIFF\0\0\0\0WAVE", b"fLaC", b"OggS", b"ID3", b"FORM\0\0\0\0AIFF", b".snd", b"caff", b"\xff\xfb"):
        yield magic
        yield magic + bytes(100_000)
    file = io.BytesIO()
    soundfile.write(file, np.zeros(2 * 3600 * 8000, np.int16), 8000, format="FLAC")
    yield file.getvalue()
