"""What a front end makes of all clips, and of augmented versions of some, kept in files that are read where needed.

Each shard of audio gives an entry of the work store for each version. Training and evaluation read it as memory-mapped
arrays: any clip at any time, however many there are.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from voicetraits.code import key_of
from voicetraits.errors import DataError
from voicetraits.files import sha256_of, write_parquet
from voicetraits.front_ends.front_end import FrontEnd
from voicetraits.parallel import Workers, map_in_workers
from voicetraits.store import Store, plain_key

if TYPE_CHECKING:
    from voicetraits.augmentation.params import AugmentParams

_KIND = "net-inputs"  # of entries in the work store
_VALUES, _CLIPS = "values.f32", "clips.parquet"
_SAMPLE_RATE_HZ = 16_000
_VERSIONS = ("numba", "numpy", "pyarrow", "scipy", "soxr")
_VERSIONS_OF_AUGMENTATION = ("praat-parselmouth",)


@dataclass(frozen=True)
class Augmentation:
    """Which clips have augmented versions, and how these are drawn.

    Attributes:
        params: the section `augment`.
        utterance_ids: the clips.
        seed: another one draws others.
        target: what is learnt from them; versions with another pitch are drawn for `params.pitch.targets` alone.
    """

    params: "AugmentParams"
    utterance_ids: frozenset[str]
    seed: int
    target: str


class Clips(Sequence):
    """What a front end made of some clips: arrays of its shape, read when asked for.

    Each clip has versions: 0 is the clip itself, the others are augmented.

    Args:
        usable: which versions of which clip, of all that the front end made, a target learns from.
    """

    def __init__(self, versions: Sequence["_Version"], places: np.ndarray, usable: np.ndarray) -> None:
        self._versions, self._places, self._usable = versions, places, usable

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, which: Any) -> Any:
        """A clip itself by its number, and some of the clips by an array of numbers or a slice."""
        if isinstance(which, int | np.integer):
            return self.version(which, 0)
        return Clips(self._versions, self._places[which], self._usable)

    @property
    def places(self) -> np.ndarray:
        """Place of each clip among all that the front end made, (n,)."""
        return self._places

    @property
    def lengths(self) -> np.ndarray:
        """Rows (along the first axis) of each clip itself, (n,)."""
        return self._versions[0].lengths[self._places]

    def version(self, number: int, version: int) -> np.ndarray:
        """One version of a clip; not to be written to.

        Raises:
            DataError: the clip has no such version.
        """
        return self._versions[version].read(self._places[number])

    def drawn(self, number: int, rng: np.random.Generator) -> np.ndarray:
        """Any version of a clip that the target learns from, each as likely as the others; not to be written to."""
        usable = np.flatnonzero(self._usable[self._places[number]])
        return self.version(number, int(usable[rng.integers(len(usable))]))


@dataclass(frozen=True)
class NetInputs:
    """What a front end made of all clips; looks to a model as a `FeatureTable` does.

    Attributes:
        front_end: made them.
        digest: stands for all that was made, as a key does.
    """

    front_end: FrontEnd
    digest: str
    _ids: pd.Index
    _versions: Sequence["_Version"]
    _usable: np.ndarray

    @property
    def names(self) -> tuple[str, ...]:
        """The front end's name, which takes the place of the names of features."""
        return (self.front_end.name,)

    @property
    def params(self) -> Mapping[str, Any]:
        """The front end's settings."""
        return asdict(self.front_end)

    def rows(self, utterance_ids: Sequence[str]) -> Clips:
        """Some clips in the order asked for.

        Raises:
            DataError: a clip is in none of the shards.
        """
        places = self._ids.get_indexer(utterance_ids)
        if (missing := np.asarray(utterance_ids)[places < 0]).size:
            raise DataError(f"{missing[0]} is in no shard of audio; run `dvc repro`")
        return Clips(self._versions, places, self._usable)


def front_end_of(name: str, settings: Mapping[str, Any]) -> FrontEnd:
    """The front end of this name with these settings."""
    return import_module(f"voicetraits.front_ends.{name}").FrontEnd(**settings)


def prepare(
    audio: Path,
    front_end: FrontEnd,
    *,
    store: Store,
    workers: Workers | int | None,
    augmentation: Augmentation | None = None,
) -> NetInputs:
    """Make what a net sees of all clips, or find it in the store.

    Args:
        audio: folder of `part-*.parquet` with utterance_id and samples (int16, 16 kHz).
        workers: where it runs, None for a process a core; the result does not depend on it.
        augmentation: of which clips there are `augmentation.params.variants` versions more.

    Raises:
        DataError: no audio shard is there, or a front end makes what is not finite.
    """
    shards = sorted(audio.glob("part-*.parquet"))
    if not shards:
        raise DataError(f"{audio} holds no part-*.parquet; run `dvc repro extract`")
    variants = augmentation.params.variants if augmentation else 0
    tasks = [(shard, number) for number in range(1 + variants) for shard in shards]
    make = partial(
        _stored, bases=_bases(front_end, augmentation), front_end=front_end, augmentation=augmentation, store=store
    )
    entries = list(map_in_workers(make, tasks, workers=workers, description=front_end.name, unit="shard"))
    groups = [entries[start : start + len(shards)] for start in range(0, len(entries), len(shards))]
    ids = pd.Index(pd.concat([pd.read_parquet(entry / _CLIPS)["utterance_id"] for entry in groups[0]]))
    usable = _usable(ids, augmentation)
    digests = (store.digests(entry)[name] for entry in entries for name in (_VALUES, _CLIPS))
    digest = plain_key(*digests, sha256(usable.tobytes()).hexdigest())
    return NetInputs(front_end, digest, ids, [_Version(ids, group, front_end.shape) for group in groups], usable)


class _Version:
    """One version of all clips: where in which file each lies."""

    def __init__(self, ids: pd.Index, entries: Sequence[Path], shape: tuple[int | None, ...]) -> None:
        self._ids, self._shape = ids, shape
        self._row_shape = tuple(size for size in shape[1:]) if shape[0] is None else shape
        self._part = np.full(len(ids), -1)
        self._start, self.lengths = np.zeros(len(ids), np.int64), np.zeros(len(ids), np.int64)
        self._files = [entry / _VALUES for entry in entries]
        for part, entry in enumerate(entries):
            clips = pd.read_parquet(entry / _CLIPS)
            places, rows = ids.get_indexer(clips["utterance_id"]), clips["rows"].to_numpy()
            self._part[places], self.lengths[places] = part, rows
            self._start[places] = np.cumsum(rows) - rows

    def read(self, place: int) -> np.ndarray:
        part, start = self._part[place], self._start[place]
        if part < 0:
            raise DataError(f"{self._ids[place]} has no augmented version")
        rows = self._values[part][start : start + self.lengths[place]]
        return rows if self._shape[0] is None else rows[0]

    @cached_property
    def _values(self) -> list[np.ndarray]:
        """The files' content, each (rows, …)."""
        return [
            # As plain arrays: a slice of a memmap costs ten times as much to make.
            np.asarray(np.memmap(file, np.float32, "r")).reshape(-1, *self._row_shape)
            if file.stat().st_size
            else np.empty((0, *self._row_shape), np.float32)
            for file in self._files
        ]


def _usable(ids: pd.Index, augmentation: Augmentation | None) -> np.ndarray:
    """Which versions of which clips the target learns from: (clips, versions) bool."""
    if augmentation is None:
        return np.ones((len(ids), 1), bool)
    from voicetraits.augmentation.augment import moves_pitch

    usable = np.ones((len(ids), 1 + augmentation.params.variants), bool)
    if augmentation.target not in augmentation.params.pitch.targets:
        for place, utterance_id in enumerate(ids):
            for number in range(1, usable.shape[1]):
                rng = _generator(utterance_id, number, augmentation)
                usable[place, number] = not moves_pitch(augmentation.params, rng)
    return usable


def _bases(front_end: FrontEnd, augmentation: Augmentation | None) -> tuple[str, str]:
    """Keys for all that makes a clip itself, and an augmented version, beside the audio."""
    made_by, module = [front_end.name, asdict(front_end)], type(front_end).__module__
    itself = key_of(made_by, modules=[__name__, module], versions=_VERSIONS)
    if augmentation is None:
        return itself, ""
    of_all_targets = replace(augmentation.params, pitch=replace(augmentation.params.pitch, targets=()))
    drawn_by = [asdict(of_all_targets), augmentation.seed]
    modules = [__name__, module, "voicetraits.augmentation.augment"]
    versions = (*_VERSIONS, *_VERSIONS_OF_AUGMENTATION)
    return itself, key_of(made_by, drawn_by, modules=modules, versions=versions)


def _stored(
    task: tuple[Path, int],
    *,
    bases: tuple[str, str],
    front_end: FrontEnd,
    augmentation: Augmentation | None,
    store: Store,
) -> Path:
    """The store's entry for a version of this shard's clips, made where it is not there yet."""
    shard, number = task
    if number == 0:
        key, drawn = plain_key(bases[0], sha256_of(shard)), None
    else:
        ids = pq.read_table(shard, columns=["utterance_id"])["utterance_id"].to_pylist()
        drawn = [utterance_id for utterance_id in ids if utterance_id in augmentation.utterance_ids]
        key = plain_key(bases[1], sha256_of(shard), str(number), *drawn)

    def fill(folder: Path) -> None:
        ids, rows = [], []
        with open(folder / _VALUES, "wb") as file:
            for utterance_id, samples in _clips_of(shard, drawn):
                if number:
                    samples = _variant(samples, utterance_id, number, front_end, augmentation)
                value = front_end(samples)
                if not np.isfinite(value).all():
                    raise DataError(f"{utterance_id} in {shard}: {front_end.name} makes what is not finite")
                file.write(np.ascontiguousarray(value, np.float32).tobytes())
                ids.append(utterance_id)
                rows.append(len(value) if front_end.shape[0] is None else 1)
        write_parquet(pd.DataFrame({"utterance_id": pd.Series(ids, dtype="str"), "rows": rows}), folder / _CLIPS)

    return store.get_or_make(_KIND, key, fill)


def _clips_of(shard: Path, wanted: Sequence[str] | None) -> Iterator[tuple[str, np.ndarray]]:
    """utterance_id and (n,) float32 samples in −1 … 1 of each wanted clip, or of all; one archive in memory."""
    wanted = None if wanted is None else set(wanted)
    archives = pq.ParquetFile(shard)
    for row_group in range(archives.num_row_groups):
        clips = archives.read_row_group(row_group)
        for utterance_id, samples in zip(clips["utterance_id"].to_pylist(), clips["samples"], strict=True):
            if wanted is None or utterance_id in wanted:
                yield utterance_id, samples.values.to_numpy().astype(np.float32) / 32768


def _variant(
    samples: np.ndarray, utterance_id: str, number: int, front_end: FrontEnd, augmentation: Augmentation
) -> np.ndarray:
    """An augmented version of a clip; of a clip that the front end would crop, a random stretch."""
    # Loaded by those who use it: evaluation needs none of it.
    from voicetraits.augmentation.augment import augment

    rng = _generator(utterance_id, number, augmentation)
    augmented = augment(samples, augmentation.params, rng)
    if front_end.clip_seconds is None:
        return augmented
    length = round(front_end.clip_seconds * _SAMPLE_RATE_HZ)
    start = int(rng.integers(0, max(0, len(augmented) - length) + 1))
    return augmented[start : start + length]


def _generator(utterance_id: str, number: int, augmentation: Augmentation) -> np.random.Generator:
    """What draws this version of this clip."""
    words = np.frombuffer(sha256(utterance_id.encode()).digest(), ">u4").tolist()
    return np.random.default_rng([augmentation.seed, number, *words])
