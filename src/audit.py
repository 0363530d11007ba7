"""Features, labels and splits -> what scores may owe to leaks, rooms and wrong labels; a list of labels to review."""

from pathlib import Path

import pandas as pd

from voicetraits import params, stage
from voicetraits.auditing.audit import AuditParams, Inputs, audit_target, in_words
from voicetraits.auditing.bootstrap import Confidence, Samples
from voicetraits.auditing.pauses import pause_statistics
from voicetraits.classes import Targets
from voicetraits.examples import read_splits
from voicetraits.features.table import read_features
from voicetraits.files import write_csv, write_json
from voicetraits.splitting import speaker_groups

#: Keys of the section `evaluate` that hold for these intervals as well.
INTERVALS = {"bootstrap_samples": Samples, "confidence": Confidence}
FEATURES = Path("data/features")


def main() -> None:
    all_params = params.load()
    settings = params.get(all_params, "audit", AuditParams)
    features = read_features(FEATURES)
    metadata = pd.read_parquet(
        "data/metadata.parquet", columns=["utterance_id", "speaker_id", "archive", "source", "gender", "age_group"]
    )
    inputs = Inputs(
        features=features,
        pauses=pause_statistics(
            FEATURES,
            hop_seconds=features.params["hop_seconds"],
            below_speech_db=settings.pause_below_speech_db,
            margin_seconds=settings.pause_margin_seconds,
            min_seconds=settings.min_pause_seconds,
        ),
        metadata=metadata,
        splits=read_splits(Path("data/splits.csv")),
        groups=speaker_groups(metadata, pd.read_parquet("data/audio/clips.parquet")),
    )
    seed = params.get(all_params, "seed", params.Seed)
    intervals = {key: params.get(all_params, f"evaluate.{key}", kind) for key, kind in INTERVALS.items()}
    metrics, suspects, curves = {}, [], []
    for target in params.get(all_params, "targets", Targets):
        if not (inputs.splits["target"] == target).any():
            metrics[target] = {"skipped": 1}
            continue
        audit = audit_target(target, inputs, settings, seed=seed, **intervals)
        for line in in_words(audit.metrics):
            print(f"audit: {target}: {line}")
        metrics[target] = audit.metrics
        suspects.append(audit.suspects)
        curves.append(audit.curve)
    write_json(metrics, Path("metrics/audit.json"))
    write_csv(pd.concat(suspects), Path("data/label_suspects.csv"))
    write_csv(pd.concat(curves), Path("metrics/audit/learning_curve.csv"))


if __name__ == "__main__":
    stage.run(main)
