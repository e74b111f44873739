"""The tab that compares two photos: what is on it, and what each press of a button does."""

from datetime import UTC, datetime
from typing import Any

import gradio as gr

from siamese import SiameseError, Verification, Verifier
from ui import words
from ui.html import about, answers, cards, numbers, report
from ui.server.fields import event_data
from ui.tabs import examples
from ui.tabs.components import Panel
from ui.tabs.options import follow, options, settling, working
from ui.tabs.photo_slot import PhotoSlot
from ui.visit import Asked, Problem, Shown, all_pairs, current, explain, look


class VerifyTab:
    """Builds the tab inside the current Blocks."""

    def __init__(self, verifier: Verifier, minutes: int) -> None:
        """`minutes` is how long the photos of a visit are remembered."""
        self._verifier = verifier
        self._minutes = minutes
        gr.HTML(about.lead(words.VERIFY_LEAD, words.CONSENT), apply_default_css=False)
        with gr.Row(elem_classes="photos pair"):
            self._first = PhotoSlot(verifier, "first", minutes, all_count=True)
            self._second = PhotoSlot(verifier, "second", minutes, all_count=True)
        self._answer = Panel(self._waiting(), elem_classes="answer-panel")
        self._asked = gr.State(Asked(), time_to_live=60 * minutes)
        self.settings = options(verifier, "verify", words.PRIOR, words.PRIOR_INFO)
        self._wire()

    @property
    def outputs(self) -> list[Any]:
        """Everything that shows a visitor's photos or answers."""
        return [*self._first.outputs, *self._second.outputs, self._asked, self._answer]

    def empty(self) -> list[Any]:
        """The values of `outputs` that show nothing."""
        return [*self._first.show(None), *self._second.show(None), Asked(), self._waiting()]

    def _waiting(self) -> str:
        """What stands in place of an answer before there are photos."""
        return cards.notice(words.WAITING_PAIR, examples.pairs())

    def say_again(self, changed: Any) -> Any:
        """After this event say all of it in the language that the page has then."""
        shown = self._second.say_again(self._first.say_again(changed))
        return shown.then(self._settle_all, *self._settling, **settling(self._answer))

    @property
    def _settling(self) -> tuple[list[Any], list[Any]]:
        """What `_settle_all` takes and gives."""
        first, second = self._first, self._second
        inputs = [first.state, second.state, self._asked, *self.settings.controls]
        return inputs, [self._asked, first.card, second.card, self._answer]

    def _wire(self) -> None:
        first, second = self._first, self._second
        inputs, shown = self._settling
        seen = [first.state, second.state, self._asked]
        quietly = {**working(self._answer), "show_progress": "minimal"}
        acted = self._answer.act(self._act, seen, self.outputs, **quietly)
        photos = [place.wire(self._answer, [self._asked]) for place in (first, second)]
        for changed in (*photos[0], *photos[1], acted):
            changed.then(self._settle_all, inputs, shown, **settling(self._answer))
        follow(self.settings.controls, self._settle, inputs, self._answer)

    def _act(
        self,
        first: Shown | None,
        second: Shown | None,
        asked: Asked | None,
        event: gr.EventData,
    ) -> list[Any]:
        """A part of the answer was opened, or an example pressed."""
        data = event_data(event)
        asked = asked or Asked()
        if data["do"] == "example":
            shown = [look(self._verifier, upload) for upload in examples.pair(data["row"])]
            return self._with(shown[0], shown[1], Asked())
        if first is None or second is None:
            gr.Info(words.EXPIRED.format(minutes=self._minutes))
            return self.empty()
        if data["do"] == "pair":
            asked = all_pairs(self._verifier, asked, first, second)  # one can choose another
            first, second = first.choose(data["row"]), second.choose(data["column"])
            return self._with(first, second, asked)
        if data["do"] == "why":
            asked = explain(self._verifier, asked, first, second)
        elif data["do"] == "matrix":
            asked = all_pairs(self._verifier, asked, first, second)
        return [*self._first.keep(), *self._second.keep(), asked, gr.skip()]

    def _with(self, first: Shown, second: Shown, asked: Asked) -> list[Any]:
        """Other photos or faces; no answer until there is one to them."""
        comparing = cards.comparing()
        return [*self._first.show(first), *self._second.show(second), asked, comparing]

    def _settle_all(
        self,
        first: Shown | None,
        second: Shown | None,
        asked: Asked | None,
        *chosen: Any,
    ) -> list[Any]:
        """What is about these photos; they, if the answer chose among faces; the answer."""
        asked = current(first, second, asked)
        answer, found = self._answered(first, second, asked, *chosen)
        if found is None or len(found.first.faces) * len(found.second.faces) < 2:
            return [asked, gr.skip(), gr.skip(), answer]
        places, photos = (self._first, self._second), (first, second)
        looks = [
            place.look(shown, seen.chosen)
            for place, shown, seen in zip(places, photos, found.photos, strict=True)
        ]
        return [asked, *looks, answer]

    def _settle(
        self,
        first: Shown | None,
        second: Shown | None,
        asked: Asked | None,
        *chosen: Any,
    ) -> str:
        """The answer for what is on the page now, as HTML."""
        return self._answered(first, second, asked, *chosen)[0]

    def _answered(
        self,
        first: Shown | None,
        second: Shown | None,
        asked: Asked | None,
        *chosen: Any,
    ) -> tuple[str, Verification | None]:
        """The same, and the answer itself, if there is one."""
        if first is None and second is None:
            return self._waiting(), None
        if first is None or second is None:
            return cards.notice(words.WAITING_SECOND), None
        if first.sighting is None or second.sighting is None:
            return cards.notice(words.WAITING_USABLE), None
        asked = asked or Asked()
        point, prior, population = chosen
        try:
            found = self._verifier.verify(
                first.sighting,
                second.sighting,
                operating_point=point,
                prior=numbers.from_percent(prior),
                population=population,
                first_face=first.face,
                second_face=second.face,
            )
        except SiameseError as error:
            return str(cards.problem(Problem.of(error))), None
        pairs = asked.pairs.of(first.sighting, second.sighting)
        why = asked.why.of(first, second)
        today, hashes = datetime.now(UTC).date(), (first.sha256, second.sha256)
        kept = report.verification(found, why, hashes, today)
        return answers.verification(found, self._verifier.rule, pairs, why, kept), found
