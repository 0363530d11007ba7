"""Repacking: any id comes back as it was, names never meet, bytes are the same, and there is no archive without end."""

import re
import tarfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.layouts import tarred, zipped
from support.submissions import member, tgz
from voicetraits import speaker_archives
from voicetraits.archive import Limits, read_members
from voicetraits.bundles import Bundle, BundleParams
from voicetraits.labels import read_gender
from voicetraits.metadata import reconcile
from voicetraits.params import section
from voicetraits.prompts import read_transcripts
from voicetraits.quarantine import SetAside
from voicetraits.repacking import Repacked, RepackParams, space_factor
from voicetraits.speaker_archives import (
    Plan,
    Recording,
    Speaker,
    file_name,
    one_line,
    pack,
    plans_of,
    stated_genders,
    utterance_names,
)
from voicetraits.store import Store
from voicetraits.submission_texts import Submission, read_submission

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
PATHS = st.lists(st.tuples(TEXT, TEXT).map(lambda parts: f"{parts[0]}/{parts[1]}.wav"), unique=True, max_size=8)
LIMITS = Limits(archive_bytes=10**9, member_bytes=10**9, members=10**5, compression_ratio=10**6)


def plan_of(speaker: Speaker) -> Plan:
    (plan,) = plans_of([speaker], corpus="folder", licence="L\n")
    return plan


def read_back(plan: Plan, corpus: str = "folder") -> Submission:
    """What parse_metadata reads of an archive's texts."""
    texts = {name.rpartition("/")[2]: text.encode() for name, text in plan.texts().items()}
    row = {
        "archive": plan.name,
        "readme": texts["README"],
        "prompts": None,
        "prompts_original": texts.get("prompts-original"),
        "licence": texts["LICENSE"],
        "audio_members": sorted(plan.utterances),
    }
    return read_submission(row, corpus=corpus, youth_below_years=18, senior_from_years=65)


@given(TEXT.filter(bool))
def test_any_id_comes_back_as_it_was(id_: str) -> None:
    plan = plan_of(Speaker(id_, "F", "30", [Recording("a.wav")]))
    read = read_back(plan)
    assert (read.speaker_id, read.gender.label, read.age.years) == (id_, "female", 30)
    assert read.user_name_fits
    assert read.problems() == []
    assert re.fullmatch(r"[a-z0-9_]+-folder", plan.name)


@pytest.mark.parametrize(
    "id_", ["anonymous", "unknown", "007", "null", "x\nGender: male", "a-20080101-b", "Ünïcödé", " "]
)
def test_ids_that_mean_something_elsewhere(id_: str) -> None:
    plan = plan_of(Speaker(id_, "female", "", [Recording("a.wav")]))
    assert (read_back(plan).speaker_id, read_back(plan).gender.label) == (id_, "female")


@given(TEXT, TEXT, TEXT)
def test_values_stay_on_their_line(gender: str, age: str, accent: str) -> None:
    speaker = Speaker("a", gender, age, [Recording("a.wav", transcript=accent)], {"Pronunciation dialect": accent})
    fields = read_back(plan_of(speaker)).fields
    assert fields["user_name"] == "a"
    assert " ".join(fields["gender"].split()) == one_line(gender)
    assert set(fields) <= {"user_name", "speaker_id", "gender", "age", "dialect"}


@given(st.lists(st.sampled_from(["F", "female", "male_masculine", "M", "other", "", "robot"]), min_size=1, max_size=4))
def test_a_speakers_gender_is_what_parse_metadata_makes_of_it(words: list[str]) -> None:
    parts = [Speaker("a", word, "", [Recording(f"{number}.wav")]) for number, word in enumerate(words)]
    settled = reconcile([read_gender(word, letters=True) for word in words], "gender").labels
    assert {stated_genders(parts).get("a")} & {"female", "male"} == {*settled} - {None}


@given(st.lists(TEXT, unique=True))
def test_different_texts_have_different_names(texts: list[str]) -> None:
    names = [file_name(text) for text in texts]
    assert len(set(names)) == len(texts)
    assert all(re.fullmatch(r"[a-z0-9_]{1,70}", name) for name in names)
    # A name is a text, too.
    assert not {file_name(name) for name in names if name not in texts} & set(names) - set(texts)


@given(PATHS)
def test_each_recording_has_a_name_of_its_own(paths: list[str]) -> None:
    names = utterance_names([Recording(path) for path in paths])
    assert {one.path for one in names.values()} == set(paths)
    assert all(re.fullmatch(r"[a-z0-9_-]+", name) for name in names)


def test_names_of_files_are_kept_where_they_can_be() -> None:
    recordings = [
        Recording(path) for path in ("19/198/19-198-0000.flac", "x/a.wav", "y/a.wav", "common_voice_en_12345678.mp3")
    ]
    names = utterance_names(recordings)
    assert {"19-198-0000", "common_voice_en_12345678"} <= names.keys()
    assert sum(name.startswith(("x_a_wav_x", "y_a_wav_x")) for name in names) == 2


@given(st.lists(st.text("abc é", min_size=1, max_size=9), min_size=1, max_size=4))
def test_transcripts_come_back(texts: list[str]) -> None:
    recordings = [Recording(f"{number}.wav", transcript=text) for number, text in enumerate(texts)]
    plan = plan_of(Speaker("a", "", "", recordings))
    expected = {str(number): one_line(text) for number, text in enumerate(texts) if text.strip()}
    read = read_transcripts(None, plan.texts().get("etc/prompts-original", "").encode())
    assert read == expected


def test_packing_is_sorted_dateless_and_the_same_each_time(tmp_path: Path) -> None:
    plan = plan_of(Speaker("a", "", "", [Recording("b.wav", transcript="x"), Recording("a.FLAC")]))
    contents = {"b.wav": b"RIFF" * 1000, "a.FLAC": b"fLaC"}
    assert pack(plan, contents) == pack(plan, dict(reversed(contents.items())))
    (tmp_path / "a.tgz").write_bytes(pack(plan, contents))
    with tarfile.open(tmp_path / "a.tgz") as tar:
        infos = tar.getmembers()
    assert [info.name for info in infos] == sorted(info.name for info in infos)
    assert {(info.mtime, info.uid, info.gid, info.uname, info.mode) for info in infos} == {(0, 0, 0, "", 0o644)}
    assert {one.name: one.content for one in read_members(tmp_path / "a.tgz", LIMITS)} == {
        "a-folder/LICENSE": b"L\n",
        "a-folder/etc/README": plan.texts()["etc/README"].encode(),
        "a-folder/etc/prompts-original": b"b x\n",
        "a-folder/audio/b.wav": contents["b.wav"],
        "a-folder/audio/a.flac": b"fLaC",
    }


def test_much_of_a_speaker_is_several_archives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaker_archives, "CLIPS_PER_ARCHIVE", 3)
    monkeypatch.setattr(speaker_archives, "BYTES_PER_ARCHIVE", 100)
    sizes = [10, 10, 10, 10, 95, 10, 300, 1]
    speaker = Speaker("a", "", "", [Recording(f"{number}.wav", bytes=size) for number, size in enumerate(sizes)])
    plans = plans_of([speaker], corpus="folder", licence="")
    assert [sorted(plan.utterances) for plan in plans] == [["0", "1", "2"], ["3"], ["4"], ["5"], ["6"], ["7"]]
    assert [plan.name for plan in plans] == [f"a-folder-{number:04d}" for number in range(1, 7)]
    assert {read_back(plan).speaker_id for plan in plans} == {"a"}


@pytest.mark.parametrize(
    ("suffix", "bytes_per_second"), [("mp3", 3_000), ("MP3", 3_000), ("opus", 3_000), ("flac", 16_000), ("wav", 32_000)]
)
def test_an_archive_holds_no_more_when_decoded_however_it_is_packed(suffix: str, bytes_per_second: int) -> None:
    """As samples at 16 kHz, 32,000 bytes a second; speech as MP3 may have 24 kbit/s, and FLAC is half of it."""
    recordings = [Recording(f"{number}.{suffix}", bytes=59 * bytes_per_second) for number in range(300)]
    plans = plans_of([Speaker("a", "", "", recordings)], corpus="folder", licence="")
    assert sum(len(plan.utterances) for plan in plans) == 300
    assert max(len(plan.utterances) for plan in plans) * 59 * 32_000 < 45e6


class _Counting:
    """A layout of many clips, speaker after speaker or in turns, that notes what lies in the store's scratch folder."""

    licence, source, version = "L", "here", "1"
    left_out: ClassVar[dict[str, int]] = {}

    def __init__(self, store: Store, speakers: int, clips: int, *, in_turns: bool) -> None:
        self._store, self._speakers, self._clips, self._in_turns = store, speakers, clips, in_turns
        self.most_open = 0

    def speakers(self, store: Store) -> list[Speaker]:
        return [
            Speaker(str(number), "", "", [Recording(f"{number}/{clip}.wav") for clip in range(self._clips)])
            for number in range(self._speakers)
        ]

    def read(self, paths: Collection[str]) -> Iterator[tuple[str, bytes]]:
        for path in sorted(paths, key=lambda path: path.split("/")[:: -1 if self._in_turns else 1]):
            yield path, path.encode()
            self.most_open = max(self.most_open, len(list(self._store.root.glob("aside/*/*"))))


@pytest.mark.parametrize("in_turns", [False, True])
def test_an_archive_is_written_as_soon_as_it_is_whole(store: Store, in_turns: bool) -> None:
    layout = _Counting(store, 5, 4, in_turns=in_turns)
    params = RepackParams(limit=None, genders=None, max_failed_share=0.0, sources={})
    corpus = Repacked(layout, params, name="folder", key="corpora.folder", store=store)
    archives = corpus.list_archives()
    fetched = {one.archive.name: one.sha256 for one in corpus.fetch(archives, store=store, workers=1)}
    assert set(fetched) == {f"{number}-folder.tgz" for number in range(5)}
    assert layout.most_open == (5 if in_turns else 1)
    assert not list(store.root.glob("aside/*"))
    other = Store(store.root / "other")
    turned = Repacked(_Counting(other, 5, 4, in_turns=not in_turns), params, name="folder", key="", store=other)
    assert {one.archive.name: one.sha256 for one in turned.fetch(archives, store=other, workers=1)} == fetched


# --- Bundles ------------------------------------------------------------------------------------------------------


@section
class _At(BundleParams):
    path: str

    @property
    def address(self) -> str:
        return self.path


def bundle_of(path: Path) -> Bundle:
    return Bundle(_At(path=str(path), limit=None, genders=None, max_failed_share=0.0, sources={}), key="corpora.x")


FILES = {"./t/a.wav": b"a", "t/b.mp3": b"b", "t/notes.pdf": b"c", "t/table.txt": b"d"}


@pytest.mark.parametrize("pack_files", [tarred, zipped])
def test_a_survey_lists_clips_and_the_texts_asked_for(tmp_path: Path, store: Store, pack_files: object) -> None:
    (tmp_path / "x").write_bytes(pack_files(FILES))
    bundle = bundle_of(tmp_path / "x")
    survey = bundle.survey(store, r"table\.txt$")
    assert survey.clips == {"t/a.wav": 1, "t/b.mp3": 1}
    assert {path: text.read_bytes() for path, text in survey.texts.items()} == {"t/table.txt": b"d"}
    assert dict(bundle.read(["t/b.mp3", "t/a.wav", "t/gone.wav"])) == {"t/a.wav": b"a", "t/b.mp3": b"b"}


def test_what_is_no_plain_file_is_left_out(tmp_path: Path, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x").write_bytes(
        tgz(
            [
                member("t/a.wav", b"a"),
                member("t/link.wav", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
                member("../out.wav", b"b"),
                member("t/a.wav", b"again"),
            ]
        )
    )
    bundle = bundle_of(tmp_path / "x")
    assert bundle.survey(store, "$^").clips == {"t/a.wav": 1}
    assert "3 members of" in capsys.readouterr().out
    assert list(bundle.read(["t/a.wav"])) == [("t/a.wav", b"a")]
    (tmp_path / "y").write_bytes(zipped({"../out.wav": b"b", "/abs.wav": b"c", "a.wav": b"d"}))
    assert bundle_of(tmp_path / "y").survey(store, "$^").clips == {"a.wav": 1}
    assert "2 members of" in capsys.readouterr().out


def test_a_bundle_may_have_as_many_records_as_members(tmp_path: Path, store: Store) -> None:
    """`tar --format=pax` writes times of each member: of 44,000 members more than an archive of a speaker may have."""
    records = {"mtime": "1700000000.123456789", "comment": "x" * 3900}
    many = [member(f"t/{number}.wav", b"x", pax_headers=records) for number in range(1100)]
    (tmp_path / "x").write_bytes(tgz(many))
    with pytest.raises(SetAside, match="bytes of PAX records, over 4000000"):
        list(read_members(tmp_path / "x", LIMITS))
    assert len(bundle_of(tmp_path / "x").survey(store, "$^").clips) == 1100


def test_a_changed_file_is_surveyed_again(tmp_path: Path, store: Store) -> None:
    (tmp_path / "x").write_bytes(tarred({"a.wav": b"a"}))
    assert bundle_of(tmp_path / "x").survey(store, "$^").clips == {"a.wav": 1}
    (tmp_path / "x").write_bytes(tarred({"a.wav": b"a", "b.wav": b"bb"}))
    assert bundle_of(tmp_path / "x").survey(store, "$^").clips == {"a.wav": 1, "b.wav": 2}


@pytest.mark.parametrize(
    ("recordings", "factor"),
    [
        ([Recording("a.wav", bytes=900), Recording("b.flac", bytes=100)], 10.0),
        ([Recording("a.MP3", bytes=50)], 32.0),
        ([Recording("a.mp3", bytes=100), Recording("b.wav", bytes=300)], 15.5),
        ([Recording("a.mp3")], 10.0),  # of unknown size
    ],
)
def test_compressed_clips_need_more_space_than_their_size_says(recordings: list[Recording], factor: float) -> None:
    assert space_factor(plan_of(Speaker("x", "", "", recordings))) == factor
