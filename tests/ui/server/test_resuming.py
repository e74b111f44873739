"""Streams that go on while nobody listens, and are heard from where they broke off."""

import asyncio
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from tests import coroutines
from ui.server import resuming


class App:
    """Says one piece after another, each when it is told to."""

    def __init__(self) -> None:
        self.pieces: asyncio.Queue[bytes] = asyncio.Queue()
        self.runs, self.left = 0, False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.runs += 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        leaving = asyncio.ensure_future(receive())
        while True:
            piece = asyncio.ensure_future(self.pieces.get())
            await asyncio.wait((piece, leaving), return_when=asyncio.FIRST_COMPLETED)
            if leaving.done():
                self.left = leaving.result()["type"] == "http.disconnect"
                piece.cancel()
                return
            over = not piece.result()
            await send(
                {"type": "http.response.body", "body": piece.result(), "more_body": not over}
            )
            if over:
                return


class Connection:
    """One request for the stream, which can be broken."""

    def __init__(self, resuming_: resuming.Resuming, arrived: int = 0, name: str = "") -> None:
        self.status, self.body = 0, b""
        self._broken = asyncio.Event()
        query = f"session_hash=a&stream={name}{f'&from={arrived}' if arrived else ''}"
        scope = {"type": "http", "path": resuming.STREAM, "query_string": query.encode()}
        self.work = asyncio.create_task(resuming_(scope, self._receive, self._send))

    async def _receive(self) -> Message:
        await self._broken.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        self.status = message.get("status", self.status)
        self.body += message.get("body", b"")

    async def broken(self) -> None:
        self._broken.set()
        await self.work


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_a_stream_goes_on_where_it_broke_off() -> None:
    async def visit() -> None:
        app = App()
        middleware = resuming.Resuming(app)
        first = Connection(middleware)
        app.pieces.put_nowait(b"one, ")
        await settled()
        await first.broken()
        assert first.body == b"one, "
        app.pieces.put_nowait(b"two, ")
        await settled()
        second = Connection(middleware, arrived=len("one"))
        app.pieces.put_nowait(b"three")
        app.pieces.put_nowait(b"")
        await second.work
        assert (second.status, second.body) == (200, b", two, three")
        # Also once it is over: the end of it may have been lost.
        third = Connection(middleware, arrived=len("one, two, "))
        await third.work
        assert (third.status, third.body) == (200, b"three")
        assert app.runs == 1

    coroutines.run(visit())


def test_a_stream_of_which_nothing_arrived_is_not_opened_twice() -> None:
    """A second one would get what the first one, to which nobody listens, has not."""

    async def visit() -> None:
        app = App()
        middleware = resuming.Resuming(app)
        await settled()
        first = Connection(middleware, name="x")
        await settled()
        await first.broken()
        app.pieces.put_nowait(b"one, ")
        await settled()
        second = Connection(middleware, name="x")
        app.pieces.put_nowait(b"two")
        app.pieces.put_nowait(b"")
        await second.work
        assert (second.body, app.runs) == (b"one, two", 1)
        third = Connection(middleware, name="y")
        app.pieces.put_nowait(b"three")
        app.pieces.put_nowait(b"")
        await third.work
        assert (third.body, app.runs) == (b"three", 2), "the next stream of the visit"

    coroutines.run(visit())


def test_what_is_not_kept_is_not_there(monkeypatch: Any) -> None:
    async def visit() -> None:
        app = App()
        middleware = resuming.Resuming(app)
        lost = Connection(middleware, arrived=3)
        await lost.work
        assert lost.status == 404 and app.runs == 0
        monkeypatch.setattr(resuming, "MOST", 4)
        first = Connection(middleware)
        app.pieces.put_nowait(b"one, ")
        app.pieces.put_nowait(b"two, ")
        await settled()
        await first.broken()
        for arrived, status in ((3, 404), (6, 200), (11, 404)):
            again = Connection(middleware, arrived)
            await settled()
            assert again.status == status
            await again.broken()

    coroutines.run(visit())


def test_a_visitor_who_does_not_come_back_has_left(monkeypatch: Any) -> None:
    monkeypatch.setattr(resuming, "GRACE", 0.0)

    async def visit() -> None:
        app = App()
        middleware = resuming.Resuming(app)
        first = Connection(middleware)
        await settled()
        assert not app.left
        await first.broken()
        await settled()
        assert app.left
        again = Connection(middleware, arrived=1)
        await again.work
        assert again.status == 404

    coroutines.run(visit())
