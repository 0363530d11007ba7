"""The page of figures on real archives: means over seeds, tables of what readers ask."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from voicetraits.slices import AMBIGUOUS_PITCH

SHOWN = ("uar", "accuracy", "macro_f1", "roc_auc", "log_loss", "ece")
CONFIDENCE = {
    "ece_raw": "ece before calibration", "ece": "ece after", "errors_left": "errors left at 95 % coverage",
    "coverage": "answered", "answered_error": "wrong of the answered",
}  # fmt: skip
_BASELINES = ("majority", "pitch_threshold")


def over_seeds(table: pd.DataFrame, keys: Sequence[str], value: str) -> pd.DataFrame:
    """Mean of `value` over seeds, its lowest and highest, and the mean ends of its interval; indexed by `keys`."""
    grouped = table.dropna(subset=[value]).groupby(list(keys), sort=False)
    return grouped.agg(
        mean=(value, "mean"), lowest=(value, "min"), highest=(value, "max"), low=("low", "mean"), high=("high", "mean")
    )


def render(
    name: str,
    data: Mapping[str, Any],
    *,
    scores: pd.DataFrame,
    slices: pd.DataFrame,
    comparisons: pd.DataFrame,
    stress: pd.DataFrame,
    without_suspects: pd.DataFrame,
    between: Mapping[str, pd.DataFrame] | None,
) -> str:
    """The page, in Markdown.

    Args:
        data: counts of what it was measured on.
        scores, slices, comparisons, stress: as evaluate and stress write them, with the column seed.
        without_suspects: slices without the clips of speakers whose label is doubtful.
        between: scores, slices and comparisons of `split.strategy: cross_corpus`; None where there is one source.
    """
    seeds, folds = scores["seed"].nunique(), data["folds"]
    sources = ", ".join(f"{source} {count}" for source, count in data["speakers_by_source"].items())
    lines = [
        f"# {name}",
        "",
        f"{data['archives']} archives, {data['clips']} clips, {data['hours']:.2f} hours, {data['speakers']} speakers "
        f"({sources}).",
        "",
        "![UAR on clips, a dot for each seed](uar.svg)",
        "",
        f"Made by `make results MIRROR=<folder or address> NAME={name}{_arguments(data)}`. Each speaker is tested once "
        f"a seed, by a model that has not heard them ({folds} folds), and figures are over all. Each is the mean over "
        f"{seeds} seed{'s' * (seeds > 1)}, which deal{'s' * (seeds == 1)} the speakers to other folds; in brackets the "
        "lowest and highest seed. The 95 % interval is over speakers, its ends averaged over the seeds.",
        "",
        *_main_table(scores),
        *_section("Where pitch alone fails", f"UAR on clips with a median pitch of {AMBIGUOUS_PITCH}.", _pitch(slices)),
        "",
        f"The same without {_named(data['suspects'])}, whose stated gender the audit doubts with seed 0. It decides by "
        "a linear model and trees of its own, so that this may favour softmax and tfdf. All models have learnt from "
        "them as labelled.",
        "",
        *_pitch(without_suspects),
        *_section(
            "Other conditions",
            "UAR of gender on the test clips as they are, and changed: each model as it was, nothing learnt anew.",
            _stress(stress, "uar"),
        ),
        *_section("Confidence in other conditions", "ECE of gender on the same clips.", _stress(stress, "ece")),
        *_section(
            "Confidence",
            "Of clips. Calibrated, and the confidence below which a model refuses chosen, on validation speakers of "
            "each fold; errors left where the least confident twentieth of the clips is refused.",
            _confidence(scores),
        ),
        *_section(
            "Weakest parts", "The part of the clips with the lowest UAR, of five speakers or more.", _worst(slices)
        ),
        *_section(
            "Is the larger one worth it?",
            "Difference of UAR on clips, over the same draws of speakers. If its interval holds 0, it is unproven.",
            _pairs(comparisons),
        ),
    ]
    if between is None:
        lines += ["", "## From one source to another", "", "Not measured: no two sources have the same two classes."]
    else:
        lines += _section(
            "From one source to another",
            "Trained on one source alone, tested on the other, seed 0; the pitch threshold is fitted on the training "
            "source, too. Difference of UAR on clips to it, over the same draws of speakers.",
            _between(between["slices"], between["comparisons"]),
        )
        lines += ["", *_confidence(between["scores"].assign(seed=0))]
    return "\n".join(lines) + "\n"


def _section(title: str, words: str, table: Sequence[str]) -> list[str]:
    return ["", f"## {title}", "", words, "", *table]


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [columns, ["---"] * len(columns), *rows]
    return ["| " + " | ".join(cells) + " |" for cells in lines]


def _spread(row: pd.Series) -> str:
    return f"{row['mean']:.3f} ({row['lowest']:.3f}–{row['highest']:.3f})"


def _interval(row: pd.Series, sign: str = "") -> str:
    return f"{row['low']:{sign}.3f} to {row['high']:{sign}.3f}" if sign else f"{row['low']:.3f}–{row['high']:.3f}"


def _arguments(data: Mapping[str, Any]) -> str:
    return f" ARGS={shlex.quote(shlex.join(data['arguments']))}" if data["arguments"] else ""


def _main_table(scores: pd.DataFrame) -> list[str]:
    summary = over_seeds(scores, ["target", "model", "unit", "score"], "value")
    rows = []
    for key in dict.fromkeys(key[:3] for key in summary.index):
        own = summary.loc[key]
        rows.append([*key, *(_spread(own.loc[score]) for score in SHOWN), _interval(own.loc["uar"])])
    return _table(["target", "model", "on", *SHOWN, "95 % interval of uar"], rows)


def _pitch(slices: pd.DataFrame) -> list[str]:
    own = slices[(slices["slice"] == "pitch") & (slices["part"] == AMBIGUOUS_PITCH) & (slices["target"] == "gender")]
    summary = over_seeds(own, ["model"], "uar")
    sizes = own.groupby("model")[["speakers", "clips"]].first()
    rows = [
        [model, _spread(row), _interval(row), *(str(size) for size in sizes.loc[model])]
        for model, row in summary.iterrows()
    ]
    return _table(["model", "uar", "95 % interval", "speakers", "clips"], rows)


def _named(speakers: Sequence[str]) -> str:
    return "any speaker" if not speakers else f"{len(speakers)} speakers ({', '.join(speakers)})"


def _stress(stress: pd.DataFrame, score: str) -> list[str]:
    """A row for each condition, a column for each model."""
    own = stress[(stress["target"] == "gender") & (stress["unit"] == "clips") & (stress["score"] == score)]
    summary = over_seeds(own, ["condition", "model"], "value")
    models = list(dict.fromkeys(own["model"]))
    rows = [
        [condition.replace("_", " "), *(_spread(summary.loc[condition, model]) for model in models)]
        for condition in dict.fromkeys(own["condition"])
    ]
    return _table(["condition", *models], rows)


def _confidence(scores: pd.DataFrame) -> list[str]:
    own = scores[(scores["unit"] == "clips") & ~scores["model"].isin(_BASELINES)]
    summary = over_seeds(own, ["target", "model", "score"], "value")
    rows = []
    for key in dict.fromkeys(key[:2] for key in summary.index):
        rows.append([*key, *(_spread(summary.loc[key].loc[score]) for score in CONFIDENCE)])
    return _table(["target", "model", *CONFIDENCE.values()], rows)


def _worst(slices: pd.DataFrame) -> list[str]:
    own = slices[~slices["model"].isin(_BASELINES)]
    summary = over_seeds(own, ["target", "model", "slice", "part", "classes"], "uar")
    rows = []
    for _, parts in summary.groupby(["target", "model"], sort=False):
        (target, model, name, part, classes), row = parts["mean"].idxmin(), parts.loc[parts["mean"].idxmin()]
        rows.append([target, model, f"{name.replace('_', ' ')}: {part}", classes, _spread(row), _interval(row)])
    return _table(["target", "model", "part", "classes", "uar", "95 % interval"], rows)


def _pairs(comparisons: pd.DataFrame) -> list[str]:
    own = comparisons[(comparisons["unit"] == "clips") & (comparisons["fold"] == "all")]
    summary = over_seeds(own, ["target", "model", "other"], "difference")
    sizes = own.groupby(["target", "model", "other"])[["model_bytes", "other_bytes"]].mean() / 1024
    rows = []
    for key, row in summary.iterrows():
        size = sizes.loc[key]
        kilobytes = f"{size['model_bytes']:.0f} / {size['other_bytes']:.0f}"
        rows.append([*key, f"{row['mean']:+.3f}", _interval(row, "+"), kilobytes])
    return _table(["target", "model", "less", "difference", "95 % interval", "kilobytes"], rows)


def _between(slices: pd.DataFrame, comparisons: pd.DataFrame) -> list[str]:
    rows = []
    clips = comparisons[(comparisons["unit"] == "clips") & (comparisons["other"] == "pitch_threshold")]
    for row in slices[slices["slice"] == "fold"].sort_values(["target", "part"], kind="stable").itertuples():
        train, test = row.part.split("--")
        pair = clips[(clips["target"] == row.target) & (clips["fold"] == row.part) & (clips["model"] == row.model)]
        paired = [f"{pair.iloc[0]['difference']:+.3f}", _interval(pair.iloc[0], "+")] if len(pair) else ["", ""]
        rows.append([row.target, train, test, row.model, f"{row.uar:.3f}", f"{row.low:.3f}–{row.high:.3f}", *paired])
    columns = ["target", "trained on", "tested on", "model", "uar", "95 % interval", "less pitch threshold"]
    return _table([*columns, "95 % interval of it"], rows)


def chart(scores: pd.DataFrame) -> dict[str, Any]:
    """UAR on clips of every model: a dot for each seed, a tick for their mean (Vega-Lite)."""
    shown = scores[(scores["score"] == "uar") & (scores["unit"] == "clips")]
    y = {"field": "model", "type": "nominal", "title": None, "sort": None}
    x = {"type": "quantitative", "title": "UAR on clips of unheard speakers", "scale": {"domain": [0.3, 1]}}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"values": shown[["target", "model", "seed", "value"]].to_dict("records")},
        "facet": {"column": {"field": "target", "type": "nominal", "title": None, "sort": "descending"}},
        "spec": {
            "width": 280,
            "height": {"step": 24},
            "layer": [
                {
                    "mark": {"type": "point", "filled": True, "opacity": 0.5},
                    "encoding": {"y": y, "x": {"field": "value", **x}},
                },
                {
                    "mark": {"type": "tick", "thickness": 2},
                    "encoding": {"y": y, "x": {"field": "value", "aggregate": "mean", **x}},
                },
            ],
        },
    }
