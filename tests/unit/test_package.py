"""`make package`: what goes into the wheel is what predicting needs, no more, no less, and the same bytes each time."""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import numpy as np
import pytest
import soundfile
from packaging.metadata import Metadata
from packaging.requirements import Requirement

from support.packaged import MODELS, packed, small_project
from support.project import ROOT
from support.saved_models import save_softmax
from support.sounds import RATE_HZ, glide, noise
from voicetraits.errors import DataError, ModelError
from voicetraits.inference import starting
from voicetraits.inference.picture import write_picture
from voicetraits.shipping.contents import Model, models_in, modules_for, normalised, requirements_of

CARD = "# Größe der Stimme\n"
PINNED = (ROOT / "requirements.txt").read_text(encoding="utf-8")
#: Training and the graph need them; a machine that only predicts must not.
HEAVY = {"tensorflow", "keras", "tf-keras", "tensorflow-decision-forests", "dvc", "dvclive", "scikit-learn", "librosa"}
#: What predicting with any model loads of models/.
ALWAYS = ("voicetraits.models.rows", "voicetraits.models.saved")


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    return small_project(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def wheel(project, tmp_path_factory) -> Path:
    return packed(project, tmp_path_factory.mktemp("dist"), CARD)


def content(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def metadata(wheel: Path) -> Metadata:
    (page,) = (data for name, data in content(wheel).items() if name.endswith(".dist-info/METADATA"))
    return Metadata.from_email(page)  # raises where a field is not as the standard wants it


def test_the_same_content_has_the_same_bytes_and_another_one_another_version(project, wheel, tmp_path):
    again = packed(project, tmp_path, CARD)
    assert again.name == wheel.name and again.read_bytes() == wheel.read_bytes()
    assert re.fullmatch(r"voicetraits-0\+softmax\.[0-9a-f]{12}-py3-none-any\.whl", wheel.name)
    assert packed(project, tmp_path, "another").name != wheel.name


def test_the_record_has_every_file_with_its_digest(wheel):
    files = content(wheel)
    (record,) = (name for name in files if name.endswith(".dist-info/RECORD"))
    listed = [line.rsplit(",", 2) for line in files[record].decode().splitlines()]
    assert [name for name, *_ in listed] == list(files)
    for name, digest, size in listed:
        if name == record:
            assert digest == size == ""
            continue
        sha256 = base64.urlsafe_b64encode(hashlib.sha256(files[name]).digest()).decode().rstrip("=")
        assert (digest, size) == (f"sha256={sha256}", str(len(files[name])))


def test_installers_read_what_it_is(wheel):
    known = metadata(wheel)
    assert (known.name, str(known.version)) == ("voicetraits", wheel.name.split("-")[1])
    assert known.license_expression == "Apache-2.0" and known.license_files == ["LICENSE", "NOTICE.md"]
    assert known.description == CARD
    assert known.provides_extra == ["plot", "record"]
    setup = (ROOT / "tools/setup.sh").read_text()
    for minor in range(9, 16):
        assert known.requires_python.contains(f"3.{minor}.1") == (f"python3.{minor} " in setup)
    files = content(wheel)
    (scripts,) = (data for name, data in files.items() if name.endswith("entry_points.txt"))
    assert scripts.decode() == "[console_scripts]\nvoicetraits-predict = voicetraits.shipping.installed:main\n"
    for name in ("LICENSE", "NOTICE.md"):
        assert any(path.endswith(f".dist-info/licenses/{name}") for path in files)


def test_of_dvc_lock_only_the_digest_travels_since_it_names_folders_and_speakers(wheel):
    files = content(wheel)
    digest = hashlib.sha256((ROOT / "dvc.lock").read_bytes()).hexdigest()
    assert files["voicetraits/shipped/dvc.lock.sha256"].decode() == f"{digest}\n"
    assert not any(name.endswith("dvc.lock") for name in files)


def test_every_requirement_is_a_line_of_requirements_txt_but_for_the_microphone(wheel):
    pins = {str(Requirement(line)) for line in PINNED.splitlines() if not line.startswith("#")}
    always = [one for one in metadata(wheel).requires_dist if "extra" not in str(one.marker)]
    assert {str(one) for one in always} <= pins
    names = {normalised(one.name) for one in always}
    assert {"numpy", "numba", "llvmlite", "h5py", "typer"} <= names
    assert not names & (HEAVY | {"ydf", "onnxruntime", "pandas"})
    extras = {normalised(one.name): str(one) for one in metadata(wheel).requires_dist if one not in always}
    assert extras == {
        "vl-convert-python": re.search("vl-convert-python==.*", PINNED)[0] + '; extra == "plot"',
        "sounddevice": 'sounddevice; extra == "record"',
    }


def test_what_predicting_needs_must_be_pinned(project):
    modules = modules_for(list(models_in(project / MODELS).values()))
    without = re.sub("(?m)^scipy==.*\n", "", PINNED)
    with pytest.raises(
        DataError, match=r"^requirements.txt does not pin 'scipy', which predicting needs; add it there$"
    ):
        requirements_of(modules, without)


@pytest.mark.parametrize(
    ("modules", "own", "others"),
    [
        (("voicetraits.models.softmax_runtime",), {"h5py"}, {"ydf", "onnxruntime", "pandas"}),
        (("voicetraits.models.tfdf",), {"ydf", "pandas"}, {"h5py", "onnxruntime"}),
        (
            ("voicetraits.models.net_runtime", "voicetraits.front_ends.log_mel"),
            {"onnxruntime"},
            {"h5py", "ydf", "pandas"},
        ),
    ],
)
def test_only_what_the_model_itself_needs_is_asked_for(modules, own, others):
    model = Model(Path(), None, modules)
    shipped = modules_for([model])
    assert set(modules) <= shipped.keys()
    assert not [name for name in shipped if ".models." in name and name not in (*modules, *ALWAYS)]
    names = {normalised(Requirement(line).name) for line in requirements_of(shipped, PINNED)[""]}
    assert own <= names and not names & (others | HEAVY)


def test_models_of_several_kinds_are_not_one_package(project, tmp_path):
    with pytest.raises(ModelError, match="holds no saved model"):
        models_in(tmp_path)
    gender = save_softmax(tmp_path / "a", "gender")
    age = save_softmax(tmp_path / "a", "age")
    config = (age / "config.yaml").read_text()
    (age / "config.yaml").write_text(config.replace("model: softmax", "model: net", 1) + "runtime: softmax_runtime\n")
    text = (age / "config.yaml").read_text().replace("runtime: null\n", "")
    (age / "config.yaml").write_text(text)
    with pytest.raises(ModelError, match=r"several kinds \(net, softmax\); name the folder of one"):
        models_in(tmp_path / "a")
    assert gender.is_dir()


@pytest.fixture(scope="module")
def sounds(tmp_path_factory) -> Path:
    """A voice, its like in another container, noise that only the detector can judge, and no sound."""
    folder = tmp_path_factory.mktemp("sounds")
    voice = glide(110, 190, 2.0)
    soundfile.write(folder / "voice.wav", voice, RATE_HZ)
    soundfile.write(folder / "voice.flac", np.stack([voice, voice], axis=1), RATE_HZ)
    soundfile.write(folder / "noise.wav", noise(2.0), RATE_HZ)
    (folder / "none.wav").write_text("not audio")
    return folder


def test_with_what_the_wheel_declares_it_answers_as_predict_does_and_loads_all_that_it_ships(
    project, wheel, sounds, tmp_path
):
    """Everything else is as if it were not installed, this project's other modules among it."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    shipped = {name for name in content(wheel) if name.endswith(".py")}
    assert all((tmp_path / "site" / name).read_bytes() == (ROOT / "src" / name).read_bytes() for name in shipped)
    modules = {name.removesuffix("/__init__.py").removesuffix(".py").replace("/", ".") for name in shipped}
    declared = {normalised(one.name) for one in metadata(wheel).requires_dist if "extra" not in str(one.marker)}
    lacking = [
        top
        for top, homes in packages_distributions().items()
        if top != "voicetraits" and not {normalised(home) for home in homes} & declared
    ]
    (tmp_path / "gate.json").write_text(json.dumps({"modules": sorted(modules), "lacking": lacking}))
    options = ["voice.wav", "voice.flac", "noise.wav", "none.wav", "--format", "json", "--segments", "--explain"]

    def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        return subprocess.run(
            [sys.executable, *command, *options], cwd=sounds, env=env, capture_output=True, text=True, check=False
        )

    gate = ROOT / "tests/support/gate.py"
    alone = run(gate, tmp_path / "gate.json", "--model", tmp_path / "site/voicetraits/shipped")
    within = run(ROOT / "src/predict.py", "--model", project / MODELS)
    assert alone.stdout and alone.returncode == within.returncode == 1, alone.stderr  # 1 for none.wav
    answers = json.loads(alone.stdout)
    assert [one["path"] for one in answers] == options[:4]
    assert answers[0]["answers"]["gender"]["label"] == "male"
    assert alone.stdout == within.stdout
    loaded = set(json.loads(alone.stderr.splitlines()[-1]))
    assert loaded == modules


def test_an_installed_package_names_no_commands_of_the_project(project, tmp_path):
    """Here it lies in the project and has no `shipped/` beside it."""

    def said(model: Path | None, code: str = "pass") -> str:
        start = f"from voicetraits.shipping import installed; {code}; installed.main()"
        options = ["voice.wav", *(["--model", str(model)] if model else [])]
        done = subprocess.run(
            [sys.executable, "-c", start, *options], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
        assert "dvc" not in done.stderr and "`make" not in done.stderr
        return done.stderr

    assert said(None).endswith("shipped holds no saved model; install the package again\n")
    assert said(tmp_path).endswith(" holds no saved model; let --model name another folder, or leave it out\n")
    damaged = save_softmax(tmp_path / "damaged")
    (damaged / "more").write_text("")
    assert "(more is not what was saved); let --model name another folder" in said(tmp_path / "damaged")
    for number, reason in (("ENOENT", "No such file or directory"), ("ENOSPC", "No space left on device")):
        code = (
            f"import errno, os; raising = OSError(errno.{number}, os.strerror(errno.{number}), 'x.png');"
            f"installed.answer = lambda *_: (_ for _ in ()).throw(raising)"
        )
        assert f": x.png: {reason}; mend that and run the same command again" in said(project / MODELS, code)


def test_drawing_without_its_extra_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(ModelError, match=r"^drawing needs the package vl-convert-python; `pip install vl-convert-"):
        write_picture(None, tmp_path / "no.wav", tmp_path / "x.png", title="")


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A folder that can be written, and one that cannot even by root, since a file is in its place."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")
    (tmp_path / "file").write_text("")
    return tmp_path / "can", tmp_path / "file/cannot"


def test_compiled_code_is_kept_beside_the_code_where_that_can_be_written(places):
    can, cannot = places
    starting.find_place(can, cannot)
    assert os.environ["NUMBA_CACHE_DIR"] == ""


def test_else_with_the_caches_of_the_user(places):
    can, cannot = places
    starting.find_place(cannot, can)
    assert os.environ["NUMBA_CACHE_DIR"] == str(can)


def test_else_nowhere_for_long_and_that_is_said(places, capsys, monkeypatch):
    _, cannot = places
    kept = []
    monkeypatch.setattr(starting.atexit, "register", lambda *call, **options: kept.append((call, options)))
    starting.find_place(cannot, cannot)
    place = Path(os.environ["NUMBA_CACHE_DIR"])
    assert place.is_dir() and place.stat().st_mode & 0o777 == 0o700  # what lies there is run
    said = capsys.readouterr().err
    assert said.startswith("voicetraits: neither ") and "NUMBA_CACHE_DIR" in said and said.count("\n") == 1
    (((remove, *arguments), options),) = kept
    remove(*arguments, **options)
    assert not place.exists()


def test_a_place_that_is_named_stays(places, monkeypatch):
    _, cannot = places
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/named")
    starting.find_place(cannot, cannot)
    assert os.environ["NUMBA_CACHE_DIR"] == "/named"
