"""The tab that finds a person among several: what is on it, and what each event does."""

import time
from dataclasses import dataclass
from typing import Any

import gradio as gr

from siamese import Pick, SiameseError, Verifier
from ui import words
from ui.api.routes import MAX_SUPPORT, SECONDS
from ui.html import about, cards, numbers, rankings
from ui.photo import Upload
from ui.server import forgetting
from ui.server.fields import PhotosInput, event_data
from ui.tabs import examples
from ui.tabs.components import Panel
from ui.tabs.options import follow, options, settling, working
from ui.tabs.photo_slot import PhotoSlot
from ui.visit import (
    Kept,
    Member,
    Problem,
    Shown,
    Support,
    explain_winner,
    gallery,
    look,
    new_members,
    winner,
)


@dataclass(frozen=True, slots=True)
class Now:
    """What is on the page, in the order in which Gradio hands it to an event."""

    query: Shown | None
    support: Support
    why: Kept
    point: str
    prior: float
    population: str


class PickTab:
    """Builds the tab inside the current Blocks."""

    def __init__(self, verifier: Verifier, minutes: int) -> None:
        """`minutes` is how long the photos of a visit are remembered."""
        self._verifier = verifier
        self._minutes = minutes
        self._support = gr.State(Support(), time_to_live=60 * minutes)
        self._why = gr.State(Kept(), time_to_live=60 * minutes)
        gr.HTML(about.lead(words.PICK_LEAD, words.CONSENT), apply_default_css=False)
        with gr.Row(elem_classes="photos"):
            self._query = PhotoSlot(verifier, "query", minutes)
            with gr.Column(min_width=280, elem_classes="place"):
                self._field = PhotosInput(
                    label=words.PEOPLE, file_count="multiple", height=300, elem_classes="field many"
                )
                self._people = Panel("", elem_classes="people")
        self._answer = Panel(self._waiting(), elem_classes="answer-panel")
        self.settings = options(verifier, "pick", words.NONE_PRIOR, words.NONE_PRIOR_INFO)
        self._wire()

    @property
    def outputs(self) -> list[Any]:
        """Everything that shows a visitor's photos or answers."""
        return [*self._query.outputs, self._support, self._why, *self._list, self._answer]

    def empty(self) -> list[Any]:
        """The values of `outputs` that show nothing."""
        nothing = Support()
        return [*self._query.show(None), nothing, Kept(), *self._listed(nothing), self._waiting()]

    def _waiting(self) -> str:
        """What stands in place of an answer before there are photos."""
        return cards.notice(words.WAITING_PICK, examples.picks())

    @property
    def _list(self) -> list[Any]:
        return [self._field, self._people]

    def _listed(self, support: Support) -> list[Any]:
        """The values of `_list` if it has changed; the field is small once photos are below it."""
        mark = support.unlisted()
        if not mark:
            return [gr.skip()] * 2
        field = gr.update(height=150 if support.members else 300)
        return [field, cards.members(support.members, mark)]

    def say_again(self, changed: Any) -> Any:
        """After this event say all of it in the language that the page has then."""
        shown = self._query.say_again(changed)
        inputs, outputs = self._settling
        return shown.then(self._list_again, inputs, outputs, **settling(self._answer))

    def _list_again(self, *shown: Any) -> list[Any]:
        Now(*shown).support.list_again()
        return self._settle_all(*shown)

    @property
    def _settling(self) -> tuple[list[Any], list[Any]]:
        """What `Now` is made of, and what `_settle_all` gives."""
        inputs = [self._query.state, self._support, self._why, *self.settings.controls]
        return inputs, [*self._list, self._answer]

    def _wire(self) -> None:
        """The list is sent with the answers, one at a time: an older one cannot come last."""
        inputs, outputs = self._settling
        for changed in self._query.wire(self._answer):
            changed.then(self._settle, inputs, self._answer, **settling(self._answer))
        self._field.upload(
            self._add,
            [self._field, self._support],
            [self._support, self._field, self._answer],
            **working(self._field),
        ).then(self._settle_all, inputs, outputs, **settling(self._answer))
        self._people.act(self._act, inputs, [self._support, *outputs], **settling(self._answer))
        self._answer.act(
            self._try,
            inputs,
            [*self._query.outputs, self._support, self._why, self._answer],
            # A second press would add the same people again.
            **{**working(self._answer), "trigger_mode": "once"},
        ).then(self._settle_all, inputs, outputs, **settling(self._answer))
        follow(self.settings.controls, self._settle, inputs, self._answer)

    def _add(
        self,
        uploads: list[Upload],
        support: Support,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 (Gradio's way to ask for it)
    ) -> list[Any]:
        """Take support photos in, a few at a time."""
        room = MAX_SUPPORT - len(support.members)
        if len(uploads) > room:
            gr.Warning(words.TOO_MANY.format(limit=MAX_SUPPORT))
            uploads = uploads[:room]
        until = time.monotonic() + SECONDS
        total = len(uploads)
        progress((0, total), desc=words.READING.say(number=min(1, total), count=total))
        added: tuple[Member, ...] = ()
        for found in new_members(self._verifier, uploads):
            added = (*added, *found)
            done = len(added)
            progress((done, total), desc=words.READING.say(number=done, count=total))
            if time.monotonic() > until:  # others are waiting
                gr.Warning(words.TOO_LONG.format(seconds=int(SECONDS)))
                break
            if forgetting.given_up():
                break
        if not support.add(self._verifier, added, MAX_SUPPORT):  # others have come meanwhile
            gr.Warning(words.TOO_MANY.format(limit=MAX_SUPPORT))
        return [support, gr.update(value=None), cards.comparing()]

    def _try(self, event: gr.EventData, *shown: Any) -> list[Any]:
        """An example was pressed, "Why?", or a proposal on who is who."""
        now, data = Now(*shown), event_data(event)
        support = now.support
        if data["do"] == "why":
            return [*self._query.keep(), support, self._explained(now), gr.skip()]
        if data["do"] != "example":
            self._group(support, data)
            return [*self._query.keep(), support, gr.skip(), cards.comparing()]
        photo, people = examples.pick(data["row"])
        query = look(self._verifier, photo)
        members = [m for found in new_members(self._verifier, people) for m in found]
        support.add(self._verifier, members, MAX_SUPPORT)
        return [*self._query.show(query), support, Kept(), cards.comparing()]

    def _explained(self, now: Now) -> Kept:
        """What speaks for and against whoever is named now."""
        try:
            found = self._picked(now)
        except SiameseError:  # the answer that follows says why
            found = None
        if found is None or now.query is None:
            return Kept()
        best = winner(found, now.support.members.values())
        return explain_winner(self._verifier, found, now.query, best)

    def _group(self, support: Support, data: dict[str, str]) -> None:
        """Join or part people as it was proposed; whatever has changed since is left alone."""
        members = support.members
        found = gallery(members.values(), self._verifier.origin.sha256)
        proposed = self._verifier.proposals(found)
        for people in proposed.merge:
            if data["do"] == "merge" and data["value"] == people[0]:
                support.join(people)
        person = data["value"]
        if data["do"] == "part" and person in proposed.part:
            keys = [
                key
                for key, member in members.items()
                if member.person == person and member.embedding is not None
            ]
            support.part(person, [[keys[row] for row in rows] for rows in proposed.part[person]])

    def _act(self, event: gr.EventData, *shown: Any) -> list[Any]:
        """A name was changed or a photo removed."""
        support, data = Now(*shown).support, event_data(event)
        if not support.members:
            gr.Info(words.EXPIRED.format(minutes=self._minutes))
        elif data["do"] == "rename":
            support.rename(data["member"], data["value"].strip()[:80], data["list"])
        elif data["do"] == "remove":
            support.remove(data["member"])
        # Given back though it is the same: from now on Gradio counts the time it is kept anew.
        return [support, *self._settle_all(*shown)]

    def _settle_all(self, *shown: Any) -> list[Any]:
        """The list and the answer for what is on the page now."""
        answer = self._settle(*shown)
        return [*self._listed(Now(*shown).support), answer]

    def _settle(self, *shown: Any) -> str:
        """The answer for what is on the page now, as HTML."""
        now = Now(*shown)
        query, members = now.query, now.support.members
        unused = cards.unused(members.values())
        if query is None and not members:
            return self._waiting()
        if query is None or query.sighting is None:
            waiting = words.WAITING_QUERY if query is None else words.WAITING_FACE
            return cards.notice(f"{waiting} {unused}".strip())
        try:
            found = self._picked(now)
        except SiameseError as error:
            return str(cards.problem(Problem.of(error)))
        if found is None:
            return cards.notice(unused or words.WAITING_PEOPLE)
        pictures: dict[str, str] = {}
        for member in members.values():
            if member.embedding is not None:
                pictures.setdefault(member.person, member.shown.picture)
        best = winner(found, members.values())
        reasons = now.why.of(query, best.seen) if best else None
        return rankings.pick(found, pictures, note=unused, why=reasons)

    def _picked(self, now: Now) -> Pick | None:
        """Who is in the photo; None where there is no face to look for, or nobody to choose from.

        Raises SiameseError as `Verifier.pick` does.
        """
        people = gallery(now.support.members.values(), self._verifier.origin.sha256)
        if now.query is None or now.query.sighting is None or not len(people):
            return None
        return self._verifier.pick(
            now.query.sighting,
            people,
            operating_point=now.point,
            none_prior=numbers.from_percent(now.prior),
            population=now.population,
            query_face=now.query.face,
        )
