"""Parts that both kinds of answer share: faces, warnings, how it was decided, taking it along."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from siamese.answers import Caution, Origin, PhotoFaces
from siamese.calibration import OperatingPoint, Similar
from ui import draw, words
from ui.html import numbers

_TOOLS = Markup(
    '<div class="tools">{more}<button type="button" class="quiet" data-copy="{json}"'
    ' data-done="{copied}">{copy}</button>'
    '<a class="quiet" download="{file}.json"'
    ' href="data:application/json;base64,{encoded}">{save}</a>'
    '<button type="button" class="quiet" data-picture="{picture}" data-file="{file}.png">'
    "{save_picture}</button></div>"
)
_DETAILS = Markup(
    "<details><summary>{}</summary><p>{}</p><p>{}</p><p>{}</p></details>"
)  # fmt: skip


def crop(photo: PhotoFaces) -> Markup:
    """The face that was used, as the network saw it."""
    return Markup('<img class="crop" src="{}" alt="{}">').format(
        draw.crop(photo.face), words.CROP_ALT.format(name=photo.name)
    )


def warnings(photos: Sequence[PhotoFaces], cautions: Sequence[Caution] = ()) -> Markup:
    """What makes the answer less reliable, as a whole and by photo; empty if nothing does."""
    rows = [Markup("<li>{}</li>").format(caution.message) for caution in cautions]
    rows += [Markup("<li><b>{}</b> {}</li>").format(*found) for found in _warned(photos)]
    if not rows:
        return Markup("")
    return Markup('<ul class="warnings">{}</ul>').format(Markup("").join(rows))


def _warned(photos: Sequence[PhotoFaces]) -> list[tuple[str, str]]:
    """The name of the photo and the sentence of each warning."""
    return [(photo.name, warning.message) for photo in photos for warning in photo.warnings]


def point_name(point: OperatingPoint) -> str:
    """What people call an operating point."""
    return words.OPERATING_POINTS.get(point.name, point.name)


def rates(point: OperatingPoint, sentence: str = words.RATES) -> str:
    """What an operating point was measured to do, with counts and intervals."""
    if not point.fmr.trials:
        return words.RATES_UNMEASURED.format(point=point_name(point))
    fmr_low, fmr_high = numbers.interval(point.fmr)
    fnmr_low, fnmr_high = numbers.interval(point.fnmr)
    return sentence.format(
        point=point_name(point),
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


def similar(found: Similar | None) -> Markup:
    """How often different people look at least this similar; empty where it is not known."""
    if found is None:
        return Markup("")
    low, high = numbers.interval(found)
    return Markup('<p class="meaning">{}</p>').format(
        words.SIMILAR.format(
            count=numbers.per_thousand(found.value),
            verb=words.SIMILAR_VERB_ONE if found.value < 0.001 else words.SIMILAR_VERB,
            errors=f"{found.errors:,}",
            trials=f"{found.trials:,}",
            data=found.measured_on,
            low=low,
            high=high,
        )
    )


def decided(
    point: OperatingPoint, milliseconds: Mapping[str, float], sentence: str = words.RATES
) -> Markup:
    """How the answer came about, to be opened by whoever wants to know."""
    stages = ", ".join(f"{name} {spent:.0f}" for name, spent in milliseconds.items())
    total = f"{sum(milliseconds.values()):.0f}"
    return _DETAILS.format(
        words.DETAILS,
        rates(point, sentence),
        words.NOT_CERTAIN,
        words.MILLISECONDS.format(total=total, stages=stages),
    )


def tools(
    answer: Mapping[str, Any], file: str, picture: Mapping[str, Any], more: Markup | str = ""
) -> Markup:
    """Buttons that copy or save an answer; `more` comes before them.

    `picture` is what the page writes below the faces when it makes one picture of the answer,
    `file` the name of what is saved.
    """
    body = json.dumps(answer, indent=2, ensure_ascii=False)
    return _TOOLS.format(
        more=more,
        json=body,
        encoded=base64.b64encode(body.encode()).decode("ascii"),
        copy=words.COPY_JSON,
        copied=words.COPIED,
        save=words.SAVE_JSON,
        save_picture=words.SAVE_PICTURE,
        picture=json.dumps(picture, ensure_ascii=False),
        file=file,
    )


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
    setting = words.PICTURE_SETTING.format(point=point_name(point), sha=origin.sha256[:12])
    return {
        "sign": words.SIGNS.get(tone, ""),
        "tone": tone,
        "title": title,
        "warnings": [
            *(caution.message for caution in cautions),
            *(f"{name}: {message}" for name, message in _warned(photos)),
        ],
        "lines": [*lines, setting, words.PICTURE_LIMITS],
    }
