"""Uploads on their way in: a multipart body, read into the store as it comes, or not at all.

Gradio's own way writes first and looks afterwards, and leaves half a file where a body breaks off.
"""

import asyncio
import contextlib
import errno
import threading
from pathlib import Path
from typing import Any, BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope

from ui import words
from ui.photo import Upload, take
from ui.server.client import client_of
from ui.server.limits import (
    LONGEST,
    MAX_FILE,
    MAX_FILES,
    MAX_NAME,
    MAX_UPLOAD,
    SECONDS,
    SLOWEST,
)
from ui.server.store import Arrival, NoRoom, Store, forget


class Refusal(Exception):
    """Why a request is refused: a status and one sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


async def receive_upload(scope: Scope, receive: Receive, store: Store) -> Response:
    """The paths of the files of an upload, as Gradio's clients want them; or one sentence."""
    try:
        return JSONResponse([str(path) for path in await _received(scope, receive, store)])
    except Refusal as error:
        # In the words alone: Gradio's page shows them to people as they are.
        return PlainTextResponse(str(error), error.status)


def taken(payload: dict[str, Any] | str) -> Upload:
    """The bytes of a photo that came in; its file leaves the store. Raises as `take` does."""
    try:
        return take(payload)
    finally:
        path = payload.get("path") if isinstance(payload, dict) else None
        if isinstance(path, str):
            forget(path)


async def _received(scope: Scope, receive: Receive, store: Store) -> list[Path]:
    headers = Headers(scope=scope)
    said = headers.get("content-length", "0")
    if not said.isdigit() or int(said) > MAX_UPLOAD:
        raise _too_large()
    try:
        arrival = await asyncio.to_thread(store.arrive, client_of(scope), int(said))
    except NoRoom as error:
        raise Refusal(503, words.BUSY) from error
    body = None
    try:
        body = _Body(store, arrival, _edge(headers))
        async with asyncio.timeout(SECONDS) as limit:
            await _read(receive, body, limit)
        return await asyncio.to_thread(store.keep, arrival)
    except BaseException as error:
        if body is not None:
            await asyncio.to_thread(body.give_up)
        await asyncio.to_thread(store.drop, arrival)
        raise _objection(error) from error


def _objection(error: BaseException) -> BaseException:
    """What to say of an error; itself where it is none of the upload's."""
    match error:
        case NoRoom():
            return Refusal(503, words.BUSY)
        case TimeoutError():
            return Refusal(408, words.TOO_SLOW)
        case FormParserError() | UnicodeDecodeError():
            return Refusal(400, words.BAD_UPLOAD)
        case OSError(errno=errno.ENOSPC | errno.EDQUOT | errno.EFBIG):
            return Refusal(507, words.DISK_FULL)
    return error


def _too_large() -> Refusal:
    return Refusal(413, words.UPLOAD_TOO_LARGE.format(megabytes=MAX_UPLOAD // 2**20))


def _edge(headers: Headers) -> bytes:
    """What divides the parts of a body."""
    kind, options = parse_options_header(headers.get("content-type"))
    if kind != b"multipart/form-data" or b"boundary" not in options:
        raise FormParserError("not multipart")
    return options[b"boundary"]


async def _read(receive: Receive, body: "_Body", limit: asyncio.Timeout) -> None:
    """The whole body, whose files are written in another thread.

    What arrives earns more time, up to `LONGEST`: a slow line is waited for, a stalled one is not.
    """
    clock = asyncio.get_running_loop().time
    last = clock() + LONGEST
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(400, words.GONE)
        chunk = message.get("body", b"")
        if chunk:
            earned = (limit.when() or 0) + len(chunk) / SLOWEST
            limit.reschedule(min(earned, clock() + SECONDS, last))
            await asyncio.to_thread(body.feed, chunk)
        if not message.get("more_body"):
            return body.end()


class _Body:
    """Writes the files of a multipart body while it is fed with it."""

    def __init__(self, store: Store, arrival: Arrival, edge: bytes) -> None:
        self._store, self._arrival = store, arrival
        self._lock, self._given_up = threading.Lock(), False
        self._last = b"--" + edge + b"--"
        self._size, self._tail = 0, b""
        self._field, self._value, self._headers = b"", b"", dict[bytes, bytes]()
        self._file: BinaryIO | None = None
        self._name, self._file_size = "", 0
        self._parser = MultipartParser(
            edge,
            {
                "on_header_field": self._on_field,
                "on_header_value": self._on_value,
                "on_header_end": self._on_header,
                "on_headers_finished": self._on_headers,
                "on_part_data": self._on_data,
                "on_part_end": self._on_end,
            },
        )

    def feed(self, chunk: bytes) -> None:
        """Take the next piece of the body."""
        with self._lock:
            if self._given_up:
                return
            self._size += len(chunk)
            if self._size > MAX_UPLOAD:
                raise _too_large()
            self._store.grow(self._arrival, self._size)
            self._parser.write(chunk)
            self._tail = (self._tail + chunk)[-len(self._last) - 64 :]

    def end(self) -> None:
        """The body is over; FormParserError where it breaks off, or goes on after its end."""
        if self._file is not None or not self._tail.rstrip(b"\r\n").endswith(self._last):
            raise FormParserError("it has no end")

    def give_up(self) -> None:
        """Nothing is written from now on."""
        with self._lock, contextlib.suppress(OSError):
            self._given_up = True
            self._on_end()

    def _on_end(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            file.close()

    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field = self._value = b""

    def _on_headers(self) -> None:
        """A part begins: a file, or it is nothing that anybody sends."""
        said = self._headers.pop(b"content-disposition", b"")
        self._headers.clear()
        _, options = parse_options_header(said)
        if options.get(b"name") != b"files" or b"filename" not in options:
            raise FormParserError("a part of another name")
        if len(self._arrival.files) >= MAX_FILES:
            raise Refusal(413, words.TOO_MANY_FILES.format(limit=MAX_FILES))
        self._name, self._file_size = _clean(options[b"filename"].decode()), 0
        self._file = self._store.place(self._arrival, self._name).open("xb")

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        assert self._file is not None
        self._file_size += end - start
        if self._file_size > MAX_FILE:
            sentence = words.FILE_TOO_LARGE.format(name=self._name, megabytes=MAX_FILE // 1_000_000)
            raise Refusal(413, sentence)
        self._file.write(data[start:end])


def _clean(name: str) -> str:
    """The last part of a name that a visitor gave, as any disk can have it."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    clean = "".join(c if c.isprintable() and c not in '<>:"|?*' else "_" for c in last).strip(". ")
    short = clean if len(clean) <= MAX_NAME else clean[: MAX_NAME - 12] + clean[-12:]
    while len(short.encode()) > 240:
        short = short[1:]
    return short or "photo"
