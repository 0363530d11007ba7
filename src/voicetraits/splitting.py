"""Splits speakers into training, validation and test, so that no voice and no recording stands on two sides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from voicetraits.allotment import Stratum, assign_sides
from voicetraits.classes import CLASSES, AgeBins, classes_of
from voicetraits.errors import DataError, ParameterError
from voicetraits.examples import SIDES, select_clips, speaker_classes
from voicetraits.params import section
from voicetraits.published_folds import audiomnist_gender_folds
from voicetraits.words import comparable

_FOLD = "0"  # a holdout has one
_COLUMNS = ["target", "fold", "speaker_id", "side"]


@section
class SplitParams:
    """Section `split` of params.yaml."""

    strategy: Literal["holdout", "audiomnist"]
    val_share: Annotated[float, Field(gt=0, lt=1)]
    test_share: Annotated[float, Field(gt=0, lt=1)]
    # Three: one for each side.
    min_speakers_per_class: Annotated[int, Field(ge=3)]

    def __post_init__(self) -> None:
        if self.val_share + self.test_share >= 1:
            raise ParameterError(
                f"params.yaml: `split.test_share` is {self.test_share}; allowed: less than 1 - `split.val_share` "
                f"({1 - self.val_share:g}), so that speakers are left to train on"
            )

    @property
    def shares(self) -> dict[str, float]:
        """Share of the speakers of each side."""
        return {"train": 1 - self.val_share - self.test_share, "val": self.val_share, "test": self.test_share}


@dataclass(frozen=True)
class Splits:
    """A split of the speakers.

    Attributes:
        table: target, fold, speaker_id, side, sorted; a row per speaker for each target that is not skipped.
        skipped: targets with fewer than two classes left.
        notes: a line for each class that is left out and each target that is skipped.
    """

    table: pd.DataFrame
    skipped: tuple[str, ...]
    notes: tuple[str, ...]


def split_speakers(
    metadata: pd.DataFrame,
    clips: pd.DataFrame,
    params: SplitParams,
    *,
    targets: Sequence[str],
    seed: int,
    age_bins: AgeBins = "groups",
) -> Splits:
    """Give each speaker a side for each target.

    Each class of the target, and within it each class of the other target, is shared out as nearly as possible in the
    shares asked for, with a speaker at least of each class on every side. Speakers keep their side as well as can be
    when others come: who stands where follows the order of a hash of seed and name. Speakers who share an identical
    clip, or whose names differ only in case, stay together. The order of rows does not matter.

    Args:
        metadata: utterance_id, speaker_id, archive, gender, age_group.
        clips: utterance_id, audio_sha256.
        age_bins: which classes age has.

    Raises:
        DataError: no target is left, or a class cannot stand on every side because its speakers share clips.
    """
    groups = speaker_groups(metadata, clips)
    if params.strategy == "audiomnist":
        return _published(groups, targets)
    classes = {target: speaker_classes(metadata, target).to_dict() for target in CLASSES}
    rows, skipped, notes = [], [], []
    for target in targets:
        names = classes_of(target, age_bins)
        kept, left_out = _choose_classes(classes[target], names, groups, target, params.min_speakers_per_class)
        notes += left_out
        if len(kept) < 2:
            skipped.append(target)
            notes.append(f"{target}: skipped, since fewer than two classes are left")
            continue
        other = classes["age" if target == "gender" else "gender"]
        strata = {
            speaker: Stratum(name, other.get(speaker, "")) for speaker, name in classes[target].items() if name in kept
        }
        sides = assign_sides(strata, groups, params.shares, seed)
        _check_every_side(sides, strata, target)
        rows += [(target, _FOLD, speaker, sides.get(speaker, "none")) for speaker in groups]
    if not rows:
        raise DataError(
            f"no target is left to learn ({'; '.join(notes)}): take more archives (`corpora.<corpus>.limit`), or lower "
            f"`split.min_speakers_per_class`"
        )
    return Splits(pd.DataFrame(sorted(rows), columns=_COLUMNS), tuple(skipped), tuple(notes))


def _published(groups: Mapping[str, str], targets: Sequence[str]) -> Splits:
    """AudioMNIST's folds, which are of gender: any other target is skipped."""
    skipped = tuple(target for target in targets if target != "gender")
    if "gender" not in targets:
        raise DataError("`split.strategy: audiomnist` splits for gender; add gender to `targets`")
    rows = [("gender", *row) for row in audiomnist_gender_folds(groups)]
    notes = tuple(f"{target}: skipped, since AudioMNIST's published folds are of gender" for target in skipped)
    return Splits(pd.DataFrame(sorted(rows), columns=_COLUMNS), skipped, notes)


def speaker_groups(metadata: pd.DataFrame, clips: pd.DataFrame) -> dict[str, str]:
    """Speaker: name of the group that must stay on one side, which is the first name in it.

    In a group are those who share an identical clip, directly or through others, and those whose names differ only in
    case, diacritics or punctuation: as far as we know, one person.
    """
    owned = metadata[["utterance_id", "speaker_id"]].merge(
        clips[["utterance_id", "audio_sha256"]], on="utterance_id", how="left", validate="one_to_one"
    )
    if owned["audio_sha256"].isna().any():
        stranger = owned.loc[owned["audio_sha256"].isna(), "utterance_id"].min()
        raise DataError(f"metadata.parquet names {stranger}, clips.parquet does not; run `dvc repro parse_metadata`")
    speaker, names = pd.factorize(owned["speaker_id"], sort=True)
    # A name of punctuation alone is like no other.
    alike = owned["speaker_id"].map(lambda name: comparable(name) or name)
    links = [pd.factorize(owned["audio_sha256"])[0], pd.factorize(alike)[0]]
    # A graph of speakers, recordings and names in plain letters, with an edge from each speaker to what he or she has.
    offsets = np.cumsum([len(names), *(link.max(initial=-1) + 1 for link in links)])
    ends = np.concatenate([link + offset for link, offset in zip(links, offsets, strict=False)])
    starts = np.tile(speaker, len(links))
    graph = coo_array((np.ones(len(starts)), (starts, ends)), shape=(offsets[-1], offsets[-1]))
    component = connected_components(graph, directed=False)[1]
    first_name: dict[int, str] = {}
    return {name: first_name.setdefault(component[index], name) for index, name in enumerate(names)}


def _choose_classes(
    classes: Mapping[str, str], names: Sequence[str], groups: Mapping[str, str], target: str, min_speakers: int
) -> tuple[list[str], list[str]]:
    """The classes that can be learnt, and a line for each that cannot."""
    kept, notes = [], []
    for name in names:
        speakers = [speaker for speaker, own in classes.items() if own == name]
        if len(speakers) < min_speakers:
            reason = f"it has {len(speakers)} of the {min_speakers} speakers that split.min_speakers_per_class asks for"
        elif (independent := len({groups[speaker] for speaker in speakers})) < len(SIDES):
            reason = f"its {len(speakers)} speakers are only {independent} groups that share no clip with each other"
        else:
            kept.append(name)
            continue
        notes.append(f"{target}: class {name} is left out: {reason}")
    return kept, notes


def _check_every_side(sides: Mapping[str, str], strata: Mapping[str, Stratum], target: str) -> None:
    there = {(strata[speaker].name, side) for speaker, side in sides.items()}
    for name in sorted({stratum.name for stratum in strata.values()}):
        for side in SIDES:
            if (name, side) not in there:
                raise DataError(
                    f"{target}: no speaker of class {name} is left for {side}, since its speakers share identical "
                    f"clips; try another `seed`, or leave the class out by a higher `split.min_speakers_per_class`"
                )


def count_sides(
    splits: Splits, metadata: pd.DataFrame, clips: pd.DataFrame, age_bins: AgeBins = "groups"
) -> dict[str, Any]:
    """Speakers, clips and hours of each target by side and class, for metrics/split.json; of several folds, of each.

    Side `none` has the speakers without a label and those of each class that is left out. `unused` are clips of
    speakers on a side that have no label, or one that is left out.

    Args:
        metadata: utterance_id, speaker_id, archive, gender, age_group.
        clips: utterance_id, duration_seconds.
    """
    hours = clips[["utterance_id"]].assign(hours=clips["duration_seconds"] / 3600)
    metadata = metadata.merge(hours, on="utterance_id")
    counts: dict[str, Any] = {target: {"skipped": 1} for target in splits.skipped}
    for target, rows in splits.table.groupby("target"):
        folds = {
            fold: _count_fold(splits.table, rows[rows["fold"] == fold], metadata, hours, classes_of(target, age_bins))
            for fold in sorted(rows["fold"].unique())
        }
        counts[target] = folds[_FOLD] if len(folds) == 1 else {f"fold-{fold}": own for fold, own in folds.items()}
    return counts


def _count_fold(
    table: pd.DataFrame, rows: pd.DataFrame, metadata: pd.DataFrame, hours: pd.DataFrame, classes: Sequence[str]
) -> dict[str, Any]:
    """As `count_sides`, of the one target and fold of `rows`."""
    target, fold = rows[["target", "fold"]].iloc[0]
    chosen = {side: select_clips(metadata, table, target, fold, side).merge(hours, on="utterance_id") for side in SIDES}
    sided = {side: {name: _size(own) for name, own in clips.groupby("label")} for side, clips in chosen.items()}
    nowhere = metadata["speaker_id"].isin(rows.loc[rows["side"] == "none", "speaker_id"])
    reasons = metadata["speaker_id"].map(speaker_classes(metadata, target)).fillna("unlabelled")
    aside = {*reasons[nowhere]}
    left_out = ["unlabelled", *(name for name in classes if name in aside or name not in sided["train"])]
    return {
        **sided,
        "none": {reason: _size(metadata[nowhere & (reasons == reason)]) for reason in left_out},
        "unused": {"clips": int((~nowhere).sum()) - sum(map(len, chosen.values()))},
    }


def _size(clips: pd.DataFrame) -> dict[str, float]:
    return {"speakers": clips["speaker_id"].nunique(), "clips": len(clips), "hours": clips["hours"].sum()}
