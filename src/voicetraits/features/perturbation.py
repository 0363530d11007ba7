"""Jitter and shimmer: how unlike each other successive glottal cycles are in length and height.

Sources: the commands and defaults of Praat (P. Boersma, D. Weenink; its manual pages `Voice 2. Jitter`, `Voice 3.
Shimmer`, `PointProcess: Get jitter (local)…` and `Sound & Pitch: To PointProcess (cc)`). Glottal cycles are found there
by cross-correlation, walking from the middle of each voiced stretch to its ends, one cycle at a time.
"""

import numba
import numpy as np

from voicetraits.features.feature import Feature

_MIN_PERIOD_SECONDS, _MAX_PERIOD_SECONDS = 0.0001, 0.02
_MAX_PERIOD_FACTOR, _MAX_AMPLITUDE_FACTOR = 1.3, 1.6

_NO_CYCLES = " (0 where there are too few cycles)"
_DEFINITIONS = (
    ("jitter_local", "mean abs(Tᵢ − Tᵢ₋₁) / mean T, T the length of a glottal cycle"),
    ("jitter_rap", "mean abs(Tᵢ − mean of Tᵢ₋₁ … Tᵢ₊₁) / mean T"),
    ("jitter_ppq5", "mean abs(Tᵢ − mean of Tᵢ₋₂ … Tᵢ₊₂) / mean T"),
    ("shimmer_local", "mean abs(Aᵢ − Aᵢ₋₁) / mean A, A the RMS amplitude around a cycle's peak"),
    ("shimmer_apq3", "mean abs(Aᵢ − mean of Aᵢ₋₁ … Aᵢ₊₁) / mean A"),
    ("shimmer_apq11", "mean abs(Aᵢ − mean of Aᵢ₋₅ … Aᵢ₊₅) / mean A"),
)


def describe() -> list[Feature]:
    """The features that `perturbation_statistics` gives, in its order."""
    return [Feature(name, "1", definition + _NO_CYCLES) for name, definition in _DEFINITIONS]


def glottal_cycles(samples: np.ndarray, f0_hz: np.ndarray, *, sample_rate_hz: int, hop_length: int) -> np.ndarray:
    """Where glottal cycles peak.

    Args:
        samples: (n,) float.
        f0_hz: (frames,) F0 at sample `t · hop_length`; 0 or NaN where unvoiced.

    Returns:
        (cycles,) places in samples, with fractions, ascending.
    """
    contour = np.nan_to_num(f0_hz, nan=0.0)
    return _walk(np.asarray(samples, np.float32), contour / sample_rate_hz, float(hop_length))


def perturbation_statistics(samples: np.ndarray, cycles: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """Jitter and shimmer.

    Args:
        samples: (n,) float.
        cycles: (cycles,) places in samples, from `glottal_cycles`.

    Returns:
        (6,) in the order of `describe`.
    """
    shortest, longest = _MIN_PERIOD_SECONDS * sample_rate_hz, _MAX_PERIOD_SECONDS * sample_rate_hz
    places, amplitudes = _amplitudes(samples, cycles, shortest, longest)
    return np.array(
        [
            *(_jitter(cycles, width, shortest, longest) for width in (2, 3, 5)),
            *(_shimmer(places, amplitudes, width, shortest, longest) for width in (2, 3, 11)),
        ]
    )


@numba.njit(cache=True)
def _walk(y, cycles_per_sample, hop_length):  # pragma: no cover
    """Peaks of all voiced stretches; a stretch reaches half a frame beyond its first and last voiced frame."""
    n, frames = len(y), len(cycles_per_sample)
    peak = 0.0
    for i in range(n):
        peak = max(peak, abs(y[i]))
    points = np.empty(n // 8 + 16)
    leftwards = np.empty(n // 8 + 16)
    count = 0
    added = -np.inf  # the last point so far, or of the stretch before
    t = 0
    while t < frames:
        if cycles_per_sample[t] == 0:
            t += 1
            continue
        first = t
        while t < frames and cycles_per_sample[t] > 0:
            t += 1
        left = max(0.0, (first - 0.5) * hop_length)
        right = min(float(n - 1), (t - 0.5) * hop_length)
        if right <= left:
            continue
        middle = 0.5 * (left + right)
        frequency = _at(cycles_per_sample, middle / hop_length)
        if frequency == 0:
            continue
        start = _extremum(y, middle - 0.5 / frequency, middle + 0.5 / frequency)
        # To the left; what is found comes in falling order.
        backwards = 0
        place = start
        while True:
            frequency = _at(cycles_per_sample, place / hop_length)
            if frequency == 0:
                break
            period = 1 / frequency
            correlation, local, place = _best_match(y, place, period, place - 1.25 * period, place - 0.8 * period)
            if correlation < 0:
                place -= period
            if place < left:
                if correlation > 0.7 and local > 0.023333 * peak and place - added > 0.8 * period:
                    leftwards[backwards] = place
                    backwards += 1
                break
            if correlation > 0.3 and (local == 0 or local > 0.01 * peak) and place - added > 0.8 * period:
                leftwards[backwards] = place
                backwards += 1
        for k in range(backwards - 1, -1, -1):
            points[count] = leftwards[k]
            count += 1
        points[count] = start
        count += 1
        added = start
        place = start
        while True:
            frequency = _at(cycles_per_sample, place / hop_length)
            if frequency == 0:
                break
            period = 1 / frequency
            correlation, local, place = _best_match(y, place, period, place + 0.8 * period, place + 1.25 * period)
            if correlation < 0:
                place += period
            if place >= right:
                if correlation > 0.7 and local > 0.023333 * peak:
                    points[count] = place
                    count += 1
                    added = place
                break
            if correlation > 0.3 and (local == 0 or local > 0.01 * peak):
                points[count] = place
                count += 1
                added = place
    return points[:count].copy()


@numba.njit(cache=True)
def _at(values, x):  # pragma: no cover
    """Linear interpolation that does not blend with 0; 0 outside, and where the nearer neighbour is 0."""
    last = len(values) - 1
    if x < -0.5 or x > last + 0.5:
        return 0.0
    low = int(np.floor(x))
    share = x - low
    a = values[low] if 0 <= low <= last else 0.0
    b = values[low + 1] if 0 <= low + 1 <= last else 0.0
    near, far = (a, b) if share < 0.5 else (b, a)
    if near == 0:
        return 0.0
    return near if far == 0 else (1 - share) * a + share * b


@numba.njit(cache=True)
def _extremum(y, low, high):  # pragma: no cover
    """Place of the largest |y| between two places, refined by a parabola."""
    first, last = max(0, int(np.floor(low))), min(len(y) - 1, int(np.ceil(high)))
    best = first
    for i in range(first, last + 1):
        if abs(y[i]) > abs(y[best]):
            best = i
    if best in (first, last):
        return float(best)
    curvature = 2 * y[best] - y[best - 1] - y[best + 1]
    return best + 0.5 * (y[best + 1] - y[best - 1]) / curvature if curvature != 0 else float(best)


@numba.njit(cache=True)
def _best_match(y, place, width, low, high):  # pragma: no cover
    """The place between `low` and `high` around which the sound is most like that around `place`.

    Returns:
        the correlation there, −1 if there is no peak of it; the largest |y| of that window; the place, with a fraction.
    """
    n = len(y)
    half = 0.5 * width
    left = int(np.floor(place - half + 0.5))
    right = int(np.floor(place + half + 0.5))
    first = int(np.floor(low - half))
    last = int(np.ceil(high - half))
    length = right - left + 1
    if left < 0 or right >= n:
        # Only the samples that exist are compared.
        cut = max(0, -left)
        length = min(right, n - 1) - max(left, 0) + 1
        left += cut
        first += cut
        last += cut
    first = max(first, 0)
    last = min(last, n - length)
    offsets = last - first + 1
    if offsets < 3 or length < 3:
        return -1.0, 0.0, 0.5 * (low + high)
    products = np.zeros(offsets, np.float32)
    energy = 0.0
    end = length - length % 4
    for i in range(0, end, 4):
        a, b, c, d = y[left + i], y[left + i + 1], y[left + i + 2], y[left + i + 3]
        shifted = y[first + i : first + i + offsets + 3]
        for k in range(offsets):
            products[k] += (a * shifted[k] + b * shifted[k + 1]) + (c * shifted[k + 2] + d * shifted[k + 3])
    for i in range(end, length):
        for k in range(offsets):
            products[k] += y[left + i] * y[first + i + k]
    for i in range(length):
        energy += np.float64(y[left + i]) * np.float64(y[left + i])
    other = 0.0
    for i in range(length):
        other += np.float64(y[first + i]) * np.float64(y[first + i])
    for k in range(offsets):
        norm = energy * other
        products[k] = products[k] / np.sqrt(norm) if norm > 0 else 0.0
        if k < offsets - 1:
            lost, gained = np.float64(y[first + k]), np.float64(y[first + k + length])
            other = max(0.0, other - lost * lost + gained * gained)
    best = -1
    for k in range(1, offsets - 1):
        is_peak = products[k] >= products[k - 1] and products[k] >= products[k + 1]
        if is_peak and (best < 0 or products[k] > products[best]):
            best = k
    if best < 0:
        return -1.0, 0.0, 0.5 * (low + high)
    local = 0.0
    for i in range(first + best, first + best + length):
        local = max(local, abs(y[i]))
    correlation, shift = np.float64(products[best]), 0.0
    below, above = np.float64(products[best - 1]), np.float64(products[best + 1])
    curvature = 2 * correlation - below - above
    if curvature > 0:
        slope = 0.5 * (above - below)
        correlation += 0.5 * slope * slope / curvature
        shift = slope / curvature
    return correlation, local, place + (first + best - left) + shift


@numba.njit(cache=True)
def _alike(a, b, factor):  # pragma: no cover
    return a > 0 and b > 0 and max(a / b, b / a) <= factor


@numba.njit(cache=True)
def _is_period(cycles, i, shortest, longest):  # pragma: no cover
    """Whether the interval from cycle i on is a period: of allowed length, and like one of its neighbours."""
    length = cycles[i + 1] - cycles[i]
    if not shortest <= length <= longest:
        return False
    before = cycles[i] - cycles[i - 1] if i > 0 else 0.0
    after = cycles[i + 2] - cycles[i + 1] if i + 2 < len(cycles) else 0.0
    if before == 0 and after == 0:
        return True
    return _alike(before, length, _MAX_PERIOD_FACTOR) or _alike(length, after, _MAX_PERIOD_FACTOR)


@numba.njit(cache=True)
def _mean_period(cycles, shortest, longest):  # pragma: no cover
    total, count = 0.0, 0
    for i in range(len(cycles) - 1):
        if _is_period(cycles, i, shortest, longest):
            total += cycles[i + 1] - cycles[i]
            count += 1
    return total / count if count else 0.0


@numba.njit(cache=True)
def _jitter(cycles, width, shortest, longest):  # pragma: no cover
    """Mean deviation of a period from its predecessor (width 2) or from the mean of `width` around it, relative."""
    mean_period = _mean_period(cycles, shortest, longest)
    total, count = 0.0, 0
    for start in range(len(cycles) - width):
        valid, mean = True, 0.0
        for k in range(start, start + width):
            length = cycles[k + 1] - cycles[k]
            mean += length / width
            valid = valid and shortest <= length <= longest
            if k > start:
                valid = valid and _alike(cycles[k] - cycles[k - 1], length, _MAX_PERIOD_FACTOR)
        if not valid:
            continue
        middle = start + width // 2
        length = cycles[middle + 1] - cycles[middle]
        total += abs(length - (cycles[start + 1] - cycles[start])) if width == 2 else abs(length - mean)
        count += 1
    return total / count / mean_period if count and mean_period > 0 else 0.0


@numba.njit(cache=True)
def _amplitudes(y, cycles, shortest, longest):  # pragma: no cover
    """Places and amplitudes of the cycles that have a period like it on either side.

    The amplitude is the root of the mean square under Hann's window, which reaches a fifth of a period to either side.
    """
    places, amplitudes = np.empty(len(cycles)), np.empty(len(cycles))
    count = 0
    for i in range(1, len(cycles) - 1):
        before, after = cycles[i] - cycles[i - 1], cycles[i + 1] - cycles[i]
        allowed = shortest <= before <= longest and shortest <= after <= longest
        if not allowed or not _alike(before, after, _MAX_PERIOD_FACTOR):
            continue
        squares, weights = 0.0, 0.0
        peak_at = int(np.ceil(cycles[i]))
        for side in range(2):
            reach = 0.2 * (before if side == 0 else after)
            first = max(0, int(np.ceil(cycles[i] - reach))) if side == 0 else peak_at
            last = peak_at - 1 if side == 0 else min(len(y) - 1, int(np.floor(cycles[i] + reach)))
            # cos by its recurrence: cos(θ + δ) = 2·cos δ·cos θ − cos(θ − δ)
            turn = np.pi / reach
            twice = 2 * np.cos(turn)
            previous, current = np.cos(turn * (first - 1 - cycles[i])), np.cos(turn * (first - cycles[i]))
            for j in range(first, last + 1):
                window = 0.5 + 0.5 * current
                squares += (y[j] * window) ** 2
                weights += window * window
                previous, current = current, twice * current - previous
        if weights > 0:
            places[count], amplitudes[count] = cycles[i], np.sqrt(squares / weights)
            count += 1
    return places[:count], amplitudes[:count]


@numba.njit(cache=True)
def _shimmer(places, amplitudes, width, shortest, longest):  # pragma: no cover
    """Mean deviation of an amplitude from its predecessor (width 2) or from the mean of `width` around it, relative."""
    total, count = 0.0, 0
    for start in range(len(places) - width + 1):
        valid, mean = True, amplitudes[start] / width
        for k in range(start + 1, start + width):
            mean += amplitudes[k] / width
            valid = valid and shortest <= places[k] - places[k - 1] <= longest
            valid = valid and _alike(amplitudes[k], amplitudes[k - 1], _MAX_AMPLITUDE_FACTOR)
        if not valid:
            continue
        if width == 2:
            total += abs(amplitudes[start + 1] - amplitudes[start])
        else:
            total += abs(amplitudes[start + width // 2] - mean)
        count += 1
    if len(amplitudes) < 2 or not count:
        return 0.0
    mean_amplitude = amplitudes[:-1].mean()
    return total / count / mean_amplitude if mean_amplitude > 0 else 0.0
