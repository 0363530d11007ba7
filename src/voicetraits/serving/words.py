"""Answers, refusals and problems in plain words."""

from collections.abc import Mapping
from typing import Any

from voicetraits.inference.answers import Refusal
from voicetraits.serving.problems import Kind, Problem
from voicetraits.serving.training_set import TrainingSet

TARGETS = {"gender": "Gender, as labelled", "age": "Age group, as labelled"}
MODELS = {"softmax": "softmax regression", "tfdf": "decision trees"}
_REFUSALS = {
    Refusal.NO_SPEECH: "No voice was heard. Speak closer to the microphone, for two seconds or more.",
    Refusal.TOO_SHORT: "There is too little speech to judge. Two seconds or more will do.",
    Refusal.TOO_NOISY: "There is too much noise beside the voice for this model. Try a quieter place.",
    Refusal.MUSIC_OR_OTHER: "This sounds like music or something else, not like speech.",
    Refusal.OUT_OF_DOMAIN: "This voice, or the way it was recorded, is far from all that the model learnt from.",
    Refusal.UNSURE: "The model is not sure enough to say.",
}
_PROBLEMS = {
    Kind.NOT_AUDIO: "This file holds no sound that is read here",
    Kind.UNREADABLE: "This file cannot be read as sound",
    Kind.TOO_LARGE: "This file is too large",
    Kind.TOO_LONG: "This sound is too long",
    Kind.BUSY: "The server is busy. Try again in a moment",
    Kind.TIMED_OUT: "This took too long and was given up",
    Kind.CRASHED: "This file brought down the process that read it",
}


def target_of(name: str) -> str:
    """A target as a heading."""
    return TARGETS.get(name, name)


def labels_of(training_set: TrainingSet) -> dict[str, str]:
    """Classes in words, by name; a class that is not among them is its own word."""
    youth_below, senior_from = training_set.youth_below_years, training_set.senior_from_years
    if youth_below is None or senior_from is None:
        return {}
    return {
        "youth": f"youth (under {youth_below})",
        "adult": f"adult ({youth_below} to {senior_from - 1})",
        "senior": f"senior ({senior_from} and over)",
    }


def model_of(name: str) -> str:
    """A model in words."""
    return MODELS.get(name, f"the net {name}")


def refusal_of(answer: Mapping[str, Any]) -> str:
    """Why there is no label, and what to do."""
    return _REFUSALS[Refusal(answer["refusal"])]


def problem_of(problem: Problem) -> str:
    """Why there is no answer at all."""
    return f"{_PROBLEMS.get(problem.kind, 'There is no answer')}: {problem.reason}."


def seconds_of(seconds: float) -> str:
    """3.4 s, or 12:05 of a minute and more."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


#: Beside every answer of models that learnt from the demo corpus.
SYNTHETIC = "This model has heard no people, only voices made by a program: its answer says nothing about a person."


def trained_on(training_set: TrainingSet) -> str:
    """What the models learnt from, in a sentence or two."""
    if training_set.corpus is None:
        return "What these models learnt from is not known here: no dvc.lock above them tells of their run."
    counts = "; ".join(
        f"{target}: "
        + ", ".join(f"{training_set.speakers[target][name]} speakers labelled {name}" for name in sorted(clips))
        for target, clips in sorted(training_set.clips.items())
        if clips
    )
    told = f"They learnt from the corpus “{training_set.corpus}”" + (f" ({counts})." if counts else ".")
    if training_set.is_synthetic:
        told += (
            " Its voices are made by a program. These models have never heard a person: their answers and scores show "
            "that the machinery works, and say nothing about people."
        )
    return told
