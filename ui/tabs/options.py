"""What the tabs share: the options, and how events are queued."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from siamese import Verifier
from siamese.calibration import ANYBODY
from ui import words
from ui.html import cards
from ui.html.details import point_name
from ui.languages import said
from ui.server.cores import cores
from ui.tabs.components import Panel, Percent

# Everything that decodes photos and searches them shares one pool.
POOL = "photos"
POOL_SIZE = cores()
# Answers from what was found are quick. One at a time, so that they arrive in the order asked for.
ANSWERS = "answers"


@dataclass(frozen=True, slots=True)
class Settings:
    """The choice of operating point, prior and population, and the browser's memory of them."""

    point: gr.Radio
    prior: Percent
    population: gr.Radio
    kept: gr.BrowserState

    @property
    def controls(self) -> list[Any]:
        """What a visitor can set, in the order in which events take it."""
        return [self.point, self.prior, self.population]

    def keep(self, page: gr.Blocks) -> None:
        """Let the browser remember them, and set what it remembers when the page comes again.

        Nothing of this is sent. What the checkpoint no longer offers is not set.
        """
        gr.on([one.input for one in self.controls], None, self.controls, self.kept, js=_KEEP)
        offered = [[value for _, value in one.choices] for one in (self.point, self.population)]
        restore = _RESTORE % tuple(map(json.dumps, offered))
        page.load(None, [self.kept, *self.controls], self.controls, js=restore)


_KEEP = "(...now) => [now]"
_RESTORE = """(kept, ...now) =>
    kept && %s.includes(kept[0]) && %s.includes(kept[2]) ? kept : now"""


def options(
    verifier: Verifier, tab: str, prior: str, prior_info: str, percent: int = 50
) -> Settings:
    """The choice of operating point, prior, which starts at `percent`, and population.

    They are behind a button; the page remembers whether they are open, and of each `tab` what was
    set. The population is not shown where the checkpoint knows of one only.
    """
    rule, faces = verifier.rule, verifier.config.detector == "mtcnn"
    choices = [(point_name(point), point.name) for point in rule.operating_points]
    info = words.OPERATING_POINT_INFO if faces else words.OPERATING_POINT_INFO_ANY
    # With a secret that anybody can read: a random one would be another after each start.
    kept = gr.BrowserState(storage_key=f"siamese.settings.{tab}", secret=tab)
    with gr.Column(elem_classes="settings"):
        gr.HTML(str(cards.opener(words.SETTINGS, "settings")), apply_default_css=False)
        with gr.Row(elem_classes="options"):
            radio = gr.Radio(
                choices,
                value=rule.default.name,
                label=words.OPERATING_POINT,
                info=info.format(data=said(rule.default.measured_on)),
                min_width=280,
            )
            slider = Percent(
                0.1,
                99.9,
                value=percent,
                step=0.1,
                label=prior,
                info=prior_info,
                min_width=280,
                buttons=[],
            )
            population = gr.Radio(
                [(words.POPULATIONS[name], name) for name in rule.names],
                value=ANYBODY,
                label=words.POPULATION,
                info=words.POPULATION_INFO,
                min_width=280,
                visible=len(rule.names) > 1,
            )
    return Settings(radio, slider, population, kept)


def working(*parts: Any) -> dict[str, Any]:
    """Options of an event that reads photos; progress shows on `parts`."""
    return {
        "api_visibility": "private",
        "concurrency_id": POOL,
        "concurrency_limit": POOL_SIZE,
        "show_progress_on": list(parts),
        "trigger_mode": "multiple",
    }


def settling(part: Any) -> dict[str, Any]:
    """Options of an event that makes an answer from photos that are already read."""
    return {
        "api_visibility": "private",
        "concurrency_id": ANSWERS,
        "concurrency_limit": 1,
        "show_progress": "minimal",
        "show_progress_on": part,
        # Each asks again what is on the page; the default drops those that come while one runs.
        "trigger_mode": "multiple",
    }


def follow(
    controls: list[Any], settle: Callable[..., str], inputs: list[Any], answer: Panel
) -> None:
    """Let the answer follow these controls; while one moves, only its newest place counts."""
    for control in controls:
        control.input(
            settle,
            inputs,
            answer,
            **{**settling(answer), "show_progress": "hidden", "trigger_mode": "always_last"},
        )
