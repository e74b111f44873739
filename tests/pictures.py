"""Pictures that the suite makes itself, and the one portrait that comes with scikit-image."""

import functools
import io
from typing import Any

import numpy as np
import skimage.data
from PIL import Image

# Where the face is in the portrait, px of 512 x 512 (x0, y0, x1, y1); read off the picture by eye.
PORTRAIT_FACE = (178.0, 62.0, 268.0, 172.0)
# Left eye, right eye, nose, left and right mouth corner, read off an enlargement by eye.
PORTRAIT_LANDMARKS = ((205, 102), (246, 102), (224, 128), (201, 141), (244, 141))


@functools.cache
def _portrait_pixels() -> np.ndarray:
    pixels: np.ndarray = skimage.data.astronaut()
    return pixels


def portrait() -> Image.Image:
    """Eileen Collins, NASA, public domain; 512 x 512, RGB."""
    return Image.fromarray(_portrait_pixels())


def corners(size: tuple[int, int] = (96, 64)) -> Image.Image:
    """Four coloured quarters, so that every way of turning and mirroring looks different.

    Red top left, green top right, blue bottom left, white bottom right.
    """
    picture = Image.new("RGB", size, "white")
    half = (size[0] // 2, size[1] // 2)
    picture.paste((200, 30, 30), (0, 0, half[0], half[1]))
    picture.paste((30, 180, 30), (half[0], 0, size[0], half[1]))
    picture.paste((30, 30, 200), (0, half[1], half[0], size[1]))
    return picture


def pasted(*pictures: Image.Image, height: int = 240) -> Image.Image:
    """The pictures side by side in one, all scaled to this height in px."""
    parts = [p.convert("RGB").resize((p.width * height // p.height, height)) for p in pictures]
    together = Image.new("RGB", (sum(part.width for part in parts), height), "grey")
    left = 0
    for part in parts:
        together.paste(part, (left, 0))
        left += part.width
    return together


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """The bytes of a file of this kind, by Pillow's name for it; HEIC by pillow-heif."""
    file = io.BytesIO()
    if kind == "HEIC":
        import pillow_heif

        pillow_heif.from_pillow(picture).save(file, **options)
    else:
        picture.save(file, kind, **options)
    return file.getvalue()


def oriented(picture: Image.Image, orientation: int) -> Image.Image:
    """The picture stored so that it is upright again by this EXIF orientation."""
    turns = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    turn = turns[orientation]
    return picture if turn is None else picture.transpose(turn)


def exif(orientation: int) -> Image.Exif:
    """EXIF data that says nothing but this orientation."""
    block = Image.Exif()
    block[0x0112] = orientation
    return block
