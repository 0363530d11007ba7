"""Saved models and their test clips -> what the models rest on, which features say the same, the corpus at a glance."""

from pathlib import Path

import pandas as pd

from voicetraits import params, stage
from voicetraits.classes import Targets
from voicetraits.examples import read_splits
from voicetraits.explaining.explanation import Data, ExplainParams, explain_target, training_redundancy
from voicetraits.explaining.exploring import corpus_tables
from voicetraits.explaining.net_explanation import explain_nets
from voicetraits.features.table import read_features
from voicetraits.files import folder_anew, write_csv, write_json, write_parquet
from voicetraits.models.net_names import Nets
from voicetraits.signal_to_noise import read_signal_to_noise

#: Models that learn from features.
MODELS = ("softmax", "tfdf")
MODELS_FOLDER, PLOTS, OUT = Path("data/models"), Path("metrics/plots"), Path("data/explanations")


def main() -> None:
    all_params = params.load()
    settings = params.get(all_params, "explain", ExplainParams)
    targets = params.get(all_params, "targets", Targets)
    net_names = params.get(all_params, "nets", Nets)
    features = read_features(Path("data/features"))
    data = Data(
        features,
        pd.read_parquet("data/metadata.parquet"),
        read_splits(Path("data/splits.csv")),
        bootstrap_samples=params.get(all_params, "evaluate.bootstrap_samples", int),
        confidence=params.get(all_params, "evaluate.confidence", float),
        seed=params.get(all_params, "seed", params.Seed),
    )
    clips = pd.read_parquet("data/audio/clips.parquet", columns=["utterance_id", "duration_seconds"])
    noise = read_signal_to_noise(Path("data/features/logmel"))
    plots = {name: [table] for name, table in corpus_tables(data.metadata, features.values, clips, noise).items()}

    kept = [target for target in targets if data.folds(target)]
    redundancy = training_redundancy(kept[0], data, settings)
    plots["correlation"] = [redundancy.map_table()]
    figures: dict[str, dict] = {"redundancy": redundancy.figures()}
    with folder_anew(OUT) as folder:
        write_parquet(redundancy.matrix(), folder / "correlation.parquet")
        for target in targets:
            if target not in kept:
                figures[target] = {"skipped": 1}
                continue
            folders = {name: MODELS_FOLDER / name / target for name in (*MODELS, *net_names)}
            explained = explain_target(target, {name: folders[name] for name in MODELS}, data, redundancy, settings)
            net_folders = {name: folders[name] for name in net_names}
            nets = explain_nets(target, net_folders, data, settings.nets, audio=Path("data/audio"))
            figures[target] = explained.figures | {"nets": nets.figures}
            for name, table in (explained.plots | nets.plots).items():
                plots.setdefault(name, []).append(table)
            for net, table in nets.maps.items():
                write_parquet(table, folder / f"saliency-{net}-{target}.parquet")
            for model, table in explained.clips.items():
                write_parquet(table, folder / f"contributions-{model}-{target}.parquet")
    write_json(figures, Path("metrics/explain.json"))
    for name, parts in plots.items():
        write_csv(pd.concat(parts), PLOTS / f"{name}.csv")


if __name__ == "__main__":
    stage.run(main)
