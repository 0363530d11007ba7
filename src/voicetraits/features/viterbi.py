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
#: Beyond the cost of a change of voicing by more than any rounding.
_HOPELESS = _STAY - _SWITCH + 1.0


@numba.njit(cache=True)
def decode(counts, bins, probabilities, log_transitions):  # pragma: no cover
    """The most likely path.

    Args:
        counts: (frames,) number of candidates in each frame.
        bins: (frames, most) int, pitch of each candidate; of two with one pitch the later one counts.
        probabilities: (frames, most) of each candidate.
        log_transitions: (band, pitches), from pitch i to j within one voicing, as [i − j + band // 2, j].

    Returns:
        (frames,) states: below `pitches` voiced with that pitch, from there on unvoiced.
    """
    frames = len(counts)
    n = log_transitions.shape[1]
    highest_step = log_transitions.max()
    # Of each frame: values of the voiced states, −inf for those left out, then of the unvoiced ones.
    values = np.empty((frames, 2, n))
    active = np.empty(n, np.int64)  # pitches of the voiced states not left out
    actives = 0
    observed = np.zeros(n)
    seen = np.empty(n, np.int64)  # pitches observed in this frame, ascending
    from_voiced, from_unvoiced = np.empty(n), np.empty(n)
    for t in range(frames):
        pitches = _observed(counts[t], bins[t], probabilities[t], observed, seen)
        total = 0.0
        for k in range(pitches):
            total += observed[seen[k]]
        log_unvoiced = np.log((1 - min(max(total, 0.0), 1.0)) / n + TINY)
        voiced, unvoiced = values[t, 0], values[t, 1]
        if t == 0:
            for j in range(n):
                voiced[j] = np.log(observed[j] + TINY) - np.log(2 * n)
                unvoiced[j] = log_unvoiced - np.log(2 * n)
        else:
            past = values[t - 1]
            beyond = max(past[0].max(), past[1].max()) + _NEVER
            _best_of_band(past[1], log_transitions, from_unvoiced)
            _best_of_some(past[0], active[:actives], log_transitions, from_voiced)
            for j in range(n):
                stay, switch = from_unvoiced[j] + _STAY, from_voiced[j] + _SWITCH
                unvoiced[j] = max(max(stay, switch), beyond) + log_unvoiced
            # With a chance of being unvoiced, what is not observed is hopeless at once.
            voiced[:] = -np.inf
            if log_unvoiced < _NEVER + _HOPELESS + (_STAY - _SWITCH):
                pitches = n
                seen[:] = np.arange(n)
            for k in range(pitches):
                j = seen[k]
                stay, switch = from_voiced[j] + _STAY, from_unvoiced[j] + _SWITCH
                voiced[j] = max(max(stay, switch), beyond) + np.log(observed[j] + TINY)
        for k in range(counts[t]):
            observed[bins[t, k]] = 0.0
        beyond = max(voiced.max(), unvoiced.max()) + _NEVER
        actives = 0
        for j in range(n):
            if voiced[j] + _HOPELESS < unvoiced[j] or voiced[j] + highest_step < beyond - 1.0:
                voiced[j] = -np.inf
            if voiced[j] > -np.inf:
                active[actives] = j
                actives += 1
    return _trace_back(values, log_transitions)


@numba.njit(cache=True)
def _observed(count, bins, probabilities, observed, seen):  # pragma: no cover
    """Write candidates into `observed`, which is all zeros, and their pitches, ascending, into `seen`: how many."""
    pitches = 0
    for k in range(count):
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
def _best_of_band(values, log_transitions, best):  # pragma: no cover
    """best[j] = max over i of values[i] + the step from i to j, for all i within the band."""
    band, n = log_transitions.shape
    reach = band // 2
    best[:] = -np.inf
    for offset in range(max(-reach, 1 - n), min(reach, n - 1) + 1):
        low, high = max(0, -offset), min(n, n - offset)
        into, start, step = best[low:high], values[low + offset :], log_transitions[offset + reach, low:]
        for j in range(high - low):
            score = start[j] + step[j]
            into[j] = score if score > into[j] else into[j]


@numba.njit(cache=True)
def _best_of_some(values, sources, log_transitions, best):  # pragma: no cover
    """As `_best_of_band`, for the i in `sources` alone."""
    band, n = log_transitions.shape
    reach = band // 2
    best[:] = -np.inf
    for i in sources:
        for j in range(max(0, i - reach), min(n, i + reach + 1)):
            score = values[i] + log_transitions[i - j + reach, j]
            if score > best[j]:
                best[j] = score


@numba.njit(cache=True)
def _trace_back(values, log_transitions):  # pragma: no cover
    """The path that ends in the best state. Of equals the first counts, the voiced ones before the unvoiced."""
    frames, _, n = values.shape
    reach = log_transitions.shape[0] // 2
    states = np.empty(frames, np.int64)
    states[-1] = np.argmax(values[-1])
    for t in range(frames - 2, -1, -1):
        half, j = divmod(states[t + 1], n)
        best, source = -np.inf, 0
        for other in range(2):
            change = _STAY if other == half else _SWITCH
            for i in range(max(0, j - reach), min(n, j + reach + 1)):
                score = values[t, other, i] + log_transitions[i - j + reach, j] + change
                if score > best:
                    best, source = score, other * n + i
        top = np.argmax(values[t])
        states[t] = top if values[t, top // n, top % n] + _NEVER > best else source
    return states
