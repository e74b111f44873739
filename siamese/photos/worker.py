"""The process that decodes one photo of a stranger, and then is gone.

Started as a program, it is the one from which the others are forked: it has the decoders loaded,
has one thread, no secrets in its environment, and has never seen a photo. Each fork takes one photo
and answers what is asked about it; so what a decoder leaves unwritten shows nothing but its own
start, and a decoder that crashes, loops or takes too much memory takes nobody along. Where a system
cannot fork, each photo starts the program anew, with "once".

The photo is a line of JSON and its bytes, answered by its size; what is asked then is a line each,
answered by a line and the pixels. This imports no more of the package than the decoders: neither
torch nor anything of a page; and no less, since a process that opens no file cannot import.
"""

import contextlib
import functools
import gc
import json
import os
import select
import signal
import socket
import sys
import time
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

OPENING = 350 * 2**20  # bytes of address space, the program included, before the size is known
A_PIXEL = 16  # bytes that the hungriest decoder takes; the others have as much
LINGER = 2.0  # seconds that it waits for the next question about its photo

if __name__ == "__main__":
    # Without the package's own start, which loads the network and all that it needs.
    bare = types.ModuleType("siamese")
    bare.__path__ = [str(Path(__file__).parents[1])]
    sys.modules["siamese"] = bare

import pillow_heif.as_plugin  # noqa: E402
from PIL import AvifImagePlugin, ImageCms  # noqa: E402, F401  # Pillow's own for LAB, too late

from siamese.errors import ImageError  # noqa: E402
from siamese.photos.decode import decode  # noqa: E402
from siamese.photos.photo import Caption, Photo  # noqa: E402


class Limits(NamedTuple):
    """What one photo may take, all questions about it together."""

    memory: int = 1600 * 2**20  # bytes of address space; the most that a photo of legal size takes
    cpu_seconds: int = 10
    seconds: float = 30.0  # by the clock; a busy machine shares its processors


LIMITS = Limits()


def main() -> None:
    """Fork a process for each photo that comes by standard input; with "once", take one there."""
    limits = Limits(*json.loads(sys.argv[1]))
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    pillow_heif.options.DECODE_THREADS = 1
    if sys.argv[2:] == ["once"]:
        limit(limits)
        answer(sys.stdin.buffer, sys.stdout.buffer, lambda: True)
    else:
        with socket.socket(fileno=0) as control:
            fork_for_each(control, limits)


def fork_for_each(control: socket.socket, limits: Limits) -> None:
    """Answer each socket that comes through `control` in a process of its own, until it closes."""
    gc.freeze()  # so that less of the memory is written to, and copied, in the forks
    ends: dict[int, float] = {}
    while True:
        ready, _, _ = select.select([control], [], [], 0.5 if ends else None)
        ends = _living(ends)
        if not ready:
            continue
        _, connections, _, _ = socket.recv_fds(control, 1, 1)
        if not connections:
            return  # the server is gone
        process = os.fork()
        if process == 0:
            control.close()
            _work(connections[0], limits)
        os.close(connections[0])
        ends[process] = time.monotonic() + limits.seconds


def _living(ends: dict[int, float]) -> dict[int, float]:
    """The processes that work still, with when they have to end; kills those over their time."""
    living = {}
    for process, end in ends.items():
        if os.waitpid(process, os.WNOHANG)[0] == process:
            continue
        if time.monotonic() > end:
            os.kill(process, signal.SIGKILL)
        living[process] = end
    return living


def _work(connection: int, limits: Limits) -> None:
    """Answer for one photo, and end; without a word where the limits do not suffice."""
    try:
        limit(limits)
        with socket.socket(fileno=connection) as opened:
            reader, writer = opened.makefile("rb"), opened.makefile("wb")
            answer(reader, writer, lambda: bool(select.select([opened], [], [], LINGER)[0]))
    except BaseException:
        os._exit(1)
    os._exit(0)


def limit(limits: Limits) -> None:
    """Bound what this process may do: memory, time; no file, process, thread, connection, dump."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for what, most in (
        ("AS", limits.memory), ("CPU", limits.cpu_seconds), ("FSIZE", 0), ("NPROC", 0), ("CORE", 0),
        ("NOFILE", 0),
    ):  # fmt: skip
        # Not every system knows each of them.
        with contextlib.suppress(AttributeError, ValueError, OSError):
            resource.setrlimit(getattr(resource, f"RLIMIT_{what}"), (most, most))


def allow(room: int) -> None:
    """Lower or raise the memory that this process may take, within its limits."""
    with contextlib.suppress(ImportError, AttributeError, ValueError, OSError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_AS)
        if most != resource.RLIM_INFINITY:
            resource.setrlimit(resource.RLIMIT_AS, (min(room, most), most))


def answer(reader: IO[bytes], writer: IO[bytes], more: Callable[[], bool]) -> None:
    """Read a photo, and answer about it while there is `more`; MemoryError at the limit."""
    asked = json.loads(reader.readline())
    content = reader.read(asked["bytes"])
    room = OPENING + 3 * len(content)
    if not content.startswith(b"RIFF"):  # WebP's decoder takes its pictures when it is opened
        allow(room)
    photo = _told(writer, lambda: _taken(content, asked))
    if photo is not None:
        allow(room + A_PIXEL * photo.size[0] * photo.size[1])
    while photo is not None and more() and (line := reader.readline()):
        _told(writer, functools.partial(_rendered, photo, json.loads(line)))


def _taken(content: bytes, asked: Any) -> tuple[Photo, tuple[int, int], bytes]:
    photo = decode(content, Caption(*asked["caption"]))
    return photo, photo.size, b""


def _rendered(photo: Photo, asked: Any) -> tuple[Photo, tuple[int, int], bytes]:
    pictures = photo.parts([(scale, tuple(box)) for scale, box in asked["parts"]])
    return photo, photo.size, b"".join(picture.tobytes() for picture in pictures)


def _told(
    writer: IO[bytes], work: Callable[[], tuple[Photo, tuple[int, int], bytes]]
) -> Photo | None:
    """Write what comes of some work: a size and pixels; the error that the photo has.

    Or a defect of the program: what and where, but not on what.
    """
    photo, pixels = None, b""
    try:
        photo, size, pixels = work()
        said: dict[str, Any] = {"size": size}
    except ImageError as error:
        if isinstance(error.__cause__, MemoryError):
            raise error.__cause__ from None
        said = {"error": str(error)}
    except MemoryError:
        raise
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        said = {"defect": f"{type(error).__name__} at {where.filename}:{where.lineno}"}
    writer.write(json.dumps(said).encode() + b"\n" + pixels)
    writer.flush()
    return photo


if __name__ == "__main__":
    main()
