"""A visit of the tab for any class: characters drawn with a mouse and with a finger."""

import base64
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from siamese.evaluation.protocols.omniglot import pixel_scores
from tests import app_server
from tests.e2e.strokes import traced
from tests.e2e.test_pick import answer_json, part
from ui.tabs import alphabets

Visit = Callable[..., Page]
ALPHABET = "Angelic"
SIDE = 105  # px of the shipped pictures


@pytest.fixture
def page(visit: Visit) -> Page:
    opened = visit()
    opened.get_by_role("tab", name="Any class").click()
    expect(part(opened, "canvas")).to_be_visible()
    return opened


def levels(content: bytes) -> np.ndarray:
    """A picture as the floor compares it: uint8 (105, 105)."""
    return np.asarray(Image.open(io.BytesIO(content)).convert("L").resize((SIDE, SIDE)))


def draw(page: Page, picture: bytes) -> None:
    """Draw a picture again, stroke by stroke, with the mouse."""
    canvas = part(page, "canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    scale = box["width"] / SIDE
    for stroke in traced(levels(picture) < 128):
        points = [(box["x"] + (x + 0.5) * scale, box["y"] + (y + 0.5) * scale) for y, x in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in [*points[3:-1:4], points[-1]]:
            page.mouse.move(*point)
        page.mouse.up()


def drawing(page: Page) -> bytes:
    url = part(page, "canvas").evaluate("sheet => sheet.toDataURL('image/png')")
    return base64.b64decode(url.partition(",")[2])


def settled(page: Page) -> dict:  # type: ignore[type-arg]
    """The answer to what is on the sheet now: the one that the package gives for that drawing."""
    verifier = app_server.drawings()
    support = {c.name: c.support for c in alphabets.read()[ALPHABET]}
    prior = part(page, ".options input[type=range]").input_value()
    expected = verifier.pick(drawing(page), support, none_prior=int(prior) / 100)
    logit = f'"logit": {expected.ranking[0].logit:.6f}'[:-3]
    expect(part(page, f".answer [data-copy*='{logit}']")).to_have_count(1)
    found = answer_json(page)
    assert found["identity"] == expected.identity
    return found


def test_each_tab_names_the_network_that_answers_in_it(page: Page) -> None:
    faces = page.get_by_text(app_server.verifier().origin.sha256[:12])
    drawn = page.get_by_text(app_server.drawings().origin.sha256[:12])
    expect(drawn.first).to_be_visible()
    expect(faces.first).to_be_hidden()
    expect(page.get_by_text("Different characters called “same”")).to_be_visible()
    page.get_by_role("link", name="Read its model card").click()
    expect(page.get_by_role("heading", name="one-shot classification of drawn")).to_be_visible()
    page.get_by_role("tab", name="Who is it?").click()
    expect(faces.first).to_be_visible()
    expect(drawn.first).to_be_hidden()


@pytest.mark.long
def test_another_hand_is_read_better_than_by_pixels(page: Page) -> None:
    """All twenty characters as another hand drew them, drawn again with the mouse."""
    characters = alphabets.read()[ALPHABET]
    support = np.stack([levels(character.support) for character in characters])
    right, named, drawn = 0, 0, []
    for number, character in enumerate(characters):
        if number:
            part(page, "canvas").scroll_into_view_if_needed()
            page.get_by_role("button", name="Empty sheet").click()
            expect(part(page, ".waiting")).to_contain_text("Draw one of the characters.")
        draw(page, character.other_hand)
        found = settled(page)
        right += found["ranking"][0]["identity"] == character.name
        named += found["identity"] == character.name
        drawn.append(levels(drawing(page)))
    nearest = int((pixel_scores(np.stack(drawn), support).argmax(1) == np.arange(20)).sum())
    assert len(characters) == 20
    assert right >= 16, f"{right} of 20 right, {nearest} by pixels"
    assert right > nearest
    assert named >= 14, f"{named} of 20 named; the others were found too unlike all twenty"


def test_the_sheet_can_be_undone_and_emptied(page: Page) -> None:
    box = part(page, "canvas").bounding_box()
    assert box is not None
    for offset in (0.3, 0.6):
        page.mouse.move(box["x"] + offset * box["width"], box["y"] + 0.2 * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.8 * box["height"])
        page.mouse.up()
    two = (levels(drawing(page)) < 128).sum()
    settled(page)
    page.get_by_role("button", name="Undo stroke").click()
    one = (levels(drawing(page)) < 128).sum()
    assert 0.3 * two < one < 0.8 * two
    settled(page)
    page.get_by_role("button", name="Undo stroke").click()
    expect(part(page, ".waiting")).to_contain_text("Draw one of the characters.")
    assert (levels(drawing(page)) == 255).all()


def test_a_character_is_shown_by_another_hand_with_the_keyboard(page: Page) -> None:
    character = alphabets.read()[ALPHABET][4]
    button = page.get_by_role("button", name="№ 5: show another hand")
    button.focus()
    page.keyboard.press("Enter")
    expect(part(page, ".answer")).to_be_visible()
    page.wait_for_function(
        "() => [...document.querySelectorAll('canvas')].some(c => c.dataset.picture"
        " && c.getContext('2d').getImageData(0, 0, 420, 420).data.some(v => v === 0))"
    )
    shown = levels(drawing(page)) < 128
    expected = levels(character.other_hand) < 128
    assert (shown == expected).mean() > 0.97
    rows = part(page, ".ranking li")
    expect(rows.filter(has_text="None of these")).to_have_count(1)
    # Nothing on this tab is about photos of people; whoever clears those clears this too.
    expect(page.get_by_role("button", name="Clear my photos now")).to_be_hidden()
    expect(page.get_by_text("Not for access control")).to_be_hidden()
    page.get_by_role("tab", name="Two photos").click()
    page.get_by_role("button", name="Clear my photos now").click()
    page.get_by_role("tab", name="Any class").click()
    expect(part(page, ".waiting")).to_contain_text("Draw one of the characters.")
    assert (levels(drawing(page)) == 255).all()


def test_another_alphabet_is_another_task(page: Page) -> None:
    page.get_by_role("button", name="№ 5: show another hand").click()
    first = answer_json(page)
    page.get_by_role("radio", name="Tengwar").check()
    expect(part(page, ".characters")).to_have_attribute("aria-label", "The characters of Tengwar")
    page.wait_for_function(
        "logit => !document.querySelector('.tabitem:not([style*=none]) .answer')"
        "?.innerHTML.includes(logit)",
        arg=f"{first['ranking'][0]['logit']}"[:8],
    )
    assert answer_json(page)["ranking"][0]["logit"] != first["ranking"][0]["logit"]


def test_a_finger_draws_on_a_phone(browser: Browser, tmp_path: Path) -> None:
    """A touch draws and does not scroll the page; nothing is wider than the screen."""
    phone = browser.new_context(
        viewport={"width": 375, "height": 740}, has_touch=True, is_mobile=True
    )
    phone.set_default_timeout(30_000)
    page = phone.new_page()
    page.goto(app_server.running().url)
    expect(page.get_by_role("tab", name="Two photos")).to_be_visible()
    page.wait_for_timeout(1000)  # Gradio measures which tabs fit
    if not page.get_by_role("tab", name="Any class").is_visible():  # else it is behind the dots
        page.locator(".overflow-menu button").first.tap()
        page.locator(".overflow-menu button").filter(has_text="Any class").tap()
    else:
        page.get_by_role("tab", name="Any class").tap()
    canvas = part(page, "canvas")
    canvas.scroll_into_view_if_needed()
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    before = page.evaluate("window.scrollY")
    top = canvas.bounding_box()
    touch(page, canvas, [(0.2, 0.2), (0.5, 0.5), (0.8, 0.8)])
    verdict = part(page, ".answer h2")
    expect(verdict).to_be_visible()
    assert page.evaluate("window.scrollY") == before
    # The alphabet, then the answer, then the sheet, which stays under the finger.
    boxes = [found.bounding_box() for found in (part(page, ".characters"), verdict, canvas)]
    assert all(boxes) and boxes[2] == top
    assert [box["y"] for box in boxes if box] == sorted(box["y"] for box in boxes if box)
    assert boxes[1] and boxes[1]["y"] >= 0
    ink = levels(drawing(page)) < 128
    assert ink[52, 52] and ink[25, 25] and not ink[20, 80]
    assert canvas.evaluate("sheet => getComputedStyle(sheet).touchAction") == "none"
    phone.close()


def touch(page: Page, canvas: Locator, places: list[tuple[float, float]]) -> None:
    """Move a finger over these places, as fractions of the canvas, by the browser's own input."""
    box = canvas.bounding_box()
    assert box is not None
    client = page.context.new_cdp_session(page)
    for number, (x, y) in enumerate(places):
        point = {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
        kind = "touchMove" if number else "touchStart"
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
    client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
