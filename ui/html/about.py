"""The honest part of the page: who answered, how often it errs, what it is not for."""

import json

from markupsafe import Markup

from siamese.answers import Origin
from siamese.calibration import OperatingPoint, Rate
from ui import words
from ui.html import numbers
from ui.html.details import SHA, point_name


def header() -> str:
    """The head of the page."""
    return str(
        Markup(
            '<header class="head" data-words="{}"><h1>{}</h1>'
            '<p class="said" role="status" data-text="{}" data-full="{}"'
            ' data-offline="{}" data-online="{}"></p></header>'
            # Gradio's field for many files has words of its own; the style sheet shows these.
            "<style>:root {{ --drop-many: {} }}</style>"
        ).format(
            json.dumps({**words.BUTTONS, "many": words.DROP_MANY}),
            words.TITLE,
            words.NO_PICTURE,
            words.ALL_TAKEN,
            words.OFFLINE,
            words.ONLINE,
            Markup(json.dumps(words.DROP_MANY)),
        )
    )


def lead(*sentences: str) -> str:
    """What a tab is for; it goes when the answer is there."""
    lines = Markup("").join(Markup("<p>{}</p>").format(sentence) for sentence in sentences)
    return str(Markup('<div class="lead-in">{}</div>').format(lines))


def notice(message: str) -> str:
    """What a visitor has to know about the checkpoint, in the words of the error."""
    return str(Markup('<p class="notice" role="status">{}</p>').format(message))


def honesty(minutes: int) -> str:
    """What it is not for, and what happens to the photos."""
    return str(
        Markup('<aside class="about"><h2>{}</h2><p>{}</p><p>{}</p></aside>').format(
            words.ABOUT_TITLE, words.ABOUT, words.PRIVACY.format(minutes=minutes)
        )
    )


def measured(
    origin: Origin, points: tuple[OperatingPoint, ...], head: tuple[str, ...], card: str | None
) -> str:
    """Which network answers, and its measured error rates with counts and intervals.

    `head` is what stands above the rates, `card` the id of the model card on the page, if any.
    """
    link = Markup('<a href="#{}">{}</a>').format(card, words.MODEL_CARD_LINK) if card else ""
    rows = Markup("").join(
        Markup('<tr><th scope="row">{}</th><td>{}</td><td>{}</td></tr>').format(
            point_name(point), _rate(point.fmr), _rate(point.fnmr)
        )
        for point in points
    )
    heads = Markup("").join(Markup('<th scope="col">{}</th>').format(name) for name in head)
    where = ", ".join(dict.fromkeys(point.measured_on for point in points))
    return str(
        Markup(
            '<section class="measured"><h2>{}</h2><p>{} {}</p>'
            '<div class="wide" tabindex="0" role="region" aria-label="{}"><table>'
            "<caption>{} ({})</caption><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>"
            "</section>"
        ).format(
            words.RATES_TITLE,
            words.CHECKPOINT_LINE.format(name=origin.source, sha=origin.sha256[:SHA]),
            link,
            words.RATES_TABLE,
            words.RATES_TABLE,
            where,
            heads,
            rows,
        )
    )


def _rate(found: Rate) -> Markup:
    if not found.trials:
        return Markup("–")
    low, high = numbers.interval(found)
    counts = words.RATE_COUNTS.format(
        errors=f"{found.errors:,}", trials=f"{found.trials:,}", low=low, high=high
    )
    return Markup("{} <small>{}</small>").format(numbers.rate(found.value), counts)
