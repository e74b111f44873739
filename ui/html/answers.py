"""HTML for the answer on two photos: verdict, probability on its scale, all pairs of faces."""

import numpy as np
from markupsafe import Markup

from siamese import Verification
from siamese.answers import Explanation
from siamese.calibration import DecisionRule, OperatingPoint, probability
from siamese.faces.detector import Face
from ui import draw, words
from ui.html import details, numbers, why

_VERDICT = Markup(
    '<section class="answer {tone}" aria-label="{verdict}" data-say="{say}">'
    '<div class="faces">{first}<span class="sign" aria-hidden="true">{sign}</span>{second}</div>'
    '<div class="verdict"><h2>{verdict}</h2><p class="number"><b>{percent}</b> {unit}</p>'
    '<p class="lead">{lead}</p></div>'
    '{scale}{warnings}{similar}<p class="meaning">{meaning}</p>{tools}{matrix}{why}{decided}'
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
        scale=_scale(found.logit, found.prior, found.operating_point, rule),
        warnings=details.warnings(found.first, found.second),
        similar=details.similar(found.similar),
        meaning=words.MEANING.format(
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
                    words.PICTURE_PRIOR.format(prior=numbers.exact(found.prior)),
                ],
                (found.first, found.second),
                found.operating_point,
                found.origin,
            ),
            Markup("").join(_ASK.format(do=do, label=label) for do, label in asks),
        ),
    )
    return str(answer)


def _lead(found: Verification) -> str:
    """One sentence on the verdict, which does not depend on the prior, beside the number."""
    tone = found.decision.value
    likely = "same" if found.probability >= 0.5 else "different"
    return words.LEADS[tone] if tone in ("uncertain", likely) else words.LEADS_DESPITE[tone]


def _scale(logit: float, prior: float, point: OperatingPoint, rule: DecisionRule) -> Markup:
    low = min(rule.different_below, point.threshold)
    start, end = numbers.position(low), numbers.position(point.threshold)
    label = words.SCALE_LABEL if low < point.threshold else words.SCALE_LABEL_NO_BAND
    zones = [zone for zone in words.ZONES if zone != "uncertain" or end > start]
    return _SCALE.format(
        label=label.format(
            different=numbers.at_prior(low, prior),
            same=numbers.at_prior(point.threshold, prior),
            here=numbers.at_prior(logit, prior),
        ),
        low=start,
        band=round(end - start, 2),
        high=end,
        here=numbers.position(logit),
        this=words.THIS_PAIR.format(percent=numbers.at_prior(logit, prior)),
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
    decision = rule.decide(logit, found.operating_point).value
    current = (row, column) == (found.first.chosen, found.second.chosen)
    return _CELL.format(
        decision=decision,
        current=" current" if current else "",
        row=row,
        column=column,
        pressed="true" if current else "false",
        percent=numbers.percent(probability(logit, found.prior)),
        sign=words.SIGNS[decision],
        verdict=words.VERDICTS[decision],
    )
