"""What a study may look at: the training and validation speakers, and nobody who is ever tested on."""

import numpy as np
import pandas as pd

from voicetraits.auditing.clips import Clips
from voicetraits.auditing.folds import speaker_folds
from voicetraits.classes import CLASSES
from voicetraits.errors import DataError
from voicetraits.examples import select_clips
from voicetraits.features.table import FeatureTable
from voicetraits.models.rows import Rows


def without_tested(
    splits: pd.DataFrame, target: str, metadata: pd.DataFrame, features: FeatureTable
) -> tuple[pd.DataFrame, FeatureTable]:
    """Metadata and features without a row of a speaker who stands on the test side of any fold.

    Raises:
        DataError: nobody is left, as with k folds, where each speaker is tested on once.
    """
    rows = splits[splits["target"] == target]
    if rows.empty:
        raise DataError(f"the split has no speakers for the target {target}, so there is nothing to tune")
    tested = set(rows.loc[rows["side"] == "test", "speaker_id"])
    if not set(rows.loc[rows["side"].isin(["train", "val"]), "speaker_id"]) - tested:
        raise DataError(
            "every speaker is a test speaker in some fold of this split, so none is left to tune on; tune on a "
            "`split.strategy: holdout`, and evaluate the values found with the folds of another seed"
        )
    metadata = metadata[~metadata["speaker_id"].isin(tested)]
    kept = features.values.loc[features.values.index.isin(metadata["utterance_id"])]
    return metadata, FeatureTable(kept, features.params)


def tuning_folds(
    target: str,
    *,
    features: FeatureTable,
    metadata: pd.DataFrame,
    splits: pd.DataFrame,
    groups: dict[str, str],
    folds: int | None,
    seed: int,
) -> tuple[list[tuple[Rows, Rows]], tuple[str, ...]]:
    """Pairs of rows to learn from and rows to score on, and the classes.

    Args:
        features, metadata: from `without_tested`.
        groups: speaker: group that shares a recording.
        folds: None for the split's own training and validation sides; else folds of all their speakers.
    """
    fold = splits.loc[splits["target"] == target, "fold"].iloc[0]
    sides = {side: select_clips(metadata, splits, target, fold, side) for side in ("train", "val")}
    clips = pd.concat(sides.values())
    classes = tuple(label for label in CLASSES[target] if (clips["label"] == label).any())

    def rows(chosen: pd.DataFrame) -> Rows:
        labels = chosen["label"].map(classes.index).to_numpy(np.int32)
        return Rows(features.rows(chosen["utterance_id"]), labels, np.ones(len(labels), np.float32))

    if folds is None:
        return [(rows(sides["train"]), rows(sides["val"]))], classes
    fold_of = speaker_folds(Clips.of(clips, groups, np.empty((len(clips), 0)), classes), folds, seed)
    return [(rows(clips[fold_of != one]), rows(clips[fold_of == one])) for one in np.unique(fold_of)], classes
