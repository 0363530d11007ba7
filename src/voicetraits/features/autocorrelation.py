"""Autocorrelation of overlapping frames by direct sums, of which neighbouring frames share whole blocks.

For the lags of a voice, a quarter of a frame, that takes less time than Fourier transforms of double length.
"""

import numba
import numpy as np

#: Samples whose products are summed before the sum is stored.
_AT_ONCE = 8


@numba.njit(cache=True)
def autocorrelations(samples, frame_length, hop_length, frames, lags):  # pragma: no cover
    """Σ x[n]·x[n + k] over the n of each frame for which n + k lies in it too, for k = 0 … lags − 1.

    Lag k of a frame is the sum over its first `shared` samples, whose partners lie in the frame for every k, and over
    its tail. The shared part is made of blocks one hop long, each computed once, and the beginning of one more.

    Args:
        samples: (n,) float64, n at least what the frames cover; frame t begins at t · hop_length.
        lags: up to frame_length.

    Returns:
        (frames, lags) float64
    """
    shared = (frame_length - lags + 1) // _AT_ONCE * _AT_ONCE
    blocks, rest = divmod(shared, hop_length)
    tail_length = frame_length - shared
    covered = (frames - 1) * hop_length + frame_length
    x = np.zeros(covered + hop_length + lags + _AT_ONCE)
    x[:covered] = samples[:covered]
    tail = np.zeros(tail_length + lags + _AT_ONCE)  # zeros follow, so that no product crosses the frame's end
    block = np.zeros((blocks + 1, lags))  # the last ones, in turn
    result = np.zeros((frames, lags))
    for b in range(blocks):
        _add_products(x, b * hop_length, (b + 1) * hop_length, lags, block[b])
    for t in range(frames):
        r = result[t]
        begin = t * hop_length
        for b in range(t, t + blocks):
            add = block[b % (blocks + 1)]
            for k in range(lags):
                r[k] += add[k]
        newest, start = block[(t + blocks) % (blocks + 1)], (t + blocks) * hop_length
        newest[:] = 0.0
        _add_products(x, start, start + rest, lags, newest)
        for k in range(lags):
            r[k] += newest[k]
        if blocks and t + 1 < frames:
            _add_products(x, start + rest, start + hop_length, lags, newest)
        tail[:tail_length] = x[begin + shared : begin + frame_length]
        for n in range(0, tail_length, _AT_ONCE):
            _add_products(tail, n, min(n + _AT_ONCE, tail_length), min(lags, tail_length - n), r)
    return result


@numba.njit(cache=True)
def _add_products(x, begin, end, lags, r):  # pragma: no cover
    """r[k] += Σ x[n]·x[n + k] for n = begin … end − 1, k = 0 … lags − 1; unrolled by hand, `_AT_ONCE` samples."""
    n = begin
    while n + 8 <= end:
        v = x[n : n + lags + 8]
        a, b, c, d, e, f, g, h = v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]
        for k in range(lags):
            r[k] += (
                (a * v[k] + b * v[k + 1]) + (c * v[k + 2] + d * v[k + 3])
                + (e * v[k + 4] + f * v[k + 5]) + (g * v[k + 6] + h * v[k + 7])
            )  # fmt: skip
        n += 8
    for m in range(n, end):
        for k in range(lags):
            r[k] += x[m] * x[m + k]
