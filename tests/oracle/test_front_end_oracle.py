"""Front ends against librosa called on the samples; statistics against the extractor's columns of the same names."""

from dataclasses import replace

import librosa
import numpy as np
import pytest

from support.sounds import PARAMS, RATE_HZ, glide, noise
from voicetraits.features.extractor import FeatureExtractor
from voicetraits.front_ends import mfc_image, mfcc_image, spectral_statistics

SIGNALS = {
    "glide": glide(90, 300, 2.0),
    "noise": noise(2.0),
    "with digital silence": np.r_[noise(0.7), np.zeros(RATE_HZ // 2), glide(120, 200, 0.8)],
}


@pytest.fixture(params=SIGNALS.values(), ids=SIGNALS.keys())
def samples(request) -> np.ndarray:
    return request.param.astype(np.float32)


def test_mfc_is_librosas(samples):
    samples = samples[:RATE_HZ]
    expected = librosa.feature.mfcc(
        y=librosa.effects.preemphasis(samples, coef=0.97), sr=RATE_HZ, n_mfcc=12, lifter=22, n_mels=40, power=2,
        n_fft=400, hop_length=160, window="hann", center=False, dct_type=2, norm="ortho",
    )  # fmt: skip
    np.testing.assert_allclose(mfc_image.FrontEnd().coefficients(samples).T, expected, atol=2e-3)


def test_mfcc_image_is_librosas(samples):
    expected = librosa.feature.mfcc(y=samples, sr=RATE_HZ, n_mfcc=40, n_fft=2048, win_length=1486, hop_length=372)
    np.testing.assert_allclose(mfcc_image.FrontEnd().coefficients(samples), expected, atol=2e-3)


def test_frames_last_as_long_as_the_originals_and_are_as_many():
    original = librosa.feature.mfcc(y=np.zeros(2 * 22_050), sr=22_050, n_mfcc=40)
    assert mfcc_image.FrontEnd().shape == original.shape
    assert pytest.approx(2048 / 22_050, rel=1e-3) == 1486 / RATE_HZ
    assert pytest.approx(512 / 22_050, rel=2e-3) == 372 / RATE_HZ


def test_statistics_are_those_of_the_extractor(samples):
    front_end = spectral_statistics.FrontEnd()
    statistics = ("mean", "std")
    extractor = FeatureExtractor(
        replace(
            PARAMS,
            frame_seconds=front_end.frame_seconds,
            hop_seconds=front_end.hop_seconds,
            contrast_statistics=statistics,
            log_mel_statistics=statistics,
        )
    )
    row = dict(zip(extractor.names, extractor(samples), strict=True))
    assert front_end.shape == (len(front_end.names),)
    np.testing.assert_allclose(front_end(samples), [row[name] for name in front_end.names], rtol=1e-4, atol=1e-4)
