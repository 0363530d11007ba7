"""Sums up what was heard in windows: one answer for all of them, or one for each stretch with the same answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from voicetraits.inference.answers import Answer, Refusal, Segment
from voicetraits.inference.hearing import Hearing
from voicetraits.inference.loading import ModelIdentity
from voicetraits.models.saved import SavedModel

_SMALLEST_PROBABILITY = 1e-15


@dataclass(frozen=True)
class Heard:
    """What was heard in one window.

    Attributes:
        start_seconds, end_seconds: from the sound's begin.
        hearing: whether there is a voice.
        stated: raw probabilities of each model that was asked, by target, (classes,).
        refusals: by target, why a model was not asked although there is a voice.
        row: its functionals, (features,) float32; None where there is no voice, or no model sees them.
    """

    start_seconds: float
    end_seconds: float
    hearing: Hearing
    stated: Mapping[str, np.ndarray]
    refusals: Mapping[str, Refusal]
    row: np.ndarray | None = None


def answer_of(
    target: str, windows: Sequence[Heard], models: Mapping[str, SavedModel], identities: Mapping[str, ModelIdentity]
) -> Answer:
    """One answer on one or more windows.

    Probabilities of several windows are summed up as those of a speaker's clips are: by the mean of their calibrated
    logarithms, here weighted by seconds of speech. Windows that were refused do not count, unless all were.
    """
    model = models[target]
    speech = np.array([window.hearing.speech_seconds for window in windows])
    seconds = sum(window.hearing.seconds for window in windows)
    known = {
        "target": target,
        "speech_share": float(speech.sum() / seconds) if seconds else 0.0,
        "f0_median_hz": _f0_median_hz(windows),
        "model": identities[target],
    }
    asked = [window for window in windows if target in window.stated]
    if not asked:
        refusal = _most_common_refusal(target, windows)
        return Answer(label=None, confidence=None, probabilities=None, refusal=refusal, **known)
    raw = np.array([window.stated[target] for window in asked])  # (windows, classes)
    stated = model.calibration.apply(raw)
    if len(asked) > 1:
        weights = np.array([window.hearing.speech_seconds for window in asked])
        logs = weights @ np.log(np.maximum(stated, _SMALLEST_PROBABILITY)) / weights.sum()
        stated = np.exp(logs - logs.max())[None]
        stated /= stated.sum()
    refused = bool(model.calibration.refuses(stated)[0])
    probabilities = dict(zip(model.config.classes, stated[0].tolist(), strict=True))
    likeliest = max(probabilities, key=probabilities.get)
    return Answer(
        label=None if refused else likeliest,
        confidence=probabilities[likeliest],
        probabilities=probabilities,
        refusal=Refusal.UNSURE if refused else None,
        **known,
    )


def segments_of(
    target: str, windows: Sequence[Heard], models: Mapping[str, SavedModel], identities: Mapping[str, ModelIdentity]
) -> tuple[Segment, ...]:
    """Neighbouring windows with the same label or refusal, merged."""

    def outcome(window: Heard) -> tuple:
        answer = answer_of(target, [window], models, identities)
        return answer.label, answer.refusal

    segments = []
    for _, group in groupby(windows, outcome):
        own = list(group)
        answer = answer_of(target, own, models, identities)
        segments.append(Segment(own[0].start_seconds, own[-1].end_seconds, answer))
    return tuple(segments)


def _most_common_refusal(target: str, windows: Sequence[Heard]) -> Refusal:
    """By seconds; silence counts only where there is nothing else."""
    seconds: dict[Refusal, float] = {}
    for window in windows:
        reason = window.hearing.refusal or window.refusals[target]
        seconds[reason] = seconds.get(reason, 0.0) + window.hearing.seconds
    others = {reason: length for reason, length in seconds.items() if reason != Refusal.NO_SPEECH}
    return max(others or seconds, key=(others or seconds).get)


def _f0_median_hz(windows: Sequence[Heard]) -> float | None:
    """Of one window exact; of several, the median of their medians, each weighted by its voiced seconds."""
    voiced = [window.hearing for window in windows if window.hearing.f0_median_hz is not None]
    if not voiced:
        return None
    voiced.sort(key=lambda hearing: hearing.f0_median_hz)
    until = np.cumsum([hearing.voiced_seconds for hearing in voiced])
    return voiced[min(int(np.searchsorted(until, until[-1] / 2)), len(voiced) - 1)].f0_median_hz
