"""Text files of the submissions -> a row of metadata per clip, and a list of what a person should look at."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from voicetraits import params, stage
from voicetraits.files import write_csv, write_json, write_parquet
from voicetraits.metadata import MetadataParams, build_metadata


def main() -> None:
    all_params = params.load()
    corpus = params.get(all_params, "corpus", str)
    metadata = build_metadata(
        pq.read_table("data/audio/submissions.parquet").to_pylist(),
        pd.read_parquet("data/audio/clips.parquet", columns=["utterance_id", "archive"]),
        params.get(all_params, "metadata", MetadataParams),
        corpus=corpus,
        sources=params.get(all_params, f"corpora.{corpus}.sources", dict[str, str]),
    )
    write_parquet(metadata.clips, Path("data/metadata.parquet"))
    write_csv(metadata.review, Path("data/review.csv"))
    write_json(metadata.metrics, Path("metrics/metadata.json"))


if __name__ == "__main__":
    stage.run(main)
