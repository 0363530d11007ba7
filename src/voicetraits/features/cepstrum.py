"""Log-mel spectra, and mel-frequency cepstral coefficients (MFCC) with their deltas."""

import librosa
import numpy as np

from voicetraits.features.feature import Feature

_FLOOR = 1e-10
_DELTA_FRAMES = 9


def describe(mfcc: int) -> list[Feature]:
    """The features that `cepstral_statistics` gives, in its order."""
    definitions = {
        "mfcc": "coefficient {i} of the orthonormal DCT-II of the log-mel spectrum in dB",
        "mfcc_delta": f"slope of coefficient {{i}} over {_DELTA_FRAMES} frames (Savitzky-Golay)",
    }
    return [
        Feature(f"{name}_{i:02d}_{statistic}", "dB", f"{statistic} over frames: {definition.format(i=i)}")
        for name, definition in definitions.items()
        for i in range(mfcc)
        for statistic in ("mean", "std")
    ]


def mel_filters(*, sample_rate_hz: int, n_fft: int, mel_bands: int, pre_emphasis: float) -> np.ndarray:
    """Slaney's mel filter bank (librosa's default), weighted by the power response of the pre-emphasis.

    y[t] = x[t] − p·x[t−1] has the power response |1 − p·exp(−iω)|² = 1 + p² − 2p·cos ω. Applied here rather than to the
    samples, it lets MFCC share the spectrum of all other features.

    Returns:
        (mel_bands, n_fft / 2 + 1)
    """
    filters = librosa.filters.mel(sr=sample_rate_hz, n_fft=n_fft, n_mels=mel_bands)
    omega = np.linspace(0, np.pi, n_fft // 2 + 1)
    response = 1 + pre_emphasis**2 - 2 * pre_emphasis * np.cos(omega)
    return (filters * response).astype(np.float32)


def log_mel_spectrum(amplitudes: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """Mel spectrum in dB, floored at −100 dB.

    Args:
        amplitudes: (bins, frames), magnitude of the short-time spectrum.
        filters: (mel_bands, bins), from `mel_filters`.

    Returns:
        (mel_bands, frames) float32
    """
    return 10 * np.log10(np.maximum(filters @ np.square(amplitudes), _FLOOR))


def cepstral_statistics(log_mel_db: np.ndarray, mfcc: int) -> np.ndarray:
    """Mean and standard deviation over time of MFCC and of their deltas: (4 · mfcc,) in the order of `describe`."""
    coefficients = librosa.feature.mfcc(S=log_mel_db, n_mfcc=mfcc)  # (mfcc, frames)
    # "nearest" repeats the edge frames, so that clips shorter than the delta's window have deltas too.
    deltas = librosa.feature.delta(coefficients, width=_DELTA_FRAMES, mode="nearest")  # (mfcc, frames)
    stacked = np.concatenate([coefficients, deltas]).astype(np.float64)
    return np.stack([stacked.mean(axis=1), stacked.std(axis=1)], axis=1).ravel()
