"""Autocorrelation of overlapping frames by direct sums, of which neighbouring frames share whole blocks.

For the lags of a voice, a quarter of a frame, that takes less time than Fourier transforms of double length.
"""

import numba
import numpy as np

#: Frames or blocks side by side, and lags at a time of `add_products`: its inner loop fits into the vector registers.
LANES, LAGS = 16, 4
_SAMPLES = 8


@numba.njit(cache=True)
def autocorrelations(samples, frame_length, hop_length, frames, lags):  # pragma: no cover
    """Σ x[n]·x[n + k] over the n of each frame for which n + k lies in it too, for k = 0 … lags − 1.

    Lag k of a frame is the sum over `frame_length` − k samples: over whole blocks one hop long, and over the beginning
    of one more. How long that is depends on the lag alone, so both are computed once for each block and lag.

    Args:
        samples: (n,), zeros follow; frame t begins at t · hop_length.
        lags: up to frame_length.

    Returns:
        (lags, frames) float64: a lag of all frames is a row.
    """
    length = min(hop_length, frame_length)
    blocks = frames + frame_length // hop_length
    groups = (blocks + LANES - 1) // LANES
    rows = (lags + LAGS - 1) // LAGS * LAGS
    padded = np.zeros(groups * LANES * hop_length + length + rows)
    for i in range(min(len(samples), len(padded))):
        padded[i] = samples[i]
    x = np.empty((length + rows) * LANES)
    sums, ends = np.empty(LAGS * LANES), np.empty(LAGS, np.int64)
    whole, begun = np.empty((rows, groups * LANES)), np.empty((rows, groups * LANES))
    for group in range(groups):
        first = group * LANES
        _side_by_side(padded[first * hop_length :], hop_length, x)
        for k in range(0, lags, LAGS):
            for i in range(LAGS * LANES):
                sums[i] = 0.0
            for j in range(LAGS):
                ends[j] = (frame_length - k - j) % hop_length
            end = np.int64(0)  # a plain 0 would have `add_products` compiled twice
            while end <= length:  # the ends in ascending order
                for j in range(LAGS):
                    if ends[j] == end:
                        for c in range(LANES):
                            begun[k + j, first + c] = sums[j * LANES + c]
                following = length + 1
                for j in range(LAGS):
                    if ends[j] > end:
                        following = min(following, ends[j])
                add_products(x, end, min(following, length), k, sums)
                end = following
            for j in range(LAGS):
                for c in range(LANES):
                    whole[k + j, first + c] = sums[j * LANES + c]
    result = np.empty((lags, frames))
    for k in range(lags):
        count = (frame_length - k) // hop_length
        for t in range(frames):
            result[k, t] = begun[k, t + count]
        for b in range(count):
            for t in range(frames):
                result[k, t] += whole[k, t + b]
    return result


@numba.njit(cache=True)
def _side_by_side(samples, hop_length, x):  # pragma: no cover
    """Sample i of the block that begins at c · hop_length goes to x[i · lanes + c]."""
    for i in range(len(x) // LANES):
        for c in range(LANES):
            x[i * LANES + c] = samples[i + c * hop_length]


@numba.njit(cache=True, fastmath={"contract"})
def add_products(x, begin, end, k, sums):  # pragma: no cover
    """Add Σ x[i]·x[i + k + j], i = begin … end − 1, of each lane to the row j = 0 … `LAGS` − 1 of `sums`.

    Args:
        x: (samples · LANES,), sample i of lane c is x[i · LANES + c].
        sums: (LAGS · LANES,), likewise.
    """
    for i in range(begin, end - _SAMPLES + 1, _SAMPLES):
        a, b, n = x[i * LANES :], x[(i + k) * LANES :], LANES
        for c in range(LANES):
            a0, a1, a2, a3 = a[c], a[n + c], a[2 * n + c], a[3 * n + c]
            a4, a5, a6, a7 = a[4 * n + c], a[5 * n + c], a[6 * n + c], a[7 * n + c]
            b0, b1, b2, b3 = b[c], b[n + c], b[2 * n + c], b[3 * n + c]
            b4, b5, b6, b7 = b[4 * n + c], b[5 * n + c], b[6 * n + c], b[7 * n + c]
            b8, b9, b10 = b[8 * n + c], b[9 * n + c], b[10 * n + c]
            sums[c] += a0 * b0 + a1 * b1 + a2 * b2 + a3 * b3 + a4 * b4 + a5 * b5 + a6 * b6 + a7 * b7
            sums[n + c] += a0 * b1 + a1 * b2 + a2 * b3 + a3 * b4 + a4 * b5 + a5 * b6 + a6 * b7 + a7 * b8
            sums[2 * n + c] += a0 * b2 + a1 * b3 + a2 * b4 + a3 * b5 + a4 * b6 + a5 * b7 + a6 * b8 + a7 * b9
            sums[3 * n + c] += a0 * b3 + a1 * b4 + a2 * b5 + a3 * b6 + a4 * b7 + a5 * b8 + a6 * b9 + a7 * b10
    for i in range(end - (end - begin) % _SAMPLES, end):
        a, b, n = x[i * LANES :], x[(i + k) * LANES :], LANES
        for c in range(LANES):
            a0 = a[c]
            sums[c] += a0 * b[c]
            sums[n + c] += a0 * b[n + c]
            sums[2 * n + c] += a0 * b[2 * n + c]
            sums[3 * n + c] += a0 * b[3 * n + c]


@numba.njit(cache=True, fastmath={"reassoc"})
def mean_of(samples):  # pragma: no cover
    """Mean of samples, 0 of none: (n,) float32 → float32."""
    total = 0.0
    for i in range(len(samples)):
        total += samples[i]
    return np.float32(total / max(1, len(samples)))


@numba.njit(cache=True, fastmath={"nnan", "nsz", "reassoc"})
def largest_deviation(samples, mean):  # pragma: no cover
    """Largest distance of a sample from `mean`, 0 of none: (n,) float32 → float32."""
    largest = np.float32(0.0)
    for i in range(len(samples)):
        deviation = abs(samples[i] - mean)
        largest = deviation if deviation > largest else largest
    return largest


@numba.njit(cache=True)
def place_beside(samples, start, mean, window, lane):  # pragma: no cover
    """A frame without its mean, windowed, into every `LANES`-th place."""
    first, last = min(len(window), max(0, -start)), max(0, min(len(window), len(samples) - start))
    for i in range(first):
        lane[i * LANES] = 0.0
    for i in range(first, last):
        lane[i * LANES] = (samples[start + i] - mean) * window[i]
    for i in range(last, len(window)):
        lane[i * LANES] = 0.0
