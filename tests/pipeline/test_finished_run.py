"""What `make results` reads from a finished run: figures as the stages wrote them, and those without some speakers."""

import pandas as pd
import pytest

from support.dvc_project import DvcProject
from voicetraits import params, slices
from voicetraits.evaluation import EvaluateParams
from voicetraits.finished_run import describe, read_suspects, read_tables, slices_without


@pytest.fixture(scope="module")
def left_out(finished: DvcProject):
    """`left_out(speakers)`: slices without them."""
    all_params = params.load(finished.folder / "params.yaml")
    settings = params.get(all_params, "evaluate", EvaluateParams)
    return lambda speakers: slices_without(speakers, finished.folder, settings)


def test_without_nobody_they_say_what_evaluate_says(finished, left_out, monkeypatch):
    """A slice of one gender has that gender's recall; in a corpus as small as this, parts are small, too."""
    monkeypatch.setattr(slices, "LEAST_SPEAKERS", 1)
    found = left_out(set()).query("slice == 'gender'").set_index(["model", "part"])["uar"]
    scores = read_tables(finished.folder)["scores"].query("target == 'gender' and unit == 'clips'")
    recalls = scores[scores["score"].isin(["recall_female", "recall_male"])]
    expected = {(row.model, row.score.removeprefix("recall_")): row.value for row in recalls.itertuples()}
    assert found.to_dict() == pytest.approx(expected, abs=1e-6)
    assert {model for model, _ in expected} >= {"softmax", "tfdf", "pitch_threshold"}


def test_clips_of_those_left_out_do_not_count(finished, left_out):
    predicted = pd.read_parquet(finished.folder / "data/models/tfdf/gender/predictions.parquet").query("side == 'test'")
    speakers = sorted(predicted["speaker_id"].unique())[:2]
    before, after = (
        table.query("slice == 'gender' and model == 'pitch_threshold'")[["speakers", "clips"]].sum()
        for table in (left_out(set()), left_out(set(speakers)))
    )
    assert before["speakers"] - after["speakers"] == 2
    assert before["clips"] - after["clips"] == predicted["speaker_id"].isin(speakers).sum()


def test_speakers_may_be_named_by_numbers_and_parts_like_nothing(tmp_path):
    (tmp_path / "metrics/plots").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/label_suspects.csv").write_text("target,speaker_id\ngender,007\nage,008\ngender,NA\n")
    assert read_suspects(tmp_path)["speaker_id"].tolist() == ["007", "NA"]
    for name in ("scores", "slices", "comparisons", "stress"):
        (tmp_path / f"metrics/plots/{name}.csv").write_text("part,uar\nNA,0.5\nNone,\n")
    slices = read_tables(tmp_path)["slices"]
    assert slices["part"].tolist() == ["NA", "None"]
    assert slices["uar"].isna().tolist() == [False, True]


def test_what_it_was_measured_on(finished):
    said, counts = describe(finished.folder), finished.json("metrics/extract.json")
    assert said["clips"] == counts["clips_kept"]
    assert said["archives"] == len(pd.read_csv(finished.folder / "data/raw/manifest.csv"))
    assert said["hours"] == pytest.approx(counts["hours"], abs=1e-4)
    assert read_suspects(finished.folder).empty, "the costly parts of the audit are off"
