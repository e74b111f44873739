"""Forgetting visits: their photos and answers leave the server's memory, and uploads the disk.

Gradio keeps the state of a closed page for an hour whatever time was asked for, and what the page
showed for as long as there is room; so the sessions are dropped here.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakValueDictionary

from gradio.context import LocalContext
from gradio.queueing import Event, Queue
from gradio.routes import App

from ui.server.store import Store

# The events, by id, that visitors asked for before they cleared their photos. Gradio can cancel
# events, but only the last one of each kind, and the network would work on beside the queue.
_given_up: WeakValueDictionary[str, Event] = WeakValueDictionary()

# Gradio calls a page closed when its connection breaks off, as that of a telephone in a tunnel
# does; so a visit stays a little, and a visitor who does anything meanwhile has not left.
GRACE = timedelta(seconds=60)
MOMENT = timedelta(seconds=1)  # in which Gradio itself looks at the visit once more
_left: dict[str, datetime] = {}


def forgetting(
    store: Store, seconds: float, every: float = 20.0
) -> Callable[[App], AbstractAsyncContextManager[None]]:
    """A lifespan of the server that drops, every so often, what is older than `seconds`.

    `store` has the uploads until they are read.
    """

    @asynccontextmanager
    async def lifespan(app: App) -> AsyncIterator[None]:
        async def run() -> None:
            finished: dict[str, float] = {}
            while True:
                await asyncio.sleep(every)
                await sweep(app, store, seconds)
                finished = drop_answers(app.get_blocks()._queue, finished, seconds)

        task = asyncio.create_task(run())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    return lifespan


async def sweep(app: App, store: Store, seconds: float) -> None:
    """Drop the visits that were last used, and the uploads that came, more than `seconds` ago."""
    now = datetime.now()
    for session, used in list(app.state_holder.time_last_used.items()):
        if (now - used).total_seconds() > seconds:
            drop(app, session)
    for session, since in list(_left.items()):
        used = app.state_holder.time_last_used.get(session, datetime.min)
        if used > since + MOMENT or now - since > GRACE:
            del _left[session]
            if used <= since + MOMENT:
                drop(app, session)
    left = {str(path) for path in await asyncio.to_thread(store.expire, seconds)}
    # Gradio remembers the names of all files that ever came.
    for names in app.get_blocks().temp_file_sets:
        names.intersection_update(left)


def drop_answers(queue: Queue, finished: dict[str, float], seconds: float) -> dict[str, float]:
    """Drop the answers that were fetched, and those that nobody fetched for so many `seconds`.

    Gradio keeps them until 2,000 others came. `finished` says since when each session that has
    nothing at work has been seen so; what it is now is returned.
    """
    now, still = time.monotonic(), {}
    for session, events in list(queue.pending_event_ids_session.items()):
        if events & queue.event_ids_to_events.keys():
            continue
        still[session] = finished.get(session, now)
        if not events or now - still[session] > seconds:
            queue.pending_event_ids_session.pop(session, None)
            queue.pending_messages_per_session.pop(session, None)
            del still[session]
    return still


def limit(app: App, most: int) -> None:
    """Drop the visits that were idle for longest until the photos of all have `most` bytes."""
    held = {
        session: sum(map(_bytes, list(state.state_data.values())))
        for session, state in list(app.state_holder.session_data.items())
    }
    total = sum(held.values())
    for session, size in held.items():  # in the order of their last use
        if total <= most:
            break
        drop(app, session)
        total -= size


def _bytes(value: Any) -> int:
    """How much a value of a visit's state holds of a photo's file."""
    return int(getattr(getattr(value, "photo", None), "num_bytes", 0))


def clear(app: App, session: str | None) -> None:
    """Drop a visit at the visitor's request; what was asked for before this event shows nothing."""
    events = list(app.get_blocks()._queue.event_ids_to_events.items())
    _given_up.update(
        (id_, event) for id_, event in events if event.session_hash == session and id_ != _here()
    )
    drop(app, session)


def given_up(event: str | None = None) -> bool:
    """Whether the visit was cleared after the event, by default the one at work here, was asked."""
    id_ = event or _here()
    return id_ is not None and id_ in _given_up


def _here() -> str | None:
    return LocalContext.event_id.get(None)


def leave(session: str | None) -> None:
    """The connection of a visit's page has ended: it is dropped soon, unless it is used again."""
    if session is not None:
        _left[session] = datetime.now()


def stay(session: str) -> None:
    """The connection of a visit's page is there again: it is not dropped for having ended."""
    _left.pop(session, None)


def drop(app: App, session: str | None) -> None:
    """Drop one visit: its state and the content of its page."""
    if session is not None:
        app.state_holder.session_data.pop(session, None)
        app.state_holder.time_last_used.pop(session, None)
