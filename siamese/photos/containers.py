"""What lies around the pixels of a file: what is left out, how large it is, what is missing."""

import io
import re

from PIL import JpegImagePlugin, TiffImagePlugin

_BITS, _COMPRESSION, _SAMPLES, _ROWS_PER_STRIP = 258, 259, 277, 278
_TILE_WIDTH, _TILE_LENGTH, _OLD_JPEG = 322, 323, 513
_PLACES = ((273, 279), (324, 325))  # of strips and of tiles: where they begin, their sizes
_JPEG = (6, 7)  # kinds of compression
# A marker of a JPEG: no stuffed byte, and none that restarts the decoder within a scan.
_MARKER = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])")
_SCAN, _END = b"\xda", b"\xd9"
_MAX_TILE_PIXELS = 16_777_216
_PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")


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
    inner = [_jpeg_size(part) for part in _stored_parts(content, picture)]
    return any(
        size[0] < wanted[0] or size[1] < wanted[1]
        for size, wanted in zip(inner, _parts(picture, len(inner)), strict=True)
    )


def pixels_gone_over(content: bytes, picture: object) -> int:
    """How many pixels of a JPEG, or of those in a TIFF, are decoded: each of them in each scan.

    A scan of a few bytes may change nothing and goes over the whole picture all the same.
    """
    if isinstance(picture, JpegImagePlugin.JpegImageFile):
        return _num_scans(content) * picture.width * picture.height
    if not isinstance(picture, TiffImagePlugin.TiffImageFile):
        return 0
    if picture.tag_v2.get(_COMPRESSION) not in _JPEG:
        return 0
    if _OLD_JPEG in picture.tag_v2:
        return _num_scans(content[picture.tag_v2[_OLD_JPEG] :]) * picture.width * picture.height
    parts = _stored_parts(content, picture)
    return sum(
        _num_scans(part) * width * height
        for part, (width, height) in zip(parts, _parts(picture, len(parts)), strict=True)
    )


def _num_scans(content: bytes) -> int:
    """The scans of a JPEG up to its end: not those of a small picture in its EXIF data, or of a
    film behind it."""
    count, place = 0, 2
    while (found := _MARKER.search(content, place)) and found[1] != _END:
        count += found[1] == _SCAN
        place = found.end() + int.from_bytes(content[found.end() : found.end() + 2], "big")
    return count


def _stored_parts(content: bytes, picture: TiffImagePlugin.TiffImageFile) -> list[bytes]:
    """The bytes of each strip or tile of a TIFF."""
    tags = picture.tag_v2
    places = zip(*(tags.get(tag, ()) for tag in _PLACES[_TILE_WIDTH in tags]), strict=False)
    return [content[place : place + size] for place, size in places]


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
