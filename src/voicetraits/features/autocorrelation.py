"""Autocorrelation of overlapping frames by direct sums, of which neighbouring frames share whole blocks.

For the lags of a voice, a quarter of a frame, that takes less time than Fourier transforms of double length.
"""

import numba
import numpy as np

#: Blocks side by side, samples and lags at a time: what the inner loop needs fits into the vector registers.
_LANES, _SAMPLES, _LAGS = 16, 8, 4


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
    groups = (blocks + _LANES - 1) // _LANES
    rows = (lags + _LAGS - 1) // _LAGS * _LAGS
    padded = np.zeros(groups * _LANES * hop_length + length + rows)
    there = min(len(samples), len(padded))
    padded[:there] = samples[:there]
    x = np.empty((length + rows) * _LANES)
    sums, ends = np.empty(_LAGS * _LANES), np.empty(_LAGS, np.int64)
    whole, begun = np.empty((rows, groups * _LANES)), np.empty((rows, groups * _LANES))
    for group in range(groups):
        lanes = slice(group * _LANES, (group + 1) * _LANES)
        _side_by_side(padded[group * _LANES * hop_length :], hop_length, x)
        for k in range(0, lags, _LAGS):
            sums[:] = 0.0
            for j in range(_LAGS):
                ends[j] = (frame_length - k - j) % hop_length
            end = 0
            while end <= length:  # the ends in ascending order
                for j in range(_LAGS):
                    if ends[j] == end:
                        begun[k + j, lanes] = sums[j * _LANES : (j + 1) * _LANES]
                following = length + 1
                for j in range(_LAGS):
                    if ends[j] > end:
                        following = min(following, ends[j])
                _add_products(x, end, min(following, length), k, sums)
                end = following
            for j in range(_LAGS):
                whole[k + j, lanes] = sums[j * _LANES : (j + 1) * _LANES]
    result = np.empty((lags, frames))
    for k in range(lags):
        count = (frame_length - k) // hop_length
        result[k] = begun[k, count : count + frames]
        for b in range(count):
            for t in range(frames):
                result[k, t] += whole[k, t + b]
    return result


@numba.njit(cache=True)
def _side_by_side(samples, hop_length, x):  # pragma: no cover
    """Sample i of the block that begins at c · hop_length goes to x[i · lanes + c]."""
    for i in range(len(x) // _LANES):
        for c in range(_LANES):
            x[i * _LANES + c] = samples[i + c * hop_length]


@numba.njit(cache=True, fastmath={"contract"})
def _add_products(x, begin, end, k, sums):  # pragma: no cover
    """Add Σ x[i]·x[i + k + j], i = begin … end − 1, of each lane to the row j = 0 … 3 of `sums`."""
    for i in range(begin, end - _SAMPLES + 1, _SAMPLES):
        a, b, n = x[i * _LANES :], x[(i + k) * _LANES :], _LANES
        for c in range(_LANES):
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
        a, b, n = x[i * _LANES :], x[(i + k) * _LANES :], _LANES
        for c in range(_LANES):
            a0 = a[c]
            sums[c] += a0 * b[c]
            sums[n + c] += a0 * b[n + c]
            sums[2 * n + c] += a0 * b[2 * n + c]
            sums[3 * n + c] += a0 * b[3 * n + c]
