"""Draws every chart of `dvc plots` as a picture in dvc_plots/, without a browser and without a network.

`python src/pictures.py` draws the workspace, `python src/pictures.py main` compares it with another version.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import vl_convert

from voicetraits import stage
from voicetraits.errors import DataError
from voicetraits.files import written_aside

FOLDER = Path("dvc_plots")


def main() -> None:
    revisions = sys.argv[1:]
    charts = read_charts(revisions)
    for title, chart in charts.items():
        path = FOLDER / f"{re.sub(r'[^a-z0-9]+', '_', title.lower()).strip('_')}.png"
        with written_aside(path) as aside:
            aside.write_bytes(vl_convert.vegalite_to_png(chart, scale=1.5))
        print(path)


def read_charts(revisions: list[str]) -> dict[str, dict]:
    """Vega-Lite charts by title; the raw curves that DVCLive writes are in the learning curves and not drawn again."""
    command = [sys.executable, "-m", "dvc", "plots", *(["diff", *revisions] if revisions else ["show"]), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DataError(f"`{' '.join(command)}` failed: {done.stderr.strip().splitlines()[-1]}")
    charts = {}
    for name, drawn in json.loads(done.stdout)["data"].items():
        # The learning curves of a target that was skipped have no rows.
        if drawn and not name.endswith(".tsv"):
            content = drawn[0]["content"]
            chart = json.loads(content) if isinstance(content, str) else content
            charts[chart["title"]["text"]] = chart
    if not charts:
        raise DataError("there is nothing to draw; run `dvc repro`")
    return charts


if __name__ == "__main__":
    stage.run(main)
