"""Strangers' photos, decoded in a process of its own each, with limits that the system enforces.

Decoders are a million lines of C, and every few months one of them writes where it should not, or
leaves unwritten what it should. So a server lets none of them near its memory: a photo's bytes go
to a process that was made for it (see `worker`), and what comes back is copied: its size, and
pixels of exactly the size that was asked for. It is copied through a socket: memory shared with a
process that went wrong could change while it is looked at.

`DecoderProcess.load` takes the place of `photos.load`, which decodes where it is called.
"""

import contextlib
import io
import itertools
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

import numpy as np
from PIL import Image

from siamese.errors import ImageError
from siamese.photos import decode, worker
from siamese.photos.decode import MAX_SIDE
from siamese.photos.files import file_name
from siamese.photos.photo import Caption, Photo, Piece, Source
from siamese.photos.sources import read
from siamese.photos.worker import LIMITS, Limits

MAX_HEADER = 4096  # bytes of an answer's first line
# All that a decoder needs of the environment; no token, no name of a proxy.
_KEPT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "TEMP", "LANG")
_SET = {
    # What the C library hands out is zeroed: nothing that was freed before shows in a picture.
    "MALLOC_PERTURB_": "255",
    # An arena for each thread would take address space, which is limited.
    "MALLOC_ARENA_MAX": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}


class DecoderProcess:
    """Takes strangers' photos in. Safe to share among threads; starts with the first photo."""

    def __init__(
        self,
        places: int = max(2, os.cpu_count() or 1),
        limits: Limits = LIMITS,
        fork: bool = hasattr(os, "fork") and hasattr(socket, "send_fds"),
    ) -> None:
        """At most `places` photos are decoded at a time, each in `limits`."""
        self._fork, self._limits = fork, limits
        self._places = threading.BoundedSemaphore(places)
        self._lock = threading.Lock()
        self._running: tuple[subprocess.Popen[bytes], socket.socket] | None = None

    def load(self, source: Source, name: str | None = None, role: str = "photo") -> Photo:
        """Take a photo in, as `photos.load` does; the file is opened in another process.

        Raises:
            ImageError: as `photos.load`; or the photo takes more time or memory than is allowed.
        """
        if isinstance(source, Image.Image | np.ndarray):
            return decode.load(source, name, role)  # decoded already
        caption = Caption.of(role, name or file_name(source))
        content = read(source, caption)
        apart = _Apart(self._link, self._places, caption, content)
        return Photo(caption, apart.size, len(content), apart.render)

    def start(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        """The process that others are forked from, started if need be, and the way to it.

        Raises OSError where it cannot be started.
        """
        with self._lock:
            if self._running is not None and self._running[0].poll() is not None:
                self._running[1].close()
                self._running = None
            if self._running is None:
                ours, theirs = socket.socketpair()
                with theirs:
                    self._running = _started(self._limits, theirs.fileno()), ours
            return self._running

    def check(self) -> None:
        """Take in a picture of our own; OSError or ImageError where that does not work here."""
        file = io.BytesIO()
        Image.new("RGB", (2, 2)).save(file, "PNG")
        self.load(file.getvalue()).at(1.0)

    def stop(self) -> None:
        """End the process; the next photo would start it again."""
        with self._lock:
            if self._running is not None:
                self._running[1].close()
                self._running[0].wait()
            self._running = None

    def _link(self) -> "_Link":
        """The way to a process that is there for one photo. OSError where there can be none."""
        if not self._fork:
            return _StartedLink(self._limits)
        return _ForkedLink(self._limits, *self.start())


class _Link:
    """The way to a process that has one photo, and to what it says."""

    def __init__(self, limits: Limits, reader: IO[bytes], writer: IO[bytes]) -> None:
        self._reader, self._writer = reader, writer
        now = time.monotonic()
        self._until, self._used = now + limits.seconds / 2, now

    def lasts(self) -> bool:
        """Whether the process is there still, and long enough for one more question."""
        now = time.monotonic()
        return now < self._until and now < self._used + worker.LINGER / 2

    def was_cut(self) -> bool:
        """Whether it is not by the photo that the process was not there."""
        return False

    def ask(self, asked: dict[str, Any], content: bytes = b"", most: int = 0) -> tuple[Any, bytes]:
        """What is said to a question, and the `most` bytes that follow. OSError, ValueError."""
        self._writer.write(json.dumps(asked).encode() + b"\n")
        self._writer.write(content)
        self._writer.flush()
        said = json.loads(self._reader.readline(MAX_HEADER))
        pixels = (
            self._reader.read(most) if most and isinstance(said, dict) and "size" in said else b""
        )
        self._used = time.monotonic()
        return said, pixels


class _ForkedLink(_Link):
    """To a process that is forked from another one, the one behind `control`."""

    def __init__(
        self, limits: Limits, parent: subprocess.Popen[bytes], control: socket.socket
    ) -> None:
        self._parent = parent
        ours, theirs = socket.socketpair()
        with theirs, contextlib.suppress(OSError):  # which shows when something is asked
            socket.send_fds(control, [b"."], [theirs.fileno()])
        ours.settimeout(limits.seconds + 2)  # the process is killed before
        with ours:  # the two files keep it open
            super().__init__(limits, ours.makefile("rb"), ours.makefile("wb"))

    def was_cut(self) -> bool:
        """Whether the process could not be forked, because the other one has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._parent.wait(0.1)
        return self._parent.returncode is not None


class _StartedLink(_Link):
    """To a process that is started for the photo, for want of a way to fork."""

    def __init__(self, limits: Limits) -> None:
        self._process = _started(limits, None, "once")
        assert self._process.stdin is not None and self._process.stdout is not None
        super().__init__(limits, self._process.stdout, self._process.stdin)
        timer = threading.Timer(limits.seconds, self._process.kill)
        timer.daemon = True
        timer.start()

    def __del__(self) -> None:
        self._process.kill()
        self._process.wait()


class _Apart:
    """A photo that is decoded elsewhere: by one process as long as that lasts, then by another."""

    def __init__(
        self,
        link: Callable[[], _Link],
        places: threading.BoundedSemaphore,
        caption: Caption,
        content: bytes,
    ) -> None:
        self._new_link, self._places = link, places
        self._caption, self._content = caption, content
        self._lock = threading.Lock()
        with self._at_work():
            self._link, self.size = self._open()

    def render(self, parts: Sequence[Piece]) -> list[Image.Image]:
        """Parts of the photo, as `Photo.parts` wants them."""
        with self._at_work():
            if not self._link.lasts():
                self._link, _ = self._open()
            ends = [*itertools.accumulate(3 * part.size[0] * part.size[1] for part in parts)]
            asked = {"parts": [(part.scale, part.box) for part in parts]}
            said, pixels = self._link.ask(asked, most=ends[-1])
            if _size(said) != self.size or len(pixels) != ends[-1]:
                raise ValueError("other pixels than were asked for")
            starts = [0, *ends]
            return [
                Image.frombytes("RGB", part.size, pixels[start:end])
                for part, start, end in zip(parts, starts, ends, strict=False)
            ]

    def _open(self) -> tuple[_Link, tuple[int, int]]:
        asked = {"caption": self._caption, "bytes": len(self._content)}
        link = self._new_link()
        try:
            said, _ = link.ask(asked, self._content)
        except (OSError, ValueError):
            if not link.was_cut():
                raise
            link = self._new_link()
            said, _ = link.ask(asked, self._content)
        return link, _size(said)

    @contextlib.contextmanager
    def _at_work(self) -> Iterator[None]:
        """In turn; whatever goes wrong with the process is said of the photo."""
        try:
            with self._lock, self._places:
                yield
        except (OSError, ValueError, RecursionError) as error:
            raise ImageError(
                f"{self._caption.start} takes too much time or memory to read; "
                "please save it as a JPEG and try again."
            ) from error


def _started(limits: Limits, control: int | None, *arguments: str) -> subprocess.Popen[bytes]:
    """The program of a worker, with `control` or else a pipe as its standard input."""
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment |= _SET | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen(
        [sys.executable, "-P", "-W", "ignore", worker.__file__, json.dumps(limits), *arguments],
        stdin=subprocess.PIPE if control is None else control,
        stdout=subprocess.PIPE if control is None else subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,  # Ctrl-C is for the server, and it ends with that
    )


def _size(said: Any) -> tuple[int, int]:
    """The size that an answer tells, or the error that it is; ValueError where it is neither."""
    match said:
        case {"size": [int(width), int(height)]} if all(0 < n <= MAX_SIDE for n in (width, height)):
            return width, height
        case {"error": str(sentence)}:
            raise ImageError(sentence)
        case {"defect": str(what)}:
            raise RuntimeError(what)
    raise ValueError("no answer of ours")
