"""The page in each language: all of it said, nothing cut off, and a change that loses nothing."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import app_server
from tests.e2e.conftest import PATIENCE
from tests.e2e.test_everybody import findings, fits
from ui import sentences
from ui.languages import LANGUAGES, read

# All that is shown or read out, but for names, file names and a document in English; and for what
# Gradio says, for a moment, of its queue.
SAID = """() => {
    const skipped = '[lang="en"], .name, .file, .who, figcaption, style, script, footer';
    const found = [];
    for (const e of document.querySelectorAll('.gradio-container *')) {
        if (e.closest(skipped)) continue;
        for (const node of e.childNodes) if (node.nodeType === 3) found.push(node.textContent);
        for (const name of ['aria-label', 'title', 'alt', 'placeholder', 'data-say'])
            found.push(e.getAttribute(name) ?? '');
    }
    return found.map(text => text.trim()).filter(text => text && !text.startsWith('In queue: '));
}"""


@pytest.fixture(params=sorted(set(LANGUAGES) - {"en"}))
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page on a phone whose browser asks for the language."""
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, locale=request.param, reduced_motion="reduce"
    )
    context.set_default_timeout(PATIENCE)
    opened = context.new_page()
    opened.goto(app_server.running().url)
    expect(opened.locator(".tabitem:visible .place").first).to_be_visible()
    expect(opened.locator("html")).to_have_attribute("lang", request.param)
    yield opened
    context.close()


def english(page: Page) -> set[str]:
    """What is left of the English sentences of the page, where the language has others."""
    code = page.locator("html").get_attribute("lang") or ""
    own = {message.id: message.string for message in read(code)}
    sentences_ = [m.id for m in sentences.template() if isinstance(m.id, str) and m.id != ""]
    patterns = [
        re.compile("(.+)".join(map(re.escape, re.split(r"\{[^}]*\}", sentence))), re.DOTALL)
        for sentence in sentences_
        if own.get(sentence) != sentence and re.search("[a-z]{2}", sentence)
    ]
    said = page.evaluate(SAID)
    assert len(said) > 50
    return {text for text in said if any(pattern.fullmatch(text) for pattern in patterns)}


def test_on_a_phone_all_is_said_and_nothing_is_cut_off(page: Page) -> None:
    shown = page.locator(".tabitem:visible")
    assert english(page) == set()
    page.locator("[data-key=example-2]:visible").click()
    expect(shown.locator(".answer")).to_be_visible()
    shown.locator("[data-ask=why] summary").click()
    expect(shown.locator(".why")).to_be_visible()
    shown.locator("[data-ask=matrix] summary, [data-keep=matrix] summary").click()
    expect(shown.locator(".matrix")).to_be_visible()
    shown.locator("summary[data-key=details]").click()
    shown.locator(".settings .opener").click()
    assert english(page) == set()
    assert findings(page) == []
    fits(page)
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("tab").nth(1).click()
    shown.locator("[data-key=example-1]").click()
    expect(shown.locator(".ranking").first).to_be_visible()
    shown.locator(".summary .opener").click()
    assert english(page) == set()
    fits(page)
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("tab").nth(2).click()
    page.locator("[data-key=character-4]").click()
    expect(shown.locator(".answer")).to_be_visible()
    assert english(page) == set()
    fits(page)


def test_another_language_loses_nothing(browser: Browser, photos: Path) -> None:
    # Gradio would speak the browser's language, which is none of the page's.
    context = browser.new_context(locale="ja")
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(app_server.running().url)
    shown = page.locator(".tabitem:visible")
    api = page.locator("footer button").first
    expect(api).to_have_text("Use via API")
    inputs = shown.locator("input[type=file]")
    inputs.nth(0).set_input_files(photos / "portrait.jpg")
    inputs.nth(1).set_input_files(photos / "letter.jpg")
    expect(shown.get_by_role("alert")).to_contain_text("please give a picture")
    shown.locator(".place").nth(1).locator("input[type=file]").set_input_files(
        photos / "mirrored.png"
    )
    expect(shown.locator(".answer")).to_be_visible()
    shown.locator("summary[data-key=details]").click()
    percent = shown.locator(".number b").inner_text()
    page.get_by_role("combobox", name="Language").select_option("de")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(shown.locator("h2")).to_have_text("Dieselbe Person")
    assert shown.locator(".number b").inner_text().split() == (
        percent.replace("over", "über").replace(".", ",").split()
    )
    expect(shown.locator("[data-keep=details]")).to_have_attribute("open", "")
    expect(shown.locator(".photo .name")).to_have_text(["portrait.jpg", "mirrored.png"])
    expect(page.get_by_role("tab").first).to_have_text("Zwei Fotos")
    expect(page.get_by_role("combobox", name="Sprache")).to_be_focused()
    expect(api).to_have_text("Über die API benutzen")
    number = shown.locator("input[type=number]")
    expect(number).to_have_attribute("aria-label", re.compile("Zahl: Wie "))
    page.get_by_role("tab").nth(1).click()
    shown.locator("input[type=file]").first.set_input_files(photos / "meadow.jpg")
    expect(shown.get_by_role("alert")).to_contain_text("kein Gesicht")
    # And the next visit begins in it.
    page.goto(app_server.running().url)
    expect(page.get_by_role("tab").first).to_have_text("Zwei Fotos")
    context.close()
