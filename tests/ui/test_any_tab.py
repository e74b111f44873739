"""The tab for any class: what each event makes of the sheet, without a browser."""

import gradio as gr
import pytest

from tests import app_server
from ui import alphabets
from ui.any_tab import AnyTab, Drawing


@pytest.fixture(scope="module")
def tab() -> AnyTab:
    with gr.Blocks():
        return AnyTab(app_server.drawings(), minutes=1)


def stroke(number: str, value: str) -> gr.EventData:
    return gr.EventData(None, {"do": "drawn", "row": number, "value": value})


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


@pytest.mark.parametrize("number", ["", "-1", "1e9", "9" * 40])
def test_a_change_without_a_number_counts_as_the_first(tab: AnyTab, number: str) -> None:
    assert tab._draw(Drawing(), "Angelic", "balanced", 5, stroke(number, ""))[0] == Drawing()
