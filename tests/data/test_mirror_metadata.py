"""The READMEs of real archives: every label is read, every speaker is told apart."""

import pytest

from support.mirror_texts import read_folder
from voicetraits.examples import SIDES
from voicetraits.metadata import MetadataParams, build_metadata
from voicetraits.side_counts import count_sides
from voicetraits.splitting import SplitParams, split_speakers

pytestmark = pytest.mark.slow

SOURCES = {"an4": "CMU AN4", "speechocean762": "speechocean762"}


@pytest.fixture(scope="module")
def texts(mirror):
    return read_folder(mirror)


@pytest.fixture(scope="module")
def metadata(texts):
    params = MetadataParams(age_bins="groups", youth_below_years=18, senior_from_years=65)
    return build_metadata(*texts, params, corpus="voxforge", sources=SOURCES)


def test_every_label_is_read(metadata):
    assert metadata.review.empty
    for target in ("gender", "age"):
        assert metadata.metrics[target]["unreadable"] == metadata.metrics[target]["speakers_stating_several"] == 0
    assert metadata.metrics["gender"]["none"]["clips"] == 0
    # Who stated an age stands in the part that has ages.
    assert metadata.metrics["age"]["unstated"] == metadata.metrics["sources"]["an4"]["submissions"] == 166


def test_archives_and_speakers(metadata):
    assert metadata.metrics["speakers"] == {"named": 155, "anonymous": 6}
    assert metadata.metrics["clips"] == {"in": 1838, "out": 1838, "without_transcript": 0}
    assert metadata.metrics["prompts"] == {"in": 1838, "without_audio": 0, "audio_set_aside": 0}
    sources = metadata.metrics["sources"]
    assert {source: (own["submissions"], own["clips"]) for source, own in sources.items()} == {
        "an4": (166, 1078), "speechocean762": (73, 730), "voxforge": (3, 30),
    }  # fmt: skip
    # The 84 people of AN4 are 81 names, and three who stand behind the six anonymous archives.
    assert {source: own["speakers"] for source, own in sources.items()} == {
        "an4": 81 + 6, "speechocean762": 73, "voxforge": 1,
    }  # fmt: skip


def test_the_label_as_written_stands_beside_the_one_read(metadata):
    clips = metadata.clips.to_pandas()
    read = clips.groupby("gender_raw")["gender"].unique().map(list).to_dict()
    assert read["[male]"] == read["MALE"] == read["Мужчина"] == read["mannelijk"] == ["male"]
    assert read["Female;"] == read["Женщина"] == read["Féminin"] == read["FEMALE"] == ["female"]
    assert clips.loc[clips["age_band"] == "18 - 29", "age_group"].unique().tolist() == ["adult"]
    assert set(clips["language"]) == {"EN"}


def test_the_split_of_real_speakers(texts, metadata):
    clips, table = texts[1], metadata.clips.to_pandas()
    params = SplitParams(strategy="holdout", folds=5, val_share=0.2, test_share=0.25, min_speakers_per_class=5)
    splits = split_speakers(table, clips, params, targets=("gender", "age"), seed=20240501)
    counts = count_sides(splits, table, clips)
    for target, own in (("gender", {"female": 70, "male": 91}), ("age", {"youth": 6, "adult": 68})):
        for label, speakers in own.items():
            assert sum(counts[target][side][label]["speakers"] for side in SIDES) == speakers
            assert abs(counts[target]["test"][label]["speakers"] - 0.25 * speakers) <= 1
    for target, rows in splits.table.groupby("target"):
        owned = table.merge(clips, on="utterance_id").merge(rows, on="speaker_id")
        assert (owned[owned["side"] != "none"].groupby("audio_sha256")["side"].nunique() == 1).all(), target
