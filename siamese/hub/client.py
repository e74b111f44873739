"""How huggingface_hub's client behaves here: bounded patience, silence, and errors in one sentence.

Left to itself it waits forever in some requests, sends others six times, and logs each try.
"""

import errno
import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import httpx2
import huggingface_hub as hf
from huggingface_hub import constants, errors
from huggingface_hub.utils import (  # type: ignore[attr-defined]  # exported lazily
    _http,
    are_progress_bars_disabled,
    disable_progress_bars,
    enable_progress_bars,
)

from siamese.errors import CheckpointError

T = TypeVar("T")

LOG_IN = "log in with `hf auth login` or HF_TOKEN"
# What the client raises when a request fails; RuntimeError and KeyError wrap or hide the cause.
FAILURES = (
    errors.HfHubHTTPError, httpx2.HTTPError, errors.XetDownloadError, OSError, ValueError, KeyError,
    RuntimeError,
)  # fmt: skip
PASSING = (408, 429, 500, 502, 503, 504)  # HTTP statuses of faults that may be temporary
TRIES = 3  # for any one request
PAUSES = (0.5, 1.0)  # seconds before the second and the third
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def patiently(name: str, url: str, seconds: float | None = None) -> Iterator[None]:
    """Run the block's requests with bounded patience; say what went wrong in one sentence.

    `name` is what the person asked for, `url` the Hub's; a connection that is silent for `seconds`
    (by default HF_HUB_DOWNLOAD_TIMEOUT) has stalled. Raises CheckpointError.
    """
    patience = seconds or float(constants.HF_HUB_DOWNLOAD_TIMEOUT)
    try:
        with _bounded(patience), _quiet():
            yield
    except FAILURES as error:
        raise CheckpointError(_sentence(error, name, url, patience)) from error


def retried(call: Callable[[], T], pauses: tuple[float, ...] = PAUSES) -> T:
    """What `call` returns; tried again after each pause (seconds) if the fault may be temporary.

    For the requests that huggingface_hub itself sends only once.
    """
    for pause in pauses:
        try:
            return call()
        except (httpx2.TimeoutException, httpx2.NetworkError, httpx2.RemoteProtocolError):
            pass
        except errors.HfHubHTTPError as error:
            if error.response.status_code not in PASSING:
                raise
        time.sleep(pause)
    return call()


# huggingface_hub waits forever in some requests and tries others six times. It lets a program
# bring its own HTTP client, which is where both get a bound; one client serves the whole process.
_LOCK = threading.RLock()


@contextmanager
def _bounded(seconds: float) -> Iterator[None]:
    """No connection is silent for longer than `seconds`, no request is sent more than TRIES times.

    The client that was set before is put back afterwards.
    """
    with _LOCK:
        if getattr(_LOCK_STATE, "inside", False):
            yield
            return
        before = _http._GLOBAL_CLIENT_FACTORY
        sent: Counter[tuple[str, str, str]] = Counter()
        answers: dict[tuple[str, str, str], int] = {}

        def key_of(request: httpx2.Request) -> tuple[str, str, str]:
            # A download that goes on where it broke off asks for another range: that is progress.
            return request.method, str(request.url), request.headers.get("Range", "")

        def bound(request: httpx2.Request) -> None:
            request.extensions["timeout"] = dict.fromkeys(
                ("connect", "read", "write", "pool"), seconds
            )
            key = key_of(request)
            sent[key] += 1
            if sent[key] > TRIES:
                raise _GaveUp(answers.get(key))

        def note(response: httpx2.Response) -> None:
            key, status = key_of(response.request), response.status_code
            answers[key] = status
            if sent[key] >= TRIES and status in PASSING:
                raise _GaveUp(status)  # rather than after another pause

        def client() -> httpx2.Client:
            made = before()
            hooks = made.event_hooks
            made.event_hooks = {
                "request": [*hooks["request"], bound],
                "response": [*hooks["response"], note],
            }
            return made

        hf.set_client_factory(client)
        _LOCK_STATE.inside = True
        try:
            yield
        finally:
            _LOCK_STATE.inside = False
            hf.set_client_factory(before)


_LOCK_STATE = threading.local()


class _GaveUp(OSError):
    """A request failed TRIES times; not one of the errors that huggingface_hub tries again.

    `status` is the last answer's HTTP status, None where none came.
    """

    def __init__(self, status: int | None) -> None:
        super().__init__(f"gave up, last status {status}")
        self.status = status


@contextmanager
def _quiet() -> Iterator[None]:
    """No log lines about retries, and progress bars on a terminal only: errors are one sentence."""
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    hide = not sys.stderr.isatty() and not are_progress_bars_disabled()
    logger.setLevel(logging.CRITICAL)
    if hide:
        disable_progress_bars()
    try:
        yield
    finally:
        logger.setLevel(level)
        if hide:
            enable_progress_bars()


def _sentence(error: Exception, name: str, url: str, seconds: float) -> str:
    """What went wrong with `name`, and what to do, for the person who named it."""
    causes = list(_chain(error))
    for cause in causes:
        if isinstance(cause, OSError) and cause.errno in DISK_FULL:
            return (
                f"There is no room on the disk for {name}; free some, or set HF_HUB_CACHE to a"
                " folder on another disk."
            )
        if isinstance(cause, PermissionError):
            return f"{name} cannot be stored ({cause}); set HF_HUB_CACHE to another folder."
    for cause in causes:
        if isinstance(cause, errors.HfHubHTTPError):
            return _answer(cause, name, url)
    if any(isinstance(c, errors.OfflineModeIsEnabled) for c in causes):
        return f"HF_HUB_OFFLINE forbids asking the Hub for {name}; unset it, or name a folder."
    for cause in causes:
        if isinstance(cause, _GaveUp) and cause.status is not None:
            return _broken(name, url) if cause.status < 400 else _trouble(cause.status, url)
    if any(isinstance(c, (_GaveUp, httpx2.TimeoutException)) for c in causes):
        return (
            f"The Hub at {url} did not answer for {name}: {TRIES} tries, {seconds:g} seconds each;"
            " try again later."
        )
    if any(isinstance(c, httpx2.ConnectError) for c in causes):
        return (
            f"The Hub at {url} cannot be reached for {name}; connect to the network, or name a"
            " folder."
        )
    if any(isinstance(c, (httpx2.HTTPError, errors.LocalEntryNotFoundError)) for c in causes):
        return _broken(name, url)
    if isinstance(error, OSError) and "Consistency check" in str(error):
        return _broken(name, url)
    if isinstance(error, (OSError, errors.LocalEntryNotFoundError)):
        return f"{name} could not be fetched or stored: {str(error).splitlines()[0]}"
    if isinstance(error, (RuntimeError, errors.XetDownloadError)):
        return f"The transfer of {name} failed ({error}); try again.".replace("\n", " ")
    return f"{url} does not answer like a Hub when asked for {name} ({error}); check HF_ENDPOINT."


def _answer(error: errors.HfHubHTTPError, name: str, url: str) -> str:
    """The sentence for an answer in which the Hub refuses."""
    status = error.response.status_code
    if isinstance(error, errors.GatedRepoError):
        return f"{name} is gated: ask for access on {url}/{name.partition('@')[0]}, then {LOG_IN}."
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{name} does not exist: the repo is there, but not that branch, tag or commit."
    unknown = status == 401 and "Invalid credentials" in str(error)
    if status == 401 and not unknown and error.response.request.method not in ("GET", "HEAD"):
        return f"The Hub does not know who you are, so {name} stays as it is; {LOG_IN}."
    if isinstance(error, errors.RepositoryNotFoundError) or (status == 401 and not unknown):
        return f"There is no {name} at {url}, or it is private; check the spelling, or {LOG_IN}."
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return f"{name} lacks a file that it lists; try again, or ask its owner."
    if status == 401:
        return (
            "The Hub does not know your token; log in again with `hf auth login` or set HF_TOKEN."
        )
    if status == 403:
        return f"Your token does not allow this with {name}; use one that has the right to."
    if status == 429 or status >= 500:
        return _trouble(status, url)
    said = error.server_message or str(error).splitlines()[0]
    return f"The Hub at {url} refused {name} (HTTP {status}): {said.rstrip('.')}."


def _broken(name: str, url: str) -> str:
    return (
        f"The connection to {url} broke off during {name}; nothing incomplete was kept. Try again."
    )


def _trouble(status: int, url: str) -> str:
    return f"The Hub at {url} is in trouble (HTTP {status}, {TRIES} tries); try again later."


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what caused it, outermost first."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
