"""The whole graph on real archives, over HTTP and as a folder, ends with believable figures and the same data."""

from importlib import import_module
from pathlib import Path

import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from support.dvc_project import ROOT, DvcProject
from support.web_servers import nginx
from voicetraits.auditing.flips import experiment, is_pitch_free

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def over_http(mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> DvcProject:
    """The project after a run on the mirror behind a web server."""
    folder = tmp_path_factory.mktemp("real")
    project = DvcProject.of_working_tree(folder / "project")
    # Of the net and of stress this shows that they run; what they are worth there, `make results` says.
    short = {"net.common.epochs": 3, "stress.conditions": ["telephone", "pitch_up_3"]}
    project.edit({"targets": ["gender"], "corpora.voxforge.delay_seconds": 0.0, **short})
    with nginx(mirror, folder / "nginx") as address:
        project.edit({"corpus": "voxforge", "corpora.voxforge.url": address})
        project.dvc("repro")
    project.commit("Over HTTP")
    return project


def test_every_archive_and_clip_is_there(over_http: DvcProject, mirror: Path) -> None:
    archives = sorted(mirror.glob("*.tgz"))
    manifest = pd.read_csv(over_http.folder / "data/raw/manifest.csv")
    assert manifest["name"].tolist() == [path.name for path in archives]
    assert manifest["bytes"].tolist() == [path.stat().st_size for path in archives]
    counts = over_http.json("metrics/extract.json")
    assert counts["clips_in"] == counts["clips_kept"] == 1838
    metadata = pd.read_parquet(over_http.folder / "data/metadata.parquet")
    assert metadata["utterance_id"].is_unique
    assert metadata["speaker_id"].nunique() == 161


def test_gender_is_learnt(over_http: DvcProject) -> None:
    """One draw of test speakers has few of them, and two that look mislabelled: an interval, not a point."""
    figures = over_http.json("metrics/evaluate.json")["gender"]
    for model in ("softmax", "tfdf"):
        clips = figures[model]["clips"]
        assert clips["uar"] > 0.9, model
        assert clips["uar_high"] > 0.95, model
        assert clips["uar"] > figures["majority"]["clips"]["uar"] + 0.3, model


@pytest.mark.parametrize("pitch", [True, False])
def test_wrong_labels_are_found(over_http: DvcProject, monkeypatch: pytest.MonkeyPatch, pitch: bool) -> None:
    """A short form of tools/flipped_labels.py: of 161 speakers 8 are flipped, three times over."""
    monkeypatch.syspath_prepend(ROOT / "tools")
    clips, names = import_module("flipped_labels").read_clips(over_http.folder / "data")
    if not pitch:
        clips = clips.with_values(clips.values[:, is_pitch_free(names)])
    with threadpool_limits(1):
        found = experiment(clips, shares=(0.05,), seeds=range(3), folds=5, fold_seeds=3, min_probability=0.5)
    none, flipped = found.runs[found.runs["share"] == 0], found.runs[found.runs["share"] > 0]
    assert flipped["recall"].mean() >= 0.9
    assert flipped["precision"].mean() >= 0.8
    assert len(found.known) < 8
    for uar in ("uar_speakers", "uar_clips_reviewed"):
        assert flipped[uar].mean() > none[uar].item() - 0.01


def test_as_a_folder_the_data_are_the_same(over_http: DvcProject, mirror: Path, tmp_path: Path) -> None:
    before = over_http.lock()
    project = over_http.copy(tmp_path / "project")
    project.edit({"corpora.voxforge.url": str(mirror)})
    done = project.dvc("repro")
    assert not [stage for stage in done.ran if stage.startswith(("featurize", "split", "train", "evaluate"))]
    after = project.lock()
    for stage in ("extract", "parse_metadata", "featurize", "split", "evaluate"):
        assert after[stage]["outs"] == before[stage]["outs"], stage


def test_some_of_them_by_dvc_exp_run(over_http: DvcProject, mirror: Path, tmp_path: Path) -> None:
    """From the demo corpus to real archives and to fewer of them, by the commands that README shows."""
    project = over_http.copy(tmp_path / "project")
    project.edit({"corpus": "demo", "corpora.voxforge.url": "http://127.0.0.1:9/"})
    project.commit("As it comes")

    def run(limit: int, up_to: str) -> set[str]:
        """An experiment on so many archives; their names."""
        settings = ["corpus=voxforge", f"corpora.voxforge.url={mirror}", f"corpora.voxforge.limit={limit}"]
        chosen = [word for setting in [*settings, "targets=[gender]"] for word in ("-S", setting)]
        done = project.dvc("exp", "run", up_to, "--name", f"some-{limit}", *chosen)
        assert done.complaints == []
        assert {"scrape", "extract", up_to} <= set(done.ran)
        selected = pd.read_csv(project.folder / "data/raw/manifest.csv")["name"].tolist()
        assert len(selected) == limit
        clips = pd.read_parquet(project.folder / "data/audio/clips.parquet")
        assert {f"{archive}.tgz" for archive in clips["archive"]} == set(selected)
        return set(selected)

    many = run(120, "evaluate")
    assert project.json("metrics/evaluate.json")["gender"]["tfdf"]["clips"]["uar"] > 0.8
    assert run(60, "split") < many
