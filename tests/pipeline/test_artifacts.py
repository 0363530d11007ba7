"""The models as a registry sees them: named in dvc.yaml, versions by tags, fetched by `dvc artifacts get`."""

from pathlib import Path

from ruamel.yaml import YAML

from support.dvc_project import ROOT, DvcProject
from voicetraits.models import saved

ARTIFACTS = YAML(typ="safe", pure=True).load(ROOT / "dvc.yaml")["artifacts"]


def test_every_model_of_a_run_is_an_artifact(finished: DvcProject):
    folders = {path.relative_to(finished.folder) for path in finished.folder.glob("data/models/*/*/final")}
    assert {Path(artifact["path"]) for artifact in ARTIFACTS.values()} == folders
    for name, artifact in ARTIFACTS.items():
        model, target = name.split("-")
        assert artifact["path"] == f"data/models/{model}/{target}/final"
        assert sorted(artifact["labels"]) == sorted([model, target])
        assert artifact["type"] == "model"


def test_a_tagged_version_can_be_fetched_and_loaded(working_copy: DvcProject, tmp_path: Path):
    working_copy.git("tag", "--annotate", "tfdf-gender@v1.0.0", "--message", "First")
    working_copy.dvc("artifacts", "get", str(working_copy.folder), "tfdf-gender", "--out", str(tmp_path / "fetched"))
    config = saved.load(tmp_path / "fetched").config
    assert (config.model, config.target) == ("tfdf", "gender")
