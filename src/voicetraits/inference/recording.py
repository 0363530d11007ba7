"""Records from the microphone, with the level shown while somebody speaks."""

import io
import sys
from pathlib import Path
from typing import TextIO

import numpy as np
import soundfile

from voicetraits.audio import SAMPLE_RATE_HZ
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
    block = round(_BLOCK_SECONDS * SAMPLE_RATE_HZ)
    left, blocks = round(seconds * SAMPLE_RATE_HZ), []
    try:
        with sounddevice.InputStream(samplerate=SAMPLE_RATE_HZ, channels=1, dtype="int16") as stream:
            print("speak now", file=out, flush=True)
            while left > 0:
                samples, _ = stream.read(min(block, left))  # (frames, 1), and whether some were lost
                blocks.append(samples[:, 0].copy())
                left -= len(samples)
                print(f"\r{meter(samples[:, 0])} {max(0, left) / SAMPLE_RATE_HZ:4.1f} s", end="", file=out, flush=True)
    except (sounddevice.PortAudioError, ValueError) as error:  # the latter of a device that is set by a wrong name
        raise DataError(f"there is no microphone to record from ({' '.join(str(error).split())})") from None
    print("\rthank you".ljust(_METER_SIGNS + 12), file=out, flush=True)
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
