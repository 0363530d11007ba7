"""Where a net looks in log-mel frames, averaged by class, and whether that is true."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from voicetraits.errors import ModelError
from voicetraits.explaining.faithfulness import score_drops
from voicetraits.explaining.gradients import GradCam, integrated_gradients, keras, scores
from voicetraits.explaining.held_out import Intervals
from voicetraits.params import section

_ARCHITECTURE, _WEIGHTS = "architecture.json", "net.weights.h5"
METHODS = ("grad_cam", "integrated_gradients")
#: Clips of different length are stretched to so many steps, from begin to end, before they are averaged.
_STEPS_OF_TIME = 32


@section
class SaliencyParams:
    """The section `explain.nets` of params.yaml."""

    clips: Annotated[int, Field(ge=2)]
    steps: Annotated[int, Field(ge=2)]
    masked_share: Annotated[float, Field(gt=0, lt=1)]
    random_masks: Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class Saliency:
    """What is known of one net.

    Attributes:
        bands: method, class, band, value: the class's mean map over all time. Of integrated gradients, logits that a
            band adds to the class; of Grad-CAM, heat from 0 to 1.
        maps: method, class, step (of time, from begin to end of a clip), band, value.
        faithfulness: method, masked_share, empty_share (of the clips whose map names nothing), drop (of the score,
            without the named region), random_drop (without random ones), difference, low, high.
    """

    bands: pd.DataFrame
    maps: pd.DataFrame
    faithfulness: pd.DataFrame


def restore_net(folder: Path) -> keras.Model:
    """The net in a model's folder, from its architecture and weights alone, without the module that built it.

    Raises:
        ModelError: it cannot be restored.
    """
    try:
        model = keras.models.model_from_json((folder / _ARCHITECTURE).read_text(encoding="utf-8"))
        model.load_weights(folder / _WEIGHTS)
    except (OSError, ValueError, TypeError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"the net in {folder} cannot be restored ({reason}); make it again with `dvc repro`") from None
    return model


def is_net(folder: Path) -> bool:
    """Whether a model's folder holds a net."""
    return (folder / _ARCHITECTURE).exists()


def draw_clips(labels: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Places of at most `most` clips, as many of each class as there are, sorted."""
    classes = np.unique(labels)
    share = max(1, most // len(classes))
    drawn = [rng.permutation(np.flatnonzero(labels == label))[:share] for label in classes]
    return np.sort(np.concatenate(drawn))


def explain_net(
    models: Sequence[keras.Model],
    inputs: Sequence[np.ndarray],
    intervals: Intervals,
    settings: SaliencyParams,
    *,
    seed: int,
) -> Saliency:
    """Look at clips through the net that has not learnt from them.

    What stands for "nothing to see" is the mean level of each band over all clips looked at.

    Args:
        models: the net of each clip's fold.
        inputs: of each clip, (frames, bands) float32.
        intervals: over these clips.
    """
    clips = intervals.clips
    baseline = np.mean([one.mean(axis=0, dtype=np.float64) for one in inputs], axis=0).astype(np.float32)
    grad_cams = {id(model): GradCam(model) for model in models}
    maps: dict[str, list[np.ndarray]] = {method: [] for method in METHODS}
    drops: dict[str, list[tuple[float, float, bool]]] = {method: [] for method in METHODS}
    for number, (model, clip, label) in enumerate(zip(models, inputs, clips.labels.tolist(), strict=True)):
        found = {
            "grad_cam": grad_cams[id(model)](clip, label),
            "integrated_gradients": integrated_gradients(model, clip, label, baseline=baseline, steps=settings.steps),
        }
        for method, heat in found.items():
            fallen = score_drops(
                lambda masked, model=model, label=label: scores(model, masked, label),
                clip,
                heat,
                baseline=baseline,
                share=settings.masked_share,
                repeats=settings.random_masks,
                rng=np.random.default_rng([seed, number]),
            )
            drops[method].append((*fallen, heat.max() <= 0))
            # Where all that Grad-CAM's layer holds speaks against the class, the map is empty; its heat stays 0.
            peak = heat.max() if method == "grad_cam" and heat.max() > 0 else 1.0
            maps[method].append(_stretched(heat / peak, mean=method == "grad_cam"))
    averaged = pd.concat([_by_class(method, np.stack(maps[method]), intervals) for method in METHODS])
    over_time = {"grad_cam": "mean", "integrated_gradients": "sum"}
    bands = [
        averaged[averaged["method"] == method].groupby(["method", "class", "band"], sort=False)["value"].agg(how)
        for method, how in over_time.items()
    ]
    return Saliency(
        pd.concat(bands).round(6).reset_index(),
        averaged.reset_index(drop=True).astype({"value": np.float32}),
        pd.DataFrame([_faithfulness(method, drops[method], intervals, settings) for method in METHODS]).round(6),
    )


def _stretched(heat: np.ndarray, *, mean: bool) -> np.ndarray:
    """(frames, bands) -> (_STEPS_OF_TIME, bands): the mean of the frames of each step, or what they add up to."""
    edges = np.arange(_STEPS_OF_TIME + 1) * len(heat) / _STEPS_OF_TIME
    # Sums up to any point in time, between frames too: a step may hold a part of a frame.
    sums = np.concatenate([np.zeros((1, heat.shape[1])), np.cumsum(heat, axis=0, dtype=np.float64)])
    at_edges = np.stack([np.interp(edges, np.arange(len(sums)), column) for column in sums.T], axis=1)
    steps = np.diff(at_edges, axis=0)
    return steps * _STEPS_OF_TIME / len(heat) if mean else steps


def _by_class(method: str, maps: np.ndarray, intervals: Intervals) -> pd.DataFrame:
    """Mean maps, (clips, steps, bands) -> method, class, step, band, value."""
    parts = []
    for k, name in enumerate(intervals.clips.classes):
        of_class = maps[intervals.clips.labels == k]
        if len(of_class):
            step, band = np.indices(maps.shape[1:])
            columns = {"step": step.ravel(), "band": band.ravel(), "value": of_class.mean(axis=0).ravel()}
            parts.append(pd.DataFrame({"method": method, "class": name, **columns}))
    return pd.concat(parts)


def _faithfulness(
    method: str, drops: Sequence[tuple[float, float, bool]], intervals: Intervals, settings: SaliencyParams
) -> dict[str, object]:
    named, random, empty = np.array(drops, np.float64).T
    difference, low, high = intervals.mean(named - random)
    return {
        "method": method,
        "masked_share": settings.masked_share,
        "empty_share": empty.mean(),
        "drop": intervals.mean(named)[0],
        "random_drop": intervals.mean(random)[0],
        "difference": difference,
        "low": low,
        "high": high,
    }
