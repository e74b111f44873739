"""HTML for answers: the verdict on a pair, all pairs of two group photos, and the pick."""

import base64
import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
from markupsafe import Markup

from siamese import Decision, Pick, Verification
from siamese.calibration import DecisionRule, OperatingPoint, probability
from siamese.results import PhotoFaces
from ui import draw, numbers, text

MOST_BARS = 12  # rows of a ranking; the rest are added up

_VERDICT = Markup(
    '<section class="answer {tone}" aria-label="{verdict}">'
    '<div class="faces">{first}<span class="sign" aria-hidden="true">{sign}</span>{second}</div>'
    '<div class="verdict"><h2>{verdict}</h2><p class="number"><b>{percent}</b> {unit}</p>'
    '<p class="lead">{lead}</p></div>'
    "{scale}{warnings}"
    '<p class="meaning">{meaning}</p>'
    "<details><summary>{details}</summary><p>{rates}</p><p>{not_certain}</p><p>{stages}</p></details>"
    "{matrix}{tools}</section>"
)
_SCALE = Markup(
    '<div class="scale" role="img" aria-label="{label}"><div class="track">'
    '<div class="zone different" style="width:{low}%"></div>'
    '<div class="zone uncertain" style="left:{low}%;width:{band}%"></div>'
    '<div class="zone same" style="left:{high}%;right:0"></div>'
    '<div class="here" style="left:{here}%"><span>{this}</span></div></div>'
    '<div class="ticks">{ticks}</div><ul class="legend">{legend}</ul></div>'
)
_TOOLS = Markup(
    '<div class="tools">{more}<button type="button" class="quiet" data-copy="{json}"'
    ' data-done="{copied}">{copy}</button>'
    '<a class="quiet" download="{file}.json"'
    ' href="data:application/json;base64,{encoded}">{save}</a>'
    '<a class="quiet" download="{file}.png" href="{picture}">{save_picture}</a></div>'
)
_CROP = Markup('<img class="crop" src="{}" alt="{}">')


def verification(found: Verification, rule: DecisionRule, matrix: np.ndarray | None) -> str:
    """The verdict on two photos.

    `matrix` holds the logits of all pairs of faces (n, m), None if it was not asked for.
    """
    tone = found.decision.value
    point = text.OPERATING_POINTS.get(found.operating_point.name, found.operating_point.name)
    several = len(found.first.faces) * len(found.second.faces) > 1
    ask = Markup(
        '<button type="button" class="quiet" data-do="matrix" data-key="matrix">{}</button>'
    ).format(text.ALL_PAIRS)
    return str(
        _VERDICT.format(
            tone=tone,
            verdict=text.VERDICTS[tone],
            first=_crop(found.first),
            second=_crop(found.second),
            sign=text.SIGNS[tone],
            percent=numbers.percent(found.probability),
            unit=text.PROBABILITY_OF_SAME,
            lead=text.LEADS[tone],
            scale=_scale(found.logit, found.prior, found.operating_point, rule),
            warnings=_warnings(found.first, found.second),
            meaning=text.MEANING.format(
                count=numbers.per_thousand(found.probability), prior=numbers.percent(found.prior)
            ),
            details=text.DETAILS,
            rates=rates(found.operating_point),
            not_certain=text.NOT_CERTAIN,
            stages=_stages(found.milliseconds),
            matrix="" if matrix is None else _matrix(matrix, found, rule),
            tools=_tools(
                found.to_dict(),
                "verification",
                draw.card(
                    [found.first.face.crop, found.second.face.crop],
                    text.SIGNS[tone],
                    tone,
                    text.VERDICTS[tone],
                    [
                        f"{numbers.percent(found.probability)} {text.PROBABILITY_OF_SAME}",
                        f"{text.OPERATING_POINT_HEADING}: {point}",
                        f"{date.today():%d %B %Y}  ·  {text.ABOUT_TITLE}: {text.NOT_FOR_SHORT}",
                    ],
                ),
                ask if several and matrix is None else Markup(""),
            ),
        )
    )


def rates(point: OperatingPoint) -> str:
    """What an operating point was measured to do, with counts and intervals."""
    name = text.OPERATING_POINTS.get(point.name, point.name)
    if not point.fmr.trials:
        return text.RATES_UNMEASURED.format(point=name)
    fmr_low, fmr_high = numbers.interval(point.fmr)
    fnmr_low, fnmr_high = numbers.interval(point.fnmr)
    return text.RATES.format(
        point=name,
        fmr=numbers.per_thousand(point.fmr.value),
        fmr_errors=f"{point.fmr.errors:,}",
        fmr_trials=f"{point.fmr.trials:,}",
        data=point.measured_on,
        fmr_low=fmr_low,
        fmr_high=fmr_high,
        fnmr=numbers.per_thousand(point.fnmr.value),
        fnmr_errors=f"{point.fnmr.errors:,}",
        fnmr_trials=f"{point.fnmr.trials:,}",
        fnmr_low=fnmr_low,
        fnmr_high=fnmr_high,
    )


def pick(found: Pick, pictures: Mapping[str, str]) -> str:
    """Who of the support set is in the query; `pictures` are data URLs of the people's faces."""
    nobody = found.identity is None
    top = found.none_probability if nobody else found.ranking[0].probability
    bars = sorted(
        [(c.probability, c.identity, c.num_photos) for c in found.ranking]
        + [(found.none_probability, "", 0)],
        key=lambda bar: -bar[0],
    )
    runner = bars[1][1] or text.NONE_OF_THESE
    ahead = text.AHEAD.format(points=f"{100 * found.margin:.0f}", runner=runner)
    first = Markup('<span class="crop blank" aria-hidden="true">∅</span>')
    if not nobody and pictures.get(found.identity or ""):
        first = _CROP.format(pictures[found.identity or ""], found.identity)
    title = text.NOBODY if nobody else text.WINNER.format(name=found.identity)
    tone = "none" if nobody else "same"
    lead = text.NOBODY_LEAD if nobody else text.WINNER_LEAD
    if not nobody:
        alone = text.VERDICTS[found.ranking[0].decision.value]
        lead = f"{lead} {text.PAIR_ALONE.format(verdict=alone)}"
        tone = tone if found.ranking[0].decision is Decision.SAME else "uncertain"
    share = draw.card(
        [found.query.face.crop],
        "",
        tone,
        title,
        [numbers.percent(top), ahead, f"{date.today():%d %B %Y}  ·  {text.NOT_FOR_SHORT}"],
    )
    return str(
        Markup(
            '<section class="answer {}" aria-label="{}">'
            '<div class="faces">{}<span class="sign" aria-hidden="true">{}</span>{}</div>'
            '<div class="verdict"><h2>{}</h2><p class="number"><b>{}</b> {}</p>'
            '<p class="lead">{}</p></div>{}<h3>{}</h3><ol class="ranking">{}</ol>'
            "<details><summary>{}</summary><p>{}</p><p>{}</p><p>{}</p></details>{}</section>"
        ).format(
            tone,
            title,
            _crop(found.query),
            "≠" if nobody else "≈",
            first,
            title,
            numbers.percent(top),
            ahead,
            lead,
            _warnings(found.query),
            text.RANKING,
            _bars(bars, pictures),
            text.DETAILS,
            rates(found.operating_point),
            text.NOT_CERTAIN,
            _stages(found.milliseconds),
            _tools(found.to_dict(), "pick", share, Markup("")),
        )
    )


def _bars(bars: list[tuple[float, str, int]], pictures: Mapping[str, str]) -> Markup:
    shown, rest = bars[:MOST_BARS], bars[MOST_BARS:]
    # "None of these" is an answer like any other and never hidden among the rest.
    hidden = [bar for bar in rest if not bar[1]]
    shown, rest = shown + hidden, [bar for bar in rest if bar[1]]
    rows = [_bar(share, name, photos, pictures) for share, name, photos in shown]
    if rest:
        total = sum(share for share, _, _ in rest)
        rows.append(_row(total, text.OTHERS.format(count=len(rest)), "", "rest", ""))
    return Markup("").join(rows)


def _bar(share: float, name: str, photos: int, pictures: Mapping[str, str]) -> Markup:
    if not name:
        return _row(share, text.NONE_OF_THESE, "", "none", "")
    count = text.PHOTOS_COUNT.format(count=photos) if photos > 1 else ""
    return _row(share, name, count, "person", pictures.get(name, ""))


def _row(share: float, name: str, count: str, kind: str, picture: str) -> Markup:
    face = Markup('<img src="{}" alt="">').format(picture) if picture else Markup("<i></i>")
    return Markup(
        '<li class="{}">{}<span class="who">{} <small>{}</small></span>'
        '<span class="bar" aria-hidden="true"><span style="width:{}%"></span></span>'
        '<span class="share">{}</span></li>'
    ).format(kind, face, name, count, f"{100 * share:.1f}", numbers.percent(share))


def _crop(photo: PhotoFaces) -> Markup:
    return _CROP.format(draw.crop(photo.face), text.CROP_ALT.format(name=photo.name))


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


def _warnings(*photos: PhotoFaces) -> Markup:
    rows = [
        Markup("<li><b>{}</b> {}</li>").format(photo.name, warning.message)
        for photo in photos
        for warning in photo.warnings
    ]
    return (
        Markup('<ul class="warnings">{}</ul>').format(Markup("").join(rows)) if rows else Markup("")
    )


def _stages(milliseconds: Mapping[str, float]) -> str:
    stages = ", ".join(f"{name} {spent:.0f}" for name, spent in milliseconds.items())
    return text.MILLISECONDS.format(total=f"{sum(milliseconds.values()):.0f}", stages=stages)


def _matrix(logits: np.ndarray, found: Verification, rule: DecisionRule) -> Markup:
    head = Markup("").join(
        Markup('<th scope="col"><img src="{}" alt=""> {}</th>').format(draw.crop(face), number)
        for number, face in enumerate(found.second.faces, 1)
    )
    body = Markup("").join(
        Markup('<tr><th scope="row"><img src="{}" alt=""> {}</th>{}</tr>').format(
            draw.crop(face),
            number,
            Markup("").join(
                _cell(float(logit), number - 1, column, found, rule)
                for column, logit in enumerate(logits[number - 1])
            ),
        )
        for number, face in enumerate(found.first.faces, 1)
    )
    return Markup(
        '<div class="matrix" tabindex="0" role="region" aria-label="{0}"><table>'
        "<caption>{0}</caption><thead><tr><td></td>{1}</tr></thead><tbody>{2}</tbody></table></div>"
    ).format(text.ALL_PAIRS_TITLE, head, body)


def _cell(logit: float, row: int, column: int, found: Verification, rule: DecisionRule) -> Markup:
    decision = rule.decide(logit, found.operating_point).value
    current = (row, column) == (found.first.chosen, found.second.chosen)
    return Markup(
        '<td class="{}{}"><button type="button" data-do="pair" data-row="{}" data-column="{}"'
        ' data-key="pair-{}-{}" aria-pressed="{}">{} <span aria-hidden="true">{}</span>'
        '<span class="unseen"> {}</span></button></td>'
    ).format(
        decision,
        " current" if current else "",
        row,
        column,
        row,
        column,
        "true" if current else "false",
        numbers.percent(probability(logit, found.prior)),
        text.SIGNS[decision],
        text.VERDICTS[decision],
    )


def _tools(answer: dict[str, Any], file: str, picture: str, more: Markup) -> Markup:
    body = json.dumps(answer, indent=2, ensure_ascii=False)
    return _TOOLS.format(
        more=more,
        json=body,
        encoded=base64.b64encode(body.encode()).decode("ascii"),
        copy=text.COPY_JSON,
        copied=text.COPIED,
        save=text.SAVE_JSON,
        save_picture=text.SAVE_PICTURE,
        picture=picture,
        file=file,
    )
