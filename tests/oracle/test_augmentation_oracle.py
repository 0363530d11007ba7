"""Effects against other implementations: µ-law against libsndfile, moved voices against Praat's pitch and formants."""

import io

import numpy as np
import pytest
import soundfile

from support.praat import PraatClip
from support.sounds import RATE_HZ
from support.voice import demo_clips, mirror_clips
from voicetraits.augmentation.pitch import Voice, semitones
from voicetraits.augmentation.telephone import mu_law_decode, mu_law_encode


def test_mu_law_of_every_sample():
    samples = np.arange(-32768, 32768).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, samples, 8000, format="RAW", subtype="ULAW")
    codes = np.frombuffer(file.getvalue(), np.uint8)
    np.testing.assert_array_equal(mu_law_encode(samples), codes)
    file.seek(0)
    decoded, _ = soundfile.read(file, dtype="int16", channels=1, samplerate=8000, format="RAW", subtype="ULAW")
    np.testing.assert_array_equal(mu_law_decode(codes), decoded)


def measured(samples: np.ndarray, ceiling_hz: float = 5500.0) -> tuple[float, np.ndarray]:
    """Median F0 and medians of F1 to F3, of five below a ceiling, over voiced frames, by Praat."""
    clip = PraatClip(samples)
    middles, frequencies_hz, _ = clip.formants_hz(ceiling_hz)
    pitch = clip.pitch(60.0, 600.0)
    f0_hz = np.nan_to_num([pitch.get_value_at_time((middle + 0.5) / RATE_HZ) for middle in middles])
    return float(np.median(f0_hz[f0_hz > 0])), np.nanmedian(frequencies_hz[f0_hz > 0], axis=0)[:3]


@pytest.fixture(scope="module")
def voices() -> list[tuple[np.ndarray, float, np.ndarray]]:
    """Speech with its F0 and formants."""
    return [(clip.samples, *measured(clip.samples)) for clip in demo_clips(6)]


@pytest.mark.parametrize("by", [-5.0, -3.0, 3.0, 5.0])
def test_pitch_moves_by_so_many_semitones_and_formants_stay(voices, by):
    check_pitch_moves_and_formants_stay(voices, by)


def check_pitch_moves_and_formants_stay(voices, by: float) -> None:
    """Of formants the mean over voices: harmonics that lie far apart draw each estimate of F1 towards them."""
    moved = [measured(Voice(samples).change(pitch=semitones(by))) for samples, _, _ in voices]
    shifts = [12 * np.log2(new_hz / hz) for (_, hz, _), (new_hz, _) in zip(voices, moved, strict=True)]
    assert shifts == pytest.approx([by] * len(voices), abs=0.5)
    assert np.median(shifts) == pytest.approx(by, abs=0.15)
    ratios = [new_hz / hz for (_, _, hz), (_, new_hz) in zip(voices, moved, strict=True)]
    np.testing.assert_allclose(np.mean(ratios, axis=0), 1, atol=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("by", [-5.0, -3.0, 3.0, 5.0])
def test_the_same_on_real_speech(mirror, by):
    clips = [clip.samples for _, clip in mirror_clips(mirror, every=24)]
    check_pitch_moves_and_formants_stay([(samples, *measured(samples)) for samples in clips], by)


def test_a_faster_tape_moves_pitch_and_formants(voices):
    ratios = []
    for samples, f0_hz, formants_hz in voices:
        faster = Voice(samples).change(pitch=1.1, formants=1.1, speed=1.1)
        assert len(faster) == round(len(samples) / 1.1)
        new_f0_hz, new_formants_hz = measured(faster, 1.1 * 5500)
        assert new_f0_hz / f0_hz == pytest.approx(1.1, rel=0.02)
        ratios.append(new_formants_hz / formants_hz)
    np.testing.assert_allclose(np.mean(ratios, axis=0), 1.1, atol=0.06)


def test_pace_alone_leaves_pitch_and_formants(voices):
    ratios = []
    for samples, f0_hz, formants_hz in voices:
        faster = Voice(samples).change(speed=1.2)
        assert len(faster) == round(len(samples) / 1.2)
        new_f0_hz, new_formants_hz = measured(faster)
        assert new_f0_hz / f0_hz == pytest.approx(1, rel=0.02)
        ratios.append(new_formants_hz / formants_hz)
    np.testing.assert_allclose(np.mean(ratios, axis=0), 1, atol=0.03)


def test_one_change_knows_nothing_of_another(voices):
    samples = voices[0][0]
    shared = Voice(samples)
    for change in ({"pitch": 1.2}, {"pitch": 0.8, "speed": 1.1}, {"pitch": 1.2}):
        assert shared.change(**change).tobytes() == Voice(samples).change(**change).tobytes()
