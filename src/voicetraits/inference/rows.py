"""Answers as rows of a table: a row for each sound and target, or for each segment."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from voicetraits.inference.answers import Answer, Prediction

#: Decimals that say something.
_DECIMALS = 6


def columns(classes: Mapping[str, Sequence[str]], *, segments: bool) -> list[str]:
    """Names of the columns; `classes` are those of each target."""
    times = ["start_seconds", "end_seconds"] if segments else []
    stated = [f"p_{name}" for names in classes.values() for name in names]
    return [
        "path",
        *times,
        "target",
        "label",
        "confidence",
        *stated,
        "refusal",
        "speech_share",
        "f0_median_hz",
        "model",
    ]


def rows_of(path: str, prediction: Prediction, *, segments: bool) -> Iterator[dict[str, Any]]:
    """A row for each target, or each segment of it; what there is none of is missing."""
    for target, answer in prediction.answers.items():
        if segments:
            for segment in prediction.segments[target]:
                times = {"start_seconds": round(segment.start_seconds, 3), "end_seconds": round(segment.end_seconds, 3)}
                yield {"path": path, **times, **_of(segment.answer)}
        else:
            yield {"path": path, **_of(answer)}


def failure(path: str, reason: str) -> dict[str, Any]:
    """The row of a sound that could not be read."""
    return {"path": path, "refusal": f"unreadable: {reason}"}


def _of(answer: Answer) -> dict[str, Any]:
    stated = {f"p_{name}": round(value, _DECIMALS) for name, value in (answer.probabilities or {}).items()}
    numbers = {name: getattr(answer, name) for name in ("confidence", "speech_share", "f0_median_hz")}
    known = {
        "target": answer.target,
        "label": answer.label,
        **stated,
        "refusal": answer.refusal and str(answer.refusal),
    }
    rounded = {name: round(value, _DECIMALS) for name, value in numbers.items() if value is not None}
    return known | rounded | {"model": f"{answer.model.name}@{answer.model.version}"}
