"""Mel-frequency cepstral coefficients (MFCC) of one clip, as `librosa.feature.mfcc` defines them: the shared parts."""

import numpy as np

from voicetraits.features.cepstrum import log_mel_spectrum

#: Bands further below the loudest of the clip count as this much below it.
RANGE_DB = 80.0


def mel_level_db(power: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """Level of mel bands, floored at −100 dB and at `RANGE_DB` below the clip's loudest.

    Args:
        power: (frames, bins) of the short-time spectrum.
        filters: (bands, bins), from `mel_filters`.

    Returns:
        (frames, bands)
    """
    level_db = log_mel_spectrum(power @ filters.T)
    return np.maximum(level_db, level_db.max() - RANGE_DB)


def lifter(coefficients: int, length: int) -> np.ndarray:
    """Weights that lift the higher coefficients, which are small: (coefficients,).

    1 + L/2 · sin(π·(k + 1)/L) for k = 0, 1, … (B.-H. Juang, L. Rabiner, J. Wilpon: On the use of bandpass liftering in
    speech recognition. IEEE Trans. ASSP 35 (1987), 947-954).
    """
    return 1 + length / 2 * np.sin(np.pi * np.arange(1, coefficients + 1) / length)
