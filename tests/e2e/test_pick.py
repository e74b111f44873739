"""A visit of the tab that finds a person among several."""

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests import app_server
from tests.e2e.conftest import HOSTILE

Visit = Callable[..., Page]


@pytest.fixture
def page(visit: Visit) -> Page:
    opened = visit()
    opened.get_by_role("tab", name="Who is it?").click()
    expect(
        opened.locator(".waiting:visible", has_text="Add a photo of the person you look for")
    ).to_be_visible()
    return opened


def part(page: Page, selector: str) -> Locator:
    return page.locator(f".tabitem:visible {selector}")


def ask(page: Page, path: Path) -> None:
    part(page, ".place").nth(0).locator("input[type=file]").set_input_files(path)
    expect(part(page, ".place").nth(0).locator(".photo")).to_be_visible()


def add(page: Page, *paths: Path) -> None:
    before = part(page, ".member").count()
    part(page, ".many input[type=file]").set_input_files(paths)
    expect(part(page, ".member")).to_have_count(before + len(paths))


def unfold(page: Page) -> None:
    """Show the names and photos of people, which an answer folds."""
    expect(part(page, ".answer")).to_be_visible()
    part(page, ".place").get_by_role("button", name="Add or change").click()
    expect(part(page, ".member").first).to_be_visible()


def answer_json(page: Page) -> dict:  # type: ignore[type-arg]
    expect(part(page, ".answer")).to_be_visible()
    link = part(page, ".answer a[download$='.json']").get_attribute("href")
    assert link is not None
    return json.loads(base64.b64decode(link.partition(",")[2]))  # type: ignore[no-any-return]


def test_both_places_take_photos(page: Page) -> None:
    """The one for many had shrunk to a line under its label."""
    query, many = (field.bounding_box() for field in part(page, ".field").all())
    assert query is not None and many is not None
    assert many["height"] == query["height"] > 200


def test_a_visit(page: Page, photos: Path) -> None:
    ask(page, photos / "portrait.jpg")
    expect(
        page.locator(".waiting:visible", has_text="Now add photos of the people")
    ).to_be_visible()
    support = [photos / name for name in ("mirrored.png", "close.webp", "letter.jpg", "meadow.jpg")]
    add(page, *support)
    shown = answer_json(page)
    people = {path.stem: path for path in support}
    same = app_server.verifier().pick(photos / "portrait.jpg", people)
    assert shown["identity"] == same.identity
    assert shown["none_probability"] == pytest.approx(same.none_probability, abs=1e-3)
    rows = part(page, ".ranking li")
    expect(rows).to_have_count(3)
    expect(rows.filter(has_text="None of these")).to_have_count(1)
    unusable = part(page, ".member.unusable")
    expect(unusable).to_have_count(2)
    expect(unusable.nth(0)).to_contain_text("letter.jpg")
    expect(unusable.nth(1)).to_contain_text("No face was found")
    expect(part(page, ".answer")).to_contain_text("2 of the 4 photos of people were not used")
    expect(part(page, ".answer h2")).not_to_be_empty()
    expect(part(page, ".answer").get_by_text("percentage points")).to_be_visible()


def test_the_winner_is_explained_until_there_is_another(page: Page, photos: Path) -> None:
    ask(page, photos / "portrait.jpg")
    add(page, photos / "mirrored.png")
    answer = part(page, ".answer")
    # What is being computed shows where it will be, and the answer holds.
    page.evaluate(
        """() => new MutationObserver(() => {
            const faded = document.querySelector('.html-container.pending:has(.answer)');
            if (faded) window.faint = Math.min(window.faint ?? 1, getComputedStyle(faded).opacity);
            if (faded?.querySelector('details[open] .pending')) window.waited = true;
        }).observe(document, {subtree: true, attributes: true})"""
    )
    answer.get_by_text("Why?").click()
    expect(answer.locator(".why figcaption")).to_have_text(["portrait.jpg", "mirrored.png"])
    faint, waited = page.evaluate("[window.faint, window.waited]")
    assert faint > 0.95 and waited, "no more than a transition that had just begun"
    answer.get_by_text("Why?").click()
    expect(answer.locator(".why")).to_be_hidden()
    add(page, photos / "close.webp")
    expect(answer.locator(".ranking li")).to_have_count(3)
    unfold(page)
    part(page, ".member").get_by_role("button", name="Remove mirrored.png").click()
    expect(answer.locator(".ranking li")).to_have_count(2)
    expect(answer.locator(".why")).to_have_count(0)


def test_a_folder_that_is_dropped_is_opened(page: Page, photos: Path, tmp_path: Path) -> None:
    """By the browser's own drop, since no script can make one of a folder."""
    inner = tmp_path / "people" / "more"
    inner.mkdir(parents=True)
    shutil.copy(photos / "mirrored.png", inner)
    shutil.copy(photos / "close.webp", inner.parent)
    (inner / ".hidden").write_text("no photo")
    box = part(page, ".many").bounding_box()
    assert box is not None
    where = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    data = {"items": [], "files": [str(inner.parent)], "dragOperationsMask": 1}
    devtools = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, **where, "data": data})
    expect(part(page, ".member")).to_have_count(2)
    expect(part(page, ".member .file")).to_have_text(["close.webp", "mirrored.png"])


def test_several_faces_in_a_photo_of_a_person_are_reported(page: Page, photos: Path) -> None:
    add(page, photos / "mirrored.png", photos / "group.jpg")
    expect(part(page, ".member .several")).to_have_count(1)
    told = part(page, ".member").filter(has_text="group.jpg")
    expect(told).to_contain_text("2 faces found; the most prominent one is used.")


def test_photos_with_the_same_name_are_one_person(page: Page, photos: Path) -> None:
    ask(page, photos / "portrait.jpg")
    add(page, photos / "mirrored.png", photos / "close.webp")
    unfold(page)
    names = part(page, ".member textarea")
    for row in range(2):
        names.nth(row).fill("Eileen <i>Collins</i>")
        names.nth(row).press("Tab")
        expect(part(page, ".ranking").get_by_text("Eileen <i>Collins</i>").first).to_be_visible()
    expect(part(page, ".ranking li")).to_have_count(2)
    expect(part(page, ".ranking").get_by_text("2 photos")).to_be_visible()
    assert answer_json(page)["ranking"][0]["num_photos"] == 2


def test_a_name_that_is_cleared_comes_back(page: Page, photos: Path) -> None:
    ask(page, photos / "portrait.jpg")
    add(page, photos / "mirrored.png")
    unfold(page)
    name = part(page, ".member textarea")
    for given, shown in (("", "mirrored"), (" Eileen ", "Eileen"), ("  ", "Eileen")):
        name.fill(given)
        name.press("Tab")
        expect(name).to_have_value(shown)
        expect(part(page, ".ranking").get_by_text(shown)).to_be_visible()


def test_a_name_stays_in_sight_while_it_is_typed(page: Page, photos: Path) -> None:
    """An answer folds the list, but not under the hands of whoever writes in it."""
    add(page, photos / "mirrored.png")
    name = part(page, ".member textarea")
    name.press_sequentially("Ei")
    ask(page, photos / "portrait.jpg")
    expect(part(page, ".answer")).to_be_visible()
    name.press_sequentially("leen")
    expect(name).to_be_visible()
    name.press("Tab")
    expect(part(page, ".ranking").get_by_text("Eileen")).to_be_visible()
    expect(name).to_be_hidden()


def test_another_query_costs_only_the_query(page: Page, photos: Path) -> None:
    ask(page, photos / "portrait.jpg")
    add(page, photos / "mirrored.png")
    first = answer_json(page)
    uploads: list[str] = []
    page.on("request", lambda r: uploads.append(r.url) if "/upload?" in r.url else None)
    part(page, ".card").get_by_role("button", name="Change photo").click()
    expect(
        page.locator(".waiting:visible", has_text="Now add a photo of the person")
    ).to_be_visible()
    ask(page, photos / "close.webp")
    second = answer_json(page)
    assert len(uploads) == 1
    assert "close.webp" in second["query"]["name"]
    assert second["ranking"][0]["logit"] != first["ranking"][0]["logit"]


def test_a_photo_can_be_taken_out(page: Page, photos: Path) -> None:
    ask(page, photos / "portrait.jpg")
    add(page, photos / "mirrored.png", photos / HOSTILE)
    expect(part(page, ".ranking li")).to_have_count(3)
    unfold(page)
    part(page, ".member").get_by_role("button", name="Remove mirrored.png").click()
    expect(part(page, ".ranking li")).to_have_count(2)
    expect(part(page, ".member .file")).to_have_text([HOSTILE])
    assert page.locator("img[src='x']").count() == 0
    page.get_by_role("button", name="Clear my photos now").click()
    expect(part(page, ".member")).to_have_count(0)
    expect(part(page, ".answer")).to_have_count(0)


def test_changes_while_photos_are_read_are_kept(page: Page, photos: Path) -> None:
    ask(page, photos / "portrait.jpg")
    add(page, photos / "mirrored.png", photos / "group.jpg")
    unfold(page)
    field = part(page, ".many input[type=file]")
    field.set_input_files([photos / "group.jpg"] * 12)
    page.wait_for_timeout(200)
    field.set_input_files([photos / "close.webp", photos / "portrait.jpg"])
    part(page, ".member textarea").nth(1).fill("Eileen")
    part(page, ".member textarea").nth(1).press("Enter")
    part(page, ".member").get_by_role("button", name="Remove mirrored.png").click()
    expect(part(page, ".member")).to_have_count(1 + 12 + 2)
    expect(part(page, ".member textarea").first).to_have_value("Eileen")
    expect(part(page, ".ranking").get_by_text("Eileen")).to_be_visible()


def test_the_prior_of_none_moves_the_pick(page: Page, photos: Path) -> None:
    ask(page, photos / "portrait.jpg")
    add(page, photos / "mirrored.png")
    before = answer_json(page)["none_probability"]
    part(page, "").get_by_role("button", name="Settings", exact=True).click()
    number = part(page, ".options input[type=number]")
    number.fill("99")
    number.press("Enter")
    expect(part(page, ".options input[type=range]")).to_have_value("99")
    expect(part(page, ".answer")).to_contain_text("%")
    page.wait_for_timeout(1500)
    assert answer_json(page)["none_probability"] > before
