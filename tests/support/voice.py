"""Real and synthesised speech for the tests of the voice features, and those features of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import librosa
import numpy as np

from support.sounds import PARAMS, RATE_HZ
from voicetraits import params
from voicetraits.corpora import demo
from voicetraits.features import voice
from voicetraits.features.pyin import PitchTracker
from voicetraits.unpacking import ExtractParams, unpack

TRACKER = PitchTracker(
    sample_rate_hz=RATE_HZ,
    min_hz=PARAMS.f0_min_hz,
    max_hz=PARAMS.f0_max_hz,
    frame_length=PARAMS.f0_frame_length,
    hop_length=PARAMS.hop_length,
)
WINDOW_ENERGY = float(np.square(librosa.filters.get_window("hann", PARAMS.frame_length)).sum())
VOICE = voice.VoiceFeatures(RATE_HZ, PARAMS.hop_length, PARAMS.n_fft, WINDOW_ENERGY)
NAMES = tuple(feature.name for feature in voice.describe())
EXTRACT = params.get(params.load(Path(__file__).parents[2] / "params.yaml"), "extract", ExtractParams)


@dataclass(frozen=True)
class Clip:
    """One clip with what the features share.

    Attributes:
        samples: (n,) float32 at 16 kHz.
    """

    samples: np.ndarray

    @cached_property
    def f0_hz(self) -> np.ndarray:
        """(frames,), NaN where unvoiced."""
        return TRACKER(self.samples)

    @cached_property
    def power(self) -> np.ndarray:
        """(frames, bins)."""
        amplitudes = np.abs(
            librosa.stft(
                self.samples,
                n_fft=PARAMS.n_fft,
                hop_length=PARAMS.hop_length,
                win_length=PARAMS.frame_length,
                pad_mode="constant",
            )
        )
        return np.ascontiguousarray(np.square(amplitudes).T)

    @cached_property
    def features(self) -> dict[str, float]:
        values = VOICE(self.samples, self.power, self.f0_hz)
        return dict(zip(NAMES, values.tolist(), strict=True))


def clip(samples: np.ndarray) -> Clip:
    return Clip(np.asarray(samples, np.float32))


def demo_clips(count: int) -> list[Clip]:
    """Synthesised speech of as many speakers."""
    sound = [submission for submission in demo.plan(24, 1) if not submission.faults]
    return [clip(demo.render_clip(one, 0, 1)) for one in sound[:: max(1, len(sound) // count)][:count]]


def mirror_clips(mirror: Path, per_archive: int = 1, every: int = 1) -> Iterator[tuple[str, Clip]]:
    """Names and clips of real speech: the first ones of every so many archives."""
    for path in sorted(mirror.glob("*.tgz"))[::every]:
        clips = unpack(path, EXTRACT).clips
        for name in sorted(clips)[:per_archive]:
            yield f"{path.stem}/{name}", clip(clips[name].samples / np.float32(32768))
