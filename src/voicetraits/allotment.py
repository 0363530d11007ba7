"""Shares speakers out among training, validation and test, stratum by stratum, groups of them as a whole."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

from voicetraits.examples import SIDES


class Stratum(NamedTuple):
    """Within what speakers are shared out: a class of the target, and one of the other target or an empty text."""

    name: str
    other: str


@dataclass
class _Demand:
    """What a class still needs.

    Attributes:
        wanted: side: how many more speakers.
        lacking: sides on which the class has no speaker yet.
        units: groups and single speakers of the class that have no side yet.
    """

    wanted: dict[str, int]
    lacking: set[str]
    units: int

    @property
    def is_pressed(self) -> bool:
        """Whether each unit must go to a side of its own, so that the class comes to stand on every side."""
        return self.units <= len(self.lacking)


def assign_sides(
    strata: Mapping[str, Stratum], groups: Mapping[str, str], shares: Mapping[str, float], seed: int
) -> dict[str, str]:
    """Give each speaker a side.

    Groups of several speakers come first, the largest before others, each to the side that wants most of its
    speakers; then single speakers fill up what is wanted. Of equals, a hash of seed and name says who comes first.

    Args:
        strata: speaker: stratum.
        groups: speaker: the group that must stay together.
        shares: side: share of the speakers of each class.

    Returns:
        Speaker: side. A class stands on every side, if its groups allow it.
    """
    members = defaultdict(list)
    for speaker in sorted(strata, key=lambda speaker: sha256(f"{seed}\0{speaker}".encode()).digest()):
        members[groups[speaker]].append(speaker)
    several = sorted((own for own in members.values() if len(own) > 1), key=len, reverse=True)
    singles: dict[Stratum, list[str]] = defaultdict(list)
    for own in members.values():
        if len(own) == 1:
            singles[strata[own[0]]].append(own[0])

    units = Counter(name for own in members.values() for name in {strata[speaker].name for speaker in own})
    speakers = Counter(stratum.name for stratum in strata.values())
    demands = {
        name: _Demand(_allot(speakers[name], shares, at_least_one=SIDES), set(SIDES), units[name])
        for name in sorted(speakers)
    }
    sides: dict[str, str] = {}
    for own in several:
        numbers = Counter(strata[speaker].name for speaker in own)
        side = _choose_side({name: demands[name] for name in numbers}, numbers)
        sides |= dict.fromkeys(own, side)
        for name, number in numbers.items():
            demands[name].wanted[side] -= number
            demands[name].lacking.discard(side)
            demands[name].units -= 1
    for name, demand in demands.items():
        own_singles = {stratum: own for stratum, own in sorted(singles.items()) if stratum.name == name}
        sides |= _fill_up(own_singles, demand)
    return sides


def _choose_side(demands: Mapping[str, _Demand], numbers: Mapping[str, int]) -> str:
    """The side for a group with these numbers of speakers of each class; of equals the first."""

    def rank(side: str) -> tuple[int, int]:
        saved = sum(demand.is_pressed and side in demand.lacking for demand in demands.values())
        return saved, sum(numbers[name] * demand.wanted[side] for name, demand in demands.items())

    return max(SIDES, key=rank)


def _fill_up(strata: Mapping[Stratum, Sequence[str]], demand: _Demand) -> dict[str, str]:
    """Speaker: side, for the single speakers of one class, each stratum in the same shares as nearly as can be.

    In each stratum the first are tested and the last validated, so that one more or less of either moves one speaker.
    """
    total = sum(map(len, strata.values()))
    room = {side: max(0, wanted) for side, wanted in demand.wanted.items()}
    numbers = _allot(total, room, at_least_one=demand.lacking)
    left = {stratum: len(own) for stratum, own in strata.items()}
    cut: dict[str, dict[Stratum, int]] = {}
    for side in ("test", "val"):
        ideal = {stratum: numbers[side] * len(own) / total for stratum, own in strata.items()}
        cut[side] = _round(ideal, numbers[side], at_most=left)
        left = {stratum: left[stratum] - number for stratum, number in cut[side].items()}
    sides = {}
    for stratum, own in strata.items():
        tested, validated = cut["test"][stratum], len(own) - cut["val"][stratum]
        sides |= dict.fromkeys(own[:tested], "test")
        sides |= dict.fromkeys(own[tested:validated], "train")
        sides |= dict.fromkeys(own[validated:], "val")
    return sides


def _allot(total: int, weights: Mapping[str, float], *, at_least_one: Collection[str]) -> dict[str, int]:
    """Side: a number, `total` in sum, as the weights say; where there are enough, one at least where asked for."""
    whole = sum(weights.values())
    ideal = {side: total * weight / whole if whole else 0.0 for side, weight in weights.items()}
    numbers = _round(ideal, total, at_most=dict.fromkeys(weights, total))
    for side in SIDES:
        giver = max(SIDES, key=numbers.__getitem__)
        if side in at_least_one and not numbers[side] and numbers[giver] > (giver in at_least_one):
            numbers[giver] -= 1
            numbers[side] += 1
    return numbers


def _round(ideal: Mapping[Any, float], total: int, *, at_most: Mapping[Any, int]) -> dict[Any, int]:
    """Whole numbers near to the ideal ones, `total` in sum: rounded down, then one more where most was cut off."""
    numbers = {key: min(int(number), at_most[key]) for key, number in ideal.items()}
    while (missing := total - sum(numbers.values())) > 0:
        open_keys = [key for key in numbers if numbers[key] < at_most[key]]
        for key in sorted(open_keys, key=lambda key: numbers[key] - ideal[key])[:missing]:
            numbers[key] += 1
    return numbers
