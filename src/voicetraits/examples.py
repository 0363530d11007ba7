"""Which clips of a target stand on which side of a split, each with its speaker and class."""

from pathlib import Path

import pandas as pd

from voicetraits.classes import CLASSES, LABEL_COLUMN

SIDES = ("train", "val", "test")
#: Stands in the name of a fold between the source that is learnt from and the one that is tested; others are numbers.
BETWEEN = "--"


def read_splits(path: Path) -> pd.DataFrame:
    """Read splits.csv: target, fold, speaker_id, side, all text, since speakers may be called `007` or `NA`."""
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def is_between_sources(fold: str) -> bool:
    """Whether a fold learns from one source and tests on another."""
    return BETWEEN in fold


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


def final_sides(splits: pd.DataFrame) -> pd.DataFrame:
    """The split for the model that inference loads, where there are several folds: nobody is tested.

    Of numbered folds, the validation speakers of the first validate, between sources those of all; everybody else who
    takes part is learnt from.

    Args:
        splits: the rows of one target.

    Returns:
        target, fold (`final`), speaker_id, side.
    """
    first = splits[splits["fold"] == "0"]
    validating = (splits if first.empty else first).query("side == 'val'")["speaker_id"]
    speakers = splits.loc[splits["side"].isin(SIDES), ["target", "speaker_id"]].drop_duplicates()
    is_val = speakers["speaker_id"].isin(validating)
    sides = speakers.assign(fold="final", side=is_val.map({True: "val", False: "train"}))
    return sides.sort_values("speaker_id", ignore_index=True)


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
    kept_classes = speaker_classes(metadata, target).reindex(taking_part).dropna().unique()
    chosen = metadata["speaker_id"].isin(rows.loc[rows["side"] == side, "speaker_id"])
    clips = metadata.loc[chosen & metadata[column].isin(kept_classes), ["utterance_id", "speaker_id", column]]
    return clips.rename(columns={column: "label"}).sort_values("utterance_id", ignore_index=True)
