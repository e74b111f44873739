"""The tab for any class: what each event makes of the sheet, without a browser."""

import gradio as gr
import pytest
from PIL import Image

from tests import app_server
from tests.pictures import encoded
from ui import words
from ui.tabs import alphabets
from ui.tabs.drawings import AnyTab, Drawing


@pytest.fixture(scope="module")
def tab() -> AnyTab:
    with gr.Blocks():
        return AnyTab(app_server.drawings(), minutes=1)


def stroke(number: str, value: str, sheet: str = "") -> gr.EventData:
    return gr.EventData(None, {"do": "drawn", "number": number, "sheet": sheet, "value": value})


def test_a_drawing_that_was_overtaken_changes_nothing(tab: AnyTab) -> None:
    first, *_, last = alphabets.read()["Angelic"]
    newer, answer = tab._draw(
        Drawing(), "Angelic", "balanced", 5, stroke("8", alphabets.url(last.other_hand))
    )
    assert newer.number == 8 and 'class="ranking"' in answer
    late = tab._draw(newer, "Angelic", "balanced", 5, stroke("7", alphabets.url(first.other_hand)))
    assert late == [gr.skip(), gr.skip()]
    emptied, notice = tab._draw(newer, "Angelic", "balanced", 5, stroke("9", ""))
    assert emptied == Drawing("", 9) and "waiting" in notice


def test_a_stroke_of_a_sheet_that_was_taken_away_changes_nothing(tab: AnyTab) -> None:
    late = stroke("8", alphabets.url(alphabets.read()["Angelic"][0].other_hand), "old")
    pressed = gr.EventData(None, {"do": "show", "row": "3"})
    page, shown, _ = tab._show(Drawing(number=7), "Angelic", "balanced", 5, pressed)
    assert f'data-turn="{shown.sheet}"' in page
    assert tab._draw(shown, "Angelic", "balanced", 5, late) == [gr.skip(), gr.skip()]
    emptied, page, _ = tab.empty()
    assert f'data-turn="{emptied.sheet}"' in page
    assert tab._draw(emptied, "Angelic", "balanced", 5, late) == [gr.skip(), gr.skip()]
    drawn, _ = tab._draw(shown, "Angelic", "balanced", 5, stroke("9", "", shown.sheet))
    assert drawn == Drawing("", 9, shown.sheet)


def test_only_what_the_sheet_can_send_is_looked_at(tab: AnyTab) -> None:
    """A PNG of 200 kB had a hundred million pixels, and held the only place for answers."""
    for size in ((421, 3), (2, 65_000)):
        content = encoded(Image.new("L", size, 255))
        _, answer = tab._draw(
            Drawing(), "Angelic", "balanced", 5, stroke("8", alphabets.url(content))
        )
        assert words.NO_DRAWING in answer


@pytest.mark.parametrize("number", ["", "-1", "1e9", "9" * 40])
def test_a_change_without_a_number_counts_as_the_first(tab: AnyTab, number: str) -> None:
    assert tab._draw(Drawing(), "Angelic", "balanced", 5, stroke(number, ""))[0] == Drawing()
