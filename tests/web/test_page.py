"""The page in a real browser: headless Chromium with a fake microphone, which plays a wav file again and again."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request

import numpy as np
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from support.app_server import _OPENER, ROOT, AppServer, chromium
from support.served import file_of, save_models, voices, write_lock
from support.sounds import RATE_HZ
from voicetraits.bench.page_recording import arguments_of

pytestmark = pytest.mark.slow

TOKEN = "0123456789abcdef"
#: Screenshots are kept here.
OUTPUT = ROOT / "test-output"
#: From the end of a recording to the answer.
ANSWER_SECONDS = 2.0


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = tmp_path_factory.mktemp("project")
    models = save_models(project / "models")
    write_lock(project, models)
    return models


@pytest.fixture(scope="module")
def server(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    with AppServer(models, tmp_path_factory.mktemp("server"), "--max-audio-seconds", "120", page=True) as server:
        yield server


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory):
    microphone = tmp_path_factory.mktemp("microphone") / "voice.wav"
    microphone.write_bytes(voices()["female"])
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=arguments_of(microphone))
        yield started
        started.close()


@pytest.fixture
def page(browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page that reaches this machine alone; what it asks of others fails the test."""
    size = getattr(request, "param", {"width": 1100, "height": 900})
    context = browser.new_context(viewport=size, permissions=["microphone"])
    asked_elsewhere = []

    def pass_on(route) -> None:
        if urlsplit(route.request.url).hostname == "127.0.0.1":
            route.continue_()
        else:
            asked_elsewhere.append(route.request.url)
            route.abort()

    context.route(lambda url: url.startswith("http"), pass_on)
    yield context.new_page()
    context.close()
    assert asked_elsewhere == []


def picture(page: Page, name: str) -> None:
    OUTPUT.mkdir(exist_ok=True)
    page.screenshot(path=OUTPUT / f"{name}.png", full_page=True)


def opened(page: Page, server: AppServer) -> None:
    page.goto(server.url)
    expect(page.locator("#example")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("button", name="Record")).to_be_visible()


def drop(page: Page, name: str, content: bytes) -> None:
    """As a person drops a file."""
    transfer = page.evaluate_handle(
        """([name, content]) => { const transfer = new DataTransfer();
        transfer.items.add(new File([new Uint8Array(content)], name)); return transfer; }""",
        [name, list(content)],
    )
    target = page.get_by_role("button", name="drop files")
    for event in ("dragenter", "dragover", "drop"):
        target.dispatch_event(event, {"dataTransfer": transfer})


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what has the focus is called so."""
    for _ in range(30):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "(e => [e.innerText, e.ariaLabel, ...[...(e.labels ?? [])].map(l => l.innerText)].join(' '))"
            "(document.activeElement)"
        )
        if name in focused:
            return
    raise AssertionError(f"no key leads to {name!r}")


def no_upload_is_left(server: AppServer) -> None:
    deadline = time.monotonic() + 10
    while server.files() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert server.files() == []


@pytest.mark.alone
def test_a_recording_is_answered_within_two_seconds(page: Page, server: AppServer):
    opened(page, server)
    expect(page.get_by_text("never heard a person")).to_be_visible()
    picture(page, "page-empty")
    fonts = _OPENER.open(f"{server.url}/theme.css").read().decode()
    assert not re.search(r"googleapis|gstatic|cdn\.|@import", page.content() + fonts)
    seconds = []
    for _ in range(2):
        page.get_by_role("button", name="Record").click()
        expect(page.get_by_role("button", name="Stop").first).to_be_visible()
        page.wait_for_timeout(4000)
        begin = time.monotonic()
        page.get_by_role("button", name="Stop").first.click()
        expect(page.locator("#answer")).to_contain_text("female: 1", timeout=15_000)
        seconds.append(time.monotonic() - begin)
        expect(page.locator("#details img")).to_be_visible(timeout=30_000)
        expect(page.locator("#details")).to_contain_text("f0_median_hz")
        no_upload_is_left(server)
        picture(page, "page-recording")
        opened(page, server)
    print(f"from stop to answer: {', '.join(f'{one:.2f} s' for one in seconds)}")
    assert max(seconds) < ANSWER_SECONDS
    assert "Your recording" not in server.log() and server.log().count("\n") == 1


def test_the_service_refuses_other_methods_with_the_page_as_without_it(server: AppServer):
    asked = (("/v1/predict", "GET", "POST"), ("/metrics", "PUT", "GET"), ("/docs", "DELETE", "GET"))
    for path, method, allowed in asked:
        with pytest.raises(HTTPError) as caught:
            _OPENER.open(Request(f"{server.url}{path}", method=method))
        assert (caught.value.status, json.load(caught.value)["error"]) == (405, "method_not_allowed")
        assert allowed in caught.value.headers["Allow"]


def test_files_are_dropped(page: Page, server: AppServer):
    opened(page, server)
    drop(page, "<b>low</b>.wav", voices()["male"])
    expect(page.locator("#answer .said", has_text=re.compile(r"^male: 1"))).to_be_visible(timeout=15_000)
    expect(page.locator("#details img")).to_be_visible(timeout=30_000)
    assert page.locator("#answer b").count() == 0
    drop(page, "notes.txt", b"path,label\n" * 20)
    expect(page.locator("#answer .problem")).to_contain_text("holds no sound", timeout=15_000)
    expect(page.locator("#details img")).to_have_count(0)
    picture(page, "page-no-sound")
    drop(page, "header.wav", file_of(np.zeros(0)))
    expect(page.locator("#answer .problem")).to_contain_text("cannot be read", timeout=15_000)
    drop(page, "silence.flac", file_of(np.zeros(3 * RATE_HZ), "FLAC"))
    expect(page.locator("#answer")).to_contain_text("No voice was heard", timeout=15_000)
    drop(page, "long.flac", file_of(np.zeros(121 * RATE_HZ), "FLAC"))
    expect(page.locator("#answer .problem")).to_contain_text("too long", timeout=15_000)
    no_upload_is_left(server)


def test_a_long_file_has_a_timeline_and_another_model_is_asked(page: Page, server: AppServer):
    import io

    import soundfile

    low, high = (soundfile.read(io.BytesIO(voices()[name]))[0] for name in ("male", "female"))
    long = np.concatenate([np.resize(low, 16 * RATE_HZ), np.zeros(12 * RATE_HZ), np.resize(high, 40 * RATE_HZ)])
    opened(page, server)
    page.get_by_label("the net other").check()
    drop(page, "radio.ogg", file_of(long, "OGG"))
    expect(page.locator("#answer")).to_contain_text("Over time", timeout=30_000)
    expect(page.locator("#answer")).to_contain_text("1:08")
    assert page.locator("#answer .line").count() == 1  # one target, of this model
    page.locator("#answer summary").click()
    told = page.locator("#answer td:nth-child(3)").all_inner_texts()
    assert told == ["male", "(no speech)", "female"]
    expect(page.locator("#details img")).to_be_visible(timeout=30_000)
    expect(page.locator("#details h2").first).to_have_text("The sound: the first 60 of 68 s")
    picture(page, "page-timeline")
    no_upload_is_left(server)


@pytest.mark.parametrize("page", [{"width": 390, "height": 844}], indirect=True)
def test_on_a_phone_by_keyboard(page: Page, server: AppServer):
    opened(page, server)
    page.locator("h1").first.click()
    tab_to(page, "Record")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Stop").first).to_be_visible()
    page.wait_for_timeout(3000)
    page.locator("h1").first.click()
    tab_to(page, "Stop")
    page.keyboard.press("Enter")
    expect(page.locator("#answer")).to_contain_text("female: 1", timeout=15_000)
    expect(page.locator("#details img")).to_be_visible(timeout=30_000)
    tab_to(page, "Try an example")
    page.keyboard.press("Space")
    expect(page.locator("#answer audio")).to_be_visible(timeout=15_000)
    expect(page.locator("#details img")).to_be_visible(timeout=30_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    sizes = page.evaluate(
        "[...document.querySelectorAll('.vt, .vt *')].map(e => parseFloat(getComputedStyle(e).fontSize))"
    )
    assert min(sizes) >= 12
    assert page.locator("#answer").get_attribute("aria-live") == "polite"
    picture(page, "page-phone")


def test_a_model_and_a_file_are_chosen_by_keyboard(page: Page, server: AppServer, tmp_path: Path):
    sound = tmp_path / "low.wav"
    sound.write_bytes(voices()["male"])
    opened(page, server)
    page.locator("h1").first.click()
    tab_to(page, "the net other")
    page.keyboard.press("Space")
    expect(page.locator("#model input:checked + span")).to_have_text("the net other")
    tab_to(page, "drop files")
    with page.expect_file_chooser() as asked:
        page.keyboard.press("Enter")
    asked.value.set_files(sound)
    expect(page.locator("#answer .said", has_text=re.compile(r"^male: 1"))).to_be_visible(timeout=15_000)
    expect(page.locator("#answer")).to_contain_text("the net other")


def test_with_a_token_the_page_asks_for_it(page: Page, models: Path, tmp_path: Path):
    with AppServer(models, tmp_path, "--host", "0.0.0.0", page=True, VOICETRAITS_TOKEN=TOKEN) as server:
        page.goto(server.url)
        page.get_by_label("Token").fill("wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("not the token")
        page.get_by_label("Token").fill(TOKEN)
        page.keyboard.press("Enter")
        page.locator("#example").click(timeout=30_000)
        expect(page.locator("#answer audio")).to_be_visible(timeout=15_000)
        assert page.evaluate("document.cookie") == ""
        assert page.request.get(f"{server.url}/v1/models").status == 200
        page.context.clear_cookies()
        for path in ("/v1/models", "/config", "/gradio_api/info", "/metrics"):
            assert page.request.get(server.url + path).status == 401, path
        assert TOKEN not in server.log()


def joined(server: AppServer, data: list, function: int, session: str) -> str:
    """What the page is told of an event with these inputs."""
    body = json.dumps({"data": data, "fn_index": function, "session_hash": session}).encode()
    headers = {"Content-Type": "application/json"}
    _OPENER.open(Request(f"{server.url}/gradio_api/queue/join", body, headers)).read()
    told = _OPENER.open(f"{server.url}/gradio_api/queue/data?session_hash={session}", timeout=30)
    return told.read().decode()


def test_an_address_in_an_uploads_place_is_not_fetched(server: AppServer, tmp_path: Path):
    """Gradio alone would, and read any file of this user's: the page's events take a path, and an address is one."""
    config = json.load(_OPENER.open(f"{server.url}/config"))
    called = [one["id"] for one in config["dependencies"] if len(one["inputs"]) == 2]  # a path, and a model
    assert len(called) == 2  # the recorder's, and the file's
    secret = tmp_path / "secret.wav"
    secret.write_bytes(voices()["male"])
    (folder,) = server.temporary.glob("voicetraits-uploads-*")
    (folder / "link.wav").symlink_to(secret)
    places = {
        "http://192.0.2.1/voice.wav": "an address in an upload",
        str(secret): "a path that is no upload's",
        os.path.relpath(secret, ROOT): "a path that is no upload's",
        f"{folder}/{os.path.relpath(secret, folder)}": "a path that is no upload's",
        str(folder / "link.wav"): "a path that is no upload's",
    }
    for number, (place, said) in enumerate(places.items()):
        for function in called:
            file = {"path": place, "meta": {"_type": "gradio.FileData"}}
            for slot, data in enumerate(([file, "one"], [None, file], [{**file, "is_stream": True}, "one"])):
                logged, begin = len(server.log()), time.monotonic()
                told = joined(server, data, function, f"session{number}-{function}-{slot}")
                assert '"success":false' in told.replace(" ", "") and time.monotonic() - begin < 3
                assert (said if slot < 2 else "no path of a file") in server.log()[logged:]
    (folder / "link.wav").unlink()
    assert server.files() == []  # nothing was copied to where it can be fetched
    assert secret.is_file()


def test_what_the_page_does_not_call_is_closed(server: AppServer):
    for path in (
        "file=http://192.0.2.1/voice.wav",
        "run-history/buckets",
        "component_server",
        "deep_link",
        "vibe-code",
    ):
        with pytest.raises(HTTPError) as caught:
            _OPENER.open(f"{server.url}/gradio_api/{path}", timeout=3)
        assert caught.value.code == 404 and b"the page has no such address" in caught.value.read(), path


OFFLINE = """
import sys; sys.path[:0] = [{src!r}, {tests!r}]
from pathlib import Path
from playwright.sync_api import sync_playwright
from support.app_server import AppServer, chromium
with AppServer(Path({models!r}), Path({scratch!r}), page=True) as server, sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
    page = browser.new_page()
    page.goto(server.url)
    page.locator("#example").click(timeout=30_000)
    page.locator("#details img").wait_for(timeout=30_000)
    print(page.locator("#answer .said").first.inner_text())
    browser.close()
"""


def test_without_any_network(models: Path, tmp_path: Path):
    chromium()
    if not shutil.which("unshare") or not shutil.which("ip") or subprocess.run(["unshare", "-n", "true"]).returncode:
        pytest.skip("no network namespace can be made: it takes root, unshare and ip")
    names = {"src": ROOT / "src", "tests": ROOT / "tests", "models": models, "scratch": tmp_path}
    script = OFFLINE.format(**{name: str(path) for name, path in names.items()})
    done = subprocess.run(
        ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$0" -c "$1"', sys.executable, script],
        capture_output=True, text=True, timeout=120, env=dict(os.environ),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "%" in done.stdout or "No answer" in done.stdout
