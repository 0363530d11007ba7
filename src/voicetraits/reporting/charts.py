"""The report's pictures: Vega-Lite charts of a run's tables, drawn without a browser and without a network."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import vl_convert

from voicetraits.reporting.run import Run
from voicetraits.reporting.words import METHODS, name_of

Chart = dict[str, Any]

_WIDTH = 300
_COLOURS = ["#2f6f9f", "#c2571a", "#4c8c4a", "#8a5a9e", "#8c8c8c", "#b59a2b"]
_CONFIG = {
    "background": "white",
    "font": "sans-serif",
    "range": {"category": _COLOURS},
    "axis": {"labelLimit": 220, "gridColor": "#e6e6e6"},
    "view": {"stroke": "#cccccc"},
}


def draw(chart: Chart, *, cells: bool = False) -> tuple[str, bytes]:
    """A chart as a picture: its media type and bytes, the same for the same chart.

    Args:
        cells: whether it has thousands of cells, which are smaller as points of a PNG than as shapes of an SVG.
    """
    content = {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", "config": _CONFIG, **chart}
    if cells:
        return "image/png", vl_convert.vegalite_to_png(content, scale=1.5)
    return "image/svg+xml", vl_convert.vegalite_to_svg(content).encode()


def pictures(run: Run, correlation: pd.DataFrame) -> dict[str, tuple[str, bytes]]:
    """All pictures by the names that the page gives them.

    Args:
        correlation: feature, and a column for each feature, those alike beside each other.
    """
    drawn = {
        "balance": draw(_balance(run)),
        "voices": draw(_voices(run)),
        "durations": draw(_histogram(run.tables["durations"], "duration_seconds", "duration of a clip, seconds")),
        "signal_to_noise": draw(
            _histogram(run.tables["signal_to_noise"], "signal_to_noise_db", "speech above pauses, dB")
        ),
        "correlation": draw(_correlation(correlation), cells=True),
    }
    by_target: dict[str, Callable[[Run, str], Chart]] = {
        "scores": _scores,
        "family_importance": _families,
        "confusion": _confusion,
        "calibration": _calibration,
    }
    for target in run.targets:
        drawn |= {f"{name}-{target}": draw(make(run, target)) for name, make in by_target.items()}
    if "saliency" in run.tables and len(run.tables["saliency"]):
        drawn["saliency"] = draw(_saliency(run))
    return drawn


def _scores(run: Run, target: str) -> Chart:
    table = run.table("scores", target=target, score="uar")
    table = table.assign(model=table["model"].map(name_of), unit="on " + table["unit"])
    return {
        "data": _rows(table),
        "facet": {"column": _nominal("unit")},
        "spec": {
            "width": _WIDTH,
            "height": {"step": 22},
            "layer": _with_interval("value", "model", "UAR", domain=(0, 1)),
        },
    }


def _families(run: Run, target: str) -> Chart:
    lost = run.table("family_importance", target=target).rename(columns={"lost": "value"})
    lost = lost.assign(what="UAR lost by " + lost["model"].map(name_of))
    alone = run.table("family_alone", target=target).rename(columns={"uar": "value"}).assign(what="UAR alone")
    return {
        "data": _rows(pd.concat([alone, lost])[["what", "family", "value", "low", "high"]]),
        "facet": _nominal("what"),
        "columns": 2,
        "resolve": {"scale": {"x": "independent"}},
        "spec": {"width": _WIDTH, "height": {"step": 17}, "layer": _with_interval("value", "family", "UAR")},
    }


def _confusion(run: Run, target: str) -> Chart:
    table = run.table("confusion", target=target)
    classes = run.classes(target)
    x = {**_nominal("predicted", "taken for"), "sort": classes, "axis": {"labelAngle": 0}}
    y = {**_nominal("actual", "labelled"), "sort": classes}
    share = {"field": "share", "type": "quantitative"}
    colour = {**share, "scale": {"domain": [0, 1], "scheme": "blues"}, "legend": None}
    ink = {"condition": {"test": "datum.share > 0.5", "value": "white"}, "value": "black"}
    return {
        "data": _rows(table.assign(model=table["model"].map(name_of))),
        "facet": _nominal("model"),
        "columns": 4,
        "spec": {
            "width": 55 * len(classes),
            "height": 36 * len(classes),
            "encoding": {"x": x, "y": y},
            "layer": [
                {"mark": "rect", "encoding": {"color": colour}},
                {"mark": "text", "encoding": {"text": {**share, "format": ".0%"}, "color": ink}},
            ],
        },
    }


def _calibration(run: Run, target: str) -> Chart:
    table = run.table("calibration", target=target)
    unit = {"domain": [0, 1]}
    right = {"mark": {"type": "rule", "strokeDash": [3, 3], "color": "gray"}}
    ends = {"x": {"datum": 0}, "y": {"datum": 0}, "x2": {"datum": 1}, "y2": {"datum": 1}}
    return {
        "data": _rows(table.assign(model=table["model"].map(name_of))),
        "width": _WIDTH,
        "height": _WIDTH,
        "layer": [
            {**right, "encoding": ends},
            {
                "mark": {"type": "line", "point": True},
                "encoding": {
                    "x": {**_quantity("confidence"), "scale": unit},
                    "y": {**_quantity("accuracy", "share that is right"), "scale": unit},
                    "color": _nominal("model"),
                },
            },
        ],
    }


def _balance(run: Run) -> Chart:
    return {
        "data": _rows(run.tables["balance"]),
        "width": _WIDTH * 2,
        "height": {"step": 26},
        "mark": "bar",
        "encoding": {
            "x": _quantity("speakers"),
            "y": _nominal("gender"),
            "color": _nominal("age_group", "age group"),
        },
    }


def _voices(run: Run) -> Chart:
    table = run.tables["voices"].assign(group=lambda rows: rows["gender"] + ", " + rows["age_group"])
    colour, bar, title = _nominal("gender"), {"type": "bar", "opacity": 0.6}, "5 to 95 % of clips, quartiles, median"
    return {
        "data": _rows(table),
        "facet": _nominal("feature"),
        "columns": 2,
        "resolve": {"scale": {"x": "independent"}},
        "spec": {
            "width": _WIDTH,
            "height": {"step": 17},
            "encoding": {"y": _nominal("group")},
            "layer": [
                {"mark": "rule", "encoding": {"x": _quantity("q05", title), "x2": {"field": "q95"}, "color": colour}},
                {"mark": bar, "encoding": {"x": _quantity("q25"), "x2": {"field": "q75"}, "color": colour}},
                {"mark": {"type": "tick", "thickness": 2, "color": "black"}, "encoding": {"x": _quantity("median")}},
            ],
        },
    }


def _histogram(table: pd.DataFrame, column: str, title: str) -> Chart:
    return {
        "data": _rows(table),
        "width": _WIDTH * 2,
        "height": 180,
        "mark": {"type": "line", "interpolate": "step"},
        "encoding": {
            "x": _quantity(column, title),
            "y": _quantity("share_of_clips", "share of the gender's clips"),
            "color": _nominal("gender"),
        },
    }


def _correlation(correlation: pd.DataFrame) -> Chart:
    names = correlation["feature"].tolist()
    values = correlation[names].to_numpy().round(2).tolist()
    cells = [{"x": x, "y": y, "r": r} for y, row in enumerate(values) for x, r in enumerate(row)]
    scale = {"domain": list(range(len(names)))}
    hidden = {"type": "ordinal", "scale": scale, "axis": None}
    size = max(1.5, 600 / len(names))
    return {
        "data": {"values": cells},
        "width": {"step": size},
        "height": {"step": size},
        "mark": "rect",
        "encoding": {
            "x": {"field": "x", **hidden},
            "y": {"field": "y", **hidden},
            "color": {
                "field": "r",
                "type": "quantitative",
                "title": "rank correlation",
                "scale": {"domain": [-1, 1], "scheme": "blueorange"},
            },
        },
    }


def _saliency(run: Run) -> Chart:
    table = run.tables["saliency"]
    about = table["target"] + " · " + table["model"] + " · " + table["method"].map(METHODS)
    return {
        "data": _rows(table.assign(about=about)),
        "facet": _nominal("about"),
        "columns": 2,
        "resolve": {"scale": {"x": "independent", "y": "independent"}},
        "spec": {
            "width": _WIDTH,
            "height": 160,
            "mark": "line",
            "encoding": {
                "x": _quantity("band", "mel band, low to high"),
                "y": _quantity("value", "heat, or logits added or lost"),
                "color": _nominal("class"),
            },
        },
    }


def _with_interval(x: str, y: str, title: str, domain: tuple[float, float] | None = None) -> list[Chart]:
    scale = {"scale": {"domain": list(domain)}} if domain else {}
    vertical = _nominal(y)
    return [
        {
            "mark": "rule",
            "encoding": {"y": vertical, "x": {**_quantity("low", title), **scale}, "x2": {"field": "high"}},
        },
        {"mark": {"type": "point", "filled": True, "size": 55}, "encoding": {"y": vertical, "x": _quantity(x, title)}},
    ]


def _nominal(field: str, title: str | None = None) -> Chart:
    """In the order of the rows."""
    return {"field": field, "type": "nominal", "title": title, "sort": None}


def _quantity(field: str, title: str | None = None) -> Chart:
    return {"field": field, "type": "quantitative", "title": title or field, "scale": {"zero": False}}


def _rows(table: pd.DataFrame) -> Chart:
    return {"values": table.to_dict("records")}
