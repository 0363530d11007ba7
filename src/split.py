"""Speakers -> sides (train, val, test, none) for each target, no speaker and no identical clip on two."""

from pathlib import Path

import pandas as pd

from voicetraits import params, stage
from voicetraits.classes import AgeBins, Targets
from voicetraits.files import write_csv, write_json
from voicetraits.side_counts import count_sides
from voicetraits.splitting import SplitParams, split_speakers


def main() -> None:
    all_params = params.load()
    metadata = pd.read_parquet(
        "data/metadata.parquet", columns=["utterance_id", "speaker_id", "source", "archive", "gender", "age_group"]
    )
    clips = pd.read_parquet("data/audio/clips.parquet", columns=["utterance_id", "audio_sha256", "duration_seconds"])
    age_bins = params.get(all_params, "metadata.age_bins", AgeBins)
    splits = split_speakers(
        metadata,
        clips,
        params.get(all_params, "split", SplitParams),
        targets=params.get(all_params, "targets", Targets),
        seed=params.get(all_params, "seed", params.Seed),
        age_bins=age_bins,
    )
    for note in splits.notes:
        print(f"split: {note}")
    write_csv(splits.table, Path("data/splits.csv"))
    write_json(count_sides(splits, metadata, clips, age_bins), Path("metrics/split.json"))


if __name__ == "__main__":
    stage.run(main)
