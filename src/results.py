"""Figures on real archives: `python src/results.py MIRROR NAME [--seeds N] [--set KEY=VALUE]`, into metrics/results.

The graph runs in a copy of the last commit, so that params.yaml, dvc.lock and the demo's figures stay as they are. It
runs with five folds, so that each speaker is tested, once for each of five seeds, which deal the speakers to other
folds; and once from each source to each other. The report and the label suspects are those of the first seed. What was
trained goes to the project's own DVC cache: interrupted and called again, it does the finished stages no second time.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import vl_convert
from ruamel.yaml import YAML, YAMLError

from voicetraits import params, stage
from voicetraits.errors import DataError
from voicetraits.evaluation import EvaluateParams
from voicetraits.files import folder_anew, write_csv, write_json
from voicetraits.finished_run import describe, read_suspects, read_tables, slices_without
from voicetraits.params_file import write_values
from voicetraits.results_page import chart, over_seeds, render

SEEDS = 5
FOLDS = 5
#: What --set cannot set.
OWN = ("corpus", "corpora.voxforge.url", "seed", "split.strategy", "split.folds", "audit.run")
#: What all seeds but the first need of the graph.
MEASURED = ("evaluate", "stress")


def main() -> None:
    arguments = read_arguments()
    mirror, name, chosen = arguments.mirror, arguments.name, dict(map(setting, arguments.set))
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
        share_cache(project)
        set_params(project, mirror, chosen)
        settings = params.get(params.load(project / "params.yaml"), "evaluate", EvaluateParams)
        parts, suspects = [], None
        for seed in range(arguments.seeds):
            print(f"results: seed {seed} of 0 to {arguments.seeds - 1}", flush=True)
            set_split(project, seed, strategy="speaker_kfold", folds=FOLDS)
            run(sys.executable, "-m", "dvc", "repro", "--quiet", *(MEASURED if parts else ()), cwd=project)
            if suspects is None:
                suspects = read_suspects(project)
                shutil.copy(project / "metrics/report.md", project.parent)
            found = read_tables(project)
            found["without_suspects"] = slices_without(set(suspects["speaker_id"]), project, settings)
            parts.append({what: table.assign(seed=seed) for what, table in found.items()})
        tables = {what: pd.concat(part[what] for part in parts) for what in parts[0]}
        data = {"folds": FOLDS, "arguments": options(arguments), **describe(project)}
        data["suspects"] = suspects["speaker_id"].tolist()
        print("results: from each source to each other", flush=True)
        set_split(project, 0, strategy="cross_corpus")
        between = None
        # The stage says why, where no two sources have the same classes.
        if run(sys.executable, "-m", "dvc", "repro", "--quiet", "split", cwd=project, check=False):
            run(sys.executable, "-m", "dvc", "repro", "--quiet", *MEASURED, cwd=project)
            between = read_tables(project)
        with folder_anew(out) as results:
            write_csv(tables["scores"], results / "scores.csv")
            for what in ("slices", "without_suspects"):
                parts_of_clips = over_seeds(tables[what], ["target", "model", "slice", "part", "classes"], "uar")
                write_csv(parts_of_clips.round(6).reset_index(), results / f"{what}.csv")
            stress = over_seeds(tables["stress"], ["target", "model", "condition", "unit", "score"], "value")
            write_csv(stress.round(6).reset_index(), results / "stress.csv")
            write_csv(tables["comparisons"], results / "comparisons.csv")
            for what, table in (between or {}).items():
                write_csv(table, results / f"between_sources_{what}.csv")
            write_json(data, results / "data.json")
            (results / "README.md").write_text(render(name, data, **tables, between=between), encoding="utf-8")
            svg = vl_convert.vegalite_to_svg(chart(tables["scores"]))
            shutil.copy(project.parent / "report.md", results)
            (results / "uar.svg").write_text(svg, encoding="utf-8")
    print((out / "README.md").read_text(encoding="utf-8"))


def read_arguments() -> argparse.Namespace:
    """What the command line asks for, checked but for what follows --set. Raises DataError."""
    parser = argparse.ArgumentParser(description="Figures on real archives, speaker by speaker, over seeds.")
    parser.add_argument("mirror", nargs="?", help="folder or address of VoxForge archives")
    parser.add_argument("name", nargs="?", help="of the folder under metrics/results")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many, from 0")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a value for params.yaml, as `dvc exp run -S`"
    )
    arguments = parser.parse_args()
    if not arguments.mirror or not arguments.name:
        raise DataError("say what to run on and how to name it: make results MIRROR=<folder or address> NAME=<name>")
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", arguments.name):
        raise DataError(f"NAME is {arguments.name!r}; allowed: small letters, digits, dots, dashes and underscores")
    if arguments.seeds < 1:
        raise DataError(f"--seeds is {arguments.seeds}; allowed: 1 or more")
    return arguments


def options(arguments: argparse.Namespace) -> list[str]:
    """What was asked for beside mirror and name, as it would be typed: the mirror's address is nobody else's."""
    seeds = [] if arguments.seeds == SEEDS else ["--seeds", str(arguments.seeds)]
    return seeds + [text for setting in arguments.set for text in ("--set", setting)]


def setting(text: str) -> tuple[str, object]:
    """Key and value of what follows --set. Raises DataError."""
    key, equals, value = text.partition("=")
    place = params.load()
    for part in key.split("."):
        if not equals or not isinstance(place, dict) or part not in place:
            raise DataError(f"--set {text}: params.yaml has no {key}; write KEY=VALUE, for example tfdf.num_trees=50")
        place = place[part]
    if key in OWN:
        raise DataError(f"--set {text}: {key} is set by this script; allowed: all but {', '.join(OWN)}")
    try:
        return key, YAML(typ="safe", pure=True).load(value)
    except YAMLError as error:
        raise DataError(f"--set {text}: no YAML ({str(error).splitlines()[0]})") from None


def run(*command: str, cwd: Path | None = None, check: bool = True) -> bool:
    """Whether the command ends well; with `check`, a failure is an error."""
    # Stages call `python`: this one.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(command, cwd=cwd, env={**os.environ, "PATH": path}, check=False)
    if check and done.returncode:
        raise DataError(f"`{' '.join(command)}` failed; see the lines above")
    return done.returncode == 0


def share_cache(project: Path) -> None:
    """Let the copy use the DVC cache of the project that it is of."""
    dvc = [sys.executable, "-m", "dvc", "cache", "dir"]
    cache = subprocess.run(dvc, capture_output=True, text=True, check=True).stdout.strip()
    run(*dvc, "--local", "--quiet", str(Path(cache).resolve()), cwd=project)


def set_params(project: Path, mirror: str, settings: dict[str, object]) -> None:
    own = {"corpus": "voxforge", "corpora.voxforge.url": mirror, "audit.run": True}
    write_values(project / "params.yaml", own | settings)


def set_split(project: Path, seed: int, **split) -> None:
    write_values(project / "params.yaml", {"seed": seed, **{f"split.{key}": value for key, value in split.items()}})


if __name__ == "__main__":
    stage.run(main)
