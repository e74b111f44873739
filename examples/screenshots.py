"""Take the README's screenshots of a running app, with pictures of nobody.

python app.py &
python -m examples.screenshots http://127.0.0.1:7860 docs
"""

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
PATIENCE = 300_000  # milliseconds; other things may run on this machine


def main(url: str, out: Path) -> None:
    """Write verify.png, pick.png, phone.png and the moving visit.webp into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for name, width, theme in (("verify", 1100, "light"), ("phone", 390, "dark")):
            page = browser.new_page(viewport={"width": width, "height": 900})
            page.goto(f"{url}?__theme={theme}")
            verify(page)
            if width < 500:
                why(page)
            shoot(page, out / f"{name}.png")
        page = browser.new_page(viewport={"width": 1100, "height": 900})
        page.goto(f"{url}?__theme=light")
        pick(page)
        shoot(page, out / "pick.png")
        page = browser.new_page(viewport={"width": 390, "height": 844})
        page.goto(f"{url}?__theme=light")
        film(page, out / "visit.webp")
        browser.close()


def verify(page: Page) -> None:
    """The first example: two pictures of one composite person."""
    page.get_by_role("button", name="Compare person A 1 with person A 2").click()
    expect(page.locator(".tabitem:visible .answer")).to_be_visible()


def why(page: Page) -> None:
    """What speaks for and against."""
    page.get_by_text("Why?").click()
    expect(page.locator(".why")).to_be_visible()


def pick(page: Page) -> None:
    """The example of one composite person among four."""
    page.get_by_role("tab", name="Who is it?").click()
    page.get_by_role("button", name="Find person C 2").click()
    expect(page.locator(".tabitem:visible .ranking li")).to_have_count(5)


def film(page: Page, path: Path) -> None:
    """A short visit on a phone: a pair, the verdict, why, and how sure it is."""
    frames = []

    def frame() -> None:
        page.wait_for_timeout(1500)
        with Image.open(io.BytesIO(page.screenshot())) as seen:
            frames.append(seen.convert("RGB"))

    expect(page.locator(".example:visible").first).to_be_visible()
    frame()
    verify(page)
    frame()
    why(page)
    for part in ("Why?", "How sure is this?"):
        page.get_by_text(part).evaluate("part => { part.parentElement.open = true; }")
        page.get_by_text(part).evaluate("part => part.scrollIntoView()")
        frame()
    rest = {"append_images": frames[1:], "duration": 2500, "loop": 0}
    frames[0].save(path, save_all=True, quality=70, **rest)


def shoot(page: Page, path: Path) -> None:
    """The page from its top to the end of the answer, once nothing moves any more."""
    page.mouse.move(0, 0)  # nothing looks pointed at
    page.evaluate("document.activeElement?.blur(); scrollTo(0, 0)")
    page.wait_for_timeout(1500)
    answer, size = page.locator(".answer:visible").bounding_box(), page.viewport_size
    assert answer is not None and size is not None
    height = round(answer["y"] + answer["height"] + 16)
    clip = {"x": 0, "y": 0, "width": size["width"], "height": height}
    page.screenshot(path=path, full_page=True, clip=clip)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
