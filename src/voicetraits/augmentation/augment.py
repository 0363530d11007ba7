"""A clip as another voice, in another room, over another line might have given it: what nets learn from as well.

    voice (pitch, tape, speed) → room → noise → microphone → sampling → telephone → gain

in the order in which sound comes about. Each effect has its share of the clips and its range in the section `augment`
of params.yaml. Masks and crops come later, anew in each epoch: see masking.py.

Milliseconds that each takes for a second of sound, on one core: pitch 5, speed 5, room 0.6, telephone 0.6, noise 0.5,
sampling 0.5, microphone 0.4, tape 0.1; a version of a clip at the default shares 2.6.
"""

import numpy as np

from voicetraits.augmentation.levels import amplify, limit
from voicetraits.augmentation.noise import add_noise
from voicetraits.augmentation.params import AugmentParams
from voicetraits.augmentation.pitch import Voice, semitones
from voicetraits.augmentation.room import diffuse_room, in_room
from voicetraits.augmentation.sampling import at_rate
from voicetraits.augmentation.spectra import apply_response, band, octaves
from voicetraits.augmentation.telephone import telephone

#: Octaves from 125 Hz to 8 kHz, at which a microphone's response is drawn.
_OCTAVES = 7
_MICROPHONE_ORDER = 2


def augment(samples: np.ndarray, params: AugmentParams, rng: np.random.Generator) -> np.ndarray:
    """One augmented version of a clip.

    Args:
        samples: (n,) float32 at 16 kHz, −1 … 1.
        rng: decides everything; the same generator gives the same version.

    Returns:
        (m,) float32, finite, within ±32767/32768: too loud a clip is made softer, never clipped. m is n but for the
        effects on pace, tape and speed, which make it round(n / ratio).
    """
    y = _another_voice(samples.astype(np.float32), params, rng)
    if _drawn(params.room, rng):
        rt60_seconds = rng.uniform(*params.room.rt60_seconds)
        y = in_room(y, diffuse_room(rt60_seconds, rng.uniform(*params.room.direct_to_reverberant_db), rng))
    if _drawn(params.noise, rng):
        y = add_noise(y, rng.uniform(*params.noise.snr_db), rng.uniform(*params.noise.exponent), rng)
    if _drawn(params.microphone, rng):
        y = _another_microphone(y, params, rng)
    if _drawn(params.sampling, rng):
        y = at_rate(y, rng.uniform(*params.sampling.rate_hz))
    if _drawn(params.telephone, rng):
        y = telephone(limit(y))
    if _drawn(params.gain, rng):
        y = amplify(y, rng.uniform(*params.gain.db))
    return limit(y)


def moves_pitch(params: AugmentParams, rng: np.random.Generator) -> bool:
    """Whether `augment`, with this generator as it is now, moves F0 and keeps formants: what it draws first."""
    return _drawn(params.pitch, rng)


def _another_voice(samples: np.ndarray, params: AugmentParams, rng: np.random.Generator) -> np.ndarray:
    """All three effects on the voice at once: they share the analysis of its pitch."""
    pitch = semitones(rng.uniform(*params.pitch.semitones)) if moves_pitch(params, rng) else 1.0
    tape = semitones(rng.uniform(*params.tape.semitones)) if _drawn(params.tape, rng) else 1.0
    speed = rng.uniform(*params.speed.ratio) if _drawn(params.speed, rng) else 1.0
    return Voice(samples).change(pitch=pitch * tape, formants=tape, speed=speed * tape)


def _another_microphone(samples: np.ndarray, params: AugmentParams, rng: np.random.Generator) -> np.ndarray:
    own = params.microphone
    response = octaves(rng.uniform(-own.octave_db, own.octave_db, _OCTAVES))
    low_hz, high_hz = (np.exp(rng.uniform(*np.log(edge))) for edge in (own.low_hz, own.high_hz))
    heard = band(low_hz, high_hz, _MICROPHONE_ORDER)
    return apply_response(samples, lambda hz: response(hz) * heard(hz))


def _drawn(effect: object, rng: np.random.Generator) -> bool:
    """Whether this clip has the effect."""
    return rng.random() < effect.share
