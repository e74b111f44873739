"""Files that are written whole or not at all, wherever a program is killed or a disk is full.

Several files that belong together are written into a folder inside theirs, which is renamed once
all of them are safe: that is the moment in which the new ones are there. They take the places of
the old ones right after it; where that is cut short, whoever reads the folder next does the rest.
Unlike an exchange of two folders this works on every system and disk, needs no rights to the folder
above, and leaves all other files alone.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

DRAFT, READY = ".siamese-draft", ".siamese-ready"


def write(path: Path, content: bytes) -> None:
    """Put this content in the place of a file; OSError, naming it, leaves the file as it was."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        error.filename = str(path)  # a full disk does not say where it is full
        raise
    _sync(path.parent)


@contextmanager
def together(folder: Path) -> Iterator[Path]:
    """A new folder for files that take their places in `folder` when the block ends: all, or none.

    `folder` is made where there is none. Files are to be written by `write`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settle(folder)
    draft = folder / DRAFT
    shutil.rmtree(draft, ignore_errors=True)  # of a writer that was killed
    draft.mkdir()
    try:
        yield draft
        draft.rename(folder / READY)
    except BaseException as error:
        shutil.rmtree(draft, ignore_errors=True)
        if isinstance(error, OSError):
            error.filename = str(folder)
        raise
    _sync(folder)
    settle(folder)


def cell(text: str) -> str:
    """A text for a CSV file, with an apostrophe in front where a spreadsheet would compute it."""
    return "'" * text.startswith(("=", "+", "-", "@", "\t", "\r")) + text


def settle(folder: Path) -> None:
    """Put files that are ready in their places; most often there are none."""
    ready = folder / READY
    for path in list(ready.iterdir()) if ready.is_dir() else ():
        with suppress(FileNotFoundError):  # whoever reads the folder too has just done it
            path.replace(folder / path.name)
    with suppress(OSError):  # not there, or files of a later writer are in it already
        ready.rmdir()


def _sync(folder: Path) -> None:
    """Have the disk keep which files a folder has, where a system lets one ask for that."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
