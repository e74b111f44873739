"""Cutting an aligned face out of a picture: five landmarks onto a fixed template.

Points are taken as complex numbers x + iy: a similarity (scale, rotation, shift; no mirroring) is
then `a * point + b`, and its least-squares fit is a one-line division (the two-dimensional case of
Umeyama 1991, "Least-squares estimation of transformation parameters between two point patterns").
Coordinates are continuous: the centre of the first pixel is at 0.5.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

Point = tuple[float, float]
Window = tuple[float, float, float, float]  # x0, y0, x1, y1 in the template

# Left eye, right eye, nose, left and right mouth corner as seen in the picture; px of 112 x 112.
TEMPLATE: tuple[Point, ...] = (
    (38.2946, 51.6963),
    (73.5318, 51.5014),
    (56.0252, 71.7366),
    (41.5493, 92.3655),
    (70.7299, 92.2041),
)
# How much larger than the crop the picture that it is cut from may be, in px a side.
_MARGIN = 2


@dataclass(frozen=True, slots=True)
class Alignment:
    """Which part of the template a crop shows, and how large. Stored with each checkpoint."""

    size: int = 96  # side of the square crop in px
    window: Window = (8, 20, 104, 116)

    def __post_init__(self) -> None:
        x0, y0, x1, y1 = self.window
        if self.size < 1 or x1 <= x0 or not math.isclose(x1 - x0, y1 - y0):
            raise ValueError(f"an alignment needs a size and a square window, not {self}")

    @property
    def target(self) -> np.ndarray:
        """The template's landmarks in px of the crop, (5,) complex128."""
        scale = self.size / (self.window[2] - self.window[0])
        return (_as_complex(TEMPLATE) - complex(self.window[0], self.window[1])) * scale


def similarity(source: Sequence[Point], target: np.ndarray) -> tuple[complex, complex]:
    """The similarity `a * z + b` that brings `source` (N points) nearest to `target` (N complex).

    Returns:
        (a, b). abs(a) is the scale; a is 0 where all source points coincide.
    """
    points = _as_complex(source)
    centred = points - points.mean()
    spread = float(np.sum(np.abs(centred) ** 2))
    if spread == 0:
        return 0j, complex(target.mean())
    a = complex(np.sum(np.conj(centred) * (target - target.mean()))) / spread
    return a, complex(target.mean() - a * points.mean())


def misfit(landmarks: Sequence[Point], alignment: Alignment) -> float:
    """Root mean square distance of the fitted landmarks from the template, in template px."""
    a, b = similarity(landmarks, alignment.target)
    error = a * _as_complex(landmarks) + b - alignment.target
    scale = (alignment.window[2] - alignment.window[0]) / alignment.size
    return float(np.sqrt(np.mean(np.abs(error) ** 2))) * scale


def crop_scale(landmarks: Sequence[Point], alignment: Alignment) -> float:
    """Pixels of the crop per pixel of the picture that the landmarks refer to."""
    return abs(similarity(landmarks, alignment.target)[0])


def righted(landmarks: Sequence[Point], stretched: float) -> list[Point]:
    """The points as they would be had the picture not been made so many times too wide."""
    return [(x / stretched, y) for x, y in landmarks]


def source_box(
    landmarks: Sequence[Point], alignment: Alignment, stretched: float = 1.0
) -> tuple[int, int, int, int]:
    """The part (x0, y0, x1, y1) of the picture that the crop shows, with a small margin.

    May reach beyond the picture. `stretched` as for `cut`.
    """
    a, b = similarity(righted(landmarks, stretched), alignment.target)
    side = alignment.size
    corners = (np.array([0, side, side * 1j, side + side * 1j]) - b) / a
    margin = _MARGIN * max(1.0, 1 / abs(a))
    return (
        math.floor((corners.real.min() - margin) * stretched),
        math.floor(corners.imag.min() - margin),
        math.ceil((corners.real.max() + margin) * stretched),
        math.ceil(corners.imag.max() + margin),
    )


def cut(
    image: Image.Image,
    landmarks: Sequence[Point],
    alignment: Alignment,
    stretched: float = 1.0,
) -> np.ndarray:
    """Cut the aligned crop out of an RGB picture.

    Pixels outside the picture repeat its edge. Where the face is larger than the crop it is reduced
    first by averaging, then turned, so nothing aliases.

    Args:
        image: RGB.
        landmarks: five (x, y) in px of `image`, in the order of TEMPLATE, not all the same.
        stretched: how many times too wide the picture is for its height; the crop is not.

    Returns:
        uint8 (S, S, 3), RGB, S = alignment.size.
    """
    a, b = similarity(righted(landmarks, stretched), alignment.target)
    box = source_box(landmarks, alignment, stretched)
    patch = _with_edges(image, box)
    shrink = min(1.0, abs(a))
    width = max(1, round(patch.width * min(1.0, abs(a) / stretched)))
    height = max(1, round(patch.height * shrink))
    fx, fy = width / patch.width, height / patch.height
    if (width, height) != patch.size:
        patch = patch.resize((width, height), Image.Resampling.HAMMING)
    # Crop -> righted picture is z -> (z - b) / a; then that -> picture -> patch.
    inverse, origin, wide = 1 / a, -b / a, stretched * fx
    matrix = (
        inverse.real * wide, -inverse.imag * wide, origin.real * wide - box[0] * fx,
        inverse.imag * fy, inverse.real * fy, (origin.imag - box[1]) * fy,
    )  # fmt: skip
    side = (alignment.size, alignment.size)
    turned = patch.transform(side, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)
    return np.array(turned)


def _with_edges(image: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    """`box` of the picture; what lies outside repeats the edge.

    Not black: ordinary photos have no black border, and a network should not see one.
    """
    x0, y0, x1, y1 = box
    inside = (
        min(max(x0, 0), image.width - 1), min(max(y0, 0), image.height - 1),
        max(min(x1, image.width), 1), max(min(y1, image.height), 1),
    )  # fmt: skip
    patch = image.crop(inside)
    if inside == box:
        return patch
    columns = np.clip(np.arange(x0, x1), inside[0], inside[2] - 1) - inside[0]
    rows = np.clip(np.arange(y0, y1), inside[1], inside[3] - 1) - inside[1]
    return Image.fromarray(np.asarray(patch)[rows[:, None], columns])


def _as_complex(points: Sequence[Point]) -> np.ndarray:
    pairs = np.asarray(points, dtype=np.float64)
    return np.asarray(pairs[:, 0] + 1j * pairs[:, 1])
