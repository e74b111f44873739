"""What a visit remembers is about the photos that are on the page, and goes with them."""

import gc
import weakref
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from tests import app_server, pictures
from ui.photo import Upload
from ui.tabs.verify import VerifyTab
from ui.visit import Asked, Shown, current

PORTRAIT = Upload("portrait.png", pictures.encoded(pictures.portrait()))


def pressed(**data: str) -> Any:
    return SimpleNamespace(_data=data)


class Visit:
    """A visitor of the tab that compares: each event's values go to the states it is wired to."""

    def __init__(self) -> None:
        with gr.Blocks() as self.page:
            self.tab = VerifyTab(app_server.verifier(), 5)
        self.places = [self.tab._first, self.tab._second]
        self.states: dict[Any, Any] = {}

    def do(self, function: Any, *given: Any) -> None:
        wired = next(fn.outputs for fn in self.page.fns.values() if fn.fn == function)
        values = function(*given)
        assert len(values) == len(wired)
        for part, value in zip(wired, values, strict=True):
            if isinstance(part, gr.State) and value != gr.skip():
                self.states[part] = value

    def shown(self, place: int) -> Shown:
        shown: Shown = self.states[self.places[place].state]
        return shown

    @property
    def asked(self) -> Asked | None:
        return self.states.get(self.tab._asked)

    def press(self, place: int, **data: str) -> None:
        self.do(self.places[place]._act, self.shown(place), pressed(**data))

    def ask_everything(self) -> None:
        for question in ("matrix", "why"):
            photos = (self.shown(0), self.shown(1))
            event = pressed(do=question)
            self.do(self.tab._act, *photos, self.asked, event)
        assert self.asked is not None
        assert self.asked.pairs.value is not None and self.asked.why.value is not None


@pytest.fixture
def visit() -> Visit:
    found = Visit()
    for place in found.places:
        found.do(place._add, PORTRAIT)
    found.ask_everything()
    return found


@pytest.mark.parametrize("way", ["removed", "another", "more"])
@pytest.mark.parametrize("place", [0, 1])
def test_nothing_is_left_of_a_photo_that_is_gone(visit: Visit, place: int, way: str) -> None:
    before = weakref.ref(visit.shown(place).sighting.faces[0].crop)  # type: ignore[union-attr]
    assert before() is not None
    if way == "another":
        visit.do(visit.places[place]._add, Upload("wall.png", PORTRAIT.content))
    else:
        visit.press(place, do="more" if way == "more" else "remove")
    assert visit.asked is None
    gc.collect()
    assert before() is None


def test_what_was_asked_about_a_photo_that_is_gone_is_dropped(visit: Visit) -> None:
    """The explanation comes after the photo was replaced, and brings it back."""
    late = visit.asked
    visit.do(visit.places[1]._add, Upload("wall.png", PORTRAIT.content))
    kept = current(visit.shown(0), visit.shown(1), late)
    assert kept.pairs.value is None and kept.why.value is None
    visit.ask_everything()
    asked = visit.asked
    kept = current(visit.shown(0), visit.shown(1), asked)
    assert asked is not None and (kept.pairs, kept.why) == (asked.pairs, asked.why)
    assert current(visit.shown(0), None, asked).why.value is None


def test_all_pairs_are_kept_where_another_face_is_chosen(visit: Visit) -> None:
    visit.press(0, do="face", face="0")
    assert visit.asked is not None
    assert visit.asked.pairs.of(visit.shown(0).sighting, visit.shown(1).sighting) is not None


def test_a_face_that_is_pressed_again_is_no_longer_chosen(visit: Visit) -> None:
    """Then all faces are compared, as before one was chosen."""
    assert visit.shown(0).face is None
    for number, chosen in (("0", 0), ("0", None), ("9", None), ("0", 0), ("9", 0)):
        visit.press(0, do="face", face=number)
        assert visit.shown(0).face == chosen
