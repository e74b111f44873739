"""HTML that shows which parts of two faces speak for "same", and which against."""

import math
from typing import Any

import numpy as np
from markupsafe import Markup

from siamese.answers import Explanation, PhotoFaces
from siamese.explain import FAINT, MARKED, STRENGTH
from ui import words
from ui.html import numbers
from ui.html.templates import macros

_HTML = macros("why")


def explanation(found: Explanation) -> Markup:
    """Both crops with what covering each part did, on one scale, and how to read it."""
    largest = max(float(np.abs(grid).max()) for grid in found.influences) or 1.0
    pairs = zip(found.photos, found.influences, strict=True)
    faces = [_face(photo, grid, largest) for photo, grid in pairs]
    factor = numbers.factor(math.exp(min(largest, 30.0)))
    limits = {"factor": factor, "faint": FAINT, "marked": MARKED, "strength": STRENGTH}
    return Markup(_HTML.explanation(faces, limits))


def _face(photo: PhotoFaces, grid: np.ndarray, largest: float) -> dict[str, Any]:
    best, worst = _place(grid, grid.max()), _place(grid, grid.min())
    return {
        "photo": photo,
        "cells": len(grid),
        "label": words.WHY_ALT.format(name=photo.name, best=best, worst=worst),
        "shares": [(x, y, float(share)) for (y, x), share in np.ndenumerate(grid / largest)],
    }


def _place(grid: np.ndarray, value: float) -> str:
    """Where in the picture a value lies, in words."""
    row, column = np.unravel_index(int(np.argmax(grid == value)), grid.shape)
    return words.PLACES[int(3 * row / len(grid))][int(3 * column / len(grid))]
