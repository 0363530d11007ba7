"""Features against librosa called directly on the samples, with the same settings; the utterance spectrum by hand."""

import io
import math
import tarfile
from dataclasses import replace

import librosa
import numpy as np
import pytest
import soundfile

from support.definitions import scipy_moments, specprop, utterance_spectrum
from support.sounds import PARAMS, RATE_HZ, glide, noise, pulses, sine, times
from voicetraits.features.autocorrelation import autocorrelations
from voicetraits.features.extractor import FeatureExtractor
from voicetraits.features.filter_banks import chroma_filters, mel_filters, tonal_centroid
from voicetraits.features.pyin import PitchTracker
from voicetraits.features.short_time import ShortTimeSpectrum
from voicetraits.features.spectrum import describe
from voicetraits.features.viterbi import decode

STATISTICS = {"mean": np.mean, "min": np.min, "max": np.max, "std": np.std}
EXTRACTOR = FeatureExtractor(PARAMS)
FRAMES = {"n_fft": PARAMS.n_fft, "hop_length": PARAMS.hop_length, "win_length": PARAMS.frame_length}


def wobble(seconds: float = 1.0) -> np.ndarray:
    """A voice with vibrato and a slow change of level, in noise."""
    hz = 130 + 8 * np.sin(2 * np.pi * 5 * times(seconds))
    phase = 2 * np.pi * np.cumsum(hz) / RATE_HZ
    level = 0.1 + 0.1 * np.sin(2 * np.pi * 1.5 * times(seconds))
    return level * sum(np.cos(k * phase) / k for k in range(1, 12)) + noise(seconds, seed=1, amplitude=0.01)


SIGNALS = {
    "glide": glide(80, 350, 1.5),
    "fall": glide(300, 65, 1.0),
    "wobble": wobble(),
    "noise": noise(1.0),
    "sine in noise": sine(220) + noise(1.0, amplitude=0.1),
    "pulses, then none": np.r_[pulses(90, 0.5), np.zeros(6000), pulses(160, 0.5)],
    "odd length": wobble()[:9973],
    "in loud noise": glide(130, 330, 0.6) + noise(0.6, seed=4, amplitude=0.4),
    "on an offset": wobble() + 0.05,
}


@pytest.fixture(params=SIGNALS.values(), ids=SIGNALS.keys())
def samples(request) -> np.ndarray:
    return request.param.astype(np.float32)


def assert_same_path(samples: np.ndarray, params=PARAMS) -> None:
    tracker = PitchTracker(
        sample_rate_hz=RATE_HZ,
        min_hz=params.f0_min_hz,
        max_hz=params.f0_max_hz,
        frame_length=params.f0_frame_length,
        hop_length=params.hop_length,
    )
    # In float64, as ours: librosa's differences of float32 samples have an error that can move a frame.
    expected, _, _ = librosa.pyin(
        samples.astype(np.float64),
        fmin=params.f0_min_hz,
        fmax=params.f0_max_hz,
        sr=RATE_HZ,
        frame_length=params.f0_frame_length,
        hop_length=params.hop_length,
    )
    np.testing.assert_array_equal(tracker(samples), expected)


def test_pyin_path_frame_by_frame(samples):
    assert_same_path(samples)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"f0_min_hz": 120.0, "f0_max_hz": 260.0}, "fall"),
        ({"hop_seconds": 0.02}, "fall"),
        ({"hop_seconds": 0.001}, "noise"),  # no step to another pitch is possible from frame to frame
        ({"hop_seconds": 0.05}, "fall"),  # a step to any pitch is
        ({"f0_frame_seconds": 0.04}, "in loud noise"),
        ({"f0_frame_seconds": 0.01, "f0_min_hz": 200.0, "hop_seconds": 0.02}, "jumps"),
        ({"f0_min_hz": 79.996}, "79.6 Hz"),  # the longest lag is half a bin below the range
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:With fmin")
def test_pyin_path_with_other_settings(changes, name):
    others = {"jumps": np.concatenate([pulses(p, 0.1) for p in (72, 41, 75, 50, 60)]), "79.6 Hz": pulses(201, 0.5)}
    samples = (SIGNALS | others)[name][: RATE_HZ // 2]
    assert_same_path(samples[: RATE_HZ // 4] if name == "noise" else samples, replace(PARAMS, **changes))


@pytest.mark.parametrize("seed", range(12))
def test_search_of_any_observations(seed):
    """Branches that sounds hardly reach: jumps out of the band, voicing that is certain, two candidates in a bin."""
    rng = np.random.default_rng(seed)
    tracker = PitchTracker(sample_rate_hz=RATE_HZ, min_hz=150.0, max_hz=300.0, frame_length=512, hop_length=80)
    n, frames = tracker.pitch_bins, 60
    bins = rng.integers(0, n, (frames, 3))
    counts = rng.integers(0, 4, frames)
    shared = rng.random(frames) < 0.2
    bins[shared, 1] = bins[shared, 0]
    probabilities = rng.choice([0.0, 1e-3, 0.1, 0.3, 1 / 3, 1.0], (frames, 3))
    observed = np.zeros((2 * n, frames))
    for t in range(frames):
        for k in range(counts[t]):
            observed[bins[t, k], t] = probabilities[t, k]
    observed[n:] = (1 - np.clip(observed[:n].sum(axis=0), 0, 1)) / n
    width = round(35.92 * 12 * tracker.hop_length / RATE_HZ) * 10 + 1
    within = librosa.sequence.transition_local(n, width, window="triangle", wrap=False)
    transition = np.kron(librosa.sequence.transition_loop(2, 0.99), within)
    ours = decode(counts, bins, probabilities, tracker._log_steps, tracker._log_sums)
    best = librosa.sequence.viterbi(observed, transition, p_init=np.full(2 * n, 1 / (2 * n)))
    log_observed = np.log(observed + np.finfo(float).tiny)
    log_transition = np.log(transition + np.finfo(float).tiny)

    def worth(states: np.ndarray) -> float:
        steps = log_transition[states[:-1], states[1:]].sum()
        return steps + log_observed[states, np.arange(frames)].sum()

    # Not the states: of paths that are as good, either will do.
    assert worth(ours) == pytest.approx(worth(best), rel=1e-12)


@pytest.mark.parametrize(
    ("frame_length", "hop_length", "lags"),
    [
        (1024, 160, 268),
        (1024, 161, 268),
        (1024, 16, 268),
        (1024, 4000, 100),
        (160, 320, 81),
        (534, 37, 267),
        (32, 3, 17),
    ],
)
def test_autocorrelation_by_direct_sums(frame_length, hop_length, lags):
    samples = noise(2.0)[: 5 * hop_length + frame_length]
    own = autocorrelations(samples, frame_length, hop_length, 6, lags)
    for t in range(6):
        frame = samples[t * hop_length :][:frame_length]
        np.testing.assert_allclose(own[:, t], librosa.autocorrelate(frame, max_size=lags), rtol=1e-10, atol=1e-12)


@pytest.mark.slow
def test_pyin_path_on_real_speech(mirror):
    archives = sorted(mirror.rglob("*.tgz"))
    clips = 0
    for archive in archives[:: len(archives) // 8]:
        with tarfile.open(archive) as tar:
            for member in [m for m in tar.getmembers() if m.name.endswith((".wav", ".flac"))][:2]:
                samples, rate_hz = soundfile.read(io.BytesIO(tar.extractfile(member).read()), dtype="float32")
                assert rate_hz == RATE_HZ
                assert_same_path(samples)
                clips += 1
    assert clips >= 8


def test_statistics_of_the_pitch(samples):
    f = dict(zip(EXTRACTOR.names, EXTRACTOR(samples).tolist(), strict=True))
    f0_hz, voiced, _ = librosa.pyin(
        samples.astype(np.float64),
        fmin=PARAMS.f0_min_hz,
        fmax=PARAMS.f0_max_hz,
        sr=RATE_HZ,
        frame_length=PARAMS.f0_frame_length,
        hop_length=PARAMS.hop_length,
    )
    assert f["voiced_share"] == pytest.approx(voiced.mean(), rel=1e-6)
    if voiced.any():
        own = f0_hz[voiced]
        assert f["f0_median_hz"] == pytest.approx(np.median(own), rel=1e-6)
        assert f["f0_mean_hz"] == pytest.approx(own.mean(), rel=1e-6)
        assert f["f0_std_hz"] == pytest.approx(own.std(), rel=1e-5, abs=1e-6)
        assert f["f0_q25_hz"] == pytest.approx(np.quantile(own, 0.25), rel=1e-6)
        assert f["f0_q75_hz"] == pytest.approx(np.quantile(own, 0.75), rel=1e-6)
        assert f["f0_range_hz"] == pytest.approx(own.max() - own.min(), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("n_fft", [128, 256, 512, 4096])
@pytest.mark.parametrize("bands", [4, 20, 64, 256])
@pytest.mark.filterwarnings("ignore:Empty filters detected")
def test_mel_filters(n_fft, bands):
    own = mel_filters(sample_rate_hz=RATE_HZ, n_fft=n_fft, bands=bands, pre_emphasis=0.0)
    expected = librosa.filters.mel(sr=RATE_HZ, n_fft=n_fft, n_mels=bands)
    np.testing.assert_allclose(own, expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("n_fft", [128, 256, 512, 4096])
def test_chroma_filters(n_fft):
    own = chroma_filters(sample_rate_hz=RATE_HZ, n_fft=n_fft)
    np.testing.assert_allclose(own, librosa.filters.chroma(sr=RATE_HZ, n_fft=n_fft), rtol=1e-5, atol=1e-9)


def test_tonal_centroid():
    pitch_classes = np.random.default_rng(0).random((12, 50))
    expected = librosa.feature.tonnetz(chroma=pitch_classes)
    own = tonal_centroid() @ (pitch_classes / pitch_classes.sum(axis=0))
    np.testing.assert_allclose(own, expected, atol=1e-6)


@pytest.mark.filterwarnings("ignore:n_fft=")
@pytest.mark.parametrize("length", [400, 401, 512, 1111, 16_000])
def test_short_time_spectrum(length):
    samples = noise(1.0)[:length].astype(np.float32)
    amplitudes, power = ShortTimeSpectrum(PARAMS.frame_length, PARAMS.hop_length, PARAMS.n_fft)(samples)
    expected = np.abs(librosa.stft(samples.astype(np.float64), **FRAMES)).T
    np.testing.assert_allclose(amplitudes, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(power, expected**2, rtol=1e-4, atol=1e-5)


def assert_close(actual: dict[str, float], expected: dict[str, float]) -> None:
    for name, value in expected.items():
        # The absolute part is for values near 0, such as a smallest tonnetz.
        assert actual[name] == pytest.approx(value, rel=1e-4, abs=2e-6), name


def test_series_over_frames(samples):
    amplitudes = np.abs(librosa.stft(samples, **FRAMES))
    y = {"y": samples, "sr": RATE_HZ, **FRAMES}
    chroma = librosa.feature.chroma_stft(**y, tuning=0.0)
    expected = {
        "zero_crossing_rate_{}": librosa.feature.zero_crossing_rate(
            samples, frame_length=PARAMS.frame_length, hop_length=PARAMS.hop_length
        ),
        "rolloff_{}_hz": librosa.feature.spectral_rolloff(**y),
        "flatness_{}": librosa.feature.spectral_flatness(y=samples, **FRAMES),
        "bandwidth_{}_hz": librosa.feature.spectral_bandwidth(**y),
        "centroid_{}_hz": librosa.feature.spectral_centroid(**y),
        "rms_{}": librosa.feature.rms(S=amplitudes, frame_length=PARAMS.n_fft),
    }
    for i, row in enumerate(librosa.feature.tonnetz(chroma=chroma), start=1):
        expected[f"tonnetz_{i}_{{}}"] = row
    for i, row in enumerate(librosa.feature.spectral_contrast(**y, n_bands=5), start=1):
        expected[f"contrast_{i}_{{}}_db"] = row
    assert_close(
        dict(zip(EXTRACTOR.names, EXTRACTOR(samples).tolist(), strict=True)),
        {
            name.format(statistic): float(function(series.astype(np.float64)))
            for name, series in expected.items()
            for statistic, function in STATISTICS.items()
        },
    )


def test_rms_of_the_samples():
    """Where the level is steady, the windowed frame's RMS is the samples' own times a constant of the window."""
    samples = (sine(440) + sine(1234)).astype(np.float32)
    windowed = EXTRACTOR(samples)[EXTRACTOR.names.index("rms_max")]
    direct = librosa.feature.rms(y=samples, frame_length=PARAMS.frame_length, hop_length=PARAMS.hop_length).max()
    assert windowed == pytest.approx(direct * math.sqrt(3 / 8 * PARAMS.frame_length / PARAMS.n_fft), rel=0.01)


@pytest.mark.parametrize("width", [128, 20])
def test_mfcc_and_deltas_without_pre_emphasis(samples, width):
    extractor = FeatureExtractor(replace(PARAMS, pre_emphasis=0.0, mel_bands=width))
    mel = librosa.feature.melspectrogram(y=samples, sr=RATE_HZ, n_mels=width, **FRAMES)
    log_mel_db = librosa.power_to_db(mel, top_db=None)
    mfcc = librosa.feature.mfcc(S=log_mel_db, n_mfcc=PARAMS.mfcc)
    delta = librosa.feature.delta(mfcc, mode="nearest")
    row, own_log_mel_db = extractor.extract(samples)
    np.testing.assert_allclose(own_log_mel_db.T, log_mel_db, rtol=1e-3, atol=0.01)
    actual = dict(zip(extractor.names, row.tolist(), strict=True))
    for name, series in (("mfcc", mfcc), ("mfcc_delta", delta)):
        for i, values in enumerate(series.astype(np.float64)):
            # The sum of tens of bands of about −50 dB has an error of 1e-5 in float32.
            assert actual[f"{name}_{i:02d}_mean"] == pytest.approx(values.mean(), rel=1e-4, abs=1e-4)
            assert actual[f"{name}_{i:02d}_std"] == pytest.approx(values.std(), rel=1e-4, abs=1e-4)


def test_pre_emphasis_in_the_spectrum_is_that_of_the_samples():
    """On steady noise; at the ends of a clip, and with a window, the two differ a little."""
    samples = noise(4.0).astype(np.float32)
    own = 10 ** (EXTRACTOR.extract(samples)[1].astype(np.float64) / 10)  # (frames, bands)
    filtered = librosa.effects.preemphasis(samples, coef=PARAMS.pre_emphasis)
    mel = librosa.feature.melspectrogram(y=filtered, sr=RATE_HZ, n_mels=PARAMS.mel_bands, **FRAMES)
    ratio = own.mean(axis=0) / mel.mean(axis=1)
    # Where pre-emphasis takes away 30 dB, Hann's side lobes of louder neighbours count.
    assert ratio[4:] == pytest.approx(1, abs=0.03)
    assert ratio[:4] == pytest.approx(1, abs=0.25)


@pytest.mark.parametrize("name", ["glide", "wobble", "noise", "sine in noise"])
@pytest.mark.parametrize(("prefix", "upper_hz"), [("spectrum", 8000), ("voice_range", PARAMS.voice_range_hz)])
def test_utterance_spectrum(name, prefix, upper_hz):
    samples = SIGNALS[name].astype(np.float32)
    frequencies_hz, amplitudes = utterance_spectrum(samples, upper_hz)
    expected = specprop(frequencies_hz.tolist(), amplitudes.tolist())
    actual = dict(zip(EXTRACTOR.names, EXTRACTOR(samples).tolist(), strict=True))
    assert len(expected) == len(describe(prefix, 0, upper_hz))
    for key, value in expected.items():
        assert actual[f"{prefix}_{key}"] == pytest.approx(value, rel=1e-4), key


def test_utterance_spectrum_against_scipy():
    """The same moments from scipy.stats, on samples of a length that is padded."""
    samples = SIGNALS["odd length"].astype(np.float32)
    length = 10_000  # the next length after 9,973, a prime, that has small factors only
    expected = scipy_moments(np.abs(np.fft.rfft(samples.astype(np.float64), length)))
    actual = dict(zip(EXTRACTOR.names, EXTRACTOR(samples).tolist(), strict=True))
    for key, value in expected.items():
        assert actual[f"spectrum_{key}"] == pytest.approx(value, rel=1e-4), key
