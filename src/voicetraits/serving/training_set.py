"""What the models learnt from, as far as the project beside them says."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from voicetraits.errors import DataError

#: Its voices are made by a program.
DEMO = "demo"


@dataclass(frozen=True)
class TrainingSet:
    """What the graph last ran on.

    Attributes:
        corpus: its name; None if not known.
        clips, speakers: how many of each class were learnt from, by target and class; empty if not known.
    """

    corpus: str | None
    clips: Mapping[str, Mapping[str, int]]
    speakers: Mapping[str, Mapping[str, int]]

    @property
    def is_synthetic(self) -> bool:
        """Whether its voices are no people's."""
        return self.corpus == DEMO

    def shares(self, target: str) -> dict[str, float]:
        """Share of the training clips of each class; empty if not known."""
        clips = self.clips.get(target, {})
        total = sum(clips.values())
        return {name: count / total for name, count in clips.items()} if total else {}


def read_training_set(lock: Path, split: Path) -> TrainingSet:
    """Read what DVC and the stage split wrote; what is missing is not known.

    Args:
        lock: dvc.lock.
        split: metrics/split.json; of several folds the first counts.

    Raises:
        DataError: one is damaged.
    """
    corpus, clips, speakers = None, {}, {}
    try:
        if lock.is_file():
            loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
            stages = yaml.load(lock.read_text(encoding="utf-8"), loader)["stages"]
            corpus = stages.get("scrape", {}).get("params", {}).get("params.yaml", {}).get("corpus")
        if split.is_file():
            for target, counts in json.loads(split.read_text(encoding="utf-8")).items():
                train = counts.get("train") or counts.get("fold-0", {}).get("train", {})
                clips[target] = {name: int(size["clips"]) for name, size in train.items()}
                speakers[target] = {name: int(size["speakers"]) for name, size in train.items()}
    except (ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{lock} or {split} is damaged ({reason}); restore it with git") from None
    return TrainingSet(corpus, clips, speakers)
