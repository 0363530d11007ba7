"""The report's words on what the audit found: leaks, rooms, labels to review."""

from collections.abc import Mapping
from typing import Any

from voicetraits.reporting.run import Run
from voicetraits.reporting.words import bullets, interval, number, plural


def audit(run: Run) -> str | None:
    """What the audit found; None where there was none."""
    found = [
        line for target in run.targets for line in _of_target(target, run.figures.get("audit", {}).get(target, {}))
    ]
    return bullets(found) if found else None


def _of_target(target: str, own: Mapping[str, Any]) -> list[str]:
    told = []
    for model, figures in own.get("random_clip_split", {}).items():
        claimed = (
            f"**{target}**: a random split of clips, with the same speakers on both sides, would claim "
            f"{_spread(figures, 'gap')} more UAR than holds for unheard speakers ({model} model)"
        )
        if figures["gap_low"] > 0:
            told.append(f"{claimed}. Figures elsewhere that do not say how they were split may owe as much to that.")
        else:
            told.append(f"{claimed}, which may be chance: here it matters little how clips are split.")
    pauses = own.get("pauses", {})
    probes = {
        name: figures for name, figures in pauses.items() if isinstance(figures, Mapping) and name != "source_alone"
    }
    for name, figures in probes.items():
        told.append(
            f"**{target}**: a {name} model that hears nothing but the pauses of a clip, so room and microphone, "
            f"reaches a UAR of {_spread(figures, 'uar')}; chance is {number(pauses['chance'])}."
        )
    if pauses.get("far_above_chance"):
        told.append(
            f"**{target}**: that is far above chance, so models may know rooms instead of voices. Trust figures "
            "across sources rather than these."
        )
    suspects = own.get("suspects", {})
    if "speakers" in suspects:
        told.append(
            f"**{target}**: {plural(suspects['speakers'], 'speaker')} with a label to review, listed in "
            "`data/label_suspects.csv`; none was changed or dropped."
        )
    elif suspects:
        told.append(f"**{target}**: no labels were looked at for mistakes (`audit.run`, or too few are told apart).")
    return told


def _spread(figures: Mapping[str, float], name: str) -> str:
    return interval(figures[name], figures[f"{name}_low"], figures[f"{name}_high"])
