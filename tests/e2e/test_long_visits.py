"""Visits that take minutes: many photos, a slow network, a checkpoint that cannot be loaded."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests import app_server, pictures

pytestmark = pytest.mark.long
Visit = Callable[..., Page]
MINUTES = 60_000  # milliseconds in one


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """201 photos: a portrait in many colours, and one without a face among them."""
    folder = tmp_path_factory.mktemp("crowd")
    portrait = pictures.portrait()
    for number in range(201):
        tint = Image.new("RGB", portrait.size, (number, 255 - number, 128))
        Image.blend(portrait, tint, 0.1).save(folder / f"guest {number:03}.jpg", quality=80)
    Image.new("RGB", (300, 300), "green").save(folder / "guest 007.jpg")
    return sorted(folder.iterdir())


def test_two_hundred_photos_with_progress(visit: Visit, photos: Path, crowd: list[Path]) -> None:
    page = visit()
    page.get_by_role("tab", name="Who is it?").click()
    field = page.locator(".tabitem:visible .place").nth(0)
    field.locator("input[type=file]").set_input_files(photos / "portrait.jpg")
    expect(field.locator(".photo")).to_be_visible()
    page.locator(".tabitem:visible .many input[type=file]").set_input_files(crowd)
    expect(page.get_by_text("of 200 photos").first).to_be_visible(timeout=2 * MINUTES)
    expect(page.get_by_text("At most 200 photos")).to_be_visible()
    members = page.locator(".tabitem:visible .member")
    expect(members).to_have_count(200, timeout=8 * MINUTES)
    expect(page.locator(".tabitem:visible .member.unusable")).to_have_count(1)
    ranking = page.locator(".tabitem:visible .ranking")
    expect(ranking.locator("li").filter(has_text="None of these")).to_have_count(1)
    assert 5 <= ranking.first.locator("li").count() <= 6
    expect(ranking.last).to_be_hidden()
    # Two of them become one person, without the list being sent again.
    page.locator(".tabitem:visible").get_by_role("button", name="Add or change").click()
    others = page.locator("summary", has_text="others together")
    before = int(others.inner_text().split()[2])
    names = members.locator("textarea")
    for row in (1, 2):
        names.nth(row).fill("Eileen")
        names.nth(row).press("Enter")
    expect(others).to_contain_text(f"{before - 1} others together")


@pytest.fixture
def slow(browser: Browser) -> Iterator[Page]:
    """A page at the end of a slow line: 40 kB a second, 400 ms to the server."""
    context = browser.new_context(viewport={"width": 390, "height": 844})
    context.set_default_timeout(3 * MINUTES)
    page = context.new_page()
    page.goto(f"{app_server.running().url}?__theme=light")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    session = context.new_cdp_session(page)
    rate = {"downloadThroughput": 40_000, "uploadThroughput": 40_000, "latency": 400}
    session.send("Network.emulateNetworkConditions", {"offline": False, **rate})
    yield page
    context.close()


def test_a_slow_network_shows_no_answer_beside_another_photo(slow: Page, photos: Path) -> None:
    places, answer = slow.locator(".tabitem:visible .place"), slow.locator(".answer:visible")
    busy = slow.locator("[data-testid=status-tracker]:not(.hide):visible")
    for index, name in enumerate(("group.jpg", "close.webp")):
        places.nth(index).locator("input[type=file]").set_input_files(photos / name)
        expect(answer).to_have_count(0)
        expect(places.nth(index).locator(".photo")).to_be_visible(timeout=2 * MINUTES)
    expect(answer).to_be_visible(timeout=2 * MINUTES)
    faces = places.nth(0).locator(".chip")
    other = faces.nth(1)
    other.click()
    # Something tells that it works; and as soon as the other face is marked, the answer is gone.
    expect(busy.first).to_be_visible()
    slow.wait_for_function(
        """() => {
            const marked = document.querySelector(".chip[data-face='1']")?.ariaPressed === 'true';
            const shown = document.querySelector('.answer [data-copy]')?.dataset.copy;
            const stale = shown && JSON.parse(shown).photos[0].chosen !== 1;
            if (marked && stale) throw new Error('the answer to another face');
            return marked && shown;
        }"""
    )
    places.nth(1).get_by_role("button", name="Change photo").click()
    expect(busy.first).to_be_visible()
    expect(places.nth(1).locator(".photo")).to_have_count(0)
    expect(answer).to_have_count(0)


def test_an_unavailable_checkpoint_is_reported_at_the_top(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "SIAMESE_CHECKPOINT", "nobody/nothing")
    monkeypatch.setitem(os.environ, "HF_HUB_OFFLINE", "1")
    server = app_server.start([sys.executable, "app.py"])
    page = browser.new_page()
    try:
        page.goto(server.url)
        notice = page.locator(".notice")
        expect(notice).to_contain_text("The embedded checkpoint answers, not nobody/nothing as it")
        top, tabs = notice.bounding_box(), page.get_by_role("tab").first.bounding_box()
        assert top is not None and tabs is not None
        assert top["y"] < tabs["y"]
    finally:
        page.close()
        app_server.stop(server)
