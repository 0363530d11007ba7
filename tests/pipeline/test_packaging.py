"""`make package` after a run: a wheel with its models, and a card that has its figures."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import soundfile

from support.dvc_project import DvcProject
from support.packaged import need_index, run, without_network
from support.sounds import RATE_HZ, glide, noise
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


@pytest.mark.slow
@pytest.mark.parametrize("model", ["tfdf", "voicenet"])
def test_carried_to_a_machine_without_a_network(working_copy: DvcProject, tmp_path: Path, model: str):
    """All wheels lie in a folder, pip asks no index, and what is installed says what the project says."""
    offline = without_network()
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / "bin/python"
    need_index(python, tmp_path / "probe")
    working_copy.run(sys.executable, "src/package.py", "--model", model)
    (wheel,) = (working_copy.folder / "dist" / model).glob("*.whl")
    soundfile.write(tmp_path / "voice.wav", glide(110, 190, 2.0), RATE_HZ)
    soundfile.write(tmp_path / "noise.wav", noise(2.0), RATE_HZ)

    carried = run([python, "-m", "pip", "download", "--quiet", "--dest", tmp_path / "wheels", wheel])
    assert carried.returncode == 0, carried.stderr
    install = ["-m", "pip", "install", "--quiet", "--no-index", "--find-links", tmp_path / "wheels", wheel.name]
    installed = run([*offline, python, *install], cwd=wheel.parent)
    assert installed.returncode == 0, installed.stderr

    sounds = ["voice.wav", "noise.wav", "--format", "json", "--segments"]
    command = [*offline, environment / "bin/voicetraits-predict", *sounds]
    alone = run(command, cwd=tmp_path, XDG_CACHE_HOME=str(tmp_path / "cache"))
    models = working_copy.folder / "data/models" / model
    within = run([sys.executable, working_copy.folder / "src/predict.py", *sounds, "--model", models], cwd=tmp_path)
    assert alone.returncode == within.returncode == 0, alone.stderr + within.stderr
    assert alone.stdout == within.stdout
    assert alone.stderr == ""
