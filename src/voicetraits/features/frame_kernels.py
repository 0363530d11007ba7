"""Compiled loops over the frames of a clip; the formulas are those of librosa's functions of the same names.

They take spectra turned over, (bins, frames), so that a bin of all frames is contiguous: each inner loop compiles into
vector instructions without a change to the order of any sum.
"""

import numba
import numpy as np

#: Powers whose product stays within float64, from 1e-10 each up to what full scale can give.
_FACTORS = 30
_TINY = np.finfo(np.float32).tiny


@numba.njit(cache=True)
def zero_crossing_rate(samples, frame_length, hop_length):  # pragma: no cover
    """Share of the samples of each centred frame whose sign is not that of the sample before, within the frame.

    Beyond its ends the clip is taken to go on with its last sample; what is within ±1e-10 counts as positive.

    (n,) → (1 + n // hop_length,)
    """
    n = len(samples)
    rates = np.empty(1 + n // hop_length)
    crossings = np.zeros(n, np.int32)  # up to and including each sample
    for i in range(1, n):
        crossings[i] = crossings[i - 1] + ((samples[i] < -1e-10) != (samples[i - 1] < -1e-10))
    for t in range(len(rates)):
        start = t * hop_length - frame_length // 2
        first, last = max(start, 0), min(start + frame_length, n) - 1
        rates[t] = (crossings[last] - crossings[first]) / frame_length
    return rates


@numba.njit(cache=True)
def rolloff(amplitudes, share):  # pragma: no cover
    """First bin up to which `share` of the amplitudes' sum lies: (bins, frames) float32 → (frames,).

    Summed in float32 one after the other, as librosa does, so that no frame is a bin off.
    """
    bins, frames = amplitudes.shape
    total = np.zeros(frames, np.float32)
    for k in range(bins):
        for t in range(frames):
            total[t] += amplitudes[k, t]
    cumulated = np.zeros(frames, np.float32)
    below = np.zeros(frames, np.int32)
    for t in range(frames):
        total[t] *= np.float32(share)
    for k in range(bins):
        for t in range(frames):
            cumulated[t] += amplitudes[k, t]
            below[t] += cumulated[t] < total[t]
    return below


@numba.njit(cache=True)
def flatness(amplitudes, floor):  # pragma: no cover
    """Geometric by arithmetic mean of the power, `floor` at least: (bins, frames) float32 → (frames,).

    One logarithm serves `_FACTORS` powers.
    """
    bins, frames = amplitudes.shape
    total, logs, product = np.zeros(frames), np.zeros(frames), np.empty(frames)
    for start in range(0, bins, _FACTORS):
        product[:] = 1.0
        for k in range(start, min(start + _FACTORS, bins)):
            for t in range(frames):
                value = np.float64(amplitudes[k, t] * amplitudes[k, t])
                value = value if value > floor else floor
                total[t] += value
                product[t] *= value
        for t in range(frames):
            logs[t] += np.log(product[t])
    for t in range(frames):
        logs[t] = np.exp(logs[t] / bins) / (total[t] / bins)
    return logs


@numba.njit(cache=True)
def rms(amplitudes):  # pragma: no cover
    """Root mean square of each windowed frame, by Parseval's theorem: (bins, frames) float32 → (frames,).

    Every bin but the first and the last stands for two.
    """
    bins, frames = amplitudes.shape
    result = np.zeros(frames)
    for k in range(bins):
        twice = 1.0 if k in (0, bins - 1) else 2.0
        for t in range(frames):
            value = np.float64(amplitudes[k, t])
            result[t] += twice * (value * value)
    for t in range(frames):
        result[t] = np.sqrt(result[t]) / (2 * (bins - 1))
    return result


@numba.njit(cache=True)
def moments(amplitudes, frequencies_hz):  # pragma: no cover
    """Mean frequency and deviation from it, weighted by the amplitudes; 0 in silence.

    (bins, frames) float32 → centroid and bandwidth, each (frames,).
    """
    bins, frames = amplitudes.shape
    total, centroid_hz, bandwidth_hz = np.zeros(frames), np.zeros(frames), np.zeros(frames)
    for k in range(bins):
        hz = frequencies_hz[k]
        for t in range(frames):
            total[t] += amplitudes[k, t]
            centroid_hz[t] += amplitudes[k, t] * hz
    for t in range(frames):
        total[t] = max(total[t], _TINY)
        centroid_hz[t] /= total[t]
    for k in range(bins):
        hz = frequencies_hz[k]
        for t in range(frames):
            distance = hz - centroid_hz[t]
            bandwidth_hz[t] += amplitudes[k, t] * (distance * distance)
    for t in range(frames):
        bandwidth_hz[t] = np.sqrt(bandwidth_hz[t] / total[t])
    return centroid_hz, bandwidth_hz


@numba.njit(cache=True)
def extremes(amplitudes, count):  # pragma: no cover
    """Mean of the `count` smallest and of the `count` largest amplitudes: (bins, frames) float32 → 2 of (frames,).

    The smallest and the largest so far are kept in order; each bin sinks to its place.
    """
    bins, frames = amplitudes.shape
    small, large = np.full((count, frames), np.float32(np.inf)), np.full((count, frames), np.float32(-np.inf))
    down, up = np.empty(frames, np.float32), np.empty(frames, np.float32)
    for k in range(bins):
        for t in range(frames):
            down[t] = up[t] = amplitudes[k, t]
        for i in range(count):
            for t in range(frames):
                kept, new = small[i, t], down[t]
                small[i, t] = new if new < kept else kept
                down[t] = kept if new < kept else new
                kept, new = large[i, t], up[t]
                large[i, t] = new if new > kept else kept
                up[t] = kept if new > kept else new
    valley, peak = np.zeros(frames), np.zeros(frames)
    for i in range(count):
        for t in range(frames):
            valley[t] += small[i, t] / count
            peak[t] += large[i, t] / count
    return valley, peak
