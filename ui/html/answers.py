"""HTML for the answer on two photos: verdict, probability on its scale, all pairs of faces."""

import math

import numpy as np
from markupsafe import Markup

from siamese import Verification
from siamese.answers import Explanation
from siamese.calibration import LN10, REASONS, DecisionRule
from siamese.faces.detector import Face
from ui import draw, words
from ui.html import details, numbers, why

_VERDICT = Markup(
    '<section class="answer {tone}" aria-label="{verdict}" data-say="{say}">'
    '<div class="faces">{first}<span class="sign" aria-hidden="true">{sign}</span>{second}</div>'
    '<div class="verdict"><h2>{verdict}</h2><p class="number"><b>{percent}</b> {unit}</p>'
    '<p class="lead">{lead}</p>{searched}</div>'
    '{scale}{warnings}<p class="meaning">{evidence}</p>{similar}<p class="meaning">{meaning}</p>'
    "{tools}{matrix}{why}{decided}"
    "</section>"
)
_SCALE = Markup(
    '<div class="scale"><div role="img" aria-label="{label}"><div class="track">'
    '<div class="zone different" style="width:{low}%"></div>'
    '<div class="zone uncertain" style="left:{low}%;width:{band}%"></div>'
    '<div class="zone same" style="left:{high}%;right:0"></div>'
    '<div class="here" style="left:{here}%"></div>'
    '<span class="this" style="--at:{here}%">{this}</span></div>'
    '<div class="ticks">{ticks}</div></div><ul class="legend">{legend}</ul></div>'
)
_MATRIX = Markup(
    '<div class="matrix"><h3>{title}</h3><div class="wide" tabindex="0" role="region"'
    ' aria-label="{title}"><table><thead><tr><td></td>{head}</tr></thead>'
    "<tbody>{body}</tbody></table></div></div>"
)
_CELL = Markup(
    '<td class="{decision}{current}"><button type="button" data-do="pair" data-row="{row}"'
    ' data-column="{column}" data-key="pair-{row}-{column}" aria-pressed="{pressed}">{percent}'
    ' <span aria-hidden="true">{sign}</span><span class="unseen"> {verdict}</span></button></td>'
)
_ASK = Markup(
    '<button type="button" class="quiet strong" data-do="{do}" data-key="{do}">{label}</button>'
)


def verification(
    found: Verification,
    rule: DecisionRule,
    matrix: np.ndarray | None = None,
    explanation: Explanation | None = None,
) -> str:
    """The verdict on two photos.

    `matrix` holds the logits of all pairs of faces (n, m), `explanation` what speaks for and
    against; None where they were not asked for.
    """
    tone = found.decision.value
    percent = numbers.percent(found.probability)
    several = len(found.first.faces) * len(found.second.faces) > 1
    asks = [("why", words.WHY)] if explanation is None else []
    asks += [("matrix", words.ALL_PAIRS)] if several and matrix is None else []
    among = searched(found)
    answer = _VERDICT.format(
        tone=tone,
        verdict=words.VERDICTS[tone],
        first=details.crop(found.first),
        second=details.crop(found.second),
        sign=words.SIGNS[tone],
        say=words.SAY_VERDICT.format(verdict=words.VERDICTS[tone], percent=percent),
        percent=percent,
        unit=words.PROBABILITY_OF_SAME,
        lead=_lead(found),
        searched=Markup('<p class="searched">{}</p>').format(among) if among else "",
        scale=_scale(found, rule),
        warnings=details.warnings(found.photos, found.cautions),
        evidence=evidence(found),
        similar=details.similar(found.similar),
        meaning=(words.MEANING_OF_BEST if among else words.MEANING).format(
            count=numbers.per_thousand(found.probability), prior=numbers.exact(found.prior)
        ),
        decided=details.decided(found.operating_point, found.milliseconds),
        matrix="" if matrix is None or not several else _matrix(matrix, found, rule),
        why="" if explanation is None else why.explanation(explanation),
        tools=details.tools(
            found.to_dict(),
            "verification",
            details.picture(
                tone,
                words.VERDICTS[tone],
                [
                    f"{percent} {words.PROBABILITY_OF_SAME}",
                    evidence(found),
                    *([among] if among else []),
                    words.PICTURE_PRIOR.format(prior=numbers.exact(found.prior)),
                ],
                (found.first, found.second),
                found.operating_point,
                found.origin,
                found.cautions,
            ),
            Markup("").join(_ASK.format(do=do, label=label) for do, label in asks),
        ),
    )
    return str(answer)


def _lead(found: Verification) -> str:
    """One sentence on the verdict, which does not depend on the prior, beside the number."""
    tone = found.decision.value
    if found.reason is not None:
        return f"{REASONS[found.reason]} {words.LEADS[tone]}"
    likely = "same" if found.probability >= 0.5 else "different"
    return words.LEADS[tone] if tone == likely else words.LEADS_DESPITE[tone]


def evidence(found: Verification) -> str:
    """The likelihood ratio in one sentence, with its word, and that it is bounded where it is."""
    log10, bounds = found.log10_likelihood_ratio, found.likelihood_ratio_bounds
    if not log10:
        return words.EVIDENCE_NONE
    said = words.EVIDENCE["same" if log10 > 0 else "different"].format(
        times=numbers.times(log10), support=found.support.capitalize()
    )
    bounded = bounds is not None and log10 in (bounds.log10_low, bounds.log10_high)
    return f"{said} {words.EVIDENCE_BOUNDED}" if bounded else said


def searched(found: Verification) -> str:
    """Of how many pairs of faces this is the most alike, and what follows; "" where of one."""
    if found.comparisons == 1:
        return ""
    counts = len(found.all_pairs), len(found.all_pairs[0])
    which = [
        words.FACE_OF_PHOTO[place].format(number=photo.chosen + 1)
        for place, photo in enumerate(found.photos)
        if counts[place] > 1
    ]
    said = words.SEARCHED.format(count=found.comparisons, which=words.AND.join(which))
    if found.false_match_rate is None:
        return said
    return f"{said} {words.SEARCHED_RATE.format(rate=numbers.rate(found.false_match_rate))}"


def _scale(found: Verification, rule: DecisionRule) -> Markup:
    prior, here = found.prior_of_pair, LN10 * found.log10_likelihood_ratio
    # As the evidence, limits lie no further out than the bounds, unless nothing reaches them.
    different, high = (
        limit if math.isinf(limit) else float(rule.bounded(limit))
        for limit in rule.limits(found.operating_point, found.comparisons)
    )
    low = min(different, high)
    start, end = numbers.position(low), numbers.position(high)
    label = words.SCALE_LABEL if low < high else words.SCALE_LABEL_NO_BAND
    zones = [zone for zone in words.ZONES if zone != "uncertain" or end > start]
    return _SCALE.format(
        label=label.format(
            different=numbers.at_prior(low, prior),
            same=numbers.at_prior(high, prior),
            here=numbers.percent(found.probability),
        ),
        low=start,
        band=round(end - start, 2),
        high=end,
        here=numbers.position(here),
        this=words.THIS_PAIR.format(percent=numbers.percent(found.probability)),
        ticks=Markup("").join(
            Markup('<span style="--at:{}%">{}</span>').format(left, name)
            for left, name in numbers.ticks(prior)
        ),
        legend=Markup("").join(
            Markup('<li class="{}">{}</li>').format(zone, words.ZONES[zone]) for zone in zones
        ),
    )


def _matrix(logits: np.ndarray, found: Verification, rule: DecisionRule) -> Markup:
    rows = (
        Markup("<tr>{}{}</tr>").format(
            _heading("row", face, row),
            Markup("").join(
                _cell(float(logit), row, column, found, rule)
                for column, logit in enumerate(logits[row])
            ),
        )
        for row, face in enumerate(found.first.faces)
    )
    heads = (_heading("col", face, column) for column, face in enumerate(found.second.faces))
    return _MATRIX.format(
        title=words.ALL_PAIRS_TITLE, head=Markup("").join(heads), body=Markup("").join(rows)
    )


def _heading(scope: str, face: Face, index: int) -> Markup:
    return Markup('<th scope="{}"><img src="{}" alt=""> {}</th>').format(
        scope, draw.crop(face), index + 1
    )


def _cell(logit: float, row: int, column: int, found: Verification, rule: DecisionRule) -> Markup:
    judged = rule.judge(logit, found.operating_point, found.prior, found.comparisons)
    decision = judged.decision.value
    current = (row, column) == (found.first.chosen, found.second.chosen)
    return _CELL.format(
        decision=decision,
        current=" current" if current else "",
        row=row,
        column=column,
        pressed="true" if current else "false",
        percent=numbers.percent(judged.probability),
        sign=words.SIGNS[decision],
        verdict=words.VERDICTS[decision],
    )
