"""By which names this server may be called, and what browsers are told with every answer.

A page of anybody's can give its own name the address 127.0.0.1 and then call what runs there, by
the visitor's browser (DNS rebinding). The name stands in the request, so it is looked at.
"""

import ipaddress
import os
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Scope

VARIABLE = "SIAMESE_ALLOWED_HOSTS"  # more names, with commas between
_LOCAL = ("localhost", "127.0.0.1", "::1")

# The page is Gradio's: it writes scripts and styles into itself. Nothing comes from elsewhere, and
# only the Hub, where Spaces are shown, may put it into a frame.
_HEADERS = {
    "content-security-policy": "; ".join(
        (
            "default-src 'self'", "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
            "style-src 'self' 'unsafe-inline'", "img-src 'self' data: blob:",
            "media-src 'self' blob:", "font-src 'self' data:", "connect-src 'self' data: blob:",
            "worker-src 'self' blob:", "object-src 'none'", "base-uri 'self'",
            "form-action 'self'", "frame-src 'none'",
            "frame-ancestors 'self' https://huggingface.co",
        )
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}  # fmt: skip


def is_foreign(scope: Scope) -> bool:
    """Whether a request calls this server by a name, or comes from a page, that is none of its own.

    A server on loopback is called by local names, and others that its owner allowed. Pages of
    other servers may call one that is public, as they may call any public interface.
    """
    headers = Headers(scope=scope)
    allowed = {name.strip().lower() for name in os.environ.get(VARIABLE, "").split(",")}
    allowed |= {os.environ.get("SPACE_HOST", "").lower()}
    names = {*_LOCAL, *allowed} - {""}
    host = _name(f"//{headers.get('host', '')}")
    if not _is_loopback((scope.get("server") or ("", 0))[0]):
        return bool(allowed - {""}) and host not in names and not _is_address(host)
    origin = headers.get("origin")
    return host not in names or (origin is not None and _name(origin) not in names)


def protect(message: Message) -> None:
    """Add the headers that every answer has."""
    if message["type"] == "http.response.start":
        MutableHeaders(scope=message).update(_HEADERS)


def _name(address: str) -> str:
    """The name in an address, without its port; "" where it makes no sense."""
    try:
        return (urlsplit(address).hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_address(host: str) -> bool:
    try:
        return bool(ipaddress.ip_address(host))
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    return _is_address(host) and ipaddress.ip_address(host).is_loopback
