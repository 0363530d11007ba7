"""What the page takes from the end of a recording to the answer, in headless Chromium with a fake microphone."""

import shutil
import statistics
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_RECORDED_SECONDS = 5
_PATIENCE_MS = 60_000


def browser_path() -> str | None:
    """Path of Chromium, or None."""
    return next(filter(None, map(shutil.which, _BROWSERS)), None)


def arguments_of(microphone: Path) -> list[str]:
    """Of a Chromium that hears a wav file, again and again, and asks nobody whether it may."""
    return [
        "--no-sandbox",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}",
    ]


def measure(url: str, models: list[str], microphone: Path, *, runs: int) -> dict[str, float] | None:
    """Seconds from the press on Stop to the answer of each model; None where there is no Chromium.

    Args:
        url: of the page.
        models: as its radio buttons name them.
        microphone: a wav file.
        runs: recordings for each model; the median counts, and one more before them does not: it loads the model.
    """
    path = browser_path()
    if path is None:
        return None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments_of(microphone))
        page = browser.new_context(permissions=["microphone"]).new_page()
        page.set_default_timeout(_PATIENCE_MS)
        seconds = {
            model: statistics.median([_answer_seconds(page, url, model) for _ in range(runs + 1)][1:])
            for model in models
        }
        browser.close()
    return seconds


def _answer_seconds(page: Page, url: str, model: str) -> float:
    # Anew for each recording, so that no answer but this one's is there to be waited for.
    page.goto(url)
    page.get_by_label(model).check()
    page.get_by_role("button", name="Record").click()
    stop = page.get_by_role("button", name="Stop").first
    stop.wait_for()
    page.wait_for_timeout(1000 * _RECORDED_SECONDS)
    begin = time.perf_counter()
    stop.click()
    page.locator("#answer .said").first.wait_for()
    seconds = time.perf_counter() - begin
    # The pictures come after it, and would slow the next recording's answer.
    page.locator("#details img").first.wait_for()
    return seconds
