"""From sound to answer: any container, rate and channels; refusals; windows; what a saved model must look like."""

import gzip
import io
import json
import os
import struct
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
import pytest
import soundfile

from support.project import ROOT
from support.saved_models import BOUNDARY_HZ, EXTRACTOR, SLOPE_HZ, save_softmax
from support.sounds import RATE_HZ, noise
from voicetraits import inference
from voicetraits.augmentation.noise import add_noise
from voicetraits.bench import strange_sounds
from voicetraits.corpora import demo
from voicetraits.errors import DataError, ModelError
from voicetraits.features.table import FeatureTable
from voicetraits.inference.answers import Refusal
from voicetraits.inference.predictor import WINDOW_SECONDS, Predictor
from voicetraits.inference.summing import answer_of
from voicetraits.models import saved
from voicetraits.predictions import predict_test_clips

SRC = Path(saved.__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "softmax"
    save_softmax(folder)
    return folder


@pytest.fixture(scope="module")
def predictor(folder):
    return Predictor(folder)


@pytest.fixture(scope="module")
def voices():
    """Synthesised speech: one clip of a low voice, and one of a high one, int16 at 16 kHz."""
    sound = [one for one in demo.plan(24, 1) if not one.faults]
    clips = [np.asarray(demo.render_clip(one, 0, 1), np.float32) for one in sound[:24]]
    pitch = [EXTRACTOR(clip)[EXTRACTOR.names.index("f0_median_hz")] for clip in clips]
    chosen = {
        "male": clips[int(np.argmin(pitch))],
        "female": clips[int(np.argmax(np.where(np.array(pitch) < 290, pitch, 0)))],
    }
    return {name: np.rint(clip * 32767).astype(np.int16) for name, clip in chosen.items()}


def file_of(samples, rate_hz=RATE_HZ, form="WAV", subtype=None):
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=form, subtype=subtype)
    return file.getvalue()


def gender(prediction):
    return prediction.answers["gender"]


def test_answers_are_those_of_the_features_of_the_clip(predictor, voices):
    for label, clip in voices.items():
        answer = gender(predictor((clip, RATE_HZ)))
        f0_hz = EXTRACTOR(clip)[EXTRACTOR.names.index("f0_median_hz")]
        assert answer.label == label
        assert answer.f0_median_hz == pytest.approx(f0_hz)
        assert answer.probabilities["female"] == pytest.approx(
            1 / (1 + np.exp((BOUNDARY_HZ - f0_hz) / SLOPE_HZ)), abs=1e-6
        )
        assert answer.confidence == max(answer.probabilities.values())
        assert 0.3 < answer.speech_share <= 1


@pytest.mark.parametrize("form", ["WAV", "FLAC", "AIFF", "CAF", "AU", "NIST"])
def test_lossless_containers_give_the_same_answer(predictor, voices, form):
    content = file_of(voices["female"], form=form, subtype="PCM_16")
    assert predictor(content) == predictor((voices["female"], RATE_HZ))


@pytest.mark.parametrize("form", ["OGG", "MP3"])
def test_lossy_containers_give_about_the_same_answer(predictor, voices, form):
    answer = gender(predictor(file_of(voices["female"] / 32768, form=form)))
    assert answer.label == "female"
    assert answer.f0_median_hz == pytest.approx(gender(predictor((voices["female"], RATE_HZ))).f0_median_hz, rel=0.01)


@pytest.mark.parametrize("rate_hz", [8000, 22050, 44100, 96000])
def test_any_rate(predictor, voices, rate_hz):
    import scipy.signal  # another resampler than the one at work

    ratio = rate_hz / RATE_HZ
    resampled = scipy.signal.resample(voices["male"] / 32768, round(len(voices["male"]) * ratio)).clip(-1, 1)
    answer = gender(predictor((resampled, rate_hz)))
    assert answer.label == "male"
    assert answer.f0_median_hz == pytest.approx(gender(predictor((voices["male"], RATE_HZ))).f0_median_hz, rel=0.01)


def test_channels_are_averaged(predictor, voices):
    eight = np.repeat(voices["male"][:, None], 8, axis=1)
    assert predictor((eight, RATE_HZ)) == predictor(file_of(eight)) == predictor((voices["male"], RATE_HZ))


def test_a_path_bytes_a_file_a_pipe_and_an_array_are_the_same(predictor, voices, tmp_path):
    path = tmp_path / "voice.wav"
    path.write_bytes(content := file_of(voices["male"]))

    class Pipe(io.BytesIO):
        def seekable(self):
            return False

    expected = predictor(path)
    assert predictor(str(path)) == predictor(content) == predictor(io.BytesIO(content)) == expected
    assert predictor(Pipe(content)) == predictor((voices["male"], RATE_HZ)) == expected
    assert predictor((voices["male"].astype(np.int32) << 16, RATE_HZ)) == expected


JOINED = file_of(noise(1.0), form="MP3")
_loud_then_silent = io.BytesIO()
soundfile.write(_loud_then_silent, np.r_[noise(2.0), np.zeros(32_000)], RATE_HZ, format="MP3", bitrate_mode="VARIABLE")
VARIABLE = _loud_then_silent.getvalue()
HOSTILE = {
    "several MP3s, joined": JOINED + JOINED,
    "MP3 of variable bit rate without its tag": VARIABLE[VARIABLE.find(VARIABLE[:2], 4) :],
    "text": b"path,label\na.wav,female\n" * 20,
    "empty": b"",
    "header only": file_of(np.zeros(0)),
    "truncated flac": file_of(noise(2.0), form="FLAC")[:20_000],
    "not a number": file_of(np.array([0.1, np.nan] * 8000), subtype="FLOAT"),
    "infinite": file_of(np.array([0.1, np.inf] * 8000), subtype="FLOAT"),
    "scale of int16": file_of(noise(1.0) * 32768, subtype="FLOAT"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_sound_is_said_in_one_line(predictor, name, tmp_path):
    path = tmp_path / "x.wav"
    path.write_bytes(HOSTILE[name])
    for sound in (HOSTILE[name], path, io.BytesIO(HOSTILE[name])):
        with pytest.raises(DataError) as caught:
            predictor(sound)
        assert len(str(caught.value).splitlines()) == 1


@contextmanager
def opened(kind: str, content: bytes, folder: Path) -> Iterator[BinaryIO]:
    """A file object of that kind."""
    if kind == "of a tar":
        with tarfile.open(fileobj=(buffer := io.BytesIO()), mode="w") as tar:
            member = tarfile.TarInfo("a.mp3")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        buffer.seek(0)
        with tarfile.open(fileobj=buffer) as tar:
            yield tar.extractfile("a.mp3")
    elif kind == "gzip":
        with gzip.open(folder / "a.mp3.gz", "wb") as file:
            file.write(content)
        with gzip.open(folder / "a.mp3.gz") as file:
            yield file
    elif kind == "spooled":
        with tempfile.SpooledTemporaryFile() as file:
            file.write(content)
            file.seek(0)
            yield file
    else:
        (folder / "a.mp3").write_bytes(content)
        with open(folder / "a.mp3", "rb", buffering=0 if kind == "unbuffered" else -1) as file:
            yield file


@pytest.mark.parametrize("kind", ["of a tar", "gzip", "spooled", "unbuffered", "plain"])
def test_an_mp3_in_any_file_object(predictor, voices, tmp_path, kind):
    content = file_of(voices["female"] / 32768, form="MP3")
    with opened(kind, content, tmp_path) as file:
        assert predictor(file) == predictor(content)
    with opened(kind, content + content, tmp_path) as file, pytest.raises(DataError, match="perhaps several, joined"):
        predictor(file)


def test_an_mp3_of_any_length_is_walked_in_little_memory(tmp_path):
    frame = b"\xff\xfb\x90\x00" + bytes(413)  # MPEG 1, layer III, 128 kbit/s at 44.1 kHz
    with open(tmp_path / "hours.mp3", "wb") as file:
        for _ in range(100):
            file.write(frame * 2400)  # a megabyte, a minute of sound
    script = """
import resource, sys
from voicetraits.inference import sound
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with open(sys.argv[1], "rb") as file:
    sound._check_frames(file)
    assert file.tell() == 0
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    command = [sys.executable, "-c", script, str(tmp_path / "hours.mp3")]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(SRC)}, capture_output=True, check=True)
    kilobytes = int(done.stdout) // (1024 if sys.platform == "darwin" else 1)
    assert kilobytes < 20_000, "a fifth of the file's size at most"


def test_a_picture_is_of_the_sound_without_its_offset(predictor, voices):
    voice = voices["male"] // 2
    plain = predictor.over_time((voice, RATE_HZ), window_seconds=1.0, hop_seconds=0.5)
    moved = predictor.over_time((voice + np.int16(600), RATE_HZ), window_seconds=1.0, hop_seconds=0.5)
    np.testing.assert_array_equal(moved.samples, plain.samples)
    np.testing.assert_array_equal(moved.analysis.f0_hz, plain.analysis.f0_hz)


def test_of_a_wav_that_is_cut_off_counts_what_is_there(predictor, voices):
    # libsndfile takes the length from the file, and not from the header.
    content = file_of(voices["male"])
    assert gender(predictor(content[: len(content) // 2])).label == "male"


def test_an_ogg_whose_last_page_counts_too_many_samples_is_read_to_its_end(predictor, voices):
    """As editors of sound leave it: the last page's position is beyond the samples that the pages hold."""
    content = bytearray(file_of(voices["male"] / 32768, form="OGG"))
    page = content.rindex(b"OggS")
    (position,) = struct.unpack_from("<q", content, page + 6)
    struct.pack_into("<q", content, page + 6, position + 5806)
    struct.pack_into("<I", content, page + 22, 0)
    struct.pack_into("<I", content, page + 22, ogg_checksum(content[page:]))
    with soundfile.SoundFile(io.BytesIO(content)) as file:
        assert file.frames > len(file.read()) > 0
    assert gender(predictor(bytes(content))).label == "male"


def ogg_checksum(page):
    """RFC 3533: CRC-32 with the polynomial 0x04c11db7, nothing reflected or inverted."""
    checksum = 0
    for byte in page:
        checksum ^= byte << 24
        for _ in range(8):
            checksum = (checksum << 1 ^ (0x04C11DB7 if checksum & 0x80000000 else 0)) & 0xFFFFFFFF
    return checksum


@pytest.mark.parametrize("rate_hz", [float("nan"), float("inf"), 0, -1, None, "16000"])
def test_a_rate_that_is_none_is_said(predictor, rate_hz):
    with pytest.raises(DataError, match=r"a sample rate of .* Hz; allowed: 1000 to 768000"):
        predictor((np.zeros(16_000, np.float32), rate_hz))


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_what_is_like_bytes_is_read(predictor, voices, kind):
    content = file_of(voices["male"])
    assert predictor(kind(content)) == predictor(content)


@pytest.mark.parametrize(
    "samples", [np.zeros((2, 48_000), np.float32), np.zeros(16_000, np.int64), np.zeros(16_000, bool)]
)
def test_arrays_that_could_be_taken_for_something_else_are_turned_away(predictor, samples):
    with pytest.raises(DataError, match=r"^samples (have the shape|are of type) .*; allowed: "):
        predictor((samples, RATE_HZ))


def test_floats_on_the_scale_of_int16_are_turned_away_and_clicks_are_not(predictor, voices):
    """Clipped to −1 … 1 they would be square waves."""
    voice = voices["male"].astype(np.float32) / 32768
    answer = gender(predictor((voice, RATE_HZ)))
    for samples in (voice * 32768, np.stack([voice, voice * 32768], 1)):
        with pytest.raises(DataError, match=r"far beyond full scale; allowed: −1 to 1"):
            predictor((samples, RATE_HZ))
    voice[[1000, 20_000]] = 1e30, -7
    assert gender(predictor((voice, RATE_HZ))).label == answer.label


def test_a_name_without_a_file_a_folder_and_odd_arrays_are_said(predictor, tmp_path):
    for sound in (
        tmp_path / "none.wav", tmp_path, (np.zeros(0), RATE_HZ), (np.zeros((2, 2, 2)), RATE_HZ),
        (np.zeros(1000), 100), (np.array(["a"] * 9), RATE_HZ), (np.full(9000, np.nan), RATE_HZ),
    ):  # fmt: skip
        with pytest.raises(DataError):
            predictor(sound)


@pytest.mark.parametrize("samples", [1, 100, 399, 400, 1600, 4000])
def test_what_is_too_short_is_refused(predictor, samples):
    answer = gender(predictor((0.1 * np.sin(np.arange(samples) / 10), RATE_HZ)))
    assert answer.refusal == Refusal.TOO_SHORT
    assert answer.label is None and answer.probabilities is None and answer.confidence is None


def test_silence_has_no_speech_and_no_pitch(predictor):
    for level in (0.0, 1e-4):
        answer = gender(predictor((level * noise(3.0), RATE_HZ)))
        assert answer.refusal == Refusal.NO_SPEECH
        assert answer.speech_share == 0


def test_music_and_noise_are_refused(predictor):
    rng = np.random.default_rng(5)
    for make in (strange_sounds.music, strange_sounds.noise):
        answers = [gender(predictor((make(rng, 4.0), RATE_HZ))) for _ in range(5)]
        assert sum(answer.refusal is not None for answer in answers) >= 4


def test_a_model_below_its_threshold_is_unsure_and_says_what_it_thinks(tmp_path, voices):
    save_softmax(tmp_path, threshold=1.1)
    answer = gender(Predictor(tmp_path)((voices["male"], RATE_HZ)))
    assert answer.refusal == Refusal.UNSURE and answer.label is None
    assert answer.probabilities["male"] == answer.confidence > 0.5


def test_a_model_that_learnt_from_quite_other_clips_says_so(tmp_path, voices):
    save_softmax(tmp_path, scale=1e-3)
    answer = gender(Predictor(tmp_path)((voices["male"], RATE_HZ)))
    assert answer.refusal == Refusal.OUT_OF_DOMAIN and answer.probabilities is None


def test_a_model_that_learnt_without_noise_does_not_answer_in_noise(tmp_path, voices):
    """Noise that fills the pauses leaves the loudest frames some 25 dB above the quietest, at 15 dB."""
    rng = np.random.default_rng(2)
    clean = voices["female"][: 4 * RATE_HZ] / np.float32(32768)
    noisy, noisier = (add_noise(clean, snr_db, 0.0, rng) for snr_db in (30.0, 15.0))
    save_softmax(tmp_path / "quiet", level_range_db=40.0)
    quiet = Predictor(tmp_path / "quiet")
    assert [gender(quiet((sound, RATE_HZ))).refusal for sound in (clean, noisy, noisier)] == [
        None,
        None,
        Refusal.TOO_NOISY,
    ]
    assert gender(quiet((noisier[:RATE_HZ], RATE_HZ))).refusal is None, "a second of speech may have no pause"
    save_softmax(tmp_path / "noisy", level_range_db=25.0)
    assert gender(Predictor(tmp_path / "noisy")((noisier, RATE_HZ))).label == "female"


def test_speech_that_barely_stands_out_is_refused_for_every_model(predictor, voices):
    sound = add_noise(voices["female"] / np.float32(32768), 0.0, 0.0, np.random.default_rng(3))
    assert gender(predictor((sound, RATE_HZ))).refusal == Refusal.TOO_NOISY


def test_says_which_model_answers(predictor, folder, voices, tmp_path):
    answer = gender(predictor((voices["male"], RATE_HZ)))
    assert answer.model.name == "softmax"
    assert answer.model.training_data == "ab" * 6
    assert answer.model.dvc_lock is None
    save_softmax(tmp_path / "data/models/softmax")
    (tmp_path / "dvc.lock").write_text("schema: '2.0'\n")
    other = Predictor(tmp_path / "data/models/softmax").identities["gender"]
    assert other.dvc_lock is not None
    assert other.version == answer.model.version  # the same model, wherever it lies
    json.dumps(predictor((voices["male"], RATE_HZ), segments=True).as_dict(), allow_nan=False)


def test_a_folder_may_hold_one_model_or_several_targets(tmp_path, voices):
    save_softmax(tmp_path, "gender")
    save_softmax(tmp_path, "age")
    assert set(Predictor(tmp_path).models) == {"gender", "age"}
    for one in (tmp_path / "age", tmp_path / "age/final"):
        assert set(Predictor(one)((voices["male"], RATE_HZ)).answers) == {"age"}


def test_a_folder_without_a_model_or_with_a_damaged_one_is_said(tmp_path):
    with pytest.raises(ModelError, match="holds no saved model"):
        Predictor(tmp_path)
    own = save_softmax(tmp_path)
    (own / "scaling.csv").write_text("feature,mean,scale\n")
    with pytest.raises(ModelError, match="damaged"):
        Predictor(tmp_path)
    (own / "config.yaml").write_text("a: [")
    with pytest.raises(ModelError, match="damaged"):
        Predictor(tmp_path)


def long_sound(voices):
    """13 s of a low voice, 8 s of silence, 70 s of a high voice, in windows that do not fit."""
    parts = [(voices["male"], 13), (np.zeros(16000, np.int16), 8), (voices["female"], 70)]
    return np.concatenate([np.resize(samples, seconds * RATE_HZ) for samples, seconds in parts])


def test_segments_tell_who_speaks_when(predictor, voices):
    prediction = predictor((long_sound(voices), RATE_HZ), segments=True)
    segments = prediction.segments["gender"]
    assert [segment.answer.label or segment.answer.refusal for segment in segments] == ["male", "no_speech", "female"]
    for segment, begin in zip(segments, (0, 13, 21), strict=True):
        assert segment.start_seconds == pytest.approx(begin, abs=WINDOW_SECONDS)
    ends = [segment.end_seconds for segment in segments]
    assert [segment.start_seconds for segment in segments] == [0, *ends[:-1]]
    assert ends[-1] == prediction.duration_seconds == 91
    assert gender(prediction).label == "female"
    assert gender(prediction).speech_share < 83 / 91


def test_speech_is_heard_in_the_midst_of_silence(predictor, voices):
    for label, clip in voices.items():
        alone = gender(predictor((clip, RATE_HZ)))
        silence = np.zeros(6 * len(clip), np.int16)
        for before in (0, 3 * len(clip), len(silence)):
            answer = gender(predictor((np.insert(silence, before, clip), RATE_HZ)))
            assert answer.label == label
            assert answer.confidence == pytest.approx(alone.confidence, abs=0.05)
            assert answer.speech_share == pytest.approx(alone.speech_share / 7, rel=0.1)  # of the whole sound


@pytest.mark.parametrize("offset", [0.02, -0.1])
def test_an_offset_changes_no_answer(predictor, voices, offset):
    for label, clip in voices.items():
        answer = gender(predictor(((clip / 32768 + offset).clip(-1, 1), RATE_HZ)))
        assert answer.label == label
        assert answer.f0_median_hz == pytest.approx(gender(predictor((clip, RATE_HZ))).f0_median_hz, rel=0.02)


@pytest.mark.parametrize("seconds", [5, 59.9, 60, 60.1, 91])
def test_what_a_stream_hears_sums_up_to_what_a_call_answers(predictor, voices, seconds):
    samples = np.resize(np.concatenate([voices["male"], voices["female"]]), round(seconds * RATE_HZ))
    heard = list(predictor.stream((samples, RATE_HZ)))
    assert len(heard) == (1 if seconds <= 60 else round(seconds / WINDOW_SECONDS))
    assert heard[-1].end_seconds == pytest.approx(seconds)
    summed_up = answer_of("gender", heard, predictor.models, predictor.identities)
    assert summed_up == gender(predictor((samples, RATE_HZ)))


@pytest.mark.parametrize("rate_hz", [16000, 44100])
def test_a_stream_and_the_whole_file_answer_alike(predictor, voices, rate_hz, tmp_path, monkeypatch):
    from voicetraits.inference import sound

    samples = np.interp(np.arange(91 * rate_hz) / rate_hz, np.arange(91 * 16000) / 16000, long_sound(voices) / 32768)
    path = tmp_path / "long.flac"
    soundfile.write(path, samples, rate_hz)
    whole = predictor(path, segments=True)
    monkeypatch.setattr(sound, "_BLOCK_SAMPLES", 10_007)  # another cut into blocks
    streamed = predictor(path, segments=True)
    assert asdict(streamed) == asdict(whole)
    heard = list(predictor.stream(path))
    assert [one.start_seconds for one in heard] == [4.0 * number for number in range(len(heard))]
    assert len(heard) == 23 and heard[-1].end_seconds == 91


def test_a_window_of_a_stream_is_heard_as_by_itself(predictor, voices):
    samples = long_sound(voices) / 32768
    for window in predictor.stream((samples, 16000)):
        begin, end = (round(seconds * 16000) for seconds in (window.start_seconds, window.end_seconds))
        (alone,) = predictor.stream((samples[begin:end], 16000))
        assert alone.hearing == window.hearing
        assert alone.stated.keys() == window.stated.keys()
        for target, probabilities in window.stated.items():
            np.testing.assert_array_equal(alone.stated[target], probabilities)


def test_a_named_pipe_is_a_file(predictor, voices, tmp_path):
    content = file_of(voices["male"])
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(path.write_bytes, content)
        assert asdict(predictor(path)) == asdict(predictor(content))
        written.result()


def test_loads_no_tensorflow(folder, voices, tmp_path):
    soundfile.write(tmp_path / "a.wav", voices["male"], RATE_HZ)
    code = (
        "import sys; from voicetraits.inference.predictor import Predictor;"
        f"print(Predictor({str(folder)!r})({str(tmp_path / 'a.wav')!r}).answers['gender'].label);"
        "print([name for name in ('tensorflow', 'keras', 'tf_keras', 'sklearn') if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(SRC), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout.split("\n")[:2] == ["male", "[]"], done.stderr


def test_evaluate_scores_the_same_clip_with_the_same_numbers(tmp_path, voices):
    """Features from a table, as evaluate reads them, against the sound itself."""
    own = save_softmax(tmp_path / "models", threshold=0.9)
    own.rename(own.parent / "fold-0")
    clips = {
        "a/1": voices["male"],
        "a/2": voices["male"][8000:40000],
        "b/1": voices["female"],
        "b/2": voices["female"][:30000],
    }
    values = pd.DataFrame([EXTRACTOR(clip) for clip in clips.values()], index=list(clips), columns=EXTRACTOR.names)
    metadata = pd.DataFrame(
        {
            "utterance_id": list(clips),
            "speaker_id": list("aabb"),
            "archive": list("aabb"),
            "gender": ["male"] * 2 + ["female"] * 2,
        }
    )
    splits = pd.DataFrame({"target": "gender", "fold": "0", "speaker_id": ["a", "b"], "side": "test"})
    model = saved.load(own.parent / "fold-0")
    raw = model.predict_raw(values.to_numpy(np.float32), names=EXTRACTOR.names)
    stated = {f"p_{name}": model.calibration.apply(raw)[:, k] for k, name in enumerate(model.config.classes)}
    stored = {f"raw_{name}": raw[:, k] for k, name in enumerate(model.config.classes)} | stated
    pd.DataFrame({"utterance_id": list(clips), "side": "test", "fold": "0", **stored}).to_parquet(
        own.parent / "predictions.parquet"
    )
    features = FeatureTable(values, model.config.feature_params)
    table = predict_test_clips(own.parent, "gender", features=features, metadata=metadata, splits=splits)
    predictor = Predictor(own.parent / "fold-0")
    assert type(predictor.models["gender"]) is type(model)
    for row in table.itertuples():
        answer = gender(predictor((clips[row.utterance_id], RATE_HZ)))
        assert answer.probabilities == {"female": row.p_female, "male": row.p_male}
        assert (answer.refusal == Refusal.UNSURE) == row.refused


def test_threads_may_share_a_predictor(predictor, voices):
    """Among them sounds that the detector has to judge."""
    rng = np.random.default_rng(3)
    sounds = [strange_sounds.music(rng, 2.0) for _ in range(6)] + [voices["male"], voices["female"]] * 3
    expected = [predictor((sound, RATE_HZ)) for sound in sounds]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda sound: predictor((sound, RATE_HZ)), sounds)) == expected


def test_the_package_has_the_predictor_and_loads_it_when_asked_for():
    assert inference.Predictor is Predictor
    with pytest.raises(AttributeError, match="has no attribute 'Predictors'"):
        _ = inference.Predictors
    code = "import sys, voicetraits.inference; print({'numpy', 'numba'} & set(sys.modules))"
    printed = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "src", capture_output=True, text=True, check=True
    ).stdout
    assert printed == "set()\n"
