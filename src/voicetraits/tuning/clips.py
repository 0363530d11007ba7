"""What a study may look at: the training and validation speakers, and nobody who is ever tested on."""

import numpy as np
import pandas as pd

from voicetraits.auditing.clips import Clips
from voicetraits.auditing.folds import speaker_folds
from voicetraits.classes import CLASSES
from voicetraits.errors import DataError
from voicetraits.examples import select_clips
from voicetraits.features.table import FeatureTable


def without_tested(splits: pd.DataFrame, target: str, metadata: pd.DataFrame) -> pd.DataFrame:
    """Metadata without a row of a speaker who stands on the test side of any fold.

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
    return metadata[~metadata["speaker_id"].isin(tested)]


def features_of(metadata: pd.DataFrame, features: FeatureTable) -> FeatureTable:
    """The features of these clips, and of no others."""
    kept = features.values.loc[features.values.index.isin(metadata["utterance_id"])]
    return FeatureTable(kept, features.params)


def tuning_folds(
    target: str,
    *,
    metadata: pd.DataFrame,
    splits: pd.DataFrame,
    groups: dict[str, str],
    folds: int | None,
    seed: int,
) -> tuple[list[tuple[pd.DataFrame, pd.DataFrame]], tuple[str, ...]]:
    """Pairs of clips to learn from and clips to score on, and the classes.

    Args:
        metadata: from `without_tested`.
        groups: speaker: group that shares a recording.
        folds: None for the split's own training and validation sides; else folds of all their speakers.

    Returns:
        tables with utterance_id, speaker_id, label and class_index, and the classes.
    """
    fold = splits.loc[splits["target"] == target, "fold"].iloc[0]
    sides = {side: select_clips(metadata, splits, target, fold, side) for side in ("train", "val")}
    clips = pd.concat(sides.values())
    classes = tuple(label for label in CLASSES[target] if (clips["label"] == label).any())

    def labelled(chosen: pd.DataFrame) -> pd.DataFrame:
        return chosen.assign(class_index=chosen["label"].map(classes.index))

    if folds is None:
        return [(labelled(sides["train"]), labelled(sides["val"]))], classes
    fold_of = speaker_folds(Clips.of(clips, groups, np.empty((len(clips), 0)), classes), folds, seed)
    pairs = [(clips[fold_of != one], clips[fold_of == one]) for one in np.unique(fold_of)]
    return [(labelled(learnt_from), labelled(scored)) for learnt_from, scored in pairs], classes
