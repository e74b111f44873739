"""From an encoded picture to the upright RGB pixels that are wanted, in little memory.

It does not manage colour profiles: pictures are taken to be sRGB.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, JpegImagePlugin

from siamese.photos.orientation import UPRIGHT, stored_box
from siamese.photos.photo import Box, Piece

# Decoded pictures are flattened to RGB in bands of about this many pixels, to spare memory.
BAND_PIXELS = 4_000_000


class Stored(NamedTuple):
    """A picture as it is stored, which may lie on its side.

    `size` is (width, height) before the EXIF `orientation` (1-8) is applied; `open` gives a picture
    whose pixels may still be encoded.
    """

    size: tuple[int, int]
    orientation: int
    open: Callable[[], Image.Image]

    @property
    def upright(self) -> tuple[int, int]:
        """(width, height) after the orientation was applied."""
        return self.size[::-1] if self.orientation >= 5 else self.size


def render(stored: Stored, parts: Sequence[Piece]) -> list[Image.Image]:
    """Parts of the upright picture, as RGB, at least one, all from one decode.

    Raises any of DECODER_ERRORS where the file turns out to be damaged.
    """
    picture = _decoded(stored.open(), max(part.scale for part in parts))
    turn = UPRIGHT.get(stored.orientation)
    rendered = []
    for scale, box, size in parts:
        turned = size[::-1] if stored.orientation >= 5 else size
        within = stored_box(box, stored.orientation, stored.size)
        reduced = _reduced(picture, stored.size, scale, within, turned)
        rendered.append(reduced if turn is None else reduced.transpose(turn))
    return rendered


def _decoded(picture: Image.Image, scale: float) -> Image.Image:
    """The picture with its pixels, as small as its decoder gives it for this scale."""
    full = picture.size
    # The JPEG decoder shrinks by 2, 4 or 8 at almost no cost. HEIC would offer its thumbnail, which
    # need not show the same picture.
    if scale < 1 and isinstance(picture, JpegImagePlugin.JpegImageFile):
        target = max(1, math.floor(full[0] * scale)), max(1, math.floor(full[1] * scale))
        picture.draft(None, target)
    picture.load()
    return picture


def _reduced(
    picture: Image.Image, full: tuple[int, int], scale: float, box: Box, size: tuple[int, int]
) -> Image.Image:
    """`box` (px of the stored picture, which is `full` px) reduced to `size`, as RGB."""
    fx, fy = picture.size[0] / full[0], picture.size[1] / full[1]
    x0, y0, x1, y1 = box[0] * fx, box[1] * fy, box[2] * fx, box[3] * fy
    left, top = max(0, math.floor(x0)), max(0, math.floor(y0))
    right, bottom = min(picture.size[0], math.ceil(x1)), min(picture.size[1], math.ceil(y1))
    factor = max(1, math.floor(fx / scale))
    part = _flattened(picture, (left, top, right, bottom), factor)
    if part.size == size and factor == 1:
        return part
    inner = ((x0 - left) / factor, (y0 - top) / factor, (x1 - left) / factor, (y1 - top) / factor)
    inner = (inner[0], inner[1], min(inner[2], part.size[0]), min(inner[3], part.size[1]))
    return part.resize(size, Image.Resampling.BILINEAR, inner)


def _flattened(picture: Image.Image, box: tuple[int, int, int, int], factor: int) -> Image.Image:
    """`box` of the picture as RGB, averaged over `factor` x `factor` pixels, band by band."""
    to_rgb = _converter(picture)
    left, top, right, bottom = box
    rows = max(1, BAND_PIXELS // ((right - left) * factor)) * factor
    if rows >= bottom - top:
        part = to_rgb(picture if box == (0, 0, *picture.size) else picture.crop(box))
        return part if factor == 1 else part.reduce(factor)
    width, height = -(-(right - left) // factor), -(-(bottom - top) // factor)
    flat = Image.new("RGB", (width, height))
    for start in range(top, bottom, rows):
        band = picture.crop((left, start, right, min(bottom, start + rows)))
        flat.paste(to_rgb(band).reduce(factor), (0, (start - top) // factor))
    return flat


def _converter(picture: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """How to make RGB from a part of this picture; decided once for the whole of it."""
    if picture.has_transparency_data:
        return _on_white
    if picture.mode == "RGB":
        return lambda part: part
    if picture.mode in ("I", "F") or picture.mode.startswith("I;"):
        low, high = _value_range(picture)
        return lambda part: _from_wide(part, low, high)
    return lambda part: part.convert("RGB")


def _value_range(picture: Image.Image) -> tuple[float, float]:
    """Which values are black and white in a picture of 16- or 32-bit integers or of floats."""
    if picture.mode.startswith("I;"):
        return 0.0, 65535.0
    extrema = [float(value) for value in np.asarray(picture.getextrema(), dtype=float)]
    low, high = (value if math.isfinite(value) else 0.0 for value in extrema)
    # The usual ranges are taken as they are, so that a dark photo stays dark; others are stretched.
    usual = (1.0, 255.0, 65535.0) if picture.mode == "F" else (255.0, 65535.0)
    for top in usual:
        if low >= 0 and high <= top:
            return 0.0, top
    return low, max(high, low + 1e-6)


def _from_wide(part: Image.Image, low: float, high: float) -> Image.Image:
    values = np.nan_to_num(np.asarray(part, dtype=np.float32), posinf=high, neginf=low)
    grey = (values - low) * (255.0 / (high - low))
    return Image.fromarray(np.clip(grey + 0.5, 0, 255).astype(np.uint8)).convert("RGB")


def _on_white(part: Image.Image) -> Image.Image:
    """Transparent parts show white, as they do on a page."""
    colour = part.convert("RGBA")
    flat = Image.new("RGB", part.size, "white")
    flat.paste(colour, mask=colour.getchannel("A"))
    return flat
