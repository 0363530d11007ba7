"""Shares speakers out among training, validation and test, or among folds: stratum by stratum, groups as a whole.

A part is a side or a fold.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import cycle
from typing import Any, NamedTuple


class Stratum(NamedTuple):
    """Within what speakers are shared out: a class of the target, and one of the other target or an empty text."""

    name: str
    other: str


@dataclass
class _Demand:
    """What a class still needs.

    Attributes:
        wanted: part: how many more speakers.
        lacking: parts in which the class has no speaker yet.
        units: groups and single speakers of the class that have no part yet.
    """

    wanted: dict[str, int]
    lacking: set[str]
    units: int

    @property
    def is_pressed(self) -> bool:
        """Whether each unit must go to a part of its own, so that the class comes to stand in every part."""
        return self.units <= len(self.lacking)


#: Shares out the single speakers of one class: (stratum: speakers, demand, seed) -> speaker: part.
_Fill = Callable[[Mapping[Stratum, Sequence[str]], _Demand, int | str], dict[str, str]]


def assign_sides(
    strata: Mapping[str, Stratum], groups: Mapping[str, str], shares: Mapping[str, float], seed: int | str
) -> dict[str, str]:
    """Give each speaker a side.

    Groups of several speakers come first, the largest before others, each to the side that wants most of its
    speakers; then single speakers fill up what is wanted. Of equals, a hash of seed and name says who comes first.

    Args:
        strata: speaker: stratum.
        groups: speaker: the group that must stay together.
        shares: side: share of the speakers of each class; they need not sum to 1.

    Returns:
        Speaker: side. A class stands on every side, if its groups allow it.
    """
    sizes = Counter(stratum.name for stratum in strata.values())
    wanted = {name: _allot(sizes[name], shares, at_least_one=shares) for name in sorted(sizes)}
    return _assign(strata, groups, wanted, seed, _fill_up)


def assign_folds(
    strata: Mapping[str, Stratum], groups: Mapping[str, str], folds: Sequence[str], seed: int
) -> dict[str, str]:
    """Give each speaker a fold, to be tested in: each class, and each stratum, in equal parts as nearly as can be.

    Groups of several speakers come first, as in `assign_sides`. Single speakers go, in the order of a hash of seed and
    name, each to the fold that a hash of seed, name and fold ranks first of those with room. So few change their fold
    when others come.
    """
    sizes = Counter(stratum.name for stratum in strata.values())
    wanted = {}
    for start, name in enumerate(sorted(sizes)):
        # Another start for each class, so that what is left over does not fall to the same folds.
        dealt = Counter(folds[(start + number) % len(folds)] for number in range(sizes[name]))
        wanted[name] = {fold: dealt[fold] for fold in folds}
    return _assign(strata, groups, wanted, seed, _deal_out)


def _assign(
    strata: Mapping[str, Stratum],
    groups: Mapping[str, str],
    wanted: Mapping[str, Mapping[str, int]],
    seed: int | str,
    fill: _Fill,
) -> dict[str, str]:
    """Speaker: part. `wanted` has the parts of each class with the number of speakers."""
    members = defaultdict(list)
    for speaker in sorted(strata, key=lambda speaker: _hash(seed, speaker)):
        members[groups[speaker]].append(speaker)
    several = sorted((own for own in members.values() if len(own) > 1), key=len, reverse=True)
    singles: dict[Stratum, list[str]] = defaultdict(list)
    for own in members.values():
        if len(own) == 1:
            singles[strata[own[0]]].append(own[0])

    units = Counter(name for own in members.values() for name in {strata[speaker].name for speaker in own})
    demands = {name: _Demand(dict(parts), set(parts), units[name]) for name, parts in wanted.items()}
    assigned: dict[str, str] = {}
    for own in several:
        numbers = Counter(strata[speaker].name for speaker in own)
        part = _choose_part({name: demands[name] for name in numbers}, numbers)
        assigned |= dict.fromkeys(own, part)
        for name, number in numbers.items():
            demands[name].wanted[part] -= number
            demands[name].lacking.discard(part)
            demands[name].units -= 1
    for name, demand in demands.items():
        own_singles = {stratum: own for stratum, own in sorted(singles.items()) if stratum.name == name}
        assigned |= fill(own_singles, demand, seed)
    return assigned


def _hash(*parts: int | str) -> bytes:
    return sha256("\0".join(map(str, parts)).encode()).digest()


def _choose_part(demands: Mapping[str, _Demand], numbers: Mapping[str, int]) -> str:
    """The part for a group with these numbers of speakers of each class; of equals the first."""

    def rank(part: str) -> tuple[int, int]:
        saved = sum(demand.is_pressed and part in demand.lacking for demand in demands.values())
        return saved, sum(numbers[name] * demand.wanted[part] for name, demand in demands.items())

    return max(next(iter(demands.values())).wanted, key=rank)


def _numbers(strata: Mapping[Stratum, Sequence[str]], demand: _Demand) -> dict[str, int]:
    """Part: how many of the single speakers of a class."""
    room = {part: max(0, wanted) for part, wanted in demand.wanted.items()}
    return _allot(sum(map(len, strata.values())), room, at_least_one=demand.lacking)


def _fill_up(strata: Mapping[Stratum, Sequence[str]], demand: _Demand, seed: int | str) -> dict[str, str]:
    """Speaker: side, each stratum in the same shares as nearly as can be.

    Of train, val and test, the first speakers of a stratum are tested and the last validate, so that one more or less
    of either moves one speaker.
    """
    numbers = _numbers(strata, demand)
    total = sum(numbers.values())
    left = {stratum: len(own) for stratum, own in strata.items()}
    most, *others = numbers
    cut: dict[str, dict[Stratum, int]] = {}
    for side in reversed(others):
        ideal = {stratum: numbers[side] * len(own) / total for stratum, own in strata.items()}
        cut[side] = _round(ideal, numbers[side], at_most=left)
        left = {stratum: left[stratum] - number for stratum, number in cut[side].items()}
    sides = {}
    for stratum, own in strata.items():
        queue = iter(own)
        for side in (others[-1], most, *others[:-1]):
            sides |= {next(queue): side for _ in range(cut.get(side, left)[stratum])}
    return sides


def _deal_out(strata: Mapping[Stratum, Sequence[str]], demand: _Demand, seed: int | str) -> dict[str, str]:
    """Speaker: fold. Places are dealt out one fold after the other, and each stratum takes its share in a run."""
    left = _numbers(strata, demand)
    # The largest first: then the places of any run are as even as those of all.
    folds = cycle(sorted(left, key=left.__getitem__, reverse=True))
    places = []
    for _ in range(sum(left.values())):
        fold = next(fold for fold in folds if left[fold])
        left[fold] -= 1
        places.append(fold)
    assigned = {}
    for own in strata.values():
        room = Counter(places[: len(own)])
        del places[: len(own)]
        for speaker in own:
            fold = min((fold for fold in room if room[fold]), key=lambda fold: _hash(seed, speaker, fold))
            room[fold] -= 1
            assigned[speaker] = fold
    return assigned


def _allot(total: int, weights: Mapping[str, float], *, at_least_one: Collection[str]) -> dict[str, int]:
    """Part: a number, `total` in sum, as the weights say; where there are enough, one at least where asked for."""
    whole = sum(weights.values())
    ideal = {part: total * weight / whole if whole else 0.0 for part, weight in weights.items()}
    numbers = _round(ideal, total, at_most=dict.fromkeys(weights, total))
    for part in weights:
        giver = max(weights, key=numbers.__getitem__)
        if part in at_least_one and not numbers[part] and numbers[giver] > (giver in at_least_one):
            numbers[giver] -= 1
            numbers[part] += 1
    return numbers


def _round(ideal: Mapping[Any, float], total: int, *, at_most: Mapping[Any, int]) -> dict[Any, int]:
    """Whole numbers near to the ideal ones, `total` in sum: rounded down, then one more where most was cut off."""
    numbers = {key: min(int(number), at_most[key]) for key, number in ideal.items()}
    while (missing := total - sum(numbers.values())) > 0:
        open_keys = [key for key in numbers if numbers[key] < at_most[key]]
        for key in sorted(open_keys, key=lambda key: numbers[key] - ideal[key])[:missing]:
            numbers[key] += 1
    return numbers
