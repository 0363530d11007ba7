"""Figures on parts of the clips, and differences between models: by hand, against the plain scores, by simulation."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score

from voicetraits.comparison import compare_models, gain_by_size, size_on_disk
from voicetraits.evaluation import EvaluateParams, Prediction, score_table
from voicetraits.resampling import SpeakerCounts
from voicetraits.scores import speaker_weights
from voicetraits.slices import AMBIGUOUS_PITCH, lead_figures, slice_clips, slice_table

CLASSES = ("female", "male")
PARAMS = EvaluateParams(bootstrap_samples=200, confidence=0.95, ece_bins=15)


def answers(rng, speakers=40, clips=4, accuracy=(0.95, 0.6), same=None):
    """Test clips of one model: a speaker's own accuracy is one of two; `same` gives others' as well."""
    names = np.repeat([f"s{i:03d}" for i in range(speakers)], clips)
    labels = np.where(np.repeat(np.arange(speakers) % 2 == 0, clips), "female", "male")
    own = rng.choice(accuracy, speakers) if same is None else same
    right = rng.random(len(names)) < np.repeat(own, clips)
    p_female = np.where(right == (labels == "female"), 0.8, 0.2)
    table = pd.DataFrame({"speaker_id": names, "label": labels, "p_female": p_female, "p_male": 1 - p_female})
    return table.assign(utterance_id=[f"u{i:04d}" for i in range(len(table))], fold="0")


def uar_of(table):
    claimed = np.where(table["p_female"] > 0.5, "female", "male")
    return balanced_accuracy_score(table["label"], claimed)


# Counts by speaker


def test_counts_give_what_scores_of_clips_give():
    """The same draws of speakers through sums by speaker as through weights of clips."""
    table = answers(np.random.default_rng(0)).sample(frac=1, random_state=0)
    weights = speaker_weights(table["speaker_id"].to_numpy(), PARAMS.bootstrap_samples, np.random.default_rng(3))
    expected = Prediction.of(table, CLASSES).score(weights, CLASSES, PARAMS.ece_bins)["uar"]
    counts = SpeakerCounts.of(table, CLASSES)
    drawn = counts.uar(counts.draw(PARAMS.bootstrap_samples, 3))
    np.testing.assert_allclose(drawn, expected, atol=1e-12)


def test_without_a_class_there_is_no_uar():
    table = answers(np.random.default_rng(0), speakers=4, clips=1).assign(p_female=0.9, p_male=0.1)
    counts = SpeakerCounts.of(table, CLASSES)
    assert counts.speakers_of_class.tolist() == [2, 2]
    weights = np.array([[1, 1, 1, 1], [2, 0, 1, 0], [0, 2, 0, 1]])
    assert counts.uar(weights).tolist() == pytest.approx([0.5, np.nan, np.nan], nan_ok=True)


# Slices


def parts_of(**changes):
    """Parts of one clip with these properties."""
    clip = {
        "gender": "female", "age_group": "adult", "dialect": None, "source": "desk", "duration_seconds": 3.0,
        "signal_to_noise_db": 40.0, "f0_median_hz": 150.0, **changes,
    }  # fmt: skip
    table = pd.DataFrame([{"utterance_id": "u", **clip}])
    of_clip = table.set_index("utterance_id")
    return slice_clips(table, table, of_clip["f0_median_hz"], of_clip["signal_to_noise_db"]).loc["u"].to_dict()


def test_parts_of_a_clip():
    assert parts_of() == {
        "gender": "female", "age_group": "adult", "dialect": "not stated", "source": "desk",
        "duration": "2-4 s", "signal_to_noise": "40 dB or more", "pitch": AMBIGUOUS_PITCH,
    }  # fmt: skip


@pytest.mark.parametrize(("values", "slice_name", "part"), [
    ({"duration_seconds": 1.99}, "duration", "under 2 s"),
    ({"duration_seconds": 2.0}, "duration", "2-4 s"),
    ({"duration_seconds": 8.0}, "duration", "8 s or more"),
    ({"signal_to_noise_db": 0.0}, "signal_to_noise", "under 20 dB"),
    ({"signal_to_noise_db": 19.9}, "signal_to_noise", "under 20 dB"),
    ({"signal_to_noise_db": 20.0}, "signal_to_noise", "20-30 dB"),
    ({"f0_median_hz": 0.0}, "pitch", "voiceless"),
    ({"f0_median_hz": 189.9}, "pitch", AMBIGUOUS_PITCH),
    ({"f0_median_hz": 190.0}, "pitch", "190-230 Hz"),
    ({"gender": None}, "gender", "not stated"),
])  # fmt: skip
def test_bands_hold_their_lower_edge(values, slice_name, part):
    assert parts_of(**values)[slice_name] == part


def sliced(tables, part_of_speaker, name="source"):
    """`slice_table` on one slice, whose part depends on the speaker."""
    table = next(iter(tables.values()))
    parts = pd.DataFrame({name: table["speaker_id"].map(part_of_speaker)})
    parts.index = pd.Index(table["utterance_id"])
    return slice_table("gender", tables, CLASSES, parts, params=PARAMS)


def test_figures_on_parts():
    table = answers(np.random.default_rng(0), speakers=60)
    rows = sliced({"m": table}, lambda name: "low" if name < "s020" else "high").set_index("part")
    for part, own in (("low", table[:80]), ("high", table[80:])):
        row = rows.loc[part]
        assert row["uar"] == pytest.approx(uar_of(own), abs=1e-6)
        assert (row["speakers"], row["clips"], row["classes"]) == (len(own) // 4, len(own), "female male")
        assert row["low"] < row["uar"] < row["high"]
        # The interval over the part's own speakers is that of a test set with only these.
        alone = score_table("gender", {"m": own}, CLASSES, PARAMS, seed=1).iloc[0]
        assert [row["low"], row["high"]] == pytest.approx([alone["low"], alone["high"]], abs=1e-6)
    assert rows["is_worst"].to_dict() == {"low": rows["uar"].idxmin() == "low", "high": rows["uar"].idxmin() == "high"}


def test_fewer_than_five_speakers_say_so():
    """Four speakers have no figure; of a class with four, only the other counts; the worst part is none of these."""
    table = answers(np.random.default_rng(0), speakers=30)
    table.loc[table["speaker_id"] < "s004", ["p_female", "p_male"]] = np.nan  # all wrong, if they counted
    part = {f"s{i:03d}": "four" if i < 4 else "few women" if i % 2 or i < 12 else "women" for i in range(30)}
    rows = sliced({"m": table}, part).set_index("part")
    assert rows.loc["four", "note"] == "fewer than 5 speakers of each class"
    assert rows.loc["four", ["uar", "low", "high"]].isna().all()
    assert rows.loc["few women", "classes"] == "male"
    men = table[(table["label"] == "male") & (table["speaker_id"] > "s003")]
    assert rows.loc["few women", "uar"] == pytest.approx((men["p_male"] > 0.5).mean(), abs=1e-6)
    assert not rows.loc["four", "is_worst"]
    assert rows["is_worst"].sum() == 1


def test_no_part_with_enough_speakers():
    table = answers(np.random.default_rng(0), speakers=8)
    rows = sliced({"m": table}, lambda name: name)
    assert not rows["is_worst"].any()
    assert lead_figures(rows) == {"m": {}}


def test_lead_figures():
    tables = {"a": answers(np.random.default_rng(0)), "b": answers(np.random.default_rng(1))}
    rows = sliced(tables, lambda name: AMBIGUOUS_PITCH if name < "s020" else "190-230 Hz", name="pitch")
    lead = lead_figures(rows)
    for model, table in tables.items():
        assert lead[model]["uar_150_190_hz"] == pytest.approx(uar_of(table[:80]), abs=1e-6)
        assert lead[model]["uar_worst_slice"] == pytest.approx(min(uar_of(table[:80]), uar_of(table[80:])), abs=1e-6)


def test_named_folds_are_a_slice():
    table = answers(np.random.default_rng(0))
    both = pd.concat([table.assign(fold="a--b"), answers(np.random.default_rng(1)).assign(fold="b--a")])
    rows = sliced({"m": table}, lambda name: "all")
    assert set(rows["slice"]) == {"source"}
    parts = pd.DataFrame({"source": "all"}, index=pd.Index(table["utterance_id"]))
    rows = slice_table("gender", {"m": both}, CLASSES, parts, params=PARAMS)
    own = rows[rows["slice"] == "fold"].set_index("part")["uar"]
    assert own["a--b"] == pytest.approx(uar_of(table), abs=1e-6)
    assert set(own.index) == {"a--b", "b--a"}


# Comparison


def compared(tables, sizes=None, **changes):
    sizes = sizes or {name: 100 * (number + 1) for number, name in enumerate(tables)}
    return compare_models("gender", tables, CLASSES, sizes, params=PARAMS, seed=1, **changes)


def test_differences_of_every_pair():
    tables = {name: answers(np.random.default_rng(number)) for number, name in enumerate("abc")}
    rows = compared(tables, {"a": 300, "b": 100, "c": 200})
    clips = rows[rows["unit"] == "clips"].set_index(["model", "other"])
    assert set(clips.index) == {("a", "b"), ("a", "c"), ("c", "b")}, "the larger one stands first"
    for (model, other), row in clips.iterrows():
        assert row["difference"] == pytest.approx(uar_of(tables[model]) - uar_of(tables[other]), abs=2e-6)
        assert row["low"] < row["difference"] < row["high"]
    scores = score_table("gender", tables, CLASSES, PARAMS, seed=1)
    speakers = scores[(scores["unit"] == "speakers") & (scores["score"] == "uar")].set_index("model")["value"]
    on_speakers = rows[rows["unit"] == "speakers"].set_index(["model", "other"])["difference"]
    assert on_speakers["a", "b"] == pytest.approx(speakers["a"] - speakers["b"], abs=2e-6)


def test_a_model_differs_from_itself_by_nothing():
    table = answers(np.random.default_rng(0))
    rows = compared({"a": table, "b": table.sample(frac=1, random_state=0)})
    assert (rows[["difference", "low", "high"]] == 0).all(axis=None)


def test_pairs_are_narrower_than_the_models_themselves():
    """What makes a speaker hard for both drops out."""
    rng = np.random.default_rng(0)
    same = rng.choice([0.98, 0.4], 60)
    tables = {name: answers(rng, speakers=60, clips=30, same=same) for name in "ab"}
    scores = score_table("gender", tables, CLASSES, PARAMS, seed=1)
    own = scores[(scores["unit"] == "clips") & (scores["score"] == "uar")].iloc[0]
    row = compared(tables).iloc[0]
    assert row["high"] - row["low"] < 0.5 * (own["high"] - own["low"])


def test_intervals_of_differences_cover_the_truth():
    """Two models that share what is hard; the true difference is 0.05."""
    rng = np.random.default_rng(2)
    covered = []
    for _ in range(80):
        hard = rng.choice([0.9, 0.5], 50)
        tables = {"a": answers(rng, speakers=50, same=hard), "b": answers(rng, speakers=50, same=hard + 0.05)}
        row = compared(tables).iloc[0]
        covered.append(row["low"] <= 0.05 <= row["high"])
    assert 0.87 <= np.mean(covered) <= 0.99


def test_named_folds_are_compared_each():
    tables = {}
    for number, name in enumerate("ab"):
        first, second = (answers(np.random.default_rng(seed)) for seed in (number, number + 7))
        tables[name] = pd.concat([first.assign(fold="x--y"), second.assign(fold="y--x")])
    rows = compared(tables)
    assert set(rows["fold"]) == {"all", "x--y", "y--x"}
    row = rows[(rows["fold"] == "y--x") & (rows["unit"] == "clips")].iloc[0]
    own = {name: uar_of(table[table["fold"] == "y--x"]) for name, table in tables.items()}
    assert row["difference"] == pytest.approx(own["b"] - own["a"], abs=2e-6)


def test_gain_over_what_must_be_beaten():
    tables = {name: answers(np.random.default_rng(n)) for n, name in enumerate(("majority", "pitch_threshold", "net"))}
    rows = compared(tables, {"majority": 16, "pitch_threshold": 16, "net": 5000})
    gain = gain_by_size(rows)
    assert gain["model"].to_list() == ["net", "net"]
    assert set(gain["over"]) == {"pitch_threshold"}
    assert gain["gain"].iloc[0] == pytest.approx(uar_of(tables["net"]) - uar_of(tables["pitch_threshold"]), abs=2e-6)
    assert gain["bytes"].iloc[0] == 5000


def test_size_on_disk(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "a").write_bytes(b"123")
    (tmp_path / "deep/b").write_bytes(b"4567")
    assert size_on_disk(tmp_path) == 7
