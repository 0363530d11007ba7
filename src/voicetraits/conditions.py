"""What a test clip may have to withstand: each condition turns a clip into how it would sound there.

Chance has no part in it: the noise and the room of a clip follow from its name, so that every model hears the same.
"""

from collections.abc import Callable
from functools import cache, partial
from hashlib import sha256
from typing import Literal, NamedTuple

import numpy as np

from voicetraits.augmentation.levels import power, to_int16
from voicetraits.augmentation.noise import add_noise
from voicetraits.augmentation.pitch import Voice, semitones
from voicetraits.augmentation.room import in_room
from voicetraits.augmentation.shoebox import Shoebox
from voicetraits.augmentation.spectra import SAMPLE_RATE_HZ
from voicetraits.augmentation.telephone import telephone

Condition = Literal[
    "telephone", "noise_10db", "noise_5db", "noise_0db", "rooms", "crop_1s",
    "pitch_down_5", "pitch_down_3", "pitch_up_3", "pitch_up_5",
]  # fmt: skip

#: The clip as it is, beside which all others stand.
CLEAN = "clean"

#: Pink, as the noise of many rooms and streets roughly is.
_NOISE_EXPONENT = 1.0
#: An office, a living room and a hall, by the image source method; training has rooms of another kind
#: (`room.diffuse_room`). Their reverberation lasts 0.3, 0.5 and 1.0 s; the speaker is 0.6, 1.1 and 2.2 m away.
_ROOMS = (
    Shoebox((3.5, 3.0, 2.6), (1.0, 1.0, 1.4), (1.4, 1.4, 1.2), absorption=0.25),
    Shoebox((6.0, 4.5, 2.7), (2.0, 1.5, 1.5), (2.8, 2.2, 1.2), absorption=0.22),
    Shoebox((11.0, 8.0, 3.5), (3.0, 3.0, 1.6), (4.8, 4.2, 1.2), absorption=0.2),
)


class Heard(NamedTuple):
    """A clip under a condition.

    Attributes:
        samples: (n,) int16 at 16 kHz, as a sound file of it would hold.
        changed: False where the condition could do nothing: no voice to move, no sound to set noise against, too short.
    """

    samples: np.ndarray
    changed: bool


def hear(voice: Voice, condition: str, utterance_id: str) -> Heard:
    """A clip under a condition: its samples never leave full scale, louder ones are made softer as a whole.

    Args:
        voice: the clip; several conditions of one clip share the analysis of its pitch.
        condition: one of `Condition`, or `CLEAN`.
    """
    seed = sha256(f"{condition}\0{utterance_id}".encode()).digest()
    samples, changed = _EFFECTS[condition](voice, np.random.default_rng(list(seed)))
    return Heard(to_int16(samples), changed)


def _clean(voice: Voice, rng: np.random.Generator) -> tuple[np.ndarray, bool]:
    return voice.samples, True


def _telephone(voice: Voice, rng: np.random.Generator) -> tuple[np.ndarray, bool]:
    return telephone(voice.samples), power(voice.samples) > 0


def _noise(voice: Voice, rng: np.random.Generator, *, snr_db: float) -> tuple[np.ndarray, bool]:
    return add_noise(voice.samples, snr_db, _NOISE_EXPONENT, rng), power(voice.samples) > 0


def _rooms(voice: Voice, rng: np.random.Generator) -> tuple[np.ndarray, bool]:
    return in_room(voice.samples, _response(int(rng.integers(len(_ROOMS))))), power(voice.samples) > 0


@cache
def _response(room: int) -> np.ndarray:
    return _ROOMS[room].impulse_response()


def _crop(voice: Voice, rng: np.random.Generator, *, seconds: float) -> tuple[np.ndarray, bool]:
    """From the middle."""
    count = round(seconds * SAMPLE_RATE_HZ)
    start = max(0, len(voice.samples) - count) // 2
    return voice.samples[start : start + count], len(voice.samples) > count


def _pitch(voice: Voice, rng: np.random.Generator, *, by: float) -> tuple[np.ndarray, bool]:
    return voice.change(pitch=semitones(by)), voice.is_voiced


_EFFECTS: dict[str, Callable[[Voice, np.random.Generator], tuple[np.ndarray, bool]]] = {
    CLEAN: _clean,
    "telephone": _telephone,
    "noise_10db": partial(_noise, snr_db=10.0),
    "noise_5db": partial(_noise, snr_db=5.0),
    "noise_0db": partial(_noise, snr_db=0.0),
    "rooms": _rooms,
    "crop_1s": partial(_crop, seconds=1.0),
    "pitch_down_5": partial(_pitch, by=-5.0),
    "pitch_down_3": partial(_pitch, by=-3.0),
    "pitch_up_3": partial(_pitch, by=3.0),
    "pitch_up_5": partial(_pitch, by=5.0),
}
