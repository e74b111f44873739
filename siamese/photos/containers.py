"""What lies around the pixels of a file: which side is up, what is left out, what is missing."""

import io
import struct

from PIL import JpegImagePlugin, TiffImagePlugin

_ORIENTATION = 0x0112
_BITS, _COMPRESSION, _SAMPLES, _ROWS_PER_STRIP = 258, 259, 277, 278
_TILE_WIDTH, _TILE_LENGTH, _OLD_JPEG = 322, 323, 513
_PLACES = ((273, 279), (324, 325))  # of strips and of tiles: where they begin, their sizes
_JPEG = (6, 7)  # kinds of compression
_MAX_TILE_PIXELS = 16_777_216
_PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")


def orientation_of(block: bytes | None) -> int:
    """The orientation, 1-8, that an EXIF block gives; 1 where it gives none or makes no sense.

    By itself, because Pillow reads all that is in the block, which can be made to cost gigabytes.
    """
    block = (block or b"").removeprefix(b"Exif\0\0")
    place, order = _orientation_entry(block)
    if place is None:
        return 1
    _, kind, _, value = struct.unpack_from(f"{order}HHIH", block, place)
    return value if kind == 3 and 1 <= value <= 8 else 1


def png_pixels(content: bytes) -> tuple[bytes, bytes]:
    """A PNG with only the chunks that make the picture, and its EXIF block.

    Pillow refuses a picture for the length of a text in it, and reads EXIF that stands behind the
    pixels too late to turn them.
    """
    spans, exif, kind, place = [content[:8]], b"", b"", 8
    while place < len(content) and kind != b"IEND":
        kind = content[place + 4 : place + 8]
        end = place + 12 + int.from_bytes(content[place : place + 4], "big")
        if kind == b"eXIf":
            exif = content[place + 8 : end - 4]
        if kind in _PIXEL_CHUNKS:
            spans.append(content[place:end])
        place = end
    return b"".join(spans), exif


def lying(content: bytes) -> bytes:
    """A TIFF as it is stored: Pillow would turn it, in twice the memory, before it is reduced."""
    place, order = _orientation_entry(content)
    if place is None:
        return content
    return content[: place + 8] + struct.pack(f"{order}H", 1) + content[place + 10 :]


def _orientation_entry(block: bytes) -> tuple[int | None, str]:
    """Where the first directory of a TIFF or EXIF block has its orientation; the byte order."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None or len(block) < 8:
        return None, "<"
    (place,) = struct.unpack_from(f"{order}I", block, 4)
    if place + 2 > len(block):
        return None, order
    (count,) = struct.unpack_from(f"{order}H", block, place)
    for entry in range(place + 2, min(place + 2 + 12 * count, len(block) - 11), 12):
        if struct.unpack_from(f"{order}H", block, entry)[0] == _ORIENTATION:
            return entry, order
    return None, order


def bytes_a_pixel(content: bytes, picture: object) -> float:
    """How much one pixel takes in the file, decompressed; 4 where the format has one depth."""
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        bits = picture.tag_v2.get(_BITS, (1,))
        samples = picture.tag_v2.get(_SAMPLES, 1)
        return max(bits) * max(samples, len(bits)) / 8
    if content.startswith(b"\x89PNG") and len(content) > 25:
        channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(content[25], 4)
        return content[24] * channels / 8
    return 4.0


def has_huge_tiles(picture: TiffImagePlugin.TiffImageFile) -> bool:
    """Whether a tile of a TIFF, which is decoded as a whole, is far larger than the picture."""
    tile = picture.tag_v2.get(_TILE_WIDTH, 0) * picture.tag_v2.get(_TILE_LENGTH, 0)
    return tile > max(_MAX_TILE_PIXELS, picture.size[0] * picture.size[1])


def rows_are_missing(content: bytes, picture: TiffImagePlugin.TiffImageFile) -> bool:
    """Whether a JPEG within a TIFF is smaller than the strip or tile that it has to fill.

    The decoder takes what it gives and leaves the rest of the memory as it was: the pixels of what
    was decoded before (libtiff 4.7, as of Pillow 12.3).
    """
    tags = picture.tag_v2
    if tags.get(_COMPRESSION) not in _JPEG or _OLD_JPEG in tags:  # which libtiff compares itself
        return False
    places = zip(*(tags.get(tag, ()) for tag in _PLACES[_TILE_WIDTH in tags]), strict=False)
    inner = [_jpeg_size(content[place : place + size]) for place, size in places]
    return any(
        size[0] < wanted[0] or size[1] < wanted[1]
        for size, wanted in zip(inner, _parts(picture, len(inner)), strict=True)
    )


def _parts(picture: TiffImagePlugin.TiffImageFile, count: int) -> list[tuple[int, int]]:
    """(width, height) of each of `count` strips or tiles of a TIFF."""
    tags, (width, height) = picture.tag_v2, picture.size
    if _TILE_WIDTH in tags:
        return [(tags[_TILE_WIDTH], tags[_TILE_LENGTH])] * count
    rows = max(1, min(tags.get(_ROWS_PER_STRIP, height), height))
    strips = -(-height // rows)  # of each plane
    return [(width, min(rows, height - number % strips * rows)) for number in range(count)]


def _jpeg_size(content: bytes) -> tuple[int, int]:
    return JpegImagePlugin.JpegImageFile(io.BytesIO(content)).size
