"""Clips of speech to measure on."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from voicetraits.errors import DataError
from voicetraits.unpacking import ExtractParams, unpack


def clips_of_mirror(folder: Path, params: ExtractParams, count: int) -> list[np.ndarray]:
    """The first usable clip of each of `count` archives, spread evenly over their names: each (n,) float32, 16 kHz.

    Raises:
        DataError: the folder holds no archive, or none with a usable clip.
    """
    archives = sorted(folder.rglob("*.tgz"))
    clips = []
    for archive in spread(archives, count):
        of_archive = unpack(archive, params).clips
        if of_archive:
            clips.append(as_float(of_archive[min(of_archive)].samples))
    if not clips:
        raise DataError(f"{folder} holds no .tgz with a usable clip; let VOICETRAITS_MIRROR name another folder")
    return clips


def clips_of_shards(folder: Path, count: int) -> list[np.ndarray]:
    """`count` clips spread evenly over the shards below `folder`: each (n,) float32, 16 kHz.

    Raises:
        DataError: there is no shard.
    """
    shards = sorted(folder.glob("part-*.parquet"))
    if not shards:
        raise DataError(f"{folder} holds no part-*.parquet; run `dvc repro extract`, or set VOICETRAITS_MIRROR")
    samples = pq.read_table(shards, columns=["samples"]).column("samples")
    return [as_float(samples[i].values.to_numpy()) for i in spread(range(len(samples)), count)]


def spread(items: Sequence, count: int) -> list:
    """`count` of them, or all, evenly spaced in their order."""
    count = min(count, len(items))
    return [items[i * len(items) // count] for i in range(count)]


def as_float(samples: np.ndarray) -> np.ndarray:
    """int16 samples -> float32, −1 … 1."""
    return samples.astype(np.float32) / 32768
