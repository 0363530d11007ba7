"""Growing costs what is new: only added archives are extracted and featurized, and the bytes are those of a new run."""

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.sounds import PARAMS as FEATURIZE
from support.submissions import submission, write_raw
from voicetraits import extraction, featurizing
from voicetraits.corpus import selection_order
from voicetraits.features.extractor import FeatureExtractor
from voicetraits.store import Store
from voicetraits.unpacking import ExtractParams

EXTRACT = {
    "min_duration_seconds": 0.5,
    "max_duration_seconds": 5.0,
    "silence_dbfs": -60.0,
    "max_archive_megabytes": 20.0,
    "max_member_megabytes": 2.0,
    "max_members": 100,
    "max_compression_ratio": 200.0,
    "archives_per_shard": 4,
}
ARCHIVES = {f"user{number}-2008-abc.tgz": submission(f"user{number}-2008-abc", clips=2) for number in range(11)}
ARCHIVES["broken-2008-abc.tgz"] = ARCHIVES["user0-2008-abc.tgz"][:-10]
ARCHIVES["mute-2008-abc.tgz"] = submission("mute-2008-abc", clips=0)
ORDER = sorted(ARCHIVES, key=selection_order)


@pytest.fixture
def work(monkeypatch):
    """What was really done, and not taken from the store: archives read, clips featurized."""
    done = {"archives": [], "clips": 0}
    unpack, extract = extraction.unpack, FeatureExtractor.extract

    def counted_unpack(path, params):
        done["archives"].append(path.name)
        return unpack(path, params)

    def counted_extract(self, samples):
        done["clips"] += 1
        return extract(self, samples)

    monkeypatch.setattr(extraction, "unpack", counted_unpack)
    monkeypatch.setattr(FeatureExtractor, "extract", counted_extract)
    return done


def run(names: list[str], folder: Path, store: Store, work: dict, **changes: object) -> dict[str, str]:
    """Digest of each file that extract and featurize write for these archives; `work` counts from 0."""
    work.update(archives=[], clips=0)
    raw = write_raw(folder / "raw", {name: ARCHIVES[name] for name in names})
    (folder / "audio").mkdir()
    params = ExtractParams(**EXTRACT | changes)
    extraction.extract(raw, folder / "audio", params, store=store, workers=1)
    featurizing.featurize(folder / "audio", folder / "features", FEATURIZE, store=store, workers=1)
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for part in ("audio", "features")
        for path in sorted((folder / part).rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize(("before", "after"), [(3, 4), (3, 5), (4, 5), (6, 7), (10, 13), (1, 13)])
def test_a_larger_limit_works_on_the_new_archives_only(tmp_path, store, work, before, after):
    run(ORDER[:before], tmp_path / "before", store, work)
    assert len(work["archives"]) == before
    grown = run(ORDER[:after], tmp_path / "after", store, work)
    assert work["archives"] == ORDER[before:after]
    new = [name for name in ORDER[before:after] if name.startswith("user")]
    assert work["clips"] == 2 * len(new)
    assert grown == run(ORDER[:after], tmp_path / "anew", Store(tmp_path / "another store"), work)
    assert len(work["archives"]) == after


def test_a_smaller_limit_works_on_nothing(tmp_path, store, work):
    run(ORDER, tmp_path / "all", store, work)
    fewer = run(ORDER[:6], tmp_path / "fewer", store, work)
    assert (work["archives"], work["clips"]) == ([], 0)
    assert fewer == run(ORDER[:6], tmp_path / "anew", Store(tmp_path / "another store"), work)


def test_an_archive_in_between_shifts_the_others_for_nothing(tmp_path, store, work):
    without = [name for name in ORDER if name != ORDER[1]]
    run(without, tmp_path / "without", store, work)
    grown = run(ORDER, tmp_path / "with", store, work)
    assert work["archives"] == [ORDER[1]]
    assert work["clips"] == (2 if ORDER[1].startswith("user") else 0)
    assert grown == run(ORDER, tmp_path / "anew", Store(tmp_path / "another store"), work)


def test_another_size_of_shards_works_on_nothing(tmp_path, store, work):
    run(ORDER, tmp_path / "four", store, work)
    other = run(ORDER, tmp_path / "five", store, work, archives_per_shard=5)
    assert (work["archives"], work["clips"]) == ([], 0)
    assert other == run(ORDER, tmp_path / "anew", Store(tmp_path / "another store"), work, archives_per_shard=5)


def test_another_param_takes_nothing_over(tmp_path, store, work):
    run(ORDER[:3], tmp_path / "first", store, work)
    run(ORDER[:3], tmp_path / "second", store, work, max_duration_seconds=4.0)
    assert len(work["archives"]) == 3
    assert work["clips"] == 0  # the samples are the same


def test_what_is_taken_over_from_is_checked(tmp_path, store, work, capfd):
    run(ORDER[:3], tmp_path / "before", store, work)
    for part in store.root.glob("audio/??/*/part.parquet"):
        part.unlink()
        part.write_bytes(b"damage")
    grown = run(ORDER[:4], tmp_path / "after", store, work)
    assert "is damaged" in capfd.readouterr().err
    assert work["archives"] == ORDER[:4]
    assert grown == run(ORDER[:4], tmp_path / "anew", Store(tmp_path / "another store"), work)


def test_features_follow_the_samples_and_not_the_names(tmp_path, store, work):
    """An audio shard whose samples changed under the same ids gets features of its own."""
    run(ORDER[:4], tmp_path / "first", store, work)
    audio = tmp_path / "first" / "audio" / "part-0000.parquet"
    table = pq.read_table(audio)
    changed = [[-value for value in samples] for samples in table["samples"].to_pylist()]
    audio.unlink()
    pq.write_table(table.set_column(1, "samples", pa.array(changed, pa.list_(pa.int16()))), audio)
    work.update(clips=0)
    featurizing.featurize(tmp_path / "first" / "audio", tmp_path / "again", FEATURIZE, store=store, workers=1)
    assert work["clips"] == len(table)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sets(st.sampled_from(ORDER), min_size=3), min_size=2, max_size=3), st.integers(1, 5))
def test_any_history_of_selections_ends_in_the_same_bytes(tmp_path_factory, work, history, size):
    tmp_path = tmp_path_factory.mktemp("history")
    store = Store(tmp_path / "store")
    usable = [name for name in ORDER if name.startswith("user")][:1]
    for number, names in enumerate(history):
        selected = sorted({*names, *usable}, key=selection_order)
        last = run(selected, tmp_path / str(number), store, work, archives_per_shard=size)
    assert last == run(selected, tmp_path / "anew", Store(tmp_path / "other"), work, archives_per_shard=size)
