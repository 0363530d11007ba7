"""The audit of one target: what its scores may owe to leaks, to rooms, to wrong labels, and to too few speakers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field
from threadpoolctl import threadpool_limits

from voicetraits.auditing.bootstrap import SpeakerBootstrap
from voicetraits.auditing.clips import Clips, labelled_clips
from voicetraits.auditing.folds import speaker_folds
from voicetraits.auditing.leakage import by_source, compare_splits, right_share
from voicetraits.auditing.learners import LEARNERS, Learner
from voicetraits.auditing.learning_curve import learning_curve
from voicetraits.auditing.review import COLUMNS, suspects_table
from voicetraits.auditing.suspects import judge
from voicetraits.features.table import FeatureTable
from voicetraits.params import section

Share = Annotated[float, Field(gt=0, le=1)]


@section
class AuditParams:
    """The section `audit` of params.yaml."""

    run: bool
    folds: Annotated[int, Field(ge=2)]
    fold_seeds: Annotated[int, Field(ge=1)]
    learning_curve_shares: Annotated[tuple[Share, ...], Field(min_length=2)]
    pause_below_speech_db: Annotated[float, Field(gt=0)]
    pause_margin_seconds: Annotated[float, Field(ge=0)]
    min_pause_seconds: Annotated[float, Field(ge=0)]
    room_margin: Annotated[float, Field(ge=0, lt=1)]
    suspect_probability: Annotated[float, Field(ge=0.5, lt=1)]
    suspect_min_uar: Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class Inputs:
    """What an audit looks at.

    Attributes:
        features: functionals of all clips.
        pauses: (clips with pauses, values), indexed by utterance_id, see `pauses.pause_statistics`.
        metadata: utterance_id, speaker_id, archive, source, gender, age_group.
        splits: as `read_splits` gives it.
        groups: speaker: name of the group that shares a recording, see `speaker_groups`.
    """

    features: FeatureTable
    pauses: pd.DataFrame
    metadata: pd.DataFrame
    splits: pd.DataFrame
    groups: Mapping[str, str]


@dataclass(frozen=True)
class Audit:
    """What was found.

    Attributes:
        metrics: plain numbers, nested by name.
        suspects: the review list, see `review.suspects_table`.
        curve: target, model, speakers, uar, low, high.
    """

    metrics: dict[str, Any]
    suspects: pd.DataFrame
    curve: pd.DataFrame


def audit_target(
    target: str, inputs: Inputs, params: AuditParams, *, seed: int, bootstrap_samples: int, confidence: float
) -> Audit:
    """Audit one target that its split does not skip.

    With `params.run` off, what takes seconds: the linear model alone, one shuffling of the folds, no suspects.
    """
    seeds = range(seed, seed + (params.fold_seeds if params.run else 1))
    learners = LEARNERS if params.run else {"linear": LEARNERS["linear"]}
    table, classes = labelled_clips(inputs.metadata, inputs.splits, target)
    clips = Clips.of(table, inputs.groups, inputs.features.rows(table["utterance_id"]), classes)
    draws = {"samples": bootstrap_samples, "confidence": confidence, "seed": seed}
    bootstrap = SpeakerBootstrap(clips, **draws)
    # One thread, so that sums are the same on any number of cores; the matrices are small.
    with threadpool_limits(1):
        splits = compare_splits(clips, learners, bootstrap, folds=params.folds, seeds=seeds)
        pauses = _probe_pauses(clips, inputs, learners, params, seeds, draws)
        curve = learning_curve(
            clips, learners, bootstrap, shares=params.learning_curve_shares, folds=params.folds, seeds=seeds
        )
        counts, suspects = _list_suspects(target, clips, inputs, params, seeds)
    metrics = {
        "clips": len(clips.ids),
        "speakers": len(np.unique(clips.speakers)),
        "random_clip_split": {
            name: {key: value for figure, estimate in own.items() for key, value in estimate.under(figure).items()}
            for name, own in splits.items()
        },
        "pauses": pauses,
        "suspects": counts,
    }
    return Audit(metrics, suspects, curve.assign(target=target)[["target", *curve.columns]].round(6))


def _probe_pauses(
    clips: Clips,
    inputs: Inputs,
    learners: Mapping[str, Learner],
    params: AuditParams,
    seeds: range,
    draws: Mapping[str, Any],
) -> dict[str, Any]:
    """UAR of models that hear nothing but the pauses, and of one that knows nothing but the clip's source."""
    has_pauses = np.isin(clips.ids, inputs.pauses.index)
    counts = {"clips": int(has_pauses.sum()), "clips_without_pauses": int((~has_pauses).sum())}
    heard = clips.take(has_pauses)
    heard = heard.with_values(inputs.pauses.loc[heard.ids].to_numpy())
    fewest = min(len(np.unique(heard.groups[heard.labels == label])) for label in range(len(clips.classes)))
    if fewest < 2:  # nothing to learn from in one fold, and to test on in another
        return {**counts, "skipped": 1}
    folds = [speaker_folds(heard, params.folds, seed) for seed in seeds]
    bootstrap = SpeakerBootstrap(heard, **draws)
    probes = {name: bootstrap.uar(right_share(learn, heard, folds)) for name, learn in learners.items()}
    sources = inputs.metadata.set_index("utterance_id")["source"].loc[heard.ids].to_numpy()
    source = bootstrap.uar(np.mean([by_source(heard, sources, fold_of) for fold_of in folds], axis=0))
    chance = 1 / len(clips.classes)
    return {
        **counts,
        "chance": chance,
        **{name: estimate.under("uar") for name, estimate in {**probes, "source_alone": source}.items()},
        "far_above_chance": int(max(probe.low for probe in probes.values()) > chance + params.room_margin),
    }


def _list_suspects(
    target: str, clips: Clips, inputs: Inputs, params: AuditParams, seeds: range
) -> tuple[dict[str, Any], pd.DataFrame]:
    nobody = pd.DataFrame(columns=list(COLUMNS))
    if not params.run:
        return {"skipped": 1}, nobody
    verdict = judge(clips, folds=params.folds, seeds=seeds, min_probability=params.suspect_probability)
    counts = {"uar_speakers": verdict.uar(verdict.units.labels), "rounds": verdict.rounds}
    if counts["uar_speakers"] < params.suspect_min_uar:
        # More speakers are misjudged than labels are likely to be wrong.
        return {**counts, "skipped": 1}, nobody
    table = suspects_table(target, verdict, clips, inputs.metadata, inputs.features)
    stated = {name: int((table["stated"] == name).sum()) for name in clips.classes}
    return {**counts, "speakers": len(table), **stated}, table


def in_words(metrics: Mapping[str, Any]) -> list[str]:
    """What a person should know of an audit's metrics, a line each."""
    lines = [
        f"a random split of clips claims {_spread(figures, 'gap')} more UAR than holds for unheard speakers ({model})"
        for model, figures in metrics["random_clip_split"].items()
    ]
    pauses = metrics["pauses"]
    if pauses.get("far_above_chance"):
        probes = ", ".join(f"{_spread(pauses[name], 'uar')} ({name})" for name in pauses if name in LEARNERS)
        lines.append(
            f"pauses without any voice tell the class with UAR {probes}, chance being {pauses['chance']:.2f} and the "
            f"source alone {pauses['source_alone']['uar']:.2f}: models may learn rooms instead of voices; look at "
            f"figures across sources before you trust those within"
        )
    if speakers := metrics["suspects"].get("speakers"):
        lines.append(f"{speakers} speakers' labels to review")
    return lines


def _spread(figures: Mapping[str, float], name: str) -> str:
    return f"{figures[name]:.3f} ({figures[f'{name}_low']:.3f} to {figures[f'{name}_high']:.3f})"
