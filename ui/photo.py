"""Photos on their way in: from a file that was uploaded, or a data URL, to bytes in memory."""

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from siamese.errors import ImageError, SiameseError
from siamese.photos import MAX_BYTES
from ui import words
from ui.languages import said

MAX_NAME = 120  # characters of a file name that are kept


@dataclass(frozen=True, slots=True, eq=False)
class Upload:
    """One uploaded photo, still encoded: its file name, "" where it has none, and its bytes."""

    name: str
    content: bytes


class TakenError(ImageError):
    """The file of a photo is gone: another event has taken it, or it lay there for too long."""


def refusal(error: SiameseError) -> gr.Error:
    """The error as Gradio sends it: its sentence, and its code as the title; nothing is logged.

    Not made visible by Gradio itself, whose messages are HTML.
    """
    return gr.Error(said(str(error)), title=error.code, visible=False, print_exception=False)


def take(payload: dict[str, Any] | str) -> Upload:
    """The bytes of a photo that came in, whose temporary file, if there is one, is deleted.

    Args:
        payload: Gradio's description of an uploaded file, or a `data:` URL (base64).

    Raises:
        ImageError: a web address, which is never fetched; or a data URL that cannot be read.
        TakenError: of the events that ask for the same file only one gets it.
    """
    if isinstance(payload, str):
        return _from_url(payload, "")
    name = _clean(payload.get("orig_name")) or _clean(payload.get("path"))
    url, path = _text(payload.get("url")), _text(payload.get("path"))
    if url.startswith("data:"):
        return _from_url(url, name)
    if not path:
        return _from_url(url, name)
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        Path(path).unlink()
    except OSError as error:
        raise TakenError(words.PHOTO_IS_GONE.format(name=name)) from error
    return Upload(name, content)


def _from_url(url: str, name: str) -> Upload:
    head, _, body = url.partition(",")
    if not (head.startswith("data:") and head.endswith(";base64")):
        raise ImageError(words.NO_ADDRESSES)
    try:
        return Upload(name, base64.b64decode(body, validate=True))
    except (binascii.Error, ValueError) as error:
        raise ImageError(words.BAD_DATA_URL.format(name=name or words.UNNAMED_PHOTO)) from error


def _text(value: Any) -> str:
    """A value that is to be text; "" for anything else."""
    return value if isinstance(value, str) else ""


def _clean(name: Any) -> str:
    """The last part of a path that a visitor gave, of bounded length; "" for anything else."""
    if not isinstance(name, str):
        return ""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return last if len(last) <= MAX_NAME else last[: MAX_NAME - 12] + last[-12:]
