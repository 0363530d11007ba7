"""The demo corpus as files: the same bytes always, and in them what the plan says."""

import io
import tarfile
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from voicetraits import params
from voicetraits.corpora import demo
from voicetraits.corpus import selection_order
from voicetraits.quarantine import Reason, SetAside
from voicetraits.store import Store
from voicetraits.unpacking import ExtractParams, unpack

WHOLE_REASONS = {
    "truncated": Reason.DAMAGED_GZIP,
    "corrupt": Reason.DAMAGED_GZIP,
    "no tar": Reason.DAMAGED_TAR,
    "inflates": Reason.COMPRESSION_RATIO,
    "many members": Reason.TOO_MANY_MEMBERS,
    "endless header": Reason.OVERSIZED_HEADER,
}
MEMBER_REASONS = {
    "empty": Reason.EMPTY,
    "header only": Reason.NO_SAMPLES,
    "unreadable": Reason.UNREADABLE,
    "foreign format": Reason.UNSUPPORTED_FORMAT,
    "silent": Reason.SILENCE,
    "too short": Reason.TOO_SHORT,
    "too long": Reason.TOO_LONG,
    "not a number": Reason.BAD_SAMPLES,
    "parent path": Reason.UNSAFE_PATH,
    "absolute path": Reason.UNSAFE_PATH,
    "bad name": Reason.BAD_NAME,
    "symbolic link": Reason.LINK,
    "hard link": Reason.LINK,
    "device": Reason.SPECIAL_FILE,
    "sparse": Reason.SPARSE_FILE,
    "long text": Reason.MEMBER_TOO_LARGE,
    "duplicate": Reason.DUPLICATE,
}


@pytest.fixture(scope="module")
def extract_params():
    return params.get(params.load(), "extract", ExtractParams)


@pytest.fixture(scope="module")
def small_plan():
    return demo.plan(12, 1)


def corpus(**changes):
    return demo.Corpus(demo.Params(**{"speakers": 12, "seed": 1, "limit": None, "sources": {}} | changes))


def members(content):
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}


def test_same_bytes_from_any_number_of_workers(tmp_path):
    here = corpus()
    archives = sorted(here.list_archives(), key=lambda archive: selection_order(archive.name))[:6]
    sums = []
    for workers in (1, 2):
        store = Store(tmp_path / str(workers))
        assert not here.is_stored(archives[0], store)
        fetched = list(here.fetch(archives, store=store, workers=workers))
        assert [one.archive for one in fetched] == archives
        assert all(one.path.name == one.archive.name and one.failure is None for one in fetched)
        assert all(here.is_stored(archive, store) for archive in archives)
        sums.append([one.sha256 for one in fetched])
    assert sums[0] == sums[1]
    before = fetched[0].path.stat().st_mtime_ns
    again = list(here.fetch(archives, store=store, workers=2))
    assert [one.sha256 for one in again] == sums[0]
    assert again[0].path.stat().st_mtime_ns == before


def test_a_seed_decides_the_bytes(small_plan):
    one = next(one for one in small_plan if not one.faults)
    assert demo.make_archive(one, 1) == demo.make_archive(one, 1)
    assert demo.make_archive(one, 1) != demo.make_archive(one, 2)


def test_no_date_and_no_owner(small_plan):
    one = next(one for one in small_plan if not one.faults)
    content = demo.make_archive(one, 1)
    assert content[:9] == bytes([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, content[8]])  # no name, no time
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        assert {(member.mtime, member.uid, member.uname, member.mode) for member in tar} == {(0, 0, "", 0o644)}


def test_layout(small_plan):
    one = next(one for one in small_plan if not one.faults and not one.borrowed and not one.irregularity)
    files = members(demo.make_archive(one, 1))
    folder = one.audio_format[0].lower()
    audio = [name for name in files if name.startswith(f"{one.name}/{folder}/")]
    assert len(audio) == demo.CLIPS
    utterances = {name.rpartition("/")[2].partition(".")[0] for name in audio}
    texts = {f"{one.name}/etc/{name}" for name in ("README", "PROMPTS", "prompts-original", "HDMan_log")}
    assert set(files) == {*audio, *texts, f"{one.name}/LICENSE"}
    prompts = files[f"{one.name}/etc/PROMPTS"].decode().splitlines()
    assert {line.split(" ", 1)[0] for line in prompts} == {f"{one.name}/mfc/{utterance}" for utterance in utterances}
    assert all(line.split(" ", 1)[1].isupper() for line in prompts)
    original = files[f"{one.name}/etc/prompts-original"].decode().splitlines()
    assert {line.split(" ", 1)[0] for line in original} == utterances
    assert f"part {one.part}" in files[f"{one.name}/LICENSE"].decode()


@pytest.mark.parametrize(
    ("irregularity", "there", "not_there"),
    [
        ("readme", "etc/readme", "etc/README"),
        ("Readme", "etc/Readme", "etc/README"),
        ("prompts", "etc/prompts", "etc/PROMPTS"),
        ("no PROMPTS", "etc/prompts-original", "etc/PROMPTS"),
        ("no README", "etc/PROMPTS", "etc/README"),
    ],
)
def test_irregular_files(small_plan, irregularity, there, not_there):
    one = replace(small_plan[0], irregularity=irregularity, faults=("no audio",))
    names = members(demo.make_archive(one, 1))
    assert f"{one.name}/{there}" in names
    assert f"{one.name}/{not_there}" not in names


@pytest.mark.parametrize("audio_format", demo.FORMATS, ids=lambda audio_format: "-".join(map(str, audio_format)))
def test_audio_formats(small_plan, audio_format):
    one = replace(small_plan[0], audio_format=audio_format)
    content = demo.clip_file(one, 0, 1)
    info = soundfile.info(io.BytesIO(content))
    assert (info.format, info.subtype, info.samplerate, info.channels) == audio_format
    seconds = demo.draw_clip(one, 0, 1)[1]
    assert 2 <= seconds <= 4
    assert info.duration == pytest.approx(seconds, abs=0.001)
    assert content == demo.clip_file(one, 0, 1)
    samples, _ = soundfile.read(io.BytesIO(content), always_2d=True)
    assert np.isfinite(samples).all()
    assert 0.01 < samples.std() < 0.2
    assert np.abs(samples).max() < 1
    rendered = demo.render_clip(one, 0, 1)
    if audio_format[2] == demo.RATE_HZ:
        np.testing.assert_allclose(samples[:, 0], rendered, atol=1e-4)


def test_every_fault_is_what_extract_calls_it(small_plan, extract_params, tmp_path):
    seen: set[Reason] = set()
    for one in small_plan:
        for fault in one.faults:
            path = tmp_path / f"{fault}.tgz"
            path.write_bytes(demo.make_archive(replace(one, faults=(fault,)), 1))
            if fault in WHOLE_REASONS:
                with pytest.raises(SetAside) as set_aside:
                    unpack(path, extract_params)
                assert set_aside.value.reason == WHOLE_REASONS[fault], fault
                seen.add(set_aside.value.reason)
            elif fault in MEMBER_REASONS:
                unpacked = unpack(path, extract_params)
                assert [member.problem.reason for member in unpacked.set_aside] == [MEMBER_REASONS[fault]], fault
                seen.add(unpacked.set_aside[0].problem.reason)
            elif fault == "no audio":
                assert not unpack(path, extract_params).audio_members
                seen.add(Reason.NO_AUDIO)
            else:
                assert fault == "all silent"
                reasons = [member.problem.reason for member in unpack(path, extract_params).set_aside]
                assert reasons == [Reason.SILENCE] * demo.CLIPS
                seen.add(Reason.NO_CLIP_LEFT)
    # As data/README.md says: what is behind the end of a tar, and what is too large even where it is no trick.
    assert seen == set(Reason) - {Reason.ARCHIVE_TOO_LARGE, Reason.TRAILING_DATA}


def test_hostile_paths_are_in_the_archive(small_plan):
    one = replace(small_plan[0], faults=("parent path", "absolute path", "no audio"))
    with tarfile.open(fileobj=io.BytesIO(demo.make_archive(one, 1))) as tar:
        assert {"../x.wav", "/tmp/x.wav"} <= set(tar.getnames())


def test_borrowed_clips_are_identical(small_plan, extract_params, tmp_path):
    for one in small_plan:
        if not one.borrowed:
            continue
        clips = []
        for submission in (one, one.borrowed):
            path = tmp_path / f"{submission.name}.tgz"
            path.write_bytes(demo.make_archive(submission, 1))
            clips.append({clip.samples.tobytes() for clip in unpack(path, extract_params).clips.values()})
        assert len(clips[0] & clips[1]) == 1
