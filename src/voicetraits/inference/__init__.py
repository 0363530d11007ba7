"""From a sound to an answer: `Predictor`, and what predict.py, the page and the service share."""

from typing import Any


def __getattr__(name: str) -> Any:
    # Loaded when asked for: the commands read their call before the numerical libraries are there.
    if name == "Predictor":
        from voicetraits.inference.predictor import Predictor

        return Predictor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
