"""Parts that both kinds of answer share: faces, warnings, how it was decided, taking it along."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from siamese.answers import SAME_PHOTO, Caution, Origin, PhotoFaces, Pick, Verification
from siamese.calibration import (
    ANYBODY,
    CHILDREN,
    RELATIVES,
    CountedRate,
    Decision,
    OperatingPoint,
    Otherwise,
)
from ui import words
from ui.html import numbers
from ui.html.templates import macros
from ui.languages import listed, said

SHA = 12  # digits of a hash that are shown; the JSON has all

_HTML = macros("details")


def crop(photo: PhotoFaces) -> Markup:
    """The face that was used, as the network saw it."""
    return Markup(_HTML.crop(photo))


def warnings(photos: Sequence[PhotoFaces]) -> Markup:
    """What makes the answer less reliable, by photo; empty if nothing does."""
    warned = _warned(photos)
    return Markup(_HTML.warnings(warned) if warned else "")


def _warned(photos: Sequence[PhotoFaces]) -> list[tuple[str, str]]:
    """The name of the photo and the sentence of each warning."""
    return [(photo.name, said(warning.message)) for photo in photos for warning in photo.warnings]


def point_name(point: OperatingPoint) -> str:
    """What people call an operating point."""
    return words.OPERATING_POINTS.get(point.name, point.name)


def rates(point: OperatingPoint, sentence: str = "") -> str:
    """What an operating point was measured to do, with counts and intervals."""
    if not point.fmr.trials:
        return words.RATES_UNMEASURED.format(point=point_name(point))
    fmr_low, fmr_high = numbers.interval(point.fmr)
    fnmr_low, fnmr_high = numbers.interval(point.fnmr)
    return (sentence or words.RATES).format(
        point=point_name(point),
        fmr=numbers.per_thousand(point.fmr.value),
        fmr_errors=numbers.count(point.fmr.errors),
        fmr_trials=numbers.count(point.fmr.trials),
        data=said(point.measured_on),
        fmr_low=fmr_low,
        fmr_high=fmr_high,
        fnmr=numbers.per_thousand(point.fnmr.value),
        fnmr_errors=numbers.count(point.fnmr.errors),
        fnmr_trials=numbers.count(point.fnmr.trials),
        fnmr_low=fnmr_low,
        fnmr_high=fnmr_high,
    )


def strangers(found: CountedRate, population: str) -> str:
    """One sentence on how often two people of a population look at least this similar."""
    who = words.OTHERS_OF[population]
    if not found.errors:
        return words.STRANGERS_NONE.format(trials=numbers.count(found.trials), who=who)
    if found.value > 0.95:
        return words.STRANGERS_MOST.format(who=who)
    one, many = numbers.one_in(found.value)
    sentence = words.STRANGERS if one == "1" else words.STRANGERS_OFTEN
    return sentence.format(one=one, many=many, who=who)


def one_person(found: CountedRate) -> str:
    """One sentence on how often two photos of one person look at most this similar."""
    if not found.errors:
        return words.ONE_PERSON_NONE.format(trials=numbers.count(found.trials))
    one, many = numbers.one_in(found.value)
    return words.ONE_PERSON.format(one=one, many=many)


def among(found: Verification | Pick) -> Markup:
    """How often children and relatives are taken for each other; nothing where not counted.

    Beside every answer but "different", since nothing tells the page whom the photos show; first
    the population that was named.
    """
    tone = headline(found)[0] if isinstance(found, Verification) else ""
    lines = [named(found.population)] if found.population != ANYBODY else []
    rates = {found.population: found.operating_point.fmr, **found.false_matches_among}
    shares = [
        words.AMONG_SHARE.format(rate=numbers.rate(rates[name].value), who=words.OTHERS_OF[name])
        for name in dict.fromkeys((found.population, CHILDREN, RELATIVES))
        if name in rates and rates[name].trials
    ]
    if found.false_matches_among and tone != Decision.DIFFERENT:
        lines.append(words.AMONG.format(shares=listed(shares)))
    said_of = [" ".join(lines)] if lines else []
    if isinstance(found, Verification) and tone == Decision.SAME:
        kin = found.otherwise.get(RELATIVES)
        said_of += [_if_relatives(kin)] if kin else []
    return Markup(_HTML.among(said_of))


def _if_relatives(found: Otherwise) -> str:
    """What the answer would be if the two might be close relatives."""
    verdict = words.VERDICTS[decided(found.decision, found.probability)]
    return words.IF_RELATIVES.format(verdict=verdict, percent=numbers.percent(found.probability))


def headline(found: Verification) -> tuple[str, str]:
    """The tone of an answer, and its verdict; of one photo twice there is none."""
    if SAME_PHOTO in found.cautions:
        return Decision.UNCERTAIN.value, words.TWICE
    tone = decided(found.decision, found.probability)
    return tone, words.VERDICTS[tone]


def decided(decision: Decision, probability: float) -> str:
    """What the page says of a decision.

    The decision does not depend on the chance beforehand, the probability does; where they are on
    different sides of one half, the page says neither.
    """
    against = (decision is Decision.SAME and probability < 0.5) or (
        decision is Decision.DIFFERENT and probability > 0.5
    )
    return Decision.UNCERTAIN.value if against else decision.value


def named(population: str) -> str:
    """One sentence on who different people are taken to be."""
    return words.POPULATION_NAMED.format(two=words.TWO[population])


def warned(found: Verification | Pick) -> list[str]:
    """That the answer allows for a photo which is warned of, where it does."""
    return [words.WARNED] if found.warned else []


def among_counted(found: Verification | Pick) -> list[str]:
    """How often people of each other population are called the same, counted: a line each."""
    lines = []
    for name, share in found.false_matches_among.items():
        low, high = numbers.interval(share)
        lines.append(
            words.AMONG_COUNTS.format(
                who=words.OTHERS_OF[name],
                rate=numbers.rate(share.value),
                errors=numbers.count(share.errors),
                trials=numbers.count(share.trials),
                data=said(share.measured_on),
                low=low,
                high=high,
            )
        )
    return lines


def alike(found: Verification) -> tuple[str, str]:
    """How often pairs of both kinds look like this one, counted; "" where one was not."""
    return (
        _counted(words.SIMILAR, found.different_people_as_similar),
        _counted(words.DISSIMILAR, found.same_person_as_unlike),
    )


def _counted(sentence: str, found: CountedRate | None) -> str:
    if found is None:
        return ""
    low, high = numbers.interval(found)
    return sentence.format(
        count=numbers.per_thousand(found.value),
        errors=numbers.count(found.errors),
        trials=numbers.count(found.trials),
        data=said(found.measured_on),
        low=low,
        high=high,
    )


def more(found: Verification | Pick, sentences: Sequence[str], taking: Markup) -> Markup:
    """How the answer came about, to be opened by whoever wants to know; `taking` it along."""
    origin, spent = found.checkpoint, found.milliseconds
    stages = [words.STAGES[name].format(spent=numbers.count(t)) for name, t in spent.items()]
    total = numbers.count(sum(spent.values()))
    last = [
        words.NOT_CERTAIN,
        words.WEIGHTS.format(sha=origin.sha256[:SHA], name=origin.source),
        words.MILLISECONDS.format(total=total, stages=listed(stages)),
    ]
    said_first = [sentence for sentence in sentences if sentence]
    content = _HTML.more(said_first, among_counted(found), last) + taking
    return folded("details", words.DETAILS, content)


def folded(key: str, title: str, content: Markup) -> Markup:
    """A part of the answer that is shown when it is opened; the page remembers it by `key`."""
    return Markup(_HTML.folded(key, title, content))


def asked(key: str, title: str, pending: str, content: Markup | None) -> Markup:
    """A part of the answer that is computed when it is opened; `content` is None until then."""
    if content is None:
        return Markup(_HTML.to_be_asked(key, title, pending))
    return folded(key, title, content)


def take_along(
    answer: Mapping[str, Any], file: str, picture: Mapping[str, Any], report: str = ""
) -> Markup:
    """Buttons that copy or save an answer.

    `picture` is what the page writes below the faces when it makes one picture of the answer,
    `file` the name of what is saved; `report` is an HTML file to keep, "" for none.
    """
    body = json.dumps(answer, indent=2, ensure_ascii=False)
    drawn = json.dumps(picture, ensure_ascii=False)
    return Markup(_HTML.take_along(body, _base64(body), drawn, file, _base64(report)))


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")


def picture(
    tone: str,
    title: str,
    lines: Sequence[str],
    photos: Sequence[PhotoFaces],
    point: OperatingPoint,
    origin: Origin,
    cautions: Sequence[Caution] = (),
) -> dict[str, Any]:
    """What is written on the picture of an answer; the page adds its date.

    It includes what makes the answer less reliable: those who get the picture see nothing else.
    """
    setting = words.PICTURE_SETTING.format(point=point_name(point), sha=origin.sha256[:SHA])
    return {
        "sign": words.SIGNS.get(tone, ""),
        "tone": tone,
        "title": title,
        "warnings": [
            *(said(caution.message) for caution in cautions),
            *(f"{name}: {message}" for name, message in _warned(photos)),
        ],
        "lines": [*lines, setting, words.PICTURE_LIMITS],
    }
