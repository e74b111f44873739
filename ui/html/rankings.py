"""HTML for the pick: who of the support set the query shows, or none of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from siamese import Pick
from siamese.answers import Proposals
from siamese.calibration import ANYBODY
from ui import words
from ui.html import details, numbers
from ui.html.answers import shown

FIRST_BARS = 5  # rows of a ranking; the rest are added up, and shown when asked for
MOST_FACES = 12  # rows with a picture, each of some kilobytes

_ANSWER = Markup(
    '<section class="answer ranked {tone}" aria-label="{title}" data-say="{say}">'
    '<div class="faces">{query}<span class="sign" aria-hidden="true">{sign}</span>{winner}</div>'
    '<div class="verdict"><h2 tabindex="-1" data-key="verdict">{title}</h2>'
    '<p class="number"><b>{percent}</b> {unit}</p><p class="lead">{lead}</p>{among}</div>'
    "{warnings}{note}{proposals}<h3>{ranking}</h3>{bars}{more}</section>"
)
_PROPOSAL = Markup(
    '<li>{said} <button type="button" class="quiet" data-do="{do}" data-value="{value}"'
    ' data-key="{do}-{value}">{label}</button></li>'
)
_LIST = Markup('<ol class="ranking">{}</ol>')
_ROW = Markup(
    '<li class="{kind}">{face}<span class="who">{name} <small>{count}</small></span>'
    '<span class="bar" aria-hidden="true"><span style="width:{width}%"></span></span>'
    '<span class="share">{share}</span></li>'
)


@dataclass(frozen=True, slots=True)
class _Bar:
    """One answer in the ranking; `kind` is "person" or "none"."""

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
    tone, sign, title, lead = _words(found, said)
    share = numbers.percent(bars[0].share)
    ahead = words.AHEAD.format(points=numbers.points(found.margin), runner=bars[1].name)
    answer = _ANSWER.format(
        tone=tone,
        title=title,
        say=f"{words.SAY_VERDICT.format(verdict=title, percent=share)} {note}".strip(),
        query=details.crop(found.query),
        sign=sign,
        winner=_winner(found.ranking[0].identity if found.undecided else found.identity, pictures),
        percent=share,
        unit=words.PROBABLE,
        lead=f"{ahead} {lead}".strip(),
        among=details.among(found),
        warnings=details.warnings([found.query]),
        note=Markup('<ul class="warnings"><li>{}</li></ul>').format(note) if note else "",
        proposals=_proposals(found.proposals) if said is words.OF_PEOPLE else "",
        ranking=words.RANKING,
        bars=_ranking(bars, pictures),
        more=_more(
            found,
            said,
            details.picture(
                tone,
                title,
                [
                    words.PICTURE_SHARE.format(share=share, ahead=ahead),
                    said.among.format(
                        count=len(found.ranking), prior=numbers.exact(found.none_prior)
                    ),
                    *([details.named(found.population)] if found.population != ANYBODY else []),
                ],
                (found.query,),
                found.operating_point,
                found.origin,
            ),
        ),
    )
    return str(answer)


def _proposals(found: Proposals) -> Markup:
    """Who the network takes for one person or for several, each with a button that follows it."""
    rows = [
        ("merge", people[0], words.MERGE.format(names=words.AND.join(people)), words.MERGE_DO)
        for people in found.merge
    ]
    rows += [
        ("part", name, words.PART.format(name=name, count=len(photos)), words.PART_DO)
        for name, photos in found.part.items()
    ]
    if not rows:
        return Markup("")
    return Markup('<ul class="proposals">{}</ul>').format(
        Markup("").join(
            _PROPOSAL.format(do=do, value=value, said=said, label=label)
            for do, value, said, label in rows
        )
    )


def _more(found: Pick, said: words.PickWords, picture: Mapping[str, Any]) -> Markup:
    """How it was decided, and the answer to take along."""
    return details.more(
        found.origin,
        found.milliseconds,
        [details.rates(found.operating_point, said.rates), *details.among_counted(found)],
        details.tools(found.to_dict(), "pick", picture),
    )


def _words(found: Pick, said: words.PickWords) -> tuple[str, str, str, str]:
    """Tone, sign, headline and one sentence."""
    best = found.ranking[0]
    if found.undecided:
        lead = said.pair_alone.format(verdict=said.verdicts[best.decision.value])
        return "uncertain", words.SIGNS["uncertain"], words.PERHAPS.format(name=best.identity), lead
    if found.identity is None:
        return "none", words.SIGNS["different"], said.nobody, said.nobody_lead
    tone = shown(best.decision, best.probability)
    return tone, words.SIGNS[tone], words.WINNER.format(name=found.identity), ""


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


def _ranking(bars: list[_Bar], pictures: Mapping[str, str]) -> Markup:
    """The first bars, "none of these" wherever it comes; the others folded."""
    seen = [bar for number, bar in enumerate(bars) if number < FIRST_BARS or bar.kind == "none"]
    others = [bar for bar in bars if bar not in seen]
    rows = [
        _row(bar, pictures if number < MOST_FACES else {})
        for number, bar in enumerate([*seen, *others])
    ]
    first = _LIST.format(Markup("").join(rows[: len(seen)]))
    if not others:
        return first
    share = numbers.percent(sum(bar.share for bar in others))
    title = words.OTHERS.format(count=len(others), share=share)
    rest = Markup('<ol class="ranking" start="{}">{}</ol>').format(
        len(seen) + 1, Markup("").join(rows[len(seen) :])
    )
    return first + details.folded("ranking", title, rest)


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
