"""Archives -> shards of 16 kHz speech, the submissions' texts, and a list of all that was set aside.

A shard is a run of archives in selection order, so a larger limit adds shards and keeps the finished ones. Each is made
by one worker, an archive at a time, and kept in the work store; what an older shard holds of an archive is taken over.
"""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from voicetraits.audio import SAMPLE_RATE_HZ
from voicetraits.code import key_of
from voicetraits.corpus import archive_stem, selection_order
from voicetraits.errors import DataError
from voicetraits.files import link_or_copy, sha256_of, write_csv, write_parquet
from voicetraits.parallel import Workers, map_in_workers
from voicetraits.pieces import Pieces, write_pieces
from voicetraits.quarantine import Reason, SetAside
from voicetraits.store import Store, plain_key
from voicetraits.unpacking import ExtractParams, Unpacked, unpack

_VERSIONS = ("numpy", "pyarrow", "soundfile", "soxr")
_KIND = "audio"  # of entries in the work store

_PART, _CLIPS, _SUBMISSIONS, _QUARANTINE = "part.parquet", "clips.parquet", "submissions.parquet", "quarantine.parquet"

_PART_SCHEMA = pa.schema({"utterance_id": pa.string(), "samples": pa.list_(pa.int16())})
_CLIPS_SCHEMA = pa.schema(
    {
        "utterance_id": pa.string(),
        "archive": pa.string(),
        "audio_sha256": pa.string(),
        "duration_seconds": pa.float64(),
        "original_sample_rate_hz": pa.int32(),
    }
)
_TEXTS = ("readme", "prompts", "prompts_original", "licence")
_SUBMISSIONS_SCHEMA = pa.schema(
    {
        "archive": pa.string(),
        **dict.fromkeys(_TEXTS, pa.binary()),
        "clips": pa.int64(),
        "audio_members": pa.list_(pa.string()),
    }
)
_QUARANTINE_SCHEMA = pa.schema(
    {
        "archive": pa.string(),
        "member": pa.string(),
        "reason": pa.string(),
        "detail": pa.string(),
        "is_clip": pa.bool_(),
    }
)

# Differences of neighbouring samples are small: on speech this is a quarter smaller than zstd alone, and written in
# a third of the time.
_PART_FORMAT = {
    "compression": "zstd",
    "use_dictionary": False,
    "write_statistics": ["utterance_id"],  # to find one without reading all
    "column_encoding": {"samples.list.element": "DELTA_BINARY_PACKED"},
}


@dataclass(frozen=True)
class Source:
    """One archive of data/raw: its id (the file name without .tgz), its file, and what the manifest says of it."""

    archive: str
    path: Path
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Counts:
    """What went in, came out and was set aside. Clips in archives that cannot be read to their end are not known."""

    archives_in: int
    archives_kept: int
    archives_quarantined: int
    clips_in: int
    clips_kept: int
    clips_quarantined: int
    other_files_quarantined: int
    hours: float
    shards: int
    quarantined: dict[str, int]


def list_sources(raw: Path) -> list[Source]:
    """The archives that `raw/manifest.csv` names, in selection order.

    Raises:
        DataError: the manifest is missing or not what scrape writes, or it and the folder's files disagree.
    """
    manifest = raw / "manifest.csv"
    try:
        with open(manifest, encoding="utf-8", newline="") as file:
            rows = {row["name"]: (int(row["bytes"]), row["sha256"]) for row in csv.DictReader(file)}
    except FileNotFoundError:
        raise DataError(f"{manifest} is missing; run `dvc repro scrape`") from None
    except (KeyError, TypeError, ValueError):
        raise DataError(f"{manifest} has not the columns name, bytes and sha256; run `dvc repro scrape`") from None
    if not rows:
        raise DataError(f"{manifest} names no archive; run `dvc repro scrape`")
    files = {path.name for path in raw.iterdir()}
    if missing := rows.keys() - files:
        raise DataError(f"{raw / min(missing)} is missing, though manifest.csv names it; run `dvc repro scrape`")
    if unknown := {name for name in files - rows.keys() if name != archive_stem(name)}:
        raise DataError(f"{raw / min(unknown)} is not in manifest.csv; run `dvc repro scrape`")
    stems = Counter(archive_stem(name) for name in rows)
    return [
        # Where a.tgz and a.tar.gz are both there, only their whole names tell them apart.
        Source(archive_stem(name) if stems[archive_stem(name)] == 1 else name, raw / name, *rows[name])
        for name in sorted(rows, key=selection_order)
    ]


def extract(raw: Path, out: Path, params: ExtractParams, *, store: Store, workers: Workers | int | None) -> Counts:
    """Write `part-*.parquet`, `clips.parquet`, `submissions.parquet` and `quarantine.csv` of all archives.

    Args:
        raw: folder of archives and manifest.csv.
        out: an empty folder.
        workers: where it runs, None for a process a core; the result does not depend on it.

    Raises:
        DataError: manifest and files disagree, or no clip is left.
    """
    sources = list_sources(raw)
    step = params.archives_per_shard
    shards = [sources[start : start + step] for start in range(0, len(sources), step)]
    # How many archives share a shard changes nothing in what an archive gives.
    base = key_of(asdict(params) | {"archives_per_shard": None}, modules=[__name__], versions=_VERSIONS)
    make = partial(_stored_shard, base=base, params=params, store=store)
    tables = []
    entries = map_in_workers(make, shards, workers=workers, description="extract", unit="shard")
    for number, entry in enumerate(entries):
        link_or_copy(entry / _PART, out / f"part-{number:04d}.parquet")
        tables.append([pq.read_table(entry / name) for name in (_CLIPS, _SUBMISSIONS, _QUARANTINE)])
    clips, submissions, quarantine = (pa.concat_tables(parts) for parts in zip(*tables, strict=True))
    quarantine = quarantine.to_pandas().sort_values(["archive", "member", "reason", "detail"])
    counts = _count(clips, quarantine, archives=len(sources), shards=len(shards))
    if not counts.clips_kept:
        reasons = ", ".join(f"{reason} {count}" for reason, count in counts.quarantined.items())
        raise DataError(
            f"no clip is left of {len(sources)} archives in {raw} ({reasons}); check them, or `extract` in params.yaml"
        )
    write_parquet(clips.sort_by("utterance_id"), out / _CLIPS)
    write_parquet(submissions.sort_by("archive"), out / _SUBMISSIONS)
    write_csv(quarantine.drop(columns="is_clip"), out / "quarantine.csv")
    return counts


@dataclass(frozen=True)
class _Piece:
    """What one archive gives to a shard: tables of samples (None without a clip), clips, submission and quarantine."""

    samples: pa.Table | None
    clips: pa.Table
    submissions: pa.Table
    quarantine: pa.Table


def _stored_shard(sources: Sequence[Source], *, base: str, params: ExtractParams, store: Store) -> Path:
    """The store's entry for these archives, made where it is not there yet."""
    for source in sources:
        if source.path.stat().st_size != source.bytes or sha256_of(source.path) != source.sha256:
            raise DataError(f"{source.path} is not the file that manifest.csv describes; run `dvc repro scrape`")
    keys = [plain_key(base, source.archive, source.sha256) for source in sources]

    def fill(folder: Path) -> None:
        older = Pieces(store, _KIND)
        pieces = (
            _piece_of(*piece, source.archive) if (piece := older.find(key)) else _new_piece(source, params)
            for key, source in zip(keys, sources, strict=True)
        )
        _write_shard(pieces, keys, folder)

    return store.get_or_make(_KIND, plain_key(*keys), fill)


def _write_shard(pieces: Iterator[_Piece], keys: Sequence[str], folder: Path) -> None:
    """Write the archives' pieces one after the other; a piece's place is its row group, -1 without a clip."""
    places: dict[str, int] = {}
    tables: list[tuple[pa.Table, ...]] = []
    row_groups = 0
    with pq.ParquetWriter(folder / _PART, _PART_SCHEMA, **_PART_FORMAT) as part:
        for key in keys:
            piece = next(pieces)  # zip would hold the last one's samples while the next is made
            places[key] = -1
            if piece.samples is not None:
                part.write_table(piece.samples, row_group_size=len(piece.samples))
                places[key] = row_groups
                row_groups += 1
            tables.append((piece.clips, piece.submissions, piece.quarantine))
            del piece
    for name, parts in zip((_CLIPS, _SUBMISSIONS, _QUARANTINE), zip(*tables, strict=True), strict=True):
        write_parquet(pa.concat_tables(parts).combine_chunks(), folder / name)
    write_pieces(folder, places)


def _piece_of(entry: Path, row_group: int, archive: str) -> _Piece:
    """What an older shard holds of an archive."""
    return _Piece(
        pq.ParquetFile(entry / _PART).read_row_group(row_group).combine_chunks() if row_group >= 0 else None,
        *(
            pq.read_table(entry / name, filters=[("archive", "==", archive)])
            for name in (_CLIPS, _SUBMISSIONS, _QUARANTINE)
        ),
    )


def _new_piece(source: Source, params: ExtractParams) -> _Piece:
    samples, clips, submissions = None, [], []
    try:
        unpacked = unpack(source.path, params)
    except SetAside as problem:
        set_aside = [_quarantine_row(source.archive, "", problem, is_clip=False)]
    else:
        if unpacked.clips:
            samples = _samples_table(source.archive, unpacked)
        clips = _clip_rows(source.archive, unpacked)
        submissions = [_submission_row(source.archive, unpacked)]
        set_aside = _quarantine_rows(source.archive, unpacked)
    return _Piece(
        samples,
        pa.Table.from_pylist(clips, _CLIPS_SCHEMA),
        pa.Table.from_pylist(submissions, _SUBMISSIONS_SCHEMA),
        pa.Table.from_pylist(set_aside, _QUARANTINE_SCHEMA),
    )


def _samples_table(archive: str, unpacked: Unpacked) -> pa.Table:
    """A row group: the clips of one archive, by name."""
    names = sorted(unpacked.clips)
    samples = [unpacked.clips[name].samples for name in names]
    offsets = np.cumsum([0, *map(len, samples)])
    lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(np.concatenate(samples)))
    return pa.Table.from_arrays([pa.array([f"{archive}/{name}" for name in names]), lists], schema=_PART_SCHEMA)


def _clip_rows(archive: str, unpacked: Unpacked) -> list[dict]:
    return [
        {
            "utterance_id": f"{archive}/{name}",
            "archive": archive,
            "audio_sha256": sha256(clip.samples.tobytes()).hexdigest(),
            "duration_seconds": len(clip.samples) / SAMPLE_RATE_HZ,
            "original_sample_rate_hz": clip.original_sample_rate_hz,
        }
        for name, clip in unpacked.clips.items()
    ]


def _submission_row(archive: str, unpacked: Unpacked) -> dict:
    return {
        "archive": archive,
        **{name: unpacked.texts.get(name) for name in _TEXTS},
        "clips": len(unpacked.clips),
        "audio_members": sorted(unpacked.audio_members),
    }


def _quarantine_rows(archive: str, unpacked: Unpacked) -> list[dict]:
    rows = [_quarantine_row(archive, item.member, item.problem, item.is_clip) for item in unpacked.set_aside]
    if not unpacked.audio_members:
        rows.append(_quarantine_row(archive, "", SetAside(Reason.NO_AUDIO, "no audio file in it"), is_clip=False))
    elif not unpacked.clips:
        clips = sum(item.is_clip for item in unpacked.set_aside)
        problem = SetAside(Reason.NO_CLIP_LEFT, f"each of its {clips} audio files was set aside")
        rows.append(_quarantine_row(archive, "", problem, is_clip=False))
    return rows


def _quarantine_row(archive: str, member: str, problem: SetAside, is_clip: bool) -> dict:
    return {
        "archive": archive,
        "member": member,
        "reason": problem.reason.value,
        "detail": problem.detail,
        "is_clip": is_clip,
    }


def _count(clips: pa.Table, quarantine: pd.DataFrame, *, archives: int, shards: int) -> Counts:
    whole_archives = int((quarantine["member"] == "").sum())
    clips_quarantined = int(quarantine["is_clip"].sum())
    return Counts(
        archives_in=archives,
        archives_kept=archives - whole_archives,
        archives_quarantined=whole_archives,
        clips_in=len(clips) + clips_quarantined,
        clips_kept=len(clips),
        clips_quarantined=clips_quarantined,
        other_files_quarantined=len(quarantine) - whole_archives - clips_quarantined,
        hours=sum(clips["duration_seconds"].to_pylist()) / 3600,
        shards=shards,
        quarantined=dict(sorted(quarantine["reason"].value_counts().items())),
    )
