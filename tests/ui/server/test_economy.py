"""What a session costs, and how often the queue is looked at."""

import asyncio

import gradio as gr
import pytest

from tests import coroutines
from ui.server import economy


@pytest.fixture
def page() -> gr.Blocks:
    with gr.Blocks() as page:
        gr.HTML("a")
        gr.State([1])
    return page


def test_a_session_makes_no_settings(page: gr.Blocks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gr.HTML, "get_config", lambda *_: pytest.fail("settings were made"))
    session = economy.Session(page)
    shown, state = page.blocks.values()
    assert session[shown._id] is shown and session[state._id] == [1]
    session._update_value_in_config(shown._id, "b")
    session[state._id] = [2]
    assert economy.Session(page)[state._id] == [1] and session[state._id] == [2]


def test_an_idle_queue_is_looked_at_less_often(page: gr.Blocks) -> None:
    """Gradio looks every millisecond; a slow machine only makes it fewer times."""
    queue = economy.queued(page, 3)._queue
    looks = []

    class Empty(dict):
        def values(self):  # type: ignore[no-untyped-def]
            looks.append(1)
            return super().values()

    queue.event_queue_per_concurrency_id = Empty()

    async def wait() -> None:
        task = asyncio.ensure_future(queue.start_processing())
        await asyncio.sleep(0.5)
        queue.stopped = True
        await task

    coroutines.run(wait())
    assert 1 <= len(looks) <= 0.5 / economy.POLL
