"""Forgetting visits: their photos and answers leave the server's memory, and uploads the disk.

Gradio keeps the state of a closed page for an hour whatever time was asked for, and what the page
showed for as long as there is room; so the sessions are dropped here.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from pathlib import Path

from gradio.routes import App


def forgetting(
    uploads: Path, seconds: float, every: float = 20.0
) -> Callable[[App], AbstractAsyncContextManager[None]]:
    """A lifespan of the server that drops, every so often, what is older than `seconds`.

    `uploads` is the folder in which uploads lie until they are read.
    """

    @asynccontextmanager
    async def lifespan(app: App) -> AsyncIterator[None]:
        async def run() -> None:
            while True:
                await asyncio.sleep(every)
                sweep(app, uploads, seconds)

        task = asyncio.create_task(run())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    return lifespan


def sweep(app: App, uploads: Path, seconds: float) -> None:
    """Drop the visits that were last used, and the uploads that came, more than `seconds` ago."""
    now = datetime.now()
    for session, used in list(app.state_holder.time_last_used.items()):
        if (now - used).total_seconds() > seconds:
            drop(app, session)
    for path in uploads.glob("*/*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > seconds:
                path.unlink()
    for folder in uploads.glob("*/"):
        with contextlib.suppress(OSError):
            folder.rmdir()  # fails, as it should, where something is in it


def drop(app: App, session: str | None) -> None:
    """Drop one visit: its state and the content of its page."""
    if session is not None:
        app.state_holder.session_data.pop(session, None)
        app.state_holder.time_last_used.pop(session, None)
