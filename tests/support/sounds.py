"""Signals at 16 kHz whose features are known or can be computed another way, and the setting of params.yaml."""

from pathlib import Path

import numpy as np

from voicetraits import params
from voicetraits.features.extractor import FeaturizeParams

RATE_HZ = 16_000
PARAMS = params.get(params.load(Path(__file__).parents[2] / "params.yaml"), "featurize", FeaturizeParams)


def times(seconds: float = 1.0) -> np.ndarray:
    return np.arange(round(seconds * RATE_HZ)) / RATE_HZ


def sine(hz: float, seconds: float = 1.0, amplitude: float = 0.5) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * hz * times(seconds))


def pulses(period: int, seconds: float = 1.0) -> np.ndarray:
    """A pulse every `period` samples."""
    samples = np.zeros(round(seconds * RATE_HZ))
    samples[::period] = 0.8
    return samples


def noise(seconds: float = 1.0, seed: int = 0, amplitude: float = 0.1) -> np.ndarray:
    return amplitude * np.random.default_rng(seed).standard_normal(round(seconds * RATE_HZ))


def glide(low_hz: float, high_hz: float, seconds: float = 1.0) -> np.ndarray:
    """A voice-like sound (20 harmonics) that rises, then falls silent for a quarter of the time, in faint noise."""
    hz = np.linspace(low_hz, high_hz, len(times(seconds)))
    phase = 2 * np.pi * np.cumsum(hz) / RATE_HZ
    voice = sum(np.sin(k * phase) / k for k in range(1, 21) if k * high_hz < RATE_HZ / 2) / 4
    voice[-len(voice) // 4 :] = 0
    return voice + noise(seconds, amplitude=0.002)
