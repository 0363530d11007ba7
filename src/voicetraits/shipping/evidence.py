"""What the run has measured of the models that are to be shipped, and proof that it is of these models."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from voicetraits.calibration import Calibration
from voicetraits.errors import DataError
from voicetraits.examples import final_sides, read_splits, select_clips
from voicetraits.inference.loading import ModelIdentity, identity_of
from voicetraits.inference.scoring import training_clips
from voicetraits.models.saved import Config
from voicetraits.run_lock import LOCK, check_current, digests_of, read_stages
from voicetraits.shipping.contents import Model

_TABLES = ("scores", "slices", "stress")
_METADATA, _SPLITS = "data/metadata.parquet", "data/splits.csv"
#: Columns that are numbers, or blank; in others no word stands for a missing value.
_NUMBERS = {name: [""] for name in ("uar", "value", "low", "high")}


@dataclass(frozen=True)
class Evidence:
    """Of the model of one target.

    Attributes:
        config, calibration, identity: which model it is.
        bytes_on_disk: of its folder.
        scores, slices, stress: rows of metrics/plots/, of this target; of stress, of this model.
        learnt, validated, tested: the clips that it learnt from, that stopped and calibrated it, and on which figures
            are; rows of data/metadata.parquet.
        folds: how many models were tested for the figures.
        confidence: coverage of the intervals.
    """

    config: Config
    calibration: Calibration
    identity: ModelIdentity
    bytes_on_disk: int
    scores: pd.DataFrame
    slices: pd.DataFrame
    stress: pd.DataFrame
    learnt: pd.DataFrame
    validated: pd.DataFrame
    tested: pd.DataFrame
    folds: int
    confidence: float


def gather(models: Mapping[str, Model], project: Path) -> dict[str, Evidence]:
    """Read what metrics/ and data/ say of the models in data/models, by target.

    Raises:
        DataError: something there is not of the run that dvc.lock tells of, or not what the models learnt from.
    """
    tables = {name: f"metrics/plots/{name}.csv" for name in _TABLES}
    own = {model.folder.parent.resolve().relative_to(project.resolve()).as_posix() for model in models.values()}
    lock = read_stages(project / LOCK)
    # With what the run has made of the same kind: a target may be missing.
    kinds = {Path(path).parent for path in own}
    own |= {path for path in digests_of(lock) if Path(path).parent in kinds}
    check_current(lock, project, [*tables.values(), _METADATA, _SPLITS, *sorted(own)])
    confidence = lock["evaluate"]["params"]["params.yaml"]["evaluate"]["confidence"]
    read = {
        name: pd.read_csv(project / path, keep_default_na=False, na_values=_NUMBERS) for name, path in tables.items()
    }
    metadata, splits = pd.read_parquet(project / _METADATA), read_splits(project / _SPLITS)
    return {target: _of(target, model, project, read, metadata, splits, confidence) for target, model in models.items()}


def _of(
    target: str,
    model: Model,
    project: Path,
    tables: Mapping[str, pd.DataFrame],
    metadata: pd.DataFrame,
    splits: pd.DataFrame,
    confidence: float,
) -> Evidence:
    learnt = training_clips(target, project / "data", model.config.training_split_sha256)
    if learnt is None:
        raise DataError(f"data/ does not hold what the model for {target} learnt from; run `dvc repro`")
    own = {name: table[table["target"] == target] for name, table in tables.items()}
    sides = splits[splits["target"] == target]
    folds = sorted(sides.loc[sides["side"] == "test", "fold"].unique())
    final = sides if len(folds) == 1 else final_sides(sides)
    validated = select_clips(metadata, final, target, final["fold"].iloc[0], "val")
    tested = pd.concat(select_clips(metadata, sides, target, fold, "test") for fold in folds)
    return Evidence(
        config=model.config,
        calibration=Calibration.load(model.folder),
        identity=identity_of(model.folder, model.config),
        bytes_on_disk=sum(file.stat().st_size for file in model.folder.rglob("*") if file.is_file()),
        scores=own["scores"],
        slices=own["slices"],
        stress=own["stress"][own["stress"]["model"] == model.config.model],
        **{
            name: metadata[metadata["utterance_id"].isin(clips["utterance_id"])]
            for name, clips in (("learnt", learnt), ("validated", validated), ("tested", tested))
        },
        folds=len(folds),
        confidence=confidence,
    )
