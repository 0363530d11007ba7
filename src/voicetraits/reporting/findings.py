"""What follows from a run's numbers: which model is best, what is told apart and what is not, which families matter.

Here numbers become judgements; the words for them are in the `about_…` modules.
"""

from dataclasses import dataclass
from typing import Literal

from voicetraits.reporting.run import BASELINES, Run

#: From the simplest on. Nets come behind.
SIMPLICITY = ("majority", "pitch_threshold", "softmax", "tfdf")

#: Families that describe the recording, or what was said, rather than the voice.
NOT_THE_VOICE = {
    "level": "how near and how loud the microphone was",
    "rhythm": "how fast was spoken, and what was read",
    "tonnetz": "intervals between notes, which speech does not have",
}

Standing = Literal["needed", "known elsewhere", "nothing to see"]


@dataclass(frozen=True)
class Rival:
    """A model beside the best one.

    Attributes:
        model: its name.
        uar, low, high: its own, with interval.
        gain: UAR of the best model less this one's.
        gain_low, gain_high: the interval of the gain, from the same draws of speakers; None where it was not taken.
    """

    model: str
    uar: float
    low: float
    high: float
    gain: float
    gain_low: float | None = None
    gain_high: float | None = None
    overlap: bool = True

    @property
    def distinguishable(self) -> bool:
        """Whether the best model is better beyond chance: the gain's interval does not hold 0.

        Where there is none, the two models' own intervals must not overlap, which asks for more.
        """
        if self.gain_low is None or self.gain_high is None:
            return not self.overlap and not self.is_ahead
        return self.gain_low > 0

    @property
    def is_ahead(self) -> bool:
        """Whether it has the higher UAR: only of what nobody trained can that be."""
        return self.gain < 0

    @property
    def is_better(self) -> bool:
        """Whether it is better than the best model beyond chance, told by the same intervals."""
        if self.gain_low is None or self.gain_high is None:
            return not self.overlap and self.is_ahead
        return self.gain_high < 0


@dataclass(frozen=True)
class Ranking:
    """The models of a target on one unit.

    Attributes:
        best: the trained model with the highest UAR; of equals the simpler one.
        uar, low, high: its own, with interval.
        rivals: all others, baselines too, the best first.
    """

    best: str
    uar: float
    low: float
    high: float
    rivals: tuple[Rival, ...]

    def rival(self, model: str) -> Rival:
        """The rival of that name."""
        return next(rival for rival in self.rivals if rival.model == model)

    @property
    def baseline(self) -> Rival:
        """The better of the models that nobody trained."""
        return next(rival for rival in self.rivals if rival.model in BASELINES)

    @property
    def simpler(self) -> Rival | None:
        """The simplest model that cannot be told from the best one; None where the best is simplest, or stands out."""
        order = sorted(self.rivals, key=lambda rival: complexity(rival.model))
        simpler = [rival for rival in order if complexity(rival.model) < complexity(self.best)]
        return next((rival for rival in simpler if not rival.distinguishable), None)


@dataclass(frozen=True)
class FamilyFinding:
    """What a family of features is worth for a target.

    Attributes:
        family: its name.
        features: how many it has.
        alone, alone_low, alone_high: UAR with this family only.
        lost: model: UAR lost without it, with interval.
        standing: `needed` where a model loses beyond chance without it; `known elsewhere` where it tells the classes
            alone but nothing is lost; else `nothing to see`.
        harms: models that would do better without it, beyond chance.
    """

    family: str
    features: int
    alone: float
    alone_low: float
    alone_high: float
    lost: dict[str, tuple[float, float, float]]
    standing: Standing
    harms: tuple[str, ...]

    @property
    def most_lost(self) -> float:
        """The largest loss of any model."""
        return max((value for value, _, _ in self.lost.values()), default=0.0)


def complexity(model: str) -> int:
    """Place in `SIMPLICITY`; nets behind all others."""
    return SIMPLICITY.index(model) if model in SIMPLICITY else len(SIMPLICITY)


def ranking(run: Run, target: str, unit: str = "clips") -> Ranking:
    """The models of a target by UAR."""
    uar = run.table("scores", target=target, unit=unit, score="uar").set_index("model")
    trained = sorted(run.models(target), key=lambda model: (-uar.loc[model, "value"], complexity(model), model))
    best = uar.loc[trained[0]]
    rivals = []
    for model in uar.index.drop(trained[0]):
        own = uar.loc[model]
        low, high = _gain_interval(run, target, unit, trained[0], model)
        overlap = bool(own["high"] >= best["low"] and best["high"] >= own["low"])
        rivals.append(
            Rival(model, own["value"], own["low"], own["high"], best["value"] - own["value"], low, high, overlap)
        )
    rivals.sort(key=lambda rival: (-rival.uar, complexity(rival.model), rival.model))
    return Ranking(trained[0], best["value"], best["low"], best["high"], tuple(rivals))


def _gain_interval(run: Run, target: str, unit: str, best: str, other: str) -> tuple[float | None, float | None]:
    """The interval of best less other, where evaluate has compared the two on the same draws of speakers."""
    if "comparisons" not in run.tables:
        return None, None
    pairs = run.table("comparisons", target=target, unit=unit, fold="all")
    for model, against, sign in ((best, other, 1), (other, best, -1)):
        found = pairs[(pairs["model"] == model) & (pairs["other"] == against)]
        if len(found):
            ends = sorted((sign * float(found["low"].iloc[0]), sign * float(found["high"].iloc[0])))
            return ends[0], ends[1]
    return None, None


def families(run: Run, target: str) -> list[FamilyFinding]:
    """What each family is worth, the one that costs most first."""
    chance = 1 / len(run.classes(target))
    importance = run.table("family_importance", target=target)
    found = []
    for row in run.table("family_alone", target=target).itertuples():
        own = importance[importance["family"] == row.family]
        lost = {one.model: (one.lost, one.low, one.high) for one in own.itertuples()}
        needed = any(low > 0 for _, low, _ in lost.values())
        tells = row.low > chance
        found.append(
            FamilyFinding(
                row.family, row.features, row.uar, row.low, row.high, lost,
                standing="needed" if needed else "known elsewhere" if tells else "nothing to see",
                harms=tuple(model for model, (_, _, high) in lost.items() if high < 0),
            )
        )  # fmt: skip
    return sorted(found, key=lambda one: (-one.most_lost, one.family))


def weakest_class(run: Run, target: str, model: str) -> tuple[str, float]:
    """The class that the model finds least often, and how often."""
    recalls = {name: run.score(target, model, f"recall_{name}") for name in run.classes(target)}
    return min(recalls.items(), key=lambda item: (item[1], item[0]))
