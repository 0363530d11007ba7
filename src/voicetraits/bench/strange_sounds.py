"""Sounds on which no model should answer: music, noise, silence, voices far too high or low; all made on the spot."""

from collections.abc import Sequence

import numpy as np
import scipy.fft
import soxr

from voicetraits.augmentation.pitch import Voice

RATE_HZ = 16_000
_SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 7, 9))  # semitones: major, minor, pentatonic


def music(rng: np.random.Generator, seconds: float) -> np.ndarray:
    """A tune with chords under it, on an instrument made of harmonics, with drums in half of the pieces.

    Returns:
        (n,) float32.
    """
    beat_seconds = 60 / rng.uniform(60, 150)
    root_hz, scale = 55 * 2 ** rng.uniform(0, 1.5), _SCALES[rng.integers(len(_SCALES))]
    samples = np.zeros(round(seconds * RATE_HZ))
    tune, chords = _instrument(rng), _instrument(rng)
    has_tune, has_chords, has_drums = rng.random() < 0.85, rng.random() < 0.7, rng.random() < 0.5
    step = int(rng.integers(0, 14))
    place = 0.0
    while place < seconds:
        length = beat_seconds * rng.choice([0.5, 1, 1, 2])
        step = int(np.clip(step + rng.integers(-2, 3), 0, 20))
        if has_tune or not has_chords:
            _add(samples, place, _note(rng, 2 * _pitch(root_hz, scale, step), length, tune), 0.5)
        place += length
    for number in range(int(seconds / beat_seconds) + 1):
        if has_chords and number % 2 == 0:
            degree = int(rng.integers(0, 6))
            for third in (0, 2, 4):
                note = _note(rng, _pitch(root_hz, scale, degree + third), 2 * beat_seconds, chords)
                _add(samples, number * beat_seconds, note, 0.3)
        if has_drums:
            hit = rng.normal(size=round(0.12 * RATE_HZ)) * np.exp(-np.arange(round(0.12 * RATE_HZ)) / (0.02 * RATE_HZ))
            _add(samples, number * beat_seconds, hit, 0.25)
    return _levelled(samples, rng)


def noise(rng: np.random.Generator, seconds: float) -> np.ndarray:
    """Noise whose power falls with frequency, steady or in gusts; mains hum; clicks; or a tone, (n,) float32."""
    count = round(seconds * RATE_HZ)
    times = np.arange(count) / RATE_HZ
    kind = rng.choice(["steady", "steady", "gusts", "hum", "clicks", "tone", "sweep"])
    if kind in ("steady", "gusts"):
        samples = _coloured(rng, count, rng.uniform(0, 2))
        if kind == "gusts":
            turns = np.arange(0, seconds + 0.4, 0.4)
            samples *= np.interp(times, turns, rng.uniform(0.05, 1, len(turns)))
    elif kind == "hum":
        base_hz = rng.choice([50.0, 60.0])
        samples = sum(rng.uniform(0, 1) / k * np.sin(2 * np.pi * base_hz * k * times) for k in range(1, 12))
        samples += 0.02 * rng.normal(size=count)
    elif kind == "clicks":
        samples = 0.001 * rng.normal(size=count)
        for place in rng.uniform(0, seconds, int(seconds * rng.uniform(1, 8))):
            _add(samples, place, rng.normal(size=80) * np.exp(-np.arange(80) / 15), 1.0)
    elif kind == "tone":
        samples = np.sin(2 * np.pi * rng.uniform(100, 4000) * times)
    else:
        low, high = rng.uniform(80, 300), rng.uniform(600, 4000)
        hz = low * (high / low) ** (times / seconds)
        samples = np.sin(2 * np.pi * np.cumsum(hz) / RATE_HZ)
    return _levelled(samples, rng)


def silence(rng: np.random.Generator, seconds: float) -> np.ndarray:
    """Zeros, or the hiss of a quiet room at −90 to −62 dB re full scale, (n,) float32."""
    count = round(seconds * RATE_HZ)
    if rng.random() < 0.3:
        return np.zeros(count, np.float32)
    return hiss(rng, count, rng.uniform(-90, -62))


def hiss(rng: np.random.Generator, count: int, level_dbfs: float) -> np.ndarray:
    """Of a quiet room, at a level in dB re full scale, (count,) float32."""
    samples = _coloured(rng, count, rng.uniform(0, 1.5))
    return (samples * 10 ** (level_dbfs / 20) / np.sqrt(np.mean(np.square(samples)))).astype(np.float32)


def moved(voice: np.ndarray, ratio: float, *, formants: bool) -> np.ndarray:
    """A voice whose pitch is so many times as high, (n,) float32.

    Args:
        formants: whether formants and pace move along, as by a tape that runs faster.
    """
    if formants:
        return soxr.resample(voice.astype(np.float64), RATE_HZ * ratio, RATE_HZ).clip(-1, 1).astype(np.float32)
    return Voice(voice).change(pitch=ratio).clip(-1, 1)


def _pitch(root_hz: float, scale: Sequence[int], step: int) -> float:
    octave, place = divmod(step, len(scale))
    return root_hz * 2 ** (octave + scale[place] / 12)


def _instrument(rng: np.random.Generator) -> dict:
    """How strong each harmonic is, how fast a note fades, how it trembles."""
    harmonics = int(rng.integers(1, 14))
    return {
        "levels": rng.uniform(0.2, 1, harmonics) / np.arange(1, harmonics + 1) ** rng.uniform(0.5, 2),
        "fade_seconds": rng.choice([0.15, 0.5, 2.0, 20.0]),
        "attack_seconds": rng.uniform(0.003, 0.08),
        "vibrato": rng.choice([0.0, 0.0, 0.004]),
    }


def _note(rng: np.random.Generator, hz: float, seconds: float, instrument: dict) -> np.ndarray:
    times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    phase = 2 * np.pi * hz * (times + instrument["vibrato"] / (2 * np.pi * 5.5) * np.sin(2 * np.pi * 5.5 * times))
    tone = sum(
        level * np.sin(k * phase + rng.uniform(0, 2 * np.pi))
        for k, level in enumerate(instrument["levels"], 1)
        if k * hz < RATE_HZ / 2
    )
    rise = np.minimum(1, times / instrument["attack_seconds"]) * np.minimum(1, (seconds - times) / 0.02)
    return np.asarray(tone * rise * np.exp(-times / instrument["fade_seconds"]))


def _add(samples: np.ndarray, place_seconds: float, sound: np.ndarray, gain: float) -> None:
    start = round(place_seconds * RATE_HZ)
    part = samples[start : start + len(sound)]
    part += gain * sound[: len(part)]


def _coloured(rng: np.random.Generator, count: int, exponent: float) -> np.ndarray:
    """Noise whose power falls as 1 / f^exponent."""
    spectrum = scipy.fft.rfft(rng.normal(size=count))
    spectrum[1:] /= np.arange(1, len(spectrum)) ** (exponent / 2)
    spectrum[0] = 0
    return scipy.fft.irfft(spectrum, count)


def _levelled(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """With its peak at −25 to −1 dB re full scale."""
    peak = 10 ** (rng.uniform(-25, -1) / 20)
    return (samples * peak / max(np.abs(samples).max(), 1e-9)).astype(np.float32)
