"""Folds that train on one source and test on another: what is left when room, microphone and language change."""

import re
from collections.abc import Mapping, Sequence
from itertools import combinations, permutations

import pandas as pd

from voicetraits.allotment import Stratum, assign_sides
from voicetraits.errors import DataError
from voicetraits.examples import BETWEEN


def speaker_sources(metadata: pd.DataFrame, groups: Mapping[str, str]) -> dict[str, str]:
    """Speaker: the source of all of his or her clips.

    Left out are speakers with clips of several sources, and those who must stay on one side with a speaker of another
    source: they can be neither trained on nor tested.

    Args:
        metadata: speaker_id, source.
        groups: speaker: the group that must stay on one side, see `splitting.speaker_groups`.
    """
    sources = metadata.groupby(metadata["speaker_id"].map(groups))["source"].agg(["first", "nunique"])
    single = sources.loc[sources["nunique"] == 1, "first"].to_dict()
    return {speaker: single[group] for speaker, group in sorted(groups.items()) if group in single}


def cross_corpus_folds(
    strata: Mapping[str, Stratum],
    names: Sequence[str],
    sources: Mapping[str, str],
    groups: Mapping[str, str],
    *,
    min_speakers: int,
    val_share: float,
    seed: int,
) -> tuple[dict[str, dict[str, str]], list[str]]:
    """A fold for each ordered pair of sources that have all the classes.

    Of the classes as many are kept as two sources have, of equals those that most sources have. Who validates depends
    on the source that is trained on alone.

    Args:
        strata: labelled speaker: stratum.
        names: classes of the target.
        sources: speaker: source, as `speaker_sources` gives it.
        min_speakers: how many speakers of a class a source needs.
        val_share: share of the speakers of each class of the training source that validate.

    Returns:
        fold: speaker: side, empty where no two sources have two classes; and a line for all that is left out.

    Raises:
        DataError: a source's name cannot stand in the name of a folder.
    """
    counts = pd.crosstab(
        pd.Series({speaker: stratum.name for speaker, stratum in strata.items()}, dtype=object),
        pd.Series(sources, dtype=object).reindex(list(strata)),
    )
    enough = counts.reindex(names, fill_value=0) >= min_speakers
    kept, chosen = _choose(enough)
    for source in chosen:
        if not re.fullmatch(r"\w[\w.+-]*", source) or BETWEEN in source:
            raise DataError(
                f"the source {source!r} cannot name a folder of `split.strategy: cross_corpus`; allowed in the names "
                f"of `sources`: letters, digits, dots, plus signs, underscores and single dashes"
            )
    notes = []
    if several := sorted(strata.keys() - sources.keys()):
        notes.append(
            f"{len(several)} speakers are left out: they, or those with whom they share clips or a name but for case, "
            f"diacritics and punctuation, are in two sources"
        )
    notes += [
        f"class {name} is left out: no other source has it as well" for name in names if kept and name not in kept
    ]
    for source in enough.columns.difference(chosen):
        few = ", ".join(f"{counts[source].get(name, 0)} {name}" for name in kept or names)
        notes.append(f"source {source} is left out: of each class it needs {min_speakers} speakers, it has {few}")
    sides = {}
    for source in chosen:
        own = {speaker: s for speaker, s in strata.items() if sources.get(speaker) == source and s.name in kept}
        sides[source] = assign_sides(own, groups, {"train": 1 - val_share, "val": val_share}, seed)
    folds = {
        f"{train}{BETWEEN}{test}": {**sides[train], **dict.fromkeys(sides[test], "test")}
        for train, test in permutations(chosen, 2)
    }
    return folds, notes


def _choose(enough: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Classes and sources, of which each source has each class."""
    for size in range(len(enough), 1, -1):
        fits = []
        for kept in combinations(enough.index, size):
            chosen = list(enough.columns[enough.loc[list(kept)].all()])
            if len(chosen) > 1:
                fits.append((list(kept), chosen))
        if fits:
            return max(fits, key=lambda fit: len(fit[1]))
    return [], []
