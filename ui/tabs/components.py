"""Gradio components of our own: photo fields that do not decode, HTML that can be pressed.

Gradio's fields decode an upload before any handler sees it: EXIF data, 16-bit values and CMYK are
lost or re-encoded, and a broken file fails without a word on which one it was. Ours read the file
into memory, delete it at once, and leave the decoding to `siamese.photos`.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio import component_meta
from gradio.data_classes import FileData, ImageData, ListFiles

from siamese import SiameseError
from ui import words
from ui.photo import TakenError, Upload, refusal, take

# Gradio writes a .pyi file beside every module that derives a component, which type checkers then
# believe instead of the module, and which fails where the code cannot be written to.
component_meta.create_or_modify_pyi = lambda *_: None

_SCRIPT = (Path(__file__).parents[1] / "html" / "page.js").read_text(encoding="utf-8")


class PhotoInput(gr.Image):
    """An image field (file, clipboard, webcam) that gives an `Upload`, or None when empty."""

    is_template = True

    def preprocess(self, payload: ImageData | None) -> Upload | None:  # type: ignore[override]
        """Take the file over; the picture stays encoded."""
        with _refusing():
            return None if payload is None else _taken(payload)


class PhotosInput(gr.File):
    """A field for many photos that gives a list of `Upload`."""

    is_template = True

    def preprocess(self, payload: ListFiles | FileData | None) -> list[Upload]:  # type: ignore[override]
        """Take the files over; the pictures stay encoded.

        Photos that are added while others are read come together with those, which are in the field
        still: whatever an event before has taken is left out.
        """
        if payload is None:
            return []
        files = list(payload) if isinstance(payload, ListFiles) else [payload]
        found = []
        with _refusing():
            for file in files:
                with contextlib.suppress(TakenError):
                    found.append(_taken(file))
        return found


class Percent(gr.Slider):
    """A probability in per cent, on a slider and in a box to type it in."""

    is_template = True

    def preprocess(self, payload: float | None) -> float:
        """What the box shows once it is left; while somebody types, it may be empty or beyond."""
        return min(max(payload or 0.0, self.minimum), self.maximum)


class Panel(gr.HTML):
    """A part of the page drawn by us, whose buttons raise the event `act`.

    The event's data are the `data-` attributes of what was pressed.
    """

    is_template = True

    def __init__(self, value: str = "", **options: Any) -> None:
        """`options` are those of `gr.HTML`."""
        super().__init__(value, js_on_load=_SCRIPT, apply_default_css=False, **options)


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """An error about a photo is said as Gradio sends errors."""
    try:
        yield
    except SiameseError as error:
        raise refusal(error) from error


def _taken(payload: ImageData | FileData) -> Upload:
    upload = take(payload.model_dump())
    return Upload(upload.name or words.UNNAMED_PHOTO, upload.content)
