"""Parts that both tabs are made of."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from siamese import Verifier
from ui import text
from ui.components import Panel, PhotoInput

# Everything that decodes photos or runs the network shares one pool.
POOL = "photos"
POOL_SIZE = 2


@dataclass(frozen=True, slots=True)
class Place:
    """A place for one photo: the field that takes it, and the card that shows it."""

    field: PhotoInput
    card: Panel


def photo_place(role: str) -> Place:
    """A place for one photo; `role` is its name for people."""
    with gr.Column(min_width=280, elem_classes="place"):
        field = PhotoInput(
            label=role, placeholder=text.DROP, height=300, buttons=[], elem_classes="field"
        )
        card = Panel("", elem_classes="card")
    return Place(field, card)


def options(verifier: Verifier, prior: str, prior_info: str) -> tuple[gr.Radio, gr.Slider]:
    """The choice of the operating point, and the prior in per cent."""
    points = [point.name for point in verifier.rule.operating_points]
    choices = [(text.OPERATING_POINTS.get(name, name), name) for name in points]
    radio = gr.Radio(
        choices, value=points[0], label=text.OPERATING_POINT, info=text.OPERATING_POINT_INFO
    )
    slider = gr.Slider(1, 99, value=50, step=1, label=prior, info=prior_info)
    return radio, slider


def updates(*parts: Any, last: bool = False) -> dict[str, Any]:
    """Options of an event: shared pool, not part of the API, progress shown on `parts`.

    `last`: while one such event runs, only the newest that follows is kept, not every one.
    """
    return {
        "api_visibility": "private",
        "concurrency_id": POOL,
        "concurrency_limit": POOL_SIZE,
        "show_progress": "minimal" if last else "full",
        "show_progress_on": list(parts),
        "trigger_mode": "always_last" if last else "multiple",
    }


def event_data(event: gr.EventData) -> dict[str, str]:
    """What a press of a button says, as strings; "" for anything it does not say.

    It comes from outside, so nothing about it is taken for granted.
    """
    raw = event._data if isinstance(event._data, dict) else {}
    return {key: str(raw.get(key, "")) for key in ("do", "face", "row", "column", "value")}
