"""Features of whole audio shards, in parallel, each finished shard kept in the work store."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from voicetraits.errors import DataError
from voicetraits.features.extractor import FeatureExtractor, FeaturizeParams
from voicetraits.features.table import write_description
from voicetraits.files import link_or_copy, sha256_of, write_parquet
from voicetraits.parallel import map_in_workers
from voicetraits.store import Store, make_key

_VERSIONS = ("numba", "numpy", "pyarrow", "scipy")
_CLIPS_AT_A_TIME = 64
_FUNCTIONALS, _LOG_MEL = "functionals.parquet", "logmel.parquet"


@dataclass(frozen=True)
class Counts:
    """What featurize saw: clips, clips without a voiced frame, features a clip."""

    clips: int
    clips_without_voice: int
    features: int


def featurize(audio: Path, out: Path, params: FeaturizeParams, *, store: Store, workers: int | None) -> Counts:
    """Write `out/functionals/part-*.parquet` and `out/logmel/part-*.parquet`, one of each for each audio shard.

    Beside them `out/description.json` says what the columns are.

    Args:
        audio: folder of `part-*.parquet` with utterance_id and samples (int16, 16 kHz).
        out: an empty folder.
        workers: worker processes, None for one a core; the result does not depend on it.

    Raises:
        DataError: no audio shard is there, or a clip cannot be used; the message names it.
    """
    shards = sorted(audio.glob("part-*.parquet"))
    if not shards:
        raise DataError(f"{audio} holds no part-*.parquet; run `dvc repro extract`")
    keys = [make_key(audio=sha256_of(shard), params=asdict(params), versions=_VERSIONS) for shard in shards]
    make = partial(_stored_shard, params=params, store=store)
    tasks = list(zip(shards, keys, strict=True))
    entries = map_in_workers(make, tasks, workers=workers, description="featurize", unit="shard")
    counts = []
    for shard, entry in zip(shards, entries, strict=True):
        link_or_copy(entry / _FUNCTIONALS, out / "functionals" / shard.name)
        link_or_copy(entry / _LOG_MEL, out / "logmel" / shard.name)
        counts.append(_count(entry / _FUNCTIONALS))
    features = FeatureExtractor(params).features
    write_description(out, asdict(params), features)
    return Counts(
        clips=sum(clips for clips, _ in counts),
        clips_without_voice=sum(without for _, without in counts),
        features=len(features),
    )


def _stored_shard(shard_and_key: tuple[Path, str], *, params: FeaturizeParams, store: Store) -> Path:
    shard, key = shard_and_key
    return store.get_or_make("features", key, partial(_featurize_shard, shard, params))


def _featurize_shard(shard: Path, params: FeaturizeParams, folder: Path) -> None:
    extractor = FeatureExtractor(params)
    ids, rows, log_mels = [], [], []
    for batch in pq.ParquetFile(shard).iter_batches(_CLIPS_AT_A_TIME):
        samples = batch.column("samples")
        for utterance_id, clip in zip(batch.column("utterance_id").to_pylist(), samples, strict=True):
            try:
                row, log_mel_db = extractor.extract(clip.values.to_numpy())
            except DataError as error:
                raise DataError(
                    f"{utterance_id} in {shard}: {error}; if it is too short for a frame, raise "
                    f"extract.min_duration_seconds or lower featurize.frame_seconds in params.yaml"
                ) from None
            ids.append(utterance_id)
            rows.append(row)
            log_mels.append(log_mel_db)
    write_parquet(_functionals_table(ids, rows, extractor.names), folder / _FUNCTIONALS)
    write_parquet(_log_mel_table(ids, log_mels, params.mel_bands), folder / _LOG_MEL)


def _functionals_table(ids: Sequence[str], rows: Sequence[np.ndarray], names: Sequence[str]) -> pa.Table:
    values = np.array(rows, dtype=np.float32).reshape(len(ids), len(names))
    return pa.table({"utterance_id": pa.array(ids, pa.string()), **dict(zip(names, values.T, strict=True))})


def _log_mel_table(ids: Sequence[str], log_mels: Sequence[np.ndarray], mel_bands: int) -> pa.Table:
    """One row a clip: `log_mel_db` is a list of frames, each a list of `mel_bands` values."""
    flat = pa.array(np.concatenate([*log_mels, np.empty((0, mel_bands), np.float16)]).ravel())
    frames = pa.FixedSizeListArray.from_arrays(flat, mel_bands)
    ends = np.cumsum([0, *(len(log_mel_db) for log_mel_db in log_mels)])
    clips = pa.ListArray.from_arrays(pa.array(ends, pa.int32()), frames)
    return pa.table({"utterance_id": pa.array(ids, pa.string()), "log_mel_db": clips})


def _count(functionals: Path) -> tuple[int, int]:
    """Clips of a shard, and how many of them have no voiced frame."""
    voiced_share = pq.read_table(functionals, columns=["voiced_share"])["voiced_share"].to_numpy()
    return len(voiced_share), int((voiced_share == 0).sum())
