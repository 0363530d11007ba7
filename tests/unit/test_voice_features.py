"""Voice features of signals whose answer is known, and of signals that have none."""

from dataclasses import replace

import librosa
import numpy as np
import pytest
import scipy.signal
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from support.sounds import PARAMS, RATE_HZ, noise, pulses, sine, times
from support.voice import NAMES, VOICE, WINDOW_ENERGY, clip
from voicetraits.features import formants, harmonicity, perturbation, rhythm, spectral_balance, voice_table
from voicetraits.features.feature import Feature
from voicetraits.features.low_rate import LowRate
from voicetraits.features.periodicity import PeriodicityTracker
from voicetraits.features.voice import describe

pytestmark = pytest.mark.filterwarnings("ignore:n_fft=:UserWarning:librosa")

HOP = PARAMS.hop_length
CYCLES = {"sample_rate_hz": RATE_HZ, "hop_length": HOP}


def train(periods: np.ndarray, heights: np.ndarray | None = None) -> np.ndarray:
    """Smooth pulses (a Gaussian of 0.4 ms) after these periods in samples, fractions included."""
    places = 200 + np.cumsum(periods)
    heights = np.full(len(places), 0.5) if heights is None else heights
    offsets = np.arange(round(places[-1]) + 200)[:, None] - places
    return (heights * np.exp(-0.5 * np.square(offsets / (0.0004 * RATE_HZ)))).sum(axis=1)


def harmonics(f0_hz: float, levels_db: list[float], seconds: float = 1.0) -> np.ndarray:
    amplitudes = 0.05 * 10 ** (np.array(levels_db) / 20)
    return sum(a * np.cos(2 * np.pi * f0_hz * (k + 1) * times(seconds) + k) for k, a in enumerate(amplitudes))


def track(samples: np.ndarray, f0_hz: float) -> np.ndarray:
    return np.full(1 + len(samples) // HOP, float(f0_hz))


def middles(samples: np.ndarray) -> np.ndarray:
    return np.arange(2000, len(samples) - 2000, 320)


# --- Formants -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("targets_hz", [(700, 1200, 2500, 3500), (500, 1850, 2500, 3400), (350, 800, 2300, 3300)])
def test_formants_of_known_resonances(targets_hz):
    """Pulses through four resonances. Harmonics 100 Hz apart hide a pole's exact place."""
    sound = pulses(RATE_HZ // 100, 1.0)
    for hz, width_hz in zip((*targets_hz, 4500), (60, 80, 120, 180, 250), strict=True):
        radius = np.exp(-np.pi * width_hz / RATE_HZ)
        poles = [1, -2 * radius * np.cos(2 * np.pi * hz / RATE_HZ), radius**2]
        sound = scipy.signal.lfilter([sum(poles)], poles, sound)
    sound = scipy.signal.lfilter([0.1], [1, -0.95], sound).astype(np.float32)  # the glottis, −6 dB an octave
    rate = LowRate(RATE_HZ, 11000)
    found = formants.FormantTracker(11000)(rate(sound), rate.places(middles(sound)))
    values = dict(zip((f.name for f in formants.describe()), formants.formant_statistics(*found), strict=True))
    for n, hz in enumerate(targets_hz, start=1):
        assert values[f"f{n}_median_hz"] == pytest.approx(hz, rel=0.05, abs=30)
        assert values[f"f{n}_std_hz"] < 30
        assert 0 < values[f"f{n}_bandwidth_median_hz"] < 500
    assert values["formant_dispersion_hz"] == pytest.approx((targets_hz[3] - targets_hz[0]) / 3, rel=0.05)


def test_vocal_tract_length_of_a_uniform_tube():
    """A tube of 17.5 cm, closed at one end, resonates at odd multiples of 500 Hz."""
    frequencies_hz = np.tile([500.0, 1500.0, 2500.0, 3500.0], (9, 1))
    *_, dispersion_hz, length_cm = formants.formant_statistics(frequencies_hz, np.full((9, 4), 80.0))
    assert (dispersion_hz, length_cm) == pytest.approx((1000, 17.5))


def test_formants_that_are_missing_in_some_frames():
    frequencies_hz = np.array([[500, 1500, 2500, 3500], [520, 1480, np.nan, np.nan], [480, 1520, 2500, np.nan]])
    values = formants.formant_statistics(frequencies_hz, np.full((3, 4), 90.0))
    assert values[[0, 3, 6, 9]] == pytest.approx([500, 1500, 2500, 3500])


def burg(x: np.ndarray, order: int) -> np.ndarray:
    """Burg's recursion as textbooks have it: prediction errors, order by order."""
    forward, backward, a = x[1:].copy(), x[:-1].copy(), np.array([1.0])
    for _ in range(order):
        k = -2 * (forward @ backward) / (forward @ forward + backward @ backward)
        a = np.r_[a, 0] + k * np.r_[a, 0][::-1]
        forward, backward = (forward + k * backward)[1:], (backward + k * forward)[:-1]
    return a


def test_prediction_is_burgs_recursion():
    rng = np.random.default_rng(3)
    samples = scipy.signal.lfilter([1], [1, -1.6, 0.9], rng.standard_normal(4000)).astype(np.float32)
    window = np.hamming(400)  # its ends are not small: the products there count
    places = np.array([700, 1500, 2300])
    for place, own in zip(places, formants._burg(samples, places, window, 0.9), strict=True):
        segment = samples[place - 201 : place + 200].astype(np.float64)
        expected = burg((segment[1:] - 0.9 * segment[:-1]) * window, 10)
        np.testing.assert_allclose(own, expected, rtol=1e-7, atol=1e-9)


def test_poles_that_coincide_do_not_hang():
    found = np.full(10, 0.6j)
    count = formants._find_poles(np.poly(np.full(10, 0.5)), found)
    assert np.isfinite(found[:count]).all()
    assert found[:count] == pytest.approx(0.5, abs=0.15)


@given(st.lists(st.tuples(st.floats(0.1, 0.995), st.floats(0.05, np.pi - 0.05)), min_size=5, max_size=5))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
def test_poles_are_the_roots_that_made_the_polynomial(pairs):
    roots = np.array([r * np.exp(1j * angle) for r, angle in pairs])
    # Roots that nearly coincide are ill-conditioned.
    assume(np.diff(np.sort(roots.imag)).min() > 0.02)
    predictor = np.poly(np.r_[roots, roots.conj()]).real
    found = np.full(10, 0.6j)
    count = formants._find_poles(predictor, found)
    whole = np.concatenate([[z] if z.imag == 0 else [z, z.conjugate()] for z in found[:count]])
    np.testing.assert_allclose(np.poly(whole).real, predictor, atol=1e-6 * np.abs(predictor).max())


# --- Low rate -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hz", [100, 1000, 3000, 5000, 5400])
def test_a_tone_below_the_low_rates_half_is_kept(hz):
    rate = LowRate(RATE_HZ, 11000)
    low = rate(sine(hz, 1.5).astype(np.float32))
    assert len(low) == 16500 and low.dtype == np.float32
    expected = 0.5 * np.sin(2 * np.pi * hz * np.arange(16500) / 11000)
    assert np.abs(low - expected)[600:-600].max() < 0.01


def test_a_tone_above_it_is_gone():
    low = LowRate(RATE_HZ, 11000)(sine(5700, 1.5).astype(np.float32))
    assert np.abs(low)[600:-600].max() < 0.01


@pytest.mark.parametrize("length", [1, 16, 100, 6143, 6144, 6145, 50_000])
def test_the_low_rate_for_any_length(length):
    rate = LowRate(RATE_HZ, 11000)
    assert len(rate(np.zeros(length, np.float32))) == -(-length * 11 // 16)
    assert rate.places(np.array([0, 16, 160, 24])).tolist() == [0, 11, 110, 17]


# --- Glottal cycles -------------------------------------------------------------------------------------------------


def test_every_pulse_is_a_cycle():
    periods = np.full(100, 80.25)
    sound = train(periods)
    found = perturbation.glottal_cycles(sound, track(sound, RATE_HZ / 80.25), **CYCLES)
    np.testing.assert_allclose(found, 200 + np.cumsum(periods), atol=0.1)


def test_jitter_and_shimmer_of_a_steady_train_are_next_to_nothing():
    sound = train(np.full(150, 100.0))
    cycles = perturbation.glottal_cycles(sound, track(sound, 160), **CYCLES)
    assert perturbation.perturbation_statistics(sound, cycles, RATE_HZ).max() < 1e-6


@pytest.mark.parametrize("share", [0.005, 0.02])
def test_jitter_of_alternating_periods(share):
    """Periods T(1 ± share): each differs by 2·share·T from the one before, by 4/3·share·T from the mean of three."""
    periods = 100 * (1 + share * np.where(np.arange(150) % 2, 1, -1))
    sound = train(periods)
    cycles = perturbation.glottal_cycles(sound, track(sound, 160), **CYCLES)
    local, rap, ppq5, *_ = perturbation.perturbation_statistics(sound, cycles, RATE_HZ)
    assert (local, rap, ppq5) == pytest.approx((2 * share, 4 / 3 * share, 4 / 5 * share), rel=0.03)


@pytest.mark.parametrize("share", [0.02, 0.1])
def test_shimmer_of_alternating_heights(share):
    signs = np.where(np.arange(150) % 2, 1, -1)
    sound = train(np.full(150, 100.0), 0.5 * (1 + share * signs))
    cycles = perturbation.glottal_cycles(sound, track(sound, 160), **CYCLES)
    *_, local, apq3, apq11 = perturbation.perturbation_statistics(sound, cycles, RATE_HZ)
    assert (local, apq3, apq11) == pytest.approx((2 * share, 4 / 3 * share, 12 / 11 * share), rel=0.03)


def test_an_interval_that_is_no_period_does_not_count():
    steady = np.cumsum(np.full(40, 100.0))
    cycles = np.r_[steady, steady[-1] + 900 + steady]  # between the two halves an interval of 1,000 samples
    sound = np.full(9000, 0.3)
    assert perturbation.perturbation_statistics(sound, cycles, RATE_HZ)[:3] == pytest.approx([0, 0, 0], abs=1e-12)


@pytest.mark.parametrize("f0_hz", [80.0, 120.0, 210.0, 380.0])
def test_periodicity_of_a_steady_voice(f0_hz):
    samples = np.r_[np.zeros(4000), harmonics(f0_hz, [0, -3, -6, -9, -12, -15]), np.zeros(4000)].astype(np.float32)
    centres = np.arange(0, len(samples), HOP)
    contour_hz, strength = PeriodicityTracker(RATE_HZ, HOP / RATE_HZ)(samples, centres)
    inside = (centres > 4500) & (centres < 19_500)
    assert contour_hz[inside] == pytest.approx(f0_hz, rel=0.002)
    assert strength[inside].min() > 0.98
    assert not contour_hz[(centres < 3600) | (centres > 20_400)].any()


def test_noise_has_no_periods():
    samples = noise(2.0).astype(np.float32)
    contour_hz, _ = PeriodicityTracker(RATE_HZ, 0.01)(samples, np.arange(0, len(samples), 160))
    assert (contour_hz > 0).mean() < 0.02


# --- Harmonicity ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ratio_db", [0.0, 10.0, 20.0])
def test_harmonics_to_noise_ratio(ratio_db):
    voice = harmonics(120.0, [0, -2, -4, -6, -8, -10, -12, -14], 2.0)
    hiss = noise(2.0, seed=5, amplitude=1.0)
    hiss *= np.sqrt(np.mean(voice**2) / np.mean(hiss**2)) * 10 ** (-ratio_db / 20)
    samples = (voice + hiss).astype(np.float32)
    assert np.nanmean(harmonicity.NoiseRatioTracker(RATE_HZ)(samples, middles(samples))) == pytest.approx(
        ratio_db, abs=1.0 if ratio_db else 2.5
    )


@pytest.mark.parametrize("f0_hz", [90.0, 150.0, 260.0])
@pytest.mark.parametrize("difference_db", [-6.0, 0.0, 9.0])
def test_first_two_harmonics(f0_hz, difference_db):
    samples = harmonics(f0_hz, [0, -difference_db, -20, -10, -12]).astype(np.float32)
    places = middles(samples)
    found_db, _ = harmonicity.HarmonicTracker(RATE_HZ)(samples, places, np.full(len(places), f0_hz))
    assert found_db == pytest.approx(difference_db, abs=0.25)


def test_cepstral_peak_sinks_with_noise():
    voice = train(np.full(150, 130.0))
    prominences = []
    for level in (0.0, 0.003, 0.03, 0.3):
        samples = (voice + noise(len(voice) / RATE_HZ, amplitude=level)[: len(voice)]).astype(np.float32)
        places = middles(samples)
        _, cpp_db = harmonicity.HarmonicTracker(RATE_HZ)(samples, places, np.full(len(places), RATE_HZ / 130))
        prominences.append(cpp_db.mean())
    assert prominences == sorted(prominences, reverse=True)
    assert prominences[0] > 15 and prominences[-1] < 8


# --- Spectral balance -----------------------------------------------------------------------------------------------

BALANCE = spectral_balance.SpectralBalance(RATE_HZ, PARAMS.n_fft, WINDOW_ENERGY)
BALANCE_NAMES = [feature.name for feature in spectral_balance.describe()]


def balance_of(power: np.ndarray) -> dict[str, float]:
    return dict(zip(BALANCE_NAMES, BALANCE(power.astype(np.float32), np.full(len(power), True)), strict=True))


def test_balance_of_a_line_of_known_slope():
    frequencies_hz = np.fft.rfftfreq(PARAMS.n_fft, 1 / RATE_HZ)
    level_db = -30 + 0.02 * np.minimum(frequencies_hz, 500) - 0.01 * (frequencies_hz - 500).clip(0)
    values = balance_of(np.tile(10 ** (level_db / 10), (4, 1)))
    assert values["slope_0_500_mean_db_per_hz"] == pytest.approx(0.02, rel=1e-3)
    assert values["slope_500_1500_mean_db_per_hz"] == pytest.approx(-0.01, rel=1e-3)
    assert values["slope_0_500_std_db_per_hz"] == pytest.approx(0, abs=1e-6)
    bins_hz = frequencies_hz
    low = 10 ** (level_db[(bins_hz >= 50) & (bins_hz < 1000)] / 10)
    high = 10 ** (level_db[(bins_hz >= 1000) & (bins_hz <= 5000)] / 10)
    assert values["alpha_ratio_mean_db"] == pytest.approx(10 * np.log10(low.sum() / high.sum()), abs=1e-3)
    assert values["hammarberg_index_mean_db"] == pytest.approx(15.0, abs=0.1)  # from 500 Hz to 2000 Hz


def test_balance_of_two_tones():
    """600 Hz, and 3000 Hz 12 dB below it."""
    samples = clip(sine(600, amplitude=0.4) + sine(3000, amplitude=0.4 * 10 ** (-12 / 20)))
    values = balance_of(samples.power[5:-5])
    assert values["alpha_ratio_mean_db"] == pytest.approx(12, abs=0.3)
    assert values["hammarberg_index_mean_db"] == pytest.approx(12, abs=0.3)


def test_bands_of_loudness_are_librosas_triangles():
    triangles = librosa.filters.mel(
        sr=RATE_HZ, n_fft=PARAMS.n_fft, n_mels=26, fmin=20, fmax=8000, htk=True, norm=None, dtype=np.float64
    )
    peaks_hz = librosa.mel_frequencies(28, fmin=20, fmax=8000, htk=True)[1:-1]
    expected = triangles * spectral_balance.equal_loudness(peaks_hz)[:, None] / WINDOW_ENERGY
    np.testing.assert_allclose(BALANCE._filters.T, expected, rtol=1e-3, atol=1e-6 * expected.max())


def test_loudness_grows_by_the_power_of_a_third():
    soft, loud = (balance_of(clip(sine(1000, amplitude=a)).power[5:-5])["loudness_mean"] for a in (0.01, 0.1))
    assert loud / soft == pytest.approx(100**0.33, rel=1e-3)


def test_loudness_does_not_depend_on_the_window():
    samples = noise(1.0)
    frames = np.lib.stride_tricks.sliding_window_view(samples, PARAMS.frame_length)[::HOP]
    loudness = []
    for window in (np.hanning(PARAMS.frame_length), np.hamming(PARAMS.frame_length)):
        power = np.square(np.abs(np.fft.rfft(frames * window, PARAMS.n_fft))).astype(np.float32)
        setting = spectral_balance.SpectralBalance(RATE_HZ, PARAMS.n_fft, float(window @ window))
        loudness.append(setting.loudness(power).mean())
    assert loudness[0] == pytest.approx(loudness[1], rel=0.02)


def test_the_ear_is_deaf_to_the_lowest_and_most_sensitive_at_some_thousand_hertz():
    frequencies_hz = np.arange(20.0, 8000.0, 10.0)
    sensitivity = spectral_balance.equal_loudness(frequencies_hz)
    assert sensitivity[0] < 1e-4
    assert 2500 < frequencies_hz[np.argmax(sensitivity)] < 5500


# --- The voice-gender table -----------------------------------------------------------------------------------------


def table_of(samples: np.ndarray) -> dict[str, float]:
    values = voice_table.voice_table_columns(samples.astype(np.float32), RATE_HZ)
    columns = [voice_table.TABLE_COLUMNS[feature.name] for feature in voice_table.describe()]
    return dict(zip(columns, values, strict=True))


def test_the_table_has_its_twenty_columns():
    expected = (
        "meanfreq sd median Q25 Q75 IQR skew kurt sp.ent sfm mode centroid meanfun minfun maxfun meandom mindom maxdom "
        "dfrange modindx"
    )
    assert list(voice_table.TABLE_COLUMNS.values()) == expected.split()


def test_table_of_a_voice():
    """Harmonics of 123 Hz, the second the loudest, in faint noise."""
    values = table_of(harmonics(123.0, [-9, 0] + [-12] * 18, 3.0) + noise(3.0, amplitude=0.003))
    assert values["mode"] == pytest.approx(0.246, abs=0.001)
    assert [values[name] for name in ("meanfun", "minfun", "maxfun")] == pytest.approx([0.123] * 3, abs=0.002)
    # Bin 31 of 7.8 Hz each, called 32: they are numbered from 1.
    assert [values[name] for name in ("meandom", "mindom", "maxdom")] == pytest.approx([0.25] * 3, abs=0.0001)
    assert (values["dfrange"], values["modindx"]) == (0, 0)


def test_table_of_two_notes():
    """One second each at 500 and 1500 Hz: one change among the windows, over the whole range."""
    values = table_of(np.r_[sine(500), sine(1500)])
    assert values["dfrange"] == pytest.approx(1.0, abs=0.01)
    assert values["meandom"] == pytest.approx(1.0, abs=0.1)
    windows = 2 * RATE_HZ // 2048
    assert values["modindx"] == pytest.approx(1 / (windows - 1), rel=0.05)


def test_tables_spectrum_is_that_of_the_whole_utterance():
    """Against the plain transform of all samples, where the table's own computation was the same."""
    samples = noise(2.0, seed=8)
    values = table_of(samples)
    amplitudes = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    frequencies_khz = np.fft.rfftfreq(len(samples), 1 / RATE_HZ) / 1000
    a = amplitudes[frequencies_khz <= 0.28]
    f, a = frequencies_khz[frequencies_khz <= 0.28], a / a.sum()
    mean = f @ a
    assert values["meanfreq"] == pytest.approx(mean, rel=0.01)
    assert values["centroid"] == values["meanfreq"]
    assert values["sd"] == pytest.approx(np.sqrt((f - mean) ** 2 @ a), rel=0.01)
    assert values["median"] == pytest.approx(f[np.searchsorted(np.cumsum(a), 0.5)], rel=0.01)
    assert values["sp.ent"] == pytest.approx(-(a @ np.log(a)) / np.log(len(a)), rel=0.01)
    assert values["sfm"] == pytest.approx(np.exp(np.log(a).mean()) / a.mean(), rel=0.05)
    assert values["mode"] == pytest.approx(f[np.argmax(a)], abs=0.001)


# --- Rhythm ---------------------------------------------------------------------------------------------------------


def rhythm_of(samples: np.ndarray, voiced: np.ndarray | None = None) -> dict[str, float]:
    voiced = np.full(1 + len(samples) // HOP, True) if voiced is None else voiced
    values = rhythm.rhythm_statistics(samples.astype(np.float32), voiced, **CYCLES)
    return dict(zip((feature.name for feature in rhythm.describe()), values, strict=True))


def test_rhythm_of_known_syllables():
    """Three groups of four syllables of 0.2 s, 0.5 s apart, silence at both ends."""
    group = np.tile(np.r_[sine(150, 0.12) * np.hanning(1920), np.zeros(1280)], 4)
    gap, edge = np.zeros(8000), np.zeros(4800)
    sound = np.r_[edge, group, gap, group, gap, group, edge]
    values = rhythm_of(sound + noise(len(sound) / RATE_HZ, amplitude=1e-4)[: len(sound)])
    seconds = len(sound) / RATE_HZ
    assert values["speaking_rate_hz"] == pytest.approx(12 / seconds)
    span = seconds - 0.6
    assert values["pauses_per_second"] == pytest.approx(2 / span, rel=0.06)
    assert values["pause_mean_seconds"] == pytest.approx(0.55, abs=0.06)
    assert values["phonation_seconds"] == pytest.approx(2.4, rel=0.1)
    assert values["articulation_rate_hz"] == pytest.approx(5.0, rel=0.1)
    assert 0.3 < values["speech_share"] < values["phonation_seconds"] / seconds


def test_unvoiced_peaks_are_no_syllables():
    sound = np.tile(np.r_[noise(0.1), np.zeros(1600)], 5)
    assert rhythm_of(sound)["speaking_rate_hz"] == pytest.approx(5 / (len(sound) / RATE_HZ))
    assert rhythm_of(sound, np.full(1 + len(sound) // HOP, False))["speaking_rate_hz"] == 0


def test_a_dip_of_less_than_two_decibels_parts_no_syllables():
    level = 1 - 0.08 * (1 - np.cos(2 * np.pi * 4 * times(2.0))) / 2  # 0.7 dB, four times a second
    values = rhythm_of(sine(200, 2.0) * level)
    assert values["speaking_rate_hz"] == pytest.approx(1 / 2)


# --- Any clip -------------------------------------------------------------------------------------------------------

ODD = {
    "silence": np.zeros(16_000),
    "one frame": sine(200)[: PARAMS.frame_length],
    "one hop": noise(1.0)[:HOP],
    "noise": noise(1.0),
    "a constant": np.full(8000, 0.3),
    "one click": np.eye(1, 8000, 4000)[0],
    "full scale": np.sign(sine(100)),
    "a faint tone": 1e-6 * sine(150),
    "a pure tone": sine(150),
    "a voice of 0.1 s": harmonics(130.0, [0, -3, -6, -9], 0.1),
    "voice, silence, voice": np.r_[harmonics(110.0, [0] * 9), np.zeros(16_000), harmonics(220.0, [0] * 9)],
}


@pytest.mark.parametrize("samples", ODD.values(), ids=ODD.keys())
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_every_feature_is_finite(samples):
    values = clip(samples).features
    assert all(np.isfinite(value) for value in values.values()), values


def test_every_feature_is_finite_for_any_voicing():
    """Whatever the tracker of F0 says of noise and of silence."""
    for samples in (ODD["noise"], ODD["silence"], ODD["one frame"]):
        one = clip(samples)
        for f0_hz in (60.0, 400.0):
            assert np.isfinite(VOICE(one.samples, one.power, track(one.samples, f0_hz))).all()


@pytest.mark.parametrize("ceiling_hz", [5000.0, 6500.0, 8000.0])
def test_other_ceilings_of_formants(ceiling_hz):
    one = clip(ODD["voice, silence, voice"])
    setting = replace(VOICE, formant_ceiling_hz=ceiling_hz)
    assert np.isfinite(setting(one.samples, one.power, one.f0_hz)).all()


@pytest.mark.parametrize("hop_length", [80, 320, 1000])
def test_other_hops(hop_length):
    samples = ODD["voice, silence, voice"].astype(np.float32)
    frames = 1 + len(samples) // hop_length
    setting = replace(VOICE, hop_length=hop_length)
    assert np.isfinite(setting(samples, np.ones((frames, 257), np.float32), np.full(frames, 110.0))).all()


def test_silence():
    values = clip(np.zeros(16_000)).features
    assert all(value == 0 for value in values.values()), values


def test_names_are_unique_and_carry_their_unit():
    features = describe()
    assert all(isinstance(feature, Feature) for feature in features)
    assert len(set(NAMES)) == len(NAMES) == len(features)
    endings = {"Hz": "_hz", "dB": "_db", "dB/Hz": "_db_per_hz", "kHz": "_khz", "cm": "_cm", "s": "_seconds"}
    for feature in features:
        assert feature.name.endswith(endings.get(feature.unit, "")), feature
        assert "|" not in feature.definition  # it stands in a Markdown table


def test_louder_is_the_same_voice():
    """All but loudness are blind to the level."""
    samples = harmonics(140.0, [0, -2, -5, -9, -12, -15], 1.0) + noise(1.0, amplitude=0.003)
    soft, loud = clip(samples * 0.5).features, clip(samples).features
    for name, value in loud.items():
        if not name.startswith("loudness"):
            assert soft[name] == pytest.approx(value, rel=1e-3, abs=1e-3), name


def test_the_same_clip_gives_the_same_bytes():
    one, other = (clip(ODD["voice, silence, voice"]) for _ in range(2))
    first = VOICE(one.samples, one.power, one.f0_hz)
    VOICE(other.samples[:5000], other.power[:30], other.f0_hz[:30])
    assert first.tobytes() == VOICE(other.samples, other.power, other.f0_hz).tobytes()
