"""What the nets of a target look at: test clips, each through the net of the fold that has not learnt from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from voicetraits.errors import DataError
from voicetraits.examples import select_clips
from voicetraits.explaining.class_maps import SaliencyParams
from voicetraits.explaining.explanation import Data
from voicetraits.explaining.held_out import HeldOutClips
from voicetraits.explaining.occluding import occlude_sounds
from voicetraits.explaining.saliency import draw_clips, explain_net
from voicetraits.models import saved
from voicetraits.models.restoring import restore_net

#: The front end whose input is a picture of time and frequency.
LOG_MEL = "log_mel"

SALIENCY = ("target", "model", "method", "class", "band", "value")
FAITHFULNESS = (
    "target", "model", "method", "masked_share", "empty_share", "drop", "random_drop", "difference", "low", "high",
)  # fmt: skip


@dataclass(frozen=True)
class NetsExplained:
    """What is known of one target's nets.

    Attributes:
        figures: net: whether each method's map is faithful (1 or 0).
        plots: saliency and faithfulness, see `SALIENCY` and `FAITHFULNESS`; without nets they have no rows.
        maps: net: mean maps of each class, over time and bands.
    """

    figures: dict[str, dict[str, int]]
    plots: dict[str, pd.DataFrame]
    maps: dict[str, pd.DataFrame]


def explain_nets(
    target: str, folders: Mapping[str, Path], data: Data, settings: SaliencyParams, *, audio: Path
) -> NetsExplained:
    """Look at test clips through each net: at the log-mel frames, or of nets that see something else at the sound.

    Args:
        folders: net: the folder that holds its folds.
        audio: folder of `part-*.parquet` with utterance_id and samples (int16, 16 kHz).
    """
    figures, maps = {}, {}
    plots = {"saliency": [pd.DataFrame(columns=SALIENCY)], "faithfulness": [pd.DataFrame(columns=FAITHFULNESS)]}
    for name, folder in folders.items():
        folds = data.folds(target)
        config = saved.load(folder / f"fold-{folds[0]}").config
        clips, fold_of = _drawn_clips(target, data, config.classes, settings.clips)
        samples = read_samples(audio, clips.utterance_ids)
        (seen,) = config.feature_names
        front_end = import_module(f"voicetraits.front_ends.{seen}").FrontEnd(**config.feature_params)
        by_fold = {fold: restore_net(folder / f"fold-{fold}") for fold in dict.fromkeys(fold_of)}
        nets = [by_fold[fold] for fold in fold_of]
        sounds = [samples[utterance_id] for utterance_id in clips.utterance_ids]
        over_clips = data.intervals(clips)
        if seen == LOG_MEL:
            found = explain_net(nets, list(map(front_end, sounds)), over_clips, settings, seed=data.seed)
        else:
            found = occlude_sounds(nets, sounds, front_end, over_clips, settings, seed=data.seed)
        for plot, table in (("saliency", found.bands), ("faithfulness", found.faithfulness)):
            table.insert(0, "model", name)
            table.insert(0, "target", target)
            plots[plot].append(table)
        figures[name] = {f"{row.method}_faithful": int(row.low > 0) for row in found.faithfulness.itertuples()}
        maps[name] = found.maps
    return NetsExplained(figures, {name: _joined(parts) for name, parts in plots.items()}, maps)


def read_samples(audio: Path, utterance_ids: Sequence[str]) -> dict[str, np.ndarray]:
    """Samples of some clips, each (n,) float32 in −1 … 1.

    Raises:
        DataError: a clip is in none of the shards.
    """
    wanted = [("utterance_id", "in", list(utterance_ids))]
    found: dict[str, np.ndarray] = {}
    for shard in sorted(audio.glob("part-*.parquet")):
        rows = pq.read_table(shard, columns=["utterance_id", "samples"], filters=wanted)
        for utterance_id, samples in zip(rows["utterance_id"].to_pylist(), rows["samples"], strict=True):
            found[utterance_id] = samples.values.to_numpy().astype(np.float32) / 32768
    if missing := [utterance_id for utterance_id in utterance_ids if utterance_id not in found]:
        raise DataError(f"{missing[0]} is in no shard of audio; run `dvc repro`")
    return found


def _drawn_clips(target: str, data: Data, classes: Sequence[str], most: int) -> tuple[HeldOutClips, list[str]]:
    """Test clips of all folds, as many of each class, and the fold of each."""
    sides = [
        select_clips(data.metadata, data.splits, target, fold, "test").assign(fold=fold) for fold in data.folds(target)
    ]
    table = pd.concat(sides, ignore_index=True)
    drawn = draw_clips(HeldOutClips.of(table, classes).labels, most, np.random.default_rng(data.seed))
    table = table.iloc[drawn]
    return HeldOutClips.of(table, classes), table["fold"].tolist()


def _joined(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    head, *filled = parts
    return pd.concat(filled, ignore_index=True) if filled else head
