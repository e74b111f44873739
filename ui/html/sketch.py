"""A sheet to draw on, with mouse, finger or pen.

Gradio's own sketch component was tried. It wants a tool to be chosen before the first stroke, needs
WebGL, and keeps drawings in the server's memory behind an address that any visitor can fill. This
one draws at once, and what it draws travels in the event itself: nothing is stored for it.
"""

import secrets
from pathlib import Path
from typing import Any

import gradio as gr

from ui.html.templates import macros
from ui.server import stubs  # noqa: F401

SIDE = 420  # px of the sheet
_SCRIPT = Path(__file__).with_name("sketch.js").read_text(encoding="utf-8")
_HTML = macros("drawings")


class Sketch(gr.HTML):
    """Raises `act` with `do` "drawn".

    Its `value` is the drawing as a PNG in a data URL, "" for none; `number` grows from change to
    change; `sheet` is the mark of the sheet that was drawn on.
    """

    is_template = True

    def __init__(self, **options: Any) -> None:
        """`options` are those of `gr.HTML`."""
        super().__init__(sheet(mark()), js_on_load=_SCRIPT, apply_default_css=False, **options)


def mark() -> str:
    """Tells one fresh sheet from all others."""
    return secrets.token_hex(4)


def sheet(turn: str, picture: str = "") -> str:
    """The value of a `Sketch`: a fresh sheet, with a picture (a data URL) on it or empty.

    `turn` is its `mark`; a value that is equal to the last one would not reach the page.
    """
    return str(_HTML.sheet(turn, SIDE, picture))
