"""How many speakers, clips and hours stand on each side of a split."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from voicetraits.classes import AgeBins, classes_of
from voicetraits.examples import SIDES, select_clips, speaker_classes
from voicetraits.splitting import Splits


def count_sides(
    splits: Splits, metadata: pd.DataFrame, clips: pd.DataFrame, age_bins: AgeBins = "groups"
) -> dict[str, Any]:
    """Speakers, clips and hours of each target by side and class, for metrics/split.json; of several folds, of each.

    Side `none` has the speakers without a label and those of each class that is left out. `unused` are clips of
    speakers on a side that have no label, or one that is left out.

    Args:
        metadata: utterance_id, speaker_id, archive, gender, age_group.
        clips: utterance_id, duration_seconds.
    """
    hours = clips[["utterance_id"]].assign(hours=clips["duration_seconds"] / 3600)
    metadata = metadata.merge(hours, on="utterance_id")
    counts: dict[str, Any] = {target: {"skipped": 1} for target in splits.skipped}
    for target, rows in splits.table.groupby("target"):
        folds = {
            fold: _count_fold(splits.table, rows[rows["fold"] == fold], metadata, hours, classes_of(target, age_bins))
            for fold in sorted(rows["fold"].unique())
        }
        counts[target] = folds["0"] if len(folds) == 1 else {f"fold-{fold}": own for fold, own in folds.items()}
    return counts


def _count_fold(
    table: pd.DataFrame, rows: pd.DataFrame, metadata: pd.DataFrame, hours: pd.DataFrame, classes: Sequence[str]
) -> dict[str, Any]:
    """As `count_sides`, of the one target and fold of `rows`."""
    target, fold = rows[["target", "fold"]].iloc[0]
    chosen = {side: select_clips(metadata, table, target, fold, side).merge(hours, on="utterance_id") for side in SIDES}
    sided = {side: {name: _size(own) for name, own in clips.groupby("label")} for side, clips in chosen.items()}
    nowhere = metadata["speaker_id"].isin(rows.loc[rows["side"] == "none", "speaker_id"])
    reasons = metadata["speaker_id"].map(speaker_classes(metadata, target)).fillna("unlabelled")
    aside = {*reasons[nowhere]}
    left_out = ["unlabelled", *(name for name in classes if name in aside or name not in sided["train"])]
    return {
        **sided,
        "none": {reason: _size(metadata[nowhere & (reasons == reason)]) for reason in left_out},
        "unused": {"clips": int((~nowhere).sum()) - sum(map(len, chosen.values()))},
    }


def _size(clips: pd.DataFrame) -> dict[str, float]:
    return {"speakers": clips["speaker_id"].nunique(), "clips": len(clips), "hours": clips["hours"].sum()}
