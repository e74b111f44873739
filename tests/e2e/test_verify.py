"""A visit of the tab that compares two photos."""

import base64
import hashlib
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image, ImageFilter
from playwright.sync_api import BrowserContext, Locator, Page, Request, Route, expect

from tests import app_server
from tests.e2e.conftest import HOSTILE, PATIENCE
from ui.tabs import examples

Visit = Callable[..., Page]


def place(page: Page, index: int) -> Locator:
    return page.locator(".tabitem:visible .place").nth(index)


def give(page: Page, index: int, path: Path) -> None:
    place(page, index).locator("input[type=file]").set_input_files(path)


def compare(page: Page, first: Path, second: Path) -> Locator:
    """Upload two photos; the answer."""
    give(page, 0, first)
    give(page, 1, second)
    answer = page.locator(".tabitem:visible .answer")
    expect(answer).to_be_visible()
    return answer


def settings(page: Page) -> None:
    """Open them; the page remembers it."""
    page.locator(".tabitem:visible").get_by_role("button", name="Settings", exact=True).click()


def answer_json(answer: Locator) -> dict:  # type: ignore[type-arg]
    link = answer.locator("a[download$='.json']").get_attribute("href")
    assert link is not None
    return json.loads(base64.b64decode(link.partition(",")[2]))  # type: ignore[no-any-return]


def test_a_visit(visit: Visit, photos: Path) -> None:
    page = visit()
    foreign: list[str] = []
    host = app_server.running().url
    ours = (host, "data:", "blob:")
    page.on("request", lambda r: None if r.url.startswith(ours) else foreign.append(r.url))
    expect(page.locator(".waiting:visible", has_text="Add two photos.")).to_be_visible()
    expect(page.get_by_text("Use only photos of people who agree").first).to_be_visible()
    expect(page.get_by_text("No photo is kept").first).to_be_visible()
    answer = compare(page, photos / "portrait.jpg", photos / "close.webp")
    same = app_server.verifier().verify(photos / "portrait.jpg", photos / "close.webp")
    words = {"same": "Same person", "uncertain": "Uncertain", "different": "Different people"}
    expect(answer.get_by_role("heading", level=2)).to_have_text(words[same.decision.value])
    shown = answer_json(answer)
    assert shown["decision"] == same.decision.value
    assert shown["probability"] == pytest.approx(same.probability, abs=1e-3)
    expect(answer.locator(".number b")).to_contain_text("%")
    expect(answer.locator(".scale .zone")).to_have_count(3)
    expect(answer.get_by_role("img", name=re.compile("Scale of the probability"))).to_be_visible()
    expect(answer.locator("img.crop")).to_have_count(2)
    more = answer.locator("details", has_text="How sure is this?")
    expect(more.locator("p").first).to_be_hidden()
    more.locator("summary").click()
    decided = answer.get_by_text("Decided at")
    expect(decided).to_be_visible()
    expect(decided).to_contain_text("95 % interval")
    expect(answer.get_by_text("at least this similar")).to_have_count(
        1 if same.different_people_as_similar else 0
    )
    spoken = page.get_by_role("status").filter(has_text=words[same.decision.value])
    expect(spoken).to_have_count(1)
    # What has to be said, and who answered.
    expect(page.get_by_text("Not for access control")).to_be_visible()
    sha = app_server.verifier().origin.sha256
    expect(page.get_by_text(sha[:12])).not_to_have_count(0)
    assert sha not in page.locator("body").inner_text()
    expect(page.locator(".model-card h1")).to_have_count(0)
    page.get_by_role("link", name="Read its model card").click()
    expect(page.locator(".model-card h1")).to_be_visible()
    assert foreign == []


def test_the_answer_can_be_saved_and_copied(visit: Visit, photos: Path) -> None:
    page = visit()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    answer = compare(page, photos / "portrait.jpg", photos / "mirrored.png")
    answer.get_by_text("How sure is this?").click()
    with page.expect_download() as download:
        answer.get_by_role("button", name="Save as picture").click()
    assert download.value.suggested_filename == "verification.png"
    sheet = Image.open(download.value.path()).convert("RGB")
    # Both crops are on it, left and right.
    crops = answer.locator("img.crop")
    for left, crop in ((50, crops.first), (550, crops.last)):
        source = crop.get_attribute("src")
        assert source is not None
        face = Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).resize((400, 400))
        shown = sheet.crop((left, 50, left + 400, 450))
        assert np.abs(np.asarray(shown, float) - np.asarray(face, float)).mean() < 6
    # There is writing below them: the verdict, four lines and the day.
    dark = (np.asarray(sheet.convert("L"))[460:] < 128).any(axis=1)
    assert np.count_nonzero(np.diff(dark.astype(int)) == 1) >= 6
    answer.get_by_role("button", name="Copy as JSON").click()
    expect(answer.get_by_role("button", name="Copied")).to_be_visible()
    copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
    assert copied == answer_json(answer)
    assert copied["kind"] == "verification"


def test_the_saved_picture_carries_the_warnings(visit: Visit, photos: Path, tmp_path: Path) -> None:
    page = visit()
    blurred = tmp_path / "blurred.jpg"
    portrait = Image.open(photos / "portrait.jpg").convert("RGB")
    portrait.filter(ImageFilter.GaussianBlur(portrait.width / 90)).save(blurred)
    answer = compare(page, photos / "portrait.jpg", blurred)
    expect(answer.locator(".warnings")).to_contain_text("blurred.jpg")
    answer.get_by_text("How sure is this?").click()
    with page.expect_download() as download:
        answer.get_by_role("button", name="Save as picture").click()
    sheet = np.asarray(Image.open(download.value.path()).convert("RGB"), float)
    amber = np.abs(sheet[460:] - (135, 84, 0)).max(axis=2) < 40
    assert amber.any(axis=1).sum() > 20, "rows of writing in the colour of warnings"


def test_the_report_stands_alone_and_prints_on_two_pages(
    visit: Visit, photos: Path, tmp_path: Path, context: BrowserContext
) -> None:
    page = visit()
    paths = photos / "portrait.jpg", photos / "close.webp"
    answer = compare(page, *paths)
    answer.get_by_text("Why?").click()
    expect(answer.locator(".why")).to_be_visible(timeout=4 * PATIENCE)
    answer.get_by_text("How sure is this?").click()
    with page.expect_download() as download:
        answer.get_by_role("link", name="Save as report").click()
    kept = tmp_path / "report.html"
    download.value.save_as(kept)
    fetched: list[str] = []
    report = context.new_page()
    report.on("request", lambda r: fetched.append(r.url) if not r.url.startswith("data:") else None)
    report.goto(kept.as_uri())
    assert fetched == [kept.as_uri()]
    for path in paths:
        hashed = hashlib.sha256(path.read_bytes()).hexdigest()
        expect(report.get_by_text(hashed)).to_be_visible()
    expect(report.locator(".why svg")).to_have_count(2)
    expect(report.get_by_text(answer_json(answer)["checkpoint"]["sha256"])).to_be_visible()
    assert Axe().run(report).response["violations"] == []
    report.set_viewport_size({"width": 390, "height": 844})
    assert report.evaluate("document.scrollingElement.scrollWidth") <= 390
    printed = report.pdf(format="A4")
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 2


def test_prior_moves_the_probability_and_the_setting_the_decision(visit: Visit) -> None:
    page = visit()
    answer = compare(page, *(examples.FOLDER / name for name in examples.PAIRS[1]))
    before = answer_json(answer)
    settings(page)
    number = page.locator(".tabitem:visible .options input[type=number]")
    number.fill("2")
    number.press("Enter")
    expect(answer.get_by_text("a chance of 2 % beforehand")).to_be_attached()
    after = answer_json(answer)
    odds = [shown["probability"] / (1 - shown["probability"]) for shown in (before, after)]
    assert odds[1] / odds[0] == pytest.approx(2 / 98, rel=1e-3)
    assert after["decision"] == before["decision"]
    page.locator(".tabitem:visible").get_by_label("Very careful").check()
    expect(answer.get_by_text("Decided at “Very careful")).to_be_attached()
    assert answer_json(answer)["operating_point"]["name"] == "very_careful"


def test_the_answer_states_the_prior_that_the_box_shows(visit: Visit, photos: Path) -> None:
    page = visit()
    answer = compare(page, photos / "portrait.jpg", photos / "mirrored.png")
    settings(page)
    number = page.locator(".tabitem:visible .options input[type=number]")
    for typed, shown in (("0.1", "0.1"), ("33.3", "33.3"), ("0.01", "0.1"), ("100", "99.9")):
        number.fill(typed)
        number.press("Enter")
        expect(answer.get_by_text(f"a chance of {shown} % beforehand")).to_be_attached()
        expect(number).to_have_value(shown)


def test_a_photo_on_its_way_does_not_arrive_once_the_page_is_cleared(
    visit: Visit, photos: Path
) -> None:
    page = visit()
    held: list[Route] = []
    page.route("**/gradio_api/upload?*", lambda route: held.append(route))
    with page.expect_request("**/gradio_api/upload?*"):
        give(page, 0, photos / "portrait.jpg")
    expect(place(page, 0).get_by_text("Uploading")).to_be_visible()
    with page.expect_event("requestfailed", lambda request: "/upload?" in request.url):
        page.get_by_role("button", name="Clear my photos now").click()
    expect(page.get_by_text("have been deleted from the server’s memory")).to_be_visible()
    expect(place(page, 0).get_by_text("Uploading")).to_have_count(0)
    expect(page.get_by_text("Error", exact=True)).to_have_count(0)
    assert len(held) == 1
    # The next one does.
    page.unroute("**/gradio_api/upload?*")
    give(page, 0, photos / "portrait.jpg")
    expect(place(page, 0).locator(".photo")).to_have_count(1)


def test_errors_are_shown_beside_their_photo(visit: Visit, photos: Path) -> None:
    page = visit()
    give(page, 0, photos / "letter.jpg")
    give(page, 1, photos / "meadow.jpg")
    expect(place(page, 0).get_by_role("alert")).to_contain_text("letter.jpg")
    expect(place(page, 1).get_by_role("alert")).to_contain_text("meadow.jpg")
    expect(page.locator(".answer:visible")).to_have_count(0)
    # The place of an unreadable photo takes another one at once.
    give(page, 0, photos / "portrait.jpg")
    expect(place(page, 0).locator(".photo")).to_be_visible()
    expect(place(page, 0).get_by_role("alert")).to_have_count(0)


def test_no_answer_stays_beside_another_photo(visit: Visit, photos: Path) -> None:
    page = visit()
    answer = compare(page, photos / "portrait.jpg", photos / "mirrored.png")
    place(page, 1).get_by_role("button", name="Change photo").click()
    expect(answer).to_have_count(0)
    expect(page.locator(".waiting:visible", has_text="One more photo")).to_be_visible()
    give(page, 1, photos / "close.webp")
    expect(answer).to_be_visible()
    assert "close.webp" in answer_json(answer)["photos"][1]["name"]


def test_another_face_by_click_by_key_and_from_the_table(visit: Visit, photos: Path) -> None:
    page = visit()
    answer = compare(page, photos / "group.jpg", photos / "portrait.jpg")
    uploads: list[str] = []
    page.on("request", lambda r: uploads.append(r.url) if "/upload" in r.url else None)
    faces = place(page, 0).locator(".face")
    expect(faces).to_have_count(2)
    first = answer_json(answer)
    # All are compared, the best pair is marked.
    best = first["photos"][0]["chosen"]
    other = 1 - best
    chip = place(page, 0).locator(f".chip[data-face='{best}']")
    expect(chip).to_have_attribute("aria-pressed", "true")
    place(page, 0).get_by_role("button", name="Show photo").click()
    page.locator(f".face[data-face='{other}']").first.click()
    expect(page.locator(f".face[data-face='{other}']").first).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(answer).to_be_visible()
    second = answer_json(answer)
    assert second["photos"][0]["chosen"] == other
    assert second["logit"] != first["logit"]
    chip.focus()
    page.keyboard.press("Enter")
    expect(chip).to_have_attribute("aria-pressed", "true")
    expect(chip).to_be_focused()
    expect(answer).to_be_visible()
    assert answer_json(answer)["logit"] == pytest.approx(first["logit"], abs=1e-3)
    answer.get_by_text("Compare all faces").click()
    cells = answer.locator(".matrix td button")
    expect(cells).to_have_count(2)
    cells.nth(other).click()
    expect(answer.locator(".matrix td.current button")).to_have_attribute("data-row", str(other))
    assert answer_json(answer)["logit"] == pytest.approx(second["logit"], abs=1e-3)
    assert uploads == []
    # Why: about these two faces, and gone with them.
    why = answer.locator("summary", has_text="Why?")
    why.click()
    expect(answer.get_by_role("img", name=re.compile("speaks most for"))).to_have_count(2)
    expect(why).to_be_focused()
    expect(answer.get_by_text("not whether the answer is right")).to_be_visible()
    expect(answer.locator(".why rect")).not_to_have_count(0)
    why.click()
    expect(answer.locator(".why")).to_be_hidden()
    why.click()
    expect(answer.locator(".why")).to_be_visible()
    chip.click()
    expect(chip).to_have_attribute("aria-pressed", "true")
    expect(why).to_be_visible()
    expect(answer.locator(".why")).to_have_count(0)
    expect(answer.locator(".matrix")).to_be_visible()  # is about both photos, whichever face


@pytest.mark.parametrize("name", ["photo.heic", "no ending", HOSTILE])
def test_odd_files_are_read_and_odd_names_are_only_text(
    visit: Visit, photos: Path, name: str
) -> None:
    page = visit()
    answer = compare(page, photos / name, photos / "portrait.jpg")
    expect(place(page, 0).locator(".name")).to_have_text(name)
    assert name[:20] in answer_json(answer)["photos"][0]["name"]
    assert page.locator("img[src='x']").count() == 0


DROP = """
([target, names]) => {
  const bag = new DataTransfer();
  for (const name of names) bag.items.add(new File([window.photo], name, { type: 'image/jpeg' }));
  const event = new DragEvent('drop', { dataTransfer: bag, bubbles: true, cancelable: true });
  target.dispatchEvent(event);
  return event.defaultPrevented;
}"""


PASTE = """
([names, text]) => {
  const bag = new DataTransfer();
  for (const name of names) bag.items.add(new File([window.photo], name, { type: 'image/jpeg' }));
  if (text) bag.setData('text/plain', text);
  const how = { clipboardData: bag, bubbles: true, cancelable: true };
  document.body.dispatchEvent(new ClipboardEvent('paste', how));
}"""


def test_a_picture_that_is_pasted_anywhere_fills_the_next_empty_place(
    visit: Visit, photos: Path
) -> None:
    page = visit()
    with_photo(page, photos / "portrait.jpg")
    page.evaluate(PASTE, [[], "Dear reader"])
    said = page.locator(".said")
    expect(said).to_contain_text("There is no picture on the clipboard.")
    for index, name in enumerate(("a.jpg", "b.jpg")):
        page.evaluate(PASTE, [[name], ""])
        expect(place(page, index).locator(".name")).to_have_text(name)
    expect(page.locator(".answer:visible")).to_be_visible()
    page.evaluate(PASTE, [["c.jpg"], ""])
    expect(said).to_contain_text("All photos are there.")
    expect(place(page, 1).locator(".name")).to_have_text("b.jpg")
    page.get_by_role("tab", name="Who is it?").click()
    page.evaluate(PASTE, [["q.jpg", "r.jpg", "s.jpg"], ""])
    expect(page.locator(".tabitem:visible .member")).to_have_count(2)
    expect(place(page, 0).locator(".name")).to_have_text("q.jpg")


def test_of_two_groups_the_faces_that_match_are_compared_and_joined(
    visit: Visit, photos: Path, tmp_path: Path
) -> None:
    page = visit()
    people = [examples.FOLDER / name for name in examples.PEOPLE]
    for name, order in (("one", (0, 1)), ("two", (2, 1, 0))):
        group = Image.new("RGB", (360 * len(order), 360), "#58707a")
        for place_, index in enumerate(order):
            with Image.open(people[index]) as face:
                group.paste(face.convert("RGB").resize((320, 320)), (360 * place_ + 20, 20))
        group.save(tmp_path / f"{name}.png")
    answer = compare(page, tmp_path / "one.png", tmp_path / "two.png")
    expect(answer.locator("h2")).to_have_text("Same person")
    expect(answer.locator(".searched")).to_contain_text("The most alike of 6 pairs of faces")
    joined = answer.locator(".joined button")
    expect(joined).to_have_count(2)
    shown = answer_json(answer)
    chosen = [photo["chosen"] for photo in shown["photos"]]
    for index in range(2):
        pressed = place(page, index).locator(".chip[aria-pressed='true']")
        expect(pressed).to_have_attribute("data-face", str(chosen[index]))
    joined.and_(page.locator("[aria-pressed='false']")).click()
    expect(answer.locator(".searched")).to_have_count(0)
    expect(joined).to_have_count(2)
    other = [photo["chosen"] for photo in answer_json(answer)["photos"]]
    assert other[0] != chosen[0] and other[1] != chosen[1]


def with_photo(page: Page, path: Path) -> None:
    """Let scripts on the page have a photo, as `window.photo`."""
    encoded = base64.b64encode(path.read_bytes()).decode()
    page.evaluate(
        "async (url) => { window.photo = await (await fetch(url)).blob(); }",
        f"data:image/jpeg;base64,{encoded}",
    )


def test_two_photos_dropped_at_once_are_compared(visit: Visit, photos: Path) -> None:
    """The second was once ignored without a word, and its file lay on the disk for minutes."""
    page = visit()
    with_photo(page, photos / "portrait.jpg")
    field = place(page, 1).locator(".field button").first
    page.evaluate(DROP, [field.element_handle(), ["a.jpg", "b.jpg"]])
    expect(page.locator(".tabitem:visible .answer")).to_be_visible()
    expect(place(page, 1).locator(".name")).to_have_text("a.jpg")
    expect(place(page, 0).locator(".name")).to_have_text("b.jpg")
    # Beside a field nothing happens; the browser would show the photo in place of the page.
    beside = place(page, 0).locator(".photo").element_handle()
    assert page.evaluate(DROP, [beside, ["c.jpg"]])
    expect(place(page, 0).locator(".name")).to_have_text("b.jpg")


def test_a_photo_from_the_webcam(visit: Visit) -> None:
    """The browser's own test camera shows no face; what matters is that its picture arrives."""
    page = visit()
    place(page, 0).get_by_role("button", name="Camera").click()
    place(page, 0).get_by_text("Turn the camera on").click()
    page.wait_for_function("document.querySelector('.place video')?.videoWidth > 0")
    place(page, 0).get_by_role("button", name="Take photo").click()
    expect(place(page, 0).get_by_role("alert")).to_contain_text("No face was found")
    expect(place(page, 0).locator(".photo img")).to_be_visible()


def test_clear_removes_everything(visit: Visit, photos: Path) -> None:
    page = visit()
    answer = compare(page, photos / "portrait.jpg", photos / "mirrored.png")
    page.get_by_role("button", name="Clear my photos now").click()
    expect(answer).to_have_count(0)
    expect(page.locator(".photo")).to_have_count(0)
    expect(page.get_by_text("have been deleted from the server")).to_be_visible()
    # The next photo starts from nothing.
    give(page, 0, photos / "close.webp")
    expect(page.locator(".waiting:visible", has_text="One more photo")).to_be_visible()


def wait_for(page: Page, requests: list[str], count: int) -> None:
    for _ in range(PATIENCE // 50):
        if len(requests) >= count:
            return
        page.wait_for_timeout(50)
    pytest.fail(f"only {len(requests)} of {count} requests came")


def test_nothing_still_being_read_appears_after_a_clear(
    visit: Visit, photos: Path, tmp_path: Path
) -> None:
    large = tmp_path / "large.jpg"
    with Image.open(photos / "group.jpg") as group:
        group.resize((9600, 5600)).save(large)
    page = visit()
    joined: list[str] = []
    photos_joined: list[str] = []  # the answer to one may be asked for while the next is uploaded

    def count(request: Request) -> None:
        if "/queue/join" in request.url:
            joined.append(request.url)
            photos_joined.extend([request.url] * (large.name in (request.post_data or "")))

    page.on("request", count)
    give(page, 0, large)
    give(page, 1, large)
    page.get_by_role("tab", name="Who is it?").click()
    place(page, 0).locator("input[type=file]").set_input_files(large)
    page.locator(".tabitem:visible .many input[type=file]").set_input_files([large] * 3)
    wait_for(page, photos_joined, 4)  # two are being read, two wait for their turn
    page.get_by_role("button", name="Clear my photos now").click()
    expect(page.get_by_text("have been deleted from the server")).to_be_visible()
    expect(page.locator(".photo, .member, .answer")).to_have_count(0)
    # Each is done when it has asked for the answer to it.
    wait_for(page, joined, 4 + 1 + 4)
    expect(page.locator("[data-testid=status-tracker]:not(.hide)")).to_have_count(0)
    expect(page.locator(".photo, .member, .answer")).to_have_count(0)
    expect(page.locator(".waiting:visible", has_text="Add a photo of the person")).to_be_visible()
    assert not app_server.running().uploads
    page.get_by_role("tab", name="Two photos").click()
    expect(page.locator(".waiting:visible", has_text="Add two photos.")).to_be_visible()


def test_a_second_visit_starts_empty(visit: Visit, photos: Path) -> None:
    page = visit()
    compare(page, photos / "portrait.jpg", photos / "mirrored.png")
    page.reload()
    expect(page.locator(".waiting:visible", has_text="Add two photos.")).to_be_visible()
    expect(page.locator(".photo")).to_have_count(0)


def test_an_example_needs_one_press(visit: Visit) -> None:
    page = visit()
    page.get_by_role("button", name="Compare person A 1 with person A 2").click()
    answer = page.locator(".tabitem:visible .answer")
    expect(answer).to_be_visible()
    shown = answer_json(answer)
    first, second = (examples.FOLDER / name for name in examples.PAIRS[0])
    same = app_server.verifier().verify(first, second)
    assert [photo["name"] for photo in shown["photos"]] == [first.name, second.name]
    assert shown["logit"] == pytest.approx(same.logit, abs=1e-3)
    # Another photo is in nobody's way.
    place(page, 0).get_by_role("button", name="Change photo").click()
    expect(page.locator(".waiting:visible", has_text="One more photo")).to_be_visible()
    place(page, 1).get_by_role("button", name="Change photo").click()
    expect(page.locator(".example:visible")).to_have_count(len(examples.PAIRS))
    page.get_by_role("tab", name="Who is it?").click()
    page.get_by_role("button", name="Find person C 2").click()
    ranking = page.locator(".tabitem:visible .ranking li")
    expect(ranking).to_have_count(len(examples.PEOPLE) + 1)
    people = {examples.stem(name): examples.FOLDER / name for name in examples.PEOPLE}
    picked = app_server.verifier().pick(examples.FOLDER / examples.PICKS[0][0], people)
    assert answer_json(answer)["identity"] == picked.identity
