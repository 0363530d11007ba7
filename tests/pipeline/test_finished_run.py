"""What `make results` reads from a finished run: the same figures as the stages wrote, and those without some speakers."""

import pandas as pd
import pytest

from support.dvc_project import DvcProject
from voicetraits import params
from voicetraits.evaluation import EvaluateParams
from voicetraits.finished_run import describe, read_suspects, read_tables, slices_without


@pytest.fixture(scope="module")
def left_out(finished: DvcProject):
    """`left_out(speakers)`: slices without them."""
    all_params = params.load(finished.folder / "params.yaml")
    settings = params.get(all_params, "evaluate", EvaluateParams)
    return lambda speakers: slices_without(speakers, finished.folder, settings, seed=all_params["seed"])


def test_without_nobody_slices_are_those_of_evaluate(finished, left_out):
    own = read_tables(finished.folder)["slices"].query("target == 'gender'")
    keys = ["model", "slice", "part"]
    figures = [*keys, "speakers", "clips", "uar", "low", "high"]
    pd.testing.assert_frame_equal(
        left_out(set())[figures].sort_values(keys, ignore_index=True),
        own[figures].sort_values(keys, ignore_index=True),
        check_dtype=False,
    )


def test_clips_of_those_left_out_do_not_count(finished, left_out):
    predicted = pd.read_parquet(finished.folder / "data/models/tfdf/gender/predictions.parquet").query("side == 'test'")
    speakers = sorted(predicted["speaker_id"].unique())[:2]
    before, after = (
        table.query("slice == 'gender' and model == 'pitch_threshold'")[["speakers", "clips"]].sum()
        for table in (left_out(set()), left_out(set(speakers)))
    )
    assert before["speakers"] - after["speakers"] == 2
    assert before["clips"] - after["clips"] == predicted["speaker_id"].isin(speakers).sum()


def test_what_it_was_measured_on(finished):
    said, counts = describe(finished.folder), finished.json("metrics/extract.json")
    assert said["clips"] == counts["clips_kept"]
    assert said["archives"] == len(pd.read_csv(finished.folder / "data/raw/manifest.csv"))
    assert said["hours"] == pytest.approx(finished.json("metrics/extract.json")["hours_kept"], rel=1e-3)
    assert read_suspects(finished.folder).empty, "the costly parts of the audit are off"
