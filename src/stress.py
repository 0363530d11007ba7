"""Saved models and the test clips' sound -> figures under telephone, noise, rooms, short clips and moved pitch."""

from pathlib import Path

import pandas as pd

from voicetraits import params, stage
from voicetraits.classes import Targets
from voicetraits.evaluation import EvaluateParams
from voicetraits.examples import read_splits
from voicetraits.features.table import read_features
from voicetraits.files import write_csv, write_json
from voicetraits.models import saved
from voicetraits.models.net_names import Nets
from voicetraits.parallel import Workers
from voicetraits.store import ComputeParams, Store
from voicetraits.stress import COLUMNS, StressParams, figures, score_under_stress

#: Models that see the functionals; the params' `nets` stand beside them.
CLASSIC_MODELS = ("softmax", "tfdf")
SCORES, TABLE = Path("metrics/stress.json"), Path("metrics/plots/stress.csv")


def main() -> None:
    all_params = params.load()
    settings = params.get(all_params, "stress", StressParams)
    scoring = params.get(all_params, "evaluate", EvaluateParams)
    seed = params.get(all_params, "seed", params.Seed)
    targets = params.get(all_params, "targets", Targets)
    compute = params.get(all_params, "compute", ComputeParams)
    if not settings.conditions:
        print("stress: stress.conditions in params.yaml is empty, so nothing is measured")
        write_json({"off": 1}, SCORES)
        write_csv(pd.DataFrame(columns=COLUMNS), TABLE)
        return
    store = Store(max_bytes=int(compute.store_gigabytes * 1e9))
    models = (*CLASSIC_MODELS, *params.get(all_params, "nets", Nets))
    folders = {target: {name: Path("data/models") / name / target for name in models} for target in targets}
    skipped = [target for target, own in folders.items() if any(map(saved.is_skipped, own.values()))]
    results = score_under_stress(
        Path("data/audio"),
        {target: own for target, own in folders.items() if target not in skipped},
        settings,
        features=read_features(Path("data/features")),
        metadata=pd.read_parquet("data/metadata.parquet"),
        splits=read_splits(Path("data/splits.csv")),
        scoring=scoring,
        seed=seed,
        store=store,
        workers=Workers(compute.workers, compute.backend, compute.scheduler),
    )
    write_json(figures(results) | {target: {"skipped": 1} for target in skipped}, SCORES)
    write_csv(results.scores, TABLE)
    store.trim()


if __name__ == "__main__":
    stage.run(main)
