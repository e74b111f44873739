"""The tab that compares two photos: what is on it, and what each press of a button does."""

from typing import Any

import gradio as gr
import numpy as np

from siamese import SiameseError, Verifier
from ui import answers, cards, text
from ui.components import Panel
from ui.parts import event_data, options, photo_place, updates
from ui.photo import Upload
from ui.visit import PairVisit, Problem, Shown, look, search

ROLES = (text.FIRST, text.SECOND)


class VerifyTab:
    """Builds the tab inside the current Blocks."""

    def __init__(self, verifier: Verifier, minutes: int) -> None:
        """`minutes` is how long the photos of a visit are remembered."""
        self._verifier = verifier
        self._minutes = minutes
        self.visit = gr.State(None, time_to_live=60 * minutes)
        with gr.Row(elem_classes="photos"):
            self._places = [photo_place(role) for role in ROLES]
        self.answer = Panel(cards.notice(text.WAITING_PAIR), elem_classes="answer-panel")
        with gr.Accordion(text.OPTIONS, open=False):
            self.point, self.prior = options(verifier, text.PRIOR, text.PRIOR_INFO)
        self._wire()

    @property
    def outputs(self) -> list[Any]:
        """Everything that shows a visitor's photos or answers."""
        places = [part for place in self._places for part in (place.field, place.card)]
        return [self.visit, *places, self.answer]

    def empty(self) -> list[Any]:
        """The values of `outputs` that show nothing."""
        return self._show(PairVisit(), None, None)

    def _wire(self) -> None:
        settings = [self.visit, self.point, self.prior]
        for index, place in enumerate(self._places):
            place.field.input(
                self._adder(index), [place.field, *settings], self.outputs, **updates(place.field)
            )
            place.card.act(self._actor(index), settings, self.outputs, **updates(place.card))
        self.answer.act(self._on_answer, settings, self.outputs, **updates(self.answer))
        for control in (self.point.input, self.prior.release, self.prior.input):
            control(self._settle, settings, self.answer, **updates(self.answer, last=True))

    def _adder(self, index: int) -> Any:
        def add(
            upload: Upload | None, visit: PairVisit | None, point: str, prior: float
        ) -> list[Any]:
            visit = visit or PairVisit()
            if upload is not None:
                visit = visit.put(index, look(self._verifier, upload))
            return self._show(visit, point, prior)

        return add

    def _actor(self, index: int) -> Any:
        def act(
            visit: PairVisit | None, point: str, prior: float, event: gr.EventData
        ) -> list[Any]:
            shown = visit.photos[index] if visit else None
            if visit is None or shown is None:
                return self._expired()
            return self._show(visit.put(index, self._acted(shown, event_data(event))), point, prior)

        return act

    def _acted(self, shown: Shown, event: dict[str, str]) -> Shown | None:
        """A photo after one of its buttons was pressed; None takes it away."""
        if event["do"] == "face":
            return shown.choose(event["face"])
        if event["do"] == "more" and shown.photo is not None:
            return search(self._verifier, shown.with_more())
        return None

    def _on_answer(
        self, visit: PairVisit | None, point: str, prior: float, event: gr.EventData
    ) -> list[Any]:
        """All pairs were asked for, or one of them was chosen."""
        first, second = visit.photos if visit else (None, None)
        if visit is None or first is None or second is None:
            return self._expired()
        data = event_data(event)
        if data["do"] == "pair":
            photos = (first.choose(data["row"]), second.choose(data["column"]))
            return self._show(PairVisit(photos, matrix=True), point, prior)
        return self._show(PairVisit(visit.photos, matrix=True), point, prior)

    def _settle(self, visit: PairVisit | None, point: str, prior: float) -> str:
        return self._answer(visit or PairVisit(), point, prior)

    def _expired(self) -> list[Any]:
        gr.Info(text.EXPIRED.format(minutes=self._minutes))
        return self.empty()

    def _show(self, visit: PairVisit, point: str | None, prior: float | None) -> list[Any]:
        parts: list[Any] = [visit]
        for shown, role in zip(visit.photos, ROLES, strict=True):
            taken = shown is not None and bool(shown.picture)
            parts += [gr.update(value=None, visible=not taken), cards.photo(shown, role)]
        return [*parts, self._answer(visit, point, prior)]

    def _answer(self, visit: PairVisit, point: str | None, prior: float | None) -> str:
        first, second = visit.photos
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
                prior=(prior or 50) / 100,
                first_face=first.face,
                second_face=second.face,
            )
            matrix: np.ndarray | None = None
            if visit.matrix:
                matrix = self._verifier.all_pairs(first.sighting, second.sighting)
        except SiameseError as error:
            return str(cards.problem(Problem.of(error)))
        return answers.verification(found, self._verifier.rule, matrix)
