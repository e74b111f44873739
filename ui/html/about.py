"""The honest part of the page: who answered, how often it errs, what it is not for."""

import json

from siamese.answers import Origin
from siamese.calibration import OperatingPoint
from ui import words
from ui.html.details import SHA, point_name
from ui.html.templates import macros
from ui.languages import LANGUAGES, current, listed, said

_HTML = macros("about")


def header() -> str:
    """The head of the page, with the choice of its language."""
    texts = json.dumps(
        {
            "gradios": words.GRADIOS,
            "many": words.DROP_MANY,
            "sending": words.SENDING,
            "waiting": words.SENDING_WAITS,
        }
    )
    many = json.dumps(words.DROP_MANY, ensure_ascii=False)  # CSS has other escapes
    return str(_HTML.header(texts, many, current(), LANGUAGES))


def lead(*sentences: str) -> str:
    """What a tab is for; it goes when the answer is there."""
    return str(_HTML.lead(sentences))


def notice(message: str) -> str:
    """What a visitor has to know about the checkpoint, in the words of the error."""
    return str(_HTML.notice(message))


def honesty(minutes: int) -> str:
    """What it is not for, and what happens to the photos."""
    return str(_HTML.honesty(minutes))


def measured(
    origin: Origin, points: tuple[OperatingPoint, ...], head: tuple[str, ...], card: str | None
) -> str:
    """Which network answers, and its measured error rates with counts and intervals.

    `head` is what stands above the rates, `card` the id of the model card on the page, if any.
    """
    rows = [(point_name(point), point.fmr, point.fnmr) for point in points]
    where = listed([*dict.fromkeys(said(point.measured_on) for point in points)])
    checkpoint = words.CHECKPOINT_LINE.format(name=origin.source, sha=origin.sha256[:SHA])
    return str(_HTML.measured(rows, where, head, checkpoint, card))
