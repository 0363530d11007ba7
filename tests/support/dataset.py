"""What the stages before training write, small: 36 speakers with two archives of two clips each, and their features."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from voicetraits.files import write_csv, write_parquet

FEATURES = ("f0_median_hz", "formant_hz", "noise_1", "noise_2", "rms_mean", "rms_min")
SPEAKERS = 36
GENDERS, AGE_GROUPS = ("female", "male"), ("youth", "adult", "senior")
SOURCES = ("desk", "phone")
#: By number of the speaker modulo 12, so that each class has speakers on each side.
SIDES = ("train",) * 6 + ("val",) * 3 + ("test",) * 3
TEST_CLIPS = SPEAKERS // 4 * 4


def write_dataset(folder: Path, *, skip_age: bool = False, shards: int = 2) -> None:
    """Write features, metadata, clips and splits below `folder`, for `targets: [gender, age]`."""
    rng = np.random.default_rng(0)
    metadata, features, splits = [], [], []
    for number in range(SPEAKERS):
        speaker, gender, age = f"user{number:02d}", GENDERS[number % 2], AGE_GROUPS[number // 12]
        pitch_hz = rng.normal({"female": 200, "male": 120}[gender] - 15 * AGE_GROUPS.index(age), 15)
        formant_hz = rng.normal(1100 - 60 * AGE_GROUPS.index(age), 25)
        for archive in (f"{speaker}-20080101-aaa", f"{speaker}-20090101-bbb"):
            for clip in ("a1", "a2"):
                utterance = f"{archive}/{clip}"
                metadata.append((utterance, speaker, archive, gender, age, SOURCES[number % 4 // 2], None))
                values = [rng.normal(pitch_hz, 8), rng.normal(formant_hz, 20), *rng.normal(size=2), 0.1, 0.001]
                features.append((utterance, *np.float32(values)))
        for target in ("gender",) if skip_age else ("gender", "age"):
            splits.append((target, "0", speaker, SIDES[number % 12]))
    columns = ["utterance_id", "speaker_id", "archive", "gender", "age_group", "source", "dialect"]
    table = pd.DataFrame(metadata, columns=columns)
    write_parquet(table, folder / "data/metadata.parquet")
    clips = table[["utterance_id"]].assign(
        audio_sha256="sha256 of " + table["utterance_id"], duration_seconds=1.5 + table.index.to_numpy() % 4
    )
    write_parquet(clips, folder / "data/audio/clips.parquet")
    write_csv(
        pd.DataFrame(sorted(splits), columns=["target", "fold", "speaker_id", "side"]), folder / "data/splits.csv"
    )
    write_features(folder, pd.DataFrame(features, columns=["utterance_id", *FEATURES]), shards=shards)


def write_features(folder: Path, table: pd.DataFrame, *, shards: int = 2, **params: object) -> None:
    """Write `table` as shards of functionals, made with `params`."""
    for number in range(shards):
        write_parquet(table.iloc[number::shards], folder / f"data/features/functionals/part-{number:04d}.parquet")
    description = {"params": {"hop_seconds": 0.01, **params}, "units": dict.fromkeys(FEATURES, "Hz")}
    (folder / "data/features/description.json").write_text(json.dumps(description))
