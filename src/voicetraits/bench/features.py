"""Speed of the feature extractor beside librosa and openSMILE, one process and one thread each, on the same clips."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from voicetraits.bench.parts import FLOOR, FLOOR_MILLISECONDS, by_module
from voicetraits.bench.rivals import Librosa, opensmile_egemaps
from voicetraits.bench.timing import alternating, machine, median_ratio
from voicetraits.features import voice
from voicetraits.features.analysis import Analysis
from voicetraits.features.extractor import SAMPLE_RATE_HZ, FeatureExtractor, FeaturizeParams

_VERSIONS = ("librosa", "numba", "numpy", "opensmile", "scipy")
_OURS, _OURS_BOTH, _NAIVE = "voicetraits, all", "voicetraits, what librosa has", "librosa, all from the samples"
_OURS_NO_F0, _SHARED, _SHARED_NO_F0 = "the same without F0", "librosa, shared STFT", "the same with librosa, without F0"
_EGEMAPS = "openSMILE eGeMAPSv02"
_VOICE, _WHOLE = "features: voice", "the whole extractor"
#: The families that librosa has too.
_OF_BOTH = ("frames", "cepstrum", "pitch")
#: Of a value near 0, such as a mean of deltas, float32 leaves this much.
_ABSOLUTE = 2e-6

_FRESH = """
import time
start = time.perf_counter()
import json, sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from voicetraits.features.extractor import FeatureExtractor, FeaturizeParams
imported = time.perf_counter()
extractor = FeatureExtractor(FeaturizeParams(**json.loads(sys.argv[2])))
extractor.extract(np.load(sys.argv[3]))
print(json.dumps([imported - start, time.perf_counter() - imported]))
"""


class _Prepared(NamedTuple):
    """A clip with what its parts need."""

    samples: np.ndarray
    analysis: Analysis
    candidates: tuple[np.ndarray, np.ndarray, np.ndarray]


def measure(clips: Sequence[np.ndarray], params: FeaturizeParams, *, runs: int) -> dict[str, Any]:
    """All figures of this bench.

    Args:
        clips: each (n,) float32 at 16 kHz.
        runs: how often each clip is timed.
    """
    params = replace(params, pre_emphasis=0.0)  # see `Librosa`
    extractor = FeatureExtractor(params)
    naive = Librosa(params, shared=False)
    both = [family for family in extractor.families if family.name in _OF_BOTH]

    unvoiced = np.empty(0)

    def ours_of_both(samples: np.ndarray) -> None:
        analysis = extractor.analyse(samples)
        for family in both:
            family.compute(analysis)

    def ours_without_f0(samples: np.ndarray) -> None:
        analysis = extractor.analyse(samples, f0_hz=unvoiced)
        for family in both:
            if family.name != "pitch":
                family.compute(analysis)

    rivals: dict[str, Callable[[np.ndarray], object]] = {
        _OURS: extractor.extract,
        _OURS_BOTH: ours_of_both,
        _OURS_NO_F0: ours_without_f0,
        _NAIVE: naive,
        _SHARED: Librosa(params, shared=True),
        _SHARED_NO_F0: Librosa(params, shared=True, f0=False),
        _EGEMAPS: opensmile_egemaps(),
    }
    audio_seconds = sum(len(clip) for clip in clips) / SAMPLE_RATE_HZ
    with threadpool_limits(1):
        equality = _equality(extractor, naive, clips)
        seconds = alternating(rivals, clips, runs=runs)
        prepared = [_prepared(extractor, clip) for clip in clips]
        parts = alternating(_parts(extractor), prepared, runs=runs)
        of_voice = [_of_voice(extractor, prepared) for _ in range(runs)]
    part_seconds = {name: statistics.median(values) for name, values in parts.items()}
    of_voice_seconds = {name: statistics.median(run[name] for run in of_voice) for name in of_voice[0]}
    return {
        "machine": machine(_VERSIONS),
        "clips": len(clips),
        "audio_seconds": audio_seconds,
        "runs": runs,
        "equality": equality,
        "audio_seconds_per_second": {
            name: audio_seconds / statistics.median(values) for name, values in seconds.items()
        },
        "times_naive": median_ratio(seconds[_NAIVE], seconds[_OURS_BOTH]),
        "times_naive_all": median_ratio(seconds[_NAIVE], seconds[_OURS]),
        "times_shared_stft": median_ratio(seconds[_SHARED], seconds[_OURS_BOTH]),
        "times_shared_stft_without_f0": median_ratio(seconds[_SHARED_NO_F0], seconds[_OURS_NO_F0]),
        "times_egemaps": median_ratio(seconds[_EGEMAPS], seconds[_OURS]),
        "milliseconds_per_audio_second": {name: 1000 * value / audio_seconds for name, value in part_seconds.items()},
        "milliseconds_of_voice": {name: 1000 * value / audio_seconds for name, value in of_voice_seconds.items()},
    }


def render(figures: dict[str, Any]) -> str:
    """The figures of `measure`, with those of `fresh_process` under that name, as Markdown."""
    m, equality, fresh = figures["machine"], figures["equality"], figures["fresh_process"]
    versions = ", ".join(f"{name} {m[name]}" for name in ("python", *_VERSIONS))
    speeds = figures["audio_seconds_per_second"]
    rows = [f"| {name} | {value:,.0f} |" for name, value in speeds.items()]
    milliseconds = figures["milliseconds_per_audio_second"]
    whole = milliseconds[_WHOLE]
    lines = [
        "## Features",
        "",
        f"{figures['clips']} clips, {figures['audio_seconds']:.0f} s of speech; {m['processor']}, {m['system']}; "
        f"{versions}. One process and one thread each; all take each clip in turn, {figures['runs']} times; medians.",
        "",
        f"Equal values first: of {equality['frames']:,} frames, {equality['frames_with_another_f0']} have another F0 "
        f"than `librosa.pyin` gives; of {equality['values']:,} values that librosa has too, the largest relative error "
        f"is {equality['largest_relative_error_ppm']:.2g} parts per million (`{equality['column']}`).",
        "",
        "| what | audio seconds per second |",
        "| --- | --- |",
        *rows,
        "",
        f"On what both have, voicetraits is **{figures['times_naive']:.0f} times** as fast as librosa from samples "
        f"and {figures['times_shared_stft']:.0f} times as librosa with a shared STFT "
        f"({figures['times_shared_stft_without_f0']:.1f} times without F0). With all its features it is "
        f"{figures['times_naive_all']:.0f} times as fast as the former, and {figures['times_egemaps']:.1f} times as "
        "openSMILE with its own.",
        "",
        "| part of the extractor | milliseconds per audio second |",
        "| --- | --- |",
        *_part_rows(milliseconds, figures.get("milliseconds_of_voice", {})),  # older figures have none
        "",
        f"{FLOOR} The whole extractor takes {whole / FLOOR_MILLISECONDS:.1f} times as long.",
        "",
        f"A fresh process with compiled kernels in its cache imports in {fresh['import_seconds']:.2f} s and has the "
        f"first clip after {fresh['first_clip_seconds']:.2f} s more; with an empty cache, after "
        f"{fresh['first_clip_seconds_compiling']:.1f} s.",
    ]
    return "\n".join(lines) + "\n"


def _equality(extractor: FeatureExtractor, naive: Librosa, clips: Sequence[np.ndarray]) -> dict[str, Any]:
    """How far ours are from librosa's, which gets float64 samples, so that all rounding is ours."""
    frames = another_f0 = values = 0
    largest, column = 0.0, ""
    for samples in clips:
        exact = samples.astype(np.float64)
        own_hz, f0_hz = extractor.analyse(samples).f0_hz, naive.f0_hz(exact)
        frames += len(f0_hz)
        another_f0 += int((~((own_hz == f0_hz) | (np.isnan(own_hz) & np.isnan(f0_hz)))).sum())
        own = dict(zip(extractor.names, extractor(samples).tolist(), strict=True))
        for name, expected in naive(exact).items():
            values += 1
            error = max(abs(own[name] - expected) - _ABSOLUTE, 0) / max(abs(expected), _ABSOLUTE)
            if error > largest:
                largest, column = error, name
    return {
        "frames": frames,
        "frames_with_another_f0": another_f0,
        "values": values,
        "largest_relative_error_ppm": 1e6 * largest,
        "column": column,
    }


def _prepared(extractor: FeatureExtractor, samples: np.ndarray) -> _Prepared:
    return _Prepared(samples, extractor.analyse(samples), extractor.analyse.tracker.candidates(samples))


def _parts(extractor: FeatureExtractor) -> dict[str, Callable[[_Prepared], object]]:
    """What can be timed by itself, and all of it."""
    analyse = extractor.analyse
    parts: dict[str, Callable[[_Prepared], object]] = {
        "short-time spectrum": lambda clip: analyse.short_time(clip.samples),
        "F0: candidates": lambda clip: analyse.tracker.candidates(clip.samples),
        "F0: search": lambda clip: analyse.tracker.search(*clip.candidates),
        "filter banks, log-mel": lambda clip: analyse.filter(clip.analysis.power),
    }
    for family in extractor.families:
        parts[f"features: {family.name}"] = lambda clip, family=family: family.compute(clip.analysis)
    parts[_WHOLE] = lambda clip: extractor.extract(clip.samples)
    return parts


def _of_voice(extractor: FeatureExtractor, clips: Sequence[_Prepared]) -> dict[str, float]:
    """Seconds of the modules that the voice family is made of."""
    family = next(family for family in extractor.families if family.name == "voice")
    return by_module(family.compute, [clip.analysis for clip in clips], voice)


def _part_rows(milliseconds: Mapping[str, float], of_voice: Mapping[str, float]) -> list[str]:
    """Rows of a table; the voice family's modules stand under it."""
    rows = []
    for name, value in milliseconds.items():
        rows.append(f"| {name} | {value:.3f} |")
        if name == _VOICE:
            rows += [f"| {_VOICE}: {module} | {took:.3f} |" for module, took in of_voice.items()]
    return rows


def fresh_process(clip: np.ndarray, params: FeaturizeParams) -> dict[str, float]:
    """Seconds until a new Python process has imported the extractor, and from then to its first row: medians of five.

    With compiled kernels in numba's cache, and once with an empty cache.
    """
    with tempfile.TemporaryDirectory() as folder:
        np.save(file := Path(folder) / "clip.npy", clip)
        source = str(Path(__file__).parents[2])
        command = [sys.executable, "-c", _FRESH, source, json.dumps(asdict(params)), str(file)]

        def once(**environment: str) -> list[float]:
            printed = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, check=True)
            return json.loads(printed.stdout)

        compiling = once(NUMBA_CACHE_DIR=folder)[1]
        imports, firsts = zip(*(once() for _ in range(5)), strict=True)
    return {
        "import_seconds": statistics.median(imports),
        "first_clip_seconds": statistics.median(firsts),
        "first_clip_seconds_compiling": compiling,
    }
