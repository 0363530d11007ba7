"""Releases of Common Voice, old and new, balanced parts of them, and archives that are none."""

import itertools
from pathlib import Path

import pytest

from support.corpora import archives_in, metadata_of, run_scrape
from support.layouts import COMMON_VOICE_COLUMNS, client_id, common_voice, common_voice_rows, tarred
from voicetraits.corpora.common_voice import PerClass, balanced
from voicetraits.errors import DataError, ParameterError
from voicetraits.speaker_archives import Recording, Speaker
from voicetraits.store import Store


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "cv-corpus-17.0-2024-03-15-en.tar.gz"
    file.write_bytes(tarred(common_voice()))
    return file


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return tmp_path / "raw"


def table_of(rows: list[dict[str, str]], columns: list[str]) -> bytes:
    return "".join("\t".join(line) + "\n" for line in [columns, *(row.values() for row in rows)]).encode()


@pytest.mark.parametrize("release", ["old", "new"])
def test_words_of_every_release(file: Path, raw: Path, store: Store, tmp_path: Path, release: str) -> None:
    file.write_bytes(tarred(common_voice(release)))
    assert run_scrape("common_voice", raw, store, path=str(file))["archives"] == 12
    clips = metadata_of("common_voice", raw, tmp_path / "audio", store).clips.to_pandas()
    assert len(clips) == 17
    labels = clips.groupby("speaker_id")[["gender", "age_group", "gender_raw", "age_raw", "age_band"]].first()
    rows = labels.astype(object).where(labels.notna(), None)
    assert list(rows.loc[client_id(2)]) == ["male", "adult", "male_masculine", "fourties", "40 - 49"]
    assert list(rows.loc[client_id(5)]) == ["female", "senior", "female", "seventies", "70 - 79"]
    assert list(rows.loc[client_id(6)]) == [None] * 5
    assert list(rows.loc[client_id(7)]) == [None, None, "other", "teens", "< 19"]
    assert list(rows.loc[client_id(8)]) == [None, "senior", "non-binary", "nineties", "> 89"]
    one = clips[clips["speaker_id"] == client_id(0)].iloc[0]
    assert one["utterance_id"].endswith("-common_voice/common_voice_en_20000000")
    assert (one["language"], one["transcript"]) == ("EN", 'He said "male 0" and left.')
    assert one["dialect"] == {"old": "us", "new": "United States English"}[release]


def test_where_the_table_stands_does_not_matter(file: Path, raw: Path, store: Store, tmp_path: Path) -> None:
    run_scrape("common_voice", raw, store, path=str(file))
    file.write_bytes(tarred(common_voice(behind=False)))
    run_scrape("common_voice", tmp_path / "other", store, path=str(file))
    assert archives_in(raw) == archives_in(tmp_path / "other")


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_line_ends_and_byte_order_mark(
    file: Path, raw: Path, store: Store, tmp_path: Path, mark: bytes, line_end: bytes
) -> None:
    columns = COMMON_VOICE_COLUMNS["new"]
    rows = common_voice_rows(columns)
    rows[0]["sentence"] = "a\rb\vc\x85d\u2028e"
    table = table_of(rows, columns).replace(b"\n", line_end)
    file.write_bytes(tarred(common_voice(table=mark + table)))
    counts = run_scrape("common_voice", raw, store, path=str(file))
    assert (counts["archives"], counts.get("left_out")) == (12, None)
    clips = metadata_of("common_voice", raw, tmp_path / "audio", store).clips.to_pandas()
    transcripts = clips.set_index("utterance_id")["transcript"]
    one = next(name for name in transcripts.index if name.endswith(rows[0]["path"].removesuffix(".mp3")))
    assert transcripts[one] == "a b c d e"


def test_a_value_of_a_million_characters_is_no_table(file: Path, raw: Path, store: Store) -> None:
    columns = COMMON_VOICE_COLUMNS["new"]
    rows = common_voice_rows(columns)
    rows[0]["sentence"] = "x" * (2**20 + 1)
    file.write_bytes(tarred(common_voice(table=table_of(rows, columns))))
    with pytest.raises(DataError, match=r"validated.tsv of .* cannot be read .*longer than 1048576 characters"):
        run_scrape("common_voice", raw, store, path=str(file))


def test_a_speaker_who_grows_older(file: Path, raw: Path, store: Store, tmp_path: Path) -> None:
    columns = COMMON_VOICE_COLUMNS["new"]
    rows = common_voice_rows(columns)
    own = [row for row in rows if row["client_id"] == client_id(3)]
    own[0]["age"], own[1]["gender"] = "seventies", ""
    file.write_bytes(tarred(common_voice(table=table_of(rows, columns))))
    assert run_scrape("common_voice", raw, store, path=str(file))["archives"] == 14
    clips = metadata_of("common_voice", raw, tmp_path / "audio", store).clips.to_pandas()
    clips = clips[clips["speaker_id"] == client_id(3)]
    assert list(clips["gender"]) == ["female"] * 3
    assert sorted(clips["age_group"]) == ["adult", "adult", "senior"]
    assert {archive[-5:] for archive in clips["archive"]} == {"-0001", "-0002", "-0003"}


@pytest.mark.parametrize("genders", [["female"], ["male"], ["female", "male"]])
def test_who_states_two_genders_is_of_none(
    file: Path, raw: Path, store: Store, capsys: pytest.CaptureFixture[str], genders: list[str]
) -> None:
    columns = COMMON_VOICE_COLUMNS["new"]
    rows = common_voice_rows(columns)
    own = [row for row in rows if row["client_id"] == client_id(3)]
    own[0]["gender"], own[1]["gender"] = "male_masculine", ""
    file.write_bytes(tarred(common_voice(table=table_of(rows, columns))))
    counts = run_scrape("common_voice", raw, store, path=str(file), genders=genders)
    speakers, clips = {"female": (4, 5), "male": (4, 6), "female male": (8, 11)}[" ".join(genders)]
    assert counts["archives"] == speakers
    assert counts["left_out"] == {"speakers_beyond_genders": 12 - speakers, "clips_beyond_genders": 17 - clips}
    assert f"{speakers} of 12 speakers of common_voice are {' or '.join(genders)}; the" in capsys.readouterr().out


def test_unreadable_mp3_is_set_aside(file: Path, raw: Path, store: Store, tmp_path: Path) -> None:
    files = common_voice()
    names = [name for name in files if name.endswith(".mp3")]
    files[names[0]] = b"no mp3"
    files[names[1]] = files[names[1]][: len(files[names[1]]) // 2]
    file.write_bytes(tarred(files))
    run_scrape("common_voice", raw, store, path=str(file))
    assert len(metadata_of("common_voice", raw, tmp_path / "audio", store).clips) == 15
    assert (tmp_path / "audio/quarantine.csv").read_text().count(".mp3,unreadable,") == 2


def test_rows_that_cannot_be_used_are_counted(
    file: Path, raw: Path, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = COMMON_VOICE_COLUMNS["new"]
    rows = common_voice_rows(columns)
    rows += [
        rows[0],
        rows[0] | {"path": "../../etc/x.mp3"},
        rows[0] | {"path": "gone.mp3"},
        rows[1] | {"client_id": " "},
    ]
    files = common_voice(table=table_of(rows, columns) + b"one value\n")
    clip = next(name for name in files if name.endswith(".mp3"))
    files[clip.replace(".mp3", "_invalidated.mp3")] = files[clip]
    file.write_bytes(tarred(files))
    counts = run_scrape("common_voice", raw, store, path=str(file))
    assert counts["archives"] == 12
    kinds = {"rows_malformed": 1, "rows_repeated": 1, "rows_without_clip": 2, "rows_without_speaker": 1}
    kinds["clips_without_row"] = 1
    assert counts["left_out"] == kinds
    printed = capsys.readouterr().out
    assert "1 rows are left out, such as line 19: its clip stands in a row before it\n" in printed
    assert "2 rows are left out, such as line 20: its clip is not in the archive's folder clips\n" in printed
    assert "1 rows are left out, such as line 22: client_id, the speaker, is blank\n" in printed
    assert "1 rows are left out, such as line 23: it has another number of values than there are columns\n" in printed


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (b"", "has no column client_id"),
        (b"client_id,path,sentence,age,gender\n", r"has no column client_id; its first line is 'client_id,path"),
        (b"client_id\tpath\tsentence\tage\tgender\n", "has no row that can be used; take another release"),
        (b"client_id\tpath\tsentence\tage\tgender\n\xff\n", "validated.tsv of .* cannot be read"),
    ],
)
def test_tables_that_are_none(file: Path, raw: Path, store: Store, table: bytes, message: str) -> None:
    file.write_bytes(tarred(common_voice(table=table)))
    with pytest.raises(DataError, match=message):
        run_scrape("common_voice", raw, store, path=str(file))


def test_archives_that_are_none(file: Path, raw: Path, store: Store) -> None:
    files = common_voice()
    file.write_bytes(tarred({name: content for name, content in files.items() if "validated" not in name}))
    with pytest.raises(DataError, match=r"has no validated.tsv; corpora.common_voice.path in params.yaml names"):
        run_scrape("common_voice", raw, store, path=str(file))
    file.write_bytes(tarred(files | {name.replace("/en/", "/de/"): content for name, content in files.items()}))
    with pytest.raises(DataError, match=r"has 2 files validated.tsv"):
        run_scrape("common_voice", raw, store, path=str(file))
    file.write_bytes(tarred(files)[:-1000])
    with pytest.raises(DataError, match=r"is damaged .the gzip stream is cut off.; download it again"):
        run_scrape("common_voice", raw, store, path=str(file))
    with pytest.raises(
        DataError, match=r"is a folder; check the path in corpora.common_voice .* names a .tar.gz or .zip"
    ):
        run_scrape("common_voice", raw, store, path=str(file.parent))
    with pytest.raises(DataError, match=r"/nowhere.tar.gz is missing; check the path in corpora.common_voice"):
        run_scrape("common_voice", raw, store, path="/nowhere.tar.gz")
    with pytest.raises(ParameterError, match=r"`corpora.common_voice.path` is not set; it names the file"):
        run_scrape("common_voice", raw, store)


def test_balanced_part(file: Path, raw: Path, store: Store, tmp_path: Path) -> None:
    counts = run_scrape("common_voice", raw, store, path=str(file), per_class={"count": 3, "of": "speakers"})
    clips = metadata_of("common_voice", raw, tmp_path / "audio", store).clips.to_pandas()
    assert clips.groupby("gender")["speaker_id"].nunique().to_dict() == {"female": 3, "male": 3}
    assert counts["left_out"] == {"clips_beyond_per_class": 17 - len(clips)}
    assert set(clips["speaker_id"]) < {client_id(number) for number in range(12)}
    with pytest.raises(ParameterError, match=r"`corpora.common_voice.per_class.of` is 'hours'"):
        run_scrape("common_voice", raw, store, path=str(file), per_class={"count": 3, "of": "hours"})


def speaker(id_: str, gender: str, clips: int, age: str = "") -> Speaker:
    return Speaker(id_, gender, age, [Recording(f"{id_}{age}{number}.mp3") for number in range(clips)])


PEOPLE = [speaker(f"{gender}{number}", gender, 1 + number) for gender in ("male", "female") for number in range(6)]


@pytest.mark.parametrize("of", ["speakers", "clips"])
def test_a_larger_part_holds_the_smaller(of: str) -> None:
    def recordings(count: int) -> set[str]:
        taken = balanced(PEOPLE, PerClass(count=count, of=of), "corpora.common_voice")
        assert balanced(PEOPLE[::-1], PerClass(count=count, of=of), "corpora.common_voice") == taken
        return {one.path for own in taken for one in own.recordings}

    parts = [recordings(count) for count in range(1, 7)]
    assert all(smaller < larger for smaller, larger in itertools.pairwise(parts))
    if of == "clips":
        assert [len(part) for part in parts] == [2, 4, 6, 8, 10, 12]


def test_balance_of_clips_is_exact_and_shortage_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    taken = balanced(PEOPLE, PerClass(count=1000, of="clips"), "corpora.common_voice")
    assert sum(len(one.recordings) for one in taken) == 42
    assert "scrape: female: 21 of the 1000 clips of corpora.common_voice.per_class\n" in capsys.readouterr().out


def test_balance_leaves_out_who_states_two_genders_or_none() -> None:
    others = [
        speaker("x", "male", 1),
        speaker("x", "female", 1, "teens"),
        speaker("y", "", 1),
        speaker("z", "other", 1),
    ]
    several = [speaker("w", "female", 1), speaker("w", "", 1, "teens")]
    taken = balanced([*others, *several, speaker("v", "male", 1)], PerClass(count=1, of="speakers"), "key")
    assert [(one.id, one.gender) for one in taken if one.id != "v"] == [("w", ""), ("w", "female")]
