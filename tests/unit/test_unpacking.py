"""What is found in an archive, however it is laid out."""

import tarfile
import tracemalloc

import numpy as np
import pytest

from support.submissions import audio_bytes, member, texts, tgz, tone
from voicetraits import params
from voicetraits.audio import decode
from voicetraits.errors import ParameterError
from voicetraits.quarantine import Reason, SetAside
from voicetraits.unpacking import ExtractParams, Unpacked, unpack, utterance_name

SECTION = {
    "min_duration_seconds": 0.5,
    "max_duration_seconds": 60.0,
    "silence_dbfs": -60.0,
    "max_archive_megabytes": 500.0,
    "max_member_megabytes": 100.0,
    "max_members": 5000,
    "max_compression_ratio": 200.0,
    "archives_per_shard": 64,
}
WAV, OTHER_WAV = audio_bytes(tone(0.6)), audio_bytes(tone(0.7, 330))
FLAC = audio_bytes(tone(0.8, 440), container="FLAC")
SILENT = audio_bytes(np.zeros(16000))


@pytest.fixture
def unpack_members(tmp_path):
    def unpack_these(*members: tuple[tarfile.TarInfo, bytes], **changes: object) -> Unpacked:
        path = tmp_path / "user-20080318-abc.tgz"
        path.write_bytes(tgz(members))
        return unpack(path, ExtractParams(**SECTION | changes))

    return unpack_these


def set_aside(unpacked: Unpacked) -> list[tuple[str, str]]:
    return [(item.member, item.problem.reason.value) for item in unpacked.set_aside]


@pytest.mark.parametrize(
    "name",
    [
        "top/wav/b0022.wav",
        "./top/wav/b0022.wav",
        "top/flac/b0022.flac",
        "top/b0022.wav",
        "b0022.wav",
        "top/a/b/c/d/b0022.wav",
        "top/wav/b0022.WAV",
        "top/wav/b0022.Flac",
        "an4/odd.top/b0022.wav",
    ],
)
def test_audio_is_found_wherever_it_is(unpack_members, name):
    for content, seconds in ((WAV, 0.6), (FLAC, 0.8)):  # what a file is, its content says
        unpacked = unpack_members(member(name, content))
        assert {utterance: len(clip.samples) / 16000 for utterance, clip in unpacked.clips.items()} == {
            "b0022": seconds
        }
        assert unpacked.audio_members == {"b0022"}
        assert not unpacked.set_aside


@pytest.mark.parametrize(
    ("name", "utterance"),
    [
        ("top/wav/a.b.wav", "a.b"),
        ("top/wav/ä ö.wav", "ä ö"),
        ("top/wav/.wav", ""),
        ("top/wav/wav", None),
        ("top/wav/a.wav.txt", None),
        ("top/wav.wav/README", None),
        ("top/wav/._a.wav", None),
        ("__MACOSX/top/wav/a.wav", None),
    ],
)
def test_utterance_name(name, utterance):
    assert utterance_name(name) == utterance


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("top/etc/README", "readme"),
        ("top/etc/readme", "readme"),
        ("top/Readme", "readme"),
        ("README.txt", "readme"),
        ("top/etc/PROMPTS", "prompts"),
        ("top/etc/prompts", "prompts"),
        ("top/etc/prompts-original", "prompts_original"),
        ("top/LICENSE", "licence"),
        ("top/etc/GPL_license.txt", "licence"),
        ("top/etc/GPL_License", "licence"),
    ],
)
def test_texts_are_found_as_raw_bytes(unpack_members, name, kind):
    raw = b"\xef\xbb\xbfGeschlecht: m\xe4nnlich\r\n\0"
    unpacked = unpack_members(member(name, raw), member("top/etc/HVite_log", b"not looked at"))
    assert unpacked.texts == {kind: raw}


def test_missing_texts_are_missing_and_empty_ones_empty(unpack_members):
    assert unpack_members(member("top/wav/a.wav", WAV)).texts == {}
    assert unpack_members(member("top/etc/README")).texts == {"readme": b""}


def test_licence_comes_before_the_gpl_text(unpack_members):
    gpl, licence = member("top/etc/GPL_License", b"GPL"), member("top/LICENSE", b"see GPL_License")
    assert unpack_members(gpl, licence).texts == unpack_members(licence, gpl).texts == {"licence": b"see GPL_License"}


def test_second_text_of_a_kind_is_set_aside(unpack_members):
    unpacked = unpack_members(member("top/etc/README", b"first"), member("top/readme", b"second"))
    assert unpacked.texts == {"readme": b"first"}
    assert set_aside(unpacked) == [("top/readme", "duplicate")]


def test_text_of_megabytes_is_set_aside(unpack_members):
    unpacked = unpack_members(member("top/README", b"x" * 1_000_001), member("top/etc/HVite_log", b"x" * 2_000_000))
    assert unpacked.texts == {}
    assert set_aside(unpacked) == [("top/README", "member_too_large")]


def test_link_in_place_of_a_text_is_set_aside(unpack_members):
    unpacked = unpack_members(member("top/etc/README", type=tarfile.SYMTYPE, linkname="/etc/passwd"))
    assert unpacked.texts == {}
    assert set_aside(unpacked) == [("top/etc/README", "link")]
    assert not unpacked.set_aside[0].is_clip


def test_first_usable_of_several_files_for_one_utterance_is_taken(unpack_members):
    def names_and_seconds(*members: tuple[str, bytes]) -> tuple:
        unpacked = unpack_members(*(member(name, content) for name, content in members))
        return {key: len(clip.samples) / 16000 for key, clip in unpacked.clips.items()}, set_aside(unpacked)

    assert names_and_seconds(("t/wav/a.wav", WAV), ("t/flac/a.flac", FLAC)) == (
        {"a": 0.6}, [("t/flac/a.flac", "duplicate")],
    )  # fmt: skip
    assert names_and_seconds(("t/flac/a.flac", FLAC), ("t/wav/a.wav", WAV)) == (
        {"a": 0.8}, [("t/wav/a.wav", "duplicate")],
    )  # fmt: skip
    assert names_and_seconds(("t/wav/a.wav", WAV), ("t/wav/a.wav", OTHER_WAV)) == (
        {"a": 0.6}, [("t/wav/a.wav", "duplicate")],
    )  # fmt: skip
    assert names_and_seconds(("t/wav/a.wav", SILENT), ("t/flac/a.flac", FLAC), ("t/a.wav", WAV)) == (
        {"a": 0.8}, [("t/wav/a.wav", "silence"), ("t/a.wav", "duplicate")],
    )  # fmt: skip


def test_every_audio_file_counts_as_a_clip_usable_or_not(unpack_members):
    unpacked = unpack_members(
        *texts("user-20080318-abc", ["a", "b"]),
        member("t/wav/a.wav", WAV),
        member("t/wav/silent.wav", SILENT),
        member("t/wav/link.wav", type=tarfile.LNKTYPE, linkname="t/wav/a.wav"),
        member("../outside.wav", WAV),
        member("t/wav/.wav", WAV),
        member("t/wav/new\nline.wav", WAV),
        member("t/wav/song.ogg", audio_bytes(tone(1.0), container="OGG", width="VORBIS")),
        member("t/fifo", type=tarfile.FIFOTYPE),
        member("t/wav/._a.wav", b"\0\5\x16\7"),
    )
    assert sorted(unpacked.clips) == ["a"]
    assert [(item.member, item.problem.reason.value, item.is_clip) for item in unpacked.set_aside] == [
        ("t/wav/silent.wav", "silence", True),
        ("t/wav/link.wav", "link", True),
        ("../outside.wav", "unsafe_path", True),
        ("t/wav/.wav", "bad_name", True),
        ("t/wav/new\\nline.wav", "bad_name", True),
        ("t/wav/song.ogg", "unsupported_format", True),
        ("t/fifo", "special_file", False),
    ]
    assert unpacked.audio_members == {"a", "silent", "link", "outside", "", "new\\nline", "song"}


def test_nothing_is_kept_of_a_damaged_archive(tmp_path):
    path = tmp_path / "a.tgz"
    path.write_bytes(tgz([member("t/wav/a.wav", WAV), member("t/wav/b.wav", OTHER_WAV)])[:-100])
    with pytest.raises(SetAside) as caught:
        unpack(path, ExtractParams(**SECTION))
    assert caught.value.reason is Reason.DAMAGED_GZIP


def test_flac_that_decodes_to_far_more_than_it_takes_is_stopped(unpack_members):
    steps = audio_bytes(np.repeat([0.5, -0.5], 16000 * 10), container="FLAC")  # which take next to nothing
    assert len(steps) < 3000
    many = [member(f"t/flac/{number}.flac", steps) for number in range(4)]
    assert len(unpack_members(*many[:3], max_archive_megabytes=2.0).clips) == 3
    with pytest.raises(SetAside) as caught:
        unpack_members(*many, max_archive_megabytes=2.0)
    assert caught.value.reason is Reason.ARCHIVE_TOO_LARGE


def test_files_that_are_set_aside_count_as_work(unpack_members, tmp_path):
    """A silent FLAC takes some kilobytes, and seconds to find out that it is silent."""
    silent = audio_bytes(np.zeros((48_000 * 5, 8)), rate_hz=48_000, container="FLAC")
    assert len(silent) < 20_000
    many = [member(f"t/flac/{number}.flac", silent) for number in range(5)]  # 1.92 million samples each
    assert set_aside(unpack_members(*many[:4], max_archive_megabytes=4.0)) == [
        (f"t/flac/{number}.flac", "silence") for number in range(4)
    ]
    with pytest.raises(SetAside, match="decoded at its own rate, over 16 MB") as caught:
        unpack_members(*many, max_archive_megabytes=4.0)
    assert caught.value.reason is Reason.ARCHIVE_TOO_LARGE


def test_a_clip_of_many_channels_at_a_high_rate_is_decoded_in_little_memory(unpack_members):
    clip = audio_bytes(np.repeat(tone(30.0, rate_hz=192_000)[:, None], 4, axis=1), rate_hz=192_000, container="FLAC")
    tracemalloc.start()
    try:
        (decoded,) = unpack_members(member("t/flac/a.flac", clip)).clips.values()
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(decoded.samples) == 30 * 16_000
    assert peak_bytes < 40e6, "all channels are 92 MB as float32, one alone 23 MB"


def test_bounds_of_the_section_reach_the_clips(unpack_members):
    assert set_aside(unpack_members(member("t/a.wav", WAV), min_duration_seconds=0.61)) == [("t/a.wav", "too_short")]
    assert set_aside(unpack_members(member("t/a.wav", WAV), max_duration_seconds=0.59)) == [("t/a.wav", "too_long")]
    assert set_aside(unpack_members(member("t/a.wav", WAV), silence_dbfs=0.0)) == [("t/a.wav", "silence")]
    clip = unpack_members(member("t/a.wav", WAV)).clips["a"]
    alone = decode(WAV, min_duration_seconds=0.5, max_duration_seconds=60, silence_dbfs=-60)
    np.testing.assert_array_equal(clip.samples, alone.samples)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"min_duration_seconds": 61.0}, "params.yaml: `extract.min_duration_seconds` is 61; allowed: below"),
        ({"min_duration_seconds": 0.0}, "params.yaml: `extract.min_duration_seconds` is 0.0; allowed: greater than"),
        ({"max_members": 1.5}, "params.yaml: `extract.max_members` is 1.5; allowed: a valid integer"),
        ({"silence_dbfs": 3.0}, "params.yaml: `extract.silence_dbfs` is 3.0; allowed: less than or equal to 0"),
        ({"max_member": 3}, "unknown key `extract.max_member`; did you mean `extract.max_members`?"),
    ],
)
def test_wrong_params_are_named(change, message):
    with pytest.raises(ParameterError, match=r"^[^\n]*$") as caught:
        params.get({"extract": SECTION | change}, "extract", ExtractParams)
    assert message in str(caught.value)


def test_params_file_has_what_the_tests_take_for_default(request):
    assert params.load(request.config.rootpath / "params.yaml")["extract"] == SECTION
