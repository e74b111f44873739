"""What stands in front of Gradio: requests that it would answer, but that this product refuses.

Gradio fetches any web address that a payload names as a file, serves uploads to whoever knows their
path, has pages about its visitors, can write what a page shows to disk, and sets no limit to what
one visitor may send. None of that is wanted here.
"""

import asyncio
import json
import os
import re
import sys
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from gradio.queueing import Queue
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui import words
from ui.server import hosts
from ui.server.client import client_of
from ui.server.limits import MAX_BODY, MAX_PARTS, MAX_QUEUED, SECONDS
from ui.server.receiving import Refusal, receive_upload
from ui.server.shares import SHARES
from ui.server.store import Store

_API = "/gradio_api/"
# Of Gradio's own interface, what the page and its clients need. What skips the queue (`run`, `api`)
# is not among it, nor `dev/reload`, but where `gradio app.py` watches the files for edits.
_ALLOWED = re.compile(
    r"/(config/?|theme\.css|favicon\.ico|robots\.txt|manifest\.json|(static|assets|svelte)/.+"
    r"|gradio_api/(info|openapi\.json|app_id|startup-events|theme\.css|upload"
    r"|queue/(join|data)|call/.+|reset|cancel|heartbeat/.+|mcp(/.*)?"
    rf"{'|dev/reload' if os.environ.get('GRADIO_WATCH_DIRS') else ''})/?)?"
)
_FETCHED = re.compile(rf"{_API}call/[^/]+/([^/]+)/?")
_UPLOADED = re.compile(r"[0-9a-f]{64}/[^/]+")
_WEB = re.compile(r"\s*[a-z][a-z0-9+.-]*://", re.IGNORECASE)


class Guard:
    """ASGI middleware: closed addresses, size of requests, and which files they may name."""

    def __init__(self, app: ASGIApp, store: Store) -> None:
        """`store` has the only files that a request may name."""
        self._app = app
        self._store = store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with one sentence."""
        if scope["type"] == "websocket":  # nothing here needs one
            return await send({"type": "websocket.close"})
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = True
            hosts.protect(message)
            await send(message)

        client = client_of(scope)
        try:
            if not SHARES.enter(client):
                raise Refusal(503, words.BUSY)
            await self._answer(scope, receive, sending)
        except Refusal as refusal:
            await refuse(refusal.status, str(refusal))(scope, receive, sending)
        except Exception as error:  # the edge: what Gradio trips over is no concern of visitors
            report(error)
            if not started:
                await refuse(500, words.INTERNAL, "error")(scope, receive, sending)
        finally:
            SHARES.leave(client)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = _route(scope)
        if hosts.is_foreign(scope):
            raise Refusal(403, words.FOREIGN.format(variable=hosts.VARIABLE))
        if path.startswith(f"{_API}file=") and self._uploaded(path.removeprefix(f"{_API}file=")):
            # The page asks for each upload to show it; it gets our own picture of it instead.
            return await Response(status_code=204)(scope, receive, send)
        if path == f"{_API}upload_progress":
            # The page itself sees how much has gone, whatever stands between it and the server.
            return await Response(status_code=204)(scope, receive, send)
        if not _ALLOWED.fullmatch(path):
            raise Refusal(404, words.NOT_FOUND)
        fetched = _FETCHED.fullmatch(path)
        if scope["method"] == "GET" and fetched:
            _check_answer(scope["app"].get_blocks()._queue, fetched[1])
        if path.rstrip("/") == f"{_API}info":
            # Kept by Gradio for everybody with the address that the first one asked at, or forged.
            scope["app"].api_info = None
        if scope["method"] == "POST":
            if path.rstrip("/") == f"{_API}upload":
                answer = await receive_upload(scope, receive, self._store)
                return await answer(scope, receive, send)
            receive = await self._checked(scope, path, receive)
        await self._app(scope, receive, send)

    async def _checked(self, scope: Scope, path: str, receive: Receive) -> Receive:
        """A JSON request that was read and may pass, to be read again; else a Refusal."""
        body = await _read(receive)
        # In a thread of its own: a large one takes a while, in which others are answered.
        objection = await asyncio.to_thread(self.objection, body)
        if objection:
            raise Refusal(400, objection)
        if path.startswith((f"{_API}queue/", f"{_API}call/")):
            _check_queue(scope["app"].get_blocks()._queue, client_of(scope), len(body))
        return _replay(body, receive)

    def objection(self, body: bytes) -> str | None:
        """Why a JSON request is refused; None if it is not."""
        if sum(body.count(separator) for separator in (b",", b"[", b"{")) > MAX_PARTS:
            return words.TOO_MANY_PARTS
        try:
            payload = json.loads(body)
        except (ValueError, RecursionError):
            return words.MALFORMED
        return self._search(payload)

    def _search(self, payload: Any) -> str | None:
        """The first objection to any part of a payload, without recursion."""
        parts = [payload]
        while parts:
            part = parts.pop()
            if isinstance(part, dict):
                sentence = self._file(part)
                if sentence:
                    return sentence
                parts.extend([*part.keys(), *part.values()])
            elif isinstance(part, list):
                parts.extend(part)
            elif isinstance(part, str) and not _encodable(part):
                return words.MALFORMED
        return None

    def _file(self, part: dict[str, Any]) -> str | None:
        """The objection to one object, which may be the description of a file."""
        path, url = part.get("path"), part.get("url")
        if isinstance(path, str) and path:
            if _WEB.match(path):
                return words.NO_ADDRESSES
            # The browser sends the file's own address on this server along; nobody follows it.
            return None if self._uploaded(path) else words.NOT_YOURS
        return words.NO_ADDRESSES if isinstance(url, str) and _WEB.match(url) else None

    def _uploaded(self, path: str) -> bool:
        """Whether this is the path of an upload: known only to whom it was told (see below)."""
        try:
            place = Path(path).resolve().relative_to(self._store.folder)
        except (OSError, ValueError, RuntimeError):
            return False
        return _UPLOADED.fullmatch(place.as_posix()) is not None


def _route(scope: Scope) -> str:
    """The address that is asked for, without what a proxy or a larger app has put before it."""
    path, root = str(scope["path"]), str(scope.get("root_path", "")).rstrip("/")
    return path.removeprefix(root) or "/" if f"{path}/".startswith(f"{root}/") else path


def refuse(status: int, sentence: str, code: str = "bad_input") -> JSONResponse:
    """A refusal of a request as such, in the words that Gradio uses for the errors of an answer."""
    # Gradio's clients show "detail" or "error"; "title" is where an answer's error has its code.
    return JSONResponse(
        {"detail": sentence, "error": sentence, "title": code, "code": code}, status
    )


def report(error: BaseException) -> None:
    """Log where something went wrong, and not on what: an error's text may repeat what came."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    print(f"internal error: {type(error).__name__}{where}", file=sys.stderr, flush=True)


def _encodable(string: str) -> bool:
    """Whether it can be sent back; half of a surrogate pair cannot."""
    try:
        return string.isascii() or bool(string.encode())
    except UnicodeEncodeError:
        return False


def _check_queue(queue: Queue, client: str, size: int) -> None:
    """Refuse a request of so many bytes where too many, or too large ones, wait already."""
    requests = [event.request for event in queue.event_ids_to_events.values()]
    waiting = Counter(client_of(request.scope) for request in requests)
    size += sum(len(getattr(request, "_body", b"")) for request in requests)
    full = queue.max_size is not None and len(queue) >= queue.max_size
    if full or size > MAX_QUEUED or not SHARES.may_wait(client, waiting):
        raise Refusal(503, words.BUSY)


def _check_answer(queue: Queue, event: str) -> None:
    """Refuse to fetch an answer that is not there; Gradio breaks off in the middle of its own."""
    waiting = queue.pending_event_ids_session.items()
    sessions = {session for session, events in waiting if event in events}
    if not sessions & queue.pending_messages_per_session.keys():
        raise Refusal(404, words.NO_ANSWER)


async def _read(receive: Receive) -> bytes:
    """The body of a request; a Refusal where it is too large or too slow."""
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(SECONDS):
            while True:
                message = await receive()
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                if size > MAX_BODY:
                    raise Refusal(413, words.TOO_LARGE.format(megabytes=MAX_BODY // 2**20))
                if not message.get("more_body"):
                    return b"".join(chunks)
    except TimeoutError as error:
        raise Refusal(408, words.TOO_SLOW) from error


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body that was already read, and then what follows it."""
    sent = False

    async def again() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
