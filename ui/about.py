"""The honest part of the page: who answered, how often it errs, what it is not for."""

import json
import re
from pathlib import Path

from markupsafe import Markup

from siamese.calibration import OperatingPoint, Rate
from siamese.results import Origin
from ui import numbers, text
from ui.details import point_name


def header() -> str:
    """The head of the page."""
    return str(
        Markup(
            '<header class="head"><h1>{}</h1><p>{}</p><p class="consent">{}</p></header>'
            # Gradio's field for many files has words of its own; the style sheet shows these.
            "<style>:root {{ --drop-many: {} }}</style>"
        ).format(text.TITLE, text.SUBTITLE, text.CONSENT, Markup(json.dumps(text.DROP_MANY)))
    )


def notice(message: str) -> str:
    """What a visitor has to know about the checkpoint, in the words of the error."""
    return str(Markup('<p class="notice" role="status">{}</p>').format(message))


def honesty(minutes: int) -> str:
    """What it is not for, and what happens to the photos."""
    return str(
        Markup('<aside class="about"><h2>{}</h2><p>{}</p><p>{}</p></aside>').format(
            text.ABOUT_TITLE, text.ABOUT, text.PRIVACY.format(minutes=minutes)
        )
    )


def measured(
    origin: Origin, points: tuple[OperatingPoint, ...], head: tuple[str, ...], card: str | None
) -> str:
    """Which network answers, and its measured error rates with counts and intervals.

    `head` is what stands above the rates, `card` the id of the model card on the page, if any.
    """
    link = Markup('<a href="#{}">{}</a>').format(card, text.MODEL_CARD_LINK) if card else ""
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
            '<section class="measured"><h2>{}</h2><p>{} <code>{}</code>. {}</p>'
            '<div class="wide" tabindex="0" role="region" aria-label="{}"><table>'
            "<caption>{} ({})</caption><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>"
            "</section>"
        ).format(
            text.RATES_TITLE,
            text.CHECKPOINT_LINE.format(name=origin.source),
            origin.sha256,
            link,
            text.RATES_TABLE,
            text.RATES_TABLE,
            where,
            heads,
            rows,
        )
    )


def model_card(folder: Path | None) -> str | None:
    """The checkpoint's own card (Markdown without its front matter), None where there is none.

    Without its pictures too: nothing beside the page is served.
    """
    if folder is None or not (folder / "README.md").is_file():
        return None
    card = (folder / "README.md").read_text(encoding="utf-8")
    if card.startswith("---"):
        card = card.partition("\n---")[2].lstrip("-\n")
    return re.sub(r"^!\[.*\]\(.*\)\s*$", "", card, flags=re.MULTILINE)


def _rate(found: Rate) -> Markup:
    if not found.trials:
        return Markup("–")
    low, high = numbers.interval(found)
    counts = text.RATE_COUNTS.format(
        errors=f"{found.errors:,}", trials=f"{found.trials:,}", low=low, high=high
    )
    return Markup("{} <small>{}</small>").format(numbers.rate(found.value), counts)
