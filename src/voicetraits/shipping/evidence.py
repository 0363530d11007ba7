"""What the run has measured of the models that are to be shipped, and proof that it is of these models."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from voicetraits.calibration import Calibration
from voicetraits.errors import DataError
from voicetraits.examples import final_sides, read_splits, select_clips
from voicetraits.inference.loading import ModelIdentity, identity_of
from voicetraits.inference.truth import training_clips
from voicetraits.models.saved import Config
from voicetraits.shipping.contents import Model

_TABLES = ("scores", "slices", "stress")
_LOCK, _METADATA, _SPLITS = "dvc.lock", "data/metadata.parquet", "data/splits.csv"
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
    lock = yaml.safe_load((project / _LOCK).read_text(encoding="utf-8"))["stages"]
    # With what the run has made of the same kind: a target may be missing.
    kinds = {Path(path).parent for path in own}
    own |= {path for path in _digests(lock) if Path(path).parent in kinds}
    check_current(lock, project, [*tables.values(), _METADATA, _SPLITS, *sorted(own)])
    confidence = lock["evaluate"]["params"]["params.yaml"]["evaluate"]["confidence"]
    read = {
        name: pd.read_csv(project / path, keep_default_na=False, na_values=_NUMBERS) for name, path in tables.items()
    }
    metadata, splits = pd.read_parquet(project / _METADATA), read_splits(project / _SPLITS)
    return {target: _of(target, model, project, read, metadata, splits, confidence) for target, model in models.items()}


def check_current(lock: Mapping[str, Any], project: Path, paths: Iterable[str | Path]) -> None:
    """See that outputs are those of the run that dvc.lock tells of.

    Args:
        lock: its stages.
        project: the project's root.
        paths: from there.

    Raises:
        DataError: one is missing, or differs.
    """
    digests = _digests(lock)
    for path in paths:
        name = Path(path).as_posix()
        if not (project / name).exists():
            raise DataError(f"{name} is missing; `dvc repro` makes it, `dvc pull` fetches it")
        if digests.get(name) != md5_of(project / name):
            raise DataError(f"{name} is not what {_LOCK} says, so figures and models may differ; run `dvc repro`")


def _digests(lock: Mapping[str, Any]) -> dict[str, str]:
    """md5 of each output of a run."""
    return {out["path"]: out["md5"] for stage in lock.values() for out in stage.get("outs", ())}


def md5_of(path: Path) -> str:
    """As DVC computes it: of a folder, over the JSON of its files' paths and digests."""
    if not path.is_dir():
        return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    files = {file.relative_to(path).as_posix(): file for file in path.rglob("*") if file.is_file()}
    # DVC sorts by the parts of a path.
    entries = [
        {"md5": md5_of(files[name]), "relpath": name} for name in sorted(files, key=lambda name: name.split("/"))
    ]
    text = json.dumps(entries, sort_keys=True)
    return f"{hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}.dir"


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
