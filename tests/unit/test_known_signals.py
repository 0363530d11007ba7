"""Features of signals whose values are known without computing them, and what the extractor refuses."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from support.sounds import PARAMS, RATE_HZ, noise, pulses, sine
from voicetraits.errors import DataError, ParameterError
from voicetraits.features.extractor import FeatureExtractor
from voicetraits.features.spectrum import describe, spectrum_properties

pytestmark = pytest.mark.filterwarnings("ignore:n_fft=", "ignore:Empty filters detected")

EXTRACTOR = FeatureExtractor(PARAMS)
BIN_HZ = RATE_HZ / PARAMS.n_fft
#: Beginnings of the names of what looks at voiced frames, or at a contour of F0.
VOICED = (
    *("f1_", "f2_", "f3_", "f4_", "formant", "vocal", "jitter", "shimmer", "hnr", "h1_h2", "cpp"),
    *("alpha", "hammarberg", "slope", "speaking", "articulation"),
)
VOICE_TABLE = (
    *("meanfreq_khz", "sd_khz", "median_khz", "q25_khz", "q75_khz", "iqr_khz", "skew", "kurt", "sp_ent", "sfm"),
    *("mode_khz", "centroid_khz", "meanfun_khz", "minfun_khz", "maxfun_khz", "meandom_khz", "mindom_khz"),
    *("maxdom_khz", "dfrange_khz", "modindx"),
)
SPECTRUM = [feature.name.removeprefix("x_") for feature in describe("x", 0, 8000)]


def features(samples: np.ndarray, extractor: FeatureExtractor = EXTRACTOR) -> dict[str, float]:
    return dict(zip(extractor.names, extractor(samples).tolist(), strict=True))


def test_silence_has_defined_values():
    row, log_mel_db = EXTRACTOR.extract(np.zeros(RATE_HZ, np.int16))
    silent = dict(zip(EXTRACTOR.names, row.tolist(), strict=True))
    floor_db = -100
    assert (log_mel_db == floor_db).all()
    # The first MFCC is the mean level times √bands (orthonormal DCT); a flat floor has flatness 1; all else is nothing.
    assert silent.pop("mfcc_00_mean") == pytest.approx(floor_db * np.sqrt(PARAMS.mel_bands), rel=1e-6)
    assert [silent.pop(f"flatness_{statistic}") for statistic in ("mean", "min", "max")] == pytest.approx([1, 1, 1])
    assert max(map(abs, silent.values())) < 1e-9


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(PARAMS.frame_length),
        np.ones(RATE_HZ),
        np.full(RATE_HZ, -32768, np.int16),
        np.tile([32767, -32768], RATE_HZ // 2).astype(np.int16),
        np.eye(1, RATE_HZ, RATE_HZ // 2)[0],
        np.full(RATE_HZ, 1e-38, np.float32),
        np.r_[noise(0.5), np.zeros(RATE_HZ // 2)],
        noise(0.05),
    ],
    ids=["shortest", "constant", "lowest", "Nyquist", "click", "denormal", "half silence", "50 ms"],
)
def test_every_value_is_finite(samples):
    row, log_mel_db = EXTRACTOR.extract(samples)
    assert np.isfinite(row).all()
    assert np.isfinite(log_mel_db).all()


def test_sine():
    hz, amplitude = 1000.0, 0.5
    f = features(sine(hz, amplitude=amplitude))
    # 16,000 samples: the utterance's spectrum has a bin at each Hz, so that one bin holds all.
    for name in ("mean_frequency", "median", "mode", "peak_frequency", "q25", "q75"):
        assert f[f"spectrum_{name}_hz"] == pytest.approx(hz, abs=0.1), name
    assert f["spectrum_iqr_hz"] == 0
    assert f["spectrum_entropy"] < 0.001
    assert f["spectrum_flatness"] < 0.001
    # n bins, one with all: z = 1 − 1/n there and −1/n elsewhere, s² = 1/n, up to 1/n.
    assert f["spectrum_skewness"] == pytest.approx(np.sqrt(8001), rel=1e-3)
    assert f["spectrum_kurtosis"] == pytest.approx(8001, rel=1e-3)
    # Two sign changes a period; the frames at both ends reach beyond the clip.
    assert f["zero_crossing_rate_max"] == pytest.approx(2 * hz / RATE_HZ, rel=0.03)
    assert f["zero_crossing_rate_mean"] == pytest.approx(2 * hz / RATE_HZ, rel=0.03)
    assert f["centroid_mean_hz"] == pytest.approx(hz, rel=0.02)
    assert f["rolloff_min_hz"] == pytest.approx(hz, abs=2 * BIN_HZ)
    # Σ of Hann's squared window is 3/8 of the frame, which stands in n_fft samples.
    window = np.sqrt(3 / 8 * PARAMS.frame_length / PARAMS.n_fft)
    assert f["rms_max"] == pytest.approx(amplitude / np.sqrt(2) * window, rel=0.01)
    # 1 kHz lies beyond the F0 range, but 16 samples × 3 fit into it: YIN hears the sub-harmonic.
    assert f["f0_median_hz"] == pytest.approx(1000 / 3, rel=0.01)


def test_two_sines():
    f = features(sine(500, amplitude=0.3) + sine(1500, amplitude=0.1))
    assert f["spectrum_mode_hz"] == 500
    assert f["spectrum_peak_frequency_hz"] == pytest.approx(500, abs=0.01)
    # Amplitudes 3 : 1 are shares of 3/4 and 1/4.
    assert f["spectrum_mean_frequency_hz"] == pytest.approx(750, rel=1e-3)
    assert f["spectrum_deviation_hz"] == pytest.approx(np.sqrt(0.75 * 250**2 + 0.25 * 750**2), rel=1e-3)
    assert f["spectrum_median_hz"] == f["spectrum_q25_hz"] == 500
    assert f["spectrum_entropy"] == pytest.approx(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)) / np.log(8001), rel=0.01)


def test_voice_range_looks_below_its_upper_end_only():
    f = features(sine(120, amplitude=0.1) + sine(2000, amplitude=0.4))
    assert f["spectrum_mode_hz"] == 2000
    assert f["voice_range_mode_hz"] == 120
    assert f["voice_range_q75_hz"] <= PARAMS.voice_range_hz
    assert f["voice_range_mean_frequency_hz"] == pytest.approx(120, abs=0.5)


@pytest.mark.parametrize("period", [50, 80, 128, 200])
def test_pulse_train(period):
    f = features(pulses(period))
    hz = RATE_HZ / period
    # Bins are a tenth of a semitone wide.
    half_bin = 2 ** (1 / 240) - 1
    for name in ("median", "mean", "q25", "q75"):
        assert f[f"f0_{name}_hz"] == pytest.approx(hz, rel=half_bin + 1e-4), name
    assert (f["f0_range_hz"], f["f0_std_hz"]) == pytest.approx((0, 0), abs=1e-9)
    assert f["voiced_share"] > 0.9
    # A pulse train's spectrum is a comb of equal teeth: entropy log(teeth) / log(bins).
    teeth = len(np.arange(0, RATE_HZ / 2 + 1, hz))
    assert f["spectrum_entropy"] == pytest.approx(np.log(teeth) / np.log(8001), rel=0.01)
    assert f["spectrum_mean_frequency_hz"] == pytest.approx(RATE_HZ / 4, rel=0.02)


def test_voiced_share_counts_frames():
    samples = np.r_[pulses(100, 1.0), noise(1.0, amplitude=0.05), np.zeros(2 * RATE_HZ)]
    f = features(samples)
    assert f["voiced_share"] == pytest.approx(0.25, abs=0.03)
    assert f["f0_median_hz"] == pytest.approx(160, rel=0.003)


def test_f0_outside_the_range_is_not_claimed():
    f = features(pulses(400))  # 40 Hz; its pulses come too seldom for frames of 64 ms to show two periods in the range
    assert f["f0_median_hz"] == 0 or PARAMS.f0_min_hz <= f["f0_median_hz"] <= PARAMS.f0_max_hz


def test_white_noise():
    f = features(noise(4.0, amplitude=0.1))
    assert f["spectrum_mean_frequency_hz"] == pytest.approx(4000, rel=0.01)
    assert f["spectrum_median_hz"] == pytest.approx(4000, rel=0.02)
    assert f["spectrum_q25_hz"] == pytest.approx(2000, rel=0.02)
    assert f["spectrum_iqr_hz"] == pytest.approx(4000, rel=0.02)
    # Amplitudes of Gaussian noise are Rayleigh distributed: √(π/2)σ in the mean, σ√2·exp(−γ/2) in the geometric one.
    assert f["spectrum_flatness"] == pytest.approx(
        np.sqrt(2) * np.exp(-np.euler_gamma / 2) / np.sqrt(np.pi / 2), rel=0.01
    )
    assert f["spectrum_skewness"] == pytest.approx(0.631, abs=0.05)
    assert f["spectrum_kurtosis"] == pytest.approx(3.245, abs=0.15)
    assert f["spectrum_entropy"] > 0.97
    assert f["zero_crossing_rate_mean"] == pytest.approx(0.5, abs=0.01)
    assert f["rms_mean"] == pytest.approx(0.1 * np.sqrt(3 / 8 * PARAMS.frame_length / PARAMS.n_fft), rel=0.02)
    # The mean of exponentially distributed powers is 1, their geometric mean exp(−γ).
    assert f["flatness_mean"] == pytest.approx(np.exp(-np.euler_gamma), rel=0.03)
    assert f["rolloff_mean_hz"] == pytest.approx(0.85 * 8000, rel=0.02)
    assert f["voiced_share"] < 0.1


def test_spectrum_of_four_bins_by_hand():
    frequencies_hz, amplitudes = np.array([0.0, 100, 200, 300]), np.array([1.0, 4.0, 3.0, 2.0])
    values = spectrum_properties(frequencies_hz, amplitudes, low_hz=0, high_hz=300)
    p = dict(zip(SPECTRUM, values.tolist(), strict=True))
    assert p["mean_frequency_hz"] == pytest.approx(160)
    assert p["deviation_hz"] == pytest.approx(np.sqrt(0.1 * 160**2 + 0.4 * 60**2 + 0.3 * 40**2 + 0.2 * 140**2))
    # Cumulated: 0.1, 0.5, 0.8, 1. "Exceeds": exactly 1/2 does not.
    assert (p["q25_hz"], p["median_hz"], p["q75_hz"], p["iqr_hz"]) == (100, 200, 200, 100)
    assert p["mode_hz"] == 100
    # Parabola through (−1, 1), (0, 4), (1, 3): vertex at (1 − 3) / (2·(1 − 8 + 3)) = 1/4 of a bin.
    assert p["peak_frequency_hz"] == pytest.approx(125)
    assert p["skewness"] == pytest.approx(0, abs=1e-12)
    s2 = (0.15**2 * 2 + 0.05**2 * 2) / 3
    assert p["kurtosis"] == pytest.approx((0.15**4 * 2 + 0.05**4 * 2) / 3 / s2**2)
    assert p["flatness"] == pytest.approx(24**0.25 / 2.5)


def test_spectrum_of_a_part_includes_both_ends():
    frequencies_hz, amplitudes = np.arange(0.0, 500, 10), np.zeros(50)
    amplitudes[[10, 20]] = 1  # 100 and 200 Hz
    inside = spectrum_properties(frequencies_hz, amplitudes, low_hz=100, high_hz=200)
    assert inside[SPECTRUM.index("mean_frequency_hz")] == 150
    assert inside[SPECTRUM.index("mode_hz")] == 100
    assert spectrum_properties(frequencies_hz, amplitudes, low_hz=110, high_hz=190).tolist() == [0.0] * 12
    assert spectrum_properties(frequencies_hz, amplitudes, low_hz=195, high_hz=205).tolist() == [0.0] * 12


def test_a_flat_spectrum_has_entropy_and_flatness_one():
    flat = spectrum_properties(np.arange(0.0, 100), np.ones(100), low_hz=0, high_hz=99)
    p = dict(zip(SPECTRUM, flat.tolist(), strict=True))
    assert (p["entropy"], p["flatness"]) == pytest.approx((1, 1))
    assert np.isfinite(flat).all()


def test_int16_and_float_give_the_same():
    samples = (sine(150, 2.0) * 20000 + noise(2.0, amplitude=100)).astype(np.int16)
    row, log_mel_db = EXTRACTOR.extract(samples)
    for scaled in (samples / 32768, (samples / 32768).astype(np.float32)):
        other_row, other_log_mel_db = EXTRACTOR.extract(scaled)
        np.testing.assert_array_equal(row, other_row)
        np.testing.assert_array_equal(log_mel_db, other_log_mel_db)


def test_neither_memory_layout_nor_earlier_clips_matter():
    samples = noise(1.0).astype(np.float32)
    row = EXTRACTOR(samples)
    EXTRACTOR(sine(3000, 3.0))
    np.testing.assert_array_equal(EXTRACTOR(np.repeat(samples, 2)[::2]), row)
    np.testing.assert_array_equal(FeatureExtractor(PARAMS)(samples), row)


def test_the_number_of_threads_does_not_matter():
    samples = noise(3.0)
    with threadpool_limits(1):
        row, log_mel_db = EXTRACTOR.extract(samples)
    with threadpool_limits(2):
        other_row, other_log_mel_db = EXTRACTOR.extract(samples)
    np.testing.assert_array_equal(row, other_row)
    np.testing.assert_array_equal(log_mel_db, other_log_mel_db)


def test_samples_are_left_as_they_are():
    samples = noise(1.0).astype(np.float32)
    samples.flags.writeable = False
    before = samples.copy()
    EXTRACTOR(samples)
    np.testing.assert_array_equal(samples, before)


def test_level_changes_levels_only():
    """Half the amplitude: 6.02 dB less everywhere, and nothing else."""
    quiet, loud = (features(amplitude * sine(200) + amplitude * noise(1.0)) for amplitude in (0.5, 1.0))
    for name, value in loud.items():
        if name == "mfcc_00_mean":
            assert value - quiet[name] == pytest.approx(20 * np.log10(2) * np.sqrt(PARAMS.mel_bands), rel=1e-4)
        elif name.startswith("rms_"):
            assert value == pytest.approx(2 * quiet[name], rel=1e-4)
        elif name.startswith("loudness_"):  # a power law: power^0.33
            assert value == pytest.approx(2**0.66 * quiet[name], rel=2e-3)
        elif not name.startswith("contrast"):  # librosa's contrast knows an absolute floor
            assert value == pytest.approx(quiet[name], rel=2e-3, abs=2e-4), name


#: How a feature's name ends, by its unit.
SUFFIXES = {
    "1": "",
    "1/s": ("_per_second", "_rate_hz"),
    "Hz": "_hz",
    "cm": "_cm",
    "dB": "_db",
    "dB/Hz": "_db_per_hz",
    "kHz": "_khz",
    "s": "_seconds",
}
ALL_SUFFIXES = ("_cm", "_db", "_hz", "_khz", "_per_second", "_seconds")


def test_rows_are_described():
    row, log_mel_db = EXTRACTOR.extract(noise(1.0))
    assert row.dtype == np.float32
    assert row.shape == (len(EXTRACTOR.names),)
    assert len(set(EXTRACTOR.names)) == len(EXTRACTOR.names)
    assert log_mel_db.shape == (1 + RATE_HZ // PARAMS.hop_length, PARAMS.mel_bands)
    assert log_mel_db.dtype == np.float16
    for feature in EXTRACTOR.features:
        assert feature.definition
        assert feature.name.endswith(SUFFIXES[feature.unit]) or (feature.unit, feature.name[:4]) == ("dB", "mfcc")
        assert feature.unit != "1" or not feature.name.endswith(ALL_SUFFIXES)


def test_the_whole_set_is_there():
    """Every statistic of every feature that the project promises."""
    promised = [f"{part}_{name}" for part in ("spectrum", "voice_range") for name in SPECTRUM]
    series = {
        "zero_crossing_rate": "",
        "flatness": "",
        "rms": "",
        "bandwidth": "_hz",
        "centroid": "_hz",
        "rolloff": "_hz",
    }
    series |= {f"tonnetz_{i}": "" for i in range(1, 7)} | {f"contrast_{i}": "_db" for i in range(1, 7)}
    promised += [f"{n}_{s}{unit}" for n, unit in series.items() for s in ("mean", "min", "max", "std")]
    promised += [
        f"{n}_{i:02d}_{s}" for n in ("mfcc", "mfcc_delta") for i in range(PARAMS.mfcc) for s in ("mean", "std")
    ]
    promised += [f"f0_{s}_hz" for s in ("median", "mean", "std", "q25", "q75", "range")] + ["voiced_share"]
    promised += [f"f{n}_{s}_hz" for n in range(1, 5) for s in ("median", "std", "bandwidth_median")]
    promised += ["formant_dispersion_hz", "vocal_tract_length_cm"]
    promised += [f"jitter_{s}" for s in ("local", "rap", "ppq5")] + [f"shimmer_{s}" for s in ("local", "apq3", "apq11")]
    balance = ("hnr", "h1_h2", "cpp", "alpha_ratio", "hammarberg_index")
    promised += [f"{n}_{s}_db" for n in balance for s in ("mean", "std")]
    promised += [f"slope_{n}_{s}_db_per_hz" for n in ("0_500", "500_1500") for s in ("mean", "std")]
    promised += [f"loudness_{s}" for s in ("mean", "std", "p20", "p50", "p80", "p20_to_p80")]
    promised += [f"voice_table_{name}" for name in VOICE_TABLE]
    promised += ["speech_share", "pauses_per_second", "pause_mean_seconds", "phonation_seconds"]
    promised += ["speaking_rate_hz", "articulation_rate_hz"]
    assert sorted(EXTRACTOR.names) == sorted(promised)
    assert len(SPECTRUM) == 12
    assert len(VOICE_TABLE) == 20


@pytest.mark.parametrize("length", [0, 1, 7, 159, 160])
def test_log_mel_has_a_frame_every_hop(length):
    assert EXTRACTOR.extract(np.zeros(PARAMS.frame_length + length))[1].shape[0] == 1 + (400 + length) // 160


def test_log_mel_of_a_sine_peaks_in_its_band():
    log_mel_db = EXTRACTOR.extract(sine(1000))[1].astype(float)
    centre = log_mel_db[len(log_mel_db) // 2]
    # Slaney's mel scale is linear up to 1 kHz, 200/3 Hz a mel, then logarithmic, 27 steps for a factor of 6.4.
    top = 15 + 27 * np.log(8) / np.log(6.4)
    band = 15 / top * (PARAMS.mel_bands + 1) - 1
    assert abs(centre.argmax() - band) <= 1
    assert centre.max() - np.median(centre) > 40


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros(399, np.int16), r"shape \(399,\); allowed: one channel, 400 samples or more"),
        (np.zeros(0, np.int16), r"shape \(0,\)"),
        (np.zeros((2, RATE_HZ), np.int16), r"shape \(2, 16000\); allowed: one channel"),
        (np.array(1.0), r"shape \(\)"),
        (np.r_[noise(1.0), np.nan], "not finite"),
        (np.r_[noise(1.0), -np.inf], "not finite"),
        (np.full(RATE_HZ, 1e300), r"peak of 1e\+300; allowed: −1 to 1"),
        (noise(1.0) * 32768, "allowed: −1 to 1"),
        (np.zeros(RATE_HZ, np.int32), "type int32; allowed: int16 or float"),
        (np.zeros(RATE_HZ, np.uint8), "type uint8"),
        (np.zeros(RATE_HZ, bool), "type bool"),
        (np.zeros(RATE_HZ, complex), "type complex128"),
    ],
)
def test_what_is_no_clip_is_refused(samples, message):
    with pytest.raises(DataError, match=message):
        EXTRACTOR(samples)


@pytest.mark.parametrize(
    "changes",
    [
        {"frame_seconds": 0.005, "mel_bands": 8, "mfcc": 8},
        {"frame_seconds": 0.0113},  # 180.8 samples
        {"frame_seconds": 0.25},
        {"hop_seconds": 0.001},
        {"hop_seconds": 1.0},
        {"mel_bands": 128, "mfcc": 100},
        {"mel_bands": 4, "mfcc": 2},
        {"voice_range_hz": 50.0},
        {"voice_range_hz": 8000.0},
        {"f0_min_hz": 20.0, "f0_frame_seconds": 0.1},
        {"f0_max_hz": 2000.0},
        {"f0_frame_seconds": 0.0333334},  # 533.3 samples
        {"f0_min_hz": 999.0, "f0_max_hz": 1000.0, "f0_frame_seconds": 0.01},
        {"pre_emphasis": 0.0},
    ],
    ids=str,
)
def test_every_allowed_setting_works(changes):
    extractor = FeatureExtractor(replace(PARAMS, **changes))
    for samples in (noise(0.5), sine(440, 0.5), np.zeros(RATE_HZ // 2)):
        row, log_mel_db = extractor.extract(samples)
        assert len(row) == len(extractor.names)
        assert np.isfinite(row).all()
        assert log_mel_db.shape == (1 + len(samples) // extractor.params.hop_length, extractor.params.mel_bands)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mfcc": 65}, r"`featurize\.mfcc` is 65; allowed: up to featurize\.mel_bands"),
        ({"f0_min_hz": 400.0}, r"`featurize\.f0_min_hz` is 400\.0; allowed: below f0_max_hz"),
        ({"f0_frame_seconds": 0.03}, r"`featurize\.f0_frame_seconds` is 0\.03; allowed: 0\.0333 or more, two periods"),
    ],
)
def test_settings_that_contradict_each_other(changes, message):
    with pytest.raises(ParameterError, match=message):
        type(PARAMS)(**{**asdict(PARAMS), **changes})


def test_one_setting_changes_what_it_should():
    """Pre-emphasis concerns MFCC and log-mel alone; the F0 range what looks at voiced frames; and so on."""
    samples = noise(1.0) * 0.1 + pulses(100)
    plain = features(samples)
    for changes, concerned in (
        ({"pre_emphasis": 0.5}, ("mfcc",)),
        ({"f0_max_hz": 120.0}, ("f0_", "voiced", *VOICED)),
        ({"voice_range_hz": 500.0}, ("voice_range",)),
        ({"formant_ceiling_hz": 5000.0}, VOICED),
    ):
        other = features(samples, FeatureExtractor(replace(PARAMS, **changes)))
        changed = {name for name in plain if plain[name] != other[name]}
        assert changed
        assert all(name.startswith(concerned) for name in changed), changes
