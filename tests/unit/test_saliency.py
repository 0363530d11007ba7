"""Grad-CAM, integrated gradients and their check, on nets whose answer is known: one band decides the class."""

import numpy as np
import pytest

from voicetraits.errors import ModelError
from voicetraits.explaining.class_maps import SaliencyParams
from voicetraits.explaining.faithfulness import hottest, score_drops
from voicetraits.explaining.gradients import GradCam, integrated_gradients, keras, last_layer_with_time, scores
from voicetraits.explaining.held_out import HeldOutClips, Intervals
from voicetraits.explaining.saliency import draw_clips, explain_net

layers, ops = keras.layers, keras.ops
FRAMES, BANDS, DECIDING = 24, 16, 11
BASELINE = np.zeros(BANDS, np.float32)
SETTINGS = SaliencyParams(clips=8, steps=16, masked_share=0.1, random_masks=4)


def image_net() -> keras.Model:
    """A convolution that passes cells on; a weighting in which one band alone counts, and for the second class."""
    clip = keras.Input((FRAMES, BANDS), name="clip")
    image = layers.Reshape((FRAMES, BANDS, 1), name="image")(clip)
    seen = layers.Conv2D(2, 3, padding="same", activation="relu", name="seen")(image)
    pooled = layers.GlobalAveragePooling2D(name="pooled")(seen)
    net = keras.Model(clip, layers.Dense(2, activation="softmax", name="out")(pooled), name="image_net")
    kernel = np.zeros((3, 3, 1, 2), np.float32)
    kernel[1, 1, 0] = [1, -1]  # what lies above and below the baseline
    net.get_layer("seen").set_weights([kernel, np.zeros(2, np.float32)])
    net.get_layer("out").set_weights([np.array([[-9.0, 9], [9, -9]], np.float32), np.zeros(2, np.float32)])
    return net


def band_net() -> keras.Model:
    """Frames of any number; the mean of one band over all frames decides. A branch weighs frames, all alike."""
    clip, mask = keras.Input((None, BANDS), name="clip"), keras.Input((None,), name="mask")
    hidden = layers.Conv1D(4, 1, name="hidden")(clip)
    weight = layers.Conv1D(1, 1, name="weight")(hidden)
    weight = layers.Softmax(axis=1, name="share")(weight + (1 - mask[..., None]) * -1e9)
    pooled = ops.sum(weight * hidden, axis=1)
    net = keras.Model([clip, mask], layers.Dense(2, activation="softmax", name="out")(pooled), name="band_net")
    kernel = np.zeros((1, BANDS, 4), np.float32)
    kernel[0, DECIDING] = [1, -1, 0, 0]
    net.get_layer("hidden").set_weights([kernel, np.zeros(4, np.float32)])
    net.get_layer("weight").set_weights([np.zeros((1, 4, 1), np.float32), np.zeros(1, np.float32)])
    out = np.array([[-3.0, 3], [3, -3], [0, 0], [0, 0]], np.float32)
    net.get_layer("out").set_weights([out, np.zeros(2, np.float32)])
    return net


def planted(label: int, *, frames: int = FRAMES, seed: int = 0) -> np.ndarray:
    """Noise, and in the deciding band a level above 0 for the second class, below it for the first."""
    clip = np.random.default_rng(seed).normal(0, 0.02, (frames, BANDS)).astype(np.float32)
    clip[:, DECIDING] += 2.0 * label - 1
    return clip


@pytest.mark.parametrize("label", [0, 1])
def test_both_methods_name_the_planted_band(label):
    clip = planted(label)
    heat = GradCam(image_net())(clip, label)
    assert heat.shape == clip.shape
    assert heat.min() >= 0
    assert heat.mean(axis=0).argmax() == DECIDING
    assert heat[:, DECIDING].sum() > 0.85 * heat.sum()
    for net in (image_net(), band_net()):
        added = integrated_gradients(net, clip, label, baseline=BASELINE, steps=8)
        assert added.shape == clip.shape
        assert added[:, DECIDING].sum() > 0.9 * np.abs(added).sum() - 0.1


def test_grad_cam_shows_the_frames_that_matter():
    """The level stands in one half of the clip only."""
    clip = planted(1)
    clip[: FRAMES // 2] = 0
    heat = GradCam(image_net())(clip, 1)
    assert heat[FRAMES // 2 :].sum() > 0.95 * heat.sum()
    over_time = GradCam(band_net())(clip, 1)
    assert np.ptp(over_time, axis=1).max() == 0, "a layer without bands has the same heat in all of them"
    assert over_time[FRAMES // 2 :].sum() > 0.95 * over_time.sum()


@pytest.mark.parametrize("net", [image_net, band_net])
def test_integrated_gradients_add_up(net):
    """Completeness: the sum is the score less that of the baseline."""
    model, clip = net(), planted(1, seed=3)
    added = integrated_gradients(model, clip, 1, baseline=BASELINE, steps=64)
    whole, nothing = scores(model, np.stack([clip, np.tile(BASELINE, (FRAMES, 1))]), 1)
    assert added.sum() == pytest.approx(whole - nothing, rel=1e-3)


def test_integrated_gradients_are_those_of_a_linear_score():
    """Where the score is linear, what a cell adds is its weight times its distance from the baseline."""
    model, clip = band_net(), planted(1, seed=4)
    baseline = np.linspace(-1, 1, BANDS).astype(np.float32)
    added = integrated_gradients(model, clip, 1, baseline=baseline, steps=5)
    expected = np.zeros_like(clip)
    expected[:, DECIDING] = 6 * (clip[:, DECIDING] - baseline[DECIDING]) / FRAMES
    assert added == pytest.approx(expected, abs=1e-5)


def test_the_layer_is_the_last_on_the_main_path():
    assert last_layer_with_time(image_net()).name == "seen"
    assert last_layer_with_time(band_net()).name == "hidden", "the weighting of frames lies beside it"


def test_a_net_without_time_is_refused():
    clip = keras.Input((8,), name="clip")
    with pytest.raises(ModelError, match="'flat' has no layer with a time axis"):
        last_layer_with_time(keras.Model(clip, layers.Dense(2, activation="softmax", name="out")(clip), name="flat"))


# Whether a map is true


def test_masking_the_named_region_costs_more_than_a_random_one():
    clip, heat = planted(1), np.zeros((FRAMES, BANDS))
    heat[:, DECIDING] = 1
    score = lambda clips: scores(band_net(), clips, 1)  # noqa: E731
    settings = {"baseline": BASELINE, "share": 1 / BANDS, "repeats": 8}
    named, random = score_drops(score, clip, heat, **settings, rng=np.random.default_rng(0))
    assert named == pytest.approx(6 * clip[:, DECIDING].mean(), rel=1e-3)
    assert random < named / 2
    wrong, _ = score_drops(score, clip, np.roll(heat, 3, axis=1), **settings, rng=np.random.default_rng(0))
    assert wrong == pytest.approx(0, abs=1e-5), "a map that names another band takes nothing"


def test_an_empty_map_names_nothing_and_is_counted():
    clip = planted(1)
    score = lambda clips: pytest.fail("there is nothing to mask")  # noqa: E731
    settings = {"baseline": BASELINE, "share": 0.2, "repeats": 2, "rng": np.random.default_rng(0)}
    assert score_drops(score, clip, np.zeros_like(clip), **settings) == (0, 0)
    faithfulness = averaged().faithfulness.set_index("method")
    assert faithfulness.loc["integrated_gradients", "empty_share"] == 0


@pytest.mark.parametrize(("share", "cells"), [(0.25, 4), (0.001, 1)])
def test_hottest(share, cells):
    heat = np.arange(16.0).reshape(4, 4)
    region = hottest(heat, share)
    assert region.sum() == cells
    assert heat[region].min() > heat[~region].max()


def averaged(settings=SETTINGS, seed=0):
    labels = np.array([0, 1] * 4)
    inputs = [planted(label, frames=20 + 3 * number, seed=number) for number, label in enumerate(labels)]
    ids = np.array([f"u{number}" for number in range(8)])
    intervals = Intervals.over(HeldOutClips(ids, ids, labels, ("female", "male")), samples=100, confidence=0.9, seed=1)
    return explain_net([band_net()] * 8, inputs, intervals, settings, seed=seed)


def test_maps_by_class_and_the_verdict():
    found = averaged()
    gradients = found.bands[found.bands["method"] == "integrated_gradients"].set_index(["class", "band"])["value"]
    for name in ("female", "male"):
        assert gradients[name].idxmax() == DECIDING
        assert gradients[name].sum() == pytest.approx(6, rel=0.1), "logits of the class"
    verdict = found.faithfulness.set_index("method").loc["integrated_gradients"]
    assert verdict["low"] > 0
    assert verdict["drop"] - verdict["random_drop"] == pytest.approx(verdict["difference"], abs=1e-5)
    # (methods, classes, steps of time, bands), whatever the clips' lengths
    assert len(found.maps) == 2 * 2 * 32 * BANDS
    assert np.isfinite(found.maps["value"]).all()
    again = averaged()
    for table in ("bands", "maps", "faithfulness"):
        assert getattr(found, table).equals(getattr(again, table)), "the same seed, the same maps"


def test_drawn_clips_are_of_every_class():
    labels = np.array([0] * 30 + [1] * 3)
    drawn = draw_clips(labels, 10, np.random.default_rng(0))
    assert np.bincount(labels[drawn]).tolist() == [5, 3]
    assert drawn.tolist() == sorted(set(drawn.tolist()))
