"""HTML for the answer on two photos: verdict, probability on its scale, all pairs of faces."""

import math
from typing import Any

import numpy as np
from markupsafe import Markup

from siamese import Verification
from siamese.answers import SAME_PHOTO, Explanation
from siamese.calibration import ANYBODY, LN10, REASONS, Decision, DecisionRule, Judgement
from ui import words
from ui.html import details, numbers, why
from ui.html.templates import macros
from ui.languages import listed, said

_HTML = macros("answers")


def verification(
    found: Verification,
    rule: DecisionRule,
    matrix: np.ndarray | None = None,
    explanation: Explanation | None = None,
    report: str = "",
) -> str:
    """The verdict on two photos.

    `rule` is that for anybody. `matrix` holds the network's logits of all pairs of faces (n, m),
    `explanation` what speaks for and against; None where they were not asked for. `report` is an
    HTML file to keep, "" for none.
    """
    rule = rule.among(found.population, found.warned)
    logits = _known(None if matrix is None else rule.pair_logit(matrix), found, rule)
    tone, verdict = details.headline(found)
    percent = number(found)
    answer = {
        "tone": tone,
        "verdict": verdict,
        "first": details.crop(found.first),
        "second": details.crop(found.second),
        "say": words.SAY_VERDICT.format(verdict=verdict, percent=percent) if percent else verdict,
        "percent": percent,
        "lead": lead(found),
        "which": _which(found),
        "among": details.among(found),
    }
    reasons = None if explanation is None else why.explanation(explanation)
    return str(
        _HTML.verification(
            answer,
            details.warnings(found.photos),
            _joined(logits, found, rule),
            _scale(found, rule) if percent else Markup(""),
            details.asked("why", words.WHY, words.EXPLAINING, reasons),
            _all_faces(logits, found, rule),
            _more(found, tone, verdict, report),
        )
    )


def number(found: Verification) -> str:
    """The probability in words; "" of one photo twice, of which it would say nothing."""
    return "" if SAME_PHOTO in found.cautions else numbers.percent(found.probability)


def lead(found: Verification) -> str:
    """What is said beside the number; one sentence, where it is decided."""
    if SAME_PHOTO in found.cautions:
        return said(SAME_PHOTO.message)
    tone = details.decided(found.decision, found.probability)
    if tone != found.decision:
        return words.LEADS_DESPITE[found.decision.value]
    if found.reason is not None:
        return f"{said(REASONS[found.reason])} {words.LEADS[tone]}"
    similar, unlike = found.different_people_as_similar, found.same_person_as_unlike
    if tone == Decision.DIFFERENT and unlike is not None:
        return details.one_person(unlike)
    return words.LEADS[tone] if similar is None else details.strangers(similar, found.population)


def evidence(found: Verification) -> str:
    """The likelihood ratio in one sentence, with its word, and that it is bounded where it is."""
    log10, bounds = found.log10_likelihood_ratio, found.likelihood_ratio_bounds
    if not log10:
        return words.EVIDENCE_NONE
    sentence = words.EVIDENCE["same" if log10 > 0 else "different"].format(
        times=numbers.times(log10),
        two=words.TWO[found.population],
        support=words.SUPPORT[found.support],
    )
    bounded = bounds is not None and log10 in (bounds.log10_low, bounds.log10_high)
    return f"{sentence} {words.EVIDENCE_BOUNDED}" if bounded else sentence


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
    return words.SEARCHED.format(count=found.comparisons, which=listed(which))


def searched(found: Verification) -> str:
    """Of how many pairs of faces this is the most alike, and what follows; "" where of one."""
    if found.comparisons == 1:
        return ""
    sentences = f"{_which(found)} {words.SEARCHED_ODDS.format(count=found.comparisons)}"
    if found.false_match_rate is None:
        return sentences
    return f"{sentences} {words.SEARCHED_RATE.format(rate=numbers.rate(found.false_match_rate))}"


def _more(found: Verification, tone: str, verdict: str, report: str) -> Markup:
    """How sure it is, how it was decided, and the answer to take along."""
    percent, prior = numbers.percent(found.probability), numbers.exact(found.prior)
    among = searched(found)
    picture = details.picture(
        tone,
        verdict,
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
        (words.MEANING_OF_BEST if among else words.MEANING).format(
            count=numbers.per_thousand(found.probability), prior=prior
        ),
        evidence(found),
        *details.warned(found),
        among,
        " ".join(filter(None, details.alike(found))),
        details.rates(found.operating_point),
    ]
    return details.more(
        found,
        sentences,
        details.take_along(found.to_dict(), "verification", picture, report),
    )


def _known(matrix: np.ndarray | None, found: Verification, rule: DecisionRule) -> np.ndarray | None:
    """The logits of all pairs of faces: those asked for, or all that this answer rests on.

    These are bounded, which tells nothing where "same" takes more than the upper bound.
    """
    compared = LN10 * np.asarray(found.all_pairs)
    same = rule.limits(found.operating_point, max(1, compared.size))[1]
    if rule.bounds is not None and same > rule.bounds.log10_high * LN10:
        return matrix
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
    pairs = [_pair(*at, one, found) for at, one in judged.items()]
    same = [pair for pair in pairs if pair["tone"] == "same"]
    return Markup(_HTML.joined(same, found) if len(same) > 1 else "")


def _pair(row: int, column: int, judged: Judgement, found: Verification) -> dict[str, Any]:
    """What is shown of a face of the first photo and one of the second."""
    return {
        "row": row,
        "column": column,
        "current": (row, column) == (found.first.chosen, found.second.chosen),
        "percent": numbers.percent(judged.probability),
        "tone": details.decided(judged.decision, judged.probability),
    }


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
    # As the page words it, see `details.decided`.
    even = numbers.even(prior)
    low, high = min(different, same, even), max(same, even)
    start, end = numbers.position(low), numbers.position(high)
    label = words.SCALE_LABEL if low < high else words.SCALE_LABEL_NO_BAND
    zones = [zone for zone in words.ZONES if zone != "uncertain" or end > start]
    percent = numbers.percent(found.probability)
    label = label.format(
        different=numbers.at_prior(low, prior), same=numbers.at_prior(high, prior), here=percent
    )
    place, ticks = numbers.position(here), numbers.ticks(prior)
    return Markup(_HTML.scale(label, start, end, place, percent, ticks, zones))


def _matrix(logits: np.ndarray, found: Verification, rule: DecisionRule) -> Markup:
    point, prior, count = found.operating_point, found.prior, found.comparisons
    rows = [
        [
            _pair(row, column, rule.judge(logit, point, prior, count), found)
            for column, logit in enumerate(line)
        ]
        for row, line in enumerate(logits.tolist())
    ]
    return Markup(_HTML.matrix(rows, found))
