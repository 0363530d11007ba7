"""What the run has measured -> a report in plain words: metrics/report.md, and data/report/ with pictures."""

from pathlib import Path

import pandas as pd

from voicetraits import params, stage
from voicetraits.examples import read_splits
from voicetraits.files import folder_anew, written_aside
from voicetraits.reporting.charts import pictures
from voicetraits.reporting.html import render, without_pictures
from voicetraits.reporting.page import page
from voicetraits.reporting.run import read_run

TEXT, FOLDER = Path("metrics/report.md"), Path("data/report")


def main() -> None:
    all_params = params.load()
    run = read_run(
        Path("metrics"),
        corpus=params.get(all_params, "corpus", str),
        settings=params.get(all_params, "featurize", dict),
        confidence=params.get(all_params, "evaluate.confidence", float),
        splits=read_splits(Path("data/splits.csv")),
    )
    markdown = page(run)
    drawn = pictures(run, pd.read_parquet("data/explanations/correlation.parquet"))
    with folder_anew(FOLDER) as folder:
        (folder / "report.html").write_text(render(markdown, drawn), encoding="utf-8")
    with written_aside(TEXT) as aside:
        aside.write_text(without_pictures(markdown), encoding="utf-8")


if __name__ == "__main__":
    stage.run(main)
