"""What a predictor answers."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from voicetraits.inference.loading import ModelIdentity


class Refusal(StrEnum):
    """Why there is no label."""

    NO_SPEECH = "no_speech"  # nothing, or nothing that sounds like a voice
    TOO_SHORT = "too_short"  # too little speech to judge
    TOO_NOISY = "too_noisy"  # speech that barely stands out of the noise, or in far more of it than the model knows
    MUSIC_OR_OTHER = "music_or_other"  # sound with a pitch that does not move as that of a voice
    OUT_OF_DOMAIN = "out_of_domain"  # a voice far from all that the model learnt from
    UNSURE = "unsure"  # the model's confidence lies below its threshold


@dataclass(frozen=True)
class Answer:
    """Of one model, on one sound or a stretch of it.

    Attributes:
        target: gender or age.
        label: the likeliest class; None if refused.
        confidence: its probability; of `unsure` that of the likeliest class, else None if refused.
        probabilities: calibrated, by class; None if refused, but for `unsure`.
        refusal: the reason; None where there is a label.
        speech_share: seconds with speech / all seconds.
        f0_median_hz: median of F0 over voiced frames; None where there are none.
        model: which one it is.
    """

    target: str
    label: str | None
    confidence: float | None
    probabilities: Mapping[str, float] | None
    refusal: Refusal | None
    speech_share: float
    f0_median_hz: float | None
    model: ModelIdentity

    def as_dict(self) -> dict[str, Any]:
        """Plain dicts, texts and numbers."""
        return asdict(self)


@dataclass(frozen=True)
class Segment:
    """A stretch of a sound with one answer: neighbouring windows that have the same label or refusal.

    Attributes:
        start_seconds, end_seconds: from the sound's begin.
        answer: over the stretch.
    """

    start_seconds: float
    end_seconds: float
    answer: Answer

    def as_dict(self) -> dict[str, Any]:
        """Plain dicts, texts and numbers."""
        return asdict(self)


@dataclass(frozen=True)
class Prediction:
    """All answers on one sound.

    Attributes:
        duration_seconds: of the sound.
        answers: by target.
        segments: by target, in time, without gaps; empty where they were not asked for.
    """

    duration_seconds: float
    answers: Mapping[str, Answer]
    segments: Mapping[str, tuple[Segment, ...]]

    def as_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, texts and numbers."""
        return asdict(self)
