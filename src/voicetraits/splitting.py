"""Splits speakers into training, validation and test, so that no voice and no recording stands on two sides."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from voicetraits.allotment import Stratum, assign_folds, assign_sides
from voicetraits.between_sources import cross_corpus_folds, speaker_sources
from voicetraits.classes import CLASSES, AgeBins, classes_of
from voicetraits.errors import DataError, ParameterError
from voicetraits.examples import SIDES, speaker_classes
from voicetraits.params import section
from voicetraits.published_folds import audiomnist_gender_folds
from voicetraits.words import comparable

#: Strategy: the sides on which each fold needs a speaker of each class. With few speakers, not every fold can test all.
_NEEDED = {"holdout": SIDES, "speaker_kfold": ("train", "val"), "cross_corpus": SIDES}
_COLUMNS = ["target", "fold", "speaker_id", "side"]
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[\W_]+(?=\d)")
#: Why speakers are fewer than their names, see `speaker_groups`.
_AS_ONE = "those who share a clip, or whose names differ only in case, diacritics or punctuation, count as one"


@section
class SplitParams:
    """Section `split` of params.yaml."""

    strategy: Literal["holdout", "speaker_kfold", "cross_corpus", "audiomnist"]
    folds: Annotated[int, Field(ge=2)]
    val_share: Annotated[float, Field(gt=0, lt=1)]
    test_share: Annotated[float, Field(gt=0, lt=1)]
    # Three: one for each side.
    min_speakers_per_class: Annotated[int, Field(ge=3)]

    def __post_init__(self) -> None:
        if self.strategy == "holdout" and self.val_share + self.test_share >= 1:
            raise ParameterError(
                f"params.yaml: `split.val_share` is {self.val_share} and `split.test_share` {self.test_share}; "
                f"allowed: less than 1 together, so that speakers are left to train on"
            )
        if self.strategy == "speaker_kfold" and self.val_share + 1 / self.folds >= 1:
            raise ParameterError(
                f"params.yaml: `split.val_share` is {self.val_share}; allowed: less than 1 - 1 / `split.folds` "
                f"({1 - 1 / self.folds:g}), so that speakers are left to train on"
            )

    @property
    def shares(self) -> dict[str, float]:
        """Share of the speakers of each side of a holdout."""
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
    """Give each speaker a side for each target, in each fold of the strategy.

    Each class of the target, and within it each class of the other target, is shared out as nearly as possible in the
    shares asked for, with a speaker at least of each class on every side (of folds: in training and validation).
    Speakers keep their side as well as can be when others come: who stands where follows the order of a hash of seed
    and name. Speakers who are one person, as far as `speaker_groups` knows, stay together. The order of rows does not
    matter.

    Args:
        metadata: utterance_id, speaker_id, archive, gender, age_group; for `cross_corpus` also source.
        clips: utterance_id, audio_sha256.
        age_bins: which classes age has.

    Raises:
        DataError: no target is left, there are more folds than speakers, or a class cannot stand on every side because
            too few of its speakers may be parted.
    """
    groups = speaker_groups(metadata, clips)
    if params.strategy == "audiomnist":
        return _published(groups, targets, speaker_classes(metadata, "gender").index)
    classes = {target: speaker_classes(metadata, target).to_dict() for target in CLASSES}
    rows, skipped, notes = [], [], []
    for target in targets:
        names = classes_of(target, age_bins)
        other = classes["age" if target == "gender" else "gender"]
        strata = {speaker: Stratum(name, other.get(speaker, "")) for speaker, name in classes[target].items()}
        if params.strategy == "cross_corpus":
            folds, left_out = cross_corpus_folds(
                strata, names, speaker_sources(metadata, groups), groups,
                min_speakers=params.min_speakers_per_class, val_share=params.val_share, seed=seed,
            )  # fmt: skip
            reason = "no two sources have two classes in common"
        else:
            kept, left_out = _choose_classes(classes[target], names, groups, params.min_speakers_per_class)
            strata = {speaker: stratum for speaker, stratum in strata.items() if stratum.name in kept}
            if params.strategy == "speaker_kfold" and len(kept) > 1:
                _check_folds(strata, groups, params.folds, target)
            make = {"holdout": _holdout, "speaker_kfold": _speaker_kfold}[params.strategy]
            folds = make(strata, groups, params, seed) if len(kept) > 1 else {}
            reason = "fewer than two classes are left"
        notes += [f"{target}: {note}" for note in left_out]
        if not folds:
            skipped.append(target)
            notes.append(f"{target}: skipped, since {reason}")
        for fold, sides in folds.items():
            where = f"{target}, fold {fold}" if len(folds) > 1 else target
            _check_sides(sides, strata, groups, where, strategy=params.strategy)
            rows += [(target, fold, speaker, sides.get(speaker, "none")) for speaker in groups]
    if not rows:
        raise DataError(
            f"no target is left to learn ({'; '.join(notes)}): take more archives (`corpora.<corpus>.limit`), or lower "
            f"`split.min_speakers_per_class` where a class lacks no more than that"
        )
    return Splits(pd.DataFrame(sorted(rows), columns=_COLUMNS), tuple(skipped), tuple(notes))


def _holdout(
    strata: Mapping[str, Stratum], groups: Mapping[str, str], params: SplitParams, seed: int
) -> dict[str, dict[str, str]]:
    return {"0": assign_sides(strata, groups, params.shares, seed)}


def _speaker_kfold(
    strata: Mapping[str, Stratum], groups: Mapping[str, str], params: SplitParams, seed: int
) -> dict[str, dict[str, str]]:
    """Fold: speaker: side. Each speaker is tested in one fold, and of the others each fold has its own validate."""
    names = [str(number) for number in range(params.folds)]
    tested = assign_folds(strata, groups, names, seed)
    shares = {"train": 1 - 1 / params.folds - params.val_share, "val": params.val_share}
    folds = {}
    for fold in names:
        rest = {speaker: stratum for speaker, stratum in strata.items() if tested[speaker] != fold}
        own = dict.fromkeys(strata.keys() - rest.keys(), "test")
        folds[fold] = own | assign_sides(rest, groups, shares, f"{seed}\0{fold}")
    return folds


def _published(groups: Mapping[str, str], targets: Sequence[str], labelled: Collection[str]) -> Splits:
    """AudioMNIST's folds, which are of gender: any other target is skipped."""
    skipped = tuple(target for target in targets if target != "gender")
    if "gender" not in targets:
        raise DataError("`split.strategy: audiomnist` splits for gender; add gender to `targets`")
    rows = [("gender", *row) for row in audiomnist_gender_folds(groups, labelled)]
    notes = tuple(f"{target}: skipped, since AudioMNIST's published folds are of gender" for target in skipped)
    return Splits(pd.DataFrame(sorted(rows), columns=_COLUMNS), skipped, notes)


def speaker_groups(metadata: pd.DataFrame, clips: pd.DataFrame) -> dict[str, str]:
    """Speaker: name of the group that must stay on one side, which is the first name in it.

    In a group are those who share an identical clip, directly or through others, and those whose names differ only in
    case, diacritics or punctuation: as far as we know, one person. Signs between digits part numbers: `1-11` and `11-1`
    are two. But where somebody is called `111`, that may be either of them, and all stay together.
    """
    owned = metadata[["utterance_id", "speaker_id"]].merge(
        clips[["utterance_id", "audio_sha256"]], on="utterance_id", how="left", validate="one_to_one"
    )
    if owned["audio_sha256"].isna().any():
        stranger = owned.loc[owned["audio_sha256"].isna(), "utterance_id"].min()
        raise DataError(f"metadata.parquet names {stranger}, clips.parquet does not; run `dvc repro parse_metadata`")
    speaker, names = pd.factorize(owned["speaker_id"], sort=True)
    # A name of punctuation alone is like no other.
    plain = owned["speaker_id"].map(lambda name: comparable(name) or name)
    parted = owned["speaker_id"].map(lambda name: _with_parted_numbers(name) or name)
    alike = parted.where(~plain.isin(plain[plain == parted]), plain)
    links = [pd.factorize(owned["audio_sha256"])[0], pd.factorize(alike)[0]]
    # A graph of speakers, recordings and names in plain letters, with an edge from each speaker to what he or she has.
    offsets = np.cumsum([len(names), *(link.max(initial=-1) + 1 for link in links)])
    ends = np.concatenate([link + offset for link, offset in zip(links, offsets, strict=False)])
    starts = np.tile(speaker, len(links))
    graph = coo_array((np.ones(len(starts)), (starts, ends)), shape=(offsets[-1], offsets[-1]))
    component = connected_components(graph, directed=False)[1]
    first_name: dict[int, str] = {}
    return {name: first_name.setdefault(component[index], name) for index, name in enumerate(names)}


def _with_parted_numbers(name: str) -> str:
    """A name in its comparable form, with one and the same sign for any between two digits."""
    return "-".join(map(comparable, _BETWEEN_DIGITS.split(name)))


def _choose_classes(
    classes: Mapping[str, str], names: Sequence[str], groups: Mapping[str, str], min_speakers: int
) -> tuple[list[str], list[str]]:
    """The classes that can be learnt, and a line for each that cannot."""
    kept, notes = [], []
    for name in names:
        speakers = [speaker for speaker, own in classes.items() if own == name]
        if len(speakers) < min_speakers:
            reason = f"it has {len(speakers)} of the {min_speakers} speakers that split.min_speakers_per_class asks for"
        elif (independent := len({groups[speaker] for speaker in speakers})) < len(SIDES):
            reason = (
                f"its {len(speakers)} speakers count as {independent} of the {len(SIDES)} that it needs, one for each "
                f"side ({_AS_ONE}); take more archives, or give different people names that differ in letters or digits"
            )
        else:
            kept.append(name)
            continue
        notes.append(f"class {name} is left out: {reason}")
    return kept, notes


def _check_folds(strata: Mapping[str, Stratum], groups: Mapping[str, str], folds: int, target: str) -> None:
    """Before the work, which grows with the folds."""
    if folds > (independent := len({groups[speaker] for speaker in strata})):
        raise DataError(
            f"{target}: `split.folds` is {folds}, but there are {independent} speakers to test ({_AS_ONE}), so in some "
            f"folds no speaker is left to test; lower `split.folds`, or take more archives"
        )


def _check_sides(
    sides: Mapping[str, str], strata: Mapping[str, Stratum], groups: Mapping[str, str], where: str, *, strategy: str
) -> None:
    there = {(strata[speaker].name, side) for speaker, side in sides.items()}
    for name in sorted({name for name, _ in there}):
        for side in _NEEDED[strategy]:
            if (name, side) not in there:
                # But for a holdout, who is tested was settled before.
                shared = SIDES if strategy == "holdout" else ("train", "val")
                own = [groups[one] for one, at in sides.items() if strata[one].name == name and at in shared]
                independent = len(set(own))
                advice = [
                    *(["try another `seed`"] if independent >= len(shared) else []),
                    *(["raise `split.folds`"] if strategy == "speaker_kfold" else []),
                    "take more archives",
                    "or leave the class out by a higher `split.min_speakers_per_class`",
                ]
                raise DataError(
                    f"{where}: no speaker of class {name} is left for {side}: there are {len(own)} for "
                    f"{', '.join(shared)}, who count as {independent} ({_AS_ONE}); {', '.join(advice)}"
                )
    if "test" not in sides.values():
        raise DataError(f"{where}: no speaker is left to test; lower `split.folds`, or take more archives")
