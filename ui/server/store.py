"""What lies in the folder of uploads: room for it, whose it is, and when it goes.

Only this knows, and keeps running totals: nothing walks the folder. Room is reserved before
anything is read, for all uploads at a time; where there is none, what has lain unread for longest
goes. A client that takes more than its share pushes out its own uploads, and nobody else's.
"""

import contextlib
import secrets
import threading
import time
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakValueDictionary

from ui.server.limits import MAX_DISK, MAX_WAITING_FILES, SHARE

_EVERYBODY = ""  # in the totals, beside each client


class NoRoom(Exception):
    """There is no room for an upload: all that is held is being written at this moment."""


@dataclass(slots=True, eq=False)
class Arrival:
    """An upload on its way: what it has reserved, and the files that have come so far."""

    client: str
    size: int = 0
    files: list[Path] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Held:
    """A file that waits to be read."""

    client: str
    size: int
    since: float


class Store:
    """The folder of uploads. Safe to share among threads."""

    def __init__(self, folder: Path) -> None:
        """`folder` belongs to this alone."""
        self.folder = folder.resolve()
        self._lock = threading.Lock()
        self._held: OrderedDict[Path, _Held] = OrderedDict()  # the oldest first
        self._bytes: Counter[str] = Counter()  # reserved and held, by client
        self._files: Counter[str] = Counter()
        _stores[self.folder] = self

    def arrive(self, client: str, size: int) -> Arrival:
        """Reserve room for an upload of so many bytes. NoRoom."""
        arrival = Arrival(client)
        with self._lock:
            self._reserve(arrival, size, 0)
        return arrival

    def grow(self, arrival: Arrival, size: int) -> None:
        """Reserve room for an upload that turns out to have so many bytes in all. NoRoom."""
        with self._lock:
            if size > arrival.size:
                self._reserve(arrival, size - arrival.size, 0)

    def place(self, arrival: Arrival, name: str) -> Path:
        """Where the next file of an upload is to be written: a path that nobody can guess."""
        with self._lock:
            self._reserve(arrival, 0, 1)
            folder = self.folder / secrets.token_hex(32)
            arrival.files.append(folder / name)
        folder.mkdir(mode=0o700)
        return folder / name

    def keep(self, arrival: Arrival) -> list[Path]:
        """The files of an upload that is complete; they wait from now on, at most for a while."""
        sizes = {path: path.stat().st_size for path in arrival.files}
        with self._lock:
            self._release(arrival)
            for path, size in sizes.items():
                self._held[path] = _Held(arrival.client, size, time.monotonic())
                self._count(arrival.client, size, 1)
        return arrival.files

    def drop(self, arrival: Arrival) -> None:
        """Leave nothing of an upload that came to nothing."""
        for path in arrival.files:
            _remove(path)
        with self._lock:
            self._release(arrival)

    def forget(self, path: Path) -> None:
        """A file was read, and is not needed any more."""
        with self._lock:
            if path in self._held:
                self._evict(path)

    def expire(self, seconds: float) -> set[Path]:
        """Delete what came more than `seconds` ago; what is left is returned."""
        with self._lock:
            for path, held in list(self._held.items()):
                if time.monotonic() - held.since <= seconds:
                    break
                self._evict(path)
            return set(self._held)

    def waiting(self) -> tuple[int, int]:
        """Bytes and files, reserved and held."""
        return self._bytes[_EVERYBODY], self._files[_EVERYBODY]

    def _reserve(self, arrival: Arrival, size: int, files: int) -> None:
        """Make room by what is oldest, first of the client's own, as far as it is needed."""
        for client, part in ((arrival.client, SHARE), (_EVERYBODY, 1)):
            while (
                self._bytes[client] + size > MAX_DISK // part
                or self._files[client] + files > MAX_WAITING_FILES // part
            ):
                self._evict(self._oldest(client))
        self._count(arrival.client, size, files)
        arrival.size += size

    def _oldest(self, client: str) -> Path:
        for path, held in self._held.items():
            if client in (_EVERYBODY, held.client):
                return path
        raise NoRoom

    def _release(self, arrival: Arrival) -> None:
        self._count(arrival.client, -arrival.size, -len(arrival.files))

    def _evict(self, path: Path) -> None:
        held = self._held.pop(path)
        self._count(held.client, -held.size, -1)
        _remove(path)

    def _count(self, client: str, size: int, files: int) -> None:
        for who in (client, _EVERYBODY):
            self._bytes[who] += size
            self._files[who] += files
            if not self._files[who] and not self._bytes[who]:
                del self._bytes[who], self._files[who]


_stores: WeakValueDictionary[Path, Store] = WeakValueDictionary()


def forget(path: str) -> None:
    """An upload was read: it leaves the store that it lies in, if it lies in one."""
    store = _stores.get(Path(path).parent.parent)
    if store is not None:
        store.forget(Path(path))


def _remove(path: Path) -> None:
    """Delete a file and the folder that was made for it."""
    path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        path.parent.rmdir()
