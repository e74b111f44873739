"""HTML that shows which parts of two faces speak for "same", and which against."""

import math

import numpy as np
from markupsafe import Markup

from siamese.answers import Explanation, PhotoFaces
from siamese.explain import FAINT, MARKED, STRENGTH
from ui import draw, words
from ui.html import numbers

_WHY = Markup(
    '<div class="why"><h3>{title}</h3>'
    '<div class="pictures">{first}{second}</div>'
    '<ul class="legend"><li class="for">{speaks_for}</li><li class="against">{against}</li></ul>'
    "<p>{read}</p><p>{limits}</p></div>"
)
_FACE = Markup(
    '<figure><div class="heat"><img src="{crop}" alt=""><svg viewBox="0 0 {cells} {cells}"'
    ' role="img" aria-label="{label}"><g class="colours">{colours}</g>'
    '<g class="signs" aria-hidden="true">{signs}</g></svg></div>'
    "<figcaption>{name}</figcaption></figure>"
)
_CELL = Markup(
    '<rect class="{kind}" x="{x}" y="{y}" width="1" height="1" fill-opacity="{strength}"/>'
)
_SIGN = Markup('<path d="M{left} {y}h.5{upright}"/>')


def explanation(found: Explanation) -> Markup:
    """Both crops with what covering each part did, on one scale, and how to read it."""
    largest = max(float(np.abs(grid).max()) for grid in found.influences) or 1.0
    return _WHY.format(
        title=words.WHY_TITLE,
        first=_face(found.first, found.influences[0], largest),
        second=_face(found.second, found.influences[1], largest),
        speaks_for=words.WHY_FOR,
        against=words.WHY_AGAINST,
        read=words.WHY_READ.format(factor=numbers.factor(math.exp(min(largest, 30.0)))),
        limits=words.WHY_LIMITS,
    )


def _face(photo: PhotoFaces, grid: np.ndarray, largest: float) -> Markup:
    shares = grid / largest
    cells = [(x, y, float(share)) for (y, x), share in np.ndenumerate(shares)]
    return _FACE.format(
        crop=draw.crop(photo.face),
        cells=len(grid),
        label=words.WHY_ALT.format(
            name=photo.name, best=_place(grid, grid.max()), worst=_place(grid, grid.min())
        ),
        colours=Markup("").join(_cell(*cell) for cell in cells if abs(cell[2]) >= FAINT),
        signs=Markup("").join(_sign(*cell) for cell in cells if abs(cell[2]) >= MARKED),
        name=photo.name,
    )


def _cell(x: int, y: int, share: float) -> Markup:
    kind = "for" if share > 0 else "against"
    return _CELL.format(kind=kind, x=x, y=y, strength=f"{STRENGTH * abs(share):.2f}")


def _sign(x: int, y: int, share: float) -> Markup:
    """A plus or a minus in the middle of a cell."""
    upright = Markup("m-.25-.25v.5") if share > 0 else ""
    return _SIGN.format(left=f"{x + 0.25:.2f}", y=f"{y + 0.5:.1f}", upright=upright)


def _place(grid: np.ndarray, value: float) -> str:
    """Where in the picture a value lies, in words."""
    row, column = np.unravel_index(int(np.argmax(grid == value)), grid.shape)
    return words.PLACES[int(3 * row / len(grid))][int(3 * column / len(grid))]
