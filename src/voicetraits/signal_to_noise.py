"""An estimate of each clip's signal-to-noise ratio, from the log-mel frames that featurize has written."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from voicetraits.errors import DataError

#: Quantiles of the frames' levels: speech lies at the one, what is heard in pauses at the other.
_SPEECH, _PAUSE = 0.95, 0.10


def signal_to_noise_db(log_mel_db: np.ndarray) -> float:
    """Level of the loud frames above that of the quiet ones.

    The level of a frame is 10 log₁₀ of the summed power of its bands; of a clip's frames the 95th percentile stands for
    speech, the 10th for pauses. A clip without pauses looks noisier than it is, one with digital silence cleaner.

    Args:
        log_mel_db: (frames, bands), of a spectrum with pre-emphasis, so that hum counts little.
    """
    powers = np.exp(np.asarray(log_mel_db, np.float32) * np.float32(np.log(10) / 10)).sum(axis=1)
    speech, pause = np.quantile(powers, [_SPEECH, _PAUSE])
    return float(10 * np.log10(speech / pause))


def read_signal_to_noise(folder: Path) -> pd.Series:
    """Of every clip in the shards of `folder`, indexed by utterance_id, sorted.

    Raises:
        DataError: there are no shards.
    """
    found: dict[str, float] = {}
    shards = sorted(folder.glob("part-*.parquet"))
    if not shards:
        raise DataError(f"{folder} holds no part-*.parquet; run `dvc repro featurize`")
    for shard in shards:
        for batch in pq.ParquetFile(shard).iter_batches(batch_size=256):
            frames = batch.column("log_mel_db")
            levels = frames.values.values.to_numpy(zero_copy_only=False).reshape(len(frames.values), -1)
            places = pairwise(frames.offsets.to_numpy())
            for utterance_id, (start, end) in zip(batch.column("utterance_id").to_pylist(), places, strict=True):
                found[utterance_id] = signal_to_noise_db(levels[start:end])
    return pd.Series(found, name="signal_to_noise_db", dtype=np.float64).sort_index()
