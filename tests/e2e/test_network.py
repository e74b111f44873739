"""A slow network, and one that is lost: what is under way can be seen, waits, and goes on."""

import base64
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests import app_server, pictures
from tests.e2e.conftest import PATIENCE
from tests.line import Line

SLOW = 600_000  # bytes a second, of photos of over three million each

# Keeps what every bar over a field has shown.
WATCH = """() => {
  window.shares = {};
  new MutationObserver(() => {
    document.querySelectorAll('.field .sending').forEach((one) => {
      const label = one.closest('.field').querySelector('[data-testid="block-label"]');
      const shares = window.shares[label.textContent.trim()] ??= [];
      const share = one.querySelector('progress').value;
      if (shares.at(-1) !== share) shares.push(share);
    });
  }).observe(document, { childList: true, subtree: true, attributes: true, characterData: true });
}"""


@pytest.fixture
def line() -> Iterator[Line]:
    opened = Line(app_server.running().url)
    yield opened
    opened.close()


@pytest.fixture
def page(browser: Browser, line: Line) -> Iterator[Page]:
    """The page at the other end of the line, on a phone; `window.here` is gone if it reloads."""
    context = browser.new_context(viewport={"width": 390, "height": 844})
    context.set_default_timeout(4 * PATIENCE)
    opened = context.new_page()
    opened.goto(line.url)
    expect(opened.locator(".tabitem:visible .place").first).to_be_visible()
    opened.evaluate("window.here = true")
    opened.evaluate(WATCH)
    yield opened
    assert opened.evaluate("window.here")
    context.close()


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two photos of more than three megabytes, as telephones take them."""
    portrait = np.asarray(pictures.portrait().resize((2048, 2048)), dtype=float)
    grain = np.random.default_rng(0).normal(0, 40, portrait.shape)
    photo = Image.fromarray((portrait + grain).clip(0, 255).astype(np.uint8))
    folder = tmp_path_factory.mktemp("large")
    for name in ("one.jpg", "two.jpg"):
        photo.save(folder / name, quality=95)
        assert (folder / name).stat().st_size > 3_000_000
    return [folder / "one.jpg", folder / "two.jpg"]


def moved(page: Page, label: str) -> None:
    """The bar over this field has moved, and only forwards."""
    shares = page.evaluate("window.shares")[label]
    assert shares == sorted(shares)
    assert sum(0 < share < 1 for share in shares) > 1


def test_each_upload_shows_how_far_it_is(page: Page, line: Line, large: list[Path]) -> None:
    line.up_rate = SLOW
    shown, photos = page.locator(".tabitem:visible"), page.locator(".photo:visible")
    paste(page, large)
    expect(photos).to_have_count(2)
    moved(page, "First photo")
    moved(page, "Second photo")
    page.get_by_role("tab").nth(1).click()
    shown.locator(".field input[type=file]").first.set_input_files(large[0])
    expect(photos).to_have_count(1)
    moved(page, "The person you look for")
    shown.locator(".many input[type=file]").set_input_files(large)
    expect(shown.locator(".member")).to_have_count(2)
    moved(page, "People to choose from")
    expect(shown.locator(".sending")).to_have_count(0)


PASTE = """async (photos) => {
  const bag = new DataTransfer();
  for (const photo of photos) {
    const content = await (await fetch(`data:image/jpeg;base64,${photo}`)).blob();
    bag.items.add(new File([content], 'pasted.jpg', { type: 'image/jpeg' }));
  }
  const how = { clipboardData: bag, bubbles: true, cancelable: true };
  document.body.dispatchEvent(new ClipboardEvent('paste', how));
}"""


def paste(page: Page, paths: list[Path]) -> None:
    page.evaluate(PASTE, [base64.b64encode(path.read_bytes()).decode() for path in paths])


def lose(page: Page, line: Line) -> None:
    """The network is gone, which is said."""
    line.cut()
    page.context.set_offline(True)
    expect(page.locator(".said")).to_contain_text("You are offline.")


def find_again(page: Page, line: Line) -> None:
    """The network is back, which is said."""
    line.mend()
    page.context.set_offline(False)
    expect(page.locator(".said")).to_contain_text("You are online again.")


def test_an_upload_that_breaks_off_begins_again(page: Page, line: Line, large: list[Path]) -> None:
    line.up_rate = SLOW
    shown = page.locator(".tabitem:visible")
    shown.locator("input[type=file]").first.set_input_files(large[0])
    expect(shown.locator(".sending")).to_contain_text("Sending")
    lose(page, line)
    expect(shown.locator(".sending")).to_contain_text("No network.")
    find_again(page, line)
    expect(shown.locator(".photo .name")).to_have_text("one.jpg")
    expect(shown.locator(".sending")).to_have_count(0)


def test_an_answer_that_breaks_off_still_comes(page: Page, line: Line, large: list[Path]) -> None:
    shown = page.locator(".tabitem:visible")
    inputs = shown.locator(".field input[type=file]")
    inputs.first.set_input_files(large[0])
    expect(shown.locator(".photo")).to_have_count(1)
    line.break_after = b"/gradio_api/queue/data?"
    inputs.first.set_input_files(large[1])
    assert line.broken.wait(PATIENCE / 1000)
    lose(page, line)
    find_again(page, line)
    expect(shown.locator(".answer h2")).to_have_text("The same photo twice")
    expect(shown.locator(".photo .name")).to_have_text(["one.jpg", "two.jpg"])


def test_what_is_done_offline_is_done_later(page: Page, line: Line, large: list[Path]) -> None:
    shown = page.locator(".tabitem:visible")
    shown.locator("[data-key=example-0]").click()
    expect(shown.locator(".answer h2")).to_be_visible()
    lose(page, line)
    shown.locator(".place").first.get_by_role("button", name="Change photo").click()
    find_again(page, line)
    expect(shown.locator(".answer")).to_have_count(0)
    shown.locator(".field input[type=file]").first.set_input_files(large[0])
    expect(shown.locator(".answer h2")).to_have_text("Different people")
