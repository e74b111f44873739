"""The tab that finds a person among several: what is on it, and what each event does."""

import time
from typing import Any

import gradio as gr

from siamese import SiameseError, Verifier
from ui import cards, examples, rankings, text
from ui.api import MAX_SUPPORT, SECONDS
from ui.components import Panel, PhotosInput
from ui.parts import event_data, follow, options, settling, working
from ui.photo import Upload
from ui.places import PhotoPlace
from ui.visit import Member, Problem, Shown, gallery, look, new_members, remove, rename

Members = tuple[Member, ...]


class PickTab:
    """Builds the tab inside the current Blocks."""

    def __init__(self, verifier: Verifier, minutes: int) -> None:
        """`minutes` is how long the photos of a visit are remembered."""
        self._verifier = verifier
        self._minutes = minutes
        self._waiting = cards.notice(text.WAITING_PICK, examples.pick())
        self._members = gr.State((), time_to_live=60 * minutes)
        with gr.Row(elem_classes="photos"):
            self._query = PhotoPlace(verifier, text.QUERY, minutes)
            with gr.Column(min_width=280, elem_classes="place"):
                self._field = PhotosInput(
                    label=text.PEOPLE, file_count="multiple", height=300, elem_classes="field many"
                )
                self._people = Panel("", elem_classes="people")
        self._answer = Panel(self._waiting, elem_classes="answer-panel")
        self._point, self._prior = options(verifier, text.NONE_PRIOR, text.NONE_PRIOR_INFO)
        self._wire()

    @property
    def outputs(self) -> list[Any]:
        """Everything that shows a visitor's photos or answers."""
        return [*self._query.outputs, *self._support, self._answer]

    def empty(self) -> list[Any]:
        """The values of `outputs` that show nothing."""
        return [*self._query.show(None), *self._show(()), self._waiting]

    @property
    def _support(self) -> list[Any]:
        return [self._members, self._field, self._people]

    def _show(self, members: Members) -> list[Any]:
        """The values of `_support`; the field is small once there are photos below it."""
        field = gr.update(value=None, height=150 if members else 300)
        return [members, field, cards.members(members)]

    def _wire(self) -> None:
        inputs = [self._query.state, self._members, self._point, self._prior]
        self._query.wire(self._answer, self._settle, inputs)
        outputs = [*self._support, self._answer]
        self._field.upload(
            self._add, [self._field, self._members], outputs, **working(self._field, self._people)
        ).then(self._settle, inputs, self._answer, **settling(self._answer))
        self._people.act(self._act, [self._members], outputs, **working(self._people)).then(
            self._settle, inputs, self._answer, **settling(self._answer)
        )
        self._answer.act(self._try, None, self.outputs, **working(self._answer)).then(
            self._settle, inputs, self._answer, **settling(self._answer)
        )
        follow([self._point, self._prior], self._settle, inputs, self._answer)

    def _add(
        self,
        uploads: list[Upload],
        members: Members | None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 (Gradio's way to ask for it)
    ) -> list[Any]:
        """Take support photos in, a few at a time."""
        members = members or ()
        room = MAX_SUPPORT - len(members)
        if len(uploads) > room:
            gr.Warning(text.TOO_MANY.format(limit=MAX_SUPPORT))
            uploads = uploads[:room]
        until = time.monotonic() + SECONDS
        total = len(uploads)
        progress((0, total), desc=text.READING.format(number=min(1, total), total=total))
        added: Members = ()
        for found in new_members(self._verifier, uploads):
            added = (*added, *found)
            done = len(added)
            progress((done, total), desc=text.READING.format(number=done, total=total))
            if time.monotonic() > until:  # others are waiting
                gr.Warning(text.TOO_LONG.format(seconds=int(SECONDS)))
                break
        return [*self._show((*members, *added)), cards.notice(text.COMPARING)]

    def _try(self) -> list[Any]:
        """The example was pressed; the answer has no other button that asks the server."""
        query = look(self._verifier, examples.upload(examples.QUERY))
        people = [examples.upload(name) for name in examples.PEOPLE]
        members = tuple(m for found in new_members(self._verifier, people) for m in found)
        return [*self._query.show(query), *self._show(members), cards.notice(text.COMPARING)]

    def _act(self, members: Members | None, event: gr.EventData) -> list[Any]:
        """A name was changed or a photo removed."""
        if not members:
            gr.Info(text.EXPIRED.format(minutes=self._minutes))
            return [*self._show(()), cards.notice(text.COMPARING)]
        data = event_data(event)
        row = int(data["row"]) if data["row"].isdecimal() else -1
        if data["do"] == "rename":
            person = data["value"].strip()[:80]
            members = rename(members, row, person)
            if person == data["value"]:
                # It stands in its field already, and the list of 200 photos is long to send.
                return [members, gr.skip(), gr.skip(), cards.notice(text.COMPARING)]
        elif data["do"] == "remove":
            members = remove(members, row)
        return [*self._show(members), cards.notice(text.COMPARING)]

    def _settle(
        self, query: Shown | None, members: Members | None, point: str, prior: float
    ) -> str:
        """The answer for what is on the page now, as HTML."""
        people = gallery(members or (), self._verifier.origin.sha256)
        if query is None:
            return cards.notice(text.WAITING_QUERY) if members else self._waiting
        if query.sighting is None:
            return cards.notice(text.WAITING_FACE)
        if not len(people):
            return cards.notice(text.WAITING_PEOPLE)
        try:
            found = self._verifier.pick(
                query.sighting,
                people,
                operating_point=point,
                none_prior=prior / 100,
                query_face=query.face,
            )
        except SiameseError as error:
            return str(cards.problem(Problem.of(error)))
        pictures: dict[str, str] = {}
        for member in members or ():
            if member.embedding is not None:
                pictures.setdefault(member.person, member.shown.picture)
        return rankings.pick(found, pictures)
