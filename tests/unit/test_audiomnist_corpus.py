"""AudioMNIST as GitHub packs it, and archives that are none of it."""

import json
import tarfile
from pathlib import Path

import pandas as pd
import pytest

from support.corpora import archives_in, metadata_of, run_scrape
from support.layouts import audiomnist, tarred, zipped
from voicetraits.errors import DataError
from voicetraits.store import Store

META = "AudioMNIST-master/data/audioMNIST_meta.txt"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return tmp_path / "raw"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "AudioMNIST.tar.gz"


def test_labels_and_words(file: Path, raw: Path, store: Store, tmp_path: Path) -> None:
    file.write_bytes(tarred(audiomnist(6)))
    assert run_scrape("audiomnist", raw, store, url=str(file))["archives"] == 12
    metadata = metadata_of("audiomnist", raw, tmp_path / "audio", store)
    clips = metadata.clips.to_pandas().set_index("utterance_id")
    one = clips.loc["36-audiomnist/1_36_0"]
    assert (one["speaker_id"], one["gender"], one["age_years"], one["transcript"]) == ("36", "female", 22, "one")
    assert (one["native_speaker"], one["dialect"], one["recording_location"]) == (False, "German", "vr-room")
    assert "MIT License" in one["licence"]
    assert pd.isna(clips.loc["45-audiomnist/0_45_0", "age_group"])
    assert ("45-audiomnist", "age", "1234", "no rule reads it") in set(metadata.review.itertuples(index=False))
    assert len(clips) == 24


@pytest.mark.parametrize("pack", [tarred, zipped])
@pytest.mark.parametrize("top", ["AudioMNIST-master/", "AudioMNIST-0.1/", "./", ""])
def test_any_packing_gives_the_same_archives(
    file: Path, raw: Path, store: Store, tmp_path: Path, pack: object, top: str
) -> None:
    file.write_bytes(tarred(audiomnist()))
    run_scrape("audiomnist", raw, store, url=str(file))
    file.write_bytes(pack(audiomnist(top=top)))
    run_scrape("audiomnist", tmp_path / "other", store, url=str(file))
    assert archives_in(raw) == archives_in(tmp_path / "other")


def test_what_is_stored_is_not_made_again(
    file: Path, raw: Path, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_bytes(tarred(audiomnist()))
    run_scrape("audiomnist", raw, store, url=str(file), limit=2)
    before = archives_in(raw)
    run_scrape("audiomnist", raw, store, url=str(file), limit=5)
    printed = capsys.readouterr().out
    assert "5 of 6 archives selected, 2 of them already stored; 3 to fetch" in printed
    assert printed.count("looking through") == 1
    assert archives_in(raw).items() > before.items()


def test_speaker_without_metadata_has_no_labels(
    file: Path, raw: Path, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = audiomnist()
    files |= {name.replace("36", "99"): content for name, content in files.items() if "/36/" in name}
    file.write_bytes(tarred(files))
    run_scrape("audiomnist", raw, store, url=str(file))
    assert "audioMNIST_meta.txt says nothing of 99; they have no labels" in capsys.readouterr().out
    clips = metadata_of("audiomnist", raw, tmp_path / "audio", store).clips.to_pandas()
    assert clips.loc[clips["speaker_id"] == "99", "gender"].isna().all()


def test_null_says_nothing(file: Path, raw: Path, store: Store, tmp_path: Path) -> None:
    files = audiomnist()
    meta = json.loads(files[META])
    meta["36"] |= {"age": 25.0, "accent": None}
    meta["02"] |= {"age": None, "gender": None}
    file.write_bytes(tarred(files | {META: json.dumps(meta).encode()}))
    run_scrape("audiomnist", raw, store, url=str(file))
    metadata = metadata_of("audiomnist", raw, tmp_path / "audio", store)
    clips = metadata.clips.to_pandas().set_index("utterance_id")
    assert clips.loc["36-audiomnist/0_36_0", "age_years"] == 25
    assert clips.loc[["36-audiomnist/0_36_0"], "dialect"].isna().all()
    assert clips.loc["02-audiomnist/0_02_0", ["age_raw", "gender_raw", "age_group", "gender"]].isna().all()
    assert metadata.review.empty


def test_clips_with_other_names_are_counted(
    file: Path, raw: Path, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    files = audiomnist()
    folder = "AudioMNIST-master/data/36"
    content = files[f"{folder}/0_36_0.wav"]
    names = ("4_36_0.WAV", "3_02_0.wav", "10_36_0.wav", "5_36_0.flac")
    file.write_bytes(tarred(files | {f"{folder}/{name}": content for name in names}))
    counts = run_scrape("audiomnist", raw, store, url=str(file))
    assert (counts["archives"], counts["left_out"]) == (6, {"clips_with_other_names": 3})
    printed = capsys.readouterr().out
    assert f"3 clips of {file} are left out, such as {folder}/3_02_0.wav: their names are not of the form" in printed
    with tarfile.open(raw / "36-audiomnist.tgz") as tar:
        assert {"4_36_0.wav", "0_36_0.wav"} <= {Path(name).name for name in tar.getnames()}


def without_meta() -> bytes:
    return tarred({name: content for name, content in audiomnist().items() if name != META})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (tarred(audiomnist())[:-300], "is damaged .*; download it again"),
        (zipped(audiomnist())[:-300], "is damaged .*; download it again"),
        (b"<html>not found</html>", "is neither a .tar.gz nor a .zip file; check corpora.audiomnist"),
        (b"", "is neither a .tar.gz nor a .zip file"),
        (without_meta(), "has no data/audioMNIST_meta.txt; check corpora.audiomnist.url"),
        (tarred(audiomnist() | {META: b"{"}), "audioMNIST_meta.txt of .* is not JSON"),
        (tarred(audiomnist() | {META: b"[1]"}), "audioMNIST_meta.txt of .* is not of the form"),
        (tarred({META: b"{}"}), "has no clips such as data/01/0_01_0.wav"),
    ],
    ids=["cut off", "cut off zip", "a page", "empty", "no metadata", "half", "a list", "no clips"],
)
def test_what_is_not_audiomnist(file: Path, raw: Path, store: Store, content: bytes, message: str) -> None:
    file.write_bytes(content)
    with pytest.raises(DataError, match=message):
        run_scrape("audiomnist", raw, store, url=str(file))
    with pytest.raises(DataError, match=r"nowhere.zip is missing; check the path in corpora.audiomnist"):
        run_scrape("audiomnist", raw, store, url="/nowhere.zip")
