"""Figures on parts of the test clips: who, what, and how recorded."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from voicetraits.errors import DataError
from voicetraits.evaluation import EvaluateParams, always_the_same
from voicetraits.examples import is_between_sources
from voicetraits.resampling import SpeakerCounts
from voicetraits.share_intervals import mean_of, share

#: A part with fewer speakers has no figure.
LEAST_SPEAKERS = 5
#: Where pitch alone tells women and men worst.
AMBIGUOUS_PITCH = "150-190 Hz"

_NOT_STATED = "not stated"
#: Slice: its unit, and the edges between its parts.
_EDGES: dict[str, tuple[str, tuple[int, ...]]] = {
    "duration": ("s", (2, 4, 8)),
    "signal_to_noise": ("dB", (20, 30, 40)),
    "pitch": ("Hz", (120, 150, 190, 230)),
}


def slice_clips(
    metadata: pd.DataFrame, clips: pd.DataFrame, f0_median_hz: pd.Series, signal_to_noise_db: pd.Series
) -> pd.DataFrame:
    """The part of each slice that each clip belongs to; a clip without a voiced frame is `voiceless`.

    Args:
        metadata: utterance_id, gender, age_group, dialect, source.
        clips: utterance_id, duration_seconds.
        f0_median_hz, signal_to_noise_db: of each clip, indexed by utterance_id; F0 is 0 without a voiced frame.

    Returns:
        gender, age_group, dialect, source, duration, signal_to_noise, pitch, indexed by utterance_id.

    Raises:
        DataError: a clip has no features.
    """
    if missing := sorted(set(metadata["utterance_id"]).difference(signal_to_noise_db.index)):
        raise DataError(f"{missing[0]} has no features; run `dvc repro`")
    stated = metadata.set_index("utterance_id")[["gender", "age_group", "dialect", "source"]]
    parts = stated.astype(object).where(stated.notna(), _NOT_STATED)
    duration_seconds = clips.set_index("utterance_id")["duration_seconds"].reindex(parts.index)
    f0_hz = f0_median_hz.reindex(parts.index).astype(np.float64)
    parts["duration"] = _banded("duration", duration_seconds)
    parts["signal_to_noise"] = _banded("signal_to_noise", signal_to_noise_db.loc[parts.index])
    parts["pitch"] = np.where(f0_hz > 0, _banded("pitch", f0_hz), "voiceless")
    return parts


def _banded(name: str, values: pd.Series) -> np.ndarray:
    """Names of the bands: `under 2 s`, `2-4 s` … `8 s or more`; a band holds its lower edge."""
    unit, edges = _EDGES[name]
    middle = [f"{low}-{high} {unit}" for low, high in pairwise(edges)]
    names = np.array([f"under {edges[0]} {unit}", *middle, f"{edges[-1]} {unit} or more"], dtype=object)
    return names[np.searchsorted(edges, values.to_numpy(), side="right")]


def slice_table(
    target: str,
    tables: Mapping[str, pd.DataFrame],
    classes: Sequence[str],
    parts: pd.DataFrame,
    *,
    params: EvaluateParams,
) -> pd.DataFrame:
    """UAR of each model on each part of each slice, with its interval over the part's speakers.

    The mean is over the classes of which the part has at least `LEAST_SPEAKERS` speakers; without one there is no
    figure, and `note` says so. Folds that are named by their sources are a slice, too.

    Args:
        tables: model name: a row per test clip with utterance_id, speaker_id, label, fold, p_<class>…
        parts: as `slice_clips` gives it.

    Returns:
        target, model, slice, part, classes, speakers, clips, uar, low, high, note, is_worst: which part of all has the
        lowest UAR of the model.
    """
    rows: list[dict[str, Any]] = []
    for model, table in tables.items():
        is_constant = always_the_same(table, classes)
        own = parts.loc[table["utterance_id"]].reset_index(drop=True)
        if table["fold"].map(is_between_sources).any():
            own["fold"] = table["fold"].to_numpy()
        found = []
        for name in own:
            for part in sorted(own[name].unique()):
                counts = SpeakerCounts.of(table[(own[name] == part).to_numpy()], classes)
                found.append(
                    {"target": target, "model": model, "slice": name, "part": part}
                    | _figures(counts, classes, params.confidence, is_constant=is_constant)
                )
        worst = min((row for row in found if not row["note"]), key=lambda row: row["uar"], default=None)
        rows += [{**row, "is_worst": row is worst} for row in found]
    return pd.DataFrame(rows).round(6)


def _figures(counts: SpeakerCounts, classes: Sequence[str], confidence: float, *, is_constant: bool) -> dict[str, Any]:
    counted = counts.speakers_of_class >= LEAST_SPEAKERS
    size = {
        "classes": " ".join(name for name, is_counted in zip(classes, counted, strict=True) if is_counted),
        "speakers": len(counts.speakers),
        "clips": int(counts.rows.sum()),
    }
    if not counted.any():
        note = f"fewer than {LEAST_SPEAKERS} speakers of each class"
        return {**size, "uar": None, "low": None, "high": None, "note": note}
    shares = [share(counts.hits[:, k], counts.rows[:, k], confidence) for k in np.flatnonzero(counted)]
    # Of a model that always answers the same, recall is 1 or 0, whoever speaks.
    uar = mean_of([one.exactly() for one in shares] if is_constant else shares)
    return {**size, "uar": uar.value, "low": uar.low, "high": uar.high, "note": ""}


def lead_figures(slices: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Of one target, by model: UAR of the worst part, and where there are enough speakers that of ambiguous pitch."""
    figures: dict[str, dict[str, float]] = {}
    for row in slices.itertuples():
        own = figures.setdefault(row.model, {})
        if row.is_worst:
            own["uar_worst_slice"] = row.uar
        if row.slice == "pitch" and row.part == AMBIGUOUS_PITCH and not row.note:
            own["uar_150_190_hz"] = row.uar
    return figures
