"""The tab for any class of picture: draw a character, and see which of an alphabet it is."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import gradio as gr

from siamese import Gallery, ImageError, SiameseError, Verifier
from ui import words
from ui.html import about, cards, numbers, rankings
from ui.html.sketch import SIDE, Sketch, mark, sheet
from ui.html.templates import macros
from ui.photo import take
from ui.server.fields import event_data
from ui.tabs import alphabets
from ui.tabs.components import Panel
from ui.tabs.options import follow, options, settling
from ui.visit import Problem

ANY_PRIOR = 5  # per cent: as much as for each of the twenty characters
MAX_DRAWING = 400_000  # characters of a data URL; a drawing of ours has a tenth of it
_HTML = macros("drawings")


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is on the sheet: a data URL, "" for nothing; what made it so.

    The page counts its changes upwards; one that was overtaken on its way is no longer true, nor is
    one of a sheet that was taken away. "" is the sheet that the page came with.
    """

    picture: str = ""
    number: int = 0
    sheet: str = ""


class AnyTab:
    """Builds the tab inside the current Blocks. `verifier` compares drawings."""

    def __init__(self, verifier: Verifier, minutes: int) -> None:
        """`minutes` is how long the drawing of a visit is remembered."""
        self._verifier = verifier
        self._alphabets = alphabets.read()
        first = next(iter(self._alphabets))
        self._drawing = gr.State(Drawing(), time_to_live=60 * minutes)
        gr.HTML(about.lead(words.ANY_LEAD), apply_default_css=False)
        # The style sheet lays these out: the answer beside the sheet, or above it on a phone.
        with gr.Column(elem_classes="drawing"):
            self._alphabet = gr.Radio(
                list(self._alphabets),
                value=first,
                label=words.ALPHABET,
                buttons=[],
                elem_classes="alphabet",
            )
            self._support = Panel(self._shown(first), elem_classes="support")
            self._answer = Panel(cards.notice(words.WAITING_DRAWING), elem_classes="answer-panel")
            self._sketch = Sketch(elem_classes="sketch")
            self.settings = options(
                verifier, "any", words.ANY_NONE_PRIOR, words.ANY_NONE_PRIOR_INFO, ANY_PRIOR
            )
        self._wire()

    @cached_property
    def _galleries(self) -> dict[str, Gallery]:
        """The characters of each alphabet, embedded once, with the first answer."""
        return {
            name: self._verifier.gallery({one.name: one.support for one in characters})[0]
            for name, characters in self._alphabets.items()
        }

    @property
    def outputs(self) -> list[Any]:
        """Everything that shows a visitor's drawing or answers."""
        return [self._drawing, self._sketch, self._answer]

    def empty(self) -> list[Any]:
        """The values of `outputs` that show nothing."""
        fresh = mark()
        return [Drawing(sheet=fresh), sheet(fresh), cards.notice(words.WAITING_DRAWING)]

    def say_again(self, changed: Any) -> Any:
        """After this event say all of it in the language that the page has then."""
        inputs = self._settling
        outputs = [self._sketch, self._drawing, self._support, self._answer]
        return changed.then(self._again, inputs, outputs, **settling(self._answer))

    def _again(self, old: Drawing | None, alphabet: str, point: str, prior: float) -> list[Any]:
        """The same drawing on a fresh sheet, the characters and the answer."""
        drawing = replace(old or Drawing(), sheet=mark())
        return [
            sheet(drawing.sheet, drawing.picture),
            drawing,
            self._shown(alphabet),
            self._settle(drawing, alphabet, point, prior),
        ]

    @property
    def _settling(self) -> list[Any]:
        """What `_settle` takes."""
        return [self._drawing, self._alphabet, self.settings.point, self.settings.prior]

    def _wire(self) -> None:
        """Every event brings its own answer, in the order of the queue."""
        inputs = self._settling
        how = {**settling(self._answer), "show_progress": "hidden"}
        drawn = [self._drawing, self._answer]
        self._sketch.act(self._draw, inputs, drawn, **how)
        self._support.act(self._show, inputs, [self._sketch, *drawn], **how)
        self._alphabet.input(self._turn_to, inputs, [self._support, self._answer], **how)
        follow(inputs[2:], self._settle, inputs, self._answer)

    def _shown(self, alphabet: str) -> str:
        """The characters of an alphabet, to be looked at and pressed."""
        return str(_HTML.characters(alphabet, self._alphabets[alphabet]))

    def _draw(
        self, old: Drawing | None, alphabet: str, point: str, prior: float, event: gr.EventData
    ) -> list[Any]:
        """A stroke was finished or taken back."""
        data = event_data(event)
        said = data["number"]
        number = int(said) if said.isdecimal() and len(said) < 16 else 0
        old = old or Drawing()
        if number < old.number or old.sheet not in ("", data["sheet"]):
            return [gr.skip()] * 2
        picture = data["value"] if len(data["value"]) <= MAX_DRAWING else ""
        drawing = Drawing(picture, number, old.sheet)
        return [drawing, self._settle(drawing, alphabet, point, prior)]

    def _show(
        self, old: Drawing | None, alphabet: str, point: str, prior: float, event: gr.EventData
    ) -> list[Any]:
        """A character was pressed: another hand's drawing of it comes onto the sheet."""
        characters = self._alphabets[alphabet]
        row = event_data(event)["row"]
        if not (row.isdecimal() and len(row) < 4 and int(row) < len(characters)):
            return [gr.skip()] * 3
        picture = alphabets.url(characters[int(row)].other_hand)
        drawing = Drawing(picture, old.number if old else 0, mark())
        return [
            sheet(drawing.sheet, picture),
            drawing,
            self._settle(drawing, alphabet, point, prior),
        ]

    def _turn_to(
        self, drawing: Drawing | None, alphabet: str, point: str, prior: float
    ) -> tuple[str, str]:
        """Another alphabet was chosen."""
        return self._shown(alphabet), self._settle(drawing, alphabet, point, prior)

    def _settle(self, drawing: Drawing | None, alphabet: str, point: str, prior: float) -> str:
        """The answer for what is on the page now, as HTML."""
        if drawing is None or not drawing.picture:
            return cards.notice(words.WAITING_DRAWING)
        characters = self._alphabets[alphabet]
        try:
            query = self._verifier.load(take(drawing.picture).content, words.YOUR_DRAWING)
            if max(query.size) > SIDE:
                raise ImageError(words.NO_DRAWING)
            found = self._verifier.pick(
                self._verifier.find(query),
                self._galleries[alphabet],
                operating_point=point,
                none_prior=numbers.from_percent(prior),
            )
        except SiameseError as error:
            return str(cards.problem(Problem.of(error)))
        pictures = {character.name: character.picture for character in characters}
        return rankings.pick(found, pictures, people=False)
