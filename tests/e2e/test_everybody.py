"""The page for everybody: keyboard, screen reader, both themes, narrow screens."""

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import FileChooser, Page, expect

Visit = Callable[..., Page]


def serious(page: Page) -> list[str]:
    """Findings of axe-core that are serious or critical, with the elements they concern."""
    found = Axe().run(page).response["violations"]
    return [
        f"{finding['id']}: {[node['html'][:120] for node in finding['nodes']]}"
        for finding in found
        if finding["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_serious_finding_of_axe(visit: Visit, photos: Path, theme: str) -> None:
    page = visit(theme)
    assert serious(page) == []
    inputs = page.locator(".tabitem:visible .place")
    inputs.nth(0).locator("input[type=file]").set_input_files(photos / "group.jpg")
    inputs.nth(1).locator("input[type=file]").set_input_files(photos / "portrait.jpg")
    page.get_by_role("button", name="Compare all faces").click()
    expect(page.locator(".matrix")).to_be_visible()
    page.get_by_text("How this was decided").click()
    assert serious(page) == []
    page.get_by_role("tab", name="Who is it?").click()
    inputs.nth(0).locator("input[type=file]").set_input_files(photos / "portrait.jpg")
    support = [photos / name for name in ("mirrored.png", "close.webp", "letter.jpg")]
    page.locator(".tabitem:visible .many input[type=file]").set_input_files(support)
    expect(page.locator(".tabitem:visible .member")).to_have_count(3)
    expect(page.locator(".tabitem:visible .answer")).to_be_visible()
    assert serious(page) == []


@pytest.mark.parametrize("width", [390, 820, 1440])
def test_nothing_is_wider_than_the_screen(visit: Visit, photos: Path, width: int) -> None:
    page = visit()
    page.set_viewport_size({"width": width, "height": 844})
    inputs = page.locator(".tabitem:visible .place")
    inputs.nth(0).locator("input[type=file]").set_input_files(photos / "group.jpg")
    inputs.nth(1).locator("input[type=file]").set_input_files(photos / "portrait.jpg")
    page.get_by_role("button", name="Compare all faces").click()
    expect(page.locator(".matrix")).to_be_visible()
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    # Both tabs are there, not hidden in a menu.
    page.get_by_role("tab", name="Who is it?").click()
    expect(page.get_by_text("Add a photo of the person you look for")).to_be_visible()
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width


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
            page.locator(".tabitem:visible .field").get_by_role("button", name="to upload")
        ).to_have_count(left)
        focus(page, "to upload")
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
    focus(page, "Another photo")
    page.keyboard.press("Enter")
    expect(answer).to_have_count(0)
    page.locator("h1").click()
    focus(page, "Who is it?")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Add a photo of the person you look for")).to_be_visible()
