"""Names by which a server is called: its own, and no stranger's."""

from typing import Any

import pytest

from ui.server.hosts import VARIABLE, is_foreign

SPACE = "owner-space.hf.space"


def asked(host: str, origin: str | None = None, server: str = "127.0.0.1") -> bool:
    headers = [(b"host", host.encode())]
    if origin is not None:
        headers.append((b"origin", origin.encode()))
    scope: Any = {"type": "http", "headers": headers, "server": (server, 7860)}
    return is_foreign(scope)


@pytest.mark.parametrize("server", ["127.0.0.1", "127.0.0.9", "::1"])
@pytest.mark.parametrize(
    "host", ["localhost", "localhost:7860", "127.0.0.1:7860", "[::1]:7860", "LOCALHOST:1"]
)
def test_local_names_are_served_on_loopback(host: str, server: str) -> None:
    assert not asked(host, server=server)
    assert not asked(host, "http://localhost:7860", server)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:7860", "127.0.0.1.evil.example", "localhost.evil.example",
        "192.168.0.7", "", "localhost@evil.example", "[::1", "localhost,evil.example", "0.0.0.0",
    ],
)  # fmt: skip
def test_other_names_are_not_served(host: str) -> None:
    assert asked(host)


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "", "http://127.0.0.1.evil.example", "file://"]
)
def test_pages_of_other_sites_are_not_served(origin: str) -> None:
    assert asked("localhost:7860", origin)


def test_the_owner_can_allow_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "faces.example, Other.example")
    assert not asked("faces.example") and not asked("other.example:80", "https://faces.example")
    assert asked("evil.example") and not asked("localhost")
    assert not asked("faces.example", server="192.0.2.1")
    assert asked("evil.example", server="192.0.2.1")
    assert not asked("192.0.2.1:7860", server="192.0.2.1")


def test_a_space_knows_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_HOST", SPACE)
    assert not asked(SPACE, "https://some-page.example", "10.0.0.4")
    assert asked("evil.example", server="10.0.0.4")
    assert not asked("10.0.0.4:7860", server="10.0.0.4")


def test_a_public_server_without_names_answers_to_all() -> None:
    assert not asked("faces.example", server="192.0.2.1")
