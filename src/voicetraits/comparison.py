"""Whether one model is better than another: paired over speakers, and set against its size."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from voicetraits.evaluation import EvaluateParams
from voicetraits.examples import is_between_sources
from voicetraits.predictions import by_speaker
from voicetraits.resampling import SpeakerCounts
from voicetraits.scores import interval


def compare_models(
    target: str,
    tables: Mapping[str, pd.DataFrame],
    classes: Sequence[str],
    sizes: Mapping[str, int],
    *,
    params: EvaluateParams,
    seed: int,
) -> pd.DataFrame:
    """Difference of UAR of every pair of models, with its interval.

    Both models are scored on the same draws of speakers, so that what makes a draw hard or easy for both drops out.
    Where the interval holds 0, the data do not tell the two apart.

    Args:
        tables: model name: a row per test clip with speaker_id, label, fold, p_<class>…, all of the same clips.
        sizes: model name: bytes on disk.

    Returns:
        target, fold (`all`, and folds that are named by their sources), unit (clips or speakers), model, other,
        difference (UAR of the model less that of the other), low, high, model_bytes, other_bytes. The larger of the two
        is `model`, so that the difference says what the larger one is worth.
    """
    rows = []
    any_table = next(iter(tables.values()))
    named = sorted(fold for fold in any_table["fold"].unique() if is_between_sources(fold))
    for fold in ("all", *named):
        chosen = {model: table if fold == "all" else table[table["fold"] == fold] for model, table in tables.items()}
        for unit in ("clips", "speakers"):
            units = chosen if unit == "clips" else {model: by_speaker(table) for model, table in chosen.items()}
            counts = {model: SpeakerCounts.of(table, classes) for model, table in units.items()}
            size = len(next(iter(counts.values())).speakers)
            once = np.ones((1, size))
            draws = next(iter(counts.values())).draw(params.bootstrap_samples, seed)
            uar = {model: (own.uar(once)[0], own.uar(draws)) for model, own in counts.items()}
            for first, second in combinations(tables, 2):
                other, model = sorted((first, second), key=lambda name: sizes[name])
                low, high = interval(uar[model][1] - uar[other][1], params.confidence)
                rows.append(
                    {
                        "target": target, "fold": fold, "unit": unit, "model": model, "other": other,
                        "difference": uar[model][0] - uar[other][0], "low": low, "high": high,
                        "model_bytes": sizes[model], "other_bytes": sizes[other],
                    }
                )  # fmt: skip
    return pd.DataFrame(rows).round(6)


def gain_by_size(comparisons: pd.DataFrame) -> pd.DataFrame:
    """What each model gains over the one thing that it must beat, against its size: a part of `compare_models`.

    Returns:
        target, unit, model, bytes, over, gain, low, high: over the pitch threshold for gender, the majority for age.
    """
    over = comparisons["target"].map({"gender": "pitch_threshold", "age": "majority"})
    own = comparisons[(comparisons["fold"] == "all") & (comparisons["other"] == over)]
    names = {"model_bytes": "bytes", "other": "over", "difference": "gain"}
    columns = ["target", "unit", "model", "bytes", "over", "gain", "low", "high"]
    return own.rename(columns=names)[columns].reset_index(drop=True)


def size_on_disk(folder: Path) -> int:
    """Bytes of all files below `folder`."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
