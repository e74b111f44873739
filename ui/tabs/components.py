"""Gradio components of our own: HTML that can be pressed, a probability in per cent."""

from pathlib import Path
from typing import Any

import gradio as gr

from ui.server import stubs  # noqa: F401

_SCRIPT = (Path(__file__).parents[1] / "html" / "page.js").read_text(encoding="utf-8")


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
