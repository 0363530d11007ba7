"""Filter banks over the bins of a spectrum: mel bands, pitch classes; and the tonal centroid of pitch classes.

The definitions are those of librosa's default filters, the oracle of the tests.
"""

import numpy as np

PITCH_CLASSES = 12
_A4_HZ = 440.0


def mel_filters(*, sample_rate_hz: int, n_fft: int, bands: int, pre_emphasis: float) -> np.ndarray:
    """Slaney's mel filter bank, weighted by the power response of the pre-emphasis.

    Triangles whose corners are equally spaced on Slaney's mel scale (linear up to 1 kHz, 200/3 Hz a mel, then
    logarithmic, 27 mel for a factor of 6.4), of equal area (M. Slaney: Auditory Toolbox, 1998). y[t] = x[t] − p·x[t−1]
    has the power response |1 − p·exp(−iω)|² = 1 + p² − 2p·cos ω. Applied here rather than to the samples, it lets MFCC
    share the spectrum of all other features.

    Returns:
        (bands, n_fft / 2 + 1) float32
    """
    corners_hz = mel_edges_hz(sample_rate_hz / 2, bands + 1)
    distance_hz = corners_hz[:, None] - np.fft.rfftfreq(n_fft, 1 / sample_rate_hz)  # (bands + 2, bins)
    width_hz = np.diff(corners_hz)[:, None]
    rising, falling = -distance_hz[:-2] / width_hz[:-1], distance_hz[2:] / width_hz[1:]  # (bands, bins)
    area = (corners_hz[2:] - corners_hz[:-2])[:, None] / 2
    triangles = np.maximum(0, np.minimum(rising, falling)) / area
    omega = np.linspace(0, np.pi, n_fft // 2 + 1)
    response = 1 + pre_emphasis**2 - 2 * pre_emphasis * np.cos(omega)
    return (triangles * response).astype(np.float32)


def mel_edges_hz(upper_hz: float, bands: int) -> np.ndarray:
    """Edges of bands of equal width on Slaney's mel scale, from 0 to `upper_hz`, (bands + 1,)."""
    return _mel_to_hz(np.linspace(0, _hz_to_mel(upper_hz), bands + 1))


def chroma_filters(*, sample_rate_hz: int, n_fft: int) -> np.ndarray:
    """Share of each bin in the twelve pitch classes, from C on.

    A Gaussian bump around each class, as wide as a bin or a semitone, each bin's weights of norm 1, then weighted by a
    Gaussian two octaves wide around the fifth octave (D. Ellis: Chroma feature analysis and synthesis, 2007).

    Returns:
        (12, n_fft / 2 + 1) float32
    """
    frequencies_hz = np.arange(1, n_fft) * sample_rate_hz / n_fft
    semitones = PITCH_CLASSES * np.log2(frequencies_hz / (_A4_HZ / 16))
    # The constant part has no pitch: 1.5 octaves below the first bin it belongs to all classes alike.
    semitones = np.concatenate([[semitones[0] - 1.5 * PITCH_CLASSES], semitones])[: n_fft // 2 + 2]
    widths = np.maximum(np.diff(semitones), 1)  # (bins,)
    semitones = semitones[:-1]
    half = PITCH_CLASSES // 2
    distance = np.mod(semitones - np.arange(PITCH_CLASSES)[:, None] + half, PITCH_CLASSES) - half  # (12, bins)
    bumps = np.exp(-0.5 * np.square(2 * distance / widths))
    bumps /= np.linalg.norm(bumps, axis=0)
    octaves = semitones / PITCH_CLASSES
    weighted = bumps * np.exp(-0.5 * np.square((octaves - 5) / 2))
    return np.roll(weighted, -3, axis=0).astype(np.float32)  # from A to C


def tonal_centroid() -> np.ndarray:
    """Projection of pitch classes on the circles of fifths, minor and major thirds.

    Source: C. Harte, M. Sandler, M. Gasser: Detecting harmonic change in musical audio. Proc. ACM AMCMM 2006, 21-26.

    Returns:
        (6, 12) float32
    """
    turns = np.array([7 / 6, 3 / 2, 2 / 3])[:, None] * np.arange(PITCH_CLASSES)  # (3, 12), in half turns
    radius = np.array([1, 1, 0.5])[:, None]
    pairs = np.stack([radius * np.sin(np.pi * turns), radius * np.cos(np.pi * turns)], axis=1)  # (3, 2, 12)
    return pairs.reshape(6, PITCH_CLASSES).astype(np.float32)


def _hz_to_mel(hz: float) -> float:
    return hz * 3 / 200 if hz < 1000 else 15 + 27 * np.log(hz / 1000) / np.log(6.4)


def _mel_to_hz(mel: np.ndarray) -> np.ndarray:
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))
