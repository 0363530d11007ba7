"""The bench: what it measures, the page it writes, what it refuses."""

import sys

import numpy as np
import pyarrow as pa
import pytest

import bench
from support.project import ROOT
from support.sounds import PARAMS, glide, noise, pulses
from voicetraits.bench import features
from voicetraits.bench.speech import clips_of_mirror, clips_of_shards
from voicetraits.bench.timing import alternating, median_ratio
from voicetraits.errors import DataError
from voicetraits.files import write_parquet

pytestmark = pytest.mark.filterwarnings("ignore:n_fft=", "ignore:Empty filters detected")


@pytest.fixture(scope="module")
def figures() -> dict:
    clips = [glide(100, 250, 0.6), pulses(90, 0.5) + noise(0.5, amplitude=0.01), np.zeros(8000)]
    measured = features.measure([clip.astype(np.float32) for clip in clips], PARAMS, runs=1)
    fresh = {"import_seconds": 0.5, "first_clip_seconds": 0.25, "first_clip_seconds_compiling": 5.0}
    return measured | {"fresh_process": fresh}


def test_equal_values_stand_before_the_times(figures):
    equality = figures["equality"]
    assert equality["frames_with_another_f0"] == 0
    # All columns but the 24 of the utterance's spectrum are librosa's as well.
    assert equality["values"] == 3 * (183 - 24)
    assert equality["largest_relative_error_ppm"] < 10, equality
    page = features.render(figures)
    assert page.index("Equal values first") < page.index("audio seconds per second")


def test_every_rival_and_every_part_is_timed(figures):
    page = features.render(figures)
    for name, value in (figures["audio_seconds_per_second"] | figures["milliseconds_per_audio_second"]).items():
        assert value > 0
        assert f"| {name} |" in page
    assert len(figures["audio_seconds_per_second"]) == 7
    assert f"**{figures['times_naive']:.0f} times**" in page
    assert figures["machine"]["processor"] in page
    assert {"formants", "rhythm", "voice_table"} <= set(figures["milliseconds_of_voice"])
    assert "| features: voice: formants |" in page
    whole = figures["milliseconds_per_audio_second"]["the whole extractor"]
    assert f"The whole extractor takes {whole * 0.9:.1f} times as long." in page


@pytest.mark.alone
@pytest.mark.slow
def test_a_fresh_process_extracts_within_two_seconds():
    seconds = features.fresh_process(noise(1.0).astype(np.float32), PARAMS)
    assert seconds["import_seconds"] + seconds["first_clip_seconds"] < 2
    assert seconds["first_clip_seconds"] < seconds["first_clip_seconds_compiling"]


def test_alternating_takes_turns():
    heard = []
    rivals = {"a": lambda item: heard.append(("a", item)), "b": lambda item: heard.append(("b", item))}
    seconds = alternating(rivals, [1, 2], runs=2)
    assert heard == [("a", 1), ("b", 1)] + 2 * [("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert [len(values) for values in seconds.values()] == [2, 2]
    assert median_ratio([2.0, 9.0, 4.0], [1.0, 3.0, 1.0]) == 3


def test_clips_are_spread_over_the_shards(tmp_path):
    for part in range(2):
        samples = pa.array([[100 * part + clip] * 3 for clip in range(4)], pa.list_(pa.int16()))
        write_parquet(pa.table({"samples": samples}), tmp_path / f"part-{part:04d}.parquet")
    clips = clips_of_shards(tmp_path, 4)
    assert [clip.tolist() for clip in clips] == [[value / 32768] * 3 for value in (0, 2, 100, 102)]
    assert len(clips_of_shards(tmp_path, 99)) == 8


def test_without_speech_there_is_one_line(tmp_path):
    with pytest.raises(
        DataError, match=r"holds no part-\*\.parquet; run `dvc repro extract`, or set VOICETRAITS_MIRROR"
    ):
        clips_of_shards(tmp_path, 3)
    with pytest.raises(DataError, match=r"holds no \.tgz with a usable clip; let VOICETRAITS_MIRROR name another"):
        clips_of_mirror(tmp_path, None, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["speed"], "'speed' is no part; allowed: features"), (["--runs", "0"], "--clips and --runs are 1 or more")],
)
def test_what_is_no_part_is_refused(monkeypatch, capsys, arguments, message):
    monkeypatch.setattr(sys, "argv", ["bench.py", *arguments])
    with pytest.raises(SystemExit):
        bench.main()
    assert message in capsys.readouterr().err


def test_each_part_keeps_what_the_other_wrote(monkeypatch, tmp_path, figures, capsys):
    """The page holds all that was measured so far; a part that is measured anew replaces its own figures only."""
    monkeypatch.setattr(bench, "FOLDER", tmp_path)
    shown = {part: lambda found, part=part: f"## {part} {found['n']}" for part in bench.RENDERERS}
    monkeypatch.setattr(bench, "RENDERERS", shown)
    monkeypatch.setattr(bench, "speech", lambda params, count: ("clips", [None]))
    monkeypatch.setattr(features, "fresh_process", lambda clip, params: {})
    assert "##" not in bench.page()
    for part, number in (("features", 1), ("pipeline", 2), ("features", 3)):
        monkeypatch.setattr(features, "measure", lambda *_, number=number, **__: {"n": number})
        monkeypatch.setattr(bench.pipeline, "measure", lambda *_, number=number, **__: {"n": number})
        monkeypatch.setattr(sys, "argv", ["bench.py", part])
        bench.main()
    page = (tmp_path / "README.md").read_text()
    assert "## features 3" in page
    assert "## pipeline 2" in page
    assert page in capsys.readouterr().out


@pytest.mark.parametrize("more", [[], ["--sounds", "recorded"]])
def test_without_recorded_sounds_it_says_so(monkeypatch, tmp_path, capsys, more):
    monkeypatch.setattr(bench, "FOLDER", tmp_path)
    monkeypatch.setattr(bench, "RENDERERS", {"refusals": lambda found: "## refusals"})
    monkeypatch.setattr(bench.refusals, "measure", lambda *_, **__: {})
    monkeypatch.setattr(sys, "argv", ["bench.py", "refusals", *more])
    bench.main()
    assert ("recorded sounds take no part" in capsys.readouterr().err) == (not more)


def test_the_committed_page_is_that_of_the_committed_figures(monkeypatch):
    monkeypatch.chdir(ROOT)
    page = bench.page()
    assert (bench.FOLDER / "README.md").read_text(encoding="utf-8") == page
