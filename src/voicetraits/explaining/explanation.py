"""Everything that is said about the models of one target that learn from features, and what all targets share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from voicetraits.examples import select_clips
from voicetraits.explaining.alone import alone_table
from voicetraits.explaining.class_maps import SaliencyParams
from voicetraits.explaining.contributions import Additive, Contributions, by_class, strongest_features
from voicetraits.explaining.families import families_of
from voicetraits.explaining.held_out import Fold, HeldOutClips, Intervals, joined, read_folds
from voicetraits.explaining.permutation import permutation_table
from voicetraits.explaining.redundancy import Redundancy, find_redundancy
from voicetraits.features.table import FeatureTable
from voicetraits.params import section


@section
class ExplainParams:
    """The section `explain` of params.yaml."""

    clips: Annotated[int, Field(ge=10)]
    repeats: Annotated[int, Field(ge=1)]
    redundant_correlation: Annotated[float, Field(gt=0, le=1)]
    nets: SaliencyParams


@dataclass(frozen=True)
class Data:
    """What the stages before have made, and how intervals are drawn.

    Attributes:
        features: of all clips.
        metadata: a row per clip, with its labels.
        splits: target, fold, speaker_id, side.
        bootstrap_samples: resamples of the test speakers behind each interval.
        confidence: its coverage.
        seed: of all that is drawn.
    """

    features: FeatureTable
    metadata: pd.DataFrame
    splits: pd.DataFrame
    bootstrap_samples: int
    confidence: float
    seed: int

    def folds(self, target: str) -> list[str]:
        """Names of the target's folds, sorted; none where it was skipped."""
        return sorted(self.splits.loc[self.splits["target"] == target, "fold"].unique())

    def train(self, target: str, fold: str) -> tuple[np.ndarray, pd.Series]:
        """Features (n, features) and labels of a fold's training clips."""
        clips = select_clips(self.metadata, self.splits, target, fold, "train")
        return self.features.rows(clips["utterance_id"]), clips["label"]

    def intervals(self, clips: HeldOutClips) -> Intervals:
        """Averages over test clips."""
        return Intervals.over(clips, samples=self.bootstrap_samples, confidence=self.confidence, seed=self.seed)


@dataclass(frozen=True)
class Explained:
    """What is known of one target's models.

    Attributes:
        figures: a few numbers.
        plots: name: table behind a chart, with the target in its first column.
        clips: model: what each feature adds on each clip.
    """

    figures: dict[str, Any]
    plots: dict[str, pd.DataFrame]
    clips: dict[str, pd.DataFrame] = field(default_factory=dict)


def training_redundancy(target: str, data: Data, settings: ExplainParams) -> Redundancy:
    """Clusters of features on the training clips of a target's first fold; no label is looked at."""
    features, _ = data.train(target, data.folds(target)[0])
    return find_redundancy(features, data.features.names, settings.redundant_correlation)


def explain_target(
    target: str, folders: Mapping[str, Path], data: Data, redundancy: Redundancy, settings: ExplainParams
) -> Explained:
    """Explain saved models on the test clips of their folds.

    Args:
        folders: model: the folder that holds its folds.
        redundancy: clusters of the features.
    """
    inputs = {"features": data.features, "metadata": data.metadata, "splits": data.splits}
    families = families_of(data.features.names)
    tables: dict[str, list[pd.DataFrame]] = {}
    lost, clips = {}, {}
    for name, folder in folders.items():
        # The same clips, speakers drawn and shuffles for every model.
        folds = read_folds(folder, target, **inputs, most=settings.clips, seed=data.seed)
        intervals = data.intervals(joined(folds))
        importance = permutation_table(folds, families, intervals, repeats=settings.repeats, seed=data.seed)
        lost[name] = {_key(family): value for family, value in importance[["group", "lost"]].itertuples(index=False)}
        _add(tables, "family_importance", importance.rename(columns={"group": "family"}), target, name)
        _add(
            tables,
            "redundancy",
            _cluster_table(folds, redundancy, intervals, settings.repeats, data.seed),
            target,
            name,
        )
        if all(isinstance(fold.model.classifier, Additive) for fold in folds):
            contributions = Contributions.of(folds, intervals.clips)
            _add(tables, "contributions", by_class(contributions, families), target, name)
            _add(tables, "contributing_features", strongest_features(contributions), target, name)
            clips[name] = contributions.table()
    # The folds' clips and features are those of any model.
    alone = alone_table(
        folds, [_training_rows(data, target, fold, k) for k, fold in enumerate(folds)], families, intervals
    )
    _add(tables, "family_alone", alone.rename(columns={"group": "family"}), target)
    figures = {
        "uar_lost_without": lost,
        "uar_alone": {_key(family): uar for family, uar in alone[["group", "uar"]].itertuples(index=False)},
    }
    return Explained(figures, {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}, clips)


def _cluster_table(
    folds: list[Fold], redundancy: Redundancy, intervals: Intervals, repeats: int, seed: int
) -> pd.DataFrame:
    """A row per cluster of two features or more: cluster, features, weakest_link, lost, low, high, members."""
    clusters = redundancy.redundant
    table = permutation_table(folds, clusters, intervals, repeats=repeats, seed=seed)
    table.insert(2, "weakest_link", [round(redundancy.weakest_link(places), 3) for places in clusters.values()])
    members = [" ".join(redundancy.names[place] for place in places) for places in clusters.values()]
    return table.rename(columns={"group": "cluster"}).assign(members=members)


def _training_rows(data: Data, target: str, fold: Fold, number: int) -> tuple[np.ndarray, np.ndarray]:
    features, labels = data.train(target, data.folds(target)[number])
    return features, labels.map(list(fold.clips.classes).index).to_numpy()


def _add(
    tables: dict[str, list[pd.DataFrame]], name: str, table: pd.DataFrame, target: str, model: str | None = None
) -> None:
    if model:
        table.insert(0, "model", model)
    table.insert(0, "target", target)
    tables.setdefault(name, []).append(table)


def _key(family: str) -> str:
    return family.replace(" ", "_").replace("-", "_")
