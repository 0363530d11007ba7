"""The pauses of a clip: what is heard of room, microphone and channel where nobody speaks.

A pause is every frame whose level lies far below that of the speech, less those close to a louder frame, in which
the voice still sounds or already does.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from voicetraits.errors import DataError

#: The level of speech is that of the frame that is louder than this share of all.
_SPEECH_QUANTILE = 0.95


def pause_frames(log_mel_db: np.ndarray, *, below_speech_db: float, margin_frames: int) -> np.ndarray:
    """Which frames are pauses, (frames,) bool.

    Args:
        log_mel_db: (frames, bands).
        below_speech_db: how far below the level of speech, or further.
        margin_frames: how far away from any louder frame.
    """
    level_db = 10 * np.log10(np.power(10, log_mel_db.astype(np.float64) / 10).sum(axis=1))
    loud = level_db > np.quantile(level_db, _SPEECH_QUANTILE) - below_speech_db
    near = np.convolve(loud, np.ones(2 * margin_frames + 1), "full")[margin_frames:][: len(loud)]
    return near < 0.5


def pause_statistics(
    folder: Path, *, hop_seconds: float, below_speech_db: float, margin_seconds: float, min_seconds: float
) -> pd.DataFrame:
    """Mean and standard deviation over its pauses of each log-mel band of each clip, in dB.

    Args:
        folder: the features: `logmel/part-*.parquet`.
        hop_seconds: from frame to frame.
        min_seconds: clips whose pauses are shorter, in sum, are left out.

    Returns:
        (clips with pauses, 2 · bands), indexed by utterance_id, sorted.
    """
    shards = sorted((folder / "logmel").glob("part-*.parquet"))
    if not shards:
        raise DataError(f"{folder} holds no log-mel matrices; run `dvc repro featurize`")
    margin_frames, min_frames = round(margin_seconds / hop_seconds), max(1, round(min_seconds / hop_seconds))
    rows = {}
    for shard in shards:
        file = pq.ParquetFile(shard)
        for batch in file.iter_batches(batch_size=64):  # bounded memory, whatever the length of the clips
            matrices = batch.column("log_mel_db")
            for i, utterance_id in enumerate(batch.column("utterance_id").to_pylist()):
                frames = matrices[i].values
                log_mel_db = frames.flatten().to_numpy(zero_copy_only=False).reshape(len(frames), -1)
                pause = log_mel_db[
                    pause_frames(log_mel_db, below_speech_db=below_speech_db, margin_frames=margin_frames)
                ].astype(np.float64)
                if len(pause) >= min_frames:
                    rows[utterance_id] = np.concatenate([pause.mean(axis=0), pause.std(axis=0)])
    return pd.DataFrame.from_dict(rows, orient="index").sort_index()
