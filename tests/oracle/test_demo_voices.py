"""The demo corpus' voices, measured by others: librosa's pYIN and linear prediction, scikit-learn's classifiers."""

from dataclasses import replace

import librosa
import numpy as np
import pytest
from scipy import fft, signal
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

from voicetraits.corpora import demo

STEADY = demo.Voice(
    f0_hz=110.0,
    formant_scale=1.0,
    jitter=0.0,
    shimmer=0.0,
    aspiration=0.01,
    open_quotient=0.6,
    tilt_hz=2500.0,
    syllables_per_second=5.0,
)


@pytest.fixture(scope="module")
def default_plan():
    return demo.plan(120, 1)


def sustain(vowel, voice, seconds=1.5):
    return demo.speak(vowel[None], voice, int(seconds * demo.RATE_HZ), np.random.default_rng(0))[2000:-2000]


def test_f0_is_the_one_that_was_drawn(default_plan):
    sound = [one for one in default_plan if not one.faults and one.voice.aspiration < 0.2]
    low_to_high = sorted(sound, key=lambda one: one.voice.f0_hz)
    for one in low_to_high[:: len(low_to_high) // 3]:
        voice, _, _ = demo.draw_clip(one, 0, 1)
        clip = demo.render_clip(one, 0, 1)
        f0_hz, voiced, _ = librosa.pyin(
            clip, fmin=60, fmax=500, sr=demo.RATE_HZ, frame_length=1024, hop_length=320, resolution=0.1
        )
        assert voiced.mean() > 0.2
        assert np.median(f0_hz[voiced]) == pytest.approx(voice.f0_hz, rel=0.03)


@pytest.mark.parametrize("scale", [1.0, 1.17])
@pytest.mark.parametrize("vowel", demo.VOWELS, ids=["i", "ɪ", "e", "ɛ", "æ", "ɑ", "ɔ", "o", "ʊ", "u", "ʌ", "ɝ"])
def test_formants_are_the_targets(vowel, scale):
    sound = sustain(vowel, replace(STEADY, formant_scale=scale))
    targets = vowel[4:] * scale
    sound = signal.resample_poly(sound, 5, 8)  # to 10 kHz, which has F1 to F5
    sound = signal.lfilter([1, -0.9], [1], sound) * np.hanning(len(sound))
    poles = np.roots(librosa.lpc(sound, order=12))
    poles = poles[poles.imag > 0]
    resonances = np.angle(poles) * 10_000 / (2 * np.pi)
    resonances = resonances[-np.log(np.abs(poles)) * 10_000 / np.pi < 500]  # bandwidth in Hz
    for target in targets[:3]:
        # Linear prediction is drawn to the nearest harmonic: half of F0 is its limit.
        assert np.abs(resonances - target).min() < max(STEADY.f0_hz / 2, 0.03 * target)


def test_jitter_and_shimmer():
    voice, rng = replace(STEADY, jitter=0.02, shimmer=0.05), np.random.default_rng(0)
    flow, pulses = demo.glottal_source(np.full(8 * demo.RATE_HZ, 100.0), voice, rng)
    peaks = signal.find_peaks(flow, distance=100)[0]
    around = flow[peaks[1:-1, None] + [-1, 0, 1]]  # a parabola through three samples has its vertex between them
    curvature = around[:, 0] - 2 * around[:, 1] + around[:, 2]
    instants = peaks[1:-1] + (around[:, 0] - around[:, 2]) / 2 / curvature
    periods = np.diff(instants)
    assert periods.mean() == pytest.approx(160, rel=0.005)
    # The peak lies at 0.4 of the cycle, so from peak to peak go 0.6 of one cycle and 0.4 of the next.
    assert periods.std() / periods.mean() == pytest.approx(0.02 * np.hypot(0.6, 0.4), rel=0.15)
    assert flow[peaks].std() / flow[peaks].mean() == pytest.approx(0.05, rel=0.15)
    assert np.cumsum(pulses) == pytest.approx(flow, abs=1e-9)


@pytest.mark.parametrize("aspiration", [0.1, 0.3])
def test_aspiration_is_breath_relative_to_voice(aspiration):
    schwa = np.array([1, 1, 0, 4000, 500, 1500, 2500, 3500.0])
    voiced = sustain(schwa, replace(STEADY, f0_hz=150.0, aspiration=0.0))
    both = sustain(schwa, replace(STEADY, f0_hz=150.0, aspiration=aspiration))
    ratio_db = 20 * np.log10((both - voiced).std() / voiced.std())
    assert ratio_db == pytest.approx(20 * np.log10(aspiration), abs=6)


def test_the_room_the_microphone_and_the_level(default_plan):
    speech = np.random.default_rng(0).standard_normal(demo.RATE_HZ * 2).astype(np.float32)
    equipment = {"reverberation_seconds": 0.3, "echo_db": -10, "low_hz": 100, "high_hz": 5000}
    equipment |= {"noise_db": -40, "level_db": -24}
    recorded = demo.record(speech, equipment, np.random.default_rng(1))
    hz, power = signal.welch(recorded, demo.RATE_HZ, nperseg=4096)
    band = power[(hz > 500) & (hz < 3000)].mean()
    assert 20 * np.log10(recorded.std()) == pytest.approx(-24, abs=0.1)
    assert power[hz < 40].mean() < 0.01 * band
    assert power[hz > 7000].mean() < 0.02 * band
    click = np.zeros(demo.RATE_HZ, np.float32)
    click[4000] = 1
    quiet = equipment | {"noise_db": -200, "low_hz": 1, "high_hz": 8000, "level_db": -60}  # so that no peak is clipped
    echo = demo.record(click, quiet, np.random.default_rng(1)) ** 2
    assert 10 * np.log10(echo[4004:].sum() / echo[3996:4004].sum()) == pytest.approx(-10, abs=1)
    # Half of the reverberation time takes 30 dB.
    assert 10 * np.log10(echo[6400:7200].sum() / echo[4010:4810].sum()) == pytest.approx(-30, abs=3)


MEL_BANDS = librosa.filters.mel(sr=demo.RATE_HZ, n_fft=2048, n_mels=24).astype(np.float32)


def cheap_features(clip):
    """Median F0 by autocorrelation, then what describes spectrum, tempo and noise roughly."""
    low, high = demo.RATE_HZ // 450, demo.RATE_HZ // 60
    frames = librosa.util.frame(clip, frame_length=1024, hop_length=640).T * np.hanning(1024).astype(np.float32)
    spectra = np.abs(fft.rfft(frames, 2048)) ** 2
    autocorrelation = fft.irfft(spectra)[:, :high]
    autocorrelation /= np.maximum(autocorrelation[:, :1], 1e-12) * (1 - np.arange(high) / 1024)
    strength = autocorrelation[:, low:].max(axis=1)
    voiced = strength >= np.quantile(strength, 0.6)
    f0_hz = demo.RATE_HZ / (low + autocorrelation[voiced, low:].argmax(axis=1))
    cepstra = fft.dct(np.log10(spectra @ MEL_BANDS.T + 1e-10), axis=1)[:, :20]
    steps = np.abs(np.diff(cepstra, axis=0)).mean(axis=0)
    return np.r_[
        np.log(np.median(f0_hz)), f0_hz.std(), strength.mean(), strength.std(), cepstra.mean(axis=0),
        cepstra[voiced].mean(axis=0), cepstra.std(axis=0), steps,
    ]  # fmt: skip


def test_bands_by_cheap_features(default_plan):
    """On one clip of each submission: pitch alone does well, more does better, nothing saturates, age is hard."""
    plan = [one for one in default_plan if one.gender in ("male", "female") and one.age_group in demo.AGE_YEARS]
    with threadpool_limits(1):  # threads cost more than they save in products as small as these
        features = np.array([cheap_features(demo.render_clip(one, 0, 1)) for one in plan])
    speakers = [one.name if one.user in demo.ANONYMOUS else one.user for one in plan]

    def uar(model, columns, labels):
        predicted = cross_val_predict(model, features[:, columns], labels, groups=speakers, cv=GroupKFold(6))
        return balanced_accuracy_score(labels, predicted)

    threshold = DecisionTreeClassifier(max_leaf_nodes=2, class_weight="balanced", random_state=0)
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced", max_iter=500))
    gender, age = [one.gender for one in plan], [one.age_group for one in plan]
    pitch_alone = uar(threshold, [0], gender)
    everything = uar(linear, slice(None), gender)
    assert 0.80 < pitch_alone < 0.94
    assert pitch_alone < everything < 0.99
    assert 0.50 < uar(linear, slice(None), age) < 0.85
