"""Hears whether there is a voice: by energy and pitch."""

from dataclasses import dataclass

import numpy as np

from voicetraits.features.analysis import Analysis
from voicetraits.inference.answers import Refusal

#: Below this nothing is heard, in dB re full scale.
_SILENCE_DBFS = -60.0
#: Speech lies at most so far below the level that a tenth of all frames exceed.
_BELOW_LOUD_DB = 30.0
#: Consonants and short pauses: what lies so close to a voiced frame belongs to speech as well, in seconds.
_AROUND_VOICE_SECONDS = 0.2
_MIN_VOICED_SECONDS = 0.15
_MIN_SPEECH_SECONDS = 0.5


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


def hear(analysis: Analysis) -> Hearing:
    """Judge a stretch of sound by what its features share."""
    hop_seconds = analysis.hop_length / analysis.sample_rate_hz
    seconds = len(analysis.samples) / analysis.sample_rate_hz
    level_db = frame_levels_db(analysis)  # (frames,)
    voiced = ~np.isnan(analysis.f0_hz)
    loud = level_db > max(_SILENCE_DBFS, np.percentile(level_db, 90) - _BELOW_LOUD_DB)
    reach = round(_AROUND_VOICE_SECONDS / hop_seconds)
    speech = loud & _near(voiced & loud, reach)
    speech_seconds = min(seconds, speech.sum() * hop_seconds)
    voiced_seconds = min(seconds, (voiced & loud).sum() * hop_seconds)
    f0_median_hz = float(np.median(analysis.f0_hz[voiced])) if voiced.any() else None
    refusal = None
    if voiced_seconds < _MIN_VOICED_SECONDS:
        refusal = Refusal.NO_SPEECH
    elif speech_seconds < _MIN_SPEECH_SECONDS:
        refusal = Refusal.TOO_SHORT
    return Hearing(seconds, float(speech_seconds), float(voiced_seconds), f0_median_hz, refusal)


def frame_levels_db(analysis: Analysis) -> np.ndarray:
    """Level of each frame in dB re full scale, (frames,)."""
    # Parseval; Hann's window has a mean square of 3/8.
    energy = 2 * analysis.power.sum(axis=1) / analysis.n_fft / (0.375 * analysis.frame_length)
    return 10 * np.log10(np.maximum(energy, 1e-12))


def _near(frames: np.ndarray, reach: int) -> np.ndarray:
    """Frames that lie at most `reach` from one that is set, (frames,) bool."""
    counts = np.cumsum(np.pad(frames.astype(np.int64), (reach + 1, reach)))
    return counts[2 * reach + 1 :] > counts[: -2 * reach - 1]
