"""Uploads as they arrive: whole, or nothing is left of them."""

import asyncio
import json
import resource
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import coroutines
from ui import words
from ui.server import receiving
from ui.server.client import client_of
from ui.server.limits import MAX_FILES
from ui.server.store import Store

EDGE = "an-edge"


def part(name: str = "a.jpg", content: bytes = b"content", field: str = "files") -> bytes:
    head = f'--{EDGE}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
    return head.encode() + b"Content-Type: image/jpeg\r\n\r\n" + content + b"\r\n"


END = f"--{EDGE}--\r\n".encode()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def left(store: Store) -> list[Path]:
    return list(store.folder.rglob("*"))


def send(
    store: Store, *chunks: bytes | None, length: int | None = None, kind: str | None = None
) -> tuple[int, str]:
    """Status and body of the answer to a body that comes in these chunks; None: it breaks off."""
    form = f"multipart/form-data; boundary={EDGE}" if kind is None else kind
    headers = [(b"content-type", form.encode())]
    if length is not None:
        headers.append((b"content-length", str(length).encode()))
    scope: Any = {
        "type": "http", "headers": headers, "query_string": b"upload_id=mine",
        "client": ("192.0.2.1", 1),
    }  # fmt: skip
    messages = iter(
        {"type": "http.disconnect"}
        if chunk is None
        else {"type": "http.request", "body": chunk, "more_body": number < len(chunks) - 1}
        for number, chunk in enumerate(chunks)
    )

    async def receive() -> Any:
        return next(messages)

    response = coroutines.run(receiving.receive_upload(scope, receive, store))
    return response.status_code, bytes(response.body).decode()


@pytest.mark.parametrize("size", [1, 7, 100, 10**6])
def test_files_come_as_they_were_sent(store: Store, size: int) -> None:
    contents = {"a.jpg": b"\r\n--an-edg" * 99, "b c.png": b"", "Ünï.jpg": bytes(range(256)) * 40}
    body = b"".join(part(name, content) for name, content in contents.items()) + END
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    status, answer = send(store, *chunks)
    assert status == 200
    paths = [Path(path) for path in json.loads(answer)]
    assert {path.name: path.read_bytes() for path in paths} == contents
    assert store.waiting() == (sum(map(len, contents.values())), 3)


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("../../../etc/passwd", "passwd"), ("..\\\\boot.ini", "boot.ini"), ("..", "photo"),
        ("x" * 300 + ".jpg", "x" * 68 + "xxxxxxxx.jpg"), ("a<b>:c.jpg", "a_b__c.jpg"),
    ],
)  # fmt: skip
def test_names_stay_in_the_folder(store: Store, sent: str, name: str) -> None:
    status, answer = send(store, part(sent) + END)
    assert status == 200
    (path,) = map(Path, json.loads(answer))
    assert path.name == name and path.parent.parent == store.folder


BODY = part() + part("b.jpg") + END


@pytest.mark.parametrize("at", range(0, len(BODY) - 2, 11))
def test_a_body_that_breaks_off_leaves_nothing(store: Store, at: int) -> None:
    for chunks in ((BODY[:at],), (BODY[: at // 2], BODY[at // 2 : at], None)):
        status, sentence = send(store, *chunks)
        assert (status, sentence) in ((400, words.BAD_UPLOAD), (400, words.GONE))
        assert left(store) == [] and store.waiting() == (0, 0)


@pytest.mark.parametrize(
    "body",
    [
        BODY + b"garbage", BODY + part(), b"garbage" + BODY, part(field="other") + END,
        part() + part(field="more") + END,
        part() + f'--{EDGE}\r\nContent-Disposition: form-data; name="files"\r\n\r\n1\r\n'.encode()
        + END,
        f"--{EDGE}\r\n\r\nno header\r\n".encode() + END, b"",
        part("a.jpg").replace(b"a.jpg", b"\xff\xfe.jpg") + END,
    ],
)  # fmt: skip
def test_a_body_that_is_not_an_upload_of_photos_leaves_nothing(store: Store, body: bytes) -> None:
    assert send(store, body[:150], body[150:]) == (400, words.BAD_UPLOAD)
    assert left(store) == [] and store.waiting() == (0, 0)


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data", ""])
def test_another_kind_of_body_leaves_nothing(store: Store, kind: str) -> None:
    assert send(store, BODY, kind=kind) == (400, words.BAD_UPLOAD)
    assert store.waiting() == (0, 0)


def test_a_body_that_is_too_large_leaves_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert send(store, BODY, length=receiving.MAX_UPLOAD + 1)[0] == 413
    status, sentence = send(store, part() * (MAX_FILES + 1) + END)
    assert (status, sentence) == (413, words.TOO_MANY_FILES.format(limit=MAX_FILES))
    monkeypatch.setattr(receiving, "MAX_FILE", 1000)
    status, sentence = send(store, part(), part("huge.jpg", bytes(1001)) + END)
    assert (status, sentence) == (413, words.FILE_TOO_LARGE.format(name="huge.jpg", megabytes=0))
    monkeypatch.setattr(receiving, "MAX_UPLOAD", 500)
    assert send(store, part(), part(content=bytes(400)) + END)[0] == 413
    assert left(store) == [] and store.waiting() == (0, 0)


@pytest.fixture
def little_disk() -> Iterator[None]:
    """No file can have more than 300 kB, as on a disk that has no more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("little_disk")
def test_a_full_disk_is_a_sentence_and_holds_nothing(store: Store) -> None:
    status, sentence = send(store, part(), part("b.jpg", bytes(400_000)), END)
    assert (status, sentence) == (507, words.DISK_FULL)
    assert left(store) == [] and store.waiting() == (0, 0)
    assert send(store, BODY)[0] == 200


def test_a_lack_of_room_is_reported_before_anything_is_read(store: Store) -> None:
    for client in "abcd":
        store.arrive(client, 512 * 2**20)
    assert send(store, length=1000) == (503, words.BUSY)


def uploading() -> Any:
    """What is known of an upload before its body is there."""
    kind = f"multipart/form-data; boundary={EDGE}".encode()
    headers = [(b"content-type", kind)]
    return {"type": "http", "query_string": b"", "client": None, "headers": headers}


def test_slow_uploads_are_given_up(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "SECONDS", 0.2)
    first = [{"type": "http.request", "body": BODY[:100], "more_body": True}]

    async def receive() -> Any:
        if first:
            return first.pop()
        await asyncio.sleep(9)

    response = coroutines.run(receiving.receive_upload(uploading(), receive, store))
    assert response.status_code == 408
    assert left(store) == [] and store.waiting() == (0, 0)


@pytest.mark.parametrize(
    ("longest", "pauses", "status"),
    [(60.0, [0.15] * 8, 200), (0.5, [0.15] * 8, 408), (60.0, [0.0] * 7 + [9.0], 408)],
)
def test_what_arrives_earns_more_time(
    longest: float,
    pauses: list[float],
    status: int,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A slow line is waited for while it keeps arriving; not for ever, nor one that stalls."""
    monkeypatch.setattr(receiving, "SECONDS", 0.5)
    monkeypatch.setattr(receiving, "LONGEST", longest)
    monkeypatch.setattr(receiving, "SLOWEST", len(BODY) / 8 / 10)  # a piece earns ten seconds
    edges = np.linspace(0, len(BODY), 9).round().astype(int).tolist()
    pieces = [BODY[start:end] for start, end in pairwise(edges)]

    waits = [*pauses]

    async def receive() -> Any:
        await asyncio.sleep(waits.pop(0))
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    response = coroutines.run(receiving.receive_upload(uploading(), receive, store))
    assert response.status_code == status


def test_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a Space the last address is the proxy's word; those before it are the visitor's."""
    forwarded = [(b"x-forwarded-for", b"198.51.100.7, 203.0.113.9")]
    scope: Any = {"type": "http", "headers": forwarded, "client": ("192.0.2.1", 1)}
    assert client_of(scope) == "192.0.2.1"
    monkeypatch.setenv("SPACE_HOST", "owner-space.hf.space")
    assert client_of(scope) == "203.0.113.9"
    scope = {"type": "http", "headers": [], "client": ("2001:db8:1:2:3:4:5:6", 1)}
    assert client_of(scope) == "2001:db8:1:2::/64"
