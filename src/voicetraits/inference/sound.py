"""Reads sound of any kind in blocks of 16 kHz mono: files of any length need the same memory."""

import io
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from numbers import Real
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from voicetraits import mp3
from voicetraits.audio import MOST_FAR_SAMPLES, ForwardFile, at_16_khz, far_samples, silenced
from voicetraits.errors import DataError

#: What a predictor listens to: a path, a file's bytes, an open file, or samples with their rate, (n,) or (n, channels).
Sound = str | os.PathLike | bytes | bytearray | memoryview | BinaryIO | tuple[np.ndarray, int]

_MIN_RATE_HZ, _MAX_RATE_HZ = 1_000, 768_000
_BLOCK_SAMPLES = 1 << 20  # over all channels, so that many channels need no more memory than one
#: More are samples, in an array that has its channels first. And wider integers are mostly those of narrower samples.
_MOST_CHANNELS, _LARGEST_SAMPLE_BYTES = 64, 4
_COPIED_BYTES = 1 << 20
#: Whose files tell no length of their own: libsndfile reckons it, and may be off in a file that is whole.
_WITHOUT_LENGTH = ("MP3", "OGG")
_UNKNOWN_FRAMES = 2**63 - 1  # libsndfile's answer where a header does not tell


def blocks_of(sound: Sound) -> Iterator[np.ndarray]:
    """Blocks of int16 samples, mono at 16 kHz, (n,) each: those that training has seen, but with the device's offset.

    Channels are averaged, other rates resampled (soxr, high quality), samples rounded to 16 bits.

    Raises:
        DataError: it is no sound, damaged, without a sample, or holds NaN, infinity or floats on another scale than
            −1 … 1; or is a FLAC or CAF file cut off. Of other files that are cut off, libsndfile reads what is there.
    """
    if isinstance(sound, tuple):
        samples, rate_hz = sound
        _check_rate(rate_hz)  # before there is a resampler for it
        blocks = _blocks_of_array(np.asarray(samples))
    else:
        rate_hz, blocks = _open(sound)
    yield from at_16_khz(blocks, rate_hz)


def reason_of(error: DataError | OSError) -> str:
    """Why a sound could not be read, or what belongs to it not written, in a few words."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _blocks_of_array(samples: np.ndarray) -> Iterator[np.ndarray]:
    is_channels_first = samples.ndim == 2 and 1 < len(samples) <= _MOST_CHANNELS < samples.shape[1]
    if samples.ndim not in (1, 2) or not samples.size or is_channels_first:
        raise DataError(f"samples have the shape {samples.shape}; allowed: (n,) or (n, channels), n 1 or more")
    frames = samples[:, None] if samples.ndim == 1 else samples
    step = max(1, _BLOCK_SAMPLES // frames.shape[1])
    mono = _Mono()
    for start in range(0, len(frames), step):
        yield mono(_as_float(frames[start : start + step]))


def _as_float(samples: np.ndarray) -> np.ndarray:
    """Integers by the full scale of their type, as float32 in −1 … 1."""
    if np.issubdtype(samples.dtype, np.floating):
        return samples.astype(np.float32)
    if samples.dtype == np.uint8:  # as in wav files, where 128 is silence
        return (samples.astype(np.float32) - 128) / 128
    if np.issubdtype(samples.dtype, np.signedinteger) and samples.dtype.itemsize <= _LARGEST_SAMPLE_BYTES:
        return (samples / -float(np.iinfo(samples.dtype).min)).astype(np.float32)
    raise DataError(f"samples are of type {samples.dtype}; allowed: floats, int8, int16, int32 and uint8")


def _open(sound: str | os.PathLike | bytes | BinaryIO) -> tuple[float, Iterator[np.ndarray]]:
    """The rate in the header, and mono blocks."""
    blocks = _blocks_of_file(sound)
    return next(blocks), blocks


def _blocks_of_file(sound: str | os.PathLike | bytes | BinaryIO) -> Iterator:
    """First the rate, then mono blocks of float32, all frames that the header promises."""
    frames = 0
    with _seekable(sound) as opened, _opened(opened) as file:
        _check_rate(file.samplerate)
        if file.format == "MP3":
            _check_frames(opened)
        yield file.samplerate
        step = max(1, _BLOCK_SAMPLES // file.channels)
        mono = _Mono()
        while len(block := _read(file, step)):
            frames += len(block)
            yield mono(block)
        is_estimate = file.format in _WITHOUT_LENGTH or file.frames == _UNKNOWN_FRAMES
        promised = file.frames
    if not frames:
        raise DataError("no sound in it: a header without samples")
    if not is_estimate and frames < promised:
        raise DataError(f"cut off: it ends after {frames} of {promised} samples")


def _opened(file: BinaryIO) -> soundfile.SoundFile:
    try:
        with silenced():
            return ForwardFile(file)
    except soundfile.LibsndfileError as error:
        raise DataError(f"no sound that can be read: {error.error_string.rstrip('. ')}") from None
    except TypeError:  # its name ends as those of files without a header do
        raise DataError("no sound that can be read: samples without a header") from None


def _check_frames(file: BinaryIO) -> None:
    """Whether libsndfile will read all of an MP3: of several that were joined it would hear the first alone."""
    if isinstance(getattr(file, "raw", file), io.FileIO):  # others, as of gzip, have the number of another file
        descriptor = file.fileno()
        content = _Pieces(lambda start, count: os.pread(descriptor, count, start), os.fstat(descriptor).st_size)
        frames = mp3.walk(content)
    elif isinstance(file, io.BytesIO):
        frames = mp3.walk(file.getbuffer())
    else:
        place = file.tell()
        frames = mp3.walk(_Pieces(partial(_read_at, file), _length_of(file)))
        file.seek(place)
    if frames.unread:
        raise DataError(f"{frames.unread}: only a part of it would be heard; convert it, to wav for example")


def _length_of(file: BinaryIO) -> int:
    """By reading: what is unpacked as it is read cannot go to its end at once."""
    file.seek(0)
    return sum(map(len, iter(partial(file.read, _COPIED_BYTES), b"")))


def _read_at(file: BinaryIO, start: int, count: int) -> bytes:
    file.seek(start)
    return file.read(count)


class _Pieces:
    """A file's bytes by their places, as of `bytes`, of which a piece at a time is held.

    Args:
        read: `read(start, count)` gives up to so many bytes.
        length: of the file.
    """

    def __init__(self, read: Callable[[int, int], bytes], length: int) -> None:
        self._read, self._length = read, length
        self._start, self._piece = 0, b""

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, places: slice) -> bytes:
        start, end, _ = places.indices(self._length)
        if start < self._start or end > self._start + len(self._piece):
            self._start, self._piece = start, self._read(start, max(_COPIED_BYTES, end - start))
        return self._piece[start - self._start : end - self._start]


def _read(file: soundfile.SoundFile, frames: int) -> np.ndarray:
    """The next frames, (frames, channels) float32; none at the end."""
    try:
        with silenced() if file.format == "MP3" else nullcontext():
            return file.read(frames, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise DataError(f"damaged: {error.error_string.rstrip('. ')}") from None


@contextmanager
def _seekable(sound: str | os.PathLike | bytes | BinaryIO) -> Iterator[str | BinaryIO]:
    """What soundfile can open; what comes through a pipe is first copied to a file."""
    if isinstance(sound, str | os.PathLike):
        path = Path(sound)
        if not path.exists() or path.is_dir():
            raise DataError("it is a folder" if path.is_dir() else "there is no such file")
        if path.is_file() and not path.stat().st_size:
            raise DataError("an empty file")
        # A shell's `<(…)` and other named pipes come through.
        with open(path, "rb") as file, _seekable(file) as opened:
            yield opened
    elif isinstance(sound, bytes | bytearray | memoryview):
        if not sound:
            raise DataError("an empty file")
        yield io.BytesIO(sound)
    elif sound.seekable():
        yield sound
    else:
        with tempfile.TemporaryFile() as copy:
            while part := sound.read(_COPIED_BYTES):
                copy.write(part)
            if not copy.tell():
                raise DataError("an empty file")
            copy.seek(0)
            yield copy


def _check_rate(rate_hz: float) -> None:
    if not isinstance(rate_hz, Real) or not _MIN_RATE_HZ <= rate_hz <= _MAX_RATE_HZ:  # NaN is in no range
        raise DataError(f"a sample rate of {rate_hz!r} Hz; allowed: {_MIN_RATE_HZ} to {_MAX_RATE_HZ}")


class _Mono:
    """Averages the channels of a sound's blocks."""

    def __init__(self) -> None:
        self._far = 0

    def __call__(self, block: np.ndarray) -> np.ndarray:
        """(frames, channels) float32 -> (frames,) float32, −1 … 1."""
        if not np.isfinite(block).all():
            raise DataError("NaN or infinity among the samples")
        self._far += far_samples(block)
        if self._far > MOST_FAR_SAMPLES:
            raise DataError("float samples far beyond full scale; allowed: −1 to 1 (divide those of int16 by 32768)")
        return np.ascontiguousarray(block.clip(-1, 1).mean(axis=1) if block.shape[1] > 1 else block[:, 0].clip(-1, 1))
