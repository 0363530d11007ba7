"""Splits that others have published, so that figures can be compared with theirs."""

from collections.abc import Collection, Mapping

from voicetraits.errors import DataError

#: AudioMNIST's split for gender (Becker et al. 2018; https://github.com/soerenab/AudioMNIST): all twelve women and
#: twelve of the men, in four groups of three and three.
AUDIOMNIST_GROUPS = (
    ("36", "47", "56", "02", "44", "50"),
    ("26", "12", "57", "25", "37", "45"),
    ("43", "28", "52", "48", "53", "41"),
    ("58", "59", "60", "07", "23", "38"),
)


def audiomnist_gender_folds(groups: Mapping[str, str], labelled: Collection[str]) -> list[tuple[str, str, str]]:
    """AudioMNIST's four folds: in each, two groups of speakers to train on, the next for validation, the last for test.

    Args:
        groups: every speaker of the corpus: name of the group that must stay on one side, see
            `splitting.speaker_groups`.
        labelled: speakers whose gender is known.

    Returns:
        fold, speaker, side; a row for every speaker in every fold, `none` for those who take no part.

    Raises:
        DataError: a speaker of the folds is missing or has no gender, or two who stand on different sides share a clip.
    """
    part_of = {speaker: number for number, part in enumerate(AUDIOMNIST_GROUPS) for speaker in part}
    if missing := sorted(part_of.keys() - groups.keys()):
        raise DataError(
            f"`split.strategy: audiomnist` needs the {len(part_of)} speakers of AudioMNIST's published folds; "
            f"missing: {', '.join(missing[:5])}; set `corpus: audiomnist` without a limit, or `split.strategy: holdout`"
        )
    if unlabelled := sorted(part_of.keys() - set(labelled)):
        raise DataError(
            f"`split.strategy: audiomnist` needs the gender of the {len(part_of)} speakers of AudioMNIST's published "
            f"folds; without: {', '.join(unlabelled[:5])}; take them out of `metadata.exclude`, or set "
            f"`split.strategy: holdout`"
        )
    first: dict[str, str] = {}
    for speaker, part in part_of.items():
        other = first.setdefault(groups[speaker], speaker)
        if part_of[other] != part:
            raise DataError(
                f"`split.strategy: audiomnist` puts {other} and {speaker} on different sides, who share a clip; "
                f"set `split.strategy: holdout`"
            )
    count = len(AUDIOMNIST_GROUPS)
    rows = []
    for fold in range(count):
        sides = {fold: "train", (fold + 1) % count: "train", (fold + 2) % count: "val", (fold + 3) % count: "test"}
        rows += [(str(fold), speaker, sides.get(part_of.get(speaker, -1), "none")) for speaker in sorted(groups)]
    return rows
