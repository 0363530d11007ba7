"""What a person runs by hand from tools/: each wrong call ends in one line."""

import errno
import importlib
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from support.project import ROOT
from voicetraits import stage
from voicetraits.features.feature import Feature
from voicetraits.features.table import write_description
from voicetraits.files import write_parquet
from voicetraits.inference.occlusion import Occlusion


@pytest.fixture
def refusal(monkeypatch, tmp_path):
    """Runs a tool in an empty folder with these arguments; the line with which it ends."""
    monkeypatch.syspath_prepend(ROOT / "tools")
    monkeypatch.chdir(tmp_path)

    def run(tool: str, *arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", [f"{tool}.py", *arguments])
        with pytest.raises(SystemExit) as ended:
            stage.run(importlib.import_module(tool).main)
        assert str(ended.value).count("\n") == 0
        return str(ended.value)

    return run


def test_maps_are_compared_for_nets_alone(refusal):
    expected = "data/models holds no net 'softmax'; name one of params.yaml's `nets`, after `dvc repro`"
    assert refusal("occlusion_agreement", "softmax") == f"occlusion_agreement: {expected}"


def test_how_far_two_maps_agree(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")
    agreement = importlib.import_module("occlusion_agreement").agreement
    drop = np.arange(20.0).reshape(5, 4)
    occlusion = Occlusion(0, np.array([0, 20, 40, 60, 80, 90]), np.array([0, 8, 16, 24, 30]), drop)
    heat = np.repeat(np.repeat(drop, [20, 20, 20, 20, 10], axis=0), [8, 8, 8, 6], axis=1)
    assert agreement(occlusion, heat) == pytest.approx((1, 1)), "larger rectangles weigh no more"
    assert agreement(occlusion, -heat) == pytest.approx((-1, 0))


def test_errors_of_features_need_a_folder_of_archives(refusal, tmp_path):
    usage = "usage: python tools/feature_errors.py <folder of .tgz archives> [clips per archive, 1 or more]"
    assert refusal("feature_errors") == usage
    assert refusal("feature_errors", str(tmp_path), "none") == usage
    assert refusal("feature_errors", str(tmp_path), "0") == usage
    assert refusal("feature_errors", "nowhere") == f"feature_errors: nowhere is no folder; {usage}"
    expected = f"feature_errors: {tmp_path} holds no .tgz with a usable clip; name another folder"
    assert refusal("feature_errors", str(tmp_path)) == expected


def test_ranges_of_features_need_a_run_and_their_names(refusal, tmp_path):
    assert refusal("feature_ranges") == "feature_ranges: data/features holds no features; run `dvc repro featurize`"
    folder = tmp_path / "data/features"
    write_parquet(pd.DataFrame({"utterance_id": ["a"], "charm": [1.0]}), folder / "functionals/part-0000.parquet")
    write_description(folder, {}, (Feature("charm", "1", "how charming"),))
    assert refusal("feature_ranges", "chram").startswith(
        "feature_ranges: there is no feature 'chram'; src/voicetraits/"
    )
    assert (
        refusal("feature_ranges")
        == "feature_ranges: data/metadata.parquet is missing; `dvc repro` makes what stages write"
    )


def test_a_reader_that_leaves_gets_no_traceback():
    code = """
import sys
from voicetraits import stage
sys.stdin.readline()  # until the reader has gone
stage.run(lambda: print("line " * 100_000))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT / "src",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    process.stdin.write(b"go\n")
    process.stdin.close()
    assert (process.stderr.read(), process.wait(20)) == (b"", 1)


def test_another_broken_pipe_is_no_such_thing(monkeypatch):
    def lose_a_worker():
        raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", sys.__stdout__)
    with pytest.raises(BrokenPipeError):
        stage.run(lose_a_worker)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EACCES, "Permission denied; let yourself read and write it and enter its folders (`ls -ld` shows who"),
        (errno.EPERM, "Operation not permitted; let yourself read and write it"),
        (errno.EROFS, "Read-only file system; let yourself read and write it"),
        (errno.ENOTDIR, "Not a directory; a part of this path is a file where a folder must be; move it away, or name"),
        (errno.EISDIR, "Is a directory; a folder is where a file must be; move it away, or name another path"),
    ],
)
@pytest.mark.parametrize(
    "paths",
    [
        ["No", "/data/metadata.csv"],
        ["No", "/data/clip", None, "/data/metadata.csv"],
        ["Failed to open local file '/data/metadata.csv'. Detail: No"],
    ],
    ids=["open", "copy", "pyarrow"],
)
def test_a_path_that_cannot_be_used_is_named_with_what_to_do(number, said, paths):
    def fail():
        raise OSError(number, *paths)

    with pytest.raises(SystemExit, match=re.escape(f": /data/metadata.csv: {said}")) as ended:
        stage.run(fail)
    assert str(ended.value).endswith(", and run the same command again")
    assert "\n" not in str(ended.value)


def test_a_file_in_a_folders_place_is_named(tmp_path):
    (tmp_path / "data").write_bytes(b"")
    with pytest.raises(SystemExit, match=r"data/splits\.csv: Not a directory; a part of this path is a file"):
        stage.run((tmp_path / "data/splits.csv").read_text)


@pytest.mark.parametrize("error", [PermissionError(errno.EACCES, "No"), OSError(errno.EIO, "No", "/data/clip")])
def test_errors_that_name_no_path_or_nothing_to_mend_keep_their_traceback(error):
    def fail():
        raise error

    with pytest.raises(OSError, match="No"):
        stage.run(fail)


def test_of_a_full_disk_the_copy_is_named_and_not_what_was_copied():
    def copy():
        raise OSError(errno.ENOSPC, "No space left on device", "/here/clip", None, "/store/clip")

    with pytest.raises(SystemExit, match=r"the disk is full \(while writing /store/clip\); free some space, "):
        stage.run(copy)
