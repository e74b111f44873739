"""Streams of answers outlive the connection that they go over.

Gradio cancels what a visitor waits for as soon as the connection breaks off, as that of a telephone
in a tunnel does, and its page loads anew, without the photos. Here the stream goes on for a moment,
and a page that comes back (`html/network.html`) gets it from where it broke off.
"""

import asyncio
import contextlib
from urllib.parse import parse_qs

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.server import forgetting

STREAM = "/gradio_api/queue/data"
HEARTBEAT = "/gradio_api/heartbeat/"
MOST = 32 * 2**20  # bytes of one stream that are kept
GRACE = forgetting.GRACE.total_seconds()


class Resuming:
    """ASGI middleware: `from` in the address says how many bytes of the stream have arrived.

    `stream` is its name among those of the visit, the last of which is kept: so one of which
    nothing has arrived is told from the next one. Two at once would share the visit's messages.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._streams: dict[str, Stream] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on; but a stream by what is kept of it."""
        path = str(scope.get("path", ""))
        _, heartbeat, session = path.partition(HEARTBEAT)
        if heartbeat:
            forgetting.stay(session)
        if not path.endswith(STREAM):
            return await self._app(scope, receive, send)
        query = parse_qs(scope["query_string"].decode("latin-1"))
        session, name = (query.get(key, [""])[-1] for key in ("session_hash", "stream"))
        told = query.get("from", ["0"])[-1]
        arrived = int(told) if told.isdecimal() and len(told) < 12 else 0
        stream = self._streams.get(session)
        if stream and stream.name != name:
            stream = None
        if not arrived and not (stream and name):
            stream = self._streams[session] = Stream(self._app, scope, name)
        if not (stream and stream.has(arrived)):
            return await Response(status_code=404)(scope, receive, send)
        try:
            await stream.tell(arrived, receive, send)
        finally:
            asyncio.get_running_loop().call_later(GRACE, self._drop, session, stream)

    def _drop(self, session: str, stream: "Stream") -> None:
        """Nobody has come back for this stream, or is still there."""
        if stream.heard:
            return
        stream.leave()
        if self._streams.get(session) is stream:
            del self._streams[session]


class Stream:
    """One answer of the app that goes on whoever listens, and what it has said so far."""

    def __init__(self, app: ASGIApp, scope: Scope, name: str) -> None:
        self.name = name
        self.heard = 0  # by so many connections
        self._start: Message | None = None
        self._said = bytearray()
        self._dropped = 0  # bytes before those
        self._over = False
        self._error: Exception | None = None
        self._changed = asyncio.Condition()
        self._left = asyncio.Event()
        self._work = asyncio.create_task(self._run(app, scope))

    def has(self, arrived: int) -> bool:
        """Whether it can go on after so many bytes."""
        return self._dropped <= arrived <= self._dropped + len(self._said)

    def leave(self) -> None:
        """The app hears that the visitor has gone."""
        self._left.set()

    async def tell(self, arrived: int, receive: Receive, send: Send) -> None:
        """Send what comes after so many bytes, until it is over or this connection is."""
        self.heard += 1
        telling = asyncio.create_task(self._tell(arrived, send))
        gone = asyncio.create_task(_disconnected(receive))
        try:
            await asyncio.wait((telling, gone), return_when=asyncio.FIRST_COMPLETED)
            if telling.done():
                telling.result()
        finally:
            self.heard -= 1
            for task in (telling, gone):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, OSError):
                    await task

    async def _tell(self, arrived: int, send: Send) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._start is not None or self._over)
        if self._start is None:
            raise self._error or ConnectionError("nothing was said")
        await send({**self._start, "headers": [*self._start["headers"]]})
        over = False
        while not over and self.has(arrived):
            news, over = await self._news(arrived)
            arrived += len(news)
            await send({"type": "http.response.body", "body": news, "more_body": not over})
        if self._error:
            raise self._error
        if not over:
            raise ConnectionError("the stream was heard too slowly")

    async def _news(self, arrived: int) -> tuple[bytes, bool]:
        """What comes after so many bytes, once there is something; whether that is all."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: self._dropped + len(self._said) > arrived or self._over
            )
            return bytes(self._said[max(0, arrived - self._dropped) :]), self._over

    async def _run(self, app: ASGIApp, scope: Scope) -> None:
        try:
            await app(scope, self._receive, self._send)
        except Exception as error:  # told to whoever listens
            self._error = error
        finally:
            self._over = True
            await self._wake()

    async def _receive(self) -> Message:
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
        self._said += message.get("body", b"")
        surplus = max(0, len(self._said) - MOST)
        self._dropped += surplus
        del self._said[:surplus]
        await self._wake()

    async def _wake(self) -> None:
        async with self._changed:
            self._changed.notify_all()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
