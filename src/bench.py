"""Measures speed: python src/bench.py [part …] writes metrics/bench/<part>.json, and README.md with the tables of all.

Clips of speech are those of the mirror that VOICETRAITS_MIRROR names, else those of the last run (data/audio).
"""

import os

# Before numpy is loaded: one thread each is what is compared.
os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from voicetraits import params, stage
from voicetraits.bench import features, models, pipeline, predicting, refusals, serving
from voicetraits.bench.speech import clips_of_mirror, clips_of_shards
from voicetraits.features.extractor import FeaturizeParams
from voicetraits.files import write_json, written_aside
from voicetraits.unpacking import ExtractParams

FOLDER = Path("metrics/bench")
RENDERERS = {
    "features": features.render, "pipeline": pipeline.render, "models": models.render, "predict": predicting.render,
    "serve": serving.render, "refusals": refusals.render,
}  # fmt: skip
#: Parts that measure the models of the last run.
OF_MODELS = ("models", "predict", "serve", "refusals")
CLIPS, RUNS = 24, 5
#: Of each kind that a predictor should refuse, or should not.
SOUNDS = 200


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure speed, and write the figures to metrics/bench/.")
    parser.add_argument("parts", nargs="*", default=default_parts(), metavar="part", help=", ".join(RENDERERS))
    parser.add_argument("--clips", type=int, default=CLIPS, help=f"clips of speech, {CLIPS} by default")
    parser.add_argument("--runs", type=int, default=RUNS, help=f"times that each is measured, {RUNS} by default")
    parser.add_argument(
        "--sounds", type=Path, help="folder with a folder of recordings for each kind of no speech, for refusals"
    )
    arguments = parser.parse_args()
    for part in arguments.parts:
        if part not in RENDERERS:
            parser.error(f"{part!r} is no part; allowed: {', '.join(RENDERERS)}")
    if min(arguments.clips, arguments.runs) < 1:
        parser.error("--clips and --runs are 1 or more")
    if arguments.sounds and "refusals" not in arguments.parts:
        parser.error("--sounds is for the part refusals, which is not among those to measure")
    all_params = params.load()
    if "features" in arguments.parts:
        source, clips = speech(all_params, arguments.clips)
        featurize = params.get(all_params, "featurize", FeaturizeParams)
        figures = {"source": source, "fresh_process": features.fresh_process(clips[0], featurize)}
        figures |= features.measure(clips, featurize, runs=arguments.runs)
        write_json(figures, FOLDER / "features.json")
    # On the project's own disk, where files can be linked rather than copied.
    scratch = Path(".dvc/tmp")
    scratch.mkdir(parents=True, exist_ok=True)
    if "models" in arguments.parts:
        _, clips = speech(all_params, arguments.clips)
        write_json(models.measure(Path.cwd(), scratch, clips, runs=arguments.runs), FOLDER / "models.json")
    if "predict" in arguments.parts:
        _, clips = speech(all_params, arguments.clips)
        write_json(predicting.measure(Path.cwd(), scratch, clips, runs=arguments.runs), FOLDER / "predict.json")
    if "serve" in arguments.parts:
        _, clips = speech(all_params, arguments.clips)
        write_json(serving.measure(Path.cwd(), clips, runs=arguments.runs), FOLDER / "serve.json")
    if "refusals" in arguments.parts:
        if not arguments.sounds:
            about = "fetch them by `sh tools/recorded_sounds.sh sounds` and add --sounds sounds"
            print(f"bench: recorded sounds take no part in the refusals; {about}", file=sys.stderr)
        extract = params.get(all_params, "extract", ExtractParams)
        mirror = os.environ.get("VOICETRAITS_MIRROR")
        folders = sorted(path for path in Path("data/models").glob("*") if any(path.glob("*/final")))
        figures = refusals.measure(
            folders, Path("data"), mirror and Path(mirror), extract, count=SOUNDS, recorded=arguments.sounds
        )
        write_json(figures, FOLDER / "refusals.json")
    if "pipeline" in arguments.parts:
        write_json(pipeline.measure(Path.cwd(), scratch), FOLDER / "pipeline.json")
    with written_aside(FOLDER / "README.md") as aside:
        aside.write_text(page(), encoding="utf-8")
    print(page())


def default_parts() -> list[str]:
    """All, but of models only where there are any."""
    return [part for part in RENDERERS if part not in OF_MODELS or Path("data/models").exists()]


def speech(all_params: dict[str, Any], count: int) -> tuple[str, list]:
    """What the clips are, and the clips."""
    if mirror := os.environ.get("VOICETRAITS_MIRROR"):
        extract = params.get(all_params, "extract", ExtractParams)
        return "clips of the mirror", clips_of_mirror(Path(mirror), extract, count)
    return f"clips of the corpus {all_params['corpus']}", clips_of_shards(Path("data/audio"), count)


def page() -> str:
    """The tables of all parts that were measured so far."""
    parts = [
        render(json.loads((FOLDER / f"{part}.json").read_text(encoding="utf-8")))
        for part, render in RENDERERS.items()
        if (FOLDER / f"{part}.json").exists()
    ]
    return "\n".join(["# Speed\n\nMeasured and written by `make bench`.\n", *parts])


if __name__ == "__main__":
    stage.run(main)
