"""Where a net listens: how much surer it is than without a stretch of time and bands (Zeiler & Fergus 2014)."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

#: Of time, so many frames are hidden at a time, and more where a clip would need more steps than an eye tells apart.
_FRAMES, _MOST_STEPS = 20, 40
_BANDS = 8
_SMALLEST_PROBABILITY = 1e-7


@dataclass(frozen=True)
class Occlusion:
    """Of one answer.

    Attributes:
        label: the class, the likeliest one.
        frames: edges of the steps in time, (steps + 1,).
        bands: edges of the groups of bands, (groups + 1,).
        drop: (steps, groups), by how much the log-odds of the class fall without it.
    """

    label: int
    frames: np.ndarray
    bands: np.ndarray
    drop: np.ndarray


def occlude(predict: Callable[[list[np.ndarray]], np.ndarray], seen: np.ndarray) -> Occlusion:
    """Hide one rectangle after the other: what is in it gets the mean of its band.

    Args:
        predict: makes raw probabilities, (n, classes), of clips.
        seen: (frames, bands) float32, what the net sees of the clip.
    """
    length = max(_FRAMES, -(-len(seen) // _MOST_STEPS))
    frames = np.append(np.arange(0, len(seen), length), len(seen))
    bands = np.append(np.arange(0, seen.shape[1], _BANDS), seen.shape[1])
    whole = predict([seen])[0]
    label = int(whole.argmax())
    mean = seen.mean(axis=0)
    without = []
    for begin, end in pairwise(frames):
        for low, high in pairwise(bands):
            hidden = seen.copy()
            hidden[begin:end, low:high] = mean[low:high]
            without.append(predict([hidden])[0, label])
    drop = _log_odds(whole[label]) - _log_odds(np.array(without))
    return Occlusion(label, frames, bands, drop.reshape(len(frames) - 1, len(bands) - 1))


def _log_odds(probability: np.ndarray) -> np.ndarray:
    kept = np.clip(np.asarray(probability, np.float64), _SMALLEST_PROBABILITY, 1 - _SMALLEST_PROBABILITY)
    return np.log(kept) - np.log1p(-kept)
