"""What goes beyond the answer: explanations, pictures, recordings, labelled folders, long files."""

import io
import json
import subprocess
import sys
import types
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
import soundfile
from sklearn.metrics import balanced_accuracy_score

import summary
from support.project import ROOT
from support.saved_models import BOUNDARY_HZ, EXTRACTOR, SLOPE_HZ, save_softmax
from support.sounds import RATE_HZ
from voicetraits import params
from voicetraits.bench import strange_sounds
from voicetraits.corpora import demo
from voicetraits.errors import DataError, ModelError
from voicetraits.inference import recording
from voicetraits.inference.explaining import share_below
from voicetraits.inference.hearing import Ear
from voicetraits.inference.picture import picture, write_picture
from voicetraits.inference.predictor import Predictor
from voicetraits.inference.scoring import as_json, nested, score
from voicetraits.inference.truth import answer_on, read_truth

PARAMS = params.load(Path(__file__).parents[2] / "params.yaml")


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    save_softmax(folder)
    return Predictor(folder)


@pytest.fixture(scope="module")
def clips():
    """Synthesised speech of many speakers, float32."""
    sound = [one for one in demo.plan(24, 1) if not one.faults]
    return [np.asarray(demo.render_clip(one, 0, 1), np.float32) for one in sound[:: len(sound) // 16][:16]]


def test_an_explanation_adds_up_and_says_where_the_speaker_stands(predictor, clips):
    explanation = predictor.explain((clips[0], RATE_HZ))["gender"]
    f0_hz = predictor((clips[0], RATE_HZ)).answers["gender"].f0_median_hz
    first = explanation.features[0]
    assert first.feature == "f0_median_hz" and first.unit == "Hz"  # the only one that this model hears
    assert first.value == pytest.approx(f0_hz)
    assert first.training_mean == BOUNDARY_HZ
    # Half of the log-odds, which go up by 1 in SLOPE_HZ; the model clips at 5 deviations of 100 Hz.
    assert abs(first.contribution) == pytest.approx(abs(f0_hz - BOUNDARY_HZ) / SLOPE_HZ / 2, rel=1e-5)
    assert explanation.leans_to == ("female" if f0_hz > BOUNDARY_HZ else "male") and first.contribution > 0
    assert first.share_below == pytest.approx((f0_hz - BOUNDARY_HZ + 100) / 200)  # its speakers have all pitches alike
    assert all(moved.contribution == 0 for moved in explanation.features[1:])
    json.dumps(explanation.as_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("value", "share"), [(-5, 0), (0, 0), (5, 0.125), (10, 0.25), (20, 0.625), (30, 0.875), (40, 1), (41, 1)]
)
def test_where_a_value_stands_among_quantiles(value, share):
    """Two of five quantiles are equal: who stands there has as many of them below as above."""
    assert share_below(value, np.array([0, 10, 20, 20, 40], np.float32)) == share


def test_what_is_refused_is_not_explained(predictor):
    assert predictor.explain((np.zeros(RATE_HZ), RATE_HZ)) == {}


def test_a_net_cannot_name_features(predictor, clips, monkeypatch):
    monkeypatch.setitem(predictor._domains, "gender", None)
    with pytest.raises(ModelError, match="works with softmax and tfdf"):
        predictor.explain((clips[0], RATE_HZ))
    with pytest.raises(ModelError, match="works with softmax and tfdf"):
        predictor.require_explainable()


def test_a_picture(predictor, clips, tmp_path):
    chart = picture(predictor, (clips[0], RATE_HZ), title="a voice")
    wave, spectrogram, stated = chart["vconcat"]
    levels = wave["data"]["values"]
    assert max(row["high"] for row in levels) == pytest.approx(clips[0].max(), abs=1e-3)
    points = spectrogram["layer"][1]["data"]["values"]
    f0_hz = [point["Hz"] for point in points if point["what"] == "F0"]
    assert np.median(f0_hz) == pytest.approx(predictor((clips[0], RATE_HZ)).answers["gender"].f0_median_hz)
    formants_hz = pd.DataFrame(point for point in points if point["what"] == "formants").groupby("s")["Hz"]
    assert set(formants_hz.groups) <= {point["s"] for point in points if point["what"] == "F0"}, (
        "where there is a voice"
    )
    f1_median_hz = EXTRACTOR(clips[0])[EXTRACTOR.names.index("f1_median_hz")]
    assert formants_hz.min().median() == pytest.approx(f1_median_hz, rel=0.1)
    assert formants_hz.size().median() >= 3, "F1 to F3 at least lie below the picture's upper end"
    by_time = pd.DataFrame(stated["data"]["values"]).dropna().groupby("s")["p"].sum()
    assert len(by_time) and by_time.to_numpy() == pytest.approx(1)
    for sound in (clips[0], np.zeros(100), np.zeros(RATE_HZ)):
        write_picture(predictor, (sound, RATE_HZ), tmp_path / "a.png", title="a [voice] 音")
        assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_says_where_it_does_not_show_all(predictor, clips):
    minute = np.resize(clips[0], 60 * RATE_HZ)
    for seconds, title in ((60, "a voice"), (62.5, "a voice, first 60 of 62.5 s"), (90, "a voice, first 60 of 90 s")):
        chart = picture(predictor, (np.resize(minute, int(seconds * RATE_HZ)), RATE_HZ), title="a voice")
        assert chart["title"] == title
        assert chart["vconcat"][-1]["encoding"]["x"]["scale"]["domain"] == [0, 60]
    assert picture(predictor, (np.zeros(61 * RATE_HZ), RATE_HZ), title="")["title"] == "first 60 of 61 s"


class FakeDevice(types.ModuleType):
    """What sounddevice offers, with a microphone that hears a sine."""

    class PortAudioError(Exception):
        pass

    def __init__(self, *, fails=None, rate_hz=RATE_HZ):
        super().__init__("sounddevice")

        def query_devices(*, kind):
            assert kind == "input"
            if fails:
                raise fails
            return {"default_samplerate": float(rate_hz)}

        class InputStream:
            def __init__(self, *, samplerate, channels, dtype):
                if fails or samplerate != rate_hz:
                    raise fails or FakeDevice.PortAudioError("Invalid sample rate")
                assert (channels, dtype) == (1, "int16")
                self.heard = 0

            def __enter__(self):
                return self

            def __exit__(self, *_):
                pass

            def read(self, frames):
                times = (self.heard + np.arange(frames)) / rate_hz
                self.heard += frames
                return np.rint(8000 * np.sin(2 * np.pi * 200 * times)).astype(np.int16)[:, None], False

        self.InputStream, self.query_devices = InputStream, query_devices


@pytest.mark.parametrize("rate_hz", [RATE_HZ, 48_000, 44_100])
def test_recording_says_when_to_speak_shows_the_level_and_is_kept(monkeypatch, tmp_path, rate_hz):
    """Also of a device that has no rate but its own."""
    monkeypatch.setitem(sys.modules, "sounddevice", FakeDevice(rate_hz=rate_hz))
    out = io.StringIO()
    samples = recording.record(1.25, out)
    assert samples.dtype == np.int16 and len(samples) == 1.25 * RATE_HZ
    assert out.getvalue().startswith("speak now\n") and out.getvalue().count("[####") == 13
    recording.save(samples, tmp_path / "out.wav")
    kept, rate_hz = soundfile.read(tmp_path / "out.wav", dtype="int16")
    assert rate_hz == RATE_HZ and (kept == samples).all()
    assert np.argmax(np.abs(np.fft.rfft(kept))) == 250  # 200 Hz over 1.25 s


def test_without_a_microphone_or_what_reaches_one_it_is_one_line(monkeypatch):
    for error in (FakeDevice.PortAudioError("Error querying device -1"), ValueError("No input\ndevice -1")):
        monkeypatch.setitem(sys.modules, "sounddevice", FakeDevice(fails=error))
        with pytest.raises(DataError, match=r"no microphone.*device -1"):
            recording.record(1.0, io.StringIO())
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(DataError, match="pip install sounddevice"):
        recording.record(1.0, io.StringIO())


def test_the_meter():
    assert recording.meter(np.zeros(100, np.int16)) == f"[{' ' * 30}]"
    assert recording.meter(np.full(100, 32767, np.int16)) == f"[{'#' * 30}]"
    assert recording.meter(np.full(100, 1036, np.int16)) == f"[{'#' * 15}{' ' * 15}]"  # −30 dB


@pytest.fixture(scope="module")
def labelled(clips, tmp_path_factory):
    """A folder with clips.csv, whose labels go by pitch but for two that are wrong and one that is blank."""
    folder = tmp_path_factory.mktemp("labelled")
    rows = []
    for number, clip in enumerate(clips):
        soundfile.write(folder / f"{number}.wav", clip, RATE_HZ)
        female = EXTRACTOR(clip)[EXTRACTOR.names.index("f0_median_hz")] > BOUNDARY_HZ
        gender = ["Male", "Female"][bool(female) != (number in (2, 5))] if number else ""
        rows.append({"path": f"{number}.wav", "speaker_id": f"s{number}", "gender": gender, "age": "30"})
    soundfile.write(folder / "silence.wav", np.zeros(RATE_HZ), RATE_HZ)
    rows.append({"path": "silence.wav", "speaker_id": "silent", "gender": "Male", "age": ""})
    rows.append({"path": "none.wav", "speaker_id": "silent", "gender": "Male", "age": ""})
    pd.DataFrame(rows).to_csv(folder / "clips.csv", index=False)
    return folder


def test_scores_on_a_labelled_folder_are_scikit_learns(predictor, labelled, tmp_path):
    scored = answer_on(predictor, labelled / "clips.csv", PARAMS)
    scores, notes = score(predictor, scored, PARAMS, data=tmp_path)
    own = scores["gender"].query("unit == 'clips'").set_index("score")
    truth = pd.read_csv(labelled / "clips.csv").dropna(subset=["gender"])[:-2]
    said = [predictor(labelled / path).answers["gender"].label for path in truth["path"]]
    uar = balanced_accuracy_score(truth["gender"].str.lower(), said)
    assert own.loc["uar", "value"] == pytest.approx(uar, abs=1e-6)
    assert own.loc["uar", "low"] < uar < own.loc["uar", "high"]
    assert set(scores["gender"]["model"]) == {"softmax"}
    assert notes == [
        f"gender: no baselines, since {tmp_path} does not hold what the model learnt from",
        "gender: 15 clips are scored; set aside: no_label 1, no_speech 1, unreadable 1",
    ]
    assert scored.unreadable == {str(labelled / "none.wav"): "there is no such file"}


def test_a_class_that_lacks_is_said_and_its_scores_are_unknown(predictor, labelled, tmp_path, monkeypatch):
    scored = answer_on(predictor, labelled / "clips.csv", PARAMS)
    model = predictor.models["gender"]
    config = replace(model.config, classes=(*model.config.classes, "other"))
    monkeypatch.setitem(predictor.models, "gender", replace(model, config=config))
    tables = {"gender": scored.tables["gender"].assign(p_other=0.0)}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores, notes = score(predictor, replace(scored, tables=tables), PARAMS, data=tmp_path)
    told = "gender: no clip is labelled other, so that no score that averages over the classes is known"
    assert told in notes
    clips = json.loads(as_json(scores))["gender"]["softmax"]["clips"]
    assert clips["uar"] is clips["recall_other"] is None and clips["recall_female"] > 0.5 and clips["accuracy"] > 0.5
    assert "gender softmax clips nan nan–nan" in " ".join(summary.table(nested(scores)).split())


def test_labels_are_settled_by_speaker_as_for_training(predictor, labelled):
    """Who states two genders has none, and who states one states it of every clip."""
    table = pd.read_csv(labelled / "clips.csv", dtype=str, keep_default_na=False)[:7]
    table["speaker_id"] = ["both", " both ", "both", "Zo\u00e9", "Zoe\u0301", "low", "high"]
    table["gender"] = ["Male", "", "Female", "Female", "", "m", "F"]
    table.to_csv(labelled / "speakers.csv", index=False)
    scored = answer_on(predictor, labelled / "speakers.csv", PARAMS)
    assert scored.tables["gender"][["speaker_id", "label"]].to_numpy().tolist() == [
        ["Zo\u00e9", "female"], ["Zo\u00e9", "female"], ["low", "male"], ["high", "female"]
    ]  # fmt: skip
    assert scored.set_aside["gender"] == {"no_label": 3}


def test_labels_of_one_class_are_said_before_the_first_sound(predictor, labelled, monkeypatch, tmp_path):
    monkeypatch.setattr(Predictor, "__call__", lambda *_: pytest.fail("it listens"))
    table = pd.read_csv(labelled / "clips.csv").assign(gender="Male")
    table.to_csv(tmp_path / "clips.csv", index=False)
    with pytest.raises(DataError, match=r"clips.csv labels clips of fewer than two classes \(gender: female, male\);"):
        answer_on(predictor, tmp_path / "clips.csv", PARAMS)


def test_one_class_that_is_left_after_listening_is_said(predictor, labelled):
    scored = answer_on(predictor, labelled / "clips.csv", PARAMS)
    for table in (scored.tables["gender"].query("label == 'male'"), pd.DataFrame()):
        few = replace(scored, tables={"gender": table})
        with pytest.raises(DataError, match=r"^nothing to score: gender: .*; set aside: no_label 1, no_speech 1"):
            score(predictor, few, PARAMS, data=labelled)


def test_a_table_of_truth_that_is_not_one_is_said(tmp_path):
    path = tmp_path / "clips.csv"
    for text, message in (
        ("path,gender\na,f\n", "no column 'speaker_id'"),
        ("path,speaker_id,gender,age\n", "no rows"),
        ("path,speaker_id,gender,age\na,,f,1\n", "row 2: speaker_id is blank"),
        ("path,speaker_id,gender,age\n\xff", "cannot be read"),
        ("path,speaker_id,gender,age\na,b,f,1,c\n", "row 2: more values than columns"),
        ("path,speaker_id,gender,age\na\0,b,f,1\n", "row 2: the path holds the character NUL|cannot be read"),
        ("path,speaker_id,gender,age\na,x,f,1\nb,x,f,1\n./a,y,m,\n", "rows 2 and 4: both name .*; name each file once"),
    ):
        path.write_bytes(text.encode("latin-1"))
        with pytest.raises(DataError, match=message):
            read_truth(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_truth(tmp_path / "none.csv")


def analysis_of(samples):
    return EXTRACTOR.analyse(np.asarray(samples, np.float32))


def test_most_clear_speech_needs_no_detector(clips):
    class Counting(Ear):
        calls = 0

        def _detects(self, samples):
            self.calls += 1
            return super()._detects(samples)

    ear = Counting()
    for clip in clips:
        heard = ear.hear(analysis_of(clip))
        assert heard.refusal is None
        assert heard.voiced_seconds <= heard.seconds and 0.3 < heard.speech_seconds / heard.seconds <= 1
    assert ear.calls <= len(clips) / 4


def test_a_voice_without_odd_harmonics_is_an_octave_too_high(clips):
    high = strange_sounds.moved(clips[1], 600 / np.nanmedian(analysis_of(clips[1]).f0_hz), formants=True)
    assert Ear().hear(analysis_of(high)).refusal is not None


def test_speech_that_drowns_in_noise_is_refused(clips):
    rng = np.random.default_rng(1)
    for clip in clips[:4]:
        drowned = clip + 2 * clip.std() * rng.standard_normal(len(clip)).astype(np.float32)
        assert Ear().hear(analysis_of(drowned.clip(-1, 1))).refusal is not None


def test_the_detector_stops_when_it_is_decided():
    class Counting:
        calls = 0

        def __init__(self, answers):
            self.answers = iter(answers)

        def reset(self):
            pass

        def chunk_samples(self):
            return 512

        def process_samples(self, chunk):
            assert len(chunk) == 512
            self.calls += 1
            return next(self.answers)

    for answers, expected, calls in (([0.9] * 40, True, 10), ([0.1] * 40, False, 31), ([0, 1] * 20, True, 20)):
        ear = Ear()
        ear.__dict__["_detector"] = detector = Counting(answers)
        assert ear._detects(np.zeros(40 * 512 - 7, np.float32)) is expected
        assert detector.calls == calls


def test_the_detector_has_one_thread_and_leaves_those_of_others():
    """Its own four would wait for one another some hundred times in each chunk."""
    code = """
import os, resource
import numpy as np
from voicetraits.inference.hearing import Ear
before = dict(os.environ)
ear = Ear()
ear._detector
assert dict(os.environ) == before
noise = np.random.default_rng(0).normal(0, 0.1, 300 * 512).astype(np.float32)
waits = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
ear._detects(noise)
print(resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - waits)
"""
    printed = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "src", capture_output=True, text=True, check=True
    ).stdout
    assert int(printed) < 300  # of 300 chunks


def test_hearing_tells_nothing_of_silence():
    heard = Ear().hear(analysis_of(np.zeros(RATE_HZ)))
    assert replace(heard, refusal=None) == type(heard)(1.0, 0.0, 0.0, None, None)


@pytest.mark.slow
def test_what_is_streamed_is_not_kept(predictor, clips, tmp_path):
    """Five minutes first, for what any file needs; five times as much may cost no more.

    The bound is coarse, as this process holds much else; ten hours of the command: tests/pipeline/test_long_files.py.
    """
    voice = np.concatenate(clips)
    path = tmp_path / "long.flac"
    peaks = []
    for minutes in (5, 25):
        with soundfile.SoundFile(path, "w", 44100, 2, format="FLAC") as file:
            written = 0
            while written < minutes * 60 * 44100:
                file.write(np.stack([voice, voice], axis=1))
                written += len(voice)
        peak = 0
        for number, _ in enumerate(predictor.stream(path)):
            if number % 50 == 0:
                peak = max(peak, psutil.Process().memory_info().rss)
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 30e6
