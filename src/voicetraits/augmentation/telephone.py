"""The telephone: a narrow band, 8 kHz, and µ-law (ITU-T G.711)."""

import numpy as np

from voicetraits.augmentation.levels import to_int16
from voicetraits.augmentation.sampling import from_rate, to_rate
from voicetraits.augmentation.spectra import apply_response, band

_RATE_HZ = 8_000
_BAND_HZ = (300.0, 3400.0)
_ORDER = 6
#: G.711's µ-law on the scale of 16 bits: chords begin at powers of two, less this.
_BIAS, _LARGEST = 0x84, 32635


def telephone(samples: np.ndarray) -> np.ndarray:
    """(n,) → (n,) float32 as heard over a telephone line: 300 to 3400 Hz, 8 kHz, 8-bit µ-law, and back to 16 kHz."""
    narrow = apply_response(samples, band(*_BAND_HZ, _ORDER))
    heard = mu_law_decode(mu_law_encode(to_int16(to_rate(narrow, _RATE_HZ))))
    return from_rate(heard.astype(np.float32) / 32768, _RATE_HZ, len(samples))


def mu_law_encode(samples: np.ndarray) -> np.ndarray:
    """int16 → uint8, G.711's µ-law: a sign, the power of two in which the value lies, four bits of where in it."""
    magnitude = np.minimum(np.abs(samples.astype(np.int32)), _LARGEST) + _BIAS
    chord = np.floor(np.log2(magnitude)).astype(np.int32) - 7  # 0 … 7
    step = (magnitude >> (chord + 3)) & 0x0F
    code = (chord << 4) | step | np.where(samples < 0, 0x80, 0)
    return (~code & 0xFF).astype(np.uint8)


def mu_law_decode(codes: np.ndarray) -> np.ndarray:
    """uint8 → int16: the middle of each step."""
    code = ~codes.astype(np.int32) & 0xFF
    chord, step = (code >> 4) & 0x07, code & 0x0F
    magnitude = (((step << 3) + _BIAS) << chord) - _BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)
