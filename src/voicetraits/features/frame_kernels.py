"""Compiled loops over the frames of a clip; the formulas are those of librosa's functions of the same names.

Spectra are taken `LANES` frames at a time and turned over, so that a bin of all these frames is contiguous: each loop
over lanes compiles into a few vector instructions.
"""

import numba
import numpy as np

LANES = 16
#: Powers whose product stays within float64, from 1e-10 each up to what full scale can give.
_FACTORS = 30
_TINY = np.finfo(np.float32).tiny


@numba.njit(cache=True)
def zero_crossing_rate(samples, frame_length, hop_length, rates):  # pragma: no cover
    """Share of the samples of each centred frame whose sign is not that of the sample before, within the frame.

    Beyond its ends the clip is taken to go on with its last sample; what is within ±1e-10 counts as positive.

    Args:
        samples: (n,).
        rates: (1 + n // hop_length,), where the result goes.
    """
    n = len(samples)
    crossings = np.zeros(n, np.int32)  # up to and including each sample
    for i in range(1, n):
        crossings[i] = crossings[i - 1] + ((samples[i] < -1e-10) != (samples[i - 1] < -1e-10))
    for t in range(len(rates)):
        start = t * hop_length - frame_length // 2
        first, last = max(start, 0), min(start + frame_length, n) - 1
        rates[t] = (crossings[last] - crossings[first]) / frame_length


@numba.njit(cache=True)
def spectral(
    amplitudes, power, frequencies_hz, share, floor, first, end, count, series, valleys, peaks
):  # pragma: no cover
    """All that is computed from the bins of a frame.

    Args:
        amplitudes, power: (frames, bins) float32.
        frequencies_hz: (bins,).
        share, floor: of the roll-off, and of the power in the flatness.
        first, end, count: (bands,) int, see `_extremes`.
        series: (5, frames), where roll-off, flatness, bandwidth, centroid and RMS go.
        valleys, peaks: (bands, frames), where they go.
    """
    frames, bins = amplitudes.shape
    a, p = np.zeros((bins, LANES), np.float32), np.zeros((bins, LANES), np.float32)
    found = np.empty((5 + 2 * len(first), LANES))
    for start in range(0, frames, LANES):
        lanes = min(LANES, frames - start)
        for lane in range(lanes):
            for k in range(bins):
                a[k, lane] = amplitudes[start + lane, k]
                p[k, lane] = power[start + lane, k]
        _rolloff(a, frequencies_hz, np.float32(share), found[0])
        _levels(p, floor, found[1], found[4])
        _moments(a, frequencies_hz, found[2], found[3])
        for band in range(len(first)):
            _extremes(a[first[band] : end[band]], count[band], found[5 + 2 * band], found[6 + 2 * band])
        for lane in range(lanes):
            series[:, start + lane] = found[:5, lane]
            valleys[:, start + lane] = found[5::2, lane]
            peaks[:, start + lane] = found[6::2, lane]


@numba.njit(cache=True)
def _rolloff(a, frequencies_hz, share, rolloff_hz):  # pragma: no cover
    """Frequency up to which `share` of the amplitudes' sum lies.

    Summed in float32 one after the other, as librosa does, so that no frame is a bin off.
    """
    bins = len(a)
    cumulated = np.empty((bins, LANES), np.float32)
    total = np.zeros(LANES, np.float32)
    below = np.zeros(LANES, np.int32)
    for k in range(bins):
        for lane in range(LANES):
            total[lane] += a[k, lane]
            cumulated[k, lane] = total[lane]
    for lane in range(LANES):
        total[lane] *= share
    for k in range(bins):
        for lane in range(LANES):
            below[lane] += cumulated[k, lane] < total[lane]
    for lane in range(LANES):
        rolloff_hz[lane] = frequencies_hz[below[lane]]


@numba.njit(cache=True)
def _levels(p, floor, flatness, rms):  # pragma: no cover
    """Geometric by arithmetic mean of the floored power, one logarithm for `_FACTORS` powers.

    And by Parseval's theorem the root mean square of the windowed frame; every bin but the first and the last stands
    for two.
    """
    bins = len(p)
    total, floored, logs, product = np.zeros((4, LANES))
    for start in range(0, bins, _FACTORS):
        product[:] = 1.0
        for k in range(start, min(start + _FACTORS, bins)):
            for lane in range(LANES):
                value = np.float64(p[k, lane])
                total[lane] += value
                value = value if value > floor else floor
                floored[lane] += value
                product[lane] *= value
        for lane in range(LANES):
            logs[lane] += np.log(product[lane])
    for lane in range(LANES):
        flatness[lane] = np.exp(logs[lane] / bins) / (floored[lane] / bins)
        rms[lane] = np.sqrt(max(2 * total[lane] - p[0, lane] - p[bins - 1, lane], 0.0)) / (2 * (bins - 1))


@numba.njit(cache=True)
def _moments(a, frequencies_hz, bandwidth_hz, centroid_hz):  # pragma: no cover
    """Mean frequency and deviation from it, each weighted by the amplitudes; 0 in silence."""
    total, first, second = np.zeros((3, LANES))
    for k in range(len(a)):
        for lane in range(LANES):
            total[lane] += a[k, lane]
            first[lane] += a[k, lane] * frequencies_hz[k]
    for lane in range(LANES):
        centroid_hz[lane] = first[lane] / max(total[lane], _TINY)
    for k in range(len(a)):
        for lane in range(LANES):
            distance = frequencies_hz[k] - centroid_hz[lane]
            second[lane] += a[k, lane] * (distance * distance)
    for lane in range(LANES):
        bandwidth_hz[lane] = np.sqrt(second[lane] / max(total[lane], _TINY))


@numba.njit(cache=True)
def _extremes(a, count, valley, peak):  # pragma: no cover
    """Mean of the `count` smallest and of the `count` largest amplitudes, kept in order as the bins pass by."""
    small, large = np.full((count, LANES), np.float32(np.inf)), np.full((count, LANES), np.float32(-np.inf))
    down, up = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    for k in range(len(a)):
        down[:] = a[k]
        up[:] = a[k]
        for i in range(count):
            for lane in range(LANES):
                kept, new = small[i, lane], down[lane]
                small[i, lane] = new if new < kept else kept
                down[lane] = kept if new < kept else new
                kept, new = large[i, lane], up[lane]
                large[i, lane] = new if new > kept else kept
                up[lane] = kept if new > kept else new
    for lane in range(LANES):
        valley[lane], peak[lane] = 0.0, 0.0
    for i in range(count):
        for lane in range(LANES):
            valley[lane] += small[i, lane] / count
            peak[lane] += large[i, lane] / count
