"""Records from the microphone, with the level shown while somebody speaks."""

import io
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

import numpy as np
import soundfile

from voicetraits.audio import SAMPLE_RATE_HZ, at_16_khz
from voicetraits.errors import DataError
from voicetraits.files import written_aside

_BLOCK_SECONDS = 0.1
#: The meter goes from here to full scale, in so many signs.
_LOWEST_DBFS, _METER_SIGNS = -60.0, 30


def record(seconds: float, out: TextIO = sys.stderr) -> np.ndarray:
    """Record, and say when to speak.

    Args:
        out: where the meter goes.

    Returns:
        (n,) int16 at 16 kHz.

    Raises:
        DataError: there is no microphone, or nothing to reach one with.
    """
    try:
        import sounddevice
    except ImportError:
        raise DataError("recording needs the package sounddevice: `pip install sounddevice`, and try again") from None
    except OSError as error:  # it is there, and PortAudio is not
        raise DataError(f"recording needs PortAudio ({error}); on Debian: `apt install libportaudio2`") from None
    try:
        stream, rate_hz = _opened(sounddevice)
        with stream:
            print("speak now", file=out, flush=True)
            samples = _heard(stream, seconds, rate_hz, out)
    except (sounddevice.PortAudioError, ValueError) as error:  # the latter of a device that is set by a wrong name
        raise DataError(f"there is no microphone to record from ({' '.join(str(error).split())})") from None
    print("\rthank you".ljust(_METER_SIGNS + 12), file=out, flush=True)
    as_float = samples.astype(np.float32) / 32768
    return np.concatenate(list(at_16_khz(iter([as_float]), rate_hz)))


def _opened(sounddevice: ModuleType) -> tuple[Any, int]:
    """A stream at 16 kHz, or at the rate of a device that has no other; and its rate in Hz."""
    try:
        return sounddevice.InputStream(samplerate=SAMPLE_RATE_HZ, channels=1, dtype="int16"), SAMPLE_RATE_HZ
    except sounddevice.PortAudioError:
        rate_hz = round(sounddevice.query_devices(kind="input")["default_samplerate"])
        return sounddevice.InputStream(samplerate=rate_hz, channels=1, dtype="int16"), rate_hz


def _heard(stream: Any, seconds: float, rate_hz: int, out: TextIO) -> np.ndarray:
    """(n,) int16 at `rate_hz`."""
    left, blocks = round(seconds * rate_hz), []
    while left > 0:
        samples, _ = stream.read(min(round(_BLOCK_SECONDS * rate_hz), left))  # (frames, 1), and whether some were lost
        blocks.append(samples[:, 0].copy())
        left -= len(samples)
        print(f"\r{meter(samples[:, 0])} {max(0, left) / rate_hz:4.1f} s", end="", file=out, flush=True)
    return np.concatenate(blocks)


def meter(samples: np.ndarray) -> str:
    """A bar as long as the samples, int16, are loud."""
    rms = np.sqrt(np.mean(np.square(samples / 32768))) if len(samples) else 0.0
    level_db = 20 * np.log10(max(rms, 1e-6))
    signs = round(_METER_SIGNS * min(1.0, max(0.0, 1 - level_db / _LOWEST_DBFS)))
    return f"[{'#' * signs}{' ' * (_METER_SIGNS - signs)}]"


def save(samples: np.ndarray, path: Path) -> None:
    """Write what was recorded as a wav file."""
    content = io.BytesIO()  # libsndfile would not say why a file cannot be written
    soundfile.write(content, samples, SAMPLE_RATE_HZ, subtype="PCM_16", format="WAV")
    with written_aside(path) as aside:
        aside.write_bytes(content.getvalue())
