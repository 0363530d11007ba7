"""What `make bench` says of predicting: strange sounds are what they are called, tables add up."""

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from support.project import ROOT
from support.saved_models import save_softmax
from support.sounds import RATE_HZ
from support.voices import voice
from voicetraits.bench import page_recording, predicting, recordings, refusals, serving, strange_sounds
from voicetraits.corpora import demo
from voicetraits.errors import DataError
from voicetraits.features.pyin import PitchTracker

TRACKER = PitchTracker(sample_rate_hz=RATE_HZ, min_hz=40, max_hz=1000, frame_length=1024, hop_length=160)


def level_db(samples):
    return 20 * np.log10(np.sqrt(np.mean(np.square(samples))) + 1e-12)


@pytest.mark.parametrize("make", [strange_sounds.music, strange_sounds.noise, strange_sounds.silence])
def test_sounds_are_finite_within_full_scale_and_the_same_again(make):
    for seed in range(12):
        samples = make(np.random.default_rng(seed), 2.5)
        assert samples.dtype == np.float32 and samples.shape == (2.5 * RATE_HZ,)
        assert np.abs(samples).max() <= 1
        assert (level_db(samples) < -60) == (make is strange_sounds.silence)
        np.testing.assert_array_equal(samples, make(np.random.default_rng(seed), 2.5))


@pytest.mark.parametrize("formants", [True, False])
def test_a_voice_is_moved_to_the_pitch_that_is_asked_for(formants):
    samples = voice("male", 3, seconds=2.0).astype(np.float32)
    before = np.nanmedian(TRACKER(samples))
    after = np.nanmedian(TRACKER(strange_sounds.moved(samples, 2.0, formants=formants)))
    assert after == pytest.approx(2 * before, rel=0.03)


@pytest.fixture
def data(tmp_path):
    """A project's data folder: softmax models on pitch, and four clips of two test speakers, one for age too."""
    data = tmp_path / "data"
    for target in ("gender", "age"):
        save_softmax(data / "models/softmax", target)
    ids = ["a-1/x", "a-1/y", "b-1/x", "b-1/y"]
    said = [np.asarray(demo.render_clip(one, 0, 1), np.float32) for one in demo.plan(24, 1)[:8] if not one.faults]
    low, *_, high = sorted(said, key=lambda clip: np.nanmedian(TRACKER(clip)))
    clips = [np.rint(clip * 32767).astype(np.int16) for clip in (low, low, high, high)]
    (data / "audio").mkdir()
    schema = pa.schema({"utterance_id": pa.string(), "samples": pa.list_(pa.int16())})
    pq.write_table(pa.table({"utterance_id": ids, "samples": clips}, schema), data / "audio/part-0000.parquet")
    # The model goes by pitch: b sounds like a woman.
    labels = {"gender": ["male", "male", "male", "male"], "age_group": [None, None, "adult", "adult"]}
    speakers = {"utterance_id": ids, "speaker_id": list("aabb"), "archive": ["a-1", "a-1", "b-1", "b-1"]}
    pd.DataFrame(speakers | labels).to_parquet(data / "metadata.parquet")
    rows = [("gender", "0", "a", "test"), ("gender", "0", "b", "test"), ("age", "0", "b", "test")]
    pd.DataFrame(rows, columns=["target", "fold", "speaker_id", "side"]).to_csv(data / "splits.csv", index=False)
    return data


def test_refusals_are_counted(data):
    figures = refusals.measure([data / "models/softmax"], data, None, None, count=4)
    assert set(figures["softmax"]) == {"gender", "age"}
    for target, clips in (("gender", 4), ("age", 2)):
        kinds = figures["softmax"][target]
        speech = {"speech of test speakers", "speech amid silence", "speech with an offset"}
        in_noise = {f"speech in noise, {snr_db} dB" for snr_db in (20, 15, 10, 5, 0)}
        assert set(kinds) == {"music", "noise", "silence", "too high", "too low"} | speech | in_noise
        assert kinds["silence"] == {"sounds": 4, "refused": 1.0, "refused_or_unsure": 1.0, "reasons": {"no_speech": 4}}
        assert {kinds[kind]["sounds"] for kind in speech | in_noise} == {clips}
        assert {kind for kind, found in kinds.items() if "wrong" in found} == speech | in_noise
        for found in kinds.values():
            assert sum(found["reasons"].values()) == round(found["refused_or_unsure"] * found["sounds"])
    # a is a man, and answered as one; b is a woman who is labelled a man.
    assert figures["softmax"]["gender"]["speech of test speakers"]["wrong"] == 0.5
    assert figures["softmax"]["gender"]["speech in noise, 0 dB"]["reasons"]["too_noisy"] >= 3
    assert "| softmax, age | sounds |" in refusals.render(figures)
    assert "| silence | 4 | 1.000 | 1.000 |  | no_speech 4 |" in refusals.render(figures)


@pytest.fixture
def recorded(tmp_path):
    """A folder of recordings: 60 s of music at 44.1 kHz, two short sounds of another kind, and a folder of texts."""
    for kind in ("music", "bells/small", "texts"):
        (tmp_path / "recorded" / kind).mkdir(parents=True)
    rng = np.random.default_rng(0)
    long = np.repeat(np.linspace(-0.5, 0.5, 60), 44100)  # each second its own level
    soundfile.write(tmp_path / "recorded/music/long.flac", long, 44100)
    for name in ("a", "b"):
        soundfile.write(tmp_path / f"recorded/bells/small/{name}.wav", strange_sounds.noise(rng, 1.5), RATE_HZ)
    (tmp_path / "recorded/texts/readme.txt").write_text("no sound")
    return tmp_path / "recorded"


def test_excerpts_are_spread_over_a_long_recording_and_short_ones_are_taken_whole(recorded):
    kinds = recordings.kinds_of(recorded)
    assert {kind: [path.name for path in files] for kind, files in kinds.items()} == {
        "bells": ["a.wav", "b.wav"],
        "music": ["long.flac"],
    }
    excerpts = recordings.excerpts_of(kinds["music"], 10)
    assert [len(excerpt) for excerpt in excerpts] == [8 * RATE_HZ] * 3
    seconds = [(np.median(excerpt) + 0.5) * 59 for excerpt in excerpts]
    assert seconds == pytest.approx([16.5, 29.5, 42.5], abs=0.6), "where 52 s are divided, and 4 s on"
    assert [len(excerpt) for excerpt in recordings.excerpts_of(kinds["bells"], 10)] == [1.5 * RATE_HZ] * 2
    assert len(recordings.excerpts_of(kinds["music"], 2)) == 2


def test_a_folder_without_recordings_is_told_as_such(recorded, tmp_path):
    with pytest.raises(DataError, match="has no folder with sound files, one for each kind of sound, such as "):
        recordings.kinds_of(recorded / "music")
    with pytest.raises(DataError, match="has no folder with sound files"):
        recordings.kinds_of(tmp_path / "missing")
    (recorded / "music/broken.wav").write_bytes(b"RIFF")
    with pytest.raises(DataError, match=r"broken\.wav: no sound that can be read: .*; take it out of the folder"):
        recordings.excerpts_of(recordings.kinds_of(recorded)["music"], 10)


def test_recordings_are_counted_among_what_should_be_refused(data, recorded):
    figures = refusals.measure([data / "models/softmax"], data, None, None, count=2, recorded=recorded)
    for kinds in figures["softmax"].values():
        assert kinds["recorded music"]["sounds"] == kinds["recorded bells"]["sounds"] == 2


def test_predicting_is_timed(data, monkeypatch):
    monkeypatch.setattr(predicting, "_LONG_SECONDS", 70)
    monkeypatch.setattr(predicting, "_cold_start", lambda *_: 1.25)
    monkeypatch.setattr(predicting, "_DEFAULT_MODEL", "softmax")
    monkeypatch.setattr(predicting, "_MEMORY_HOURS", 0.02)
    (data.parent / "src").symlink_to(ROOT / "src")
    figures = predicting.measure(data.parent, data.parent, [voice("male", 1).astype(np.float32)], runs=1)
    own = figures["models"]["softmax"]
    assert own["cold_start_seconds"] == 1.25 and own["times_real_time"] > 5
    page = predicting.render(figures)
    assert "| softmax | 1.25 |" in page
    assert "inaSpeechSegmenter was not installed" in page
    memory = figures["memory"]
    assert 100 < memory["peak_megabytes"] < 1000, "a process that has loaded a model"
    said = f"one file of 0.02 hours with softmax held {memory['peak_megabytes']:.0f} MB"
    assert said in page
    del figures["memory"]
    assert "Memory" not in predicting.render(figures), "figures of before it was measured"


def test_a_long_file_is_written_piece_by_piece(tmp_path):
    predicting._write_repeated(tmp_path / "x.wav", np.array([0.5, -0.25, 0.125], np.float32), 8)
    written, rate_hz = soundfile.read(tmp_path / "x.wav")
    assert rate_hz == RATE_HZ and written.tolist() == [0.5, -0.25, 0.125, 0.5, -0.25, 0.125, 0.5, -0.25]


def test_serving_is_timed(data, monkeypatch):
    monkeypatch.setattr(serving, "_LOAD_SECONDS", 3.0)
    monkeypatch.setattr(serving, "_LONG_SECONDS", 120)
    monkeypatch.setattr(page_recording, "_RECORDED_SECONDS", 2)
    (data.parent / "src").symlink_to(ROOT / "src")
    figures = serving.measure(data.parent, [voice("male", 1).astype(np.float32)], runs=1)
    assert 0 < figures["answer_seconds"]["softmax"] < 5
    load = figures["load"]
    assert load["statuses"]["200"] == round(3 * load["answers_per_second"]) > 0
    assert set(load["statuses"]) <= {"200", "429"}
    assert load["answer_seconds_median"] <= load["answer_seconds_99"]
    assert figures["long"]["megabytes"] == pytest.approx(120 * 0.032, rel=1e-3)
    assert 0 < figures["long"]["answer_seconds"]["softmax"] < 30
    on_page = figures["page_seconds"]
    assert (on_page is None) == (page_recording.browser_path() is None)
    assert on_page is None or (set(on_page) == {"softmax"} and 0 < on_page["softmax"] < 10)
    page = serving.render(figures | {"page_seconds": {"softmax": 0.7654}})
    assert f"50 clients at once, 3 s, the default model: {load['statuses']['200']} answers" in page
    assert re.search(r"\| softmax \| \d+ \| 765 \| \d+\.\d \|", page) and "headless Chromium" in page
    assert "answer on 2 minutes (a wav file of 4 MB), s" in page
    page = serving.render(figures | {"page_seconds": None})
    assert re.search(r"\| softmax \| \d+ \| – \|", page) and "no Chromium" in page


INA = """
import time

class Segmenter:
    def __init__(self):
        time.sleep(0.3)

    def __call__(self, path):
        print("progress")
        time.sleep(0.1)
        return [("male", 0.0, 1.0)]
"""


@pytest.mark.parametrize("works", [True, False])
def test_the_other_detector_is_timed_where_it_is_installed(tmp_path, monkeypatch, works):
    (tmp_path / "inaSpeechSegmenter.py").write_text(INA if works else "raise OSError('no ffmpeg')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    files = {5: tmp_path / "short.wav", 600: tmp_path / "long.wav"}
    if not works:
        with pytest.raises(DataError, match="inaSpeechSegmenter failed: OSError: no ffmpeg; "):
            predicting._measure_rival(files, 2)
        return
    found = predicting._measure_rival(files, 2)
    assert 0.4 < found["cold_start_seconds"] < 2
    assert 1000 < found["times_real_time"] <= 6000
    row = predicting.render({"models": {}, "rival": {"cold_start_seconds": 9.5, "times_real_time": 20.2}})
    assert "| inaSpeechSegmenter | 9.50 | 20 |" in row
