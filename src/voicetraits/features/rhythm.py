"""Pauses, syllables and rates of speaking.

Source: N. H. de Jong, T. Wempe: Praat script to detect syllable nuclei and measure speech rate automatically. Behavior
Research Methods 41 (2009), 385-390: syllables are peaks of intensity that are voiced and stand 2 dB above the dip that
follows; what lies 25 dB below the loudest is silence, and a silence of 0.3 s is a pause.
"""

from functools import lru_cache

import numba
import numpy as np

from voicetraits.features.feature import Feature

_SILENCE_BELOW_PEAK_DB = 25.0
_PEAK_QUANTILE = 0.99
_MIN_DIP_DB = 2.0
_MIN_PAUSE_SECONDS = 0.3
#: The window over which intensity is averaged: Praat's for a lowest pitch of 50 Hz, a Kaiser window this long.
_WINDOW_SECONDS, _WINDOW_BETA = 0.128, 20.0
_FLOOR = 1e-10

_DEFINITIONS = (
    ("speech_share", "1", "frames less than 25 dB below the loudest / all frames"),
    ("pauses_per_second", "1/s", "silences of 0.3 s or more between sounds / seconds from the first to the last sound"),
    ("pause_mean_seconds", "s", "mean length of these pauses (0 where there is none)"),
    ("phonation_seconds", "s", "time from the first to the last sound less pauses"),
    ("speaking_rate_hz", "1/s", "syllables / seconds of the clip"),
    ("articulation_rate_hz", "1/s", "syllables / phonation time"),
)


def describe() -> list[Feature]:
    """The features that `rhythm_statistics` gives, in its order."""
    return [Feature(name, unit, definition) for name, unit, definition in _DEFINITIONS]


def rhythm_statistics(samples: np.ndarray, voiced: np.ndarray, *, sample_rate_hz: int, hop_length: int) -> np.ndarray:
    """Statistics of a clip.

    Args:
        samples: (n,) float.
        voiced: (frames,) bool, frame t centred at sample t · hop_length; frames = 1 + n // hop_length.

    Returns:
        (6,) in the order of `describe`; all zeros in silence.
    """
    intensity_db = intensity(samples, sample_rate_hz, hop_length)
    frame_seconds = hop_length / sample_rate_hz
    loudest_db = np.sort(intensity_db)[int(_PEAK_QUANTILE * (len(intensity_db) - 1))]
    if loudest_db <= 10 * np.log10(_FLOOR) + _SILENCE_BELOW_PEAK_DB:
        return np.zeros(len(_DEFINITIONS))
    threshold_db = loudest_db - _SILENCE_BELOW_PEAK_DB
    sounding = intensity_db > threshold_db
    places = np.flatnonzero(sounding)
    gaps = np.diff(places) - 1
    pauses = gaps[gaps * frame_seconds >= _MIN_PAUSE_SECONDS] * frame_seconds
    span = (places[-1] - places[0] + 1) * frame_seconds
    phonation = span - pauses.sum()
    syllables = _count_syllables(intensity_db, voiced, threshold_db)
    return np.array(
        [
            sounding.mean(),
            len(pauses) / span,
            pauses.mean() if len(pauses) else 0.0,
            phonation,
            syllables * sample_rate_hz / len(samples),
            syllables / phonation,
        ]
    )


def intensity(samples: np.ndarray, sample_rate_hz: int, hop_length: int) -> np.ndarray:
    """Level of the mean square around each frame's middle, smoothed, in dB relative to full scale: (frames,)."""
    frames = 1 + len(samples) // hop_length
    energies = _energies(samples, frames, hop_length) / hop_length
    window = _smoother(max(1, round(_WINDOW_SECONDS * sample_rate_hz / hop_length / 2)))
    half = len(window) // 2
    smoothed = np.convolve(energies, window)[half : half + frames]
    return 10 * np.log10(smoothed + _FLOOR)


@lru_cache
def _smoother(half: int) -> np.ndarray:
    """A Kaiser window of 2 · half + 1 weights whose sum is 1."""
    window = np.kaiser(2 * half + 1, _WINDOW_BETA)
    return window / window.sum()


@numba.njit(cache=True)
def _energies(samples, frames, hop_length):  # pragma: no cover
    """Σ x² over the hop around each frame's middle."""
    energies = np.zeros(frames)
    for t in range(frames):
        start = t * hop_length - hop_length // 2
        for i in range(max(0, start), min(len(samples), start + hop_length)):
            energies[t] += np.float64(samples[i]) * np.float64(samples[i])
    return energies


@numba.njit(cache=True)
def _count_syllables(intensity_db, voiced, threshold_db):  # pragma: no cover
    """Voiced peaks above the threshold; of several with no dip of 2 dB between them the highest."""
    count = 0
    peak, peak_at = -np.inf, -1
    dip = -np.inf
    climbing = True  # towards a peak: since the last dip that counts
    for t in range(len(intensity_db)):
        level = intensity_db[t]
        if climbing:
            if level > peak:
                peak, peak_at = level, t
            elif level < peak - _MIN_DIP_DB:
                count += peak > threshold_db and voiced[peak_at]
                climbing, dip = False, level
        elif level < dip:
            dip = level
        elif level > dip + _MIN_DIP_DB:
            climbing, peak, peak_at = True, level, t
    if climbing and peak_at >= 0:
        count += peak > threshold_db and voiced[peak_at]
    return count
