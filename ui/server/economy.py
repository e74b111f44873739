"""What Gradio does for every visitor and this page does not need, left undone.

With fifty visitors at once it was over a third of the server's time in Python; a server that
nobody visits took a twentieth of a core, and takes a seventieth.
"""

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import gradio as gr
from gradio import state_holder
from gradio.routes import App

POLL = 0.005  # seconds between two looks at the queue; Gradio has 0.001
TELL = 1.0  # seconds between two messages on the place in the queue; Gradio's come with each answer


class Session(state_holder.SessionState):
    """A session without the settings of all components, which are kept for deep links only."""

    def __init__(self, page: gr.Blocks) -> None:
        # The blocks whose settings are kept: none.
        super().__init__(SimpleNamespace(default_config=page.default_config, blocks=()))  # type: ignore[arg-type]

    def _update_config(self, key: int) -> None:
        """After an update of a component: nothing is kept."""

    def _update_value_in_config(self, key: int, value: Any) -> None:
        """After a new value: nothing is kept."""


@contextlib.contextmanager
def unserved() -> Iterator[None]:
    """Pages that are built inside are never served; Gradio makes two web applications for each."""
    create = App.create_app
    App.create_app = staticmethod(lambda *_, **__: None)  # type: ignore[assignment]
    try:
        yield
    finally:
        App.create_app = staticmethod(create)  # type: ignore[method-assign]


def install() -> None:
    """Let Gradio's sessions be these."""
    state_holder.SessionState = Session  # type: ignore[assignment, misc]


def queued(page: gr.Blocks, max_size: int) -> gr.Blocks:
    """The page with a queue for at most `max_size` requests, which looks and tells less often."""
    page.queue(status_update_rate=TELL, max_size=max_size)
    page._queue.sleep_when_free = POLL
    return page
