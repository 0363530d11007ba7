"""YIN's difference function, and pYIN's candidates of the period in each frame.

Sources: A. de Cheveigné, H. Kawahara: YIN, a fundamental frequency estimator for speech and music. J. Acoust. Soc. Am.
111 (2002), 1917-1930. M. Mauch, S. Dixon: pYIN: A fundamental frequency estimator using probabilistic threshold
distributions. ICASSP 2014, 659-663. Decisions where the papers leave a choice are those of `librosa.pyin`.
"""

import numba
import numpy as np

NO_TROUGH_PROBABILITY = 0.01
_TINY = np.finfo(np.float64).tiny


@numba.njit(cache=True)
def to_power(spectrum):  # pragma: no cover
    """Replace each complex value by its squared magnitude."""
    flat = spectrum.reshape(-1)
    for i in range(len(flat)):
        flat[i] = flat[i].real * flat[i].real + flat[i].imag * flat[i].imag


@numba.njit(cache=True)
def normalised_differences(frames, correlation, min_period, max_period):  # pragma: no cover
    """YIN's cumulative mean normalised difference (equation 8) of frames with zeros beyond their ends.

    Args:
        frames: (n, frame_length) samples.
        correlation: (n, more than max_period), the frames' autocorrelation.

    Returns:
        (n, max_period − min_period + 1), for lags min_period … max_period.
    """
    differences = np.empty((len(frames), max_period - min_period + 1))
    for t in range(len(frames)):
        x, r, into = frames[t], correlation[t], differences[t]
        lost = 0.0  # energy that the lagged frame has lost
        cumulated = 0.0
        for lag in range(1, max_period + 1):
            lost += x[lag - 1] * x[lag - 1]
            difference = 2 * (r[0] - r[lag]) - lost
            cumulated += difference
            if lag >= min_period:
                into[lag - min_period] = difference / (cumulated / lag + _TINY)
    return differences


@numba.njit(cache=True)
def candidates(differences, min_period, thresholds, weights, prior, bins_per_octave, sample_rate_hz, min_hz, pitch_bins,
               counts, bins, probabilities):  # fmt: skip  # pragma: no cover
    """Pitches that each frame may have, with probabilities.

    Each threshold of YIN gives its weight to the troughs below it, the shorter periods more (`prior`), or a little of
    it to the lowest trough where none is below. Thresholds between which no trough lies are taken together.

    Args:
        differences: (frames, lags) from `normalised_differences`.
        thresholds, weights: (thresholds,) ascending, and their prior probabilities.
        prior: (most + 1, most + 1), [n, k] is the share of the k-th of n troughs.
        counts, bins, probabilities: (frames,), (frames, most), (frames, most): where the result goes, pitches in bins
            above `min_hz`.
    """
    most = bins.shape[1]
    trough = np.empty(most, np.int64)
    first = np.empty(most, np.int64)  # the lowest threshold that a trough lies below
    share = np.empty(most)
    for t in range(len(differences)):
        d = differences[t]
        troughs = _troughs(d, trough)
        lowest = 0
        for k in range(troughs):
            first[k] = _first_above(thresholds, d[trough[k]])
            share[k] = 0.0
            if d[trough[k]] < d[trough[lowest]]:
                lowest = k
        start = 0
        while troughs and start < len(thresholds):
            end, below = len(thresholds), 0
            for k in range(troughs):
                if first[k] <= start:
                    below += 1
                elif first[k] < end:
                    end = first[k]
            weight = 0.0
            for threshold in range(start, end):
                weight += weights[threshold]
            position = 0
            for k in range(troughs):
                if first[k] <= start:
                    share[k] += prior[below, position] * weight
                    position += 1
            if below == 0:
                share[lowest] += NO_TROUGH_PROBABILITY * weight
            start = end
        count = 0
        for k in range(troughs):
            if share[k] > 0:
                period = min_period + trough[k] + _vertex(d, trough[k])
                place = max(0, int(np.round(bins_per_octave * np.log2(sample_rate_hz / period / min_hz))))
                if place < pitch_bins:
                    bins[t, count] = place
                    probabilities[t, count] = share[k]
                    count += 1
        counts[t] = count


@numba.njit(cache=True)
def _troughs(d, trough):  # pragma: no cover
    """Write the places of local minima into `trough`: how many."""
    troughs = 0
    if d[0] < d[1]:
        trough[0] = 0
        troughs = 1
    last = len(d) - 1
    for lag in range(1, last + 1):
        if d[lag] < d[lag - 1] and (lag == last or d[lag] <= d[lag + 1]):
            trough[troughs] = lag
            troughs += 1
    return troughs


@numba.njit(cache=True)
def _first_above(thresholds, height):  # pragma: no cover
    """Index of the first threshold above `height`; their number where none is."""
    low, high = 0, len(thresholds)
    while low < high:
        middle = (low + high) // 2
        if height < thresholds[middle]:
            high = middle
        else:
            low = middle + 1
    return low


@numba.njit(cache=True)
def _vertex(d, lag):  # pragma: no cover
    """Offset of the vertex of the parabola through a trough and its neighbours; 0 where it is no trough of theirs."""
    if 0 < lag < len(d) - 1:
        curvature = d[lag + 1] + d[lag - 1] - 2 * d[lag]
        slope = (d[lag + 1] - d[lag - 1]) / 2
        if abs(slope) < abs(curvature):
            return -slope / curvature
    return 0.0
