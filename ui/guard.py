"""What stands in front of Gradio: requests that it would answer, but that this product refuses.

Gradio fetches any web address that a payload names as a file, serves uploads to whoever knows their
path, has pages about its visitors, and can write what a page shows to disk. Nothing of that is
wanted here.
"""

import json
import re
import secrets
from pathlib import Path
from typing import Any

from gradio import route_utils
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui import text

MAX_BODY = 64 * 2**20  # bytes of a JSON request; photos in data URLs included
_API = "/gradio_api/"
# Of Gradio's own interface, what the page and its clients need.
_ALLOWED = re.compile(
    r"(info|openapi\.json|app_id|startup-events|theme\.css|upload|upload_progress|queue/(join|data)"
    r"|call/.+|run/.+|api/.+|reset|cancel|heartbeat/.+|mcp(/.*)?|dev/reload)/?"
)
_CLOSED = re.compile(r".*/(monitoring(/.*)?|deep_link|login|logout)/?")
_WEB = re.compile(r"\s*[a-z][a-z0-9+.-]*://", re.IGNORECASE)


class Guard:
    """ASGI middleware: closed addresses, size of requests, and which files they may name."""

    def __init__(self, app: ASGIApp, uploads: Path) -> None:
        """`uploads` is the only folder whose files a request may name."""
        self._app = app
        self._uploads = uploads.resolve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with one sentence."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        path = scope["path"]
        inner = path.partition(_API)[2]
        if inner.startswith("file=") and self._uploaded(inner[5:]):
            # The page asks for each upload to show it; it gets our own picture of it instead.
            return await Response(status_code=204)(scope, receive, send)
        if _CLOSED.fullmatch(path) or (_API in path and not _ALLOWED.fullmatch(inner)):
            return await refuse(404, text.NOT_FOUND)(scope, receive, send)
        if scope["method"] != "POST" or inner.strip("/") == "upload":
            return await self._app(scope, receive, send)
        body = await _read(receive)
        if body is None:
            sentence = text.TOO_LARGE.format(megabytes=MAX_BODY // 2**20)
            return await refuse(413, sentence)(scope, receive, send)
        objection = self.objection(body)
        if objection:
            return await refuse(400, objection)(scope, receive, send)
        return await self._app(scope, _replay(body, receive), send)

    def objection(self, body: bytes) -> str | None:
        """Why a request's body is refused; None if it is not, or is no JSON at all."""
        try:
            payload = json.loads(body)
        except (ValueError, RecursionError):
            return None
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
                parts.extend(part.values())
            elif isinstance(part, list):
                parts.extend(part)
        return None

    def _file(self, part: dict[str, Any]) -> str | None:
        """The objection to one object, which may be the description of a file."""
        path, url = part.get("path"), part.get("url")
        if isinstance(path, str) and path:
            if _WEB.match(path):
                return text.NO_ADDRESSES
            # The browser sends the file's own address on this server along; nobody follows it.
            return None if self._uploaded(path) else text.NOT_YOURS
        return text.NO_ADDRESSES if isinstance(url, str) and _WEB.match(url) else None

    def _uploaded(self, path: str) -> bool:
        try:
            return Path(path).resolve().is_relative_to(self._uploads)
        except (OSError, ValueError, RuntimeError):
            return False


def unguessable_paths() -> None:
    """Make Gradio store each upload at a path of its own that nobody can guess.

    Gradio names the folder of an upload by a hash of the content alone: whoever has a photo would
    know its path, and two visitors with the same photo would share one file, which the first of
    them deletes.
    """

    class Salted(route_utils.GradioUploadFile):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.sha.update(secrets.token_bytes(32))

    if route_utils.GradioUploadFile.__name__ != Salted.__name__:
        route_utils.GradioUploadFile = Salted  # type: ignore[misc]


def refuse(status: int, sentence: str, code: str = "bad_input") -> JSONResponse:
    """A refusal of a request as such, in the words that Gradio uses for the errors of an answer."""
    # Gradio's clients show "detail" or "error"; "title" is where an answer's error has its code.
    return JSONResponse(
        {"detail": sentence, "error": sentence, "title": code, "code": code}, status
    )


async def _read(receive: Receive) -> bytes | None:
    """The body of a request, None where it is too large."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b""
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > MAX_BODY:
            return None
        if not message.get("more_body"):
            return b"".join(chunks)


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
