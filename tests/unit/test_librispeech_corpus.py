"""A part of LibriSpeech as it is packed, the much-copied subset, and archives that are none of it."""

import gzip
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from support.corpora import archives_in, metadata_of, run_scrape
from support.layouts import librispeech, tarred
from voicetraits.errors import DataError, ParameterError
from voicetraits.store import Store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "resources"
    folder.mkdir()
    (folder / "train-clean-100.tar.gz").write_bytes(tarred(librispeech()))
    return folder


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return tmp_path / "raw"


def clips_in(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(archive))) as tar:
        return {Path(one.name).name: tar.extractfile(one).read() for one in tar if one.name.endswith(".flac")}


def test_sex_and_words(folder: Path, raw: Path, store: Store, tmp_path: Path) -> None:
    assert run_scrape("librispeech", raw, store, url=str(folder))["archives"] == 6
    clips = metadata_of("librispeech", raw, tmp_path / "audio", store).clips.to_pandas()
    assert len(clips) == 18
    labels = clips.groupby("speaker_id")[["gender", "gender_raw"]].first().to_dict("index")
    assert labels["19"] == {"gender": "female", "gender_raw": "F"}
    assert labels["20"] == {"gender": "male", "gender_raw": "M"}
    assert clips["age_group"].isna().all()
    one = clips.set_index("utterance_id").loc["19-librispeech/19-198-0002"]
    assert one["transcript"] == "THE WORDS OF CLIP 2"
    assert "CC BY 4.0" in one["licence"]


def test_flac_comes_through_as_it_is(folder: Path, raw: Path, store: Store) -> None:
    run_scrape("librispeech", raw, store, url=str(folder))
    original = librispeech()["LibriSpeech/train-clean-100/19/198/19-198-0000.flac"]
    assert clips_in(archives_in(raw)["19-librispeech.tgz"])["19-198-0000.flac"] == original


def test_the_much_copied_subset(folder: Path, raw: Path, store: Store) -> None:
    counts = run_scrape("librispeech", raw, store, url=str(folder), files_per_speaker=2, clip_seconds=2.0)
    assert counts["left_out"] == {"clips_beyond_files_per_speaker": 6}
    clips = clips_in(archives_in(raw)["19-librispeech.tgz"])
    assert sorted(clips) == ["19-198-0000.flac", "19-198-0001.flac"]
    cropped, rate_hz = soundfile.read(io.BytesIO(clips["19-198-0001.flac"]), dtype="int16")
    original = librispeech()["LibriSpeech/train-clean-100/19/198/19-198-0001.flac"]
    np.testing.assert_array_equal(cropped, soundfile.read(io.BytesIO(original), dtype="int16")[0][: 2 * rate_hz])
    whole = run_scrape("librispeech", raw, store, url=str(folder))
    assert whole["archives"] == 6
    assert len(clips_in(archives_in(raw)["19-librispeech.tgz"])) == 3


def test_clips_with_other_names_are_counted(
    folder: Path, raw: Path, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    files = librispeech()
    chapter = "LibriSpeech/train-clean-100/19/198"
    content = files[f"{chapter}/19-198-0000.flac"]
    names = ("19-198-0009.FLAC", "19-199-0000.flac", "x.flac")
    (folder / "train-clean-100.tar.gz").write_bytes(tarred(files | {f"{chapter}/{name}": content for name in names}))
    assert run_scrape("librispeech", raw, store, url=str(folder))["left_out"] == {"clips_with_other_names": 2}
    printed = capsys.readouterr().out
    assert f"are left out, such as {chapter}/19-199-0000.flac: their names are not of the form <reader>/" in printed
    assert "19-198-0009.flac" in clips_in(archives_in(raw)["19-librispeech.tgz"])


def test_unreadable_flac_is_left_to_extract(folder: Path, raw: Path, store: Store, tmp_path: Path) -> None:
    files = librispeech() | {"LibriSpeech/train-clean-100/19/198/19-198-0000.flac": b"fLaC and no more"}
    (folder / "train-clean-100.tar.gz").write_bytes(tarred(files))
    run_scrape("librispeech", raw, store, url=str(folder), clip_seconds=2.0)
    metadata_of("librispeech", raw, tmp_path / "audio", store)
    assert "19-198-0000.flac,unreadable" in (tmp_path / "audio/quarantine.csv").read_text()


def test_women_only(folder: Path, raw: Path, store: Store) -> None:
    assert run_scrape("librispeech", raw, store, url=str(folder), genders=["female"])["archives"] == 3
    assert {name.split("-")[0] for name in archives_in(raw)} == {"19", "21", "23"}


TABLE = "LibriSpeech/SPEAKERS.TXT"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({name: content for name, content in librispeech().items() if name != TABLE}, "has no SPEAKERS.TXT"),
        (
            librispeech() | {TABLE: b"; ID\n19 F train 25 Name"},
            "SPEAKERS.TXT of .*, line 2: '19 F train 25 Name' is not",
        ),
        (librispeech() | {TABLE: b"19 | X | train | 25 | Name"}, "line 1: .* is not of the form `14 | F |"),
        ({TABLE: b""}, "has no clips such as LibriSpeech/train-clean-100/19/198/19-198-0000.flac"),
    ],
    ids=["no table", "no bars", "unknown sex", "no clips"],
)
def test_what_is_not_librispeech(folder: Path, raw: Path, store: Store, files: dict, message: str) -> None:
    (folder / "train-clean-100.tar.gz").write_bytes(tarred(files))
    with pytest.raises(DataError, match=message):
        run_scrape("librispeech", raw, store, url=str(folder))


def test_another_part_and_a_part_that_is_none(folder: Path, raw: Path, store: Store) -> None:
    (folder / "dev-clean.tar.gz").write_bytes(tarred(librispeech(1, part="dev-clean")))
    assert run_scrape("librispeech", raw, store, url=str(folder), part="dev-clean")["archives"] == 2
    with pytest.raises(DataError, match=r"train-other-500.tar.gz is missing"):
        run_scrape("librispeech", raw, store, url=str(folder), part="train-other-500")
    with pytest.raises(ParameterError, match=r"`corpora.librispeech.part` is '../x'"):
        run_scrape("librispeech", raw, store, url=str(folder), part="../x")
