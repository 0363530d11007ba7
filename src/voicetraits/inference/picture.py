"""Draws a sound: waveform, spectrogram with pitch and formants, and what the models state over time."""

from pathlib import Path
from typing import Any

import numpy as np

from voicetraits.errors import ModelError
from voicetraits.features.analysis import Analysis
from voicetraits.features.formants import FormantTracker
from voicetraits.features.low_rate import LowRate
from voicetraits.files import written_aside
from voicetraits.inference.predictor import LONGEST_CLIP_SECONDS, SAMPLE_RATE_HZ, LookedAt, Predictor
from voicetraits.inference.sound import Sound

_WINDOW_SECONDS, _HOP_SECONDS = 2.0, 0.5
_WIDTH = 900
#: Cells of the spectrogram: what an eye tells apart and a chart of shapes bears.
_COLUMNS, _ROWS, _CEILING_HZ = 400, 80, 5000.0
_FORMANT_CEILING_HZ = 5500.0
_RANGE_DB = 60.0
_TIME = {"field": "s", "type": "quantitative", "title": "seconds"}


def write_picture(predictor: Predictor, sound: Sound, path: Path, *, title: str) -> None:
    """Write a PNG of a sound; see `png_of`.

    Raises:
        DataError: it cannot be read.
        ModelError: there is nothing to draw with.
    """
    content = png_of(predictor, sound, title=title, scale=1.5)
    with written_aside(path) as aside:
        aside.write_bytes(content)


def require_drawing() -> None:
    """Check that there is something to draw with. Raises ModelError."""
    try:
        import vl_convert  # noqa: F401 (takes its time to load, so that it is loaded where it is needed)
    except ImportError:
        raise ModelError("drawing needs the package vl-convert-python; `pip install vl-convert-python`") from None


def png_of(predictor: Predictor, sound: Sound, *, title: str, scale: float) -> bytes:
    """A PNG of a sound, of a longer one up to LONGEST_CLIP_SECONDS; `scale` 1 makes it about 1,050 pixels wide.

    Raises:
        DataError: it cannot be read.
        ModelError: there is nothing to draw with.
    """
    require_drawing()
    import vl_convert

    return vl_convert.vegalite_to_png(picture(predictor, sound, title=title), scale=scale)


def picture(predictor: Predictor, sound: Sound, *, title: str) -> dict[str, Any]:
    """The chart, as Vega-Lite; its title says where it does not show all of the sound."""
    seen = predictor.over_time(sound, window_seconds=_WINDOW_SECONDS, hop_seconds=_HOP_SECONDS)
    end = len(seen.samples) / SAMPLE_RATE_HZ
    time = {**_TIME, "scale": {"domain": [0, end], "nice": False}}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": ", ".join(filter(None, (title, _part(seen)))),
        "config": {"background": "white", "font": "sans-serif"},
        "resolve": {"scale": {"color": "independent"}},
        "vconcat": [
            _waveform(seen, time),
            _spectrogram(seen.analysis, time),
            *_stated(predictor, seen, time),
            *_listening(predictor, seen, time),
        ],
    }


def _part(seen: LookedAt) -> str:
    """Which part of the sound is seen; empty where it is all."""
    if seen.duration_seconds <= LONGEST_CLIP_SECONDS:
        return ""
    return f"first {LONGEST_CLIP_SECONDS:g} of {round(seen.duration_seconds, 2):g} s"


def _waveform(seen: LookedAt, time: dict) -> dict[str, Any]:
    step = max(1, len(seen.samples) // (2 * _COLUMNS))
    cut = seen.samples[: len(seen.samples) // step * step].reshape(-1, step) / 32768  # (columns, step)
    rows = [
        {"s": number * step / SAMPLE_RATE_HZ, "low": float(low), "high": float(high)}
        for number, (low, high) in enumerate(zip(cut.min(axis=1), cut.max(axis=1), strict=True))
    ]
    return {
        "width": _WIDTH,
        "height": 90,
        "data": {"values": rows},
        "mark": {"type": "area", "color": "#2f6f9f"},
        "encoding": {
            "x": {**time, "title": None},
            "y": {"field": "low", "type": "quantitative", "title": "amplitude"},
            "y2": {"field": "high"},
        },
    }


def _spectrogram(analysis: Analysis, time: dict) -> dict[str, Any]:
    hz = {"type": "quantitative", "title": "Hz", "scale": {"domain": [0, _CEILING_HZ]}}
    hop_seconds = analysis.hop_length / analysis.sample_rate_hz
    seconds = np.arange(len(analysis.f0_hz)) * hop_seconds
    voiced = np.flatnonzero(~np.isnan(analysis.f0_hz))
    points = [{"s": seconds[t], "Hz": analysis.f0_hz[t], "what": "F0"} for t in voiced]
    for t, frequencies_hz in zip(voiced, _formants_hz(analysis, voiced), strict=True):
        points += [
            {"s": seconds[t], "Hz": float(f), "what": "formants"} for f in frequencies_hz if f < _CEILING_HZ
        ]  # NaN is not below
    return {
        "width": _WIDTH,
        "height": 260,
        "layer": [
            {
                "data": {"values": _cells(analysis)},
                "mark": {"type": "rect"},
                "encoding": {
                    "x": {**time, "title": None}, "x2": {"field": "s2"},
                    "y": {"field": "Hz", **hz}, "y2": {"field": "Hz2"},
                    "color": {
                        "field": "dB", "type": "quantitative", "scale": {"scheme": "greys"},
                        "title": "dB below the loudest",
                    },
                },
            },
            {
                "data": {"values": points},
                "mark": {"type": "point", "filled": True, "size": 7, "opacity": 0.9},
                "encoding": {
                    "x": {**time, "title": None},
                    "y": {"field": "Hz", **hz},
                    "color": {
                        "field": "what", "type": "nominal", "title": None,
                        "scale": {"domain": ["F0", "formants"], "range": ["#c2571a", "#4c8cd0"]},
                    },
                },
            },
        ],
        "resolve": {"scale": {"color": "independent"}},
    }  # fmt: skip


def _cells(analysis: Analysis) -> list[dict[str, float]]:
    """The loudest of the frames and bins in each cell, in dB below the loudest of all."""
    bins = int(_CEILING_HZ * analysis.n_fft / analysis.sample_rate_hz)
    power = analysis.power[:, :bins]
    across, up = max(1, -(-len(power) // _COLUMNS)), max(1, -(-bins // _ROWS))
    padded = np.pad(power, ((0, -len(power) % across), (0, -bins % up)))
    loudest = padded.reshape(len(padded) // across, across, -1, up).max(axis=(1, 3))  # (columns, rows)
    level_db = 10 * np.log10(np.maximum(loudest, 1e-12))
    level_db = np.maximum(level_db - level_db.max(), -_RANGE_DB)
    seconds, hz = across * analysis.hop_length / analysis.sample_rate_hz, up * analysis.sample_rate_hz / analysis.n_fft
    return [
        {"s": i * seconds, "s2": (i + 1) * seconds, "Hz": k * hz, "Hz2": (k + 1) * hz, "dB": round(float(level), 1)}
        for i, column in enumerate(level_db)
        for k, level in enumerate(column)
    ]


def _formants_hz(analysis: Analysis, frames: np.ndarray) -> np.ndarray:
    """(frames, 4), NaN where there are fewer."""
    if not len(frames):
        return np.empty((0, 4))
    low_rate = LowRate(analysis.sample_rate_hz, 2 * _FORMANT_CEILING_HZ)
    tracker = FormantTracker(low_rate.to_hz)
    frequencies_hz, _ = tracker(low_rate(analysis.samples), low_rate.places(frames * analysis.hop_length))
    return frequencies_hz


def _stated(predictor: Predictor, seen: LookedAt, time: dict) -> list[dict[str, Any]]:
    """For each target, the calibrated probabilities of windows, at their middles; gaps where they are refused."""
    charts = []
    for target, model in predictor.models.items():
        rows = []
        for window in seen.windows:
            middle = (window.start_seconds + window.end_seconds) / 2
            stated = window.stated.get(target)
            values = [None] * len(model.config.classes) if stated is None else model.calibration.apply(stated[None])[0]
            rows += [
                {"s": middle, "class": name, "p": None if value is None else float(value)}
                for name, value in zip(model.config.classes, values, strict=True)
            ]
        charts.append(
            {
                "width": _WIDTH,
                "height": 90,
                "data": {"values": rows},
                "mark": {"type": "line", "point": True, "invalid": "break-paths-filter-domains"},
                "encoding": {
                    "x": time,
                    "y": {"field": "p", "type": "quantitative", "title": target, "scale": {"domain": [0, 1]}},
                    "color": {"field": "class", "type": "nominal", "sort": list(model.config.classes), "title": None},
                },
            }
        )
    return charts


def _listening(predictor: Predictor, seen: LookedAt, time: dict) -> list[dict[str, Any]]:
    """For each net, how much less sure it is without each stretch of time and bands."""
    charts = []
    for target, map_ in seen.occlusions.items():
        config = predictor.models[target].config
        seconds = map_.frames * config.feature_params["hop_seconds"]
        rows = [
            {
                "s": float(seconds[i]), "s2": float(min(seconds[i + 1], time["scale"]["domain"][1])),
                "band": int(map_.bands[k]), "band2": int(map_.bands[k + 1]), "drop": float(map_.drop[i, k]),
            }
            for i, k in np.ndindex(*map_.drop.shape)
        ]  # fmt: skip
        largest = max(float(np.abs(map_.drop).max()), 1e-6)
        charts.append(
            {
                "width": _WIDTH,
                "height": 110,
                "title": f"where the net listens for {target}: {config.classes[map_.label]}",
                "data": {"values": rows},
                "mark": {"type": "rect"},
                "encoding": {
                    "x": time,
                    "x2": {"field": "s2"},
                    "y": {"field": "band", "type": "quantitative", "title": "mel band", "scale": {"nice": False}},
                    "y2": {"field": "band2"},
                    "color": {
                        "field": "drop",
                        "type": "quantitative",
                        "title": "log-odds lost without it",
                        "scale": {"scheme": "purpleorange", "domain": [largest, -largest]},
                    },
                },
            }
        )
    return charts
