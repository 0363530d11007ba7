"""Where a net looks in log-mel frames, averaged by class, and whether that is true."""

from collections.abc import Sequence

import numpy as np

from voicetraits.explaining.class_maps import ClipMap, Saliency, SaliencyParams, averaged
from voicetraits.explaining.faithfulness import score_drops
from voicetraits.explaining.gradients import GradCam, integrated_gradients, keras, scores
from voicetraits.explaining.held_out import Intervals

#: What makes one value of a band's steps in time: logits add up, heat does not.
_OVER_TIME = {"grad_cam": "mean", "integrated_gradients": "sum"}
#: Clips of different length are stretched to so many steps, from begin to end, before they are averaged.
_STEPS_OF_TIME = 32


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
    maps: dict[str, list[ClipMap]] = {method: [] for method in _OVER_TIME}
    for number, (model, clip, label) in enumerate(zip(models, inputs, clips.labels.tolist(), strict=True)):
        found = {
            "grad_cam": grad_cams[id(model)](clip, label),
            "integrated_gradients": integrated_gradients(model, clip, label, baseline=baseline, steps=settings.steps),
        }
        for method, heat in found.items():
            drops = score_drops(
                lambda masked, model=model, label=label: scores(model, masked, label),
                clip,
                heat,
                baseline=baseline,
                share=settings.masked_share,
                repeats=settings.random_masks,
                rng=np.random.default_rng([seed, number]),
            )
            is_empty = heat.max() <= 0
            # Where all that Grad-CAM's layer holds speaks against the class, the map is empty; its heat stays 0.
            peak = heat.max() if method == "grad_cam" and not is_empty else 1.0
            maps[method].append(ClipMap(_stretched(heat / peak, mean=method == "grad_cam"), *drops, is_empty))
    return averaged(maps, _OVER_TIME, intervals, settings)


def _stretched(heat: np.ndarray, *, mean: bool) -> np.ndarray:
    """(frames, bands) -> (_STEPS_OF_TIME, bands): the mean of the frames of each step, or what they add up to."""
    edges = np.arange(_STEPS_OF_TIME + 1) * len(heat) / _STEPS_OF_TIME
    # Sums up to any point in time, between frames too: a step may hold a part of a frame.
    sums = np.concatenate([np.zeros((1, heat.shape[1])), np.cumsum(heat, axis=0, dtype=np.float64)])
    at_edges = np.stack([np.interp(edges, np.arange(len(sums)), column) for column in sums.T], axis=1)
    steps = np.diff(at_edges, axis=0)
    return steps * _STEPS_OF_TIME / len(heat) if mean else steps
