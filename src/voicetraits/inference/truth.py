"""Answers on a labelled folder: clips.csv says which clips there are, and how each is labelled."""

import csv
import os
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from voicetraits.errors import DataError
from voicetraits.inference.answers import Refusal
from voicetraits.inference.predictor import Predictor
from voicetraits.inference.progress import shown
from voicetraits.inference.sound import reason_of
from voicetraits.labels import read_age, read_gender
from voicetraits.metadata import MetadataParams, reconcile
from voicetraits.params import get
from voicetraits.speaker_archives import one_line

COLUMNS = ("path", "speaker_id", "gender", "age")


@dataclass(frozen=True)
class Scored:
    """Answers on labelled clips.

    Attributes:
        tables: by target, a row per clip: utterance_id (its path), speaker_id, label, f0_median_hz, p_<class>…, refused
            (unsure). Empty where no clip is left.
        set_aside: by target, how many rows are in no table, by reason.
        unlabelled: targets of which the labels name fewer than two classes; they are in no table.
        unreadable: why a clip could not be read, by path.
    """

    tables: Mapping[str, pd.DataFrame]
    set_aside: Mapping[str, Mapping[str, int]]
    unlabelled: Sequence[str]
    unreadable: Mapping[str, str]


def answer_on(predictor: Predictor, truth: Path, params: Mapping[str, Any]) -> Scored:
    """Answers on the clips of a table, with a progress bar.

    Args:
        truth: clips.csv.
        params: those of params.yaml.

    Raises:
        DataError: of `read_truth`; or of no target two classes are labelled, which is found before the first sound.
    """
    rows = read_truth(truth)
    labels = _labels(predictor, rows, params)
    unlabelled = [target for target, own in labels.items() if len(set(own) - {None}) < 2]
    if len(unlabelled) == len(labels):
        known = "; ".join(f"{target}: {', '.join(predictor.models[target].config.classes)}" for target in labels)
        raise DataError(f"{truth} labels clips of fewer than two classes ({known}); nothing can be scored on them")
    answered = {target: own for target, own in labels.items() if target not in unlabelled}
    return _answer_all(predictor, rows, answered, unlabelled)


def read_truth(path: Path) -> list[dict[str, str]]:
    """The rows of clips.csv; paths are those from its own folder.

    Raises:
        DataError: it is missing, no CSV in UTF-8, lacks a column, has no row, a row without path or speaker or
            with more values than columns, or two rows of one file.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="", strict=True)
            names = reader.fieldnames or []
            rows = [{name: row[name] for name in (*COLUMNS, None) if name in row} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as CSV in UTF-8 ({' '.join(str(error).split())})") from None
    if missing := [name for name in COLUMNS if name not in names]:
        raise DataError(f"{path} has no column {missing[0]!r}; its first line must name {', '.join(COLUMNS)}")
    if not rows:
        raise DataError(f"{path} has no rows; a row names one audio file: {', '.join(COLUMNS)}")
    first: dict[str, int] = {}
    for number, row in enumerate(rows, start=2):
        if None in row:
            raise DataError(f"{path}, row {number}: more values than columns; put a value that holds a comma in quotes")
        row["speaker_id"] = unicodedata.normalize("NFC", one_line(row["speaker_id"]))
        for name in ("path", "speaker_id"):
            if not row[name].strip():
                raise DataError(f"{path}, row {number}: {name} is blank")
        if "\0" in row["path"]:
            raise DataError(f"{path}, row {number}: the path holds the character NUL, which no file name can")
        row["path"] = str(path.parent / row["path"].strip())
        if (before := first.setdefault(os.path.normpath(row["path"]), number)) != number:
            raise DataError(f"{path}, rows {before} and {number}: both name {row['path']}; name each file once")
    return rows


def _labels(
    predictor: Predictor, rows: Sequence[Mapping[str, str]], params: Mapping[str, Any]
) -> dict[str, list[str | None]]:
    """By target, the class of each row, as training settles it; None where it has none that the model knows."""
    ages = get(params, "metadata", MetadataParams).ages
    read = {"gender": partial(read_gender, letters=True), "age": partial(read_age, **ages)}
    places_of: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        places_of.setdefault(row["speaker_id"], []).append(place)
    labels: dict[str, list[str | None]] = {}
    for target, model in predictor.models.items():
        labels[target] = [None] * len(rows)
        for places in places_of.values():
            settled = reconcile([read[target](rows[place][target]) for place in places], target).labels
            for place, label in zip(places, settled, strict=True):
                labels[target][place] = label if label in model.config.classes else None
    return labels


def _answer_all(
    predictor: Predictor,
    rows: Sequence[Mapping[str, str]],
    labels: Mapping[str, Sequence[str | None]],
    unlabelled: Sequence[str],
) -> Scored:
    """Answer on each clip; set aside what has no label that the model knows, and what gets no probabilities."""
    kept: dict[str, list[dict]] = {target: [] for target in labels}
    set_aside: dict[str, Counter] = {target: Counter() for target in labels}
    unreadable: dict[str, str] = {}
    for place in shown(range(len(rows))):
        row = rows[place]
        try:
            answers = predictor(row["path"]).answers
        except (DataError, OSError) as error:
            unreadable[row["path"]] = reason_of(error)
            for target in labels:
                set_aside[target]["unreadable"] += 1
            continue
        for target, own in labels.items():
            label, answer = own[place], answers[target]
            if label is None:
                set_aside[target]["no_label"] += 1
            elif answer.probabilities is None:
                set_aside[target][str(answer.refusal)] += 1
            else:
                stated = {f"p_{name}": value for name, value in answer.probabilities.items()}
                known = {"utterance_id": row["path"], "speaker_id": row["speaker_id"], "label": label}
                refused = answer.refusal == Refusal.UNSURE
                kept[target].append(known | {"f0_median_hz": answer.f0_median_hz or 0.0, **stated, "refused": refused})
    return Scored({target: pd.DataFrame(own) for target, own in kept.items()}, set_aside, unlabelled, unreadable)
