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
def normalised_differences(samples, hop_length, correlation, min_period):  # pragma: no cover
    """YIN's cumulative mean normalised difference (equation 8) of frames with zeros beyond their ends.

    Args:
        samples: (n,), frame t begins at t · hop_length.
        correlation: (frames, 1 + max_period), the frames' autocorrelation.

    Returns:
        (frames, max_period − min_period + 1), for lags min_period … max_period.
    """
    frames, lags = correlation.shape
    differences = np.empty((frames, lags - min_period))
    for t in range(frames):
        x, r, into = samples[t * hop_length :], correlation[t], differences[t]
        lost = 0.0  # energy that the lagged frame has lost
        cumulated = 0.0
        for lag in range(1, lags):
            lost += x[lag - 1] * x[lag - 1]
            difference = 2 * (r[0] - r[lag]) - lost
            cumulated += difference
            if lag >= min_period:
                into[lag - min_period] = difference / (cumulated / lag + _TINY)
    return differences


@numba.njit(cache=True)
def candidates(
    differences, min_period, tails, prior, bins_per_octave, sample_rate_hz, min_hz, pitch_bins,
    counts, bins, probabilities,
):  # fmt: skip  # pragma: no cover
    """Pitches that each frame may have, with probabilities.

    Each threshold of YIN gives its weight to the troughs below it, the shorter periods more (`prior`), or a little of
    it to the lowest trough where none is below. Thresholds between which no trough lies are taken together.

    Args:
        differences: (frames, lags) from `normalised_differences`.
        tails: (thresholds + 1,), prior probability that the threshold is the i-th or a higher one; the thresholds are
            1 / n, 2 / n … 1.
        prior: (most + 1, most + 1), [n, k] is the share of the k-th of n troughs.
        counts, bins, probabilities: (frames,), (frames, most), (frames, most): where the result goes, pitches in bins
            above `min_hz`.
    """
    most = bins.shape[1]
    thresholds = len(tails) - 1
    trough = np.empty(most + 1, np.int64)
    first = np.empty(most, np.int64)  # the lowest threshold that a trough lies below
    share = np.empty(most)
    for t in range(len(differences)):
        d = differences[t]
        troughs, lowest = _troughs(d, trough)
        for k in range(troughs):
            first[k] = _first_above(d[trough[k]], thresholds)
            share[k] = 0.0
        start = 0
        while troughs and start < thresholds:
            end, below = thresholds, 0
            for k in range(troughs):
                below += first[k] <= start
                end = first[k] if start < first[k] < end else end
            weight = tails[start] - tails[end]
            position = 0
            for k in range(troughs):
                inside = first[k] <= start
                share[k] += prior[below, position] * weight if inside else 0.0
                position += inside
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
    """Write the places of local minima below 1 and of the lowest of all into `trough`.

    Returns:
        how many they are, and which of them is the lowest.
    """
    last = len(d) - 1
    troughs = 0
    # Without branches, which here the processor could not foresee.
    trough[0] = 0
    troughs += d[0] < d[1]
    for lag in range(1, last):
        trough[troughs] = lag
        troughs += (d[lag] < d[lag - 1]) & (d[lag] <= d[lag + 1])
    trough[troughs] = last
    troughs += d[last] < d[last - 1]
    bottom = np.inf
    for k in range(troughs):
        bottom = min(bottom, d[trough[k]])
    kept, lowest = 0, -1
    for k in range(troughs):
        height = d[trough[k]]
        trough[kept] = trough[k]
        if lowest < 0 and height == bottom:
            lowest = kept
            kept += 1
        else:
            kept += height < 1
    return kept, lowest


@numba.njit(cache=True)
def _first_above(height, thresholds):  # pragma: no cover
    """Which of the thresholds is the first above `height`; their number where none is."""
    if height >= 1:
        return thresholds
    i = max(int(height * thresholds), 0)
    while i > 0 and height < i / thresholds:
        i -= 1
    while height >= (i + 1) / thresholds:
        i += 1
    return i


@numba.njit(cache=True)
def _vertex(d, lag):  # pragma: no cover
    """Offset of the vertex of the parabola through a trough and its neighbours; 0 where it is no trough of theirs."""
    if 0 < lag < len(d) - 1:
        curvature = d[lag + 1] + d[lag - 1] - 2 * d[lag]
        slope = (d[lag + 1] - d[lag - 1]) / 2
        if abs(slope) < abs(curvature):
            return -slope / curvature
    return 0.0
