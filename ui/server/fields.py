"""What the page sends, as it arrives: photos not yet decoded, events that nobody has checked.

Gradio's fields decode an upload before any handler sees it: EXIF data, 16-bit values and CMYK are
lost or re-encoded, and a broken file fails without a word on which one it was. Ours read the file
into memory, delete it at once, and leave the decoding to `siamese.photos`.
"""

import contextlib
from collections.abc import Iterator

import gradio as gr
from gradio.data_classes import FileData, ImageData, ListFiles

from siamese import SiameseError
from ui import words
from ui.photo import TakenError, Upload, refusal
from ui.server import stubs  # noqa: F401
from ui.server.receiving import taken

# What a press of a button may say.
_SAID = ("do", "face", "member", "list", "row", "column", "value", "number", "sheet")


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


def event_data(event: gr.EventData) -> dict[str, str]:
    """What a press of a button says, as strings; "" for anything it does not say.

    It comes from outside, so nothing about it is taken for granted.
    """
    raw = event._data if isinstance(event._data, dict) else {}
    return {key: str(raw.get(key, "")) for key in _SAID}


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """An error about a photo is said as Gradio sends errors."""
    try:
        yield
    except SiameseError as error:
        raise refusal(error) from error


def _taken(payload: ImageData | FileData) -> Upload:
    upload = taken(payload.model_dump())
    return Upload(upload.name or words.UNNAMED_PHOTO, upload.content)
