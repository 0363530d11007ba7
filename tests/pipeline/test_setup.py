"""What stands between a download and a run: each obstacle gives one line that says what to do, or none at all."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.dvc_project import STAGES, DvcProject, copy_working_tree, git_identity

AWKWARD = "Größe mit Blank"


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """The project as a ZIP of it unpacks: no .git."""
    folder = tmp_path / "voicetraits-main"
    copy_working_tree(folder)
    return folder


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder for PATH that holds what make and the tools need, and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "make", "git", "uname", "rm", "touch"):
        (folder / name).symlink_to(shutil.which(name))
    return folder


def run(
    *command: str, cwd: Path, path: Path | None = None, check: bool = False, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run a command with `path` as all of PATH, or with the Python that runs the tests in front."""
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "MAKE", "PYTHON"))},
        "PATH": str(path) if path else os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "DVC_NO_ANALYTICS": "1",
        **git_identity(),
        **env,
    }
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=check)


def only_line(done: subprocess.CompletedProcess[str]) -> str:
    """What a failed command said on stderr, besides make's own remark."""
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert len(lines) == 1, done.stdout + done.stderr
    return lines[0]


def fake(folder: Path, name: str, script: str) -> None:
    (folder / name).unlink(missing_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def first_commit(folder: Path) -> None:
    for command in ("init --quiet", "add --all", "commit --quiet --message Start"):
        run("git", *command.split(), cwd=folder, check=True)


def stub_venv(folder: Path) -> None:
    """A .venv that make takes for the installed one: the environment that runs the tests."""
    (folder / ".venv").mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (folder / ".venv" / name).symlink_to(Path(sys.prefix) / name)
    (folder / ".venv/.ready").touch()


def test_no_suitable_python(unpacked, programs):
    first_commit(unpacked)
    line = only_line(run("make", "repro", cwd=unpacked, path=programs))
    assert line.startswith("setup: no Python 3.11 or 3.12 with venv on PATH; install one (")
    assert line.endswith(") and run make again")
    for name in ("python3", "python"):
        fake(programs, name, "exit 1")  # as one of another version, or without venv
    assert only_line(run("make", "test", cwd=unpacked, path=programs)) == line


def test_an_unsupported_platform(unpacked, programs):
    first_commit(unpacked)
    fake(programs, "uname", "case $1 in -s) echo Linux ;; -m) echo aarch64 ;; esac")
    line = only_line(run("make", "install", cwd=unpacked, path=programs))
    assert line == (
        "setup: TensorFlow Decision Forests has no build for Linux on aarch64; "
        "use Linux x86-64, macOS on Apple silicon, or WSL on Windows"
    )


def test_no_git(unpacked, programs):
    (programs / "git").unlink()
    line = only_line(run("make", "repro", cwd=unpacked, path=programs))
    assert line.startswith("check: git is not installed; install it (")


@pytest.mark.parametrize("inside_another_repository", [False, True])
def test_a_zip_instead_of_a_clone(unpacked, inside_another_repository):
    if inside_another_repository:
        run("git", "init", "--quiet", cwd=unpacked.parent, check=True)
    line = only_line(run("make", "repro", cwd=unpacked))
    assert line.startswith("check: this folder is no git repository of its own (a downloaded ZIP?); run once: ")
    assert not (unpacked / ".venv").exists(), "minutes of installation came first"
    assert follow(line, unpacked).stderr == ""
    assert_ready(unpacked)


def test_no_first_commit(unpacked):
    run("git", "init", "--quiet", cwd=unpacked, check=True)
    line = only_line(run("make", "repro", cwd=unpacked))
    assert line.startswith("check: git has no commit yet; run once: ")
    follow(line, unpacked)
    assert_ready(unpacked)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_a_clone_of_another_user(unpacked, tmp_path):
    first_commit(unpacked)
    for path in (unpacked, unpacked / ".git"):
        os.chown(path, 12345, 12345)
    settings = {"GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig")}
    line = only_line(run("make", "repro", cwd=unpacked, **settings))
    assert line.startswith("check: git does not trust this folder, which another user owns; run once: ")
    follow(line, unpacked, **settings)
    assert run("sh", "tools/check.sh", cwd=unpacked, **settings).returncode == 0


def follow(line: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Do what the line says."""
    return run("sh", "-c", re.search(r"run once: (.*)", line)[1], cwd=folder, check=True, **env)


def assert_ready(folder: Path) -> None:
    done = run("sh", "tools/check.sh", cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.slow
def test_an_installation_that_fails_and_one_that_works(tmp_path):
    """With requirements of nothing; into a path with blanks and umlauts, over the ruins of another .venv."""
    folder = tmp_path / AWKWARD
    copy_working_tree(folder)
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / ".venv/bin/python").symlink_to("/nowhere/python")
    (folder / "requirements.txt").write_text("no-such-package==1.0\n")
    done = run("make", "install", cwd=folder, PIP_NO_INDEX="1")
    *lines, last = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert last == "setup: the installation failed; see the lines above (no network? a full disk?) and run make again"
    assert "no-such-package" in "".join(lines)

    (folder / "requirements.txt").write_text("# nothing\n")
    done = run("make", "install", cwd=folder, PIP_NO_INDEX="1", check=True)
    assert (done.stdout.count("\n"), done.stderr) == (1, "")
    assert run(".venv/bin/pip", "--version", cwd=folder).returncode == 0
    assert "Nothing to be done" in run("make", "install", cwd=folder, check=True).stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "line"),
    [
        (
            "dvc repro",
            "scrape: the disk of .* is too small: all stages need about .* MB, .* MB are free; free some space (.*)",
        ),
        # What scrape could not foresee: another program takes the space meanwhile.
        (
            'cp -R "$1/data/raw" data/; head -c 40m /dev/zero >fill; python src/extract.py',
            "extract: the disk is full .*; free some space, for example with .*: what is finished is kept",
        ),
    ],
    ids=["too small from the start", "full on the way"],
)
def test_a_full_disk(finished: DvcProject, tmp_path, script, line):
    in_namespace = ["unshare", "--map-root-user", "--mount"]
    if subprocess.run([*in_namespace, "true"], capture_output=True, check=False).returncode:
        pytest.skip("not permitted to mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = 'mount -t tmpfs -o size=40m tmpfs "$0" && git clone --quiet "$1" "$0/project" && cd "$0/project"'
    done = run(
        *in_namespace, "sh", "-c", f"{mount} && {script}", str(disk), str(finished.folder),
        cwd=tmp_path, VOICETRAITS_CACHE=str(disk / "store"), DVC_SITE_CACHE_DIR=str(tmp_path / "site"),
    )  # fmt: skip
    assert done.returncode != 0
    said = [text for text in done.stderr.splitlines() if not text.startswith(("head: ", "ERROR: failed to reproduce"))]
    assert len(said) == 1, done.stderr
    assert re.fullmatch(line, said[0])


@pytest.mark.slow
def test_make_repro_in_a_clean_clone_without_a_network(finished: DvcProject, tmp_path):
    """After the installation, all comes out as before: the same dvc.lock and the same figures."""
    offline = ["unshare", "--map-root-user", "--net"]
    if subprocess.run([*offline, "true"], capture_output=True, check=False).returncode:
        pytest.skip("not permitted to take the network away")
    clone = finished.clone(tmp_path / "clone")
    stub_venv(clone.folder)
    printed = clone.run(*offline, "make", "repro")
    # What evaluate and stress write came with the clone, and what they read came out the same.
    assert printed.ran == [stage for stage in STAGES if stage not in ("evaluate", "stress")]
    assert printed.complaints == []
    assert clone.git("status", "--porcelain") == ""
    assert clone.dvc("repro", "--force", "--single-item", "evaluate").ran == ["evaluate"]
    assert clone.git("status", "--porcelain") == ""
    table, following = printed.stdout.split("\nNext: ")
    assert re.search(r"^ *gender +softmax +speakers +0\.\d{3} ", table, re.MULTILINE)
    assert "dvc plots show" in following


@pytest.mark.slow
def test_a_target_that_went_leaves_nothing_behind(working_copy: DvcProject, tmp_path):
    """The workspace where age was, and a clean clone, which lies in a path with blanks and umlauts, end alike."""
    working_copy.edit({"targets": ["gender"]})
    printed = working_copy.dvc("repro")
    trained = ["train_softmax@gender", "train_tfdf@gender", "train_net@voicenet-gender"]
    assert printed.ran == ["split", *trained, "evaluate", "stress", "explain", "report"]
    for path in ("data/models/softmax", "data/models/tfdf", "metrics/train/softmax", "metrics/train/tfdf"):
        assert f"evaluate: removing {path}/age, which params.yaml no longer names\n" in printed.stdout
    assert printed.complaints == []
    assert working_copy.dvc("plots", "show").stderr == ""
    working_copy.commit("Gender alone")

    clone = working_copy.clone(tmp_path / AWKWARD)
    assert run("sh", "tools/check.sh", cwd=clone.folder).returncode == 0
    printed = clone.dvc("repro")
    left_out = ("evaluate", "stress")
    assert printed.ran == [stage for stage in STAGES if stage not in left_out and not stage.endswith(("@age", "-age"))]
    assert printed.complaints == []
    assert clone.git("status", "--porcelain") == ""


def test_make_clean_frees_the_space_and_keeps_what_is_not_ours(finished: DvcProject, tmp_path):
    project = finished.copy(tmp_path / "project", own_store=True)
    stub_venv(project.folder)
    (project.store / "photos").mkdir()
    for folder in ("audio", "partial"):  # names that the store uses too
        (project.store / folder).mkdir(exist_ok=True)
        (project.store / folder / "precious.wav").write_bytes(b"mine")
    printed = project.run("make", "clean")
    assert "clean: removing data/audio (" in printed.stdout
    left = {path.relative_to(project.store).as_posix() for path in project.store.rglob("*")}
    assert left == {"photos", "audio", "audio/precious.wav", "partial", "partial/precious.wav"}
    assert [path.name for path in (project.folder / "data").iterdir()] == ["README.md"]
    assert not (project.folder / ".dvc/cache").exists()
    assert project.git("status", "--porcelain") == ""
