"""Draws a picture for each family of features into src/voicetraits/features/pictures/: python tools/feature_pictures.py

The voices are two of the demo corpus, which a program makes: a woman's and a man's.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import vl_convert

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "src"))

from voicetraits import params  # noqa: E402
from voicetraits.corpora import demo  # noqa: E402
from voicetraits.features import perturbation, rhythm, voice_table  # noqa: E402
from voicetraits.features.analysis import Analysis  # noqa: E402
from voicetraits.features.extractor import SAMPLE_RATE_HZ, FeatureExtractor, FeaturizeParams  # noqa: E402
from voicetraits.features.formants import FormantTracker  # noqa: E402
from voicetraits.features.low_rate import LowRate  # noqa: E402
from voicetraits.features.periodicity import PeriodicityTracker  # noqa: E402
from voicetraits.files import written_aside  # noqa: E402

FOLDER = ROOT / "src/voicetraits/features/pictures"
WIDTH, HEIGHT = 560, 200
SHOWN_SECONDS = 2.0
COLOURS = {"domain": ["woman", "man"], "range": ["#c2571a", "#2f6f9f"]}


def main() -> None:
    setting = params.get(params.load(ROOT / "params.yaml"), "featurize", FeaturizeParams)
    extractor = FeatureExtractor(setting)
    voices = {who: extractor.analyse(samples) for who, samples in speakers().items()}
    values = {who: dict(zip(extractor.names, extractor(one.samples), strict=True)) for who, one in voices.items()}
    charts = {
        "spectrum": spectrum(voices["woman"], values["woman"]),
        "frames": frames(voices["woman"]),
        "cepstrum": cepstrum(voices["woman"], setting),
        "pitch": pitch(voices),
        "formants": formants(voices, setting),
        "perturbation": cycles(voices["man"], setting),
        "harmonicity": harmonics(voices["woman"]),
        "balance": balance(voices),
        "voice_table": windows(voices["woman"]),
        "rhythm": loudness(voices["woman"]),
    }
    for name, chart in charts.items():
        if name in ("frames", "cepstrum"):  # thousands of cells
            with written_aside(FOLDER / f"{name}.png") as aside:
                aside.write_bytes(vl_convert.vegalite_to_png(chart))
        else:
            with written_aside(FOLDER / f"{name}.svg") as aside:
                aside.write_text(vl_convert.vegalite_to_svg(chart), encoding="utf-8")


def speakers() -> dict[str, np.ndarray]:
    """Two seconds of an adult woman and of an adult man, (n,) float32."""
    found: dict[str, np.ndarray] = {}
    for submission in demo.plan(24, 1):
        who = {"female": "woman", "male": "man"}.get(submission.gender)
        if who and who not in found and submission.age_group == "adult" and not submission.faults:
            samples = np.asarray(demo.render_clip(submission, 0, 1), np.float32)
            found[who] = samples[: round(SHOWN_SECONDS * SAMPLE_RATE_HZ)]
    return {who: found[who] for who in COLOURS["domain"]}


def spectrum(voice: Analysis, values: dict[str, float]) -> dict:
    """The utterance's spectrum with its quartiles."""
    amplitudes = np.abs(np.fft.rfft(voice.samples))
    width = len(amplitudes) // 400
    means = amplitudes[: 400 * width].reshape(400, width).mean(axis=1)
    data = pd.DataFrame({"frequency": np.arange(400) * 8000 / 400, "amplitude": means / means.sum()})
    names = {"q25_hz": "first quartile", "median_hz": "median", "q75_hz": "third quartile"}
    rules = [{"frequency": float(values[f"spectrum_{key}"]), "what": what} for key, what in names.items()]
    x = axis("frequency", "frequency, Hz")
    return layered(
        {"data": rows(data), "mark": "area", "encoding": {"x": x, "y": axis("amplitude", "share of the amplitude")}},
        {"data": {"values": rules}, "mark": {"type": "rule", "color": "black"}, "encoding": {"x": x}},
        {
            "data": {"values": rules},
            "mark": {"type": "text", "align": "left", "dx": 3, "y": 8},
            "encoding": {"x": x, "text": {"field": "what"}},
        },
    )


def frames(voice: Analysis) -> dict:
    """The short-time spectrum with its centroid."""
    seconds = np.arange(len(voice.amplitudes)) * voice.hop_length / voice.sample_rate_hz
    centroid = voice.amplitudes @ voice.frequencies_hz / np.maximum(voice.amplitudes.sum(axis=1), 1e-9)
    line = pd.DataFrame({"seconds": seconds, "frequency": centroid})
    bins = voice.frequencies_hz[::4]
    level_db = 10 * np.log10(voice.power[:, ::4] + 1e-7)
    return layered(
        heat(seconds, bins, level_db, ("frequency", "frequency, Hz"), voice.hop_length / voice.sample_rate_hz),
        {
            "data": rows(line),
            "mark": {"type": "line", "color": "white", "strokeWidth": 1.5},
            "encoding": {"x": axis("seconds", "seconds"), "y": axis("frequency", "")},
        },
    )


def cepstrum(voice: Analysis, setting: FeaturizeParams) -> dict:
    """The log-mel spectrum, from which MFCC are made."""
    seconds = np.arange(len(voice.log_mel_db)) * setting.hop_seconds
    bands = np.arange(setting.mel_bands)
    return layered(heat(seconds, bands, voice.log_mel_db, ("band", "mel band"), setting.hop_seconds))


def pitch(voices: dict[str, Analysis]) -> dict:
    """F0 over time."""
    tracks = [
        pd.DataFrame({"seconds": np.arange(len(one.f0_hz)) * one.hop_length / one.sample_rate_hz, "f0": one.f0_hz})
        .assign(who=who)
        .dropna()
        for who, one in voices.items()
    ]
    return layered(
        {
            "data": rows(pd.concat(tracks)),
            "mark": {"type": "point", "filled": True, "size": 14},
            "encoding": {"x": axis("seconds", "seconds"), "y": axis("f0", "F0, Hz"), "color": colour()},
        }
    )


def formants(voices: dict[str, Analysis], setting: FeaturizeParams) -> dict:
    """F1 and F2 of each voiced frame."""
    tables = []
    for who, one in voices.items():
        low_rate = LowRate(one.sample_rate_hz, 2 * setting.formant_ceiling_hz)
        places = low_rate.places(np.flatnonzero(~np.isnan(one.f0_hz)) * one.hop_length)
        frequencies_hz, _ = FormantTracker(low_rate.to_hz)(low_rate(one.samples), places)
        tables.append(pd.DataFrame(frequencies_hz[:, :2], columns=["f1", "f2"]).assign(who=who).dropna())
    return layered(
        {
            "data": rows(pd.concat(tables)),
            "mark": {"type": "point", "filled": True, "size": 18, "opacity": 0.6},
            "encoding": {"x": axis("f1", "F1, Hz"), "y": axis("f2", "F2, Hz", zero=False), "color": colour()},
        }
    )


def cycles(voice: Analysis, setting: FeaturizeParams) -> dict:
    """The waveform of some tens of milliseconds, with the glottal cycles that were found."""
    low_rate = LowRate(voice.sample_rate_hz, 2 * setting.formant_ceiling_hz)
    tracker = PeriodicityTracker(low_rate.to_hz, voice.hop_length / voice.sample_rate_hz)
    places = low_rate.places(np.arange(len(voice.f0_hz)) * voice.hop_length)
    contour_hz, _ = tracker(low_rate(voice.samples), places)
    found = perturbation.glottal_cycles(
        voice.samples, contour_hz, sample_rate_hz=voice.sample_rate_hz, hop_length=voice.hop_length
    )
    middle = found[len(found) // 2]
    first, last = int(middle) - 500, int(middle) + 500
    wave = pd.DataFrame({"ms": np.arange(1000) / 16, "amplitude": voice.samples[first:last]})
    inside = found[(found >= first) & (found < last)]
    marks = pd.DataFrame({"ms": (inside - first) / 16})
    x = axis("ms", "milliseconds")
    return layered(
        {"data": rows(wave), "mark": "line", "encoding": {"x": x, "y": axis("amplitude", "amplitude")}},
        {"data": rows(marks), "mark": {"type": "rule", "color": "#c2571a"}, "encoding": {"x": x}},
    )


def harmonics(voice: Analysis) -> dict:
    """The spectrum of a voiced frame up to 3 kHz, with its first two harmonics."""
    voiced = np.flatnonzero(~np.isnan(voice.f0_hz))
    loudest = voiced[np.argmax(voice.power[voiced].sum(axis=1))]
    middle = int(loudest) * voice.hop_length
    frame = voice.samples[middle - 512 : middle + 512]
    level_db = 20 * np.log10(np.abs(np.fft.rfft(frame * np.hanning(len(frame)), 4096)) + 1e-6)
    data = pd.DataFrame({"frequency": np.arange(768) * voice.sample_rate_hz / 4096, "level": level_db[:768]})
    first_hz = float(voice.f0_hz[loudest])
    marks = [{"frequency": first_hz * number, "what": f"H{number}"} for number in (1, 2)]
    x = axis("frequency", "frequency, Hz")
    return layered(
        {"data": rows(data), "mark": "line", "encoding": {"x": x, "y": axis("level", "level, dB", zero=False)}},
        {
            "data": {"values": marks},
            "mark": {"type": "text", "y": 8, "color": "#c2571a"},
            "encoding": {"x": x, "text": {"field": "what"}},
        },
    )


def balance(voices: dict[str, Analysis]) -> dict:
    """Mean level of voiced frames, with the bounds of the bands that are compared."""
    tables = []
    for who, one in voices.items():
        level_db = 10 * np.log10(one.power[~np.isnan(one.f0_hz)].mean(axis=0) + 1e-9)
        tables.append(
            pd.DataFrame({"frequency": one.frequencies_hz, "level": level_db - level_db.max()}).assign(who=who)
        )
    bounds = pd.DataFrame({"frequency": [500, 1000, 1500, 2000, 5000]})
    x = axis("frequency", "frequency, Hz")
    return layered(
        {"data": rows(bounds), "mark": {"type": "rule", "color": "#bbbbbb"}, "encoding": {"x": x}},
        {
            "data": rows(pd.concat(tables)),
            "mark": "line",
            "encoding": {"x": x, "y": axis("level", "level, dB"), "color": colour()},
        },
    )


def windows(voice: Analysis) -> dict:
    """F0 by the cepstrum and the strongest frequency of each window, whose statistics are columns of the table."""
    loud = np.abs(voice.samples) > 0.05 * np.abs(voice.samples).max()
    gated = np.where(loud, voice.samples, np.float32(0))
    found = {
        "fundamental (meanfun)": voice_table.fundamental_hz(gated, voice.sample_rate_hz),
        "dominant (meandom)": voice_table.dominant_hz(gated, voice.sample_rate_hz),
    }
    seconds = len(voice.samples) / voice.sample_rate_hz
    tracks = [
        pd.DataFrame(
            {"seconds": (np.arange(len(hz)) + 0.5) * seconds / len(hz), "khz": hz / 1000, "what": what}
        ).dropna()
        for what, hz in found.items()
    ]
    mark = {"type": "point", "filled": True, "size": 24}
    scale = {"domain": list(found), "range": ["#c2571a", "#4c78a8"]}
    what = {"field": "what", "type": "nominal", "title": "frequency", "scale": scale}
    encoding = {"x": axis("seconds", "seconds"), "y": axis("khz", "kHz"), "color": what}
    return layered({"data": rows(pd.concat(tracks)), "mark": mark, "encoding": encoding})


def loudness(voice: Analysis) -> dict:
    """Intensity over time, with the level below which is silence."""
    level_db = rhythm.intensity(voice.samples, voice.sample_rate_hz, voice.hop_length)
    seconds = np.arange(len(level_db)) * voice.hop_length / voice.sample_rate_hz
    contour = pd.DataFrame({"seconds": seconds, "level": level_db, "voiced": ~np.isnan(voice.f0_hz)})
    limit = pd.DataFrame({"level": [np.quantile(level_db, 0.99) - 25]})
    y = axis("level", "intensity, dB", zero=False)
    return layered(
        {
            "data": rows(contour),
            "mark": {"type": "line", "color": "#999999"},
            "encoding": {"x": axis("seconds", "seconds"), "y": y},
        },
        {
            "data": rows(contour[contour["voiced"]]),
            "mark": {"type": "point", "filled": True, "size": 12, "color": "#c2571a"},
            "encoding": {"x": axis("seconds", "seconds"), "y": y},
        },
        {"data": rows(limit), "mark": {"type": "rule", "strokeDash": [4, 4]}, "encoding": {"y": y}},
    )


def heat(seconds: np.ndarray, rows_: np.ndarray, level_db: np.ndarray, vertical: tuple[str, str], step: float) -> dict:
    """A map of levels, (frames, rows), over time and another quantity."""
    name, title = vertical
    t, r = np.meshgrid(seconds, rows_, indexing="ij")
    height = rows_[1] - rows_[0]
    data = pd.DataFrame({"seconds": t.ravel(), name: r.ravel(), "level": level_db.ravel()})
    data = data.assign(end=data["seconds"] + step, top=data[name] + height)
    return {
        "data": rows(data.round(4)),
        "mark": "rect",
        "encoding": {
            "x": axis("seconds", "seconds"),
            "x2": {"field": "end"},
            "y": axis(name, title),
            "y2": {"field": "top"},
            "color": {"field": "level", "type": "quantitative", "scale": {"scheme": "viridis"}, "title": "dB"},
        },
    }


def axis(field: str, title: str, *, zero: bool = True) -> dict:
    return {"field": field, "type": "quantitative", "title": title, "scale": {"zero": zero, "nice": False}}


def colour() -> dict:
    return {"field": "who", "type": "nominal", "title": None, "scale": COLOURS}


def rows(table: pd.DataFrame) -> dict:
    return {"values": table.to_dict("records")}


def layered(*layers: dict) -> dict:
    schema = "https://vega.github.io/schema/vega-lite/v5.json"
    return {"$schema": schema, "width": WIDTH, "height": HEIGHT, "background": "white", "layer": list(layers)}


if __name__ == "__main__":
    main()
