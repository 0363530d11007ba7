"""Whole folders of archives: nothing is lost, and nothing depends on how the work was done."""

import gzip
import hashlib
import tarfile
import tracemalloc
import weakref
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.submissions import audio_bytes, member, submission, tar, texts, tgz, tone, write_raw
from voicetraits import extraction
from voicetraits.corpus import selection_order
from voicetraits.errors import DataError
from voicetraits.extraction import Counts, extract, list_sources
from voicetraits.listening import read_samples, write_wav
from voicetraits.quarantine import Reason
from voicetraits.store import Store
from voicetraits.unpacking import ExtractParams

PARAMS = ExtractParams(
    min_duration_seconds=0.5,
    max_duration_seconds=5.0,
    silence_dbfs=-60.0,
    max_archive_megabytes=20.0,
    max_member_megabytes=2.0,
    max_members=100,
    max_compression_ratio=200.0,
    archives_per_shard=2,
)
REASONS = {reason.value for reason in Reason}


def run(raw: Path, out: Path, store: Store, **changes: object) -> Counts:
    out.mkdir(parents=True)
    return extract(raw, out, ExtractParams(**asdict(PARAMS) | changes), store=store, workers=1)


def quarantine_of(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "quarantine.csv", keep_default_na=False, dtype=str)


def bytes_of(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def entries_of(store: Store) -> set[str]:
    return {path.name for path in store.root.glob("audio/??/*")}


@pytest.fixture
def five() -> dict[str, bytes]:
    return {f"user{number}-2008-abc.tgz": submission(f"user{number}-2008-abc", clips=3) for number in range(5)}


def test_contract_of_the_tables(tmp_path, store, five):
    five["broken-2008-abc.tgz"] = five["user0-2008-abc.tgz"][:-10]
    five["bare-2008-abc.tar.gz"] = tgz([member("other name/wav/x.wav", audio_bytes(tone(1.0, rate_hz=8000), 8000))])
    five["mute-2008-abc.tgz"] = tgz(texts("mute-2008-abc", ["a"]))
    five["silent-2008-abc.tgz"] = tgz([member("s/a.wav", audio_bytes(np.zeros(16000)))])
    out = tmp_path / "audio"
    counts = run(write_raw(tmp_path / "raw", five), out, store)

    in_order = [name.split(".")[0] for name in sorted(five, key=selection_order)]
    assert sorted(path.name for path in out.iterdir()) == [
        "clips.parquet", *(f"part-{number:04d}.parquet" for number in range(5)), "quarantine.csv",
        "submissions.parquet",
    ]  # fmt: skip
    parts = [pq.read_table(path) for path in sorted(out.glob("part-*.parquet"))]
    schema = pa.schema({"utterance_id": pa.string(), "samples": pa.list_(pa.int16())})
    assert all(part.schema.equals(schema) for part in parts)
    ids = [utterance_id for part in parts for utterance_id in part["utterance_id"].to_pylist()]
    assert ids == sorted(ids, key=lambda one: (in_order.index(one.split("/")[0]), one))
    for number, part in enumerate(parts):
        archives = {one.split("/")[0] for one in part["utterance_id"].to_pylist()}
        assert archives <= set(in_order[2 * number : 2 * number + 2])

    clips = pq.read_table(out / "clips.parquet").to_pandas().set_index("utterance_id")
    assert clips.index.is_unique
    assert list(clips.index) == sorted(ids)
    samples = {key: value for part in parts for key, value in zip(*part.to_pydict().values(), strict=True)}
    for utterance_id, clip in clips.iterrows():
        values = np.array(samples[utterance_id], np.int16)
        assert clip["archive"] == utterance_id.split("/")[0]
        assert clip["audio_sha256"] == hashlib.sha256(values.tobytes()).hexdigest()
        assert clip["duration_seconds"] == len(values) / 16000
    assert clips.loc["bare-2008-abc/x", "original_sample_rate_hz"] == 8000
    assert clips.loc["bare-2008-abc/x", "duration_seconds"] == 1.0

    submissions = pq.read_table(out / "submissions.parquet").to_pylist()
    assert [row["archive"] for row in submissions] == sorted(set(in_order) - {"broken-2008-abc"})
    rows = {row["archive"]: row for row in submissions}
    assert rows["user1-2008-abc"]["readme"].startswith(b"User Name:user1")
    assert rows["user1-2008-abc"]["audio_members"] == ["a0000", "a0001", "a0002"]
    assert rows["user1-2008-abc"]["clips"] == 3
    assert rows["bare-2008-abc"] == {
        "archive": "bare-2008-abc", "readme": None, "prompts": None, "prompts_original": None, "licence": None,
        "clips": 1, "audio_members": ["x"],
    }  # fmt: skip
    assert rows["mute-2008-abc"]["audio_members"] == []
    assert (rows["silent-2008-abc"]["clips"], rows["silent-2008-abc"]["audio_members"]) == (0, ["a"])

    assert quarantine_of(out)[["archive", "member", "reason"]].to_numpy().tolist() == [
        ["broken-2008-abc", "", "damaged_gzip"],
        ["mute-2008-abc", "", "no_audio"],
        ["silent-2008-abc", "", "no_clip_left"],
        ["silent-2008-abc", "s/a.wav", "silence"],
    ]
    assert asdict(counts) == {
        "archives_in": 9, "archives_kept": 6, "archives_quarantined": 3,
        "clips_in": 17, "clips_kept": 16, "clips_quarantined": 1, "other_files_quarantined": 0,
        "hours": pytest.approx((15 * 0.6 + 1.0) / 3600), "shards": 5,
        "quarantined": {"damaged_gzip": 1, "no_audio": 1, "no_clip_left": 1, "silence": 1},
    }  # fmt: skip


def test_same_audio_has_the_same_hash_in_every_container(tmp_path, store):
    samples = np.random.default_rng(1).integers(-9999, 9999, 16000).astype(np.int16)
    files = [
        member("t/a.wav", audio_bytes(samples)),
        member("t/b.flac", audio_bytes(samples, container="FLAC")),
        member("t/c.wav", audio_bytes(samples, width="PCM_24")),
        member("t/d.wav", audio_bytes(samples[::-1])),
    ]
    run(write_raw(tmp_path / "raw", {"x.tgz": tgz(files)}), tmp_path / "audio", store)
    hashes = pq.read_table(tmp_path / "audio" / "clips.parquet")["audio_sha256"].to_pylist()
    assert hashes[0] == hashes[1] == hashes[2] != hashes[3]


def test_shard_without_a_clip_is_an_empty_part(tmp_path, store, five):
    order = sorted(five, key=selection_order)
    five[order[2]], five[order[3]] = b"no gzip", five[order[3]][:99]
    run(write_raw(tmp_path / "raw", five), tmp_path / "audio", store)
    sizes = [len(pq.read_table(path)) for path in sorted((tmp_path / "audio").glob("part-*.parquet"))]
    assert sizes == [6, 0, 3]


def test_same_bytes_from_the_store_as_made_anew(tmp_path, store, five):
    raw = write_raw(tmp_path / "raw", five)
    run(raw, tmp_path / "first", store)
    entries = entries_of(store)
    run(raw, tmp_path / "stored", store)
    assert entries_of(store) == entries
    run(raw, tmp_path / "anew", Store(tmp_path / "another store"))
    assert bytes_of(tmp_path / "first") == bytes_of(tmp_path / "stored") == bytes_of(tmp_path / "anew")


def test_memory_holds_one_archive_at_a_time(tmp_path, store):
    archive = submission("long", clips=1, seconds=30)  # 1 MB of samples
    raw = write_raw(tmp_path / "raw", {f"{number}.tgz": archive for number in range(40)})
    tracemalloc.start()
    counts = run(raw, tmp_path / "audio", store, archives_per_shard=40, max_duration_seconds=60.0)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert counts.clips_kept == 40
    assert peak_bytes < 20_000_000
    assert pq.ParquetFile(tmp_path / "audio" / "part-0000.parquet").num_row_groups == 40


def test_an_archive_is_let_go_before_the_next_is_read(tmp_path, store, five, monkeypatch):
    alive = []
    make = extraction._new_piece

    def noting(source, params):
        assert not any(piece() for piece in alive)
        piece = make(source, params)
        alive.append(weakref.ref(piece))
        return piece

    monkeypatch.setattr(extraction, "_new_piece", noting)
    run(write_raw(tmp_path / "raw", five), tmp_path / "audio", store, archives_per_shard=5)
    assert len(alive) == 5


def test_shard_size_changes_nothing_but_the_parts(tmp_path, store, five):
    raw = write_raw(tmp_path / "raw", five)
    rows = []
    for size in (1, 2, 5):
        run(raw, tmp_path / str(size), store, archives_per_shard=size)
        parts = [pq.read_table(path).to_pylist() for path in sorted((tmp_path / str(size)).glob("part-*.parquet"))]
        rows.append([row for part in parts for row in part])
    assert rows[0] == rows[1] == rows[2]
    tables = [{k: v for k, v in bytes_of(tmp_path / size).items() if not k.startswith("part")} for size in "125"]
    assert tables[0] == tables[1] == tables[2]


def test_more_archives_reuse_the_finished_shards(tmp_path, store, five):
    order = sorted(five, key=selection_order)
    run(write_raw(tmp_path / "raw4", {name: five[name] for name in order[:4]}), tmp_path / "four", store)
    first = entries_of(store)
    assert len(first) == 2
    run(write_raw(tmp_path / "raw5", five), tmp_path / "five", store)
    assert len(entries_of(store)) == 3
    assert first < entries_of(store)
    run(write_raw(tmp_path / "again", {name: five[name] for name in order[:4]}), tmp_path / "four again", store)
    assert len(entries_of(store)) == 3
    assert bytes_of(tmp_path / "four") == bytes_of(tmp_path / "four again")


def test_every_param_that_counts_makes_new_shards(tmp_path, store, five):
    raw = write_raw(tmp_path / "raw", five)
    run(raw, tmp_path / "first", store)
    run(raw, tmp_path / "second", store, min_duration_seconds=0.55)
    assert len(entries_of(store)) == 6


def test_damaged_store_is_noticed(tmp_path, store, five, capfd):
    raw = write_raw(tmp_path / "raw", five)
    run(raw, tmp_path / "first", store)
    for part in store.root.glob("audio/??/*/part.parquet"):
        part.unlink()
        part.write_bytes(b"damage")
    run(raw, tmp_path / "second", store)
    assert "is damaged" in capfd.readouterr().err
    assert bytes_of(tmp_path / "first") == bytes_of(tmp_path / "second")


def test_two_endings_of_one_name_stay_apart(tmp_path, store):
    raw = write_raw(
        tmp_path / "raw", {"x.tgz": submission("a", 1), "x.tar.gz": submission("b", 1), "y.TGZ": submission("c", 1)}
    )
    run(raw, tmp_path / "audio", store)
    ids = pq.read_table(tmp_path / "audio" / "clips.parquet")["utterance_id"].to_pylist()
    assert ids == ["x.tar.gz/a0000", "x.tgz/a0000", "y/a0000"]


def drop_manifest(raw: Path) -> None:
    (raw / "manifest.csv").unlink()


def drop_column(raw: Path) -> None:
    (raw / "manifest.csv").write_text("name,bytes\na.tgz,12\n")


def misspell_size(raw: Path) -> None:
    (raw / "manifest.csv").write_text("name,bytes,sha256\na.tgz,many,0\n")


def drop_archive(raw: Path) -> None:
    (raw / "user3-2008-abc.tgz").unlink()


def add_archive(raw: Path) -> None:
    (raw / "new.tgz").write_bytes(b"x")


def shorten_archive(raw: Path) -> None:
    (raw / "user3-2008-abc.tgz").write_bytes(b"x")


def change_archive(raw: Path) -> None:
    content = (raw / "user3-2008-abc.tgz").read_bytes()
    (raw / "user3-2008-abc.tgz").write_bytes(content[:-1] + b"x")


def break_all(raw: Path) -> None:
    write_raw(raw, {path.name: b"x" for path in raw.glob("*.tgz")})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (drop_manifest, "manifest.csv is missing; run `dvc repro scrape`"),
        (drop_column, "manifest.csv has not the columns name, bytes and sha256; run `dvc repro scrape`"),
        (misspell_size, "manifest.csv has not the columns name, bytes and sha256; run `dvc repro scrape`"),
        (drop_archive, "user3-2008-abc.tgz is missing, though manifest.csv names it; run `dvc repro scrape`"),
        (add_archive, "new.tgz is not in manifest.csv; run `dvc repro scrape`"),
        (shorten_archive, "user3-2008-abc.tgz is not the file that manifest.csv describes; run `dvc repro scrape`"),
        (change_archive, "user3-2008-abc.tgz is not the file that manifest.csv describes; run `dvc repro scrape`"),
        (break_all, "no clip is left of 5 archives"),
    ],
)
def test_what_does_not_fit_together_is_one_clear_line(tmp_path, store, five, damage, message):
    raw = write_raw(tmp_path / "raw", five)
    damage(raw)
    with pytest.raises(DataError) as caught:
        run(raw, tmp_path / "audio", store)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_archives_at_all(tmp_path, store):
    with pytest.raises(DataError, match=r"raw/manifest.csv names no archive; run `dvc repro scrape`$"):
        run(write_raw(tmp_path / "raw", {}), tmp_path / "audio", store)


def test_other_files_beside_the_archives_do_not_matter(tmp_path, five):
    raw = write_raw(tmp_path / "raw", five)
    (raw / "failed.csv").write_text("name,source,reason\n")
    (raw / ".DS_Store").write_bytes(b"x")
    assert [source.path.name for source in list_sources(raw)] == sorted(five, key=selection_order)


def test_an_utterance_can_be_found(tmp_path, store, five):
    run(write_raw(tmp_path / "raw", five), tmp_path / "audio", store)
    samples = read_samples(tmp_path / "audio", "user2-2008-abc/a0001")
    assert samples.dtype == np.int16
    assert len(samples) == 9600
    with pytest.raises(
        DataError, match=r"^no utterance 'user2-2008-abc/a001' in .*/audio; the closest are user2-2008-abc/a0001, user"
    ):
        read_samples(tmp_path / "audio", "user2-2008-abc/a001")
    with pytest.raises(DataError, match=r"is a folder; name a file to write, such as .*/out\.wav$"):
        write_wav(samples, tmp_path)


# --- The invariant: every archive and every clip is in the shards or in quarantine.csv ------------------------------

SOUND = [audio_bytes(tone(0.6)), audio_bytes(tone(0.6, 300), 8000), audio_bytes(tone(0.6), container="FLAC")]
BAD = [b"", b"no audio", SOUND[0][:44], audio_bytes(np.zeros(9600)), audio_bytes(tone(0.1)), audio_bytes(tone(6.0))]
KINDS = [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, b"Z"]
FOLDERS = st.sampled_from(["t/wav/", "t/flac/", "", "/", "../", "t/../", "t\\", "C:/"])
NAMES = st.sampled_from(["a", "b", "c", "A", "", "new\nline", "\udce9", "ü", "x" * 300])
SUFFIXES = st.sampled_from([".wav", ".WAV", ".flac", ".mp3"])
AUDIO = st.builds(
    lambda folder, name, suffix, content: member(folder + name + suffix, content),
    FOLDERS, NAMES, SUFFIXES, st.sampled_from(SOUND * 3 + BAD),
)  # fmt: skip
NOT_PLAIN = st.builds(
    lambda name, suffix, kind: member(f"t/wav/{name}{suffix}", type=kind, linkname="t/wav/a.wav"),
    NAMES, SUFFIXES, st.sampled_from(KINDS),
)  # fmt: skip
OTHER = st.sampled_from([*texts("t", ["a"]), member("t/readme", b"x"), member("t", type=tarfile.DIRTYPE)])
ARCHIVE = st.lists(AUDIO | AUDIO | NOT_PLAIN | OTHER, max_size=8)
PLACE = st.floats(0, 1, exclude_max=True)
DAMAGE = st.none() | st.tuples(st.sampled_from(["cut", "flip", "flip the tar"]), PLACE, st.integers(1, 255))


def packed(members: list, damage: tuple[str, float, int] | None) -> bytes:
    kind, place, value = damage or ("none", 0, 0)
    content = tar(members)
    if kind == "flip the tar":
        at = int(place * len(content))
        content = content[:at] + bytes([content[at] ^ value]) + content[at + 1 :]
    content = gzip.compress(content, 1, mtime=0)
    at = int(place * len(content))
    if kind == "flip":
        content = content[:at] + bytes([content[at] ^ value]) + content[at + 1 :]
    return content[:at] if kind == "cut" else content


@given(archives=st.lists(st.tuples(ARCHIVE, DAMAGE), min_size=1, max_size=5))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_archive_and_every_clip_is_accounted_for(tmp_path_factory, archives):
    folder = tmp_path_factory.mktemp("invariant")
    files = {f"u{number}.tgz": packed(members, damage) for number, (members, damage) in enumerate(archives)}
    files["sound.tgz"] = submission("sound", clips=1)
    counts = run(write_raw(folder / "raw", files), folder / "audio", Store(folder / "store"))

    clips = pq.read_table(folder / "audio" / "clips.parquet").to_pandas()
    in_parts = [pq.read_table(part).to_pandas() for part in sorted((folder / "audio").glob("part-*.parquet"))]
    assert sorted(clips["utterance_id"]) == sorted(pd.concat(in_parts)["utterance_id"])
    assert clips["utterance_id"].is_unique
    assert clips["duration_seconds"].between(0.5, 5.0).all()
    quarantine = quarantine_of(folder / "audio")
    assert set(quarantine["reason"]) <= REASONS
    assert all(text.isprintable() for text in quarantine.to_numpy().ravel())

    # Each archive: kept, or set aside as a whole; never both, never twice.
    set_aside = quarantine.loc[quarantine["member"] == "", "archive"]
    kept = set(clips["archive"])
    assert set_aside.is_unique
    assert kept.isdisjoint(set_aside)
    assert kept | set(set_aside) == {name.removesuffix(".tgz") for name in files}
    assert (counts.archives_in, counts.archives_kept, counts.archives_quarantined) == (
        len(files), len(kept), len(set_aside),
    )  # fmt: skip
    assert counts.clips_in == counts.clips_kept + counts.clips_quarantined
    assert counts.clips_kept == len(clips)
    assert counts.quarantined == dict(Counter(quarantine["reason"]))

    # Each clip of a sound archive: as many files as went in.
    for number, (members, damage) in enumerate(archives):
        archive = f"u{number}"
        rows = quarantine[(quarantine["archive"] == archive) & (quarantine["member"] != "")]
        if damage is None:
            suffixes = (".wav", ".flac", ".mp3")
            audio_in = [info.name for info, _ in members if info.name.lower().endswith(suffixes)]
            # the long name is cut in the table, and ends in an ellipsis
            audio_out = [name for name in rows["member"] if name.lower().endswith((*suffixes, "…"))]
            assert len(audio_in) == len(audio_out) + (clips["archive"] == archive).sum()
        elif damage[0] == "cut":
            assert archive in set(set_aside)
            assert rows.empty


@given(at=PLACE, flip=st.integers(1, 255))
@settings(max_examples=25, deadline=None)
def test_flipped_byte_leaves_an_archive_whole_or_sets_it_aside(tmp_path_factory, at, flip):
    folder = tmp_path_factory.mktemp("flip")
    content = submission("u", clips=2)
    place = int(at * len(content))
    flipped = content[:place] + bytes([content[place] ^ flip]) + content[place + 1 :]
    raw = write_raw(folder / "raw", {"u.tgz": flipped, "sound.tgz": submission("s", clips=1)})
    run(raw, folder / "audio", Store(folder / "store"))
    ids = pq.read_table(folder / "audio" / "clips.parquet")["utterance_id"].to_pylist()
    quarantine = quarantine_of(folder / "audio")[["archive", "member", "reason"]].to_numpy().tolist()
    assert (ids, quarantine) in [
        (["sound/a0000", "u/a0000", "u/a0001"], []),
        (["sound/a0000"], [["u", "", "damaged_gzip"]]),
    ]
