"""The report's words on use: what it could be used for, and what it must not."""

from voicetraits.reporting.findings import ranking, weakest_class
from voicetraits.reporting.run import Run
from voicetraits.reporting.words import SYNTHETIC, bullets, listed, number, percent

#: Below this UAR on clips, even counting in the large is mostly counting mistakes.
_GOOD_ENOUGH = 0.9


def use(run: Run) -> str:
    """What an enterprise could use it for, and must not."""
    return f"""{_how_good(run)}

**Could**, where people have agreed, and somebody answers for it:

{bullets(_could(run))}

**Must not:**

{bullets(_must_not(run))}

**Before any use**, measure again on recordings of the own kind (microphones, rooms, languages, ages), with labels \
that people gave themselves; look at the weakest group, not at the mean; set a threshold below which there is no \
answer."""


def _how_good(run: Run) -> str:
    if run.synthetic:
        return f"{SYNTHETIC} Nothing below is a licence to use these models on anybody: first measure on real speech."
    told = []
    for target in run.targets:
        place = ranking(run, target)
        label, recall = weakest_class(run, target, place.best)
        told.append(
            f"{target} is right with a UAR of {number(place.uar)}, and {label} is missed in {percent(1 - recall)} of "
            "clips"
        )
    return f"On speakers like these, {'; '.join(told)}."


def _could(run: Run) -> list[str]:
    good = [target for target in run.targets if ranking(run, target).low >= _GOOD_ENOUGH]
    counts = (
        "Counting in the large: which share of a speech corpus, or of callers in a month, sounds like which group "
        f"({listed(good)}; correct the counts by the confusion above)."
        if good
        else f"Nothing on single clips yet: no target has its interval above a UAR of {number(_GOOD_ENOUGH)}. They "
        "serve as a baseline for better models."
    )
    return [
        counts,
        "Balancing training and test sets of other speech systems, and checking that these work as well for all "
        "groups.",
        "Finding records whose stated label and voice disagree, for a person to look at.",
    ]


def _must_not(run: Run) -> list[str]:
    ages = (
        ["Deciding who is a minor: an age *group* from a voice is an estimate with wide errors."]
        if "age" in run.targets
        else []
    )
    return [
        "Deciding about a person: hiring, credit, prices, access, care, policing. A share of answers is wrong, and "
        "not evenly.",
        "Telling anybody their gender. What is predicted is how a voice is labelled in a corpus; trans, non-binary "
        "and many other people's voices do not follow it.",
        *ages,
        "Identifying or following people, or inferring traits without their knowledge; in many places the law "
        "forbids it, and voice is personal data.",
        "Recordings of another kind than those measured here: other languages, telephones, rooms, children, illness, "
        "emotion.",
    ]
