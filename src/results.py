"""Figures on real archives: `python src/results.py <folder or address> <name>` writes metrics/results/<name>/.

The graph runs in a copy of the last commit, so that params.yaml, dvc.lock and the demo's figures stay as they are, once
for each of five seeds: each seed puts other speakers into the test set, and one draw of them says little.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import vl_convert
from ruamel.yaml import YAML

from voicetraits import stage
from voicetraits.errors import DataError
from voicetraits.files import folder_anew, write_csv, write_json

SEEDS = range(5)
SHOWN = ("uar", "accuracy", "macro_f1", "roc_auc", "log_loss", "ece")


def main() -> None:
    if len(sys.argv) != 3 or not all(sys.argv[1:]):
        raise DataError("say what to run on and how to name it: make results MIRROR=<folder or address> NAME=<name>")
    mirror, name = sys.argv[1:]
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name):
        raise DataError(f"NAME is {name!r}; allowed: small letters, digits, dots, dashes and underscores")
    if "://" not in mirror:
        mirror = str(Path(mirror).resolve())
    if subprocess.run(
        ["git", "diff", "--quiet", "HEAD", "--", "src", "params.yaml", "dvc.yaml"], check=False
    ).returncode:
        print("results: changes that are not committed take no part", file=sys.stderr)
    out = Path("metrics/results").resolve() / name
    # On the project's own disk, where files can be linked rather than copied.
    scratch = Path(".dvc/tmp")
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        project = Path(folder).resolve() / "project"
        run("git", "clone", "--quiet", "--no-hardlinks", ".", str(project))
        set_params(project, mirror)
        tables = []
        for seed in SEEDS:
            print(f"results: seed {seed} of {SEEDS.start} to {SEEDS.stop - 1}", flush=True)
            set_seed(project, seed)
            run(sys.executable, "-m", "dvc", "repro", "--quiet", cwd=project)
            tables.append(pd.read_csv(project / "metrics/plots/scores.csv").assign(seed=seed))
        scores = pd.concat(tables)
        with folder_anew(out) as results:
            write_csv(scores, results / "scores.csv")
            write_json(describe(project), results / "data.json")
            page = render(name, summarise(scores), json.loads((results / "data.json").read_text()))
            (results / "README.md").write_text(page, encoding="utf-8")
            (results / "uar.svg").write_text(vl_convert.vegalite_to_svg(chart(scores)), encoding="utf-8")
    print((out / "README.md").read_text(encoding="utf-8"))


def run(*command: str, cwd: Path | None = None) -> None:
    # Stages call `python`: this one.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    if subprocess.run(command, cwd=cwd, env={**os.environ, "PATH": path}, check=False).returncode:
        raise DataError(f"`{' '.join(command)}` failed; see the lines above")


def set_params(project: Path, mirror: str) -> None:
    edit(project, lambda params: (params.update(corpus="voxforge"), params["corpora"]["voxforge"].update(url=mirror)))


def set_seed(project: Path, seed: int) -> None:
    edit(project, lambda params: params.update(seed=seed))


def edit(project: Path, change) -> None:
    yaml, path = YAML(), project / "params.yaml"
    params = yaml.load(path)
    change(params)
    yaml.dump(params, path)


def describe(project: Path) -> dict:
    """What it was measured on: counts, and one digest over the digests of all archives."""
    manifest = pd.read_csv(project / "data/raw/manifest.csv")
    metadata = pd.read_parquet(project / "data/metadata.parquet")
    clips = pd.read_parquet(project / "data/audio/clips.parquet", columns=["duration_seconds"])
    return {
        "archives": len(manifest),
        "archives_sha256": hashlib.sha256("\n".join(sorted(manifest["sha256"])).encode()).hexdigest(),
        "clips": len(clips),
        "hours": clips["duration_seconds"].sum() / 3600,
        "speakers": metadata["speaker_id"].nunique(),
        "speakers_by_source": metadata.groupby("source")["speaker_id"].nunique().to_dict(),
        "speakers_by_gender": metadata.groupby("gender")["speaker_id"].nunique().to_dict(),
        "speakers_by_age_group": metadata.groupby("age_group")["speaker_id"].nunique().to_dict(),
    }


def summarise(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds, lowest and highest seed, and the mean ends of the 95 % intervals over speakers."""
    grouped = scores.groupby(["target", "model", "unit", "score"], sort=False)
    return grouped.agg(
        mean=("value", "mean"), lowest=("value", "min"), highest=("value", "max"), low=("low", "mean"),
        high=("high", "mean"),
    )  # fmt: skip


def render(name: str, summary: pd.DataFrame, data: dict) -> str:
    sources = ", ".join(f"{source} {count}" for source, count in data["speakers_by_source"].items())
    lines = [
        f"# {name}",
        "",
        f"{data['archives']} archives, {data['clips']} clips, {data['hours']:.2f} hours, {data['speakers']} speakers "
        f"({sources}).",
        "",
        "![UAR on clips, a dot for each seed](uar.svg)",
        "",
        "Made by `make results MIRROR=<folder or address> NAME=" + name + "`. No test speaker was heard in training. "
        f"Each figure is the mean over {len(SEEDS)} seeds, each with other test speakers; in brackets the lowest and "
        "highest seed. The 95 % interval over test speakers is that of one such test set, its ends averaged over the "
        "seeds.",
        "",
        "| target | model | on | " + " | ".join(SHOWN) + " | 95 % interval of uar |",
        "| --- | --- | --- |" + " --- |" * (len(SHOWN) + 1),
    ]
    for target, model, unit in dict.fromkeys(key[:3] for key in summary.index):
        rows = summary.loc[(target, model, unit)]
        cells = [f"{r['mean']:.3f} ({r['lowest']:.3f}–{r['highest']:.3f})" for r in (rows.loc[s] for s in SHOWN)]
        interval = f"{rows.loc['uar', 'low']:.3f}–{rows.loc['uar', 'high']:.3f}"
        lines.append(f"| {target} | {model} | {unit} | " + " | ".join(cells) + f" | {interval} |")
    return "\n".join(lines) + "\n"


def chart(scores: pd.DataFrame) -> dict:
    """UAR on clips of every model: a dot for each seed's test speakers, a tick for their mean (Vega-Lite)."""
    shown = scores[(scores["score"] == "uar") & (scores["unit"] == "clips")]
    y = {"field": "model", "type": "nominal", "title": None, "sort": None}
    x = {"type": "quantitative", "title": "UAR on clips of unheard speakers", "scale": {"domain": [0.3, 1]}}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"values": shown[["target", "model", "seed", "value"]].to_dict("records")},
        "facet": {"column": {"field": "target", "type": "nominal", "title": None, "sort": "descending"}},
        "spec": {
            "width": 280,
            "height": 110,
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


if __name__ == "__main__":
    stage.run(main)
