"""What the report says, and that it says something else when the numbers are others; one file, without a network."""

import re

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from support.project import ROOT
from support.run import FAMILIES, UAR, made_up, rows, written
from voicetraits.errors import DataError
from voicetraits.reporting import about_audit, about_features, about_models, about_surprises, about_use
from voicetraits.reporting.charts import draw, pictures
from voicetraits.reporting.findings import families, ranking
from voicetraits.reporting.html import render, without_pictures
from voicetraits.reporting.page import page
from voicetraits.reporting.run import FIGURES, OPTIONAL_FIGURES, OPTIONAL_TABLES, TABLES, read_run
from voicetraits.reporting.words import SYNTHETIC, interval, listed, number, percent, plural

SIX = pd.DataFrame(np.eye(6), columns=list("abcdef")).assign(feature=list("abcdef"))


# Which model is best


def test_best_beyond_chance_or_not_distinguishable_by_the_intervals():
    place = ranking(made_up(), "gender")
    highest = "softmax regression has the highest UAR, 0.960 (0.930–0.980), but is not distinguishable from "
    assert about_models.headline(place) == f"{highest}the decision forest"
    assert about_models.beats_baseline(place) == (
        "It is beyond chance above a threshold on pitch, which reaches 0.900."
    )
    clear = ranking(made_up(uar=UAR | {"tfdf": (0.88, 0.85, 0.92)}), "gender")
    assert about_models.headline(clear) == "softmax regression is best, with a UAR of 0.960 (0.930–0.980)"
    near = ranking(made_up(uar=UAR | {"pitch_threshold": (0.94, 0.9, 0.97)}), "gender")
    assert about_models.beats_baseline(near).startswith("Nothing was learnt, as far as these speakers can show")


@pytest.mark.parametrize(
    ("pair", "told"),
    [
        (("softmax", "tfdf", 0.01, 0.002, 0.018), True),
        (("softmax", "tfdf", 0.01, -0.002, 0.022), False),
        (("tfdf", "softmax", -0.01, -0.018, -0.002), True),  # the other way round
        (("tfdf", "softmax", -0.01, -0.022, 0.002), False),
    ],
)
def test_a_paired_comparison_counts_more_than_intervals_that_overlap(pair, told):
    other_fold = ("gender", "an4--demo", "clips", "softmax", "tfdf", 0.5, 0.4, 0.6)
    run = made_up(tables={"comparisons": rows("comparisons", other_fold, ("gender", "all", "clips", *pair))})
    place = ranking(run, "gender")
    rival = place.rival("tfdf")
    assert rival.distinguishable == told
    assert (rival.gain_low, rival.gain_high) == pytest.approx((0.002, 0.018) if told else (-0.002, 0.022))
    assert ("not distinguishable" in about_models.headline(place)) != told
    assert ("0.010 (0.002–0.018) below" in about_models.best(run)) == told


@pytest.mark.parametrize(
    ("gain", "beyond", "told", "will_do"),
    [
        ((-0.04, -0.07, -0.01), ", beyond chance;", "0.040 (0.010–0.070) above\n", "will do: it is smaller, and bet"),
        (
            (-0.01, -0.03, 0.01),
            ", though not beyond chance;",
            "0.010 (−0.010 to 0.030) above: **not distinguishable**",
            "will do, unless a difference of up to 0.010",
        ),
    ],
)
def test_a_baseline_may_be_ahead_of_all_that_was_trained(gain, beyond, told, will_do):
    uar = UAR | {"pitch_threshold": (UAR["softmax"][0] - gain[0], 0.95, 1.0)}
    pairs = {"comparisons": rows("comparisons", ("gender", "all", "clips", "softmax", "pitch_threshold", *gain))}
    run = made_up(uar=uar, tables=pairs)
    place = ranking(run, "gender")
    headline = about_models.headline(place)
    assert headline.startswith("a threshold on pitch, which nobody trained, has the highest UAR, ")
    assert beyond in headline
    assert headline.endswith("of the trained models softmax regression has, 0.960 (0.930–0.980)")
    assert told in about_models.best(run)
    assert about_models.when_simpler(place).startswith(f"A threshold on pitch {will_do}")
    assert about_models.beats_baseline(place).startswith("Nothing was learnt")


def test_when_a_simpler_one_will_do():
    assert about_models.when_simpler(ranking(made_up(), "gender")).startswith(
        "Softmax regression is already the simplest"
    )
    forest = UAR | {"tfdf": (0.97, 0.95, 0.99)}
    will = about_models.when_simpler(ranking(made_up(uar=forest), "gender"))
    assert will.startswith("Softmax regression will do, unless a difference of up to 0.060 in UAR")
    pitch = forest | {"pitch_threshold": (0.96, 0.93, 0.98)}
    assert about_models.when_simpler(ranking(made_up(uar=pitch), "gender")).startswith("A threshold on pitch will do")
    none = UAR | {"majority": (0.5, 0.5, 0.95)}
    none |= {"softmax": (0.96, 0.93, 0.98), "tfdf": (0.9, 0.8, 0.92), "pitch_threshold": (0.9, 0.8, 0.92)}
    assert about_models.when_simpler(ranking(made_up(uar=none), "gender")).startswith("No model will do")
    alone = {**forest, "softmax": (0.9, 0.85, 0.94)}
    assert about_models.when_simpler(ranking(made_up(uar=alone), "gender")).startswith("No simpler model will do")


def test_a_net_is_the_least_simple_and_of_equals_the_simpler_is_best():
    place = ranking(made_up(uar=UAR | {"voicenet": UAR["softmax"]}), "gender")
    assert place.best == "softmax"
    better = ranking(made_up(uar=UAR | {"voicenet": (0.99, 0.95, 1.0)}), "gender")
    assert better.best == "voicenet"
    assert better.simpler.model == "softmax"
    assert "the net `voicenet`" in about_models.headline(better)


@pytest.mark.parametrize(("ece", "said"), [(0.03, "may be read as probabilities"), (0.08, "too far to be read")])
def test_what_the_metrics_say(ece, said):
    text = about_models.metrics(made_up(scores={"ece": ece, "recall_male": 0.61}))
    assert said in text
    assert "finds male least often, in 61 % of such clips" in text
    assert "With 20 test speakers" in text
    assert (
        "none of them was learnt from, stopped its training or calibrated it" in text
        and "leaves some 4/n of others open" in text
    )


def test_a_class_of_few_speakers_is_told():
    assert "The whole corpus has 6 speakers of female: too few" in about_models.metrics(made_up(of_a_class=6))
    assert "The whole corpus has" not in page(made_up())
    short = page(made_up(of_a_class=6)).partition("## Who is in the corpus")[0]
    assert "The whole corpus has 6 speakers of female: too few" in short


def test_the_weakest_part_is_named_where_parts_were_looked_at():
    parts = [
        ("gender", "softmax", "pitch", "150 to 190 Hz", "0.81", "0.7", "0.9", True),
        ("gender", "softmax", "age", "senior", "", "", "", False),
        ("gender", "tfdf", "pitch", "over 190 Hz", "0.5", "0.4", "0.6", True),
    ]
    text = about_models.metrics(made_up(tables={"slices": rows("slices", *parts)}))
    assert "it does worst on pitch, 150 to 190 Hz: 0.810 (0.700–0.900)" in text
    assert "over 190" not in text, "not the best model's"
    assert "does worst" not in about_models.metrics(made_up())


# Which features carry information


@pytest.mark.parametrize(
    ("alone", "lost", "standing"),
    [
        ((0.8, 0.7, 0.9), (0.05, 0.01, 0.09), "needed"),
        ((0.8, 0.7, 0.9), (0.05, -0.01, 0.11), "known elsewhere"),
        ((0.55, 0.45, 0.65), (0.05, -0.01, 0.11), "nothing to see"),
        ((0.55, 0.45, 0.65), (0.05, 0.01, 0.09), "needed"),
    ],
)
def test_standing_of_a_family(alone, lost, standing):
    run = made_up(families=FAMILIES | {"mfcc": (alone, {"softmax": lost, "tfdf": (0.0, -0.01, 0.01)})})
    found = {one.family: one for one in families(run, "gender")}
    assert found["mfcc"].standing == standing
    assert f"| {standing} |" in next(
        line for line in about_features.what_carries(run).splitlines() if "`mfcc` |" in line
    )


def test_in_short_names_what_the_models_need():
    assert "**gender** rests most on `pitch`." in page(made_up())
    no_pitch = FAMILIES | {"pitch": (FAMILIES["pitch"][0], dict.fromkeys(("softmax", "tfdf"), (0.0, -0.01, 0.01)))}
    assert "rests most on" not in page(made_up(families=no_pitch))
    assert "no model needs any one family" in about_features.what_carries(made_up(families=no_pitch))


def test_redundancy_says_what_a_cluster_costs():
    text = about_features.what_is_redundant(made_up())
    assert "Of 10 features 4 stand in 2 clusters of two or more; one of each, 8 in all" in text
    assert "1 of 2 clusters would be missed beyond chance" in text
    assert "without the cluster of `f0_mean_hz` it loses 0.050 (0.010–0.090)" in text


# What was unexpected, and what may be wrong


def test_nothing_is_unexpected_where_nothing_is():
    assert about_surprises.unexpected(made_up()).startswith("Nothing")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"level": ((0.7, 0.6, 0.8), FAMILIES["level"][1])},
            "What does not describe the voice tells gender nevertheless",
        ),
        (
            {"mfcc": (FAMILIES["mfcc"][0], {"tfdf": (-0.05, -0.09, -0.01)})},
            "The decision forest would do better on gender",
        ),
        ({"pitch": (FAMILIES["pitch"][0], {"softmax": (0.0, -0.1, 0.1)})}, "can do without the family `pitch`"),
    ],
)
def test_what_is_unexpected(changed, said):
    found = about_surprises.unexpected(made_up(families=FAMILIES | changed))
    assert said in found
    assert found.count("- ") == 1


def test_noise_that_goes_with_gender_is_a_doubt():
    assert "noisier" not in about_surprises.doubts(made_up())
    said = about_surprises.doubts(made_up(noise_db={"female": 30.0, "male": 40.0, "unstated": 99.0}))
    assert (
        "Clips of female speakers are noisier: a median signal-to-noise ratio of 30 dB against 40 dB for male" in said
    )
    assert "In 3 clips of 200 no frame is voiced" in said


# What depends on the run


def test_synthetic_voices_are_called_so_everywhere():
    for run, synthetic in ((made_up(corpus="demo"), True), (made_up(), False)):
        text = page(run)
        assert (f"> {SYNTHETIC}" in text) == synthetic
        assert (SYNTHETIC in about_use.use(run)) == synthetic
        assert ("say nothing about people" in render(text, pictures(run, SIX))) == synthetic


def test_use_depends_on_how_good_it_is():
    assert "Counting in the large" in about_use.use(made_up())
    poor = about_use.use(made_up(uar=UAR | {"softmax": (0.96, 0.85, 1.0)}))
    assert "Counting in the large" not in poor
    assert "no target has its interval above a UAR of 0.900" in poor
    assert "missed in 7 % of clips" in poor
    assert "minor" not in poor, "there are no figures on age"


def test_a_skipped_target_is_told():
    assert "**age** was skipped" in page(made_up())
    assert "skipped" not in page(made_up(skipped=()))


def test_sections_of_what_some_runs_only_have():
    plain = page(made_up())
    assert "Where do the nets look?" not in plain
    assert "What do other conditions do?" not in plain
    more = {
        "faithfulness": rows(
            "faithfulness",
            ("gender", "voicenet", "grad_cam", 0.2, 0.25, 2.0, 1.0, 1.0, 0.5, 1.5),
            ("gender", "voicenet", "integrated_gradients", 0.2, 0.0, 1.0, 1.0, 0.0, -0.5, 0.5),
            ("gender", "dnn", "occlusion", 0.2, 0.0, 1.0, 1.0, 0.0, -0.25, 0.5),
        ),
        "saliency": rows("saliency", *[("gender", "voicenet", "grad_cam", "female", band, 0.5) for band in range(4)]),
        "stress": rows("stress", *[("telephone", "gender", model, "clips", "uar", 0.875, 0.8, 0.9) for model in UAR]),
    }
    run = made_up(tables=more)
    text = page(run)
    assert "Grad-CAM: without the 20 % of the clip that it names" in text
    assert text.count("of the clips it names nothing") == text.count("In 25 % of the clips") == 1
    assert "gender, occlusion: without the 20 % of the clip that it names" in text
    assert text.count("the map is faithful") == 1
    assert text.count("the map cannot be trusted") == 2
    assert "| telephone | 0.875 | 0.875 | 0.875 | 0.875 |" in text
    assert 'alt="Where nets look, by mel band"' in render(text, pictures(run, SIX))


def test_what_the_audit_found():
    assert about_audit.audit(made_up()) is None
    assert about_audit.audit(made_up(audit={"gender": {"skipped": 1}})) is None
    figures = {
        "random_clip_split": {"linear": {"gap": 0.04, "gap_low": 0.02, "gap_high": 0.06}},
        "pauses": {
            "clips": 9, "chance": 0.5, "linear": {"uar": 0.8, "uar_low": 0.7, "uar_high": 0.9},
            "source_alone": {"uar": 0.5, "uar_low": 0.5, "uar_high": 0.5}, "far_above_chance": 1,
        },
        "suspects": {"uar_speakers": 0.9, "rounds": 2, "speakers": 3},
    }  # fmt: skip
    said = about_audit.audit(made_up(audit={"gender": figures}))
    assert "would claim 0.040 (0.020–0.060) more UAR" in said
    assert "reaches a UAR of 0.800 (0.700–0.900); chance is 0.500" in said
    assert said.count("hears nothing but the pauses") == 1
    assert "far above chance" in said
    assert "3 speakers with a label to review" in said
    figures["pauses"]["far_above_chance"] = 0
    figures["suspects"] = {"skipped": 1}
    assert "may owe as much to that" in said and "may be chance" not in said
    figures["random_clip_split"]["linear"]["gap_low"] = -0.01
    said = about_audit.audit(made_up(audit={"gender": figures}))
    assert "far above chance" not in said
    assert "no labels were looked at" in said
    assert "may be chance" in said and "may owe as much to that" not in said
    assert "What did the audit find?" in page(made_up(audit={"gender": figures}))


# As files


def test_the_page_is_one_file_that_asks_for_nothing():
    run = made_up()
    text, drawn = page(run), pictures(run, SIX)
    content = render(text, drawn)
    without_data = re.sub(r"data:image/[a-z+]+;base64,[A-Za-z0-9+/=]+", "DATA", content)
    assert not re.search(r"https?:|//|<script|<link|@import|url\(|srcset", without_data)
    assert set(re.findall(r'(?:src|href)="([^"]*)"', without_data)) == {"DATA"}
    assert without_data.count("<img") == len(drawn), "each picture once"
    assert "<table>" in content
    assert "PICTURE" not in content
    assert content == render(page(made_up()), pictures(made_up(), SIX)), "the same numbers, the same bytes"


def test_the_text_has_no_pictures_and_the_same_words():
    text = page(made_up())
    plain = without_pictures(text)
    assert "![" not in plain
    assert "\n\n\n" not in plain
    assert [line for line in plain.splitlines() if line] == [
        line for line in text.splitlines() if line and not line.startswith("![")
    ]
    assert not re.search(r"https?:|\bnan\b|\bNone\b|inf\b", plain)
    assert not re.search(r"\b20\d\d-\d\d|\d\d:\d\d", plain), "no dates"


def test_words_of_the_run_are_no_html():
    content = render('# A <script> & `b`\n\nText <b>bold</b>.\n\n![x "y" <z>](one)\n', {"one": ("image/png", b"1")})
    assert "<script>" not in content
    assert "<b>" not in content
    assert 'alt="x &quot;y&quot; &lt;z&gt;"' in content
    assert "<title>A &lt;script&gt; &amp; b</title>" in content


def test_a_picture_that_nobody_draws_is_an_error():
    with pytest.raises(DataError, match="the report names the picture 'two', which nothing draws"):
        render("# A\n\n![x](two)\n", {"one": ("image/png", b"1")})


def test_a_chart_is_the_same_bytes_each_time():
    chart = {
        "data": {"values": [{"a": 1, "b": 2}]},
        "mark": "bar",
        "encoding": {"x": {"field": "a"}, "y": {"field": "b"}},
    }
    (kind, first), (_, second) = draw(chart), draw(chart)
    assert kind == "image/svg+xml"
    assert first == second
    assert draw(chart, cells=True)[1].startswith(b"\x89PNG")


def test_a_run_is_read_from_its_files(tmp_path):
    run = made_up(tables={"stress": rows("stress", ("noise", "gender", "softmax", "clips", "uar", 0.5, 0.4, 0.6))})
    written(run, tmp_path / "metrics")
    splits = pd.DataFrame(
        [
            ("gender", "0", "a", "test"),
            ("gender", "1", "a", "train"),
            ("gender", "1", "b", "test"),
            ("age", "0", "a", "val"),
        ],
        columns=["target", "fold", "speaker_id", "side"],
    )
    found = read_run(tmp_path / "metrics", corpus="demo", settings={}, confidence=0.95, splits=splits)
    assert found.test_speakers == {"gender": 2}
    assert set(found.figures) == set(FIGURES)
    assert set(found.tables) == {*TABLES, "stress"}
    assert found.targets == ["gender"]
    assert found.models("gender") == ["softmax", "tfdf"]
    (tmp_path / "metrics/plots/scores.csv").unlink()
    with pytest.raises(FileNotFoundError):
        read_run(tmp_path / "metrics", corpus="demo", settings={}, confidence=0.95, splits=splits)


def test_the_stage_depends_on_what_is_read():
    """A table that some runs only have is a dep as soon as a stage of the graph writes it."""
    stages = YAML(typ="safe", pure=True).load(ROOT / "dvc.yaml")["stages"]
    written_by_stages = {path for stage in stages.values() for out in stage.get("plots", []) for path in out}
    figures = {path for stage in stages.values() for out in stage.get("metrics", []) for path in out}
    optional = {f"metrics/plots/{name}.csv" for name in OPTIONAL_TABLES} & written_by_stages
    optional |= {f"metrics/{name}.json" for name in OPTIONAL_FIGURES} & figures
    required = {f"metrics/plots/{name}.csv" for name in TABLES} | {f"metrics/{name}.json" for name in FIGURES}
    assert {dep for dep in stages["report"]["deps"] if dep.startswith("metrics/")} == required | optional


# Words


def test_numbers_in_words():
    assert number(0.12345) == "0.123"
    assert number(-0.0001) == "0.000"
    assert number(-0.25) == "−0.250"
    assert interval(0.9, 0.85, 0.95) == "0.900 (0.850–0.950)"
    assert interval(0.01, -0.02, 0.04) == "0.010 (−0.020 to 0.040)"
    assert percent(0.126) == "13 %"
    assert [plural(n, "clip") for n in (1, 2, 1200)] == ["1 clip", "2 clips", "1,200 clips"]
    assert [listed(list("abc")[:n]) for n in range(4)] == ["none", "a", "a and b", "a, b and c"]
