"""Which clips of a target stand on which side of a split, each with its speaker and class."""

from pathlib import Path

import pandas as pd

from voicetraits.classes import CLASSES, LABEL_COLUMN

SIDES = ("train", "val", "test")


def read_splits(path: Path) -> pd.DataFrame:
    """Read splits.csv: target, fold, speaker_id, side, all text, since speakers may be called `007` or `NA`."""
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def speaker_classes(metadata: pd.DataFrame, target: str) -> pd.Series:
    """The class that most of a speaker's labelled submissions have, the first in `CLASSES` of equals.

    Args:
        metadata: speaker_id, archive and the target's label column.

    Returns:
        Class, indexed by speaker_id in sorted order; speakers without a label are left out.
    """
    column = LABEL_COLUMN[target]
    submissions = metadata[["speaker_id", "archive", column]].dropna().drop_duplicates()
    counts = pd.crosstab(submissions["speaker_id"], submissions[column])
    # Of equals, idxmax takes the first column.
    return counts.reindex(columns=list(CLASSES[target]), fill_value=0).idxmax(axis="columns")


def select_clips(metadata: pd.DataFrame, splits: pd.DataFrame, target: str, fold: str, side: str) -> pd.DataFrame:
    """The labelled clips of the speakers on one side.

    A clip has the label of its submission. Left out are clips without a label, and clips whose label is a class that
    the split leaves out (as when a speaker of a kept class once stated another).

    Args:
        metadata: utterance_id, speaker_id, archive and the target's label column.
        splits: as `read_splits` gives it.
        side: `train`, `val` or `test`.

    Returns:
        utterance_id, speaker_id, label, sorted by utterance_id.
    """
    column = LABEL_COLUMN[target]
    rows = splits[(splits["target"] == target) & (splits["fold"] == fold)]
    taking_part = rows.loc[rows["side"].isin(SIDES), "speaker_id"]
    kept_classes = speaker_classes(metadata, target).reindex(taking_part).unique()
    chosen = metadata["speaker_id"].isin(rows.loc[rows["side"] == side, "speaker_id"])
    clips = metadata.loc[chosen & metadata[column].isin(kept_classes), ["utterance_id", "speaker_id", column]]
    return clips.rename(columns={column: "label"}).sort_values("utterance_id", ignore_index=True)
