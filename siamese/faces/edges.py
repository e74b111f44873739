"""Faces that the edge of a picture cuts off: looked for once more, with a border around it.

The proposal network has no place for a face whose middle is near the edge: of 120 faces of which a
quarter to two fifths were cut off it missed 15, and most of those that fill the picture. What it
does find there it sees stretched (see `mtcnn`), with landmarks twice as far off. With a border it
sees all of them as they are, so what is found so takes the place of what was found without. Only
what reaches over the edge is looked at, and only where it is large for the picture; so every
picture can have that for a tenth more pixels in the first network.
"""

from dataclasses import replace

import numpy as np
from PIL import Image, ImageOps

from siamese.faces.mtcnn import SMALLEST, Cascade, Found

BORDER = 0.25  # of the shorter side, on all sides
WIDE = 0.5  # tried too where nothing was found: a face that fills the picture reaches far over it
GREY = (128, 128, 128)  # what the networks take for nothing
LARGE = 0.15  # of the shorter side: the smallest face that the border is for
TOUCHES = 0.05  # of a face's shorter side: nearer to the edge it may be cut off
SAME = 0.5  # of the smaller of two boxes: with more in common they are of one face


def at_edges(cascade: Cascade, picture: Image.Image, found: Found) -> Found:
    """The faces of a picture that its edge may cut off, as they are seen with a border.

    `found` are those seen without; of these, all that are inside the picture are left alone. Where
    there are none, a face may be anywhere, and it is the border, narrow or wide, that shows the
    surest one: some are seen only where they lie well among the pixels that the networks skip.
    """
    inside = found.boxes[~_touching(found.boxes, np.array(picture.size))]
    if len(found.boxes):
        return _framed(cascade, picture, BORDER, inside, anywhere=False)
    seen = [_framed(cascade, picture, border, inside, anywhere=True) for border in (BORDER, WIDE)]
    return max(seen, key=lambda faces: faces.scores.max(initial=0))


def _framed(
    cascade: Cascade, picture: Image.Image, share: float, inside: np.ndarray, anywhere: bool
) -> Found:
    """The faces that are none of those `inside`, boxes (N, 4), seen with so wide a border.

    Only those that reach over the edge, unless they may be `anywhere`.
    """
    size = np.array(picture.size)
    border = round(share * size.min())

    def wanted(boxes: np.ndarray) -> np.ndarray:
        return (_over(boxes - border, size) | anywhere) & ~same_face(boxes - border, inside)

    framed = ImageOps.expand(picture, border, fill=GREY)
    seen = cascade.find(framed, max(SMALLEST, LARGE * min(picture.size)), wanted)
    boxes = seen.boxes - border
    whole = ~_touching(boxes, size)
    seen = replace(seen, boxes=boxes, landmarks=seen.landmarks - border, whole=whole)
    return seen.pick(~same_face(boxes, inside))


def same_face(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which boxes (N, 4) are of the same face as one of `others` (M, 4): bool (N,)."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    common = np.prod(np.maximum(high - low, 0), axis=2)
    areas, others_areas = (np.prod(b[:, 2:] - b[:, :2], axis=1) for b in (boxes, others))
    smaller = np.minimum(areas[:, None], others_areas[None])
    return np.asarray((common > SAME * smaller).any(axis=1))


def _over(boxes: np.ndarray, size: np.ndarray, by: float = TOUCHES) -> np.ndarray:
    """Which boxes (N, 4) reach over the edge by more than this share of their shorter side."""
    beyond = by * (boxes[:, 2:] - boxes[:, :2]).min(axis=1, keepdims=True)
    return np.asarray(((boxes[:, :2] < -beyond) | (boxes[:, 2:] > size + beyond)).any(axis=1))


def _touching(boxes: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Which boxes (N, 4) reach over the edge or nearly so."""
    return _over(boxes, size, -TOUCHES)
