"""`make package` after a run: a wheel with its models, and a card that has its figures."""

import subprocess
import sys
import zipfile

from support.dvc_project import DvcProject
from voicetraits.reporting.words import interval
from voicetraits.shipping.contents import models_in


def test_the_card_has_the_figures_of_the_run_and_the_wheel_the_models(working_copy: DvcProject):
    done = subprocess.run(
        [sys.executable, "src/package.py"], cwd=working_copy.folder, env=working_copy.env, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (wheel,) = (working_copy.folder / "dist/tfdf").glob("*.whl")
    assert done.stdout.startswith(f"{wheel.relative_to(working_copy.folder)}: ")
    card = (working_copy.folder / "dist/tfdf/MODEL_CARD.md").read_text(encoding="utf-8")
    for target, models in working_copy.json("metrics/evaluate.json").items():
        score = models["tfdf"]["clips"]
        assert f"| `tfdf` | clips | {interval(score['uar'], score['uar_low'], score['uar_high'])} |" in card, target
    split = working_copy.json("metrics/split.json")["gender"]
    for label in ("female", "male"):
        learnt, tested = split["train"][label], split["test"][label]
        counts = [learnt["speakers"], learnt["clips"], tested["speakers"], tested["clips"]]
        assert f"| gender | {label} | {' | '.join(map(str, counts))} |" in card.split("### Gender")[1]
    assert "say nothing about people" in card
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        assert archive.read("voicetraits/shipped/MODEL_CARD.md").decode() == card
    for target, model in models_in(working_copy.folder / "data/models/tfdf").items():
        files = {path.relative_to(model.folder).as_posix() for path in model.folder.rglob("*") if path.is_file()}
        assert {f"voicetraits/shipped/{target}/{name}" for name in files} <= names
