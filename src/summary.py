"""Prints the figures of the last run as a table, and where to look next."""

import json
from pathlib import Path

import pandas as pd

from voicetraits import params, stage
from voicetraits.errors import DataError

SHOWN = ("uar", "accuracy", "roc_auc", "log_loss", "ece")


def main() -> None:
    path = Path("metrics/evaluate.json")
    if not path.exists():
        raise DataError(f"{path} is missing; run `dvc repro`")
    corpus = params.load()["corpus"]
    rows = []
    for target, models in json.loads(path.read_text(encoding="utf-8")).items():
        if "skipped" in models:
            print(f"{target}: skipped, for want of speakers in two classes")
            continue
        for model, units in models.items():
            for unit, scores in units.items():
                interval = f"{scores['uar_low']:.3f}–{scores['uar_high']:.3f}"
                figures = {name: f"{scores[name]:.3f}" for name in SHOWN}
                rows.append({"target": target, "model": model, "on": unit, "uar_95": interval, **figures})
    columns = ["target", "model", "on", "uar", "uar_95", *SHOWN[1:]]
    print(f"\nTest speakers of the corpus `{corpus}`, none of whom the models have heard:\n")
    print(pd.DataFrame(rows, columns=columns).to_string(index=False))
    if corpus == "demo":
        print("\nThese voices are synthetic: the figures show that the machinery works, and say nothing about people.")
    print(
        "\nNext: source .venv/bin/activate\n"
        "      dvc plots show                       the curves, as a page\n"
        "      dvc exp run -S train.lr=1e-4         try a value; then dvc exp show, dvc metrics diff\n"
        "      python src/listen.py                 hear a clip\n"
        "What each number means: metrics/README.md. Every knob: params.yaml."
    )


if __name__ == "__main__":
    stage.run(main)
