"""An answer on two photos as one HTML file to keep: nothing is fetched, and it prints well."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from babel.dates import format_date
from markupsafe import Markup

from siamese import Verification
from siamese.answers import Explanation
from ui import words
from ui.html import answers, details, numbers, why
from ui.html.templates import macros
from ui.languages import listed, locale

_HTML = macros("report")
_STYLE = Markup(Path(__file__).with_name("report.css").read_text(encoding="utf-8"))


def verification(
    found: Verification, explanation: Explanation | None, sha256: Sequence[str], day: date
) -> str:
    """The file.

    `sha256` are the hashes of both photos' files, hexadecimal; `explanation` is None where nobody
    asked.
    """
    tone, verdict = details.headline(found)
    answer = {
        "tone": tone,
        "verdict": verdict,
        "percent": answers.number(found),
        "lead": answers.lead(found),
    }
    origin = (
        (words.REPORT_CHECKPOINT, found.origin.source),
        (words.REPORT_WEIGHTS, found.origin.sha256),
    )
    return str(
        _HTML.report(
            _STYLE,
            format_date(day, "long", locale=locale()),
            answer,
            list(zip(found.photos, sha256, strict=True)),
            details.warnings(found.photos),
            _facts(found),
            "" if explanation is None else why.explanation(explanation),
            origin,
        )
    )


def _facts(found: Verification) -> list[tuple[str, str]]:
    """The likelihood ratio, what it is bounded by, and against whom it was measured."""
    bounds = found.likelihood_ratio_bounds
    strangers, one_person = details.alike(found)
    between = (
        words.REPORT_BETWEEN.format(
            low=numbers.log10(bounds.log10_low), high=numbers.log10(bounds.log10_high)
        )
        if bounds
        else ""
    )
    return [
        (words.REPORT_RATIO, numbers.log10(found.log10_likelihood_ratio)),
        (words.REPORT_BOUNDS, between),
        (words.REPORT_MEANING, " ".join([answers.evidence(found), *details.warned(found)])),
        (words.REPORT_PRIOR, numbers.exact(found.prior)),
        (words.REPORT_FACES, answers.searched(found)),
        (words.POPULATION, words.POPULATIONS[found.population]),
        (words.REPORT_STRANGERS, strangers),
        (words.REPORT_ONE_PERSON, one_person),
        (words.REPORT_RATES, details.rates(found.operating_point)),
        (words.REPORT_AMONG, listed(details.among_counted(found))),
    ]
