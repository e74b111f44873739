"""HTML for the pick: who of the support set the query shows, or none of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from siamese import Pick
from siamese.answers import Explanation, Identified, Proposals
from siamese.calibration import ANYBODY
from ui import words
from ui.html import details, numbers
from ui.html import why as reasons
from ui.html.templates import macros

FIRST_BARS = 5  # rows of a ranking; the rest are added up, and shown when asked for
MOST_FACES = 12  # rows with a picture, each of some kilobytes

_HTML = macros("rankings")


@dataclass(frozen=True, slots=True)
class _Bar:
    """One answer in the ranking; `kind` is "person" or "none"."""

    share: float
    name: str
    kind: str
    photos: int = 1
    picture: str = ""


def pick(
    found: Pick,
    pictures: Mapping[str, str],
    people: bool = True,
    note: str = "",
    why: Explanation | None = None,
) -> str:
    """The ranking of everybody and of "none of these", with the winner beside the query.

    `pictures` are data URLs of their faces, where they are `people`; else of drawn characters.
    `note` is one more sentence for whoever reads the answer. `why` is what speaks for and against
    the winner, None where it was not asked for.
    """
    said = words.OF_PEOPLE if people else words.OF_CHARACTERS
    bars = _bars(found, pictures)
    tone, sign, title, lead = _words(found, said)
    share = numbers.percent(bars[0].share)
    ahead = words.AHEAD.format(points=numbers.points(found.margin), runner=bars[1].name)
    answer: dict[str, Any] = {
        "tone": tone,
        "title": title,
        "say": f"{words.SAY_VERDICT.format(verdict=title, percent=share)} {note}".strip(),
        "query": details.crop(found.query),
        "sign": sign,
        "percent": share,
        "lead": f"{ahead} {lead}".strip(),
        "winner": found.ranking[0].identity if found.undecided else found.identity,
        "among": details.among(found),
        "proposals": found.proposals if people else Proposals(),
    }
    count, prior = len(found.ranking), numbers.exact(found.none_prior)
    lines = [
        words.PICTURE_SHARE.format(share=share, ahead=ahead),
        said.among.format(count=count, prior=prior),
        *([details.named(found.population)] if found.population != ANYBODY else []),
    ]
    picture = details.picture(
        tone, title, lines, (found.query,), found.operating_point, found.origin
    )
    winner = pictures.get(answer["winner"])
    warnings, more = details.warnings([found.query]), _more(found, said, picture)
    asked = _each_face(found) + (_why(why) if answer["winner"] and people else "")
    return str(_HTML.pick(answer, winner, note, *_split(bars), warnings, asked, more))


def _each_face(found: Pick) -> Markup:
    """Who each face of the photo is, where it shows several."""
    if not found.each_face:
        return Markup("")
    faces = found.query.faces
    rows = [
        (faces[who.face], words.FACE_OF.format(number=who.face + 1, total=len(faces)), *_who(who))
        for who in found.each_face
    ]
    return details.folded("each-face", words.EACH_FACE, _HTML.each_face(rows))


def _who(found: Identified) -> tuple[str, str]:
    """Whom a face shows, and how probable that is."""
    nobody = found.probability <= found.none_probability
    if found.candidate is None or (found.identity is None and nobody):
        return words.NONE_OF_THESE, numbers.percent(found.none_probability)
    name = found.identity or words.PERHAPS.format(name=found.candidate)
    return name, numbers.percent(found.probability)


def _why(found: Explanation | None) -> Markup:
    """What speaks for and against the winner, computed when it is opened."""
    content = None if found is None else reasons.explanation(found)
    return details.asked("why", words.WHY, words.EXPLAINING, content)


def _more(found: Pick, said: words.PickWords, picture: Mapping[str, Any]) -> Markup:
    """How it was decided, and the answer to take along."""
    return details.more(
        found,
        [*details.warned(found), details.rates(found.operating_point, said.rates)],
        details.take_along(found.to_dict(), "pick", picture),
    )


def _words(found: Pick, said: words.PickWords) -> tuple[str, str, str, str]:
    """Tone, sign, headline and one sentence."""
    best = found.ranking[0]
    if found.undecided:
        lead = said.pair_alone.format(verdict=said.verdicts[best.decision.value])
        return "uncertain", words.SIGNS["uncertain"], words.PERHAPS.format(name=best.identity), lead
    if found.identity is None:
        return "none", words.SIGNS["different"], said.nobody, said.nobody_lead
    tone = details.decided(best.decision, best.probability)
    return tone, words.SIGNS[tone], words.WINNER.format(name=found.identity), ""


def _bars(found: Pick, pictures: Mapping[str, str]) -> list[_Bar]:
    """The answers, most probable first; only the first ones shown have pictures."""
    bars = [
        _Bar(c.probability, c.identity, "person", c.num_photos, pictures.get(c.identity, ""))
        for c in found.ranking
    ]
    bars.append(_Bar(found.none_probability, words.NONE_OF_THESE, "none"))
    return sorted(bars, key=lambda bar: -bar.share)


def _split(bars: list[_Bar]) -> tuple[list[_Bar], Markup]:
    """The first bars, "none of these" wherever it comes; the others folded."""
    seen = [bar for number, bar in enumerate(bars) if number < FIRST_BARS or bar.kind == "none"]
    others = [bar for bar in bars if bar not in seen]
    if len(others) < 2:  # one more row takes no more room than the word that there is one
        return bars, Markup("")
    share = numbers.percent(sum(bar.share for bar in others))
    title = words.OTHERS.say(count=len(others), share=share)
    places = range(len(seen), len(bars))
    others = [
        bar if place < MOST_FACES else replace(bar, picture="")
        for place, bar in zip(places, others, strict=True)
    ]
    return seen, details.folded("ranking", title, _HTML.rest(others, len(seen) + 1))
