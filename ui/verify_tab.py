"""The tab that compares two photos: what is on it, and what each press of a button does."""

from typing import Any

import gradio as gr

from siamese import SiameseError, Verifier
from ui import answers, cards, text
from ui.components import Panel
from ui.parts import event_data, follow, options, settling, working
from ui.places import PhotoPlace
from ui.visit import Problem, Shown


class VerifyTab:
    """Builds the tab inside the current Blocks."""

    def __init__(self, verifier: Verifier, minutes: int) -> None:
        """`minutes` is how long the photos of a visit are remembered."""
        self._verifier = verifier
        with gr.Row(elem_classes="photos"):
            self._first = PhotoPlace(verifier, text.FIRST, minutes)
            self._second = PhotoPlace(verifier, text.SECOND, minutes)
        self._answer = Panel(cards.notice(text.WAITING_PAIR), elem_classes="answer-panel")
        self._matrix = gr.State(False, time_to_live=60 * minutes)
        self._point, self._prior = options(verifier, text.PRIOR, text.PRIOR_INFO)
        self._wire()

    @property
    def outputs(self) -> list[Any]:
        """Everything that shows a visitor's photos or answers."""
        return [*self._first.outputs, *self._second.outputs, self._matrix, self._answer]

    def empty(self) -> list[Any]:
        """The values of `outputs` that show nothing."""
        return [
            *self._first.show(None),
            *self._second.show(None),
            False,
            cards.notice(text.WAITING_PAIR),
        ]

    def _wire(self) -> None:
        first, second = self._first, self._second
        inputs = [first.state, second.state, self._matrix, self._point, self._prior]
        for place in (first, second):
            place.wire(self._answer, self._settle, inputs)
        chosen = [self._matrix, first.state, first.card, second.state, second.card]
        self._answer.act(
            self._choose_pair, [first.state, second.state], chosen, **working(self._answer)
        ).then(self._settle, inputs, self._answer, **settling(self._answer))
        follow([self._point, self._prior], self._settle, inputs, self._answer)

    def _choose_pair(
        self, first: Shown | None, second: Shown | None, event: gr.EventData
    ) -> list[Any]:
        """All pairs of faces were asked for, or one of them was chosen."""
        data = event_data(event)
        if first is None or second is None or data["do"] != "pair":
            return [True, *[gr.skip()] * 4]
        first, second = first.choose(data["row"]), second.choose(data["column"])
        return [
            True,
            first,
            cards.photo(first, text.FIRST),
            second,
            cards.photo(second, text.SECOND),
        ]

    def _settle(
        self, first: Shown | None, second: Shown | None, matrix: bool, point: str, prior: float
    ) -> str:
        """The answer for what is on the page now, as HTML."""
        if first is None or second is None:
            one = first or second
            return cards.notice(text.WAITING_SECOND if one else text.WAITING_PAIR)
        if first.sighting is None or second.sighting is None:
            return cards.notice(text.WAITING_USABLE)
        try:
            found = self._verifier.verify(
                first.sighting,
                second.sighting,
                operating_point=point,
                prior=prior / 100,
                first_face=first.face,
                second_face=second.face,
            )
            pairs = self._verifier.all_pairs(first.sighting, second.sighting) if matrix else None
        except SiameseError as error:
            return str(cards.problem(Problem.of(error)))
        return answers.verification(found, self._verifier.rule, pairs)
