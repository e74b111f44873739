"""HTML for the pick: who of the support set the query shows, or none of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from siamese import Decision, Pick
from ui import words
from ui.html import details, numbers

MOST_BARS = 12  # rows of a ranking; the rest are added up

_ANSWER = Markup(
    '<section class="answer ranked {tone}" aria-label="{title}" data-say="{say}">'
    '<div class="faces">{query}<span class="sign" aria-hidden="true">{sign}</span>{winner}</div>'
    '<div class="verdict"><h2>{title}</h2><p class="number"><b>{percent}</b> {unit}</p>'
    '<p class="lead">{ahead} {lead}</p></div>'
    '{warnings}{note}<h3>{ranking}</h3><ol class="ranking">{bars}</ol>{tools}{decided}</section>'
)
_ROW = Markup(
    '<li class="{kind}">{face}<span class="who">{name} <small>{count}</small></span>'
    '<span class="bar" aria-hidden="true"><span style="width:{width}%"></span></span>'
    '<span class="share">{share}</span></li>'
)


@dataclass(frozen=True, slots=True)
class _Bar:
    """One answer in the ranking; `kind` is "person", "none" or "rest"."""

    share: float
    name: str
    kind: str
    photos: int = 1


def pick(
    found: Pick,
    pictures: Mapping[str, str],
    said: words.PickWords = words.OF_PEOPLE,
    note: str = "",
) -> str:
    """The ranking of everybody and of "none of these", with the winner beside the query.

    `pictures` are data URLs of the people's faces; `said` speaks of people or of other things.
    `note` is one more sentence for whoever reads the answer.
    """
    bars = _bars(found)
    ahead = words.AHEAD.format(points=numbers.points(found.margin), runner=bars[1].name)
    tone, sign, title, lead = _words(found, said)
    share = numbers.percent(bars[0].share)
    answer = _ANSWER.format(
        tone=tone,
        title=title,
        say=f"{words.SAY_VERDICT.format(verdict=title, percent=share)} {note}".strip(),
        query=details.crop(found.query),
        sign=sign,
        winner=_winner(found.identity, pictures),
        percent=share,
        unit=words.PROBABLE,
        ahead=ahead,
        lead=lead,
        warnings=details.warnings([found.query]),
        note=Markup('<ul class="warnings"><li>{}</li></ul>').format(note) if note else "",
        ranking=words.RANKING,
        bars=Markup("").join(_row(bar, pictures) for bar in _shortened(bars)),
        decided=details.decided(found.operating_point, found.milliseconds, said.rates),
        tools=details.tools(
            found.to_dict(),
            "pick",
            details.picture(
                tone,
                title,
                [
                    words.PICTURE_SHARE.format(share=share, ahead=ahead),
                    said.among.format(
                        count=len(found.ranking), prior=numbers.exact(found.none_prior)
                    ),
                ],
                (found.query,),
                found.operating_point,
                found.origin,
            ),
        ),
    )
    return str(answer)


def _words(found: Pick, said: words.PickWords) -> tuple[str, str, str, str]:
    """Tone, sign, headline and one sentence."""
    if found.identity is None:
        return "none", words.SIGNS["different"], said.nobody, said.nobody_lead
    alone = found.ranking[0].decision
    tone = "same" if alone is Decision.SAME else "uncertain"
    lead = said.pair_alone.format(verdict=said.verdicts[alone.value])
    return tone, words.SIGNS[tone], words.WINNER.format(name=found.identity), lead


def _winner(identity: str | None, pictures: Mapping[str, str]) -> Markup:
    picture = pictures.get(identity) if identity is not None else None
    if not picture:
        return Markup('<span class="crop blank" aria-hidden="true">∅</span>')
    return Markup('<img class="crop" src="{}" alt="{}">').format(
        picture, words.CROP_ALT.format(name=identity)
    )


def _bars(found: Pick) -> list[_Bar]:
    bars = [_Bar(c.probability, c.identity, "person", c.num_photos) for c in found.ranking]
    bars.append(_Bar(found.none_probability, words.NONE_OF_THESE, "none"))
    return sorted(bars, key=lambda bar: -bar.share)


def _shortened(bars: list[_Bar]) -> list[_Bar]:
    """The first bars, "none of these" wherever it comes, and the others as one."""
    first = [bar for number, bar in enumerate(bars) if number < MOST_BARS or bar.kind == "none"]
    others = [bar for number, bar in enumerate(bars) if number >= MOST_BARS and bar.kind != "none"]
    if not others:
        return first
    total = sum(bar.share for bar in others)
    return [*first, _Bar(total, words.OTHERS.format(count=len(others)), "rest")]


def _row(bar: _Bar, pictures: Mapping[str, str]) -> Markup:
    picture = pictures.get(bar.name, "") if bar.kind == "person" else ""
    return _ROW.format(
        kind=bar.kind,
        face=Markup('<img src="{}" alt="">').format(picture) if picture else Markup("<i></i>"),
        name=bar.name,
        count=words.PHOTOS_COUNT.format(count=bar.photos) if bar.photos > 1 else "",
        width=f"{100 * bar.share:.1f}",
        share=numbers.percent(bar.share),
    )
