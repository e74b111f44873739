"""The tab that finds a person among several: what is on it, and what each event does."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from siamese import SiameseError, Verifier
from ui import answers, cards, text
from ui.api import MAX_SUPPORT
from ui.components import Panel, PhotosInput
from ui.parts import event_data, options, photo_place, updates
from ui.photo import Upload
from ui.visit import PickVisit, Problem, Shown, add_members, look, search


class PickTab:
    """Builds the tab inside the current Blocks."""

    def __init__(self, verifier: Verifier, minutes: int) -> None:
        """`minutes` is how long the photos of a visit are remembered."""
        self._verifier = verifier
        self._minutes = minutes
        self.visit = gr.State(None, time_to_live=60 * minutes)
        with gr.Row(elem_classes="photos"):
            self._query = photo_place(text.QUERY)
            with gr.Column(min_width=280, elem_classes="place"):
                self._field = PhotosInput(
                    label=text.PEOPLE, file_count="multiple", height=300, elem_classes="field many"
                )
                self._people = Panel("", elem_classes="people")
        self.answer = Panel(cards.notice(text.WAITING_PICK), elem_classes="answer-panel")
        with gr.Accordion(text.OPTIONS, open=False):
            self.point, self.prior = options(verifier, text.NONE_PRIOR, text.NONE_PRIOR_INFO)
        self._wire()

    @property
    def outputs(self) -> list[Any]:
        """Everything that shows a visitor's photos or answers."""
        return [
            self.visit,
            self._query.field,
            self._query.card,
            self._field,
            self._people,
            self.answer,
        ]

    def empty(self) -> list[Any]:
        """The values of `outputs` that show nothing."""
        return self._show(PickVisit(), None, None)

    def _wire(self) -> None:
        settings = [self.visit, self.point, self.prior]
        field, card = self._query.field, self._query.card
        field.input(self._ask, [field, *settings], self.outputs, **updates(field))
        card.act(self._on_query, settings, self.outputs, **updates(card))
        self._field.upload(
            self._add, [self._field, *settings], self.outputs, **updates(self._field)
        )
        self._people.act(self._on_people, settings, self.outputs, **updates(self.answer))
        for control in (self.point.input, self.prior.release, self.prior.input):
            control(self._settle, settings, self.answer, **updates(self.answer, last=True))

    def _ask(
        self, upload: Upload | None, visit: PickVisit | None, point: str, prior: float
    ) -> list[Any]:
        visit = visit or PickVisit()
        if upload is not None:
            visit = replace(visit, query=look(self._verifier, upload))
        return self._show(visit, point, prior)

    def _add(
        self,
        uploads: list[Upload],
        visit: PickVisit | None,
        point: str,
        prior: float,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 (Gradio's way to ask for it)
    ) -> Iterator[list[Any]]:
        """Take support photos in, a few at a time, and answer once all are there."""
        visit = visit or PickVisit()
        room = MAX_SUPPORT - len(visit.members)
        if len(uploads) > room:
            gr.Warning(text.TOO_MANY.format(limit=MAX_SUPPORT))
            uploads = uploads[:room]
        before = len(visit.members)
        progress((0, len(uploads)), desc=text.READING.format(number=1, total=len(uploads)))
        for found in add_members(self._verifier, uploads):
            visit = replace(visit, members=(*visit.members, *found))
            done = len(visit.members) - before
            progress(
                (done, len(uploads)), desc=text.READING.format(number=done, total=len(uploads))
            )
        yield self._show(visit, point, prior)

    def _on_query(
        self, visit: PickVisit | None, point: str, prior: float, event: gr.EventData
    ) -> list[Any]:
        if visit is None or visit.query is None:
            return self._expired()
        query = self._acted(visit.query, event_data(event))
        return self._show(replace(visit, query=query), point, prior)

    def _acted(self, shown: Shown, event: dict[str, str]) -> Shown | None:
        """The query after one of its buttons was pressed; None takes it away."""
        if event["do"] == "face":
            return shown.choose(event["face"])
        if event["do"] == "more" and shown.photo is not None:
            return search(self._verifier, shown.with_more())
        return None

    def _on_people(
        self, visit: PickVisit | None, point: str, prior: float, event: gr.EventData
    ) -> list[Any]:
        """A name was changed or a photo removed."""
        if visit is None:
            return self._expired()
        data = event_data(event)
        row = int(data["row"]) if data["row"].isdecimal() else -1
        if data["do"] == "rename":
            visit = visit.rename(row, data["value"].strip()[:80])
        elif data["do"] == "remove":
            visit = visit.remove(row)
        return self._show(visit, point, prior)

    def _settle(self, visit: PickVisit | None, point: str, prior: float) -> str:
        return self._answer(visit or PickVisit(), point, prior)

    def _expired(self) -> list[Any]:
        gr.Info(text.EXPIRED.format(minutes=self._minutes))
        return self.empty()

    def _show(self, visit: PickVisit, point: str | None, prior: float | None) -> list[Any]:
        taken = visit.query is not None and bool(visit.query.picture)
        return [
            visit,
            gr.update(value=None, visible=not taken),
            cards.photo(visit.query, text.QUERY),
            None,
            cards.members(visit),
            self._answer(visit, point, prior),
        ]

    def _answer(self, visit: PickVisit, point: str | None, prior: float | None) -> str:
        gallery = visit.gallery(self._verifier.origin.sha256)
        if visit.query is None:
            return cards.notice(text.WAITING_QUERY if visit.members else text.WAITING_PICK)
        if visit.query.sighting is None:
            return cards.notice(text.WAITING_FACE)
        if not len(gallery):
            return cards.notice(text.WAITING_PEOPLE)
        try:
            found = self._verifier.pick(
                visit.query.sighting,
                gallery,
                operating_point=point,
                none_prior=(prior or 50) / 100,
                query_face=visit.query.face,
            )
        except SiameseError as error:
            return str(cards.problem(Problem.of(error)))
        pictures: dict[str, str] = {}
        for member in visit.members:
            if member.embedding is not None:
                pictures.setdefault(member.person, member.shown.picture)
        return answers.pick(found, pictures)
