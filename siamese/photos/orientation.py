"""Which side of a photo is up, by its EXIF data, and how it is turned upright."""

import contextlib
import struct

from PIL import Image, TiffImagePlugin

from siamese.photos.photo import DECODER_ERRORS, Box

TAG = 0x0112
_Turn = Image.Transpose
# EXIF orientation -> what makes the stored picture upright.
UPRIGHT = {
    2: _Turn.FLIP_LEFT_RIGHT, 3: _Turn.ROTATE_180, 4: _Turn.FLIP_TOP_BOTTOM, 5: _Turn.TRANSPOSE,
    6: _Turn.ROTATE_270, 7: _Turn.TRANSVERSE, 8: _Turn.ROTATE_90,
}  # fmt: skip


def of_block(block: bytes | None) -> int:
    """The orientation, 1-8, that an EXIF block gives; 1 where it gives none or makes no sense.

    By itself, because Pillow reads all that is in the block, which can be made to cost gigabytes.
    """
    block = (block or b"").removeprefix(b"Exif\0\0")
    place, order = _entry(block)
    if place is None:
        return 1
    _, kind, _, value = struct.unpack_from(f"{order}HHIH", block, place)
    return value if kind == 3 and 1 <= value <= 8 else 1


def of_picture(picture: Image.Image) -> int:
    """EXIF orientation 1-8 of an open picture; 1 where there is none or it makes no sense."""
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        return 1  # Pillow turns these by itself, and counts that into their size
    # A broken EXIF block is no reason to refuse a picture that can be decoded.
    with contextlib.suppress(*DECODER_ERRORS):
        value = picture.getexif().get(TAG, 1)
        if isinstance(value, int) and 1 <= value <= 8:
            return value
    return 1


def lying(content: bytes) -> bytes:
    """A TIFF as it is stored: Pillow would turn it, in twice the memory, before it is reduced."""
    place, order = _entry(content)
    if place is None:
        return content
    return content[: place + 8] + struct.pack(f"{order}H", 1) + content[place + 10 :]


def stored_box(box: Box, orientation: int, stored: tuple[int, int]) -> Box:
    """A box of the upright picture in the coordinates of the stored one."""
    x0, y0, x1, y1 = box
    if orientation >= 5:
        x0, y0, x1, y1 = y0, x0, y1, x1
    width, height = stored
    if orientation in (2, 3, 7, 8):
        x0, x1 = width - x1, width - x0
    if orientation in (3, 4, 6, 7):
        y0, y1 = height - y1, height - y0
    return (x0, y0, x1, y1)


def _entry(block: bytes) -> tuple[int | None, str]:
    """Where the first directory of a TIFF or EXIF block has its orientation; the byte order."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None or len(block) < 8:
        return None, "<"
    (place,) = struct.unpack_from(f"{order}I", block, 4)
    if place + 2 > len(block):
        return None, order
    (count,) = struct.unpack_from(f"{order}H", block, place)
    for entry in range(place + 2, min(place + 2 + 12 * count, len(block) - 11), 12):
        if struct.unpack_from(f"{order}H", block, entry)[0] == TAG:
            return entry, order
    return None, order
