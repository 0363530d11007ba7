"""From sound to answer with each kind of model that the graph trains: the numbers that training stored, and why."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import soundfile

from support.dvc_project import DvcProject, traced, tracing
from voicetraits.errors import ModelError
from voicetraits.examples import read_splits, select_clips
from voicetraits.features.table import read_features
from voicetraits.front_ends.log_mel import FrontEnd
from voicetraits.inference.picture import picture
from voicetraits.inference.predictor import SAMPLE_RATE_HZ, Predictor

MODELS, TARGETS = ("softmax", "tfdf", "voicenet"), ("gender", "age")
CLIPS = 12
BOTH = pytest.mark.parametrize("target", TARGETS)
KINDS = pytest.mark.parametrize("model", MODELS)


@dataclass(frozen=True)
class Told:
    """What training stored of some test clips.

    Attributes:
        sounds: samples by utterance, (n,) int16 at 16 kHz.
        stored: predictions.parquet by utterance, in the same order.
        predictor: with the model that was trained for these test speakers.
    """

    sounds: Mapping[str, np.ndarray]
    stored: pd.DataFrame
    predictor: Predictor

    def by_class(self, utterance_id: str, prefix: str, target: str) -> dict[str, float]:
        classes = self.predictor.models[target].config.classes
        return {name: self.stored.loc[utterance_id, f"{prefix}_{name}"] for name in classes}


@pytest.fixture(scope="module")
def told(finished: DvcProject):
    data = finished.folder / "data"
    table = pq.read_table(sorted((data / "audio").glob("part-*.parquet")), columns=["utterance_id", "samples"])
    places = {name: place for place, name in enumerate(table["utterance_id"].to_pylist())}

    def of(model: str, target: str) -> Told:
        folder = data / "models" / model / target
        stored = pd.read_parquet(folder / "predictions.parquet").query("side == 'test'").set_index("utterance_id")
        stored = stored.sort_index().iloc[:: max(1, len(stored) // CLIPS)]
        sounds = {name: table["samples"][places[name]].values.to_numpy() for name in stored.index}
        (fold,) = stored["fold"].unique()
        return Told(sounds, stored, Predictor(folder / f"fold-{fold}"))

    return of


@KINDS
@BOTH
def test_the_sound_itself_gets_the_probabilities_that_training_stored(told, model, target):
    own = told(model, target)
    answers = {name: own.predictor((samples, SAMPLE_RATE_HZ)).answers[target] for name, samples in own.sounds.items()}
    answered = {name: answer for name, answer in answers.items() if answer.probabilities is not None}
    assert len(answered) > len(answers) / 2, "the gate lets most of the clips pass that it was trained on"
    for name, answer in answered.items():
        assert answer.probabilities == pytest.approx(own.by_class(name, "p", target), abs=1e-6)
        assert answer.confidence == max(answer.probabilities.values())
        assert answer.model.name == model
    assert len({answer.confidence for answer in answered.values()}) > 1


@KINDS
def test_both_targets_at_once_answer_as_each_by_itself(finished, told, model):
    folder = finished.folder / "data/models" / model
    both, alone = Predictor(folder), [Predictor(folder / target / "final") for target in TARGETS]
    for samples in list(told(model, "gender").sounds.values())[:4]:
        answers = both((samples, SAMPLE_RATE_HZ)).answers
        assert set(answers) == set(TARGETS)
        for predictor, target in zip(alone, TARGETS, strict=True):
            assert predictor((samples, SAMPLE_RATE_HZ)).answers[target] == answers[target]


@KINDS
def test_the_command_answers_with_neither_tensorflow_nor_keras(finished, told, model, tmp_path):
    sounds = list(told(model, "gender").sounds.values())[:2]
    for number, samples in enumerate(sounds):
        soundfile.write(tmp_path / f"{number}.wav", samples, SAMPLE_RATE_HZ, subtype="PCM_16")
    trace = tmp_path / "trace.jsonl"
    extra = ["--plot", str(tmp_path)] if model == "voicenet" else []
    done = finished.run(
        "python", "src/predict.py", str(tmp_path), "--model", model, "--format", "csv", *extra, **tracing(trace)
    )
    predictor = Predictor(finished.folder / "data/models" / model)
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert len(rows) == len(sounds) * len(TARGETS)
    for row in rows:
        place = int(row["path"].removesuffix(".wav")[-1])
        answer = predictor((sounds[place], SAMPLE_RATE_HZ)).answers[row["target"]]
        assert row["label"] == (answer.label or "")
        stated = {name[2:]: float(value) for name, value in row.items() if name.startswith("p_") and value}
        assert stated == pytest.approx(answer.probabilities or {}, abs=1e-5)
    (loaded,) = traced(trace, "module").values()
    assert "voicetraits.inference.predictor" in loaded
    assert not {name.partition(".")[0] for name in loaded} & {"tensorflow", "keras", "tf_keras", "sklearn"}
    assert len(list(tmp_path.glob("*.png"))) == (len(sounds) if extra else 0)


@BOTH
def test_where_the_net_listens_is_what_hiding_it_costs(told, target):
    """Some rectangles hidden by hand, and what the net states without them."""
    own = told("voicenet", target)
    name, samples = next(iter(own.sounds.items()))
    map_ = own.predictor.over_time((samples, SAMPLE_RATE_HZ), window_seconds=2.0, hop_seconds=0.5).occlusions[target]
    stated = own.by_class(name, "raw", target)
    model = own.predictor.models[target]
    assert model.config.classes[map_.label] == max(stated, key=stated.get)
    seen = FrontEnd(**model.config.feature_params)(samples.astype(np.float32) / 32768)
    assert map_.frames[-1] == len(seen) and map_.bands[-1] == seen.shape[1]
    whole = max(stated.values())
    for i, k in ((0, 0), (len(map_.frames) // 2, 3), (len(map_.frames) - 2, len(map_.bands) - 2)):
        hidden = seen.copy()
        rectangle = np.s_[map_.frames[i] : map_.frames[i + 1], map_.bands[k] : map_.bands[k + 1]]
        hidden[rectangle] = np.broadcast_to(seen.mean(axis=0), seen.shape)[rectangle]
        without = model.predict_raw([hidden], names=("log_mel",))[0, map_.label]
        lost = np.log(whole / (1 - whole)) - np.log(without / (1 - without))
        assert map_.drop[i, k] == pytest.approx(lost, abs=1e-4)
    assert np.ptp(map_.drop) > 0


def test_the_picture_shows_where_each_net_listens(finished, told):
    samples = next(iter(told("voicenet", "gender").sounds.values()))
    predictor = Predictor(finished.folder / "data/models/voicenet")
    seen = predictor.over_time((samples, SAMPLE_RATE_HZ), window_seconds=2.0, hop_seconds=0.5)
    assert set(seen.occlusions) == set(TARGETS)
    charts = picture(predictor, (samples, SAMPLE_RATE_HZ), title="a clip")["vconcat"]
    listening = charts[-len(TARGETS) :]
    assert len(charts) == 2 + 2 * len(TARGETS)  # the wave, the spectrogram, what is stated, where it listens
    for (target, map_), chart in zip(seen.occlusions.items(), listening, strict=True):
        label = predictor.models[target].config.classes[map_.label]
        assert chart["title"] == f"where the net listens for {target}: {label}"
        rows = pd.DataFrame(chart["data"]["values"])
        assert rows["drop"].to_numpy() == pytest.approx(map_.drop.ravel(), abs=1e-9)
        assert rows["s"].min() == 0 and rows["s2"].max() == pytest.approx(len(samples) / SAMPLE_RATE_HZ, abs=0.01)
        assert (rows["s2"] > rows["s"]).all() and (rows["band2"] > rows["band"]).all()
    json.dumps(charts, allow_nan=False)


@pytest.mark.parametrize("model", ["softmax", "tfdf"])
@BOTH
def test_an_explanation_adds_up_to_what_training_stored(finished, told, model, target):
    """What all features added, and the stored log-odds of a class: one number apart, whatever the clip."""
    own = told(model, target)
    table = read_features(finished.folder / "data/features").values
    splits = read_splits(finished.folder / "data/splits.csv")
    metadata = pd.read_parquet(finished.folder / "data/metadata.parquet")
    clips = select_clips(metadata, splits, target, "0", "train")
    learnt = table.loc[clips["utterance_id"]]
    speakers = learnt.groupby(clips["speaker_id"].to_numpy()).mean()
    apart: dict[str, list[float]] = {}
    for name, samples in own.sounds.items():
        explained = own.predictor.explain((samples, SAMPLE_RATE_HZ), most=table.shape[1])
        if target not in explained:
            continue
        explanation, stated = explained[target], own.by_class(name, "raw", target)
        assert explanation.leans_to == max(stated, key=stated.get)
        logits = np.log(list(stated.values()))
        logit = np.log(stated[explanation.leans_to]) - logits.mean()
        added = sum(moved.contribution for moved in explanation.features)
        apart.setdefault(explanation.leans_to, []).append(logit - added)
        for moved in explanation.features[:5]:
            assert moved.value == pytest.approx(table.loc[name, moved.feature], rel=1e-5)
            assert moved.training_mean == pytest.approx(learnt[moved.feature].mean(), rel=1e-4, abs=1e-6)
            # Between quantiles that lie 5 % apart, and between two speakers, it is interpolated.
            below = (speakers[moved.feature] < moved.value).mean()
            assert moved.share_below == pytest.approx(below, abs=0.05 + 1 / len(speakers))
        strengths = [abs(moved.contribution) for moved in explanation.features]
        assert strengths == sorted(strengths, reverse=True) and strengths[0] > 0
    assert max(len(values) for values in apart.values()) > 2
    for values in apart.values():
        assert np.ptp(values) < 1e-3


@pytest.mark.parametrize("model", ["softmax", "tfdf"])
@BOTH
def test_what_a_model_keeps_of_its_training_clips(finished, told, model, target):
    """How loud the noise in them is, and where their speakers stand."""
    table = read_features(finished.folder / "data/features").values.astype(np.float64)
    splits = read_splits(finished.folder / "data/splits.csv")
    clips = select_clips(pd.read_parquet(finished.folder / "data/metadata.parquet"), splits, target, "0", "train")
    learnt = table.loc[clips["utterance_id"]]
    kept = told(model, target).predictor.models[target]
    ranges_db = 20 * np.log10(learnt["rms_max"] / learnt["rms_min"].clip(lower=1e-6))
    assert kept.config.level_range_db == pytest.approx(ranges_db.quantile(0.005), abs=1e-3)
    speakers = learnt.groupby(clips["speaker_id"].to_numpy()).mean()
    expected = speakers.quantile(np.arange(0, 1.01, 0.05)).to_numpy()
    np.testing.assert_allclose(kept.speakers, expected, rtol=1e-5, atol=1e-7)


@BOTH
def test_a_net_keeps_none_of_it(told, target):
    kept = told("voicenet", target).predictor.models[target]
    assert (kept.config.level_range_db, kept.speakers) == (None, None)


def test_a_net_names_no_features(told):
    own = told("voicenet", "gender")
    with pytest.raises(ModelError, match="voicenet model for gender sees no features"):
        own.predictor.explain((next(iter(own.sounds.values())), SAMPLE_RATE_HZ))
