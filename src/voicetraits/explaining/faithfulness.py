"""Whether a map of what a net looks at is true: without the region that it names, the score must fall.

And it must fall more than without a region of the same size and shape elsewhere in the clip.
"""

from collections.abc import Callable

import numpy as np

#: (n, frames, bands) -> the score of the clip's own class, (n,).
Score = Callable[[np.ndarray], np.ndarray]


def score_drops(
    score: Score,
    clip: np.ndarray,
    heat: np.ndarray,
    *,
    baseline: np.ndarray,
    share: float,
    repeats: int,
    rng: np.random.Generator,
) -> tuple[float, float]:
    """How much the score falls without the named region, and, on average, without the same region moved at random.

    A map that is nowhere above 0 names nothing, so nothing falls.

    Args:
        clip: (frames, bands).
        heat: (frames, bands), larger where the net is said to look.
        baseline: (bands,) levels that take the region's place.
        share: of the clip's cells, that with the largest heat is the region.
        repeats: random places, each the region shifted around in time and bands.

    Returns:
        drop without the region, mean drop without random ones.
    """
    if heat.max() <= 0:
        return 0.0, 0.0
    named = hottest(heat, share)
    moved = [
        np.roll(named, (rng.integers(clip.shape[0]), rng.integers(clip.shape[1])), axis=(0, 1)) for _ in range(repeats)
    ]
    regions = np.stack([np.zeros_like(named), named, *moved])  # (2 + repeats, frames, bands)
    whole, without, *random = score(np.where(regions, baseline, clip).astype(np.float32))
    return float(whole - without), float(whole - np.mean(random))


def hottest(heat: np.ndarray, share: float) -> np.ndarray:
    """The `share` of the cells with the largest heat, at least one, (frames, bands) bool."""
    cells = max(1, round(share * heat.size))
    order = np.argsort(-heat, axis=None, kind="stable")
    region = np.zeros(heat.size, bool)
    region[order[:cells]] = True
    return region.reshape(heat.shape)
