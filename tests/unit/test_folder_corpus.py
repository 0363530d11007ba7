"""A user's own folder and table: what comes of them, and what is said about tables that are wrong."""

import csv
import gzip
import io
import tarfile
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import pytest

from support.corpora import archives_in, metadata_of, run_scrape
from support.submissions import audio_bytes
from support.voices import voice
from voicetraits.errors import DataError, ParameterError
from voicetraits.store import Store

COLUMNS = ("path", "speaker_id", "gender", "age")
ROWS = [
    ("anna/one.wav", "Anna", "female", "34"),
    ("anna/two.flac", "Anna", "female", "34"),
    ("bob.mp3", "bob-20080101", "Male", "twenties"),
    ("odd/one.wav", "anonymous", "", ""),
    ("odd/ünö.wav", 'a "quoted", id: [x]', "robot", "12"),
]


def write_table(folder: Path, rows: Sequence[Sequence[str]], columns: Sequence[str] = COLUMNS) -> None:
    with open(folder / "metadata.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])


def write_audio(folder: Path, rows: Sequence[Sequence[str]]) -> None:
    for number, (path, *_) in enumerate(rows):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        container = {"wav": "WAV", "flac": "FLAC", "mp3": "MP3"}[path.rpartition(".")[2]]
        width = "MPEG_LAYER_III" if container == "MP3" else "PCM_16"
        samples = voice("female" if number < 2 else "male", number)
        (folder / path).write_bytes(audio_bytes(samples, container=container, width=width))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "voices"
    folder.mkdir()
    write_audio(folder, ROWS)
    write_table(folder, ROWS)
    return folder


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return tmp_path / "raw"


def members(archive: bytes) -> Mapping[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(archive))) as tar:
        return {info.name: tar.extractfile(info).read() for info in tar}


def test_a_speaker_becomes_an_archive_in_voxforge_layout(folder: Path, raw: Path, store: Store) -> None:
    counts = run_scrape("folder", raw, store, path=str(folder))
    assert counts["archives"] == 4
    name = "bob_20080101_x"
    (bob,) = (name for name in archives_in(raw) if name.startswith("bob"))
    assert bob.startswith(name)
    content = members(archives_in(raw)[bob])
    top = bob.removesuffix(".tgz")
    assert sorted(content) == [f"{top}/LICENSE", f"{top}/audio/bob.mp3", f"{top}/etc/README"]
    assert content[f"{top}/audio/bob.mp3"] == (folder / "bob.mp3").read_bytes()
    assert content[f"{top}/etc/README"].decode().splitlines() == [
        "User Name: bob-20080101",
        'Speaker ID: "bob-20080101"',
        "Gender: Male",
        "Age: twenties",
    ]


def test_ids_and_labels_come_through_as_they_are(folder: Path, raw: Path, store: Store, tmp_path: Path) -> None:
    run_scrape("folder", raw, store, path=str(folder))
    clips = metadata_of("folder", raw, tmp_path / "audio", store, path=str(folder)).clips.to_pandas()
    rows = clips.astype(object).where(clips.notna(), None)
    found = set(
        zip(rows["speaker_id"], rows["gender"], rows["age_group"], rows["gender_raw"], rows["age_raw"], strict=True)
    )
    assert found == {
        ("Anna", "female", "adult", "female", "34"),
        ("bob-20080101", "male", "adult", "Male", "twenties"),
        ("anonymous", None, None, None, None),
        ('a "quoted", id: [x]', None, "youth", "robot", "12"),
    }
    assert set(clips["source"]) == {"folder"}
    assert len(clips) == len(ROWS)


def test_ages_as_pandas_writes_a_column_with_a_blank(folder: Path, raw: Path, store: Store, tmp_path: Path) -> None:
    pd.DataFrame(
        {"path": [path for path, *_ in ROWS[:3]], "speaker_id": list("abc"), "gender": "F", "age": [34, None, 70]}
    ).to_csv(folder / "metadata.csv", index=False)
    assert "34.0" in (folder / "metadata.csv").read_text()
    run_scrape("folder", raw, store, path=str(folder))
    metadata = metadata_of("folder", raw, tmp_path / "audio", store, path=str(folder))
    clips = metadata.clips.to_pandas().set_index("speaker_id")
    assert clips["age_group"].dropna().to_dict() == {"a": "adult", "c": "senior"}
    assert clips["age_years"].dropna().to_dict() == {"a": 34, "c": 70}
    assert metadata.review.empty


def test_the_same_folder_gives_the_same_bytes(folder: Path, raw: Path, store: Store, tmp_path: Path) -> None:
    run_scrape("folder", raw, store, path=str(folder))
    run_scrape("folder", tmp_path / "again", Store(tmp_path / "other"), path=str(folder))
    assert archives_in(raw) == archives_in(tmp_path / "again")


def test_a_changed_file_makes_its_speaker_anew(folder: Path, raw: Path, store: Store) -> None:
    run_scrape("folder", raw, store, path=str(folder))
    before = archives_in(raw)
    (folder / "bob.mp3").write_bytes((folder / "bob.mp3").read_bytes()[:-500])
    run_scrape("folder", raw, store, path=str(folder))
    changed = {name for name, content in archives_in(raw).items() if before[name] != content}
    assert {name[:3] for name in changed} == {"bob"}


def test_genders_take_a_part(folder: Path, raw: Path, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    counts = run_scrape("folder", raw, store, path=str(folder), genders=["female"])
    assert (counts["archives"], counts["left_out"]) == (1, {"speakers_beyond_genders": 3, "clips_beyond_genders": 3})
    assert "1 of 4 speakers of folder are female; the others are left out (3 clips)" in capsys.readouterr().out
    write_table(folder, ROWS[2:])
    with pytest.raises(DataError, match=r"no speaker who is female \(it states .*'Male'.*corpora.folder.genders"):
        run_scrape("folder", raw, store, path=str(folder), genders=["female"])


def test_speaker_who_states_two_things(folder: Path, raw: Path, store: Store, tmp_path: Path) -> None:
    write_table(folder, [ROWS[0], ("anna/two.flac", "Anna", "male", "70"), *ROWS[2:]])
    run_scrape("folder", raw, store, path=str(folder))
    metadata = metadata_of("folder", raw, tmp_path / "audio", store, path=str(folder))
    clips = metadata.clips.to_pandas()
    anna = clips[clips["speaker_id"] == "Anna"]
    assert anna["gender"].isna().all()
    assert sorted(anna["age_group"]) == ["adult", "senior"]
    assert "the speaker states female and male" in set(metadata.review["problem"])


def test_genders_are_settled_before_they_are_chosen(folder: Path, raw: Path, store: Store, tmp_path: Path) -> None:
    """Of two genders no part is taken; of one gender, what is blank as well."""
    rows = [
        ("anna/one.wav", "Anna", "F", "34"),
        ("anna/two.flac", "Anna", "", "34"),
        ("bob.mp3", "Bob", "male", ""),
        ("odd/one.wav", "Bob", "female", ""),
        ("odd/ünö.wav", "Bob", "", ""),
    ]
    write_table(folder, rows)
    counts = run_scrape("folder", raw, store, path=str(folder), genders=["female"])
    assert counts["left_out"] == {"speakers_beyond_genders": 1, "clips_beyond_genders": 3}
    clips = metadata_of("folder", raw, tmp_path / "audio", store, path=str(folder)).clips.to_pandas()
    assert list(zip(clips["speaker_id"], clips["gender"], strict=True)) == [("Anna", "female")] * 2
    assert run_scrape("folder", raw, store, path=str(folder), genders=["male", "female"]) == counts
    with pytest.raises(DataError, match="no speaker who is male"):
        run_scrape("folder", raw, store, path=str(folder), genders=["male"])


def test_one_id_however_it_is_written(folder: Path, raw: Path, store: Store, tmp_path: Path) -> None:
    ids = ["Zoé", unicodedata.normalize("NFD", "Zoé"), "a\nb", " a  b ", "a\x00b"]
    genders = ["female", "male", "female", "", ""]
    rows = [(path, *about, "") for (path, *_), *about in zip(ROWS, ids, genders, strict=True)]
    write_table(folder, rows)
    run_scrape("folder", raw, store, path=str(folder))
    metadata = metadata_of("folder", raw, tmp_path / "audio", store, path=str(folder))
    clips = metadata.clips.to_pandas()
    assert clips["speaker_id"].value_counts().to_dict() == {"a b": 3, "Zoé": 2}
    assert set(clips.loc[clips["speaker_id"] == "a b", "gender"]) == {"female"}
    assert clips.loc[clips["speaker_id"] == "Zoé", "gender"].isna().all()
    assert "the speaker states female and male" in set(metadata.review["problem"])


@pytest.mark.parametrize(("stored", "listed"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_a_path_in_another_unicode_form(folder: Path, raw: Path, store: Store, stored: str, listed: str) -> None:
    path = folder / unicodedata.normalize(stored, "é") / unicodedata.normalize(listed, "ü.wav")
    path.parent.mkdir()
    path.write_bytes((folder / "odd/one.wav").read_bytes())
    row = (unicodedata.normalize(listed, "é/ü.wav"), "Zoé", "female", "20")
    write_table(folder, [row])
    counts = run_scrape("folder", raw, store, path=str(folder))
    assert (counts["archives"], counts["archives_failed"]) == (1, 0)
    write_table(folder, [row, (unicodedata.normalize(stored, row[0]), *row[1:])])
    with pytest.raises(DataError, match=r"line 3: .* stands in line 2 already"):
        run_scrape("folder", raw, store, path=str(folder))


def test_files_whose_names_differ_in_unicode_form_alone(folder: Path, raw: Path, store: Store) -> None:
    names = [unicodedata.normalize(form, "é.wav") for form in ("NFC", "NFD")]
    for name, (path, *_) in zip(names, (ROWS[0], ROWS[3]), strict=True):
        (folder / name).write_bytes((folder / path).read_bytes())
    if not all(folder / name in folder.iterdir() for name in names):
        pytest.skip("this file system has one of two such names")
    write_table(folder, [(name, "Zoé", "female", "20") for name in names])
    run_scrape("folder", raw, store, path=str(folder))
    (archive,) = archives_in(raw).values()
    contents = {content for name, content in members(archive).items() if name.endswith(".wav")}
    assert contents == {(folder / name).read_bytes() for name in names}


def test_a_missing_file_fails_its_archive(folder: Path, raw: Path, store: Store) -> None:
    (folder / "bob.mp3").unlink()
    with pytest.raises(DataError, match=r"1 of 4 archives cannot be had.*bob.mp3 is not there or cannot be read"):
        run_scrape("folder", raw, store, path=str(folder))
    assert run_scrape("folder", raw, store, path=str(folder), max_failed_share=0.5)["archives_failed"] == 1
    assert "bob.mp3 is not there" in (raw / "failed.csv").read_text()


def test_absolute_path_and_table_elsewhere(folder: Path, raw: Path, store: Store, tmp_path: Path) -> None:
    write_table(tmp_path, [(str(folder / "bob.mp3"), "bob", "m", "")])
    assert run_scrape("folder", raw, store, path=str(folder), table=str(tmp_path / "metadata.csv"))["archives"] == 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("../x.wav", "a", "", "")], r"line 2: the path '../x.wav' leads out of .*voices; allowed: files below it"),
        ([("a/../../x.wav", "a", "", "")], "leads out of"),
        ([("/etc/x.wav", "a", "", "")], "leads out of"),
        ([("bob.mp3", "a", "", ""), ("./bob.mp3", "b", "", "")], "line 3: bob.mp3 stands in line 2 already"),
        ([("bob.mp3", " ", "", "")], "line 2: speaker_id is blank; name the speaker of every file"),
        ([("", "a", "", "")], "line 2: the path is blank"),
        ([("notes.txt", "a", "", "")], "line 2: 'notes.txt' is no audio file; allowed: names that end in wav, .*mp3"),
        ([("bob.mp3", "a", "", "", "x")], "line 2: 1 values more than columns"),
        ([], "has no rows; a row names one audio file"),
    ],
)
def test_rows_that_cannot_be(folder: Path, raw: Path, store: Store, rows: list, message: str) -> None:
    write_table(folder, rows)
    with pytest.raises(DataError, match=message):
        run_scrape("folder", raw, store, path=str(folder))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"path;speaker_id;gender;age\n", r"has no column 'path'; .*it is 'path;speaker_id;gender;age'"),
        (b"path,speaker_id,gender\n", "has no column 'age'"),
        (b"path,speaker_id,gender,age,age\n", "has the column 'age' twice"),
        (b"", "has no column 'path'"),
        (b"path,speaker_id,gender,age\nbob.mp3,a,,\na\0b.wav,a,,\n", r"line 3: the path 'a\\x00b.wav' holds .* NUL"),
        (b"path,speaker_id,gender,age\n\xff\xfe.wav,a,,\n", "is not UTF-8"),
        (b'path,speaker_id,gender,age\n"a.wav"x,a,,\n', "behind line 1: not CSV"),
    ],
)
def test_tables_that_are_none(folder: Path, raw: Path, store: Store, content: bytes, message: str) -> None:
    (folder / "metadata.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        run_scrape("folder", raw, store, path=str(folder))


def test_missing_table_folder_and_setting(folder: Path, raw: Path, store: Store) -> None:
    (folder / "metadata.csv").unlink()
    with pytest.raises(DataError, match=r"metadata.csv is missing; corpora.folder.table in params.yaml names a CSV"):
        run_scrape("folder", raw, store, path=str(folder))
    with pytest.raises(DataError, match=r"nowhere is no folder; check corpora.folder.path"):
        run_scrape("folder", raw, store, path="/nowhere")
    with pytest.raises(ParameterError, match=r"`corpora.folder.path` is not set; it names your folder"):
        run_scrape("folder", raw, store)
