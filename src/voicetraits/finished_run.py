"""What a finished run of the graph has found, read from its folder: tables, what it was measured on, label suspects."""

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pandas as pd

from voicetraits.evaluation import EvaluateParams
from voicetraits.examples import read_splits
from voicetraits.features.table import read_features
from voicetraits.predictions import predict_baselines
from voicetraits.signal_to_noise import read_signal_to_noise
from voicetraits.slices import slice_clips, slice_table

TABLES = ("scores", "slices", "comparisons", "stress")
_TARGET = "gender"


def read_tables(project: Path) -> dict[str, pd.DataFrame]:
    """The tables of evaluate and stress, by name."""
    # A part of the clips may be named NA or None, as an accent or a source may be.
    blank = {"keep_default_na": False, "na_values": [""]}
    return {name: pd.read_csv(project / f"metrics/plots/{name}.csv", **blank) for name in TABLES}


def describe(project: Path) -> dict[str, Any]:
    """What it was measured on: counts, and one digest over the digests of all archives."""
    manifest = pd.read_csv(project / "data/raw/manifest.csv")
    metadata = pd.read_parquet(project / "data/metadata.parquet")
    clips = pd.read_parquet(project / "data/audio/clips.parquet", columns=["duration_seconds"])
    return {
        "archives": len(manifest),
        "archives_sha256": hashlib.sha256("\n".join(sorted(manifest["sha256"])).encode()).hexdigest(),
        "clips": len(clips),
        "hours": clips["duration_seconds"].sum() / 3600,
        "speakers": metadata["speaker_id"].nunique(),
        "speakers_by_source": metadata.groupby("source")["speaker_id"].nunique().to_dict(),
        "speakers_by_gender": metadata.groupby("gender")["speaker_id"].nunique().to_dict(),
        "speakers_by_age_group": metadata.groupby("age_group")["speaker_id"].nunique().to_dict(),
    }


def read_suspects(project: Path) -> pd.DataFrame:
    """The audit's review list of speakers whose stated gender is doubtful; empty without `audit.run`."""
    # As text: speakers may be named by numbers, with noughts before them.
    suspects = pd.read_csv(project / "data/label_suspects.csv", dtype={"speaker_id": str}, keep_default_na=False)
    return suspects[suspects["target"] == _TARGET].reset_index(drop=True)


def slices_without(speakers: Collection[str], project: Path, params: EvaluateParams) -> pd.DataFrame:
    """Slices of gender as evaluate makes them, of the same models, less the test clips of some speakers.

    No rows where gender was skipped.

    Args:
        speakers: whose clips are left out of the test; the models may have learnt from them in other folds.
    """
    data = project / "data"
    features = read_features(data / "features")
    metadata = pd.read_parquet(data / "metadata.parquet")
    clips = pd.read_parquet(data / "audio/clips.parquet", columns=["utterance_id", "duration_seconds"])
    noise_db = read_signal_to_noise(data / "features/logmel")
    parts = slice_clips(metadata, clips, features.values["f0_median_hz"], noise_db)
    tables = {
        path.parents[1].name: pd.read_parquet(path).query("side == 'test'")
        for path in sorted((data / "models").glob(f"*/{_TARGET}/predictions.parquet"))
    }
    if not tables:
        return read_tables(project)["slices"].query("target == @_TARGET")
    classes = [name.removeprefix("p_") for name in next(iter(tables.values())) if name.startswith("p_")]
    splits = read_splits(data / "splits.csv")
    tables |= predict_baselines(_TARGET, classes, features=features, metadata=metadata, splits=splits)
    kept = {name: table[~table["speaker_id"].isin(speakers)].reset_index(drop=True) for name, table in tables.items()}
    return slice_table(_TARGET, kept, classes, parts, params=params)
