"""A real server for the tests of the page and the API: another process, on a port of its own."""

import atexit
import contextlib
import functools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from siamese import Verifier
from siamese.checkpoint import DRAWINGS

REPOSITORY = Path(__file__).parent.parent
GRADIO = Path(sys.executable).with_name("gradio")
STARTUP = 400  # seconds; other things may run on this machine


@dataclass(frozen=True)
class Server:
    """A running server, the folder that holds its temporary files, and what it printed."""

    url: str
    process: subprocess.Popen[bytes]
    temporary: Path
    log: Path

    @property
    def uploads(self) -> list[Path]:
        """The files that lie in its temporary folders now, its own lock left out."""
        return [
            path
            for path in self.temporary.rglob("*")
            if path.is_file() and path.name not in ("in-use.lock", "hash_seed.txt")
        ]


def checkpoint() -> str | None:
    """The network that the tests use: SIAMESE_CHECKPOINT, by default the embedded one."""
    return os.environ.get("SIAMESE_CHECKPOINT")


@functools.cache
def verifier() -> Verifier:
    """The same network in this process."""
    return Verifier.from_pretrained(checkpoint())


@functools.cache
def drawings() -> Verifier:
    """The network for drawn characters, in this process."""
    return Verifier.from_pretrained(DRAWINGS)


@functools.cache
def running() -> Server:
    """The server that all tests share. Not by `gradio app.py`, which reloads on any edit."""
    return start([sys.executable, "app.py"], GRADIO_MCP_SERVER="true")


def start(command: list[str], **more: str) -> Server:
    """Start a server, with more in its environment, and wait until it answers."""
    port = free_port()
    temporary = Path(tempfile.mkdtemp(prefix="siamese-test-"))
    log = temporary.with_suffix(".log")
    environment = {
        **os.environ,
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_TEMP_DIR": str(temporary),
        "PYTHONUNBUFFERED": "1",
        **more,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Server(f"http://127.0.0.1:{port}/", process, temporary, log)
    atexit.register(stop, server)
    wait(server)
    return server


def wait(server: Server) -> None:
    """Until it answers; RuntimeError with what it printed if it does not."""
    for _ in range(STARTUP * 5):
        if server.process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(server.url, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"the server did not start: {server.log.read_text()}")


def stop(server: Server) -> None:
    """End the server and everything that it started, and remove what it wrote."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.process.wait(20)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.process.pid, signal.SIGKILL)
    shutil.rmtree(server.temporary, ignore_errors=True)
    server.log.unlink(missing_ok=True)


def processor_seconds(server: Server) -> float:
    """The processor's time that the server has taken so far; only on Linux."""
    # After the name, which is in brackets: state is field 3, user and system time 14 and 15.
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_megabytes(server: Server) -> float:
    """The most memory that the server has taken at once; only on Linux."""
    return _memory(server, "VmHWM")


def megabytes(server: Server) -> float:
    """The memory that the server takes now; only on Linux."""
    return _memory(server, "VmRSS")


def _memory(server: Server, kind: str) -> float:
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(kind)) / 1024


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
