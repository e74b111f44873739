"""A drawn character as strokes of a pen: what a hand would do to draw the picture again."""

import numpy as np

Point = tuple[int, int]  # row, column


def traced(ink: np.ndarray) -> list[list[Point]]:
    """Strokes through the middle of the ink, bool (H, W), that together pass all of it."""
    line = {(int(y), int(x)) for y, x in np.argwhere(thinned(ink))}
    left = set(line)
    strokes = []
    while left:
        # An end of a line, where there is one, is where a hand would begin.
        here = min(left, key=lambda point: (len(_near(point, left)), point))
        stroke = [here]
        left.remove(here)
        while near := _near(here, left):
            here = min(near, key=lambda point: _turn(stroke, point))
            left.remove(here)
            stroke.append(here)
        # Corners leave single pixels beside what is drawn already; a dot stands alone.
        beside = any(_near(point, line - left - set(stroke)) for point in stroke)
        if len(stroke) > 2 or not beside:
            strokes.append(stroke)
    return strokes


def thinned(ink: np.ndarray) -> np.ndarray:
    """The ink down to lines of one pixel (Zhang and Suen 1984)."""
    pixels = np.pad(ink.astype(bool), 1)
    while True:
        before = pixels.sum()
        for step in (0, 1):
            around = np.stack([np.roll(pixels, shift, (0, 1)) for shift in _AROUND])
            count = around.sum(0)
            changes = (~around & np.roll(around, -1, 0)).sum(0)
            north, east, south, west = around[0], around[2], around[4], around[6]
            if step == 0:
                open_sides = ~(north & east & south) & ~(east & south & west)
            else:
                open_sides = ~(north & east & west) & ~(north & south & west)
            pixels = pixels & ~((count >= 2) & (count <= 6) & (changes == 1) & open_sides)
        if pixels.sum() == before:
            return pixels[1:-1, 1:-1]


# Rolls that bring the neighbours, clockwise from the one above, onto a pixel.
_AROUND = [(1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1)]


def _near(point: Point, left: set[Point]) -> list[Point]:
    y, x = point
    return [(y + a, x + b) for a, b in _AROUND if (y + a, x + b) in left]


def _turn(stroke: list[Point], point: Point) -> float:
    """How far from straight on the stroke would go; a hand prefers to go straight on."""
    (y, x), (back_y, back_x) = stroke[-1], stroke[max(0, len(stroke) - 5)]
    ahead = np.array([y - back_y, x - back_x], float)
    step = np.array([point[0] - y, point[1] - x], float)
    return float(-(ahead @ step) / (np.linalg.norm(step) * max(1.0, float(np.linalg.norm(ahead)))))
