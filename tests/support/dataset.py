"""What the stages before training write, small: 36 speakers with two archives of two clips each, and their features."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from voicetraits.files import write_csv, write_parquet

FEATURES = ("f0_median_hz", "formant_hz", "noise_1", "noise_2")
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
                values = [rng.normal(pitch_hz, 8), rng.normal(formant_hz, 20), *rng.normal(size=2)]
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
    """Write `table` as shards of functionals, made with `params`, and log-mel of the same clips, speech at 45 dB."""
    for number in range(shards):
        own = table.iloc[number::shards]
        write_parquet(own, folder / f"data/features/functionals/part-{number:04d}.parquet")
        write_log_mel(dict.fromkeys(own["utterance_id"], _SPEECH_AND_PAUSE_DB), folder, number)
    description = {"params": {"hop_seconds": 0.01, **params}, "units": dict.fromkeys(FEATURES, "Hz")}
    (folder / "data/features/description.json").write_text(json.dumps(description))


#: Half a pause, half speech.
_SPEECH_AND_PAUSE_DB = np.where(np.arange(60)[:, None] < 30, -55.0, -10.0) * np.ones(3)


def write_log_mel(log_mel_db: Mapping[str, np.ndarray], folder: Path, shard: int = 0) -> None:
    """Write the (frames, bands) of each clip as a shard below `folder`."""
    bands = next(iter(log_mel_db.values())).shape[1]
    values = pa.array(
        [[[*map(np.float16, frame)] for frame in clip] for clip in log_mel_db.values()],
        pa.list_(pa.list_(pa.float16(), bands)),
    )
    table = pa.table({"utterance_id": list(log_mel_db), "log_mel_db": values})
    write_parquet(table, folder / f"data/features/logmel/part-{shard:04d}.parquet")
