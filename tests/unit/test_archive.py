"""Archives that are broken, or made to do harm."""

import gzip
import random
import tarfile
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.submissions import member, submission, tar, tgz
from voicetraits.archive import Limits, read_members
from voicetraits.quarantine import Reason, SetAside

LIMITS = Limits(archive_bytes=20_000_000, member_bytes=1_000_000, members=50, compression_ratio=200)
BEFORE, AFTER = member("top/before.txt", b"before"), member("top/after.txt", b"after")
TEXT = b"<html>503 Service Unavailable</html>" * 100


@pytest.fixture
def read(tmp_path):
    def read_bytes(content: bytes, **limits: object) -> list:
        path = tmp_path / "archive.tgz"
        path.write_bytes(content)
        return list(read_members(path, replace(LIMITS, **limits)))

    return read_bytes


def reason_of(read, content: bytes, **limits: object) -> Reason:
    with pytest.raises(SetAside) as caught:
        read(content, **limits)
    return caught.value.reason


def header(kind: bytes = tarfile.REGTYPE, size: int = 0, name: str = "top/x.wav") -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


def test_reads_files_in_order_and_skips_folders(read):
    members = read(tgz([member("top", type=tarfile.DIRTYPE), BEFORE, member("top/empty"), AFTER]))
    assert [(one.name, one.content) for one in members] == [
        ("top/before.txt", b"before"), ("top/empty", b""), ("top/after.txt", b"after"),
    ]  # fmt: skip


SPARSE = {"GNU.sparse.size": "9999999", "GNU.sparse.map": "0,3"}
HOSTILE = {
    "absolute": (member("/etc/cron.d/x.wav", b"x"), Reason.UNSAFE_PATH),
    "parent": (member("../../x.wav", b"x"), Reason.UNSAFE_PATH),
    "parent inside": (member("top/../../x.wav", b"x"), Reason.UNSAFE_PATH),
    "parent folder": (member("top/..", type=tarfile.DIRTYPE), Reason.UNSAFE_PATH),
    "backslash": (member("top\\..\\x.wav", b"x"), Reason.UNSAFE_PATH),
    "drive": (member("C:/x.wav", b"x"), Reason.UNSAFE_PATH),
    "symbolic link": (member("top/x.wav", type=tarfile.SYMTYPE, linkname="/etc/passwd"), Reason.LINK),
    "hard link": (member("top/x.wav", type=tarfile.LNKTYPE, linkname="top/before.txt"), Reason.LINK),
    "link to itself": (member("top/x.wav", type=tarfile.LNKTYPE, linkname="top/x.wav"), Reason.LINK),
    "character device": (member("top/x.wav", type=tarfile.CHRTYPE, devmajor=1, devminor=5), Reason.SPECIAL_FILE),
    "block device": (member("top/x.wav", type=tarfile.BLKTYPE, devmajor=8), Reason.SPECIAL_FILE),
    "fifo": (member("top/x.wav", type=tarfile.FIFOTYPE), Reason.SPECIAL_FILE),
    "unknown type": (member("top/x.wav", b"content", type=b"Z"), Reason.SPECIAL_FILE),
    "sparse": (member("top/x.wav", b"xyz", pax_headers=SPARSE), Reason.SPARSE_FILE),
    "large": (member("top/x.wav", bytes(1_000_001)), Reason.MEMBER_TOO_LARGE),
    "newline": (member("top/x\nquarantine.csv,.wav", b"x"), Reason.BAD_NAME),
    "escape sequence": (member("top/\x1b[2Jx.wav", b"x"), Reason.BAD_NAME),
    "right to left": (member("top/x\u202evaw.exe.wav", b"x"), Reason.BAD_NAME),
    "NUL": (member("top/x", b"x", pax_headers={"path": "top/x\0.wav"}), Reason.BAD_NAME),
    "Latin-1": (member("top/\udce9.wav", b"x"), Reason.BAD_NAME),
    "no name": (member("", b"x"), Reason.BAD_NAME),
    "long name": (member(f"top/{'x' * 300}.wav", b"x"), Reason.BAD_NAME),
}


IN_GNU_FORMAT = {
    f"{name}, gnu": (*case, tarfile.GNU_FORMAT) for name, case in HOSTILE.items() if not case[0][0].pax_headers
}
IN_EACH_FORMAT = {name: (*case, tarfile.PAX_FORMAT) for name, case in HOSTILE.items()} | IN_GNU_FORMAT


@pytest.mark.parametrize(("hostile", "reason", "form"), IN_EACH_FORMAT.values(), ids=IN_EACH_FORMAT)
def test_hostile_member_is_set_aside_and_reading_goes_on(read, hostile, reason, form, tmp_path, monkeypatch):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    members = read(tgz([BEFORE, hostile, AFTER], form=form))
    assert [one.content for one in members if isinstance(one.content, bytes)] == [b"before", b"after"]
    assert [one.content.reason for one in members if isinstance(one.content, SetAside)] == [reason]
    assert list(here.iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} == {"archive.tgz", "here"}


def test_folder_names_do_not_matter_as_long_as_they_lead_nowhere(read):
    names = ["./top/a.txt", "top/./b.txt", "t\udce9p/c.txt", "t\np/d.txt", "..top../e.txt"]
    assert [one.content for one in read(tgz([member(name, b"x") for name in names]))] == [b"x"] * 5


DAMAGED = {
    "empty file": (b"", Reason.DAMAGED_GZIP),
    "a web page": (TEXT, Reason.DAMAGED_GZIP),
    "cut off": (submission("a")[:-3], Reason.DAMAGED_GZIP),
    "cut off in the middle": (submission("a")[:5000], Reason.DAMAGED_GZIP),
    "cut off in the header": (submission("a")[:5], Reason.DAMAGED_GZIP),
    "wrong check sum": (submission("a")[:-8] + b"\0\0\0\0" + submission("a")[-4:], Reason.DAMAGED_GZIP),
    "wrong length": (submission("a")[:-4] + b"\0\0\0\0", Reason.DAMAGED_GZIP),
    "garbage behind the gzip": (submission("a") + b"garbage", Reason.DAMAGED_GZIP),
    "a packed web page": (gzip.compress(TEXT), Reason.DAMAGED_TAR),
    "nothing packed": (gzip.compress(b""), Reason.DAMAGED_TAR),
    "less than a header": (gzip.compress(b"x" * 100), Reason.DAMAGED_TAR),
    "cut off before packing": (gzip.compress(tar([BEFORE, member("a", bytes(9000))])[:5000]), Reason.DAMAGED_TAR),
    "cut off in a header": (gzip.compress(tar([BEFORE, AFTER])[:1100]), Reason.DAMAGED_TAR),
    "broken second header": (gzip.compress(tar([BEFORE])[:1024] + b"x" * 512 + tar([AFTER])), Reason.DAMAGED_TAR),
    "long name of nothing": (gzip.compress(header(tarfile.GNUTYPE_LONGNAME)), Reason.DAMAGED_TAR),
    "negative size": (gzip.compress(tar([BEFORE])[:1024] + header(size=-512) + tar([AFTER])), Reason.DAMAGED_TAR),
    "back to the start": (gzip.compress(header(size=-(2**40)) + tar([AFTER])), Reason.DAMAGED_TAR),
    "endless headers": (gzip.compress(header(tarfile.XHDTYPE) * 2000), Reason.OVERSIZED_HEADER),
    "endless long names": (gzip.compress((header(tarfile.GNUTYPE_LONGNAME, 5) + b"a" * 512) * 900),
                           Reason.OVERSIZED_HEADER),
    "huge long name": (gzip.compress(header(tarfile.GNUTYPE_LONGNAME, 2**22) + b"a" * 2**22), Reason.OVERSIZED_HEADER),
    "huge PAX header": (gzip.compress(header(tarfile.XHDTYPE, 2**22) + b"a" * 2**22), Reason.OVERSIZED_HEADER),
    "huge global header": (gzip.compress(header(tarfile.XGLTYPE, 2**22) + b"a" * 2**22), Reason.OVERSIZED_HEADER),
    "claims exabytes": (gzip.compress(tar([BEFORE])[:1024] + header(size=2**60)), Reason.COMPRESSION_RATIO),
}  # fmt: skip


@pytest.mark.parametrize(("content", "reason"), DAMAGED.values(), ids=DAMAGED)
def test_damaged_archive_is_set_aside_whole(read, content, reason):
    assert reason_of(read, content) is reason


@pytest.mark.parametrize(("digits", "members"), [(20_000, 1), (3_000, 12)], ids=["of one member", "of all together"])
def test_records_that_take_long_to_search_are_set_aside(read, digits, members):
    """To Pythons of before 3.11.10 a thousand of either are minutes of work."""
    many = [member(f"top/{number}.txt", b"x", pax_headers={"comment": "1" * digits}) for number in range(members)]
    assert reason_of(read, tgz(many), pax_bytes=30_000) is Reason.OVERSIZED_HEADER


def test_records_as_archivers_write_them_are_read(read):
    records = {
        "mtime": "1200000000.1234567",
        "path": "top/" + "long" * 40 + ".txt",
        "SCHILY.xattr.user.note": "x" * 900,
    }
    many = [member(f"top/{number}.txt", b"x", pax_headers=records) for number in range(40)]
    assert [one.name for one in read(tgz(many))] == [records["path"]] * 40


def test_packing_is_blamed_before_what_it_packs(read):
    whole = gzip.compress(b"x" * 100_000)
    assert reason_of(read, whole) is Reason.DAMAGED_TAR
    assert reason_of(read, whole[:-1]) is Reason.DAMAGED_GZIP


def test_end_of_the_tar(read):
    plain = tar([BEFORE, AFTER])
    sound = read(gzip.compress(plain))
    assert len(sound) == 2
    assert read(gzip.compress(plain[:1024]) + gzip.compress(plain[1024:]) + bytes(99)) == sound
    assert read(gzip.compress(plain[:2048])) == sound  # no end mark
    assert read(gzip.compress(plain + bytes(1_000_000))) == sound
    assert read(gzip.compress(bytes(1024))) == []


@pytest.mark.parametrize("zeros", [512, 1024, 100_000, 1_000_000])
@pytest.mark.parametrize("rest", [b"rest of a buffer", tar([AFTER])], ids=["junk", "another tar"])
def test_what_is_behind_the_end_of_the_tar_is_reported(read, zeros, rest):
    members = read(gzip.compress(tar([BEFORE])[:1024] + bytes(zeros) + rest))
    assert [one.name for one in members] == ["top/before.txt", "(behind the end)"]
    assert members[1].content.reason is Reason.TRAILING_DATA


@pytest.mark.parametrize(
    ("limits", "reason", "bytes_read"),
    [
        ({}, Reason.COMPRESSION_RATIO, 10_000_000),
        ({"archive_bytes": 3_000_000}, Reason.ARCHIVE_TOO_LARGE, 3_000_000),
        ({"compression_ratio": 1e6}, Reason.ARCHIVE_TOO_LARGE, 20_000_000),
    ],
)
def test_inflating_stops_at_the_limit(read, monkeypatch, limits, reason, bytes_read):
    inflated = 0
    read_of_gzip = gzip.GzipFile.read

    def counting_read(self, size=-1):
        nonlocal inflated
        chunk = read_of_gzip(self, size)
        inflated += len(chunk)
        return chunk

    monkeypatch.setattr(gzip.GzipFile, "read", counting_read)
    bomb = gzip.compress(tar([BEFORE, *(member(f"top/{number}.wav", bytes(900_000)) for number in range(25))]))
    assert reason_of(read, bomb, **limits) is reason
    assert inflated == bytes_read + 1


def test_a_bomb_behind_the_end_of_the_tar_is_seen(read):
    assert reason_of(read, gzip.compress(tar([BEFORE]) + bytes(15_000_000))) is Reason.COMPRESSION_RATIO


def test_silence_alone_is_no_bomb(read):
    quiet = tgz([member(f"top/{number}.wav", bytes(160_000)) for number in range(10)])
    assert len(quiet) < 1_600_000 / 200
    assert len(read(quiet)) == 10


def test_large_member_is_passed_over_without_being_held(read):
    big = random.Random(1).randbytes(3_000_000)
    assert [one.name for one in read(tgz([member("top/big.wav", big), AFTER])) if isinstance(one.content, bytes)] == [
        "top/after.txt"
    ]


def test_thousands_of_members(read):
    members = [member(f"top/{number}") for number in range(51)]
    assert len(read(tgz(members[:50]))) == 50
    assert reason_of(read, tgz(members)) is Reason.TOO_MANY_MEMBERS
    folders = [member(f"top/{number}", type=tarfile.DIRTYPE) for number in range(51)]
    assert reason_of(read, tgz(folders)) is Reason.TOO_MANY_MEMBERS


WHOLE = tgz([BEFORE, member("top/x.wav", random.Random(1).randbytes(2000)), AFTER])
PLAIN = tar([BEFORE, member("top/\u00fc" + 120 * "x", b"y" * 700), *[hostile for hostile, _ in HOSTILE.values()][5:16]])


@given(length=st.integers(0, len(WHOLE) - 1))
@settings(max_examples=60)
def test_cut_off_anywhere_it_is_damaged(tmp_path_factory, length):
    path = tmp_path_factory.getbasetemp() / "cut.tgz"
    path.write_bytes(WHOLE[:length])
    with pytest.raises(SetAside) as caught:
        list(read_members(path, LIMITS))
    assert caught.value.reason is Reason.DAMAGED_GZIP


@given(at=st.integers(0, len(WHOLE) - 1), flip=st.integers(1, 255))
@settings(max_examples=150)
def test_flipped_byte_changes_nothing_or_is_noticed(tmp_path_factory, at, flip):
    path = tmp_path_factory.getbasetemp() / "flipped.tgz"
    path.write_bytes(WHOLE)
    sound = list(read_members(path, LIMITS))
    path.write_bytes(WHOLE[:at] + bytes([WHOLE[at] ^ flip]) + WHOLE[at + 1 :])
    try:
        members = list(read_members(path, LIMITS))
    except SetAside as problem:
        assert problem.reason is Reason.DAMAGED_GZIP
    else:
        assert members == sound


@given(
    edits=st.lists(
        st.tuples(st.integers(0, len(PLAIN) // 512 - 1), st.integers(0, 511), st.binary(min_size=1, max_size=8)),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=150)
def test_any_tar_is_read_or_set_aside(tmp_path_factory, edits):
    """Headers are edited, and their check sums made right again, so that the edits reach what reads them."""
    blocks = [bytearray(PLAIN[start : start + 512]) for start in range(0, len(PLAIN), 512)]
    for number, at, content in edits:
        block = blocks[number]
        block[at : min(at + len(content), 512)] = content[: 512 - at]
        if block[257:262] == b"ustar":
            block[148:156] = b"%06o\0 " % (sum(block) - sum(block[148:156]) + 8 * ord(" "))
    path = tmp_path_factory.getbasetemp() / "edited.tgz"
    path.write_bytes(gzip.compress(b"".join(blocks), 1))
    try:
        for one in read_members(path, LIMITS):
            assert isinstance(one.content, SetAside) or len(one.content) <= LIMITS.member_bytes
    except SetAside as problem:
        assert isinstance(problem.reason, Reason)
