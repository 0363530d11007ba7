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
        correlation: (1 + max_period, frames), the frames' autocorrelation.

    Returns:
        (frames, max_period − min_period + 1), for lags min_period … max_period.
    """
    lags, frames = correlation.shape
    energy, squares = correlation[0], np.empty(frames)
    lost = np.zeros(frames)  # energy that the lagged frame has lost
    cumulated = np.zeros(frames)
    normalised = np.empty((lags - min_period, frames))
    for lag in range(1, lags):
        for t in range(frames):
            value = np.float64(samples[t * hop_length + lag - 1])
            squares[t] = value * value
        row, r = normalised[max(lag - min_period, 0)], correlation[lag]
        # At lag 1 librosa 0.11 takes nothing off, which equation 7 would have it do; its path is to be ours.
        taken_off = 1.0 if lag > 1 else 0.0
        for t in range(frames):  # a frame a lane
            lost[t] += squares[t]
            difference = 2 * (energy[t] - r[t]) - taken_off * lost[t]
            cumulated[t] += difference
            row[t] = difference * lag / (cumulated[t] + _TINY)
    differences = np.empty((frames, lags - min_period))
    for t in range(frames):
        for k in range(lags - min_period):
            differences[t, k] = normalised[k, t]
    return differences


@numba.njit(cache=True)
def candidates(
    differences,
    min_period,
    tails,
    boltzmann,
    bins_per_octave,
    sample_rate_hz,
    min_hz,
    pitch_bins,
    counts,
    bins,
    probabilities,
):  # pragma: no cover
    """Pitches that each frame may have, with probabilities.

    Each threshold of YIN gives its weight to the troughs below it by Boltzmann's distribution, the shorter periods
    more, or a little of it to the lowest trough where none is below.

    Args:
        differences: (frames, lags) from `normalised_differences`.
        tails: (thresholds + 1,), prior probability that the threshold is the i-th or a higher one; the thresholds are
            1 / n, 2 / n … 1.
        boltzmann: λ of the distribution: the k-th of n troughs has (1 − e^−λ)·e^−λk / (1 − e^−λn).
        counts, bins, probabilities: (frames,), (frames, most), (frames, most): where the result goes, pitches in bins
            above `min_hz`.
    """
    most = bins.shape[1]
    thresholds = len(tails) - 1
    levels, powers = np.empty(thresholds), np.empty(most + 1)
    for i in range(thresholds):
        levels[i] = (i + 1) / thresholds
    for k in range(most + 1):
        powers[k] = np.exp(-boltzmann * k)
    trough = np.empty(most + 1, np.int64)
    share = np.empty(most)
    factor = np.empty(most)  # e^−λk of the troughs below the threshold, 0 of the others
    entering = np.empty(thresholds + 1, np.int64)  # the first trough that a threshold is the first above, −1: none
    following = np.empty(most, np.int64)  # the next such trough
    for t in range(len(differences)):
        d = differences[t]
        troughs, lowest = _troughs(d, trough)
        share[:troughs], factor[:troughs], entering[:] = 0.0, 0.0, -1
        for k in range(troughs - 1, -1, -1):
            first = _first_above(d[trough[k]], levels)
            following[k] = entering[first]
            entering[first] = k
        below, since = 0, 0
        for threshold in range(thresholds + 1):
            k = entering[threshold]
            if troughs == 0 or (k < 0 and threshold < thresholds):
                continue
            # All thresholds since the last one at which a trough came in have the same troughs below them.
            weight = tails[since] - tails[threshold]
            since = threshold
            if below == 0:
                share[lowest] += NO_TROUGH_PROBABILITY * weight
            else:
                weight *= (1 - powers[1]) / (1 - powers[below])
                for j in range(troughs):
                    share[j] += weight * factor[j]
            while k >= 0:
                place = 0
                for j in range(k):
                    place += factor[j] > 0
                factor[k] = powers[place]
                for j in range(k + 1, troughs):
                    factor[j] *= powers[1]
                below += 1
                k = following[k]
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
def _first_above(height, levels):  # pragma: no cover
    """Which of the thresholds is the first above `height`; their number where none is."""
    i = len(levels)
    if height < 1:
        i = max(int(height * i), 0)
        while i > 0 and height < levels[i - 1]:
            i -= 1
        while height >= levels[i]:
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
