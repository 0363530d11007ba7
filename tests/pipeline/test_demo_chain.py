"""The demo corpus through the stages: what was planted is what they report, and the bands of difficulty hold."""

import json

import pandas as pd

from support.project import ROOT
from voicetraits.corpora import demo
from voicetraits.quarantine import Reason

#: What a model must beat; all else that evaluate scores is a model.
BASELINES = ("majority", "pitch_threshold")
UNREADABLE = {"truncated", "corrupt", "no tar", "inflates", "many members", "endless header"}


def metrics_of(project, stage):
    return json.loads((project.folder / f"metrics/{stage}.json").read_text())


def speaker_of(submission):
    return submission.name if submission.user in demo.ANONYMOUS else submission.user


def expected_labels(plan, attribute, classes):
    """Speaker: the one class that the legible READMEs state, else None."""
    stated = {speaker_of(one): set() for one in plan}
    for one in plan:
        if one.irregularity != "no README" and not set(one.faults) & UNREADABLE:
            stated[speaker_of(one)] |= {getattr(one, attribute)} & set(classes)
    return {speaker: labels.pop() if len(labels) == 1 else None for speaker, labels in stated.items()}


def test_the_stages_report_what_was_planted(project):
    project.set_params(corpora__demo__speakers=12)
    for stage in ("scrape", "extract", "parse_metadata"):
        project.run(stage)
    plan = {one.name: one for one in demo.plan(12, 1)}
    spoilt = {name for name, one in plan.items() if set(one.faults) & set(demo.ARCHIVE_FAULTS)}

    manifest = pd.read_csv(project.folder / "data/raw/manifest.csv")
    assert list(manifest["name"]) == sorted(f"{name}.tgz" for name in plan)
    assert set(manifest["source"]) == {"demo"}

    quarantine = pd.read_csv(project.folder / "data/audio/quarantine.csv", keep_default_na=False)
    assert set(quarantine.loc[quarantine["member"] == "", "archive"]) == spoilt
    assert set(quarantine["reason"]) == set(Reason) - {Reason.ARCHIVE_TOO_LARGE, Reason.TRAILING_DATA}
    # A row for each fault, and one for each clip of the silent submission.
    assert len(quarantine) == sum(len(one.faults) for one in plan.values()) + demo.CLIPS
    counts = metrics_of(project, "extract")
    assert counts["archives_in"] == len(plan)
    assert counts["archives_kept"] == len(plan) - len(spoilt)
    assert counts["clips_kept"] == counts["archives_kept"] * demo.CLIPS

    clips = pd.read_parquet(project.folder / "data/audio/clips.parquet")
    assert sorted(clips["audio_sha256"].value_counts())[-3:] == [1, 2, 2]
    for name, rates in clips.groupby("archive")["original_sample_rate_hz"]:
        if not plan[name].borrowed:
            assert set(rates) == {plan[name].audio_format[2]}

    metadata = pd.read_parquet(project.folder / "data/metadata.parquet")
    assert list(metadata["speaker_id"]) == [speaker_of(plan[name]) for name in metadata["archive"]]
    for column, classes in (("gender", ("male", "female")), ("age_group", tuple(demo.AGE_YEARS))):
        expected = expected_labels(plan.values(), column, classes)
        labels = metadata[column].astype(object).where(metadata[column].notna(), None)
        assert list(labels) == [expected[speaker] for speaker in metadata["speaker_id"]]
    assert metrics_of(project, "metadata")["gender"]["speakers_stating_several"] == 1


def test_bands_of_difficulty():
    """Of the committed figures, which are those of the default params (`test_the_committed_lock_is_current`)."""
    figures = json.loads((ROOT / "metrics/evaluate.json").read_text())
    uar = {
        target: {model: values["clips"]["uar"] for model, values in models.items()}
        for target, models in figures.items()
    }
    best = {target: max(value for model, value in own.items() if model not in BASELINES) for target, own in uar.items()}
    assert 0.80 <= uar["gender"]["pitch_threshold"] <= 0.94
    assert uar["gender"]["pitch_threshold"] < best["gender"] < 0.99
    assert uar["gender"]["pitch_threshold"] < uar["gender"]["voicenet"]
    assert 0.50 <= best["age"] <= 0.85
    assert uar["age"]["voicenet"] > 0.5
