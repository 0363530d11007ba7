"""Viterbi search of pYIN's hidden Markov model: (voiced, unvoiced) × pitch, with the matrices' structure made use of.

Model: M. Mauch, S. Dixon: pYIN: A fundamental frequency estimator using probabilistic threshold distributions. ICASSP
2014, 659-663. Search: G. D. Forney: The Viterbi algorithm. Proc. IEEE 61 (1973), 268-278. Three things make it fast;
none changes the path:

- Steps reach a band of pitches only; a step beyond it has the probability `TINY`, the same for all, so that the best of
  them starts at the best state of all.
- Most voiced pitches are not observed, which costs them log `TINY`. A voiced state that lies further below the unvoiced
  one of its pitch than a change of voicing costs is never better again, whatever comes: both reach the same pitches.
  Nor is one from which no step is better than that from the best state beyond the band. Such states are left out.
- Only values are kept; where a state came from is worked out for the states of the path alone.
"""

import numba
import numpy as np

SWITCH_PROBABILITY = 0.01
#: librosa adds it to every probability before the logarithm.
TINY = np.finfo(np.float64).tiny

_STAY, _SWITCH, _NEVER = np.log(1 - SWITCH_PROBABILITY), np.log(SWITCH_PROBABILITY), np.log(TINY)
#: How much better an unvoiced state must be; the 1 is far beyond any rounding.
_HOPELESS = _STAY - _SWITCH + 1
_LANES = 8


@numba.njit(cache=True)
def decode(counts, bins, probabilities, log_steps, log_sums):  # pragma: no cover
    """The most likely path.

    Within one voicing the step from pitch i to j has the log-probability log_steps[|i − j|] − log_sums[i].

    Args:
        counts: (frames,) number of candidates in each frame.
        bins: (frames, most) int, pitch of each candidate; of two with one pitch the later one counts.
        probabilities: (frames, most) of each candidate.
        log_steps: (reach + 1,)
        log_sums: (pitches,)

    Returns:
        (frames,) states: below `pitches` voiced with that pitch, from there on unvoiced.
    """
    frames, n, reach = len(counts), len(log_sums), len(log_steps) - 1
    # Of each frame: values of the voiced states, −inf for those left out, then of the unvoiced ones.
    values = np.empty((frames, 2, n))
    highest = np.empty(frames)
    observed = np.zeros(n)
    seen = np.arange(n)  # pitches looked at in this frame, ascending
    leaving = np.full(n + 2 * reach, -np.inf)  # unvoiced values less log_sums, with pitches beyond both ends
    arriving = np.empty((2, n))  # by voicing: the best value from which to arrive at each pitch
    for t in range(frames):
        pitches = _observe(counts[t], bins[t], probabilities[t], observed, seen)
        total = 0.0
        for k in range(pitches):
            total += observed[seen[k]]
        log_unvoiced = np.log((1 - min(max(total, 0.0), 1.0)) / n + TINY)
        if t == 0 or log_unvoiced < _NEVER + 2 * _HOPELESS:  # else what is not observed is hopeless
            pitches = n
            for j in range(n):
                seen[j] = j
        voiced, unvoiced = values[t]
        voiced[:] = -np.inf
        if t == 0:
            arriving[:] = -np.log(2 * n)
            beyond, stay, switch = -np.inf, 0.0, 0.0
        else:
            beyond, stay, switch = highest[t - 1] + _NEVER, _STAY, _SWITCH
        _arrive_unvoiced(
            arriving[0], arriving[1], beyond, stay, switch, log_unvoiced, log_sums, unvoiced, leaving[reach:]
        )
        top = -np.inf
        for k in range(pitches):
            j = seen[k]
            best = max(arriving[0, j] + stay, arriving[1, j] + switch, beyond)
            voiced[j] = best + np.log(observed[j] + TINY)
            top = max(top, voiced[j])
        highest[t] = max(top, _highest(unvoiced))
        _arrive_from_all(leaving, log_steps, arriving[1])
        arriving[0] = -np.inf
        for k in range(pitches):
            j = seen[k]
            from_here = voiced[j] - log_sums[j]
            hopeless = voiced[j] + _HOPELESS < unvoiced[j]
            late = from_here + log_steps[0] + 1 < highest[t] + _NEVER
            if hopeless or late:
                voiced[j] = -np.inf
            else:
                _arrive_from(j, from_here, log_steps, arriving[0])
        for k in range(counts[t]):
            observed[bins[t, k]] = 0.0
    return _trace_back(values, highest, log_steps, log_sums)


@numba.njit(cache=True)
def _observe(count, bins, probabilities, observed, seen):  # pragma: no cover
    """Write candidates into `observed`, which is all zeros, and their pitches, ascending, into `seen`: how many.

    Begins with the last, since periods in ascending order are pitches in descending order, nearly sorted so.
    """
    pitches = 0
    for k in range(count - 1, -1, -1):
        place = pitches
        while place > 0 and seen[place - 1] > bins[k]:
            place -= 1
        if place == 0 or seen[place - 1] != bins[k]:
            for later in range(pitches, place, -1):
                seen[later] = seen[later - 1]
            seen[place] = bins[k]
            pitches += 1
            observed[bins[k]] = probabilities[k]
    return pitches


@numba.njit(cache=True)
def _highest(values):  # pragma: no cover
    """The maximum, several lanes at a time: unlike numpy's it need not look for NaN."""
    n = len(values)
    top = np.full(_LANES, -np.inf)
    for start in range(0, n - _LANES + 1, _LANES):
        for lane in range(_LANES):
            value = values[start + lane]
            top[lane] = value if value > top[lane] else top[lane]
    for j in range(n - n % _LANES, n):
        top[0] = max(top[0], values[j])
    highest = top[0]
    for lane in range(1, _LANES):
        highest = max(highest, top[lane])
    return highest


@numba.njit(cache=True)
def _arrive_unvoiced(
    voiced, unvoiced, beyond, stay, switch, log_unvoiced, log_sums, values, leaving
):  # pragma: no cover
    """Values of the unvoiced states from the best ones from which to arrive, and the same less log_sums."""
    for j in range(len(values)):
        same, other = unvoiced[j] + stay, voiced[j] + switch
        best = same if same > other else other
        value = (best if best > beyond else beyond) + log_unvoiced
        values[j] = value
        leaving[j] = value - log_sums[j]


@numba.njit(cache=True)
def _arrive_from_all(leaving, log_steps, best):  # pragma: no cover
    """best[j] = max over i of the pitches' leaving[reach + i] + log_steps[|i − j|]; four distances at a time."""
    n, reach = len(best), len(log_steps) - 1
    for j in range(n):
        best[j] = leaving[reach + j] + log_steps[0]
    for distance in range(1, reach - 2, 4):
        step1, step2 = log_steps[distance], log_steps[distance + 1]
        step3, step4 = log_steps[distance + 2], log_steps[distance + 3]
        below, above = leaving[reach - distance - 3 :], leaving[reach + distance :]
        for j in range(n):
            one = (below[j + 3] if below[j + 3] > above[j] else above[j]) + step1
            two = (below[j + 2] if below[j + 2] > above[j + 1] else above[j + 1]) + step2
            three = (below[j + 1] if below[j + 1] > above[j + 2] else above[j + 2]) + step3
            four = (below[j] if below[j] > above[j + 3] else above[j + 3]) + step4
            nearer, farther = one if one > two else two, three if three > four else four
            nearer = nearer if nearer > farther else farther
            best[j] = nearer if nearer > best[j] else best[j]
    for distance in range(reach - reach % 4 + 1, reach + 1):
        below, above = leaving[reach - distance :], leaving[reach + distance :]
        for j in range(n):
            nearer = (below[j] if below[j] > above[j] else above[j]) + log_steps[distance]
            best[j] = nearer if nearer > best[j] else best[j]


@numba.njit(cache=True)
def _arrive_from(i, leaving, log_steps, best):  # pragma: no cover
    """Let `best` know of one more pitch, `i`."""
    n, reach = len(best), len(log_steps) - 1
    for distance in range(min(reach, n - 1 - i) + 1):
        score = leaving + log_steps[distance]
        best[i + distance] = score if score > best[i + distance] else best[i + distance]
    for distance in range(1, min(reach, i) + 1):
        score = leaving + log_steps[distance]
        best[i - distance] = score if score > best[i - distance] else best[i - distance]


@numba.njit(cache=True)
def _trace_back(values, highest, log_steps, log_sums):  # pragma: no cover
    """The path that ends in the best state. Of equals the first counts, the voiced ones before the unvoiced."""
    frames, _, n = values.shape
    reach = len(log_steps) - 1
    states = np.empty(frames, np.int64)
    states[-1] = np.argmax(values[-1])
    for t in range(frames - 2, -1, -1):
        half, j = divmod(states[t + 1], n)
        best = -np.inf
        for other in range(2):
            past, change = values[t, other], _STAY if other == half else _SWITCH
            for i in range(max(0, j - reach), min(n, j + reach + 1)):
                score = past[i] - log_sums[i] + log_steps[abs(i - j)] + change
                if score > best:
                    best = score
                    states[t] = other * n + i
        if highest[t] + _NEVER > best:
            states[t] = np.argmax(values[t])
    return states
