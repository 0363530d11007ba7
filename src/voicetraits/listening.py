"""Finds one utterance in the audio shards, to listen to it."""

from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import soundfile

from voicetraits.audio import SAMPLE_RATE_HZ
from voicetraits.errors import DataError
from voicetraits.files import written_aside


def read_samples(audio: Path, utterance_id: str) -> np.ndarray:
    """The int16 samples, at 16 kHz, of one utterance of `audio/part-*.parquet`; [n].

    Raises:
        DataError: there are no shards, or no such utterance; the message names those with the closest ids.
    """
    shards = sorted(audio.glob("part-*.parquet"))
    if not shards:
        raise DataError(f"{audio} holds no part-*.parquet; run `dvc repro extract`")
    for shard in shards:
        found = pq.read_table(shard, filters=[("utterance_id", "==", utterance_id)])
        if len(found):
            return found["samples"][0].values.to_numpy()
    ids = [name for shard in shards for name in pq.read_table(shard, columns=["utterance_id"])[0].to_pylist()]
    close = get_close_matches(utterance_id, ids, cutoff=0)
    raise DataError(f"no utterance {utterance_id!r} in {audio}; the closest are {', '.join(close) or 'none'}")


def write_wav(samples: np.ndarray, path: Path) -> None:
    """Write int16 samples at 16 kHz as a .wav file.

    Raises:
        DataError: `path` is a folder.
    """
    if path.is_dir():
        raise DataError(f"{path} is a folder; name a file to write, such as {path / 'out.wav'}")
    with written_aside(path) as aside:
        soundfile.write(aside, samples, SAMPLE_RATE_HZ, subtype="PCM_16", format="WAV")
