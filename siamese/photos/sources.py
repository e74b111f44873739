"""What somebody gives as a photo -> the bytes of its file, or a sentence that says what it is."""

import base64
import binascii
import os
from pathlib import Path
from typing import Any, BinaryIO

from siamese.errors import ImageError
from siamese.photos.photo import Caption

# An uncompressed TIFF of 100 megapixels has 300 MB. Larger files are read no further than this.
MAX_BYTES = 320 * 2**20
DATA_URL = "data:"
_WEB = ("http://", "https://", "http:/", "https:/")  # as a path has them, too


def read(source: str | os.PathLike[str] | bytes | BinaryIO, caption: Caption) -> bytes:
    """The bytes of a photo's file, no more than MAX_BYTES + 1; ImageError where it has none."""
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source[: MAX_BYTES + 1])
    if isinstance(source, str) and source.startswith(DATA_URL):
        return _read_data_url(source, caption)
    if isinstance(source, str | os.PathLike):
        return _read_path(source, caption)
    if not hasattr(source, "read"):
        raise ImageError(
            f"{caption.start} is {_kind(source)}; please give a path, bytes, an open"
            " file, a PIL picture or an array."
        )
    return _read_file(source, caption)


def _read_data_url(source: str, caption: Caption) -> bytes:
    head, comma, body = source.partition(",")
    try:
        if not comma or not head.endswith(";base64"):
            raise ValueError("not in base64")
        return base64.b64decode(body[: 4 * (MAX_BYTES // 3 + 2)], validate=True)[: MAX_BYTES + 1]
    except (ValueError, binascii.Error) as error:
        raise ImageError(
            f"{caption.start} is a broken data URL; please give data:image/...;base64,..."
        ) from error


def _read_path(given: str | os.PathLike[str], caption: Caption) -> bytes:
    path = Path(given)
    if not str(given):
        raise ImageError(f"{caption.start} is an empty text; please give the path of a file.")
    if str(given).startswith(_WEB):
        raise ImageError(
            f"{caption.start} is a web address; please download the photo, and give its file."
        )
    try:
        if path.is_dir():
            raise ImageError(f"{caption.start} is a folder; please choose one photo in it.")
        if not path.exists():
            raise ImageError(f"{caption.start} does not exist; please check the path.")
        if not path.is_file():  # reading one may never end
            raise ImageError(
                f"{caption.start} is a pipe or a device; please save the photo as a file."
            )
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ImageError(f"{caption.start} cannot be opened; please check it.") from error


def _read_file(file: BinaryIO, caption: Caption) -> bytes:
    try:
        content = file.read(MAX_BYTES + 1)
        used_up = not content and file.seekable() and file.tell() > 0
    except (OSError, ValueError, AttributeError) as error:
        raise ImageError(f"{caption.start} cannot be read; please give it again.") from error
    if not isinstance(content, bytes):
        raise ImageError(f"{caption.start} was opened as text; please open it in binary mode.")
    if used_up:
        raise ImageError(
            f"{caption.start} is an open file that was read to its end before; please open it anew."
        )
    return content


def _kind(source: Any) -> str:
    """What an object is, for whoever gave it instead of a photo."""
    if source is None:
        return "None"
    if hasattr(source, "detach"):
        return f"a tensor of shape {tuple(source.shape)}, not an array of NumPy"
    return f"an object of type {type(source).__name__}"
