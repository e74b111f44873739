"""HTML for the answer on two photos: verdict, probability on its scale, all pairs of faces."""

import math

import numpy as np
from markupsafe import Markup

from siamese import Decision, Verification
from siamese.answers import Explanation
from siamese.calibration import ANYBODY, LN10, REASONS, DecisionRule
from siamese.faces.detector import Face
from ui import draw, words
from ui.html import details, numbers, why

_VERDICT = Markup(
    '<section class="answer {tone}" aria-label="{verdict}" data-say="{say}">'
    '<div class="faces">{first}<span class="sign" aria-hidden="true">{sign}</span>{second}</div>'
    '<div class="verdict"><h2 tabindex="-1" data-key="verdict">{verdict}</h2>'
    '<p class="number"><b>{percent}</b> {unit}</p><p class="lead">{lead}</p>{searched}{among}</div>'
    "{warnings}{joined}{scale}{why}{matrix}{more}</section>"
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
_JOINED = Markup(
    '<div class="joined" role="group" aria-label="{label}"><p>{label}</p>{pairs}</div>'
)
_PAIR = Markup(
    '<button type="button" data-do="pair" data-row="{row}" data-column="{column}"'
    ' data-key="joined-{row}-{column}" aria-pressed="{pressed}" aria-label="{label}">'
    '<img src="{first}" alt=""><b aria-hidden="true">{numbers[0]}</b><i aria-hidden="true"></i>'
    '<b aria-hidden="true">{numbers[1]}</b><img src="{second}" alt=""></button>'
)
_CELL = Markup(
    '<td class="{decision}{current}"><button type="button" data-do="pair" data-row="{row}"'
    ' data-column="{column}" data-key="pair-{row}-{column}" aria-pressed="{pressed}">{percent}'
    ' <span aria-hidden="true">{sign}</span><span class="unseen"> {verdict}</span></button></td>'
)


def verification(
    found: Verification,
    rule: DecisionRule,
    matrix: np.ndarray | None = None,
    explanation: Explanation | None = None,
) -> str:
    """The verdict on two photos.

    `rule` is that for anybody. `matrix` holds the network's logits of all pairs of faces (n, m),
    `explanation` what speaks for and against; None where they were not asked for.
    """
    rule = rule.among(found.population)
    logits = _known(None if matrix is None else rule.pair_logit(matrix), found)
    tone = shown(found.decision, found.probability)
    percent = numbers.percent(found.probability)
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
        searched=_searched(found),
        among=details.among(found),
        scale=_scale(found, rule),
        warnings=details.warnings(found.photos, found.cautions),
        joined=_joined(logits, found, rule),
        why=details.asked(
            "why",
            words.WHY,
            words.EXPLAINING,
            None if explanation is None else why.explanation(explanation),
        ),
        matrix=_all_faces(logits, found, rule),
        more=_more(found, tone),
    )
    return str(answer)


def shown(decision: Decision, probability: float) -> str:
    """What the page says of a decision.

    The decision does not depend on the chance beforehand, the probability does; where they are on
    different sides of one half, the page says neither.
    """
    against = (decision is Decision.SAME and probability < 0.5) or (
        decision is Decision.DIFFERENT and probability > 0.5
    )
    return Decision.UNCERTAIN.value if against else decision.value


def _lead(found: Verification) -> str:
    """What is said beside the number; one sentence, where it is decided."""
    tone = shown(found.decision, found.probability)
    if tone != found.decision:
        return words.LEADS_DESPITE[found.decision.value]
    if found.reason is not None:
        return f"{REASONS[found.reason]} {words.LEADS[tone]}"
    similar = found.different_people_as_similar
    return words.LEADS[tone] if similar is None else details.strangers(similar, found.population)


def evidence(found: Verification) -> str:
    """The likelihood ratio in one sentence, with its word, and that it is bounded where it is."""
    log10, bounds = found.log10_likelihood_ratio, found.likelihood_ratio_bounds
    if not log10:
        return words.EVIDENCE_NONE
    said = words.EVIDENCE["same" if log10 > 0 else "different"].format(
        times=numbers.times(log10),
        two=words.TWO[found.population],
        support=found.support.capitalize(),
    )
    bounded = bounds is not None and log10 in (bounds.log10_low, bounds.log10_high)
    return f"{said} {words.EVIDENCE_BOUNDED}" if bounded else said


def _which(found: Verification) -> str:
    """Of how many pairs of faces this is the most alike; "" where of one."""
    if found.comparisons == 1:
        return ""
    counts = len(found.all_pairs), len(found.all_pairs[0])
    which = [
        words.FACE_OF_PHOTO[place].format(number=photo.chosen + 1)
        for place, photo in enumerate(found.photos)
        if counts[place] > 1
    ]
    return words.SEARCHED.format(count=found.comparisons, which=words.AND.join(which))


def _searched(found: Verification) -> Markup:
    which = _which(found)
    return Markup('<p class="searched">{}</p>').format(which) if which else Markup("")


def searched(found: Verification) -> str:
    """Of how many pairs of faces this is the most alike, and what follows; "" where of one."""
    if found.comparisons == 1:
        return ""
    said = f"{_which(found)} {words.SEARCHED_ODDS.format(count=found.comparisons)}"
    if found.false_match_rate is None:
        return said
    return f"{said} {words.SEARCHED_RATE.format(rate=numbers.rate(found.false_match_rate))}"


def _more(found: Verification, tone: str) -> Markup:
    """How sure it is, how it was decided, and the answer to take along."""
    percent, prior = numbers.percent(found.probability), numbers.exact(found.prior)
    among, similar = searched(found), found.different_people_as_similar
    picture = details.picture(
        tone,
        words.VERDICTS[tone],
        [
            f"{percent} {words.PROBABILITY_OF_SAME}",
            evidence(found),
            *([among] if among else []),
            *([details.named(found.population)] if found.population != ANYBODY else []),
            words.PICTURE_PRIOR.format(prior=prior),
        ],
        found.photos,
        found.operating_point,
        found.checkpoint,
        found.cautions,
    )
    sentences = [
        evidence(found),
        among,
        details.similar(similar) if similar else "",
        (words.MEANING_OF_BEST if among else words.MEANING).format(
            count=numbers.per_thousand(found.probability), prior=prior
        ),
        details.rates(found.operating_point),
        *details.among_counted(found),
    ]
    return details.more(
        found.checkpoint,
        found.milliseconds,
        [sentence for sentence in sentences if sentence],
        details.tools(found.to_dict(), "verification", picture),
    )


def _known(matrix: np.ndarray | None, found: Verification) -> np.ndarray | None:
    """The logits of all pairs of faces: those asked for, or all that this answer rests on."""
    compared = LN10 * np.asarray(found.all_pairs)
    complete = compared.shape == tuple(len(photo.faces) for photo in found.photos)
    return compared if matrix is None and complete else matrix


def matches(logits: np.ndarray) -> list[tuple[int, int]]:
    """Each face with at most one of the other photo, the most alike first: (row, column) pairs."""
    order = np.dstack(np.unravel_index(np.argsort(-logits, axis=None), logits.shape))[0]
    pairs: list[tuple[int, int]] = []
    for row, column in order.tolist():
        if all(row != other and column != another for other, another in pairs):
            pairs.append((row, column))
    return pairs


def _joined(logits: np.ndarray | None, found: Verification, rule: DecisionRule) -> Markup:
    """Lines between the faces that match, if there are several such pairs."""
    if logits is None:
        return Markup("")
    judged = {
        at: rule.judge(float(logits[at]), found.operating_point, found.prior, logits.size)
        for at in matches(logits)
    }
    same = {
        at: one.probability
        for at, one in judged.items()
        if shown(one.decision, one.probability) == "same"
    }
    if len(same) < 2:
        return Markup("")
    pairs = Markup("").join(_pair(*at, share, found) for at, share in same.items())
    return _JOINED.format(label=words.JOINED, pairs=pairs)


def _pair(row: int, column: int, share: float, found: Verification) -> Markup:
    percent = numbers.percent(share)
    current = (row, column) == (found.first.chosen, found.second.chosen)
    return _PAIR.format(
        row=row,
        column=column,
        pressed="true" if current else "false",
        label=words.JOINED_PAIR.format(first=row + 1, second=column + 1, percent=percent),
        first=draw.crop(found.first.faces[row]),
        second=draw.crop(found.second.faces[column]),
        numbers=(row + 1, column + 1),
    )


def _all_faces(logits: np.ndarray | None, found: Verification, rule: DecisionRule) -> Markup:
    """Every face with every face, where there are several; computed when it is opened."""
    if len(found.first.faces) * len(found.second.faces) < 2:
        return Markup("")
    table = None if logits is None else _matrix(logits, found, rule)
    return details.asked("matrix", words.ALL_PAIRS, words.COMPARING_ALL, table)


def _scale(found: Verification, rule: DecisionRule) -> Markup:
    prior, here = found.prior_of_pair, LN10 * found.log10_likelihood_ratio
    # As the evidence, limits lie no further out than the bounds, unless nothing reaches them.
    different, same = (
        limit if math.isinf(limit) else float(rule.bounded(limit))
        for limit in rule.limits(found.operating_point, found.comparisons)
    )
    # As the page words it, see `shown`.
    even = numbers.even(prior)
    low, high = min(different, same, even), max(same, even)
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
    tone = shown(judged.decision, judged.probability)
    current = (row, column) == (found.first.chosen, found.second.chosen)
    return _CELL.format(
        decision=tone,
        current=" current" if current else "",
        row=row,
        column=column,
        pressed="true" if current else "false",
        percent=numbers.percent(judged.probability),
        sign=words.SIGNS[tone],
        verdict=words.VERDICTS[tone],
    )
