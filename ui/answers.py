"""HTML for the answer on two photos: verdict, probability on its scale, all pairs of faces."""

from datetime import date

import numpy as np
from markupsafe import Markup

from siamese import Verification
from siamese.calibration import DecisionRule, OperatingPoint, probability
from siamese.faces import Face
from ui import details, draw, numbers, text

_VERDICT = Markup(
    '<section class="answer {tone}" aria-label="{verdict}">'
    '<div class="faces">{first}<span class="sign" aria-hidden="true">{sign}</span>{second}</div>'
    '<div class="verdict"><h2>{verdict}</h2><p class="number"><b>{percent}</b> {unit}</p>'
    '<p class="lead">{lead}</p></div>'
    '{scale}{warnings}<p class="meaning">{meaning}</p>{decided}{matrix}{tools}</section>'
)
_SCALE = Markup(
    '<div class="scale"><div role="img" aria-label="{label}"><div class="track">'
    '<div class="zone different" style="width:{low}%"></div>'
    '<div class="zone uncertain" style="left:{low}%;width:{band}%"></div>'
    '<div class="zone same" style="left:{high}%;right:0"></div>'
    '<div class="here" style="left:{here}%"><span>{this}</span></div></div>'
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
_ASK = Markup('<button type="button" class="quiet" data-do="matrix" data-key="matrix">{}</button>')


def verification(found: Verification, rule: DecisionRule, matrix: np.ndarray | None) -> str:
    """The verdict on two photos.

    `matrix` holds the logits of all pairs of faces (n, m), None if it was not asked for.
    """
    tone = found.decision.value
    several = len(found.first.faces) * len(found.second.faces) > 1
    answer = _VERDICT.format(
        tone=tone,
        verdict=text.VERDICTS[tone],
        first=details.crop(found.first),
        second=details.crop(found.second),
        sign=text.SIGNS[tone],
        percent=numbers.percent(found.probability),
        unit=text.PROBABILITY_OF_SAME,
        lead=text.LEADS[tone],
        scale=_scale(found.logit, found.prior, found.operating_point, rule),
        warnings=details.warnings(found.first, found.second),
        meaning=text.MEANING.format(
            count=numbers.per_thousand(found.probability), prior=numbers.percent(found.prior)
        ),
        decided=details.decided(found.operating_point, found.milliseconds),
        matrix="" if matrix is None or not several else _matrix(matrix, found, rule),
        tools=details.tools(
            found.to_dict(),
            "verification",
            _picture(found),
            _ASK.format(text.ALL_PAIRS) if several and matrix is None else "",
        ),
    )
    return str(answer)


def _picture(found: Verification) -> str:
    tone = found.decision.value
    return draw.card(
        [found.first.face.crop, found.second.face.crop],
        text.SIGNS[tone],
        tone,
        text.VERDICTS[tone],
        [
            f"{numbers.percent(found.probability)} {text.PROBABILITY_OF_SAME}",
            f"{text.SETTING}: {details.point_name(found.operating_point)}",
            f"{date.today():%d %B %Y}, {text.NOT_FOR_SHORT}",
        ],
    )


def _scale(logit: float, prior: float, point: OperatingPoint, rule: DecisionRule) -> Markup:
    low = min(rule.different_below, point.threshold)
    start, end = numbers.position(low), numbers.position(point.threshold)
    label = text.SCALE_LABEL if low < point.threshold else text.SCALE_LABEL_NO_BAND
    zones = [zone for zone in text.ZONES if zone != "uncertain" or end > start]
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
        this=text.THIS_PAIR,
        ticks=Markup("").join(
            Markup('<span style="left:{}%">{}</span>').format(left, name)
            for left, name in numbers.ticks(prior)
        ),
        legend=Markup("").join(
            Markup('<li class="{}">{}</li>').format(zone, text.ZONES[zone]) for zone in zones
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
        title=text.ALL_PAIRS_TITLE, head=Markup("").join(heads), body=Markup("").join(rows)
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
        sign=text.SIGNS[decision],
        verdict=text.VERDICTS[decision],
    )
