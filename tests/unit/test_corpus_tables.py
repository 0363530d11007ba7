"""Tables of other people's making: any bytes give speakers, or one line that says what is wrong."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from support.corpora import params_with
from support.layouts import COMMON_VOICE_COLUMNS, tarred
from support.submissions import audio_bytes, tone
from voicetraits import mp3
from voicetraits.corpus import Archive
from voicetraits.errors import DataError
from voicetraits.opening import open_corpus
from voicetraits.store import Store

CELLS = st.sampled_from(
    ["a.wav", "b.wav", "a", "female", "F", "30", "teens", "", "x,y", '"', "\t", "|", ";", "\r", "\0", "é"]
)
LINES = st.lists(st.lists(CELLS, max_size=6), max_size=4)


@contextmanager
def listed(corpus: str, files: dict[str, bytes], **values: Any) -> Iterator[list[Archive]]:
    """The archives that a corpus of these files offers; an error must be one plain line."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        if corpus == "folder":
            for path, content in files.items():
                (folder / path).write_bytes(content)
            values["path"] = str(folder)
        else:
            (folder / "bundle.tar.gz").write_bytes(tarred(files))
            values["path" if corpus == "common_voice" else "url"] = str(folder / "bundle.tar.gz")
        try:
            yield open_corpus(params_with(corpus, **values), Store(folder / "store")).list_archives()
        except DataError as error:
            assert re.fullmatch(r"[^\n]+", str(error))
            yield []


def table(lines: list[list[str]], separator: str, header: list[str]) -> bytes:
    return "\n".join([separator.join(header), *map(separator.join, lines)]).encode()


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=60), LINES.map(lambda lines: table(lines, ",", ["path", "speaker_id", "gender", "age"]))
    )
)
@example(b"path,speaker_id,gender,age\na.wav,x,f,1\n")
def test_any_table_of_a_folder(content: bytes) -> None:
    with listed("folder", {"metadata.csv": content, "a.wav": b""}) as archives:
        assert len({archive.name for archive in archives}) == len(archives)


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.binary(max_size=60), LINES.map(lambda lines: table(lines, "\t", COMMON_VOICE_COLUMNS["old"]))))
def test_any_table_of_common_voice(content: bytes) -> None:
    with listed("common_voice", {"en/clips/a.wav": b"x", "en/validated.tsv": content}) as archives:
        assert len(archives) <= 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\t\n", exclude_categories=["Cs"])), max_size=4))
@example(['"', "a\rb", "\r\u2028", "\0", ""])
def test_any_sentence_of_common_voice_keeps_its_row(sentences: list[str]) -> None:
    rows = [[f"speaker {number}", f"{number}", one, "", ""] for number, one in enumerate(sentences)]
    columns = ["client_id", "path", "sentence", "age", "gender"]
    clips = {f"en/clips/{number}.mp3": b"x" for number in range(len(rows))}
    content = table([*rows, ["last", "last", "", "", ""]], "\t", columns)
    with listed("common_voice", clips | {"en/clips/last.mp3": b"x", "en/validated.tsv": content}) as archives:
        assert len(archives) == len(rows) + 1


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.binary(max_size=60), LINES.map(lambda lines: table(lines, "|", [";"]))))
@example(b"19 | F | train-clean-100 | 25 | A | B")
def test_any_table_of_librispeech(content: bytes) -> None:
    files = {"L/SPEAKERS.TXT": content, "L/p/19/1/19-1-0000.flac": b"x", "L/p/19/1/19-1.trans.txt": content}
    with listed("librispeech", files) as archives:
        assert [archive.name for archive in archives] in ([], ["19-librispeech.tgz"])


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=4), lambda inner: st.dictionaries(st.text(max_size=6), inner)
)


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.binary(max_size=60), JSON.map(lambda value: json.dumps({"01": value}).encode())))
@example(b'{"01": {"gender": null, "age": [1], "accent": {"a": 1}}}')
@example(b"[" * 20_000)
def test_any_metadata_of_audiomnist(content: bytes) -> None:
    with listed("audiomnist", {"data/audioMNIST_meta.txt": content, "data/01/0_01_0.wav": b"x"}) as archives:
        assert [archive.name for archive in archives] in ([], ["01-audiomnist.tgz"])


@given(st.binary(max_size=400), st.sampled_from([b"", b"ID3", b"\xff\xfb\x90\xc4", b"\xff\xf3\x14\xc4"]))
def test_any_bytes_are_walked_to_an_end(content: bytes, head: bytes) -> None:
    frames = mp3.walk(head + content)
    assert all(8 <= rate <= 320 for rate in frames.kbit_per_second)


@pytest.mark.parametrize(("rate_hz", "most"), [(16000, 160), (24000, 160), (48000, 320)])
def test_frames_of_an_mp3(rate_hz: int, most: int) -> None:
    content = audio_bytes(tone(1.0, rate_hz=rate_hz), rate_hz, container="MP3", width="MPEG_LAYER_III")
    assert mp3.may_be_mp3(content)
    assert mp3.walk(content).tells_length
    assert max(mp3.walk(content).kbit_per_second) <= most
    tagged = b"ID3\4\0\0\0\0\1\0" + bytes(128) + content
    assert mp3.walk(tagged) == mp3.walk(content)
