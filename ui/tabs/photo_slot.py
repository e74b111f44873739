"""A place on the page for one photo: the field that takes it, and the card that then shows it."""

from collections.abc import Sequence
from typing import Any

import gradio as gr

from siamese import Verifier
from ui import words
from ui.html import cards
from ui.photo import Upload
from ui.server.fields import PhotoInput, event_data
from ui.tabs.components import Panel
from ui.tabs.options import working
from ui.visit import Shown, look, search


class PhotoSlot:
    """Builds the place inside the current Blocks. `state` holds a `Shown`, or None when empty.

    Each place has a state of its own, so that two photos that arrive together do not undo each
    other.
    """

    def __init__(
        self, verifier: Verifier, role: str, minutes: int, all_count: bool = False
    ) -> None:
        """`role` is what the photo is to people, by its name; it is remembered for `minutes`.

        `all_count`: several faces are all compared until one is chosen.
        """
        self._verifier = verifier
        self._all_count = all_count
        self._role = role
        self._minutes = minutes
        self._about: Sequence[gr.State] = ()
        self.state = gr.State(None, time_to_live=60 * minutes)
        with gr.Column(min_width=280, elem_classes="place"):
            self.field = PhotoInput(
                label=words.ROLES[role],
                placeholder=words.DROP,
                height=300,
                buttons=[],
                elem_classes="field",
            )
            self.card = Panel("", elem_classes="card")

    @property
    def outputs(self) -> list[Any]:
        """What shows the photo."""
        return [self.state, self.field, self.card]

    def show(self, shown: Shown | None) -> list[Any]:
        """The values of `outputs` for a photo, or for none."""
        taken = shown is not None and bool(shown.picture)
        return [shown, gr.update(value=None, visible=not taken), self.look(shown)]

    def look(self, shown: Shown | None, face: int | None = None) -> str:
        """The card of a photo, with another face (from 0) marked than its own choice."""
        return cards.photo(shown, words.ROLES[self._role], self._all_count, face)

    def keep(self) -> list[Any]:
        """The values of `outputs` that change nothing."""
        return [gr.skip()] * 3

    def wire(self, answer: Panel, about: Sequence[gr.State] = ()) -> list[Any]:
        """Follow the visitor: the photo changes and the answer goes.

        The states in `about` hold more that was found in the photo; they become None when it goes.
        Returns the events after which there is to be a new answer.
        """
        self._about = about
        outputs = [*self.outputs, answer, *about]
        return [
            self.field.input(self._add, [self.field], outputs, **working(self.field)),
            self.card.act(self._act, [self.state], outputs, **working(self.card)),
        ]

    def say_again(self, changed: Any) -> Any:
        """After this event show the photo in the language that the page has then."""
        return changed.then(self.look, [self.state], self.card, **working(self.card))

    def _add(self, upload: Upload | None) -> list[Any]:
        if upload is None:
            return [*self.keep(), gr.skip(), *self._keep_about()]
        return self._other(look(self._verifier, upload))

    def _act(self, shown: Shown | None, event: gr.EventData) -> list[Any]:
        """A button of the card was pressed."""
        data = event_data(event)
        if shown is None:
            gr.Info(words.EXPIRED.format(minutes=self._minutes))
        elif data["do"] == "face":
            chosen = shown.toggle(data["face"])
            return [*self.show(chosen), cards.comparing(), *self._keep_about()]
        elif data["do"] == "more" and shown.photo is not None:
            return self._other(search(self._verifier, shown.with_more()))
        return self._other(None)

    def _other(self, shown: Shown | None) -> list[Any]:
        """Another photo, none, or another search: what was found before is let go."""
        return [*self.show(shown), cards.comparing(), *[None] * len(self._about)]

    def _keep_about(self) -> list[Any]:
        return [gr.skip()] * len(self._about)
