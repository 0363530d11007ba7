"""Masks and crops of log-mel matrices, made anew in each epoch (SpecAugment, Park et al. 2019)."""

import numpy as np

from voicetraits.augmentation.params import CropParams, MaskParams


def mask(matrix: np.ndarray, params: MaskParams, rng: np.random.Generator, *, hop_seconds: float) -> np.ndarray:
    """A copy of a matrix in which stretches of time and of bands hold the matrix's mean.

    Args:
        matrix: (frames, bands).
        hop_seconds: from one frame to the next.

    Returns:
        (frames, bands) of the same type. At most half of the frames of a clip are masked.
    """
    frames, bands = matrix.shape
    masked, mean = matrix.copy(), matrix.mean(dtype=np.float64) if matrix.size else 0.0
    if rng.random() < params.time_share:
        longest = min(params.time_seconds / hop_seconds, frames / 2 / params.time_masks)
        for _ in range(params.time_masks):
            masked[_stretch(frames, longest, rng)] = mean
    if rng.random() < params.band_share:
        for _ in range(params.band_masks):
            masked[:, _stretch(bands, params.bands_share * bands, rng)] = mean
    return masked


def crop(matrix: np.ndarray, params: CropParams, rng: np.random.Generator, *, hop_seconds: float) -> np.ndarray:
    """A stretch of a matrix, (frames, …) → (fewer frames, …): a view, of random length and place.

    Also serves samples, with `hop_seconds` of one sample. A matrix shorter than the drawn length comes back whole.
    """
    if rng.random() >= params.share:
        return matrix
    frames = max(1, round(rng.uniform(*params.seconds) / hop_seconds))
    start = int(rng.integers(0, max(0, len(matrix) - frames) + 1))
    return matrix[start : start + frames]


def _stretch(count: int, longest: float, rng: np.random.Generator) -> slice:
    """A random stretch of 0 to `longest` out of `count` places."""
    length = int(rng.integers(0, int(longest) + 1))
    start = int(rng.integers(0, count - length + 1))
    return slice(start, start + length)
