"""One download against a server on its bad days."""

import email.utils
import gzip
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from support import fault_server as faults
from support.archives import make_archives
from support.fault_server import FaultServer
from support.web_servers import free_port
from voicetraits import download
from voicetraits.download import CannotFetchError, Client, NoServerError, StoppedError
from voicetraits.partial import PartialFile

(NAME, CONTENT), *_ = make_archives(1, size=40_000).items()
HALF = 20_000


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "FIRST_PAUSE_SECONDS", 0.01)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with faults.fault_server({NAME: CONTENT}) as running:
        yield running


@pytest.fixture
def part(tmp_path: Path) -> PartialFile:
    return PartialFile(tmp_path / "key.part")


def client_of(url: str, **settings: float) -> Client:
    defaults = {"connect_timeout_seconds": 5.0, "read_timeout_seconds": 5.0, "retries": 2, "delay_seconds": 0.0}
    return Client(url, **(defaults | settings))


def fetch(server: FaultServer, part: PartialFile, **settings: float) -> bytes:
    client_of(server.url, **settings).archive(server.url + NAME, part)
    return part.path.read_bytes()


def interrupted(server: FaultServer, part: PartialFile) -> None:
    """Leave the first half of the file in `part`, as a killed run does."""
    server.faults[NAME] = [faults.truncated(HALF)]
    with pytest.raises(CannotFetchError, match=rf"broke off .*{HALF} bytes read"):
        fetch(server, part, retries=0)
    assert part.size == HALF


def test_file_arrives_as_it_is(server: FaultServer, part: PartialFile) -> None:
    assert fetch(server, part) == CONTENT  # though the server gives it a Content-Encoding
    (request,) = server.requests
    assert "voicetraits" in request.headers["User-Agent"]
    assert request.headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("fault", [faults.truncated(HALF), faults.reset(HALF)], ids=["truncated", "reset"])
def test_broken_connection_goes_on_where_it_broke(server: FaultServer, part: PartialFile, fault: faults.Fault) -> None:
    server.faults[NAME] = [fault]
    assert fetch(server, part) == CONTENT
    first, second = server.requests
    have = int(second.headers["Range"].removeprefix("bytes=").removesuffix("-"))
    assert 0 < have <= first.sent == HALF  # a reset may cost what was still on its way
    assert second.status == 206
    assert second.sent == len(CONTENT) - have


def test_later_run_goes_on_where_the_killed_one_stopped(server: FaultServer, part: PartialFile) -> None:
    interrupted(server, part)
    assert fetch(server, PartialFile(part.path)) == CONTENT
    request = server.requests[-1]
    assert request.headers["Range"] == f"bytes={HALF}-"
    assert request.headers["If-Range"].startswith('"')
    assert (request.status, request.sent) == (206, len(CONTENT) - HALF)


def test_date_serves_where_there_is_no_etag(server: FaultServer, part: PartialFile) -> None:
    server.etags = False
    interrupted(server, part)
    assert fetch(server, part) == CONTENT
    assert server.requests[-1].headers["If-Range"].endswith("GMT")
    assert server.requests[-1].status == 206


def test_without_a_validator_nothing_is_resumed(server: FaultServer, part: PartialFile) -> None:
    server.etags = server.dates = False
    interrupted(server, part)
    assert fetch(server, part) == CONTENT
    assert "Range" not in server.requests[-1].headers


def test_weak_etag_is_no_validator(server: FaultServer, part: PartialFile) -> None:
    server.etags = server.dates = False
    server.faults[NAME] = [
        lambda handler: handler.send(200, CONTENT, {"ETag": 'W/"1"'}, sent=HALF),
    ]
    assert fetch(server, part) == CONTENT
    assert "If-Range" not in server.requests[-1].headers


def test_part_without_its_note_is_not_trusted(server: FaultServer, part: PartialFile) -> None:
    part.path.write_bytes(b"\x1f\x8b left by who knows what")
    assert fetch(server, part) == CONTENT
    assert "Range" not in server.requests[-1].headers


def test_half_a_note_is_not_trusted(server: FaultServer, part: PartialFile) -> None:
    interrupted(server, part)
    note = part.path.with_name("key.part.json")
    note.write_text(note.read_text()[:10])
    assert fetch(server, part) == CONTENT
    assert "Range" not in server.requests[-1].headers


def test_changed_file_starts_anew(server: FaultServer, part: PartialFile) -> None:
    interrupted(server, part)
    (changed,) = make_archives(1, size=40_000, seed=1).values()
    server.files[NAME] = changed
    assert fetch(server, part) == changed
    assert server.requests[-1].status == 200


def test_changed_file_on_a_server_without_if_range_starts_anew(server: FaultServer, part: PartialFile) -> None:
    interrupted(server, part)
    (changed,) = make_archives(1, size=40_000, seed=1).values()
    server.files[NAME] = changed
    server.faults[NAME] = [
        lambda handler: handler.send(
            206,
            changed[HALF:],
            handler.file_headers() | {"Content-Range": f"bytes {HALF}-{len(changed) - 1}/{len(changed)}"},
        )
    ]
    assert fetch(server, part) == changed


def test_changed_file_that_nobody_could_notice_is_found_by_its_check_sum(
    server: FaultServer, part: PartialFile
) -> None:
    server.etags = False
    interrupted(server, part)
    (changed,) = make_archives(1, size=40_000, seed=1).values()
    server.files[NAME] = changed
    assert len(changed) == len(CONTENT)
    server.faults[NAME] = [
        lambda handler: handler.send(
            206, changed[HALF:], {"Content-Range": f"bytes {HALF}-{len(changed) - 1}/{len(changed)}"}
        )
    ]
    assert fetch(server, part) == changed


def test_shrunken_file_starts_anew(server: FaultServer, part: PartialFile) -> None:
    interrupted(server, part)
    (small,) = make_archives(1, size=1_000).values()
    server.files[NAME] = small
    server.faults[NAME] = [faults.status(416, Content_Range=f"bytes */{len(small)}")]
    assert fetch(server, part) == small


def test_more_than_the_rest_is_refused(server: FaultServer, part: PartialFile) -> None:
    interrupted(server, part)

    def with_more(handler: faults.Handler) -> None:
        span = f"bytes {HALF}-{len(CONTENT) - 1}/{len(CONTENT)}"
        handler.send(206, CONTENT[HALF:] + b"more", handler.file_headers() | {"Content-Range": span})

    server.faults[NAME] = [with_more]
    with pytest.raises(CannotFetchError, match=f"the server sends more than {len(CONTENT) - HALF} bytes"):
        fetch(server, part)


def test_less_than_the_rest_is_asked_for_again(server: FaultServer, part: PartialFile) -> None:
    interrupted(server, part)

    def with_less(handler: faults.Handler) -> None:
        span = f"bytes {HALF}-{HALF + 99}/{len(CONTENT)}"
        handler.send(206, CONTENT[HALF : HALF + 100], handler.file_headers() | {"Content-Range": span})

    server.faults[NAME] = [with_less]
    assert fetch(server, part) == CONTENT
    assert server.requests[-1].headers["Range"] == f"bytes={HALF + 100}-"


@pytest.mark.parametrize("fault", [faults.without_ranges, faults.wrong_range], ids=["ignored", "wrong"])
def test_range_that_is_not_served_starts_anew(server: FaultServer, part: PartialFile, fault: faults.Fault) -> None:
    interrupted(server, part)
    server.faults[NAME] = [fault]
    assert fetch(server, part) == CONTENT


def test_whole_part_is_not_asked_for_again(server: FaultServer, part: PartialFile) -> None:
    fetch(server, part)  # and killed before the file is put into the store
    assert fetch(server, PartialFile(part.path)) == CONTENT
    assert len(server.requests) == 1


def test_whole_part_of_unknown_length_is_not_asked_for_again(server: FaultServer, part: PartialFile) -> None:
    server.lengths = False
    fetch(server, part)
    assert fetch(server, PartialFile(part.path)) == CONTENT
    assert len(server.requests) == 1


def test_truncation_without_a_length_is_found_by_the_gzip_check(server: FaultServer, part: PartialFile) -> None:
    server.lengths = False
    server.faults[NAME] = [faults.truncated(HALF)]
    assert fetch(server, part) == CONTENT


def test_damaged_file_is_refused_and_not_asked_for_again(server: FaultServer, part: PartialFile) -> None:
    server.faults[NAME] = [faults.damaged] * 9
    with pytest.raises(CannotFetchError, match="not a whole gzip file: CRC check failed"):
        fetch(server, part)
    assert len(server.requests) == 1
    assert not part.path.exists()


def test_html_page_with_status_200_is_refused(server: FaultServer, part: PartialFile) -> None:
    server.faults[NAME] = [faults.html_page]
    with pytest.raises(CannotFetchError, match="sent an HTML page in the archive's place"):
        fetch(server, part)


@pytest.mark.parametrize("page", [b"<!DOCTYPE html><html>Log in</html>", b"\n\n<html>" + b"Log in " * 200])
def test_compressed_html_page_is_refused(server: FaultServer, part: PartialFile, page: bytes) -> None:
    """As a proxy sends it, though the client takes nothing compressed: to its bytes it is a gzip file."""
    server.faults[NAME] = [
        faults.status(200, gzip.compress(page), Content_Type="text/html", Content_Encoding="gzip", ETag='"page"')
    ]
    with pytest.raises(CannotFetchError, match="an HTML page is in the archive's place, compressed"):
        fetch(server, part)
    assert not part.path.exists()
    assert fetch(server, part) == CONTENT


def test_html_page_does_not_cost_what_is_there(server: FaultServer, part: PartialFile) -> None:
    interrupted(server, part)
    server.faults[NAME] = [faults.html_page]
    with pytest.raises(CannotFetchError, match="HTML page"):
        fetch(server, part)
    assert fetch(server, part) == CONTENT
    assert server.requests[-1].status == 206


def test_empty_file_is_refused(server: FaultServer, part: PartialFile) -> None:
    server.files[NAME] = b""
    with pytest.raises(CannotFetchError, match="sent an empty file"):
        fetch(server, part)


def test_missing_file_is_asked_for_once(server: FaultServer, part: PartialFile) -> None:
    del server.files[NAME]
    with pytest.raises(CannotFetchError, match="answered 404 Not Found"):
        fetch(server, part)
    assert len(server.requests) == 1


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_server_in_trouble_is_tried_again(server: FaultServer, part: PartialFile, code: int) -> None:
    server.faults[NAME] = [faults.status(code), faults.status(code)]
    assert fetch(server, part) == CONTENT


def test_retries_come_to_an_end(server: FaultServer, part: PartialFile) -> None:
    server.faults[NAME] = [faults.status(503)] * 9
    with pytest.raises(CannotFetchError, match=r"answered 503 Service Unavailable \(tried 3 times\)"):
        fetch(server, part, retries=2)
    assert len(server.requests) == 3


def test_pauses_double_and_vary(monkeypatch: pytest.MonkeyPatch, server: FaultServer, part: PartialFile) -> None:
    monkeypatch.setattr(download, "FIRST_PAUSE_SECONDS", 0.05)
    waits: list[float] = []
    wait = Client._wait

    def waits_and_tells(client: Client, seconds: float) -> None:
        waits.append(seconds)
        wait(client, seconds)

    monkeypatch.setattr(Client, "_wait", waits_and_tells)
    jitters = []
    for _ in range(2):
        server.requests.clear()
        waits.clear()
        server.faults[NAME] = [faults.status(503)] * 3
        fetch(server, part, retries=3)
        pauses = [seconds for seconds in waits if seconds > 0]
        jitters += [pause / 0.05 / 2**number for number, pause in enumerate(pauses)]
        really = [after.at - before.at for before, after in pairwise(server.requests)]
        assert all(own >= pause for own, pause in zip(really, pauses, strict=True))
        part.path.unlink()
    assert all(0.5 <= jitter < 1.5 for jitter in jitters)
    assert len(set(jitters)) == 6, "clients that failed together come back at different times"


def test_retry_after_in_seconds_is_obeyed(server: FaultServer, part: PartialFile) -> None:
    server.faults[NAME] = [faults.status(503, Retry_After="1")]
    assert fetch(server, part) == CONTENT
    first, second = server.requests
    assert second.at - first.at >= 1.0


def test_retry_after_as_a_date_is_obeyed(server: FaultServer, part: PartialFile) -> None:
    server.faults[NAME] = [
        faults.status(429, Retry_After=email.utils.formatdate(int(time.time()) + 2, usegmt=True)),
    ]
    assert fetch(server, part) == CONTENT
    first, second = server.requests
    assert second.at - first.at >= 0.9  # the date has whole seconds


@pytest.mark.parametrize("text", ["soon", "-5", "Fri, 32 Foo 2026 99:99:99 GMT", "Mon, 01 Jan 2001 00:00:00 GMT", ""])
def test_retry_after_that_says_nothing_is_no_reason_to_wait(server: FaultServer, part: PartialFile, text: str) -> None:
    server.faults[NAME] = [faults.status(503, Retry_After=text)]
    started = time.monotonic()
    assert fetch(server, part) == CONTENT
    assert time.monotonic() - started < 1


def test_retry_after_holds_for_all_threads(server: FaultServer, part: PartialFile, tmp_path: Path) -> None:
    server.files["other.tgz"] = CONTENT
    server.faults[NAME] = [faults.status(429, Retry_After="1")]
    client = client_of(server.url)
    busy = threading.Thread(target=client.archive, args=(server.url + NAME, part))
    busy.start()
    while not server.requests:
        time.sleep(0.01)
    time.sleep(0.1)
    client.archive(server.url + "other.tgz", PartialFile(tmp_path / "other.part"))
    busy.join()
    refused, *others = server.requests
    assert all(request.at - refused.at >= 1.0 for request in others)


def test_server_that_wants_to_be_left_alone_for_long_is(server: FaultServer, part: PartialFile) -> None:
    server.faults[NAME] = [faults.status(503, Retry_After="86400")]
    with pytest.raises(CannotFetchError, match="asks to be left alone for 86400 s"):
        fetch(server, part)
    assert len(server.requests) == 1


def test_delay_comes_before_each_request(server: FaultServer, part: PartialFile, tmp_path: Path) -> None:
    client = client_of(server.url, delay_seconds=0.2)
    for name in ("a.part", "b.part"):
        client.archive(server.url + NAME, PartialFile(tmp_path / name))
    first, second = server.requests
    assert second.at - first.at >= 0.2


def test_redirect_within_the_folder_is_followed(server: FaultServer, part: PartialFile) -> None:
    server.files["moved/" + NAME] = CONTENT
    server.faults[NAME] = [faults.redirect("moved/" + NAME)]
    assert fetch(server, part) == CONTENT


@pytest.mark.parametrize(
    "location",
    [
        "http://example.com/corpus/" + NAME,
        "//example.com/corpus/" + NAME,
        "/elsewhere/" + NAME,
        "../" + NAME,
        "ftp://127.0.0.1/corpus/" + NAME,
        "file:///etc/passwd",
    ],
)
def test_redirect_to_elsewhere_is_refused(server: FaultServer, part: PartialFile, location: str) -> None:
    server.faults[NAME] = [faults.redirect(location)]
    with pytest.raises(CannotFetchError, match=r"redirects to .*, which is not below http://127\.0\.0\.1"):
        fetch(server, part)
    assert len(server.requests) == 1


def test_redirects_in_a_circle_come_to_an_end(server: FaultServer, part: PartialFile) -> None:
    server.faults[NAME] = [faults.redirect(NAME)] * 99
    with pytest.raises(CannotFetchError, match="redirects more than 5 times"):
        fetch(server, part)


@pytest.mark.parametrize("length", [None, 10**6], ids=["no length", "length"])
def test_endless_trickle_is_given_up(
    monkeypatch: pytest.MonkeyPatch, server: FaultServer, part: PartialFile, length: int | None
) -> None:
    monkeypatch.setattr(download, "SLOW_START_SECONDS", 0.3)
    server.faults[NAME] = [faults.trickle(0.02, length=length)] * 2
    started = time.monotonic()
    with pytest.raises(CannotFetchError, match=r"too slow: \d+ bytes in 0 s \(tried 2 times\)"):
        fetch(server, part, retries=1)
    assert time.monotonic() - started < 3


def test_answer_that_takes_for_ever_is_given_up(
    monkeypatch: pytest.MonkeyPatch, server: FaultServer, part: PartialFile
) -> None:
    monkeypatch.setattr(download, "LONGEST_ANSWER_SECONDS", 0.3)
    server.faults[NAME] = [faults.endless]
    with pytest.raises(CannotFetchError, match="too slow"):
        fetch(server, part, retries=0)


def test_answer_that_is_too_large_is_given_up(
    monkeypatch: pytest.MonkeyPatch, server: FaultServer, part: PartialFile
) -> None:
    monkeypatch.setattr(download, "LARGEST_UNANNOUNCED_BYTES", 10**6)
    server.faults[NAME] = [faults.endless]
    with pytest.raises(CannotFetchError, match="the server sends more than 1000000 bytes"):
        fetch(server, part)


def test_trickling_head_is_given_up(server: FaultServer, part: PartialFile) -> None:
    server.faults[NAME] = [faults.trickling_head(0.02)] * 2
    with pytest.raises(CannotFetchError, match=r"no complete answer within 0\.8 s"):
        fetch(server, part, connect_timeout_seconds=0.2, read_timeout_seconds=0.2, retries=0)
    del server.faults[NAME]
    assert fetch(server, part) == CONTENT


def test_silent_server_is_given_up(server: FaultServer, part: PartialFile) -> None:
    server.faults[NAME] = [faults.silence]
    with pytest.raises(CannotFetchError, match=r"no answer within 0\.2 s"):
        fetch(server, part, read_timeout_seconds=0.2, retries=0)


def test_server_that_falls_silent_is_given_up(server: FaultServer, part: PartialFile) -> None:
    server.faults[NAME] = [faults.trickle(60, length=1000)]
    with pytest.raises(CannotFetchError, match="the connection broke off"):
        fetch(server, part, read_timeout_seconds=0.2, retries=0)


def test_no_server_at_all(part: PartialFile) -> None:
    url = f"http://127.0.0.1:{free_port()}/"
    with pytest.raises(NoServerError, match="Connection refused"):
        client_of(url).archive(url + NAME, part)


def test_no_such_host(part: PartialFile) -> None:
    url = "http://no-such-host.invalid/"
    with pytest.raises(NoServerError):
        client_of(url, retries=0).archive(url + NAME, part)


def test_threads_that_wait_can_be_stopped(server: FaultServer, part: PartialFile) -> None:
    server.faults[NAME] = [faults.status(503, Retry_After="60")]
    client = client_of(server.url)
    threading.Timer(0.3, client.stop).start()
    started = time.monotonic()
    with pytest.raises(StoppedError):
        client.archive(server.url + NAME, part)
    assert time.monotonic() - started < 2


def test_size_is_asked_for_without_the_file(server: FaultServer) -> None:
    client = client_of(server.url)
    assert client.size(server.url + NAME) == len(CONTENT)
    assert client.size(server.url + "missing.tgz") is None
    server.lengths = False
    assert client.size(server.url + NAME) is None
    assert {request.method for request in server.requests} == {"HEAD"}


def test_proxy_from_the_environment_is_used(
    monkeypatch: pytest.MonkeyPatch, server: FaultServer, part: PartialFile
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.port}")
    name = f"http://corpus.invalid/{NAME}"  # a proxy is asked for the whole address
    server.files[name] = CONTENT
    client_of("http://corpus.invalid/").archive(name, part)
    assert part.path.read_bytes() == CONTENT


def test_proxy_that_is_not_there_is_named_as_such(monkeypatch: pytest.MonkeyPatch, part: PartialFile) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(NoServerError, match=r"the proxy .*Connection refused"):
        client_of("http://corpus.invalid/", retries=0).archive("http://corpus.invalid/" + NAME, part)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that nobody has signed but its owner, and its key."""
    path = tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(path), "-out", str(tmp_path / "out.pem")]
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    subprocess.run(command, check=True, capture_output=True)
    path.write_text(path.read_text() + (tmp_path / "out.pem").read_text())
    return path


def test_certificates_of_ones_own(part: PartialFile, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    with faults.fault_server({NAME: CONTENT}, certificate=certificate) as server:
        assert server.url.startswith("https://")
        with pytest.raises(CannotFetchError, match=r"certificate is not trusted .*REQUESTS_CA_BUNDLE"):
            fetch(server, part)
        assert not part.path.exists()
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        assert fetch(server, part) == CONTENT


def test_certificates_that_are_not_where_the_environment_says(
    part: PartialFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/file.pem")
    with pytest.raises(CannotFetchError, match=r"invalid path: /no/such/file\.pem"):
        client_of("https://127.0.0.1/").archive("https://127.0.0.1/x.tgz", part)


def test_name_and_password_in_the_address_are_sent_and_not_shown(server: FaultServer, part: PartialFile) -> None:
    client = client_of(server.url.replace("http://", "http://me:secret@"))
    client.archive(server.url + NAME, part)
    assert server.requests[-1].headers["Authorization"].startswith("Basic ")
    assert "secret" not in client.address
