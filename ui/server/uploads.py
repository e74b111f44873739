"""Where uploads lie for the moment between their arrival and their reading.

Each server has a folder of its own, open to its user alone, that is emptied when it stops. A server
that was killed cannot do that, so the next one does: a folder whose lock nobody holds is an orphan.
Import this before Gradio, which reads GRADIO_TEMP_DIR.
"""

import atexit
import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

LOCK = "in-use.lock"
_held: dict[Path, FileLock] = {}


def claim(parent: Path | None = None) -> Path:
    """Make this process's upload folder, tell Gradio of it, and remove those of dead servers.

    `parent` is where the folders lie; by default below GRADIO_TEMP_DIR or the system's temporary
    folder. Calling it again returns the same folder.
    """
    if _held and parent is None:
        return next(iter(_held))
    # Each user has a folder, since nobody could write to another one's.
    user = getattr(os, "getuid", lambda: "all")()
    temporary = Path(os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir())
    root = parent or temporary / f"siamese-{user}"
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check(root)
        sweep(root)
        # Under another name until it is locked: a server that starts just now would take it for
        # dead.
        hidden = Path(tempfile.mkdtemp(prefix=".photos-", dir=root)).resolve()
    except OSError as error:
        # Not by an error of the package: nothing is imported yet.
        sys.exit(
            f"error: uploads cannot be kept in {root}: {error.strerror or error};"
            " please set GRADIO_TEMP_DIR to a folder of your own."
        )
    lock = FileLock(hidden / LOCK)
    lock.acquire(timeout=0)
    folder = hidden.rename(hidden.with_name(hidden.name.removeprefix(".")))
    _held[folder] = lock
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    atexit.register(release, folder)
    return folder


def _check(root: Path) -> None:
    """OSError where somebody else made the folder, or where it is a link that they could turn."""
    status = root.lstat()
    if stat.S_ISLNK(status.st_mode):
        raise OSError("it is a link")
    if not stat.S_ISDIR(status.st_mode):
        raise OSError("it is no folder")
    if hasattr(os, "getuid") and status.st_uid != os.getuid():
        raise OSError("it belongs to another user")
    root.chmod(0o700)


def sweep(root: Path) -> None:
    """Remove the upload folders below `root` that no living process holds."""
    for folder in root.glob("photos-*"):
        lock = FileLock(folder / LOCK)
        try:
            lock.acquire(timeout=0)
        except (Timeout, OSError):
            continue
        lock.release()
        shutil.rmtree(folder, ignore_errors=True)


def release(folder: Path) -> None:
    """Remove this process's folder and everything in it."""
    lock = _held.pop(folder, None)
    shutil.rmtree(folder, ignore_errors=True)
    if lock is not None:
        lock.release()
