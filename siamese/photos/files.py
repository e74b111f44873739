"""Files that may be photos: which ones a folder holds, and what to call them."""

import mimetypes
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from PIL import Image

from siamese.errors import InputError
from siamese.photos.photo import Source
from siamese.photos.sources import DATA_URL

_TURNS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_SYSTEM_FILES = {"__MACOSX", "Thumbs.db", "desktop.ini"}


def file_name(source: Source) -> str | None:
    """The name of the file that a source is; None where it is none (bytes, arrays)."""
    if isinstance(source, str) and source.startswith(DATA_URL):
        return None
    if isinstance(source, str | os.PathLike):
        return readable(Path(source).name)
    if isinstance(source, Image.Image):
        return None  # that of a copy or a crop would be the original's
    name = getattr(source, "name", None)
    return readable(Path(name).name) if isinstance(name, str) else None


def readable(name: str) -> str:
    """A name with "?" for what nobody could print or save, or what a terminal would obey.

    That is bytes that are not UTF-8, control characters, and marks that turn the reading direction.
    """
    if name.isascii() and name.isprintable():
        return name
    text = name.encode(errors="replace").decode()
    return "".join("?" if unicodedata.category(c) == "Cc" or c in _TURNS else c for c in text)


def files_below(folder: Path) -> list[Path]:
    """All files below a folder, but for those that a system keeps out of sight, in order.

    Links to folders are followed, but for those to a folder that they lie in. Links that lead
    nowhere are files, so that whoever reads them says so. InputError where a folder cannot be read.
    """
    return sorted(_files_below(folder, frozenset()))


def _files_below(folder: Path, around: frozenset[str]) -> Iterator[Path]:
    """The files below a folder; `around` are the real paths of the folders that it lies in."""
    here = os.path.realpath(folder)
    if here in around:
        return
    try:
        inside = list(folder.iterdir())
    except OSError as error:
        raise InputError(
            f"The folder {folder} cannot be read ({error.strerror}); allow it, or move it away."
        ) from error
    for path in inside:
        if is_hidden(path.name):
            continue
        if path.is_dir():
            yield from _files_below(path, around | {here})
        elif path.is_file() or path.is_symlink():
            yield path


def photos_below(folder: Path) -> list[Path]:
    """The files below a folder that may be photos: by their names they are not something else."""

    def something_else(path: Path) -> bool:
        kind, _ = mimetypes.guess_type(path.name)
        return kind is not None and not kind.startswith("image/")

    return [path for path in files_below(folder) if not something_else(path)]


def is_hidden(name: str) -> bool:
    """Whether a path is a system's own: `.git/a.png`, `__MACOSX/ann/._1.jpg`, `ann/Thumbs.db`."""
    parts = PurePosixPath(name).parts
    return any(part.startswith(".") or part in _SYSTEM_FILES for part in parts)
