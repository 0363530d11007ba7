"""Saved models and the test split -> figures with intervals over speakers, beside what is trivial, and plots."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from voicetraits import params, stage
from voicetraits.baselines import baseline_sizes
from voicetraits.classes import Targets
from voicetraits.comparison import compare_models, gain_by_size, size_on_disk
from voicetraits.evaluation import EvaluateParams, figures, score_table
from voicetraits.examples import read_splits
from voicetraits.features.table import read_features
from voicetraits.files import write_csv, write_json
from voicetraits.model_inputs import inputs_of
from voicetraits.models import saved
from voicetraits.models.net_names import Nets
from voicetraits.parallel import Workers
from voicetraits.plot_tables import importance_table, pitch_table, plot_tables
from voicetraits.predictions import predict_baselines, predict_test_clips
from voicetraits.signal_to_noise import read_signal_to_noise
from voicetraits.slices import lead_figures, slice_clips, slice_table
from voicetraits.store import ComputeParams, Store

#: Models that see the functionals; the params' `nets` stand beside them.
CLASSIC_MODELS = ("softmax", "tfdf")
MODELS_FOLDER, CURVES_FOLDER = Path("data/models"), Path("metrics/train")


def main() -> None:
    all_params = params.load()
    settings = params.get(all_params, "evaluate", EvaluateParams)
    seed = params.get(all_params, "seed", params.Seed)
    targets = params.get(all_params, "targets", Targets)
    compute = params.get(all_params, "compute", ComputeParams)
    models = (*CLASSIC_MODELS, *params.get(all_params, "nets", Nets))
    remove_stale(MODELS_FOLDER, models, targets)
    remove_stale(CURVES_FOLDER, models, targets)

    features = read_features(Path("data/features"))
    metadata = pd.read_parquet("data/metadata.parquet")
    clips = pd.read_parquet("data/audio/clips.parquet", columns=["utterance_id", "duration_seconds"])
    noise_db = read_signal_to_noise(Path("data/features/logmel"))
    parts = slice_clips(metadata, clips, features.values["f0_median_hz"], noise_db)
    data = {"metadata": metadata, "splits": read_splits(Path("data/splits.csv"))}
    store = Store(max_bytes=int(compute.store_gigabytes * 1e9))
    sources = {
        "features": features,
        "audio": Path("data/audio"),
        "store": store,
        "workers": Workers(compute.workers, compute.backend, compute.scheduler),
    }
    results: dict[str, dict] = {}
    plots: dict[str, list[pd.DataFrame]] = {}
    for target in targets:
        folders = {name: MODELS_FOLDER / name / target for name in models}
        if any(saved.is_skipped(folder) for folder in folders.values()):
            results[target] = {"skipped": 1}
            continue
        tables = tables_of(target, folders, data, sources, parts, settings, seed=seed)
        results[target] = figures(tables["scores"], lead_figures(tables["slices"]))
        for name, table in tables.items():
            plots.setdefault(name, []).append(table)

    write_json(results, Path("metrics/evaluate.json"))
    gender = metadata.set_index("utterance_id")["gender"]
    plots["pitch"] = [pitch_table(features.values["f0_median_hz"], gender)]
    for name, own_parts in plots.items():
        write_csv(pd.concat(own_parts), Path("metrics/plots") / f"{name}.csv")
    store.trim()


def tables_of(
    target: str,
    folders: Mapping[str, Path],
    data: Mapping[str, pd.DataFrame],
    sources: Mapping[str, Any],
    parts: pd.DataFrame,
    settings: EvaluateParams,
    *,
    seed: int,
) -> dict[str, pd.DataFrame]:
    """Tables for the plots of a target, by name.

    Args:
        folders: of the saved models, by name.
        data: labels and splits, as `predict_test_clips` takes them.
        sources: where each model's input is, as `inputs_of` takes it.
        parts: which clips are in which slice.
    """
    finals = {name: saved.load(folder / "final") for name, folder in folders.items()}
    classes = next(iter(finals.values())).config.classes
    predicted = {
        name: predict_test_clips(folder, target, features=inputs_of(finals[name].config, **sources), **data)
        for name, folder in folders.items()
    }
    predicted |= predict_baselines(target, classes, features=sources["features"], **data)
    sizes = baseline_sizes(classes) | {name: size_on_disk(folder / "final") for name, folder in folders.items()}
    importances = {
        name: pd.Series(finals[name].classifier.importances(), finals[name].config.feature_names)
        for name in CLASSIC_MODELS
    }
    comparisons = compare_models(target, predicted, classes, sizes, params=settings, seed=seed)
    return {
        "scores": score_table(target, predicted, classes, settings, seed=seed),
        "slices": slice_table(target, predicted, classes, parts, params=settings),
        "comparisons": comparisons,
        "gain_by_size": gain_by_size(comparisons),
        "importance": importance_table(target, importances),
        **plot_tables(target, predicted, classes, ece_bins=settings.ece_bins),
    }


def remove_stale(folder: Path, models: tuple[str, ...], targets: tuple[str, ...]) -> None:
    """Remove what earlier params left beside the current models: DVC does not, and a clean clone has none of it."""
    current = {folder / model / target for model in models for target in targets}
    for path in sorted({*folder.glob("*/*"), *folder.glob("*")}):
        if path.is_dir() and path not in current and not any(path in kept.parents for kept in current):
            print(f"evaluate: removing {path}, which params.yaml no longer names")
            shutil.rmtree(path)


if __name__ == "__main__":
    stage.run(main)
