"""Prints the figures of the last run as a table, and where to look next."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from voicetraits import params, stage
from voicetraits.errors import DataError

FIGURES, SLICES = Path("metrics/evaluate.json"), Path("metrics/plots/slices.csv")
SHOWN = ("uar", "accuracy", "roc_auc", "log_loss", "ece")


def main() -> None:
    if not FIGURES.exists():
        raise DataError(f"{FIGURES} is missing; run `dvc repro`")
    corpus = params.load()["corpus"]
    print(f"\nTest speakers of the corpus `{corpus}`, none of whom the models have heard:\n")
    print(table(json.loads(FIGURES.read_text(encoding="utf-8"))))
    print(f"\nLowest on: {weakest(pd.read_csv(SLICES))}.")
    if corpus == "demo":
        print("\nThese voices are synthetic: the figures show that the machinery works, and say nothing about people.")
    clips = Path("data/audio/clips.parquet")
    clip = pd.read_parquet(clips, columns=["utterance_id"])["utterance_id"].iloc[0] if clips.exists() else "<id>"
    print(
        "\nNext: source .venv/bin/activate\n"
        "      dvc plots show                   the curves, as a page\n"
        "      dvc exp run -S train.lr=1e-4     try a value; then dvc exp show, dvc metrics diff\n"
        f"      python src/listen.py {clip}     hear a clip\n"
        "What each number means: metrics/README.md. Every knob: params.yaml."
    )


def table(figures: dict[str, Any]) -> str:
    """The lead figures of metrics/evaluate.json, a row per target, model and unit."""
    rows, skipped = [], []
    for target, models in figures.items():
        if "skipped" in models:
            skipped.append(f"{target}: skipped, for want of speakers in two classes")
            continue
        for model, units in models.items():
            for unit, scores in units.items():
                interval = f"{scores['uar_low']:.3f}–{scores['uar_high']:.3f}"
                shown = {name: f"{scores[name]:.3f}" for name in SHOWN}
                rows.append({"target": target, "model": model, "on": unit, "uar 95 %": interval, **shown})
    columns = ["target", "model", "on", "uar", "uar 95 %", *SHOWN[1:]]
    lines = pd.DataFrame(rows, columns=columns).to_string(index=False).splitlines()
    return "\n".join([*(line.rstrip() for line in lines), *skipped])


def weakest(slices: pd.DataFrame) -> str:
    """The part of the clips on which each model does worst, from metrics/plots/slices.csv."""
    worst = slices[slices["is_worst"]]
    return (
        "; ".join(
            f"{row.target}, {row.model}: {row.slice.replace('_', ' ')} {row.part} ({row.uar:.3f})"
            for row in worst.itertuples()
        )
        or "no part, for want of speakers"
    )


if __name__ == "__main__":
    stage.run(main)
