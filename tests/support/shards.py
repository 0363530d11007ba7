"""Shards of audio as extract writes them, and voices in them that a net can learn to tell apart."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

RATE_HZ = 16_000


def write_shards(audio: Path, clips: Mapping[str, np.ndarray], *, shards: int = 2) -> None:
    """Write int16 clips by utterance_id to `audio/part-*.parquet`, a row group for each archive."""
    schema = pa.schema({"utterance_id": pa.string(), "samples": pa.list_(pa.int16())})
    audio.mkdir(parents=True, exist_ok=True)
    archives = sorted({name.rpartition("/")[0] for name in clips})
    for number in range(shards):
        with pq.ParquetWriter(audio / f"part-{number:04d}.parquet", schema) as part:
            for archive in archives[number::shards]:
                names = [name for name in sorted(clips) if name.rpartition("/")[0] == archive]
                part.write_table(pa.table({"utterance_id": names, "samples": [clips[n] for n in names]}, schema))


def buzz(pitch_hz: float, seconds: float, seed: int) -> np.ndarray:
    """A pulse train of this pitch in faint noise, (n,) int16."""
    rng = np.random.default_rng(seed)
    count = round(seconds * RATE_HZ)
    phase = np.arange(count) * pitch_hz / RATE_HZ + rng.random()
    pulses = np.diff(np.floor(phase), prepend=np.floor(phase[0]))
    return np.rint(6000 * pulses + 60 * rng.normal(size=count)).astype(np.int16)
