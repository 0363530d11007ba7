"""What a run has measured, as the report reads it: small JSON files and the tables behind the charts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

#: What is read: metrics/<name>.json and metrics/plots/<name>.csv.
FIGURES = ("evaluate", "explain", "extract", "featurize", "metadata")
TABLES = (
    "balance", "calibration", "confusion", "contributing_features", "durations", "family_alone", "family_importance",
    "redundancy", "scores", "signal_to_noise", "voices",
)  # fmt: skip
#: Figures and tables that some runs only have.
OPTIONAL_FIGURES = ("audit",)
OPTIONAL_TABLES = ("comparisons", "faithfulness", "saliency", "slices", "stress")
#: Models that nobody has trained: what a trained one must beat.
BASELINES = ("majority", "pitch_threshold")


@dataclass(frozen=True)
class Run:
    """One run of the graph.

    Attributes:
        corpus: its name in params.yaml.
        settings: the section `featurize` of params.yaml.
        confidence: coverage of the intervals.
        figures: the content of each of `FIGURES`, and of those of `OPTIONAL_FIGURES` that this run has.
        tables: the rows of each of `TABLES`, and of those of `OPTIONAL_TABLES` that this run has.
        test_speakers: target: speakers that test it, over all folds.
    """

    corpus: str
    settings: Mapping[str, Any]
    confidence: float
    figures: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]
    test_speakers: Mapping[str, int]

    @property
    def synthetic(self) -> bool:
        """Whether a program made the voices."""
        return self.corpus == "demo"

    @property
    def targets(self) -> list[str]:
        """Targets that have figures, in the order of params.yaml."""
        return [target for target, content in self.figures["evaluate"].items() if "skipped" not in content]

    @property
    def skipped(self) -> list[str]:
        """Targets that the split left out."""
        return [target for target, content in self.figures["evaluate"].items() if "skipped" in content]

    def classes(self, target: str) -> list[str]:
        """The classes of a target, as its scores name them."""
        scores = self.figures["evaluate"][target][self.models(target)[0]]["clips"]
        return [name.removeprefix("recall_") for name in scores if name.startswith("recall_")]

    def models(self, target: str) -> list[str]:
        """Trained models of a target."""
        scored = self.figures["evaluate"][target]
        return [name for name, content in scored.items() if "clips" in content and name not in BASELINES]

    def score(self, target: str, model: str, name: str, unit: str = "clips") -> float:
        """A score of a model."""
        return self.figures["evaluate"][target][model][unit][name]

    def table(self, name: str, **where: str) -> pd.DataFrame:
        """Rows of a table whose columns hold these values."""
        rows = self.tables[name]
        for column, value in where.items():
            rows = rows[rows[column] == value]
        return rows


def read_run(
    metrics: Path, *, corpus: str, settings: Mapping[str, Any], confidence: float, splits: pd.DataFrame
) -> Run:
    """Read what a report tells of, below the folder `metrics`.

    Args:
        splits: target, fold, speaker_id, side.
    """
    sources = {name: metrics / f"{name}.json" for name in (*FIGURES, *OPTIONAL_FIGURES)}
    figures = {
        name: json.loads(path.read_text(encoding="utf-8"))
        for name, path in sources.items()
        if name in FIGURES or path.exists()
    }
    paths = {name: metrics / "plots" / f"{name}.csv" for name in (*TABLES, *OPTIONAL_TABLES)}
    # A speaker, a word for a class or a family is never a missing value.
    tables = {
        name: pd.read_csv(path, keep_default_na=False)
        for name, path in paths.items()
        if name in TABLES or path.exists()
    }
    tested = splits[splits["side"] == "test"].groupby("target")["speaker_id"].nunique()
    return Run(corpus, settings, confidence, figures, tables, tested.to_dict())
