"""Nets of a target explained from what the stages before have left: audio, splits, saved nets of two folds."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from support.sounds import RATE_HZ, noise
from voicetraits.errors import DataError
from voicetraits.explaining import occluding
from voicetraits.explaining.class_maps import SaliencyParams
from voicetraits.explaining.explanation import Data
from voicetraits.explaining.gradients import keras
from voicetraits.explaining.held_out import HeldOutClips, Intervals
from voicetraits.explaining.net_explanation import FAITHFULNESS, SALIENCY, explain_nets, read_samples
from voicetraits.explaining.occluding import BANDS as BANDS_OF_SOUND
from voicetraits.explaining.occluding import STEPS, occlude_sounds
from voicetraits.files import write_parquet
from voicetraits.front_ends import mfc_image, mfcc_image, signal_windows, spectral_statistics

BANDS, HIGH, LOW = 16, slice(10, 16), slice(0, 6)
SETTINGS = SaliencyParams(clips=6, steps=8, masked_share=0.2, random_masks=4)
FRONT_END = {"mel_bands": BANDS, "frame_seconds": 0.025, "hop_seconds": 0.01, "pre_emphasis": 0.0}


def hiss_or_hum_net() -> keras.Model:
    """Sounds with more in the high bands than in the low ones are of the second class."""
    clip, mask = keras.Input((None, BANDS), name="clip"), keras.Input((None,), name="mask")
    frames = keras.layers.Conv1D(2, 1, use_bias=False, name="frames")(clip)
    mean = keras.ops.sum(frames * mask[..., None], axis=1) / keras.ops.sum(mask, axis=1)[..., None]
    out = keras.layers.Dense(2, activation="softmax", use_bias=False, name="out")(mean)
    net = keras.Model([clip, mask], out, name="hiss_or_hum")
    kernel = np.zeros((1, BANDS, 2), np.float32)
    kernel[0, HIGH], kernel[0, LOW] = [-0.02, 0.02], [0.02, -0.02]
    net.get_layer("frames").set_weights([kernel])
    net.get_layer("out").set_weights([np.eye(2, dtype=np.float32)])
    return net


def centroid_net() -> keras.Model:
    """Sounds whose spectrum lies above 2 kHz are of the second class, as statistics of the whole clip tell."""
    names = spectral_statistics.FrontEnd().names
    clip = keras.Input((len(names),), name="clip")
    net = keras.Model(clip, keras.layers.Dense(2, activation="softmax", name="out")(clip), name="centroid")
    kernel = np.zeros((len(names), 2), np.float32)
    kernel[names.index("centroid_mean_hz")] = [-0.001, 0.001]
    net.get_layer("out").set_weights([kernel, np.array([2, -2], np.float32)])
    return net


def by_row_net() -> keras.Model:
    """Windows of 2000 samples, each by itself: those with a larger mean square are of the second class."""
    clip = keras.Input((2000,), name="clip")
    power = keras.ops.mean(keras.ops.square(clip), axis=1, keepdims=True)
    logits = keras.ops.concatenate([power, 2 - power], axis=1)
    return keras.Model(clip, keras.ops.softmax(logits), name="by_row")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Twelve speakers, a clip each: hum of the first class, hiss of the second; two folds; what explain_nets takes."""
    rng = np.random.default_rng(0)
    names = [f"s{number:02d}" for number in range(12)]
    genders = ["female", "male"] * 6
    t = np.arange(8000) / 16_000
    hum, hiss = np.sin(2 * np.pi * 200 * t), np.diff(rng.normal(size=8001), 1)
    clips = [(0.3 * (hum if gender == "female" else hiss) + 0.01 * rng.normal(size=8000)) for gender in genders]
    samples = [np.clip(clip * 20_000, -32_768, 32_767).astype(np.int16) for clip in clips]
    ids = [f"{name}/a" for name in names]
    for shard in range(2):
        table = pa.table({"utterance_id": ids[shard::2], "samples": pa.array(samples[shard::2], pa.list_(pa.int16()))})
        write_parquet(table, tmp_path / f"audio/part-{shard:04d}.parquet")
    metadata = pd.DataFrame({"utterance_id": ids, "speaker_id": names, "archive": names, "gender": genders})
    splits = [
        ("gender", fold, name, "test" if (number < 6) == (fold == "0") else "train")
        for fold in ("0", "1")
        for number, name in enumerate(names)
    ]
    for fold in ("0", "1"):
        for net in (hiss_or_hum_net(), centroid_net()):
            folder = tmp_path / f"{net.name}/fold-{fold}"
            folder.mkdir(parents=True)
            (folder / "architecture.json").write_text(net.to_json())
            net.save_weights(folder / "net.weights.h5")
    configs = {
        "hiss_or_hum": SimpleNamespace(
            feature_names=("log_mel",), feature_params=FRONT_END, classes=("female", "male")
        ),
        "centroid": SimpleNamespace(
            feature_names=("spectral_statistics",), feature_params={}, classes=("female", "male")
        ),
    }
    monkeypatch.setattr(
        "voicetraits.explaining.net_explanation.saved.load",
        lambda folder: SimpleNamespace(config=configs[folder.parent.name]),
    )
    frame = pd.DataFrame(splits, columns=["target", "fold", "speaker_id", "side"])
    data = Data(None, metadata, frame, bootstrap_samples=100, confidence=0.9, seed=1)
    return tmp_path, data


def test_a_net_on_log_mel_frames_is_explained(project):
    folder, data = project
    found = explain_nets(
        "gender", {"hiss_or_hum": folder / "hiss_or_hum"}, data, SETTINGS, audio=folder / "audio"
    )  # fmt: skip
    saliency, faithfulness = found.plots["saliency"], found.plots["faithfulness"]
    assert tuple(saliency.columns) == SALIENCY
    assert tuple(faithfulness.columns) == FAITHFULNESS
    assert set(saliency["target"]) == {"gender"}
    added = saliency[saliency["method"] == "integrated_gradients"].set_index(["class", "band"])["value"]
    for name in ("female", "male"):
        assert added[name].loc[6:9].abs().max() == 0, "bands that no weight looks at"
        assert added[name].sum() > 1
    assert found.figures["hiss_or_hum"]["integrated_gradients_faithful"] == 1
    assert set(found.maps) == {"hiss_or_hum"}


def test_a_net_that_sees_something_else_is_explained_by_the_sound(project):
    folder, data = project
    found = explain_nets("gender", {"centroid": folder / "centroid"}, data, SETTINGS, audio=folder / "audio")
    saliency, faithfulness = found.plots["saliency"], found.plots["faithfulness"]
    assert tuple(saliency.columns) == SALIENCY
    assert tuple(faithfulness.columns) == FAITHFULNESS
    assert set(saliency["method"]) == set(faithfulness["method"]) == {"occlusion"}
    lost = saliency.set_index(["class", "band"])["value"].unstack()
    assert lost.loc["female"].idxmax() == 0, "without the hum only hiss is left"
    assert lost.loc["male"].idxmax() == 7, "without the upper hiss the rest lies lower"
    assert found.figures == {"centroid": {"occlusion_faithful": 1}}
    assert len(found.maps["centroid"]) == 2 * STEPS * BANDS_OF_SOUND


def test_a_net_of_single_rows_is_explained_by_the_mean_over_them():
    sound = noise(1.0).astype(np.float32)
    clips = HeldOutClips(np.array(["a", "b"]), np.array(["s", "t"]), np.array([0, 1]), ("female", "male"))
    over = Intervals.over(clips, samples=100, confidence=0.95, seed=0)
    found = occlude_sounds([by_row_net()] * 2, [sound] * 2, signal_windows.FrontEnd(), over, SETTINGS, seed=0)
    assert np.isfinite(found.bands["value"]).all()


@pytest.mark.parametrize(("front_end", "seconds"), [(mfc_image.FrontEnd(), 1.0), (mfcc_image.FrontEnd(), 2.0)])
def test_only_what_a_front_end_of_fixed_length_sees_is_cut_up(front_end, seconds):
    """A loud stretch beside it is nothing to the net, so no map may name it, and no random place may fall on it."""
    assert front_end.clip_seconds == seconds
    seen = occluding._seen(np.arange(8 * RATE_HZ, dtype=np.float32), front_end)
    assert len(seen) == seconds * RATE_HZ
    assert seen[0] == (8 - seconds) / 2 * RATE_HZ
    short = np.ones(RATE_HZ // 2, np.float32)
    assert len(occluding._seen(short, front_end)) == len(short)


def test_without_nets_a_chart_still_finds_its_columns(project):
    folder, data = project
    found = explain_nets("gender", {}, data, SETTINGS, audio=folder / "audio")
    assert found.figures == {}
    assert all(table.empty for table in found.plots.values())
    assert tuple(found.plots["saliency"].columns) == SALIENCY


def test_samples_of_some_clips(project):
    folder, _ = project
    found = read_samples(folder / "audio", ["s03/a", "s08/a"])
    assert set(found) == {"s03/a", "s08/a"}
    assert found["s03/a"].dtype == np.float32
    assert 0.1 < np.abs(found["s03/a"]).max() <= 1
    with pytest.raises(DataError, match="nobody/a is in no shard of audio"):
        read_samples(folder / "audio", ["s03/a", "nobody/a"])
