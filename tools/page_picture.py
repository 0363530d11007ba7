"""Takes README's picture of the page, src/voicetraits/serving/page.png: the models in data/models, the example voice.

    python tools/page_picture.py

Needs Chromium and data/models.
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from support.app_server import AppServer, chromium  # noqa: E402

PICTURE = ROOT / "src/voicetraits/serving/page.png"
WIDTH, HEIGHT = 1000, 1460
MICROPHONE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as scratch,
        AppServer(ROOT / "data/models", Path(scratch), page=True) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", *MICROPHONE])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(server.url)
        page.locator("#example").click(timeout=30_000)
        page.locator("#details img").wait_for(timeout=30_000)
        page.locator("h1").first.click()  # so that nothing is in focus
        page.screenshot(path=PICTURE)
        browser.close()


if __name__ == "__main__":
    main()
