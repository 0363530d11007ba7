"""What the models learnt from, as far as the project that they lie in says."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicetraits.errors import DataError
from voicetraits.inference.loading import find_models
from voicetraits.run_lock import LOCK, check_current, digests_of, read_stages
from voicetraits.serving.catalogue import models_in

_METADATA, _SPLIT = "data/metadata.parquet", "metrics/split.json"
#: Its voices are made by a program.
DEMO = "demo"


@dataclass(frozen=True)
class TrainingSet:
    """What the graph last ran on.

    Attributes:
        corpus: its name; None if not known.
        clips, speakers: how many of each class were learnt from, by target and class; empty if not known.
        youth_below_years, senior_from_years: the ages between which the age groups part; None if not known.
    """

    corpus: str | None
    clips: Mapping[str, Mapping[str, int]]
    speakers: Mapping[str, Mapping[str, int]]
    youth_below_years: int | None = None
    senior_from_years: int | None = None

    @property
    def is_synthetic(self) -> bool:
        """Whether its voices are no people's."""
        return self.corpus == DEMO

    def shares(self, target: str) -> dict[str, float]:
        """Share of the training clips of each class; empty if not known."""
        clips = self.clips.get(target, {})
        total = sum(clips.values())
        return {name: count / total for name, count in clips.items()} if total else {}


#: Where there is no telling.
UNKNOWN = TrainingSet(None, {}, {})


def read_training_set(models: Path) -> TrainingSet:
    """Read what the project above the models says of the run that wrote them.

    Nothing is known where no dvc.lock lies above them, or where it tells of another run: of other models, or of models
    that have not learnt from what the lock's other stages wrote since.

    Args:
        models: a folder of kinds of models, or of one kind.

    Raises:
        DataError: dvc.lock or metrics/split.json is damaged.
        ModelError: there is no model, or one is damaged.
    """
    models = Path(os.path.abspath(models))  # noqa: PTH100 (links are kept: files themselves may lie in a cache)
    folders = [folder for kind in models_in(models).values() for folder in find_models(kind.folder).values()]
    project = next((above for above in models.parents if (above / LOCK).is_file()), None)
    if project is None:
        return UNKNOWN
    stages = read_stages(project / LOCK)
    made = {out["path"]: stage for stage in stages.values() for out in stage.get("outs", ())}
    outs = [_out_of(folder, project, made) for folder in folders]
    if None in outs or not all(_is_of_this_run(path, project, stages, made) for path in set(outs)):
        return UNKNOWN
    params = made.get(_METADATA, {}).get("params", {}).get("params.yaml", {})
    ages = params.get("metadata", {})
    return TrainingSet(
        params.get("corpus"),
        *(_counts(project / _SPLIT) if _is_of_this_run(_SPLIT, project, stages, made) else ({}, {})),
        ages.get("youth_below_years"),
        ages.get("senior_from_years"),
    )


def _out_of(folder: Path, project: Path, made: Mapping[str, Any]) -> str | None:
    """The output of the graph that a model's folder is, or lies in."""
    paths = (one.relative_to(project).as_posix() for one in (folder, *folder.parents) if project in one.parents)
    return next((path for path in paths if path in made), None)


def _is_of_this_run(path: str, project: Path, stages: Mapping[str, Any], made: Mapping[str, Any]) -> bool:
    """Whether an output is what the lock says, and its stage ran on what the lock says of other stages."""
    try:
        check_current(stages, project, [path])
    except DataError:
        return False
    digests = digests_of(stages)
    return all(digests.get(dep["path"], dep.get("md5")) == dep.get("md5") for dep in made[path].get("deps", ()))


def _counts(split: Path) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, int]]]:
    """Clips and speakers of each class that were learnt from, by target; of several folds the first counts."""
    clips, speakers = {}, {}
    try:
        for target, counts in json.loads(split.read_text(encoding="utf-8")).items():
            train = counts.get("train") or counts.get("fold-0", {}).get("train", {})
            clips[target] = {name: int(size["clips"]) for name, size in train.items()}
            speakers[target] = {name: int(size["speakers"]) for name, size in train.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{split} is damaged ({reason}); restore it with git") from None
    return clips, speakers
