"""The page for everybody: keyboard, screen reader, both themes, narrow screens."""

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import FileChooser, Page, expect

from ui.tabs import examples

Visit = Callable[..., Page]


def findings(page: Page) -> list[str]:
    """What axe-core finds, best practices included, with the elements concerned."""
    page.wait_for_timeout(1000)  # an answer fades in, and half faded has less contrast
    return [
        f"{finding['id']}: {[node['html'][:120] for node in finding['nodes']]}"
        for finding in Axe().run(page).response["violations"]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(visit: Visit, photos: Path, theme: str) -> None:
    page = visit(theme)
    assert findings(page) == []
    inputs = page.locator(".tabitem:visible .place")
    for index, name in enumerate(("letter.jpg", "meadow.jpg")):
        inputs.nth(index).locator("input[type=file]").set_input_files(photos / name)
    expect(page.locator(".problem:visible")).to_have_count(2)
    page.locator(".tabitem:visible").get_by_role("button", name="Settings", exact=True).click()
    assert findings(page) == []
    page.get_by_role("button", name="Clear my photos now").click()
    expect(page.get_by_text("have been deleted from the server’s memory")).to_be_visible()
    assert findings(page) == []
    inputs.nth(0).locator("input[type=file]").set_input_files(photos / "group.jpg")
    inputs.nth(1).locator("input[type=file]").set_input_files(photos / "portrait.jpg")
    page.get_by_text("Compare all faces").click()
    expect(page.locator(".matrix")).to_be_visible()
    page.get_by_text("How sure is this?").click()
    page.get_by_text("Why?").click()
    expect(page.locator(".why")).to_be_visible()
    page.get_by_role("link", name="Read its model card").click()
    expect(page.locator(".model-card h1")).to_be_visible()
    assert findings(page) == []
    page.get_by_role("tab", name="Who is it?").click()
    inputs.nth(0).locator("input[type=file]").set_input_files(photos / "portrait.jpg")
    support = [photos / name for name in ("mirrored.png", "close.webp", "letter.jpg")]
    page.locator(".tabitem:visible .many input[type=file]").set_input_files(support)
    expect(page.locator(".tabitem:visible .member")).to_have_count(3)
    expect(page.locator(".tabitem:visible .answer")).to_be_visible()
    page.locator(".tabitem:visible .answer").get_by_text("Why?").click()
    expect(page.locator(".tabitem:visible .why")).to_be_visible()
    assert findings(page) == []
    page.get_by_role("tab", name="Any class").click()
    assert findings(page) == []
    page.get_by_role("button", name="№ 5: show another hand").click()
    expect(page.locator(".tabitem:visible .answer")).to_be_visible()
    assert findings(page) == []


def fits(page: Page) -> None:
    """Fail where the page, or anything on it, is wider than the screen, on three screens."""
    for width in (390, 820, 1440):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.scrollingElement.scrollWidth") <= width
        # Nothing is cut off either: tables scroll inside a frame of their own.
        cut = page.evaluate(
            """width => [...document.querySelectorAll('.gradio-container *')]
                .filter(e => e.checkVisibility() && !e.closest('.wide, .unseen, svg, footer'))
                .filter(e => e.getBoundingClientRect().right > width + 1)
                .map(e => e.outerHTML.slice(0, 90))""",
            width,
        )
        assert cut == []


def test_nothing_is_wider_than_the_screen(visit: Visit, photos: Path) -> None:
    page = visit()
    inputs = page.locator(".tabitem:visible .place")
    inputs.nth(0).locator("input[type=file]").set_input_files(photos / "group.jpg")
    inputs.nth(1).locator("input[type=file]").set_input_files(photos / "portrait.jpg")
    page.get_by_text("Compare all faces").click()
    expect(page.locator(".matrix")).to_be_visible()
    page.get_by_text("Why?").click()
    expect(page.locator(".why")).to_be_visible()
    fits(page)
    # On a phone both photos stand side by side, so the answer to them is not far below.
    page.set_viewport_size({"width": 390, "height": 844})
    left, right = (inputs.nth(index).bounding_box() for index in range(2))
    assert left is not None and right is not None
    assert left["y"] == pytest.approx(right["y"], abs=2) and left["x"] < right["x"]
    # Both tabs are there, not hidden in a menu.
    page.get_by_role("tab", name="Who is it?").click()
    page.get_by_role("button", name="Find person C 2").click()
    expect(page.locator(".tabitem:visible .ranking")).to_be_visible()
    fits(page)
    # Nothing moves for those who asked for that.
    moving = """() => [...document.querySelectorAll('.ranking .bar span')].filter(
        e => parseFloat(getComputedStyle(e).transitionDuration) > .05).length"""
    assert page.evaluate(moving) > 0
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(moving) == 0


def test_on_a_phone_nothing_is_cut_off_or_covered(visit: Visit, tmp_path: Path) -> None:
    page = visit()
    page.set_viewport_size({"width": 390, "height": 844})
    many = Image.new("RGB", (1600, 400), "#58707a")
    for number in range(16):
        with Image.open(examples.FOLDER / examples.PEOPLE[number % 4]) as face:
            many.paste(face.resize((184, 184)), (200 * (number % 8) + 8, 200 * (number // 8) + 8))
    many.save(tmp_path / "many.jpg")
    page.locator(".tabitem:visible input[type=file]").first.set_input_files(tmp_path / "many.jpg")
    expect(page.locator(".chip").nth(8)).to_be_visible()
    # Numbers do not cover small faces, and chips fade out where there are more of them.
    badges = page.evaluate(
        """[...document.querySelectorAll('.face:not(.chosen)')]
            .map(e => e.firstElementChild.offsetWidth / e.offsetWidth)"""
    )
    assert len(badges) > 8 and max(badges) < 0.5
    assert page.locator(".chips").evaluate("e => e.scrollHeight > e.clientHeight")
    assert page.locator(".chips").evaluate("e => getComputedStyle(e).maskImage") != "none"
    page.get_by_role("tab", name="Who is it?").click()
    page.get_by_role("button", name="Find person C 2").click()
    expect(page.locator(".tabitem:visible .ranking")).to_be_visible()
    page.get_by_role("button", name="Add or change").click()
    page.locator(".member textarea").first.fill("Somebody with a long name, number 1")
    page.locator(".member textarea").first.press("Enter")
    name = page.locator(".ranking .who", has_text="number 1")
    expect(name).to_be_visible()
    cut = "e => e.scrollWidth > e.clientWidth"
    assert not name.evaluate(cut)
    for tab, kind in (("Who is it?", "faces"), ("Any class", "drawings")):
        page.get_by_role("tab", name=tab).click()
        assert not page.locator(f".{kind} .measured .wide").evaluate(cut)
    expect(page.get_by_role("button", name="Use via API")).to_be_visible()
    assert "·" not in page.locator("footer").inner_text()


def compared(page: Page, first: Path, second: Path) -> None:
    """Choose two photos as a visitor does; nobody scrolls."""
    inputs = page.locator(".tabitem:visible .place")
    for index, path in enumerate((first, second)):
        inputs.nth(index).locator("input[type=file]").set_input_files(path)
        expect(inputs.nth(index).locator(".photo")).to_be_visible()
    expect(page.locator(".answer:visible")).to_be_visible()
    page.wait_for_timeout(600)


@pytest.mark.parametrize("size", [(390, 844), (820, 1180), (1440, 900)])
@pytest.mark.parametrize("names", [("portrait.jpg", "close.webp"), ("group.jpg", "portrait.jpg")])
def test_the_verdict_is_in_the_first_screen(
    visit: Visit, photos: Path, size: tuple[int, int], names: tuple[str, str]
) -> None:
    page = visit()
    page.set_viewport_size({"width": size[0], "height": size[1]})
    compared(page, *(photos / name for name in names))
    for selector in (".answer h2", ".answer .number", ".answer .lead"):
        box = page.locator(selector).bounding_box()
        assert box is not None
        assert box["y"] >= 0 and box["y"] + box["height"] <= size[1], selector
    # The photos have shrunk, and can be seen in full.
    photo = page.locator(".photo .sheet img").first
    small = photo.bounding_box()
    page.get_by_role("button", name="Show photo").first.click()
    large = photo.bounding_box()
    assert small is not None and large is not None
    assert small["height"] <= 60 and large["width"] > 2 * small["width"]
    # Who hears the page is where the answer is.
    page.reload()
    compared(page, *(photos / name for name in names))
    expect(page.locator(".answer h2")).to_be_focused()


def test_what_is_open_stays_open(visit: Visit, photos: Path) -> None:
    page = visit()
    settings = page.locator(".tabitem:visible").get_by_role("button", name="Settings", exact=True)
    expect(settings).to_have_attribute("aria-expanded", "false")
    expect(page.get_by_label("Very careful").first).to_be_hidden()
    settings.click()
    compared(page, photos / "portrait.jpg", photos / "close.webp")
    more = page.locator(".answer:visible details").last
    more.locator("summary").click()
    expect(more.locator("p").first).to_be_visible()
    # In another answer, to the same question in other words,
    page.locator(".tabitem:visible").get_by_label("Very careful").check()
    expect(page.get_by_text("Decided at “Very careful")).to_be_visible()
    prior = page.locator(".tabitem:visible .options input[type=number]")
    prior.fill("20")
    prior.press("Enter")
    expect(page.get_by_text("a chance of 20 % beforehand")).to_be_visible()
    # and on another visit, which shows no photo, but is set as the last one was.
    page.reload()
    expect(settings).to_have_attribute("aria-expanded", "true")
    expect(page.locator(".photo")).to_have_count(0)
    expect(page.locator(".tabitem:visible").get_by_label("Very careful")).to_be_checked()
    expect(prior).to_have_value("20")
    compared(page, photos / "portrait.jpg", photos / "close.webp")
    expect(more.locator("p").first).to_be_visible()
    expect(page.get_by_text("Decided at “Very careful")).to_be_visible()
    expect(page.get_by_text("a chance of 20 % beforehand")).to_be_visible()
    page.get_by_role("tab", name="Who is it?").click()
    expect(page.locator(".tabitem:visible").get_by_label("Very careful")).not_to_be_checked()
    page.get_by_role("tab", name="Two photos").click()
    settings.click()
    expect(settings).to_have_attribute("aria-expanded", "false")
    expect(page.get_by_label("Very careful").first).to_be_hidden()


def focus(page: Page, name: str, steps: int = 40) -> None:
    """Press Tab until the control of this name has the focus."""
    script = """(e => e === document.body ? '' : e.getAttribute('aria-label') || e.textContent)
        (document.activeElement)"""
    for _ in range(steps):
        page.keyboard.press("Tab")
        page.wait_for_timeout(100)  # nobody types faster
        if name in (page.evaluate(script) or ""):
            return
    pytest.fail(f"the keyboard does not reach {name!r}")


def test_a_visit_by_keyboard_alone(visit: Visit, photos: Path) -> None:
    page = visit()
    # From the start: Chromium is told to leave choosers to us only once somebody listens.
    choosers: list[FileChooser] = []
    page.on("filechooser", lambda chooser: choosers.append(chooser))
    for left, name in ((2, "group.jpg"), (1, "portrait.jpg")):
        expect(
            page.locator(".tabitem:visible .field").get_by_role("button", name="to choose one")
        ).to_have_count(left)
        focus(page, "to choose one")
        page.keyboard.press("Enter")
        for _ in range(100):
            if choosers:
                break
            page.wait_for_timeout(100)
        choosers.pop().set_files(photos / name)
        expect(page.get_by_role("img", name=name).first).to_be_visible()
    answer = page.locator(".tabitem:visible .answer")
    expect(answer).to_be_visible()
    page.locator("h1").click()  # back to the top of the page
    focus(page, "Face 2 of 2")
    page.keyboard.press("Space")
    expect(page.locator(".face[data-face='1']").first).to_have_attribute("aria-pressed", "true")
    focus(page, "Why?")
    page.keyboard.press("Enter")
    expect(answer.locator(".why h3")).to_be_visible()
    expect(answer.locator("summary", has_text="Why?")).to_be_focused()
    page.keyboard.press("Enter")
    expect(answer.locator(".why h3")).to_be_hidden()
    focus(page, "Settings")
    page.keyboard.press("Enter")
    # The settings are one stop for all three choices, which the arrows go through.
    focus(page, "", steps=1)
    assert page.evaluate("document.activeElement.type") == "radio"
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Very careful").first).to_be_checked()
    expect(answer.get_by_text("Decided at “Very careful")).to_be_attached()
    focus(page, "Number: ", steps=1)
    focus(page, "Slider: ", steps=1)
    page.keyboard.press("ArrowLeft")
    expect(answer.get_by_text("a chance of 49.9 % beforehand")).to_be_attached()
    page.locator("h1").click()
    focus(page, "Change photo")
    page.keyboard.press("Enter")
    expect(answer).to_have_count(0)
    upload = page.locator(".tabitem:visible .field").get_by_role("button", name="to choose one")
    expect(upload).to_be_focused()
    page.locator("h1").click()
    focus(page, "Who is it?")
    page.keyboard.press("Enter")
    expect(
        page.locator(".waiting:visible", has_text="Add a photo of the person you look for")
    ).to_be_visible()
