"""Scores a predictor on a labelled folder, as evaluate scores the test speakers."""

import csv
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from voicetraits.baselines import PitchThreshold, majority
from voicetraits.errors import DataError
from voicetraits.evaluation import EvaluateParams, figures, score_table
from voicetraits.examples import final_sides, read_splits, select_clips
from voicetraits.features.table import read_features
from voicetraits.inference.answers import Refusal
from voicetraits.inference.predictor import Predictor
from voicetraits.labels import Stated, read_age, read_gender
from voicetraits.metadata import MetadataParams
from voicetraits.params import Seed, get

COLUMNS = ("path", "speaker_id", "gender", "age")
#: How the value of a column is read, by target.
Readers = Mapping[str, Callable[[str], Stated]]


@dataclass(frozen=True)
class Scored:
    """Answers on labelled clips.

    Attributes:
        tables: by target, a row per clip: utterance_id (its path), speaker_id, label, f0_median_hz, p_<class>…, refused
            (unsure).
        set_aside: by target, how many rows are in no table, by reason.
    """

    tables: Mapping[str, pd.DataFrame]
    set_aside: Mapping[str, Mapping[str, int]]


def score_on(
    predictor: Predictor, truth: Path, params: Mapping[str, Any], *, data: Path
) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Scores on the clips of a table, with the metrics, intervals and baselines of evaluate.

    Args:
        truth: clips.csv.
        params: those of params.yaml.
        data: the project's data folder, which the baselines learn from.

    Returns:
        by target, `score_table` of the model and the baselines; and what was left out, in words.
    """
    settings = get(params, "evaluate", EvaluateParams)
    read = {"gender": read_gender, "age": partial(read_age, **get(params, "metadata", MetadataParams).ages)}
    scored = answer_all(predictor, read_truth(truth), read)
    scores, notes = {}, []
    for target, own in scored.tables.items():
        config = predictor.models[target].config
        baselines = baseline_tables(own, target, config.classes, data, config.training_split_sha256)
        if not baselines:
            notes.append(f"{target}: no baselines, since {data} does not hold what the model learnt from")
        if aside := scored.set_aside[target]:
            reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(aside.items()))
            notes.append(f"{target}: {len(own)} clips are scored; set aside: {reasons}")
        tables = {config.model: own, **baselines}
        scores[target] = score_table(target, tables, config.classes, settings, seed=get(params, "seed", Seed))
    return scores, notes


def nested(scores: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """As metrics/evaluate.json has them."""
    return {target: figures(own, {}) for target, own in scores.items()}


def together(scores: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """As metrics/plots/scores.csv has them."""
    return pd.concat(scores.values())


def read_truth(path: Path) -> list[dict[str, str]]:
    """The rows of clips.csv; paths are those from its own folder.

    Raises:
        DataError: it is missing, no CSV in UTF-8, lacks a column, has no row, or a row without path or speaker.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="", strict=True)
            names = reader.fieldnames or []
            rows = [{name: row[name] for name in COLUMNS if name in row} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as CSV in UTF-8 ({' '.join(str(error).split())})") from None
    if missing := [name for name in COLUMNS if name not in names]:
        raise DataError(f"{path} has no column {missing[0]!r}; its first line must name {', '.join(COLUMNS)}")
    if not rows:
        raise DataError(f"{path} has no rows; a row names one audio file: {', '.join(COLUMNS)}")
    for number, row in enumerate(rows, start=2):
        for name in ("path", "speaker_id"):
            if not row[name].strip():
                raise DataError(f"{path}, row {number}: {name} is blank")
        row["path"] = str(path.parent / row["path"].strip())
    return rows


def answer_all(predictor: Predictor, rows: Sequence[Mapping[str, str]], read: Readers) -> Scored:
    """Answer on each clip; set aside what has no label that the model knows, and what gets no probabilities."""
    kept: dict[str, list[dict]] = {target: [] for target in predictor.models}
    set_aside: dict[str, Counter] = {target: Counter() for target in predictor.models}
    for row in rows:
        try:
            answers = predictor(row["path"]).answers
        except (DataError, OSError):
            for target in predictor.models:
                set_aside[target]["unreadable"] += 1
            continue
        for target, answer in answers.items():
            label = read[target](row[target]).label
            if label not in predictor.models[target].config.classes:
                set_aside[target]["no_label"] += 1
            elif answer.probabilities is None:
                set_aside[target][str(answer.refusal)] += 1
            else:
                stated = {f"p_{name}": value for name, value in answer.probabilities.items()}
                known = {"utterance_id": row["path"], "speaker_id": row["speaker_id"].strip(), "label": label}
                refused = answer.refusal == Refusal.UNSURE
                kept[target].append(known | {"f0_median_hz": answer.f0_median_hz or 0.0, **stated, "refused": refused})
    for target, own in kept.items():
        if len({row["label"] for row in own}) < 2:
            raise DataError(f"fewer than two classes of {target} are left: {dict(set_aside[target])} were set aside")
    return Scored({target: pd.DataFrame(own) for target, own in kept.items()}, set_aside)


def baseline_tables(
    table: pd.DataFrame, target: str, classes: Sequence[str], data: Path, training_split_sha256: str
) -> dict[str, pd.DataFrame]:
    """What evaluate's baselines answer on the same clips, fitted on the clips that the model learnt from.

    Args:
        table: of `Scored`.
        data: the project's data folder.

    Returns:
        by name; nothing where `data` does not hold the clips that the model learnt from.
    """
    train = training_clips(target, data, training_split_sha256)
    if train is None:
        return {}
    labels = train["label"].map(list(classes).index).to_numpy()
    stated = {"majority": majority(labels, len(classes), len(table))}
    if target == "gender":
        f0_hz = read_features(data / "features").values["f0_median_hz"].loc[train["utterance_id"]].to_numpy()
        threshold = PitchThreshold.fit(f0_hz, (train["label"] == "female").to_numpy())
        stated["pitch_threshold"] = threshold.predict_proba(table["f0_median_hz"].to_numpy(np.float64), classes)
    known = table[["utterance_id", "speaker_id", "label"]]
    return {
        name: known.assign(**{f"p_{label}": values[:, k] for k, label in enumerate(classes)})
        for name, values in stated.items()
    }


def training_clips(target: str, data: Path, training_split_sha256: str) -> pd.DataFrame | None:
    """The clips that a model learnt from: utterance_id, speaker_id, label.

    Args:
        data: the project's data folder.
        training_split_sha256: of the model's config.

    Returns:
        None where `data` does not hold them.
    """
    if not (data / "splits.csv").exists() or not (data / "metadata.parquet").exists():
        return None
    splits = read_splits(data / "splits.csv")
    own = splits[splits["target"] == target]
    metadata = pd.read_parquet(data / "metadata.parquet")
    for sides in (own, final_sides(own)):
        for fold in sorted(sides["fold"].unique()):
            clips = select_clips(metadata, sides, target, fold, "train")
            if sha256(clips.to_csv(index=False).encode()).hexdigest() == training_split_sha256:
                return clips
    return None
