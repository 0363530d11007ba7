"""What nets see of a clip: shapes, silence, clips that are too short or too long, volume, and colours."""

from dataclasses import asdict
from importlib import import_module

import numpy as np
import pytest

from support.sounds import RATE_HZ, glide, noise, sine
from voicetraits.front_ends import log_mel, mfc_image, mfcc_image, signal_windows, spectral_statistics
from voicetraits.front_ends.clips import fit_length

MODULES = {module.FrontEnd.name: module for module in (
    log_mel, mfc_image, mfcc_image, signal_windows, spectral_statistics,
)}  # fmt: skip
OF_ALL_LENGTHS = ("log_mel", "signal_windows", "spectral_statistics")
VOICE = glide(120, 240, 3.0).astype(np.float32)
CLIPS = {
    "voice": VOICE,
    "half a second": VOICE[: RATE_HZ // 2],
    "shorter than a frame": VOICE[2000:2100],
    "one sample": VOICE[2000:2001],
    "silence": np.zeros(RATE_HZ, np.float32),
    "one click": np.eye(1, RATE_HZ, 5000, dtype=np.float32)[0],
    "full scale": np.where(VOICE > 0, 1, -1).astype(np.float32),
    "constant": np.full(RATE_HZ, 0.5, np.float32),
}


@pytest.fixture(params=MODULES)
def front_end(request):
    return MODULES[request.param].FrontEnd()


@pytest.mark.parametrize("clip", CLIPS.values(), ids=CLIPS.keys())
def test_shape_type_and_finite_values_whatever_the_clip(front_end, clip):
    made = front_end(clip)
    assert made.dtype == np.float32
    assert made.ndim == len(front_end.shape)
    assert len(made) >= 1
    assert all(wanted in (None, got) for wanted, got in zip(front_end.shape, made.shape, strict=True))
    assert np.isfinite(made).all()


def test_settings_make_it_again(front_end):
    module = import_module(f"voicetraits.front_ends.{front_end.name}")
    again = module.FrontEnd(**asdict(front_end))
    assert again == front_end
    np.testing.assert_array_equal(again(VOICE), front_end(VOICE))


def test_shapes_are_those_of_the_originals():
    assert mfcc_image.FrontEnd().shape == (40, 87)
    assert mfc_image.FrontEnd().shape == (98, 12, 3)
    assert signal_windows.FrontEnd().shape == (None, 2000)
    assert spectral_statistics.FrontEnd().shape == (292,)


@pytest.mark.parametrize("name", sorted(MODULES.keys() - set(OF_ALL_LENGTHS)))
def test_images_are_of_the_middle(name):
    front_end = MODULES[name].FrontEnd()
    length = round(front_end.clip_seconds * RATE_HZ)
    loud_ends = np.concatenate([noise(1.0, amplitude=0.9), VOICE[:length], noise(1.0, seed=1, amplitude=0.9)])
    np.testing.assert_array_equal(front_end(loud_ends.astype(np.float32)), front_end(VOICE[:length]))


@pytest.mark.parametrize("name", ["mfc_image", "mfcc_image", "signal_windows"])
def test_volume_does_not_count(name):
    front_end = MODULES[name].FrontEnd()
    np.testing.assert_allclose(front_end(VOICE / 8), front_end(VOICE), atol=1e-3)


def test_levels_lie_within_the_range_asked_for():
    """Digital silence looks like any quiet place."""
    clip = np.concatenate([VOICE, np.zeros(RATE_HZ, np.float32)])
    all_of_it, cut = log_mel.FrontEnd()(clip), log_mel.FrontEnd(range_db=60.0)(clip)
    assert np.ptp(all_of_it) > 85
    assert np.ptp(cut) == pytest.approx(60, abs=1e-4)
    np.testing.assert_array_equal(cut, np.clip(all_of_it, all_of_it.max() - np.float32(60), None))
    np.testing.assert_allclose(log_mel.FrontEnd(range_db=60.0)(clip / 8), cut - 20 * np.log10(8), atol=1e-3)


def test_values_of_images_are_of_a_size_that_nets_learn_from():
    image = mfcc_image.FrontEnd()(VOICE)
    assert 0.2 < image.std() < 3
    assert np.percentile(np.abs(image), 90) < 4
    picture = mfc_image.FrontEnd()(VOICE)
    assert picture.min() >= 0
    assert picture.max() <= 1
    assert picture.std() > 0.2


def test_fit_length():
    counted = np.arange(1, 6)
    np.testing.assert_array_equal(fit_length(counted, 5), counted)
    np.testing.assert_array_equal(fit_length(counted, 2), [2, 3])
    np.testing.assert_array_equal(fit_length(counted, 3), [2, 3, 4])
    np.testing.assert_array_equal(fit_length(counted, 8), [0, 1, 2, 3, 4, 5, 0, 0])
    np.testing.assert_array_equal(fit_length(counted[:0], 2), [0, 0])


def test_colours_go_from_blue_over_green_to_red():
    shown = mfc_image.colours(np.array([0, 0.125, 0.375, 0.5, 0.625, 0.875, 1, -7, 7]))
    dark_blue, blue, cyan, red, dark_red = (0, 0, 0.5), (0, 0, 1), (0, 1, 1), (1, 0, 0), (0.5, 0, 0)
    middle, yellow = (0.5, 1, 0.5), (1, 1, 0)
    expected = [dark_blue, blue, cyan, middle, yellow, red, dark_red, dark_blue, dark_red]
    np.testing.assert_allclose(shown, expected, atol=1e-12)


def test_each_level_has_a_colour_of_its_own():
    assert len(np.unique(mfc_image.colours(np.linspace(0, 1, 256)), axis=0)) == 256


def test_windows_overlap_by_half_and_drop_what_is_left():
    seconds = 1.05
    windows = signal_windows.FrontEnd()(sine(200, seconds).astype(np.float32))
    assert windows.shape == (1 + int((seconds - 0.25) / 0.125), 2000)
    np.testing.assert_array_equal(windows[1:, :1000], windows[:-1, 1000:])
    expected = np.sqrt(2) * np.sin(2 * np.pi * 200 * np.arange(2000) / 8000 + 2 * np.pi * 200 * 0.25)
    np.testing.assert_allclose(windows[2], expected, atol=0.01)


def test_windows_of_silence_stay_silent():
    faint = signal_windows.FrontEnd()(noise(1.0, amplitude=1e-5).astype(np.float32))
    assert np.abs(faint).max() < 0.1
