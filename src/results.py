"""Figures on real archives: `python src/results.py <folder or address> <name>` writes metrics/results/<name>/.

The graph runs in a copy of the last commit, so that params.yaml, dvc.lock and the demo's figures stay as they are. It
runs with five folds, so that each speaker is tested, once for each of five seeds, which deal the speakers to other
folds; and once from each source to each other.
"""

import hashlib
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
from voicetraits.results_page import chart, over_seeds, render

SEEDS = range(5)
FOLDS = 5
TABLES = ("scores", "slices", "comparisons")


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
        parts = []
        for seed in SEEDS:
            print(f"results: seed {seed} of {SEEDS.start} to {SEEDS.stop - 1}", flush=True)
            set_split(project, seed, strategy="speaker_kfold", folds=FOLDS)
            run(sys.executable, "-m", "dvc", "repro", "--quiet", cwd=project)
            parts.append({what: table.assign(seed=seed) for what, table in read_tables(project).items()})
        tables = {what: pd.concat(part[what] for part in parts) for what in TABLES}
        data = describe(project)
        print("results: from each source to each other", flush=True)
        set_split(project, SEEDS.start, strategy="cross_corpus")
        between = None
        # The stage says why, where no two sources have the same classes.
        if run(sys.executable, "-m", "dvc", "repro", "--quiet", "split", cwd=project, check=False):
            run(sys.executable, "-m", "dvc", "repro", "--quiet", cwd=project)
            between = read_tables(project)
        with folder_anew(out) as results:
            write_csv(tables["scores"], results / "scores.csv")
            parts_of_clips = over_seeds(tables["slices"], ["target", "model", "slice", "part", "classes"], "uar")
            write_csv(parts_of_clips.round(6).reset_index(), results / "slices.csv")
            write_csv(tables["comparisons"], results / "comparisons.csv")
            for what, table in (between or {}).items():
                write_csv(table, results / f"between_sources_{what}.csv")
            write_json(data, results / "data.json")
            (results / "README.md").write_text(render(name, data, **tables, between=between), encoding="utf-8")
            svg = vl_convert.vegalite_to_svg(chart(tables["scores"]))
            (results / "uar.svg").write_text(svg, encoding="utf-8")
    print((out / "README.md").read_text(encoding="utf-8"))


def run(*command: str, cwd: Path | None = None, check: bool = True) -> bool:
    """Whether the command ends well; with `check`, a failure is an error."""
    # Stages call `python`: this one.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(command, cwd=cwd, env={**os.environ, "PATH": path}, check=False)
    if check and done.returncode:
        raise DataError(f"`{' '.join(command)}` failed; see the lines above")
    return done.returncode == 0


def set_params(project: Path, mirror: str) -> None:
    edit(project, lambda params: (params.update(corpus="voxforge"), params["corpora"]["voxforge"].update(url=mirror)))


def set_split(project: Path, seed: int, **split) -> None:
    edit(project, lambda params: (params.update(seed=seed), params["split"].update(split)))


def read_tables(project: Path) -> dict[str, pd.DataFrame]:
    return {name: pd.read_csv(project / f"metrics/plots/{name}.csv") for name in TABLES}


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
        "folds": FOLDS,
        "archives": len(manifest),
        "archives_sha256": hashlib.sha256("\n".join(sorted(manifest["sha256"])).encode()).hexdigest(),
        "clips": len(clips),
        "hours": clips["duration_seconds"].sum() / 3600,
        "speakers": metadata["speaker_id"].nunique(),
        "speakers_by_source": metadata.groupby("source")["speaker_id"].nunique().to_dict(),
        "speakers_by_gender": metadata.groupby("gender")["speaker_id"].nunique().to_dict(),
        "speakers_by_age_group": metadata.groupby("age_group")["speaker_id"].nunique().to_dict(),
    }


if __name__ == "__main__":
    stage.run(main)
