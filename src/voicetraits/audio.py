"""Decodes wav, FLAC and MP3 of any rate, width and number of channels to 16 kHz mono int16 samples."""

import io
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import numpy as np
import soundfile
import soxr

from voicetraits import mp3
from voicetraits.quarantine import Reason, SetAside

SAMPLE_RATE_HZ = 16000

_FORMATS = ("WAV", "WAVEX", "RF64", "FLAC", "MP3")
_MIN_RATE_HZ, _MAX_RATE_HZ = 1_000, 768_000
_BLOCK_SAMPLES = 1 << 20  # over all channels, so that many channels need no more memory than one
#: A click may lie beyond twice full scale, and is clipped; more samples there are on another scale, as that of int16.
MOST_FAR_SAMPLES = 10
_FAR = 2.0
_UNKNOWN_FRAMES = 2**63 - 1  # libsndfile's answer where a FLAC header does not tell


@dataclass(frozen=True)
class Clip:
    """One utterance.

    Attributes:
        samples: int16 PCM, mono, 16 kHz; [n].
        original_sample_rate_hz: the rate in the file's own header.
    """

    samples: np.ndarray
    original_sample_rate_hz: int


@dataclass
class Effort:
    """What decoding an archive's files has taken, whatever became of them, in samples of all channels."""

    most_samples: int
    samples: int = 0

    @property
    def is_spent(self) -> bool:
        return self.samples > self.most_samples

    def add(self, samples: int) -> None:
        """Count some more. Raises SetAside where that is too many."""
        self.samples += samples
        if self.is_spent:
            raise SetAside(Reason.ARCHIVE_TOO_LARGE, f"decoded at its own rate, over {self.most_samples / 5e5:g} MB")


def decode(
    content: bytes,
    *,
    min_duration_seconds: float,
    max_duration_seconds: float,
    silence_dbfs: float,
    effort: Effort | None = None,
) -> Clip:
    """Decode a wav, FLAC or MP3 file, whatever its name says, and check that there is something to hear.

    Channels are averaged, other rates than 16 kHz resampled (soxr, high quality), then samples are scaled by 32768,
    rounded to the nearest integer, clipped to the range of int16 and freed of the device's offset; 16 kHz mono 16-bit
    files come out as they are but for the last.

    Args:
        content: the file's bytes.
        silence_dbfs: a clip whose loudest sample is below this level, in dB relative to full scale and without the
            offset, is silence.
        effort: that of the archive, to which this file's is added.

    Raises:
        SetAside: it is no such file, damaged, silent, or outside the given durations; or all effort is spent.
    """
    if not content:
        raise SetAside(Reason.EMPTY, "0 bytes")
    is_mp3 = mp3.may_be_mp3(content)
    frames = mp3.walk(content) if is_mp3 else None
    try:
        with silenced() if is_mp3 else nullcontext(), ForwardFile(io.BytesIO(content)) as file:
            _check_header(file, max_duration_seconds)
            if file.format == "MP3" and frames.unread:
                raise SetAside(Reason.UNSUPPORTED_FORMAT, frames.unread)
            rate_hz = file.samplerate
            is_estimate = file.format == "MP3" and not frames.tells_length
            blocks = _Blocks(file, max_duration_seconds, effort)
            samples = centred(np.concatenate([*at_16_khz(iter(blocks), rate_hz), np.empty(0, np.int16)]))
            _check_read(file, blocks.frames, may_lack=mp3.FRAME_SAMPLES if is_estimate else 0)
    except soundfile.LibsndfileError as error:
        raise SetAside(Reason.UNREADABLE, "no whole MP3 frame" if is_mp3 else error.error_string) from None
    duration_seconds = blocks.frames / rate_hz
    if duration_seconds < min_duration_seconds:
        raise SetAside(Reason.TOO_SHORT, f"{duration_seconds:.3f} s, under {min_duration_seconds:g} s")
    if blocks.loudest < 10 ** (silence_dbfs / 20):
        raise SetAside(Reason.SILENCE, f"the loudest sample is below {silence_dbfs:g} dBFS")
    return Clip(samples, rate_hz)


def at_16_khz(blocks: Iterator[np.ndarray], rate_hz: float) -> Iterator[np.ndarray]:
    """Mono blocks of float32, −1 … 1, at any rate -> blocks of int16 at 16 kHz; what is held does not grow."""
    if rate_hz == SAMPLE_RATE_HZ:
        yield from map(_to_int16, blocks)
        return
    stream = soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32", quality="HQ")
    for block in blocks:
        yield _to_int16(stream.resample_chunk(block))
    yield _to_int16(stream.resample_chunk(np.empty(0, np.float32), last=True))


def centred(samples: np.ndarray) -> np.ndarray:
    """Samples without their mean, which is no sound but the device's offset: (n,) int16 -> (n,) int16.

    It would lie among the lowest frequencies as if a voice had it, and moves F0. Of samples at full scale, which are
    clipped, some of it stays.
    """
    offset = round(float(samples.mean())) if len(samples) else 0
    if offset == 0:
        return samples
    return (samples.astype(np.int32) - offset).clip(-32768, 32767).astype(np.int16)


def far_samples(block: np.ndarray) -> int:
    """How many samples of a block, full scale −1 … 1, lie beyond twice that."""
    return int(np.count_nonzero((block > _FAR) | (block < -_FAR)))


@contextmanager
def silenced() -> Iterator[None]:
    """Without what libmpg123 says of damaged files on the process's stderr, once more for each block that it skips.

    It is one for all threads: the first to come silences it, the last to go gives it back.
    """
    _silence.begin()
    try:
        yield
    finally:
        _silence.end()


class _Silence:
    """Turns the process's stderr to nothing, for as long as anyone wants that, in any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._uses = 0
        self._kept = -1  # stderr, while it is turned

    def begin(self) -> None:
        with self._lock:
            if not self._uses:
                sys.stderr.flush()
                nothing = os.open(os.devnull, os.O_WRONLY)
                try:
                    self._kept = os.dup(2)
                    os.dup2(nothing, 2)
                finally:
                    os.close(nothing)
            self._uses += 1

    def end(self) -> None:
        with self._lock:
            self._uses -= 1
            if not self._uses:
                os.dup2(self._kept, 2)
                os.close(self._kept)


_silence = _Silence()


class ForwardFile(soundfile.SoundFile):
    """soundfile seeks after each read, which fails in a FLAC file whose header does not tell its length."""

    def seekable(self) -> bool:
        return False


def _check_header(file: soundfile.SoundFile, max_duration_seconds: float) -> None:
    if file.format not in _FORMATS:
        raise SetAside(Reason.UNSUPPORTED_FORMAT, f"the content is {file.format}, none of wav, FLAC and MP3")
    if not _MIN_RATE_HZ <= file.samplerate <= _MAX_RATE_HZ:
        raise SetAside(Reason.UNSUPPORTED_FORMAT, f"a sample rate of {file.samplerate} Hz")
    if file.frames != _UNKNOWN_FRAMES and file.frames > max_duration_seconds * file.samplerate:
        duration_seconds = file.frames / file.samplerate
        raise SetAside(Reason.TOO_LONG, f"{duration_seconds:.1f} s, over {max_duration_seconds:g} s")


class _Blocks:
    """A file's samples block by block, averaged over the channels: float32, −1 … 1, (frames,) each.

    Attributes:
        frames: how many there were so far.
    """

    def __init__(self, file: soundfile.SoundFile, max_duration_seconds: float, effort: Effort | None) -> None:
        self._file, self._max_duration_seconds, self._effort = file, max_duration_seconds, effort
        self.frames = 0
        self._sum, self._lowest, self._highest = 0.0, 1.0, -1.0
        self._far = 0

    @property
    def loudest(self) -> float:
        """Largest distance from the mean so far."""
        mean = self._sum / self.frames
        return max(self._highest - mean, mean - self._lowest)

    def __iter__(self) -> Iterator[np.ndarray]:
        file = self._file
        while len(block := file.read(_block_frames(file, self.frames), dtype="float32", always_2d=True)):
            # block: (frames, channels)
            if self._effort:
                self._effort.add(block.size)
            if not np.isfinite(block).all():
                raise SetAside(Reason.BAD_SAMPLES, "NaN or infinity among the samples")
            self._far += far_samples(block)
            if self._far > MOST_FAR_SAMPLES:
                raise SetAside(Reason.BAD_SAMPLES, "float samples far beyond full scale, which is −1 to 1")
            self.frames += len(block)
            if self.frames > self._max_duration_seconds * file.samplerate:
                raise SetAside(Reason.TOO_LONG, f"over {self._max_duration_seconds:g} s")
            mono = block[:, 0].clip(-1, 1) if file.channels == 1 else block.clip(-1, 1).mean(axis=1)
            self._sum += float(mono.sum(dtype=np.float64))
            self._lowest, self._highest = min(self._lowest, float(mono.min())), max(self._highest, float(mono.max()))
            yield mono


def _check_read(file: soundfile.SoundFile, frames: int, *, may_lack: int) -> None:
    """Whether all frames were read that the header tells, but for so many that may be fewer."""
    if not frames:
        raise SetAside(Reason.NO_SAMPLES, "a header without samples")
    if file.frames != _UNKNOWN_FRAMES and not file.frames - may_lack <= frames <= file.frames:
        raise SetAside(Reason.UNREADABLE, f"ends after {frames} of {file.frames} samples")


def _block_frames(file: soundfile.SoundFile, read: int) -> int:
    """How many frames to ask for next: room for many more than are left costs more than reading them."""
    return max(1, min(_BLOCK_SAMPLES // file.channels, file.frames - read))


def _to_int16(samples: np.ndarray) -> np.ndarray:
    return np.rint(samples * 32768).clip(-32768, 32767).astype(np.int16)
