"""A line between the browser and the server: it can be slow, and it can break and be mended."""

import contextlib
import socket
import threading
import time
from urllib.parse import urlsplit

CHUNK = 16_384  # bytes


class Line:
    """Passes TCP connections on, at first as fast as it can; `url` is where it begins."""

    def __init__(self, target: str) -> None:
        there = urlsplit(target)
        assert there.hostname and there.port
        self._target = there.hostname, there.port
        self._entry = socket.socket()
        # Little is on its way at a time, as over a line between machines.
        self._entry.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1400)
        self._entry.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, CHUNK)
        self._entry.bind(("127.0.0.1", 0))
        self._entry.listen()
        self.url = f"http://127.0.0.1:{self._entry.getsockname()[1]}/"
        self.up_rate = 0  # bytes a second to the server; 0: as fast as it can
        self.break_after = b""  # breaks a moment after the browser has sent this
        self.broken = threading.Event()
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._listen, daemon=True).start()

    def cut(self) -> None:
        """Everything that goes over it breaks off, and nothing new gets through."""
        self.broken.set()
        for end in list(self._open):
            self._end(end)

    def mend(self) -> None:
        """New connections get through again."""
        self.broken.clear()

    def close(self) -> None:
        """For good."""
        self.cut()
        self._end(self._entry)

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._entry.accept()
                if self.broken.is_set():
                    here.close()
                    continue
                there = socket.create_connection(self._target)
                self._open |= {here, there}
                for ends in ((here, there, True), (there, here, False)):
                    threading.Thread(target=self._pass_on, args=ends, daemon=True).start()
                del here, there, ends  # so that they close with the last of these threads

    def _pass_on(self, source: socket.socket, target: socket.socket, up: bool) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(CHUNK):
                if up and self.up_rate:
                    time.sleep(len(chunk) / self.up_rate)
                target.sendall(chunk)
                if up and self.break_after and self.break_after in chunk:
                    self.break_after = b""
                    threading.Timer(0.1, self.cut).start()
        self._end(source)
        self._end(target)

    def _end(self, end: socket.socket) -> None:
        """Ends it, and leaves its closing to the last thread that has it.

        The number of a closed socket may be another's while a thread still waits for the first.
        """
        self._open.discard(end)
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
