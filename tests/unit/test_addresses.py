"""Paths and addresses in params.yaml: homes, and what leads nowhere, of which one line names the key."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
import requests

from support.corpora import params_with
from voicetraits.download import CannotFetchError, Client
from voicetraits.errors import DataError, ParameterError
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


@pytest.mark.parametrize("host", ["[bad", "user:secret@[bad", "user:secret@ex\u2100mple.org"])
def test_what_is_no_web_address_is_named_without_its_password(host: str, store: Store) -> None:
    shown = re.escape(host.rpartition("@")[2])
    with pytest.raises(DataError, match=rf"^http://{shown} cannot be read: it is no web address; .*voxforge\.url in"):
        open_corpus(params_with("voxforge", url=f"http://{host}"), store)
    with pytest.raises(DataError, match=rf"^http://{shown}/train-.* cannot be had: it is no .*librispeech\.url in"):
        open_corpus(params_with("librispeech", url=f"http://{host}"), store).list_archives()


def test_what_has_no_settings_for_the_web_must_be_downloaded_first(store: Store) -> None:
    expected = r"`corpora\.common_voice\.path` is 'https://example.org/cv.tgz'; allowed: the path of the file that you"
    with pytest.raises(ParameterError, match=expected):
        open_corpus(params_with("common_voice", path="https://anna:secret@example.org/cv.tgz"), store)


def test_a_redirect_to_what_is_no_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(
        "http://example.org/", connect_timeout_seconds=1.0, read_timeout_seconds=1.0, retries=0, delay_seconds=0.0
    )
    answer = requests.Response()
    answer.status_code, answer.headers["Location"], answer.raw = 302, "http://[bad", io.BytesIO()
    monkeypatch.setattr(client, "_ask_once", lambda *_: answer)
    with pytest.raises(CannotFetchError, match=r"^the server redirects to what is no address \(Invalid IPv6 URL\)$"):
        client.index_page()
