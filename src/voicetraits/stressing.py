"""What models see of clips under each condition, computed in parallel, each finished shard kept in the work store."""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from voicetraits.augmentation.pitch import Voice
from voicetraits.code import key_of
from voicetraits.conditions import hear
from voicetraits.errors import DataError
from voicetraits.features.extractor import FeatureExtractor, FeaturizeParams
from voicetraits.files import sha256_of
from voicetraits.front_ends.front_end import FrontEnd
from voicetraits.models.saved import Config
from voicetraits.net_inputs import front_end_of
from voicetraits.parallel import Workers, map_in_workers
from voicetraits.store import Store, plain_key

_VERSIONS = ("numba", "numpy", "praat-parselmouth", "pyarrow", "scipy", "soxr")
_KIND = "stress"  # of entries in the work store
_FILE = "inputs.parquet"


@dataclass(frozen=True)
class Functionals:
    """Makes a row of features of a clip: what softmax and tfdf see.

    Attributes:
        setting: the extractor's params, as JSON.
    """

    setting: str
    module: ClassVar[str] = FeatureExtractor.__module__

    @classmethod
    def of(cls, params: Mapping[str, object]) -> "Functionals":
        """With the extractor's params."""
        return cls(json.dumps(dict(params), sort_keys=True))

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """(n,) int16 → (features,) float32."""
        return self._extractor(samples)

    @cached_property
    def _extractor(self) -> FeatureExtractor:
        return FeatureExtractor(FeaturizeParams(**json.loads(self.setting)))


@dataclass(frozen=True)
class NetInput:
    """Makes of a clip what a net sees.

    Attributes:
        front_end: its name.
        setting: its settings, as JSON.
    """

    front_end: str
    setting: str

    @property
    def module(self) -> str:
        return type(self._front_end).__module__

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """(n,) int16 → float32 of the front end's shape."""
        return self._front_end(samples.astype(np.float32) / 32768)

    @cached_property
    def _front_end(self) -> FrontEnd:
        return front_end_of(self.front_end, json.loads(self.setting))


#: Makes a model's input of a clip, (n,) int16 → float32 of any shape. Frozen: equal ones make equal inputs, and `repr`
#: says what they are; `module` names whose code makes them.
Maker = Functionals | NetInput


def maker_of(config: Config) -> Maker:
    """What makes the inputs of this saved model, from its config alone."""
    if config.runtime is None:
        return Functionals.of(config.feature_params)
    (front_end,) = config.feature_names
    return NetInput(front_end, json.dumps(dict(config.feature_params), sort_keys=True))


@dataclass(frozen=True)
class Inputs:
    """What one kind of model sees of clips under one condition.

    Attributes:
        arrays: utterance_id: what the maker made of it.
        unchanged: clips to which the condition could do nothing.
    """

    arrays: Mapping[str, np.ndarray]
    unchanged: int

    def of(self, utterance_ids: Iterable[str]) -> list[np.ndarray]:
        """Those of some clips, in the order asked for."""
        return [self.arrays[utterance_id] for utterance_id in utterance_ids]


class StressedClips:
    """Inputs of all models for some clips under some conditions, made where the store does not hold them yet.

    Args:
        audio: folder of `part-*.parquet` with utterance_id and samples (int16, 16 kHz).
        utterance_ids: the clips.
        workers: where it runs; the result does not depend on it.

    Raises:
        DataError: a clip is in no shard, or too short for a frame under some condition; the message names it.
    """

    def __init__(
        self,
        audio: Path,
        utterance_ids: Iterable[str],
        conditions: Sequence[str],
        makers: Iterable[Maker],
        *,
        store: Store,
        workers: Workers | int | None,
    ) -> None:
        makers = list(dict.fromkeys(makers))
        bases = {maker: key_of(repr(maker), modules=[__name__, maker.module], versions=_VERSIONS) for maker in makers}
        kinds = [(condition, maker) for condition in conditions for maker in makers]
        shards = _clips_by_shard(audio, set(utterance_ids))
        make = partial(_entries_of_shard, bases=bases, kinds=kinds, store=store)
        made = map_in_workers(make, list(shards.items()), workers=workers, description="stress", unit="shard")
        by_shard = list(made)  # of each shard, an entry of each kind
        self._entries = {kind: [entries[i] for entries in by_shard] for i, kind in enumerate(kinds)}

    def inputs(self, condition: str, maker: Maker) -> Inputs:
        """What `maker` makes of all clips under a condition, read from the store: in memory is what is asked for."""
        table = pa.concat_tables(pq.read_table(entry / _FILE) for entry in self._entries[condition, maker])
        shapes, values = table["shape"].to_pylist(), table["values"]
        arrays = (row.values.to_numpy().reshape(shape) for row, shape in zip(values, shapes, strict=True))
        ids = table["utterance_id"].to_pylist()
        return Inputs(dict(zip(ids, arrays, strict=True)), table["changed"].to_pylist().count(False))


def _clips_by_shard(audio: Path, wanted: set[str]) -> dict[Path, tuple[str, ...]]:
    """The shards that hold any of the clips, and which."""
    shards = {}
    for shard in sorted(audio.glob("part-*.parquet")):
        names = pq.read_table(shard, columns=["utterance_id"])["utterance_id"].to_pylist()
        if found := tuple(name for name in names if name in wanted):
            shards[shard] = found
    if missing := wanted.difference(*shards.values()):
        raise DataError(f"{min(missing)} is in no shard of {audio}; run `dvc repro extract`")
    return shards


def _entries_of_shard(
    task: tuple[Path, tuple[str, ...]], *, bases: Mapping[Maker, str], kinds: Sequence[tuple[str, Maker]], store: Store
) -> list[Path]:
    """The store's entry for each kind of inputs of these clips of a shard.

    Clip by clip over all conditions, since these share the analysis of its pitch, and all makers the clip as it is
    heard.
    """
    shard, utterance_ids = task
    digest = sha256_of(shard)
    keys = {(name, maker): plain_key(bases[maker], digest, name, *utterance_ids) for name, maker in kinds}
    entries = {kind: store.get(_KIND, key) for kind, key in keys.items()}
    missing = [kind for kind, entry in entries.items() if entry is None]
    if missing:
        with store.scratch() as folder:
            files = {kind: folder / f"{number}.parquet" for number, kind in enumerate(missing)}
            _write_inputs(shard, set(utterance_ids), files)
            for kind, file in files.items():
                entries[kind] = store.put(_KIND, keys[kind], lambda entry, file=file: file.rename(entry / _FILE))
    return [entries[kind] for kind in kinds]


_SCHEMA = pa.schema(
    {
        "utterance_id": pa.string(),
        "changed": pa.bool_(),
        "shape": pa.list_(pa.int32()),
        "values": pa.list_(pa.float32()),
    }
)


def _write_inputs(shard: Path, wanted: set[str], files: Mapping[tuple[str, Maker], Path]) -> None:
    """Write the inputs of some clips of a shard, one file for each kind, an archive at a time in memory."""
    archives = pq.ParquetFile(shard)
    with ExitStack() as stack:
        writers = {
            kind: stack.enter_context(pq.ParquetWriter(file, _SCHEMA, compression="zstd"))
            for kind, file in files.items()
        }
        for row_group in range(archives.num_row_groups):
            clips = archives.read_row_group(row_group, columns=["utterance_id", "samples"])
            rows: dict[tuple[str, Maker], list[dict]] = {kind: [] for kind in files}
            for utterance_id, samples in zip(clips["utterance_id"].to_pylist(), clips["samples"], strict=True):
                if utterance_id in wanted:
                    for kind, row in _rows(utterance_id, samples.values.to_numpy(), list(files)).items():
                        rows[kind].append(row)
            for kind, writer in writers.items():
                writer.write_table(pa.Table.from_pylist(rows[kind], _SCHEMA))


def _rows(
    utterance_id: str, samples: np.ndarray, kinds: Sequence[tuple[str, Maker]]
) -> dict[tuple[str, Maker], dict[str, Any]]:
    """What each kind of inputs holds of one clip."""
    voice = Voice(samples.astype(np.float32) / 32768)
    heard = {name: hear(voice, name, utterance_id) for name in dict.fromkeys(name for name, _ in kinds)}
    rows = {}
    for name, maker in kinds:
        try:
            made = maker(heard[name].samples)
        except DataError as error:
            raise DataError(f"{utterance_id} under {name}: {error}") from None
        plain = {"utterance_id": utterance_id, "changed": heard[name].changed}
        rows[name, maker] = {**plain, "shape": made.shape, "values": made.ravel()}
    return rows
