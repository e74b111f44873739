"""A headless Chromium, the running server, and photos to give it."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from PIL import Image, ImageOps
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect, sync_playwright

from tests import app_server, pictures

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
PATIENCE = 30_000  # milliseconds; other things may run on this machine
HOSTILE = "<img src=x onerror=alert(1)> & 'co'.jpg"


class Browsers:
    """The browser of all tests; another one where its driver has ended, as it does now and then."""

    def __init__(self, path: str, running: ExitStack) -> None:
        self._path, self._running = path, running
        self._browser = self._started()

    def alive(self) -> Browser:
        """The browser, which answers."""
        try:
            self._browser.new_context().close()
        except Error:  # `is_connected` goes on saying that it is
            self._browser = self._started()
        return self._browser

    def _started(self) -> Browser:
        playwright = self._running.enter_context(sync_playwright())
        return playwright.chromium.launch(executable_path=self._path, args=FLAGS)


@pytest.fixture(scope="session")
def browsers() -> Iterator[Browsers]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        reason = "no Chromium (Debian: apt-get install chromium)"
        if os.environ.get("SIAMESE_REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    expect.set_options(timeout=PATIENCE)
    with ExitStack() as running:
        yield Browsers(path, running)


@pytest.fixture
def browser(browsers: Browsers) -> Browser:
    return browsers.alive()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(viewport={"width": 1100, "height": 900}, accept_downloads=True)
    opened.set_default_timeout(PATIENCE)
    yield opened
    opened.close()


@pytest.fixture
def visit(context: BrowserContext) -> Callable[[str], Page]:
    """Opens the page in "light" or "dark"; fails the test on errors and on foreign requests."""

    def open_page(theme: str = "light") -> Page:
        page = context.new_page()
        page.on("pageerror", lambda error: pytest.fail(f"script error: {error}"))
        page.on("dialog", lambda dialog: pytest.fail(f"a dialog opened: {dialog.message}"))
        page.on("console", lambda message: _no_violation(message.text))
        url = app_server.running().url
        page.goto(f"{url}?__theme={theme}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.locator(".tabitem:visible .place").first).to_be_visible()
        return page

    return open_page


def _no_violation(said: str) -> None:
    """The browser refuses what the page's Content-Security-Policy does not allow, and says so."""
    if "Content Security Policy" in said:
        pytest.fail(said)


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of photos made from one public-domain portrait, and of files that are not photos."""
    folder = tmp_path_factory.mktemp("e2e")
    portrait = pictures.portrait()
    portrait.save(folder / "portrait.jpg")
    mirrored = ImageOps.mirror(portrait)
    mirrored.save(folder / "mirrored.png")
    portrait.crop((120, 20, 330, 230)).save(folder / "close.webp")
    portrait.save(folder / HOSTILE.replace("/", ""), "JPEG")
    (folder / "photo.heic").write_bytes(pictures.encoded(portrait, "HEIC"))
    portrait.save(folder / "no ending", "JPEG")
    group = Image.new("RGB", (1200, 700), "#58707a")
    group.paste(portrait, (60, 120))
    group.paste(mirrored.resize((380, 380)), (760, 60))
    group.save(folder / "group.jpg")
    Image.new("RGB", (400, 300), "#5a8f3c").save(folder / "meadow.jpg")
    (folder / "letter.jpg").write_text("Dear reader, this is no picture.")
    return folder
