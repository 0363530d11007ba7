"""Decoding: known signals at every rate and width, and files in which there is nothing to hear."""

import io
import os
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from support.submissions import audio_bytes, tone
from voicetraits import mp3
from voicetraits.audio import Clip, decode, silenced
from voicetraits.quarantine import Reason, SetAside

NOISE = np.tile([1, -1], 4800) * np.random.default_rng(5).integers(0, 32768, 4800).repeat(2)
NOISE = np.append(NOISE, [32767, -32768]).astype(np.int16)  # no offset, and full scale


def decoded(content: bytes, **changes: float) -> Clip:
    bounds = {"min_duration_seconds": 0.5, "max_duration_seconds": 60.0, "silence_dbfs": -60.0, **changes}
    return decode(content, **bounds)


def reason_of(content: bytes, **changes: float) -> Reason:
    with pytest.raises(SetAside) as caught:
        decoded(content, **changes)
    return caught.value.reason


def flac_of_unknown_length(samples: np.ndarray) -> bytes:
    """As an encoder writes it that streams: the 36 bits of STREAMINFO that count samples are zero."""
    content = bytearray(audio_bytes(samples, container="FLAC"))
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    return bytes(content)


@pytest.mark.parametrize(
    "content",
    [
        audio_bytes(NOISE),
        audio_bytes(NOISE, container="WAVEX"),
        audio_bytes(NOISE, container="RF64"),
        audio_bytes(NOISE, container="FLAC"),
        flac_of_unknown_length(NOISE),
        audio_bytes(NOISE, width="PCM_24"),
        audio_bytes(NOISE, container="FLAC", width="PCM_24"),
        audio_bytes(NOISE, width="PCM_32"),
        audio_bytes(NOISE / 32768, width="FLOAT"),
        audio_bytes(NOISE / 32768, width="DOUBLE"),
        audio_bytes(np.stack([NOISE, NOISE], 1)),
        audio_bytes(np.stack([NOISE] * 8, 1), container="FLAC"),
    ],
)
def test_16_khz_samples_come_out_as_they_are(content):
    clip = decoded(content)
    assert clip.original_sample_rate_hz == 16000
    assert clip.samples.dtype == np.int16
    np.testing.assert_array_equal(clip.samples, NOISE)


@pytest.mark.parametrize(("width", "tolerance"), [("PCM_U8", 256), ("ULAW", 700), ("IMA_ADPCM", 4000)])
def test_coarse_widths_come_out_about_right(width, tolerance):
    samples = tone(1.0)
    difference = decoded(audio_bytes(samples, width=width)).samples[: len(samples)] - samples * 32768
    assert np.abs(difference).max() <= tolerance


@pytest.mark.parametrize("offset", [-3000, 1, 700])
@pytest.mark.parametrize("container", ["WAV", "FLAC"])
def test_the_offset_goes(offset, container):
    clean = (0.5 * NOISE).astype(np.int16)
    np.testing.assert_array_equal(decoded(audio_bytes(clean + np.int16(offset), container=container)).samples, clean)


def test_no_sample_turns_over_where_an_offset_goes():
    samples = np.repeat(np.array([32767, -32768], np.int16), [12_000, 8_000])
    assert decoded(audio_bytes(samples)).samples.tolist() == [32767 - 6553] * 12_000 + [-32768] * 8_000


def test_channels_are_averaged():
    left, right = tone(1.0, 200, level=0.5), tone(1.0, 300, level=0.3)
    clip = decoded(audio_bytes(np.stack([left, right], 1), width="FLOAT"))
    np.testing.assert_allclose(clip.samples / 32768, (left + right) / 2, atol=0.51 / 32768)


def test_rounds_to_nearest_and_clips_at_full_scale():
    steps = np.array([0.4, 0.6, 1.5, 2.5, -0.6, -1.5, 32766.6, 32767.4, 40000, -32768, -40000, 1e30, -1e30])
    samples = np.concatenate([steps, -steps, 32768 * tone(0.6)]) / 32768  # together without an offset
    expected = [0, 1, 2, 2, -1, -2, 32767, 32767, 32767, -32768, -32768, 32767, -32768]
    assert decoded(audio_bytes(samples, width="DOUBLE")).samples[: len(steps)].tolist() == expected


@pytest.mark.parametrize("rate_hz", [1000, 8000, 11025, 22050, 32000, 44100, 48000, 96000, 192000])
@pytest.mark.parametrize("channels", [1, 2])
def test_other_rates_are_resampled(rate_hz, channels):
    samples = np.stack([tone(1.0, 333, rate_hz=rate_hz)] * channels, 1)
    clip = decoded(audio_bytes(samples, rate_hz, width="FLOAT"))
    assert clip.original_sample_rate_hz == rate_hz
    assert abs(len(clip.samples) - 16000) <= 1
    inner = slice(1600, 14400)  # the filter needs neighbours on both sides
    np.testing.assert_allclose(clip.samples[inner] / 32768, tone(1.0, 333)[inner], atol=2e-4)


def test_what_16_khz_cannot_hold_does_not_fold_back():
    clip = decoded(audio_bytes(tone(1.0, 10_000, rate_hz=48000), 48000))
    assert np.abs(clip.samples[1600:14400]).max() <= 4


QUIET = np.rint(29 * tone(1.0, level=1)).astype(np.int16)  # 29 of 32768: -61.06 dBFS
NAN, INFINITE = tone(1.0), tone(1.0)
NAN[777], INFINITE[-1] = np.nan, -np.inf
WAV, FLAC = audio_bytes(tone(1.0)), audio_bytes(tone(1.0), container="FLAC")


def mp3_bytes(samples, rate_hz=16000, mode="CONSTANT"):
    file = io.BytesIO()
    soundfile.write(
        file, samples, rate_hz, format="MP3", subtype="MPEG_LAYER_III", bitrate_mode=mode, compression_level=0.4
    )
    return file.getvalue()


MP3 = mp3_bytes(tone(2.0))
VARIABLE_MP3 = mp3_bytes(
    np.concatenate([tone(1.0), np.random.default_rng(0).uniform(-0.5, 0.5, 16000)]), mode="VARIABLE"
)
BAD = {
    "no bytes": (b"", Reason.EMPTY),
    "text": (b"404 Not Found", Reason.UNREADABLE),
    "zeros": (bytes(30_000), Reason.UNREADABLE),
    "half a wav header": (WAV[:20], Reason.UNREADABLE),
    "half a flac": (FLAC[: len(FLAC) // 2], Reason.UNREADABLE),
    "zero channels": (WAV[:22] + b"\0\0" + WAV[24:], Reason.UNREADABLE),
    "a flac that claims more than it holds": (FLAC[:22] + b"\0\0\x50\0" + FLAC[26:], Reason.UNREADABLE),
    "header only": (WAV[:44], Reason.NO_SAMPLES),
    "no samples": (audio_bytes(np.zeros(0)), Reason.NO_SAMPLES),
    "no samples in flac": (FLAC[:42], Reason.NO_SAMPLES),
    "ogg": (audio_bytes(tone(1.0), container="OGG", width="VORBIS"), Reason.UNSUPPORTED_FORMAT),
    "half an mp3": (MP3[: len(MP3) // 2], Reason.UNREADABLE),
    "the beginning of an mp3": (MP3[:200], Reason.UNREADABLE),
    "an mp3 with a hole": (MP3[:2000] + bytes(2000) + MP3[4000:], Reason.UNREADABLE),
    "noise behind a sync word": (MP3[:4] + np.random.default_rng(0).bytes(3000), Reason.UNREADABLE),
    "an ID3 tag alone": (b"ID3\3\0\0\0\0\0\x0a" + bytes(10), Reason.UNREADABLE),
    "an mp3 of unknown length": (VARIABLE_MP3[VARIABLE_MP3.find(VARIABLE_MP3[:2], 4) :], Reason.UNSUPPORTED_FORMAT),
    "a short mp3": (mp3_bytes(tone(0.4)), Reason.TOO_SHORT),
    "a silent mp3": (mp3_bytes(np.zeros(16000)), Reason.SILENCE),
    "aiff": (audio_bytes(tone(1.0), container="AIFF"), Reason.UNSUPPORTED_FORMAT),
    "4 GHz": (WAV[:24] + b"\xff\xff\xff\x7f" + WAV[28:], Reason.UNSUPPORTED_FORMAT),
    "1 Hz": (WAV[:24] + b"\1\0\0\0" + WAV[28:], Reason.UNSUPPORTED_FORMAT),
    "NaN": (audio_bytes(NAN, width="FLOAT"), Reason.BAD_SAMPLES),
    "infinity": (audio_bytes(INFINITE, width="DOUBLE"), Reason.BAD_SAMPLES),
    "NaN in one channel": (audio_bytes(np.stack([tone(1.0), NAN], 1), width="FLOAT"), Reason.BAD_SAMPLES),
    "floats on the scale of int16": (audio_bytes(tone(1.0) * 32768, width="FLOAT"), Reason.BAD_SAMPLES),
    "a quiet voice on it": (audio_bytes(tone(1.0, level=0.01) * 32768, 48000, width="DOUBLE"), Reason.BAD_SAMPLES),
    "one channel on it": (
        audio_bytes(np.stack([tone(1.0), tone(1.0) * 32768], 1), width="FLOAT"),
        Reason.BAD_SAMPLES,
    ),
    "too short": (audio_bytes(tone(0.4999)), Reason.TOO_SHORT),
    "too short at 48 kHz": (audio_bytes(tone(0.4999, rate_hz=48000), 48000), Reason.TOO_SHORT),
    "too long": (audio_bytes(tone(60.001)), Reason.TOO_LONG),
    "too long, unknown before": (flac_of_unknown_length(tone(60.001)), Reason.TOO_LONG),
    "zero samples": (audio_bytes(np.zeros(16000)), Reason.SILENCE),
    "an offset alone": (audio_bytes(np.full(16000, 0.3)), Reason.SILENCE),
    "a quiet tone on an offset": (audio_bytes(QUIET + np.int16(900)), Reason.SILENCE),
    "quiet": (audio_bytes(QUIET), Reason.SILENCE),
    "opposite channels": (audio_bytes(np.stack([tone(1.0), -tone(1.0)], 1), width="FLOAT"), Reason.SILENCE),
}


@pytest.mark.parametrize(("content", "reason"), BAD.values(), ids=BAD)
def test_nothing_to_hear(content, reason):
    assert reason_of(content) is reason


def test_bounds_themselves_are_allowed():
    assert len(decoded(audio_bytes(tone(0.5))).samples) == 8000
    assert len(decoded(audio_bytes(tone(2.0)), max_duration_seconds=2.0).samples) == 32000
    assert reason_of(audio_bytes(QUIET), silence_dbfs=-61.0) is Reason.SILENCE
    assert len(decoded(audio_bytes(QUIET), silence_dbfs=-61.1).samples) == 16000


def test_wav_that_was_never_closed_is_read_to_its_end():
    at = WAV.index(b"data") + 4
    assert len(decoded(WAV[:at] + b"\xff\xff\xff\xff" + WAV[at + 4 :]).samples) == 16000


def test_decoding_stops_where_a_clip_is_too_long(monkeypatch):
    frames = 0
    read = soundfile.SoundFile.read

    def counting_read(self, *args, **kwargs):
        nonlocal frames
        block = read(self, *args, **kwargs)
        frames += len(block)
        return block

    monkeypatch.setattr(soundfile.SoundFile, "read", counting_read)
    assert reason_of(flac_of_unknown_length(np.full(5_000_000, 0.5)), max_duration_seconds=1.0) is Reason.TOO_LONG
    assert frames <= 2**20
    assert reason_of(audio_bytes(np.full(100_000, 0.5)), max_duration_seconds=1.0) is Reason.TOO_LONG
    assert frames <= 2**20  # the header tells it before a sample is read


SHORT = [
    audio_bytes(tone(0.6)),
    audio_bytes(np.stack([tone(0.6)] * 2, 1), 44100, width="PCM_24"),
    audio_bytes(tone(0.6), 8000, width="FLOAT"),
    audio_bytes(tone(0.6), width="IMA_ADPCM"),
    audio_bytes(tone(0.6), container="FLAC"),
]


@given(
    content=st.sampled_from(SHORT),
    edits=st.lists(st.tuples(st.integers(0, 100) | st.integers(0, 20_000), st.integers(0, 255)), max_size=6),
    length=st.none() | st.integers(0, 20_000),
)
@settings(max_examples=200)
def test_any_bytes_are_a_clip_or_set_aside(content, edits, length):
    damaged = bytearray(content[:length])
    for at, value in edits:
        if at < len(damaged):
            damaged[at] = value
    try:
        samples = decoded(bytes(damaged)).samples
    except SetAside as problem:
        assert problem.detail.isprintable()
    else:
        assert samples.dtype == np.int16
        assert 8000 <= len(samples) <= 60 * 16000


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
@pytest.mark.parametrize("rate_hz", [16000, 22050, 32000, 44100, 48000])
def test_mp3_sounds_as_what_it_was_made_from(rate_hz, mode):
    clip = decoded(mp3_bytes(tone(1.0, rate_hz=rate_hz), rate_hz, mode))
    assert clip.original_sample_rate_hz == rate_hz
    assert len(clip.samples) == 16000
    assert np.corrcoef(clip.samples[2000:-2000], tone(1.0)[2000:-2000])[0, 1] > 0.998
    assert np.abs(clip.samples).max() == pytest.approx(0.3 * 32768, rel=0.1)


@pytest.mark.parametrize("rate_hz", [16000, 22050, 44100, 48000])
def test_mp3_without_a_length_is_read_whole(rate_hz):
    """As ffmpeg writes them to a pipe: the tag in the first frame is missing."""
    content = mp3_bytes(tone(1.0, rate_hz=rate_hz), rate_hz)
    untagged = content[content.find(content[:2], 4) :]
    assert not mp3.walk(untagged).tells_length
    samples = decoded(untagged).samples
    assert 1.0 <= len(samples) / 16000 < 1.0 + 3 * mp3.FRAME_SAMPLES / rate_hz


ID3V2, ID3V1 = b"ID3\4\0\0\0\0\1\0" + bytes(128), b"TAG" + bytes(125)


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
@pytest.mark.parametrize("between", [b"", ID3V2, ID3V1, ID3V1 + ID3V2], ids=["joined", "id3v2", "id3v1", "both"])
def test_mp3s_that_were_joined_are_set_aside(between, mode):
    """libsndfile would read the first, as the tag tells."""
    one = mp3_bytes(tone(1.0), 16000, mode)
    assert len(decoded(one + between).samples) == 16000
    assert reason_of(one + between + one) is Reason.UNSUPPORTED_FORMAT


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
def test_mp3_that_tells_of_fewer_frames_than_it_has_is_set_aside(mode):
    content = mp3_bytes(tone(2.0), 16000, mode)
    at = max(content.find(b"Info"), content.find(b"Xing")) + 8
    told = int.from_bytes(content[at : at + 4], "big")
    assert mp3.walk(content).told == told == mp3.walk(content).count - 1
    low = content[:at] + (told // 2).to_bytes(4, "big") + content[at + 4 :]
    assert reason_of(low) is Reason.UNSUPPORTED_FORMAT


def test_tag_without_a_number_of_frames_tells_no_length():
    """Nor does libsndfile take it from one of another kind: of variable bit rate it would lose a part of either."""
    at = VARIABLE_MP3.find(b"Xing") + 4
    assert len(decoded(VARIABLE_MP3).samples) == 32000
    for other in (VARIABLE_MP3[:at] + bytes(4) + VARIABLE_MP3[at + 4 :], VARIABLE_MP3.replace(b"Xing", b"VBRI", 1)):
        assert not mp3.walk(other).tells_length
        assert reason_of(other) is Reason.UNSUPPORTED_FORMAT


def test_broken_mp3_says_nothing_on_the_terminal(capfd):
    assert reason_of(BAD["an mp3 with a hole"][0]) is Reason.UNREADABLE
    assert capfd.readouterr().err == ""


def test_threads_whose_silences_overlap_give_stderr_back(capfd):
    """The first to come is the first to go; then the other is still silent, and says what it says behind that."""
    both_in, first_out, second_out = (threading.Event() for _ in range(3))

    def second():
        with silenced():
            both_in.set()
            first_out.wait(10)
            os.write(2, b"unheard")
        second_out.set()

    def first():
        with silenced():
            other.start()
            both_in.wait(10)
        first_out.set()

    other, one = threading.Thread(target=second), threading.Thread(target=first)
    one.start()
    one.join()
    assert second_out.wait(10)
    other.join()
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


def test_many_threads_leave_no_silence_and_no_open_file(capfd):
    opened = len(list(Path("/dev/fd").iterdir()))

    def work():
        for _ in range(100):
            with silenced(), silenced():
                os.write(2, b"unheard")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"
    assert len(list(Path("/dev/fd").iterdir())) == opened


def test_a_failure_ends_the_silence(capfd):
    with pytest.raises(SetAside), silenced():
        raise SetAside(Reason.EMPTY, "0 bytes")
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"
