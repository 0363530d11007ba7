"""The tables of a model card: who was heard, and what the model did on speakers that it had not heard."""

from collections.abc import Mapping

import pandas as pd

from voicetraits.reporting.words import count, interval, number, percent, sentence, table
from voicetraits.shipping.evidence import Evidence

#: Columns of the metadata, and what they are called.
_GROUPS = {"gender": "gender", "age_group": "age group", "language": "language", "source": "source"}
#: Of a column with more values, the commonest.
_MOST = 8
#: In the order in which they are asked about.
_SLICES = ("gender", "age_group", "source", "dialect", "pitch", "signal_to_noise", "duration")
_BASELINES = ("majority", "pitch_threshold")
_SHOWN = ("uar", "accuracy", "roc_auc", "log_loss")


def speakers(evidence: Mapping[str, Evidence]) -> str:
    """Who was learnt from and tested, by group; a speaker whose age group changed counts in each."""
    parts = []
    for target, one in evidence.items():
        rows = []
        for column, name in _GROUPS.items():
            learnt, tested = _by_value(one.learnt, column), _by_value(one.tested, column)
            values = sorted(
                {*learnt.index, *tested.index}, key=lambda value: (-learnt["clips"].get(value, 0), str(value))
            )
            rows += [[name, str(value), *_counts(learnt, value), *_counts(tested, value)] for value in values[:_MOST]]
            if len(values) > _MOST:
                rows.append([name, f"{len(values) - _MOST} more", "", "", "", ""])
        head = ["group", "", "training speakers", "clips", "test speakers", "clips"]
        parts += [f"### {sentence(target)}", table(head, rows)]
    return "\n\n".join(parts)


def results(evidence: Mapping[str, Evidence]) -> str:
    """Scores of the model and of what it must beat."""
    parts = []
    for target, one in evidence.items():
        rows = [
            [f"`{model}`", unit, *(_score(one, model, unit, name) for name in _SHOWN)]
            for unit in ("clips", "speakers")
            for model in (one.config.model, *_BASELINES)
            if not one.scores.query("model == @model").empty
        ]
        recalls = [
            [label, _score(one, one.config.model, "clips", f"recall_{label}"),
             _score(one, one.config.model, "clips", f"precision_{label}")]
            for label in one.config.classes
        ]  # fmt: skip
        parts += [
            f"### {sentence(target)}",
            table(["model", "on", "UAR", "accuracy", "ROC-AUC", "log loss"], rows),
            table(["class", "recall on clips", "precision on clips"], recalls),
        ]
    return "\n\n".join(parts)


def by_group(evidence: Mapping[str, Evidence]) -> str:
    """UAR on the parts of the test clips."""
    parts = [
        "UAR on clips, over the classes of which a part has speakers enough; where that is one class, its recall. Of "
        "many parts one is lowest by chance."
    ]
    for target, one in evidence.items():
        own = one.slices[one.slices["model"] == one.config.model]
        rows = [
            [row.slice.replace("_", " "), row.part, row.classes.replace(" ", ", "), count(row.speakers),
             count(row.clips), interval(row.uar, row.low, row.high) if pd.notna(row.uar) else row.note]
            for name in _SLICES
            for row in own[own["slice"] == name].itertuples()
        ]  # fmt: skip
        parts += [
            f"### {sentence(target)}",
            table(["part", "", "classes", "speakers", "clips", "UAR"], rows),
        ]
    return "\n\n".join(parts)


def calibration(evidence: Mapping[str, Evidence]) -> str:
    """How far to trust stated confidence."""
    rows = []
    for target, one in evidence.items():
        scores = [
            _score(one, one.config.model, unit, name) for unit in ("clips", "speakers") for name in ("ece_raw", "ece")
        ]
        rows.append([target, one.calibration.method, count(one.calibration.speakers), *scores])
    head = ["target", "method", "fitted on speakers", "ECE on clips before", "after", "ECE on speakers before", "after"]
    return (
        f"{table(head, rows)}\n\nThe fit is as good as its speakers are many, and for recordings like theirs; under "
        "other conditions, below, confidence misleads first."
    )


def abstaining(evidence: Mapping[str, Evidence]) -> str:
    """At which confidence the model is `unsure`, and what comes of it."""
    rows = []
    for target, one in evidence.items():
        threshold = one.calibration.threshold
        rows.append(
            [
                target,
                number(threshold) if threshold <= 1 else "above 1: none is answered",
                percent(one.calibration.wanted_error),
                _score(one, one.config.model, "clips", "coverage"),
                _score(one, one.config.model, "clips", "answered_error"),
            ]
        )
    head = ["target", "threshold of confidence", "wrong answers wanted at most", "clips answered", "wrong among them"]
    return (
        f"{table(head, rows)}\n\nThe last two columns are shares of the test clips and of the answered ones, where "
        "`unsure` alone refuses."
    )


def under_stress(evidence: Mapping[str, Evidence]) -> str:
    """UAR on the same clips under other conditions."""
    parts = []
    for target, one in evidence.items():
        clips = one.stress[one.stress["unit"] == "clips"]
        found = clips.set_index(["condition", "score"])
        rows = [
            [f"`{condition}`", *(_shown(found.loc[(condition, score)]) for score in ("uar", "ece"))]
            for condition in clips["condition"].unique()
        ]
        told = table(["condition", "UAR on clips", "ECE"], rows) if rows else "Not measured (`stress` in params.yaml)."
        parts += [f"### {sentence(target)}", told]
    return "\n\n".join(parts)


def weakest(target: str, one: Evidence) -> str:
    """The class that is missed most, in a sentence; nothing without figures."""
    own = one.scores.query("model == @one.config.model and unit == 'clips'").set_index("score")["value"]
    recalls = {label: own[f"recall_{label}"] for label in one.config.classes if f"recall_{label}" in own}
    if not recalls:
        return ""
    label = min(recalls, key=recalls.get)
    return f"{sentence(target)}: `{label}` is found least often, in {percent(recalls[label])} of its test clips."


def _by_value(clips: pd.DataFrame, column: str) -> pd.DataFrame:
    """speakers, clips by the value of a column."""
    # A word is wanted where nothing is stated, and columns may be categories.
    stated = clips[column].astype(object).where(clips[column].notna(), "not stated")
    return clips.groupby(stated).agg(speakers=("speaker_id", "nunique"), clips=("utterance_id", "size"))


def _counts(groups: pd.DataFrame, value: str) -> list[str]:
    return [count(groups[name].get(value, 0)) for name in ("speakers", "clips")]


def _score(one: Evidence, model: str, unit: str, name: str) -> str:
    rows = one.scores.query("model == @model and unit == @unit and score == @name")
    return "" if rows.empty else _shown(rows.iloc[0])


def _shown(row: pd.Series) -> str:
    return interval(row["value"], row["low"], row["high"]) if pd.notna(row["low"]) else number(row["value"])
