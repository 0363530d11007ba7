"""Formants, the resonances of the vocal tract, by linear prediction of voiced frames.

Sources: J. P. Burg's method of linear prediction as in D. G. Childers: Modern Spectrum Analysis (IEEE Press, 1978),
252-255; windows, pre-emphasis and which poles count are those of Praat's command `Sound: To Formant (burg)…`, the
oracle of the tests. W. T. Fitch: Vocal tract length and formant frequency dispersion correlate with body size in rhesus
macaques. J. Acoust. Soc. Am. 102 (1997), 1213-1222. D. Reby, K. McComb: Anatomical constraints generate honesty:
acoustic cues to age and weight in the roars of red deer stags. Animal Behaviour 65 (2003), 519-530.
"""

from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np

from voicetraits.features.feature import Feature

_FORMANTS = 4
#: Poles: two for each of five formants.
_ORDER = 10
#: Half of a window, in seconds; what Praat calls its length.
_HALF_WINDOW_SECONDS = 0.025
_PRE_EMPHASIS_FROM_HZ = 50.0
#: Poles nearer to 0 Hz or to the ceiling are no formants.
_EDGE_HZ = 50.0
#: In warm, moist air.
_SPEED_OF_SOUND_CM_PER_SECOND = 35_000
_NO_VOICE = " (0 where no frame has it)"


def describe() -> list[Feature]:
    """The features that `formant_statistics` gives, in its order."""
    of_each = (
        ("median_hz", "median of formant {n} over voiced frames"),
        ("std_hz", "standard deviation of formant {n} over voiced frames"),
        ("bandwidth_median_hz", "median bandwidth of formant {n} over voiced frames"),
    )
    return [
        *(
            Feature(f"f{n}_{name}", "Hz", definition.format(n=n) + _NO_VOICE)
            for n in range(1, _FORMANTS + 1)
            for name, definition in of_each
        ),
        Feature("formant_dispersion_hz", "Hz", "(F4 − F1) / 3, of the medians (Fitch 1997)" + _NO_VOICE),
        Feature(
            "vocal_tract_length_cm",
            "cm",
            "c / 2ΔF; c = 350 m/s, ΔF the slope of the line through 0 of the medians Fₙ over n − 1/2: that of a tube "
            "closed at one end (Reby & McComb 2003)" + _NO_VOICE,
        ),
    ]


def formant_statistics(frequencies_hz: np.ndarray, bandwidths_hz: np.ndarray) -> np.ndarray:
    """Statistics of formants over frames.

    Args:
        frequencies_hz, bandwidths_hz: (frames, 4), NaN where a frame has fewer formants.

    Returns:
        (14,) in the order of `describe`.
    """
    values = _medians_and_deviations(frequencies_hz, bandwidths_hz)
    medians_hz = values[:, 0]
    if not medians_hz.all():
        return np.array([*values.ravel(), 0, 0])
    places = np.arange(_FORMANTS) + 0.5
    spacing_hz = (medians_hz @ places) / (places @ places)
    dispersion_hz = (medians_hz[-1] - medians_hz[0]) / (_FORMANTS - 1)
    return np.array([*values.ravel(), dispersion_hz, _SPEED_OF_SOUND_CM_PER_SECOND / (2 * spacing_hz)])


def _medians_and_deviations(frequencies_hz: np.ndarray, bandwidths_hz: np.ndarray) -> np.ndarray:
    """Median and deviation of each formant and median of its bandwidth, (4, 3); 0 where no frame has it."""
    values = np.zeros((_FORMANTS, 3))
    for n in range(_FORMANTS):
        found = ~np.isnan(frequencies_hz[:, n])
        if found.any():
            f, b = frequencies_hz[found, n], bandwidths_hz[found, n]
            values[n] = _median(f), f.std(), _median(b)
    return values


def _median(values: np.ndarray) -> float:
    """As `np.median`, which takes several times longer on so few values."""
    ordered = np.sort(values)
    return 0.5 * (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2])


def frame_middles(samples: int, *, hop_length: int, sample_rate_hz: int) -> np.ndarray:
    """Middles of the frames at which formants are looked at, (frames,) in samples; some lie between two.

    As Praat sets them: as many whole windows as there is room for, the first as far from the clip's begin as the last
    from its end.
    """
    window_length = int(2 * _HALF_WINDOW_SECONDS * sample_rate_hz)
    frames = max(1, (samples - window_length) // hop_length + 1)
    return (samples - 1 - (frames - 1) * hop_length) / 2 + hop_length * np.arange(frames)


@dataclass(frozen=True)
class FormantTracker:
    """Burg's method with a fixed setting.

    Attributes:
        sample_rate_hz: of the samples given; five formants are sought below its half. 11 kHz suits most adults.
    """

    sample_rate_hz: float

    def __call__(self, samples: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Formants of frames.

        Args:
            samples: (n,) float32.
            centres: (frames,) int, the frames' middles in samples: those of voiced frames.

        Returns:
            frequencies and bandwidths in Hz, both (frames, 4) float64, ascending by frequency; NaN where a frame has
            fewer.
        """
        emphasis = np.exp(-2 * np.pi * _PRE_EMPHASIS_FROM_HZ / self.sample_rate_hz)
        predictors = _burg(samples, centres, self._window, emphasis)  # (frames, 11)
        return _formants(predictors, float(self.sample_rate_hz))

    @cached_property
    def _window(self) -> np.ndarray:
        """A Gaussian that is e⁻¹² beside its ends, less that."""
        length = int(2 * _HALF_WINDOW_SECONDS * self.sample_rate_hz)
        offsets = np.arange(length) - (length - 1) / 2
        edge = np.exp(-12.0)
        return (np.exp(-48.0 * np.square(offsets / (length + 1))) - edge) / (1 - edge)


@numba.njit(cache=True)
def _burg(samples, places, window, emphasis):  # pragma: no cover
    """Prediction-error filters, (frames, 11), the first coefficient 1; all others 0 where a frame is silent.

    Burg's reflection coefficients need sums of products of prediction errors. Those are quadratic forms of the filter
    in covariances of the frame, and a covariance is the autocorrelation less a few products at the frame's ends.
    """
    n, length, frames = len(samples), len(window), len(places)
    predictors = np.zeros((frames, _ORDER + 1))
    x = np.empty(length)
    heads = np.zeros((_ORDER + 1, _ORDER + 1))  # [lag, q]: sum of the first q products of that lag
    tails = np.zeros((_ORDER + 1, _ORDER + 1))  # … of the last q
    correlation = np.empty(_ORDER + 1)
    a, previous = np.empty(_ORDER + 1), np.empty(_ORDER + 1)
    covariance = np.empty((_ORDER + 1, _ORDER + 1))
    for t in range(frames):
        start = places[t] - length // 2
        first, last = max(0, 1 - start), min(length, n - start)
        x[:first] = 0.0
        x[last:] = 0.0
        for i in range(first, last):
            # Pre-emphasis: +6 dB an octave.
            x[i] = (samples[start + i] - emphasis * samples[start + i - 1]) * window[i]
        for lag in range(_ORDER + 1):
            correlation[lag] = _product(x[: length - lag], x[lag:])
            for q in range(_ORDER):
                heads[lag, q + 1] = heads[lag, q] + x[q] * x[q + lag]
                tails[lag, q + 1] = tails[lag, q] + x[length - 1 - q] * x[length - 1 - q - lag]
        a[:] = 0.0
        a[0] = 1.0
        for order in range(1, _ORDER + 1):
            # covariance[i, j] = Σ x[n − i]·x[n − j] over n ≥ order
            for i in range(order + 1):
                for j in range(i, order + 1):
                    covariance[i, j] = correlation[j - i] - heads[j - i, order - j] - tails[j - i, i]
                    covariance[j, i] = covariance[i, j]
            product, energy = 0.0, 0.0
            for i in range(order):
                crossed, straight = 0.0, 0.0
                for j in range(order):
                    crossed += a[j] * covariance[i, order - j]
                    straight += a[j] * (covariance[i, j] + covariance[order - i, order - j])
                product += a[i] * crossed
                energy += a[i] * straight
            if energy <= 0:
                a[1:] = 0.0
                break
            reflection = -2 * product / energy
            for j in range(order):
                previous[j] = a[j]
            a[order] = reflection
            for j in range(1, order):
                a[j] = previous[j] + reflection * previous[order - j]
        for j in range(_ORDER + 1):
            predictors[t, j] = a[j]
    return predictors


@numba.njit(cache=True, fastmath={"reassoc", "contract"})
def _product(x, y):  # pragma: no cover
    """Σ x·y; np.dot's call takes as long as such a sum."""
    total = 0.0
    for i in range(len(x)):
        total += x[i] * y[i]
    return total


@numba.njit(cache=True)
def _formants(predictors, rate_hz):  # pragma: no cover
    """Frequencies and bandwidths of the poles that count as formants, ascending, NaN where there are too few."""
    frames = len(predictors)
    frequencies_hz = np.full((frames, _FORMANTS), np.nan)
    bandwidths_hz = np.full((frames, _FORMANTS), np.nan)
    found_hz, found_width_hz = np.empty(_ORDER), np.empty(_ORDER)
    poles = np.full(_ORDER, 0.6j)
    for t in range(frames):
        count = _find_poles(predictors[t], poles)
        found = 0
        for i in range(count):
            if poles[i].imag < 0:
                continue
            hz = np.arctan2(poles[i].imag, poles[i].real) * rate_hz / (2 * np.pi)
            if not _EDGE_HZ <= hz <= rate_hz / 2 - _EDGE_HZ:
                continue
            width_hz = -np.log(poles[i].real ** 2 + poles[i].imag ** 2) * rate_hz / (2 * np.pi)
            place = found
            while place > 0 and found_hz[place - 1] > hz:
                found_hz[place], found_width_hz[place] = found_hz[place - 1], found_width_hz[place - 1]
                place -= 1
            found_hz[place], found_width_hz[place] = hz, width_hz
            found += 1
        for i in range(min(found, _FORMANTS)):
            frequencies_hz[t, i], bandwidths_hz[t, i] = found_hz[i], found_width_hz[i]
    return frequencies_hz, bandwidths_hz


@numba.njit(cache=True)
def _find_poles(predictor, zeros):  # pragma: no cover
    """Zeros of a real polynomial whose first coefficient, that of the highest power, is 1: by Laguerre's method.

    A zero found is divided out, together with its conjugate; each is then polished by Newton steps on the whole
    polynomial. `zeros` holds where to begin, those of the frame before, and then one zero of each conjugate pair.

    Returns:
        how many there are.
    """
    rest = predictor.copy()
    degree = _ORDER
    while degree > 0 and rest[degree] == 0:  # zeros at 0 are no resonances
        degree -= 1
    count = 0
    while degree > 0:
        z = _laguerre(rest, degree, complex(zeros[count].real, zeros[count].imag + 0.01))
        for _ in range(2):
            value, slope = 1.0 + 0.0j, 0.0 + 0.0j
            for i in range(1, _ORDER + 1):
                slope = slope * z + value
                value = value * z + predictor[i]
            if slope == 0:
                break
            z -= value / slope
        if abs(z.imag) < 1e-9 or degree == 1:
            zeros[count] = complex(z.real, 0.0)
            for i in range(1, degree):
                rest[i] += z.real * rest[i - 1]
            degree -= 1
        else:
            zeros[count] = complex(z.real, abs(z.imag))
            p, q = 2 * z.real, -(z.real * z.real + z.imag * z.imag)
            rest[1] += p * rest[0]
            for i in range(2, degree - 1):
                rest[i] += p * rest[i - 1] + q * rest[i - 2]
            degree -= 2
        count += 1
    return count


@numba.njit(cache=True)
def _laguerre(a, degree, z):  # pragma: no cover
    """A zero of the polynomial with real coefficients a[0] … a[degree], the highest power first, sought from z on."""
    for step in range(60):
        value, slope, bend = complex(a[0], 0.0), 0.0 + 0.0j, 0.0 + 0.0j
        for i in range(1, degree + 1):
            bend = bend * z + slope
            slope = slope * z + value
            value = value * z + a[i]
        if value.real * value.real + value.imag * value.imag < 1e-24:
            break
        g = slope / value
        h = g * g - 2 * bend / value
        root = np.sqrt((degree - 1) * (degree * h - g * g))
        down = g + root if (g * root.conjugate()).real >= 0 else g - root
        if down == 0:
            z += 0.1 + 0.1j
            continue
        # Every tenth step is a shorter one, which breaks the rare cycle.
        move = degree / down * (0.5 if step % 10 == 9 else 1.0)
        z -= move
        if abs(move.real) + abs(move.imag) < 1e-4:
            break
    return z
