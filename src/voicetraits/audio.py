"""Decodes wav, FLAC and MP3 of any rate, width and number of channels to 16 kHz mono int16 samples."""

import io
import os
import sys
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


def decode(content: bytes, *, min_duration_seconds: float, max_duration_seconds: float, silence_dbfs: float) -> Clip:
    """Decode a wav, FLAC or MP3 file, whatever its name says, and check that there is something to hear.

    Channels are averaged, other rates than 16 kHz resampled (soxr, high quality), then samples are scaled by 32768,
    rounded to the nearest integer and clipped to the range of int16: 16 kHz mono 16-bit files come out as they are.

    Args:
        content: the file's bytes.
        silence_dbfs: a clip whose loudest sample is below this level, in dB relative to full scale, is silence.

    Raises:
        SetAside: it is no such file, damaged, silent, or outside the given durations.
    """
    if not content:
        raise SetAside(Reason.EMPTY, "0 bytes")
    is_mp3 = mp3.may_be_mp3(content)
    frames = mp3.walk(content) if is_mp3 else None
    try:
        with silenced() if is_mp3 else nullcontext(), ForwardFile(io.BytesIO(content)) as file:
            _check_header(file, max_duration_seconds)
            if file.format == "MP3" and not frames.tells_length and len(frames.kbit_per_second) > 1:
                raise SetAside(Reason.UNSUPPORTED_FORMAT, "an MP3 of variable bit rate that does not tell its length")
            rate_hz = file.samplerate
            is_estimate = file.format == "MP3" and not frames.tells_length
            samples = _read_mono(file, max_duration_seconds, may_lack=mp3.FRAME_SAMPLES if is_estimate else 0)
    except soundfile.LibsndfileError as error:
        raise SetAside(Reason.UNREADABLE, "no whole MP3 frame" if is_mp3 else error.error_string) from None
    duration_seconds = len(samples) / rate_hz
    if duration_seconds < min_duration_seconds:
        raise SetAside(Reason.TOO_SHORT, f"{duration_seconds:.3f} s, under {min_duration_seconds:g} s")
    if np.abs(samples).max() < 10 ** (silence_dbfs / 20):
        raise SetAside(Reason.SILENCE, f"the loudest sample is below {silence_dbfs:g} dBFS")
    return Clip(_to_int16(_resample(samples, rate_hz)), rate_hz)


@contextmanager
def silenced() -> Iterator[None]:
    """Without what libmpg123 says of damaged files on the process's stderr, once more for each block that it skips."""
    sys.stderr.flush()
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


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


def _read_mono(file: soundfile.SoundFile, max_duration_seconds: float, *, may_lack: int) -> np.ndarray:
    """All frames, averaged over the channels, float32 in -1…1; [frames]. So many may be fewer than the header tells."""
    blocks, frames = [], 0
    while len(block := file.read(_block_frames(file, frames), dtype="float32", always_2d=True)):
        # block: [frames, channels]
        if not np.isfinite(block).all():
            raise SetAside(Reason.BAD_SAMPLES, "NaN or infinity among the samples")
        blocks.append(block[:, 0] if file.channels == 1 else block.clip(-1, 1).mean(axis=1))
        frames += len(block)
        if frames > max_duration_seconds * file.samplerate:
            raise SetAside(Reason.TOO_LONG, f"over {max_duration_seconds:g} s")
    if not frames:
        raise SetAside(Reason.NO_SAMPLES, "a header without samples")
    if file.frames != _UNKNOWN_FRAMES and not file.frames - may_lack <= frames <= file.frames:
        raise SetAside(Reason.UNREADABLE, f"ends after {frames} of {file.frames} samples")
    return np.concatenate(blocks).clip(-1, 1)


def _block_frames(file: soundfile.SoundFile, read: int) -> int:
    """How many frames to ask for next: room for many more than are left costs more than reading them."""
    return max(1, min(_BLOCK_SAMPLES // file.channels, file.frames - read))


def _resample(samples: np.ndarray, rate_hz: int) -> np.ndarray:
    return samples if rate_hz == SAMPLE_RATE_HZ else soxr.resample(samples, rate_hz, SAMPLE_RATE_HZ, quality="HQ")


def _to_int16(samples: np.ndarray) -> np.ndarray:
    return np.rint(samples * 32768).clip(-32768, 32767).astype(np.int16)
