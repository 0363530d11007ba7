"""Effects on clips: what each does, measured another way; and `augment`, for any clip and any setting."""

import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from support.sounds import RATE_HZ, noise, pulses, sine
from voicetraits import params
from voicetraits.augmentation.augment import augment, moves_pitch
from voicetraits.augmentation.levels import PEAK, amplify, limit, to_int16
from voicetraits.augmentation.masking import crop, mask
from voicetraits.augmentation.noise import add_noise, coloured_noise
from voicetraits.augmentation.params import AugmentParams
from voicetraits.augmentation.pitch import Voice
from voicetraits.augmentation.room import diffuse_room, in_room
from voicetraits.augmentation.sampling import at_rate
from voicetraits.augmentation.shoebox import Shoebox
from voicetraits.augmentation.spectra import apply_response, band, octaves
from voicetraits.augmentation.telephone import telephone
from voicetraits.errors import ParameterError

FILE = Path(__file__).parents[2] / "params.yaml"
DEFAULTS = params.get(params.load(FILE), "augment", AugmentParams)
EFFECTS = ("pitch", "tape", "speed", "room", "noise", "microphone", "sampling", "telephone", "gain")
SPEECH_LIKE = (pulses(100, 1.5) + noise(1.5, seed=1, amplitude=0.01)).astype(np.float32)


def with_shares(share: float, **changes: float) -> AugmentParams:
    """The project's setting, with this share of every effect, or those of `changes`."""
    content = asdict(DEFAULTS)
    for effect in EFFECTS:
        content[effect]["share"] = changes.get(effect, share)
    return params.get({"augment": content}, "augment", AugmentParams)


def level_db(samples: np.ndarray) -> float:
    """RMS of what is left of a clip without its ends."""
    middle = samples[len(samples) // 8 : -len(samples) // 8]
    return 20 * np.log10(np.sqrt(np.mean(np.square(middle, dtype=np.float64))))


def reverberation_seconds(response: np.ndarray, fall_db: float = 25.0) -> float:
    """Time to lose 60 dB behind the direct sound, from −5 dB on, by the energy still to come (Schroeder 1965)."""
    tail = response[np.abs(response).argmax() + round(0.01 * RATE_HZ) :].astype(np.float64)
    to_come_db = 10 * np.log10(np.cumsum(np.square(tail)[::-1])[::-1] / np.square(tail).sum())
    begin, end = (int(np.argmax(to_come_db < -db)) for db in (5.0, 5.0 + fall_db))
    return (end - begin) / RATE_HZ * 60 / fall_db


def test_levels():
    quiet = np.array([0.0, 0.5, -1.0, PEAK], np.float32) * np.float32(0.9)
    assert limit(quiet).tobytes() == quiet.tobytes(), "within full scale: as it is"
    loud = limit(np.array([0.5, -2.0, 1.0]))
    np.testing.assert_allclose(loud, np.array([0.25, -1.0, 0.5]) * PEAK, rtol=1e-6)
    assert to_int16(np.array([1.5, -1.5, 0.0])).tolist() == [32767, -32767, 0]
    samples = np.arange(-32767, 32768, 111, dtype=np.int16)
    assert (to_int16(samples.astype(np.float32) / 32768) == samples).all()
    assert level_db(amplify(sine(200), -6.0)) == pytest.approx(level_db(sine(200)) - 6, abs=1e-5)


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 10.0, 30.0])
@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_noise_has_the_ratio_asked_for(snr_db, exponent):
    """An offset counts for nothing: it would let noise drown a quiet voice."""
    clip = sine(150, 2.0) + 0.3
    added = add_noise(clip.astype(np.float32), snr_db, exponent, np.random.default_rng(5)) - clip
    ratio_db = 10 * np.log10(np.mean(np.square(sine(150, 2.0))) / np.mean(np.square(added)))
    assert ratio_db == pytest.approx(snr_db, abs=0.05)


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_noise_has_the_colour_asked_for(exponent):
    made = coloured_noise(20 * RATE_HZ, exponent, np.random.default_rng(2))
    assert made.dtype == np.float32
    hz, density = scipy.signal.welch(made, RATE_HZ, nperseg=4096)
    heard = (hz > 100) & (hz < 7000)
    slope = np.polyfit(np.log2(hz[heard]), 10 * np.log10(density[heard]), 1)[0]
    assert slope == pytest.approx(-3.01 * exponent, abs=0.15)


def test_noise_leaves_silence_silent():
    assert not add_noise(np.zeros(100, np.float32), 0.0, 1.0, np.random.default_rng(0)).any()


def test_responses_at_single_frequencies():
    edges = band(300.0, 3400.0, 6)
    for hz, expected_db in ((300, -3.01), (3400, -3.01), (1000, 0.0), (150, -36.1)):
        assert level_db(apply_response(sine(hz), edges)) - level_db(sine(hz)) == pytest.approx(expected_db, abs=0.1)
    tilted = octaves(np.array([0.0, -6.0, 6.0]))  # at 125, 250 and 500 Hz
    for hz, expected_db in ((60, 0.0), (125, 0.0), (250, -6.0), (250 * 2**0.5, 0.0), (500, 6.0), (4000, 6.0)):
        changed_db = level_db(apply_response(sine(hz, 3.0), tilted)) - level_db(sine(hz, 3.0))
        assert changed_db == pytest.approx(expected_db, abs=0.1), hz


@pytest.mark.parametrize("rt60_seconds", [0.2, 0.5, 1.2])
@pytest.mark.parametrize("direct_db", [-3.0, 10.0])
def test_a_diffuse_room_reverberates_as_asked(rt60_seconds, direct_db):
    response = diffuse_room(rt60_seconds, direct_db, np.random.default_rng(3))
    assert reverberation_seconds(response) == pytest.approx(rt60_seconds, rel=0.1)
    energy = np.square(response, dtype=np.float64)
    assert 10 * np.log10(energy[0] / energy[1:].sum()) == pytest.approx(direct_db, abs=0.01)


def test_a_room_keeps_step_length_and_power():
    click = np.zeros(RATE_HZ, np.float32)
    click[[5000, 15990]] = 0.5
    wet = in_room(click, np.concatenate([np.zeros(200), diffuse_room(0.4, 6.0, np.random.default_rng(1))]))
    assert len(wet) == len(click)
    assert np.abs(wet[:4990]).max() < 1e-6
    assert np.argsort(-np.abs(wet))[:2].tolist() in ([5000, 15990], [15990, 5000])
    assert np.var(wet) == pytest.approx(np.var(click), rel=1e-4)
    assert not in_room(np.zeros(50, np.float32), diffuse_room(0.4, 6.0, np.random.default_rng(1))).any()


def test_a_shoebox_has_the_images_that_a_plain_loop_finds():
    """Each image from Allen and Berkley's equation, one at a time, in the first 30 ms."""
    room = Shoebox((4.0, 3.0, 2.5), (1.0, 1.2, 1.5), (2.5, 1.7, 1.1), absorption=0.3)
    expected = np.zeros(round(0.03 * RATE_HZ))
    for parity in np.ndindex(2, 2, 2):
        for shift in np.ndindex(11, 11, 11):
            axes = zip(room.speaker_metres, parity, shift, room.size_metres, strict=True)
            moved = [place - 2 * p * place + 2 * (k - 5) * size for place, p, k, size in axes]
            bounces = sum(abs(k - 5 - p) + abs(k - 5) for p, k in zip(parity, shift, strict=True))
            metres = np.linalg.norm(np.subtract(moved, room.microphone_metres))
            if (sample := round(metres / 343 * RATE_HZ)) < len(expected):
                expected[sample] += 0.7 ** (bounces / 2) / (4 * np.pi * metres)
    filtered = scipy.signal.lfilter(*scipy.signal.butter(2, 80, "highpass", fs=RATE_HZ), expected)
    np.testing.assert_allclose(room.impulse_response()[: len(expected)], filtered / np.abs(filtered).max(), atol=2e-5)


@pytest.mark.parametrize("absorption", [0.2, 0.4])
def test_a_shoebox_reverberates_for_eyrings_time_or_a_little_longer(absorption):
    room = Shoebox((6.0, 4.5, 2.7), (2.0, 1.5, 1.5), (2.8, 2.2, 1.2), absorption=absorption)
    volume, surface = 6 * 4.5 * 2.7, 2 * (6 * 4.5 + 6 * 2.7 + 4.5 * 2.7)
    eyring_seconds = 24 * np.log(10) / 343 * volume / (-surface * np.log(1 - absorption))
    assert 0.95 * eyring_seconds < reverberation_seconds(room.impulse_response(), 20.0) < 1.5 * eyring_seconds


@pytest.mark.parametrize("rate_hz", [7000.0, 8000.0, 11025.0, 13217.3])
def test_a_lower_rate_has_nothing_above_half_of_it(rate_hz):
    """What it can hold comes back as it was, in its place."""
    low, high = (sine(share * rate_hz / 2, 1.0, 0.4).astype(np.float32) for share in (0.8, 1.1))
    heard = at_rate(low + high, rate_hz)
    assert (heard.dtype, len(heard)) == (np.float32, RATE_HZ)
    np.testing.assert_allclose(heard[1000:-1000], low[1000:-1000], atol=1e-3)


def test_a_telephone_passes_its_band_alone():
    heard = telephone(noise(2.0, seed=4).astype(np.float32))
    hz, density = scipy.signal.welch(heard, RATE_HZ, nperseg=2048)
    inside = density[(hz > 500) & (hz < 3000)].mean()
    assert density[hz > 4100].max() < 1e-6 * inside
    assert density[hz < 100].max() < 1e-3 * inside
    assert len(heard) == 2 * RATE_HZ


def test_a_telephone_line_adds_the_noise_of_eight_bits_and_no_delay():
    clip = sine(1000, 1.0, 0.4).astype(np.float32)
    heard = telephone(clip)
    error = (heard - clip)[2000:-2000]
    assert 30 < level_db(clip) - 10 * np.log10(np.mean(np.square(error))) < 45


@pytest.mark.parametrize("samples", [np.zeros(RATE_HZ), np.full(RATE_HZ, 0.5), np.eye(1, RATE_HZ, 99)[0], noise()])
def test_a_clip_without_voice_is_stretched_and_nothing_else(samples):
    voice = Voice(samples.astype(np.float32))
    assert not voice.is_voiced
    assert len(voice.change(pitch=1.3)) == RATE_HZ
    assert len(voice.change(pitch=1.3, formants=1.1, speed=0.8)) == 1.25 * RATE_HZ
    assert np.isfinite(voice.change(pitch=0.7, speed=1.2)).all()


def test_a_clip_too_short_for_praat_comes_back():
    for count in (1, 799):
        samples = noise()[:count].astype(np.float32)
        assert Voice(samples).change(pitch=1.2, speed=0.9).tobytes() == samples.tobytes()
        assert not Voice(samples).is_voiced
    assert len(Voice(noise()[:800].astype(np.float32)).change(speed=0.8)) == 1000


def test_nothing_asked_nothing_changed():
    assert Voice(SPEECH_LIKE).change().tobytes() == SPEECH_LIKE.tobytes()
    assert augment(SPEECH_LIKE, with_shares(0.0), np.random.default_rng(0)).tobytes() == SPEECH_LIKE.tobytes()


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    share=st.sampled_from([0.0, 0.5, 1.0]),
    kind=st.sampled_from(["silence", "click", "square", "noise", "voice"]),
    count=st.integers(1, 20_000),
)
def test_any_clip_stays_finite_and_within_full_scale(seed, share, kind, count):
    clip = {
        "silence": np.zeros(count), "click": np.eye(1, count)[0], "square": np.sign(sine(100, 2.0)[:count]),
        "noise": noise(2.0, seed=seed % 100, amplitude=0.3)[:count], "voice": np.tile(SPEECH_LIKE, 2)[:count],
    }[kind].astype(np.float32)  # fmt: skip
    setting = with_shares(share)
    made = augment(clip, setting, np.random.default_rng(seed))
    assert made.dtype == np.float32
    assert np.isfinite(made).all()
    assert np.abs(made).max() <= PEAK
    assert 0.75 * count - 1 <= len(made) <= 1.3 * count + 1  # pace: tape × speed
    assert augment(clip, setting, np.random.default_rng(seed)).tobytes() == made.tobytes()


@pytest.mark.parametrize("effect", EFFECTS)
def test_each_effect_has_its_share(effect):
    setting, own = with_shares(0.0, **{effect: 0.3}), SPEECH_LIKE[:4000]
    rng = np.random.default_rng(8)
    changed = sum(augment(own, setting, rng).tobytes() != own.tobytes() for _ in range(150))
    assert 25 <= changed <= 65  # 45 expected, deviation 5.6


def test_no_clip_is_worn_twice():
    versions = {augment(SPEECH_LIKE, with_shares(1.0), np.random.default_rng([7, n])).tobytes() for n in range(8)}
    assert len(versions) == 8


def test_masks_hold_the_mean_and_leave_half():
    matrix = np.random.default_rng(0).normal(size=(120, 64)).astype(np.float32)
    always = {**asdict(DEFAULTS.mask), "time_share": 1.0, "band_share": 1.0, "time_seconds": 2.0}
    setting = type(DEFAULTS.mask)(**always)
    lost = []
    for seed in range(200):
        masked = mask(matrix, setting, np.random.default_rng(seed), hop_seconds=0.01)
        assert masked.shape == matrix.shape
        assert masked.dtype == matrix.dtype
        changed = masked != matrix
        assert (masked[changed] == matrix.mean(dtype=np.float64).astype(np.float32)).all()
        frames, bands = changed.all(axis=1), changed.all(axis=0)
        assert (changed == (frames[:, None] | bands[None, :])).all(), "whole frames and whole bands"
        assert frames.sum() <= 60
        assert bands.sum() <= 2 * int(setting.bands_share * 64)
        lost.append((frames.sum(), bands.sum()))
    assert np.min(np.max(lost, axis=0)) > 10, "nothing was ever masked"
    never = type(DEFAULTS.mask)(**{**always, "time_share": 0.0, "band_share": 0.0})
    assert (mask(matrix, never, np.random.default_rng(0), hop_seconds=0.01) == matrix).all()
    for frames in (1, 2):
        assert np.isfinite(mask(matrix[:frames], setting, np.random.default_rng(0), hop_seconds=0.01)).all()


def test_which_versions_have_another_pitch_is_known_beforehand():
    setting = with_shares(0.0, pitch=0.5)
    moved = [moves_pitch(setting, np.random.default_rng(seed)) for seed in range(20)]
    same = [(augment(SPEECH_LIKE, setting, np.random.default_rng(seed)) == SPEECH_LIKE).all() for seed in range(20)]
    assert [not one for one in same] == moved
    assert 4 < sum(moved) < 16


def test_crops_are_stretches_of_the_length_asked_for():
    matrix = np.arange(500)[:, None]
    setting = type(DEFAULTS.crop)(share=1.0, seconds=(1.0, 3.0))
    crops = [crop(matrix, setting, np.random.default_rng(seed), hop_seconds=0.01)[:, 0] for seed in range(300)]
    assert all((np.diff(one) == 1).all() for one in crops)
    lengths, starts = [len(one) for one in crops], [one[0] for one in crops]
    assert (min(lengths), max(lengths)) == (pytest.approx(100, abs=5), pytest.approx(300, abs=5))
    assert min(starts) < 10
    assert max(one[-1] for one in crops) > 490
    assert len(crop(matrix[:50], setting, np.random.default_rng(0), hop_seconds=0.01)) == 50
    whole = type(DEFAULTS.crop)(share=0.0, seconds=(1.0, 3.0))
    assert len(crop(matrix, whole, np.random.default_rng(0), hop_seconds=0.01)) == 500


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("noise", "snr_db", [20, 10], "`augment.noise.snr_db` is [20, 10]; allowed: two numbers, the smaller first"),
        ("pitch", "semitones", [-13, 3], "`augment.pitch.semitones.0` is -13; allowed: greater than or equal to -12"),
        ("pitch", "targets", ["accent"], "`augment.pitch.targets.0` is 'accent'; allowed: 'gender' or 'age'"),
        ("pitch", "targets", ["age", "age"], "`augment.pitch.targets` is ['age', 'age']; allowed: each target once"),
        ("room", "share", 1.5, "`augment.room.share` is 1.5; allowed: less than or equal to 1"),
        ("gain", "loudness", 1, "unknown key `augment.gain.loudness`; "),
    ],
)
def test_what_the_section_refuses(section, key, value, message):
    content = asdict(DEFAULTS)
    content[section][key] = value
    with pytest.raises(ParameterError, match=re.escape(message)):
        params.get({"augment": content}, "augment", AugmentParams)
