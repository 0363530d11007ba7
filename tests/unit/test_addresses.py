"""Paths and addresses in params.yaml: homes, and what leads nowhere, of which one line names the key."""

import re
from pathlib import Path
from typing import Any

import pytest

from support.corpora import params_with
from voicetraits.errors import ParameterError
from voicetraits.opening import open_corpus
from voicetraits.params import expanded
from voicetraits.store import Store


def test_a_path_may_start_at_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/anna")
    paths = {path: expanded(path, "it") for path in ("~/voices", "~", "/data/~", "a/~/b", ".")}
    assert list(map(str, paths.values())) == ["/home/anna/voices", "/home/anna", "/data/~", "a/~/b", "."]


@pytest.mark.parametrize(
    ("corpus", "values"),
    [
        ("folder", {"path": "~no one/voices"}),
        ("folder", {"table": "~no one/voices.csv", "path": "/data"}),
        ("common_voice", {"path": "~no one/cv.tar.gz"}),
        ("audiomnist", {"url": "~no one/master.zip"}),
        ("librispeech", {"url": "~no one/train-clean-100.tar.gz"}),
    ],
)
def test_a_home_that_is_not_known_is_named(corpus: str, values: dict[str, Any], store: Store) -> None:
    setting, path = next(iter(values.items()))
    expected = f"`corpora.{corpus}.{setting}` is '{path}': no home is known for ~no one; write the whole path"
    with pytest.raises(ParameterError, match=f"^params.yaml: {re.escape(expected)}$"):
        open_corpus(params_with(corpus, **values), store)


def test_a_folder_in_a_home_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "voices").mkdir()
    (tmp_path / "voices/metadata.csv").write_text("path,speaker_id,gender,age\na.wav,Anna,female,34\n")
    archives = open_corpus(params_with("folder", path="~/voices"), store).list_archives()
    assert [archive.source for archive in archives] == [str(tmp_path / "voices")]
