"""What lies around the pixels of an untrusted picture, taken off before a decoder sees it.

Decoders read metadata that nobody asked for, and some can be made to copy it a thousand times: a
400 kB EXIF block whose 4,000 entries all point to the same bytes takes Pillow 1.5 GB; a progressive
JPEG of 100 kB with 3,000 scans takes minutes; so do long lists of strips, chunks or comments. So
the container is walked here first, in a bounded number of steps, and the decoder is given what it
needs for the pixels; of the metadata only the EXIF orientation is read, by 20 lines of our own.

This reads no pixels, and does not judge whether a file is damaged: what it does not understand it
leaves to the decoder. Pure functions of bytes.
"""

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

MAX_STEPS = 10_000  # segments, blocks or tags of one file
# A chunk of a PNG has 8 kB or more in files of usual programs.
BYTES_PER_CHUNK = 4096
# Each scan of a progressive JPEG visits every pixel; there are usually about ten of them.
MAX_SCANNED_PIXELS = 1_200_000_000
# Values of a TIFF's tags; 100 megapixels in strips of 8 kB have 73,000.
MAX_VALUES = 250_000
MAX_TILE_PIXELS = 16_777_216  # of a TIFF's tile that is larger than the picture
MAX_RUN_PIXELS = 2_000_000  # of a BMP in run lengths, which Pillow reads in Python


class Laborious(ValueError):
    """A file is made so that reading it costs far more than its pixels do."""


class Stripped(NamedTuple):
    """The bytes that a decoder needs, and the EXIF orientation, 1-8."""

    content: bytes
    orientation: int = 1


def strip(content: bytes) -> Stripped:
    """A picture without its metadata, where we know its container; Laborious if it is a bomb."""
    for start, walk in _WALKERS:
        if start.match(content):
            return walk(content)
    return Stripped(content)


def orientation_of(block: bytes | None) -> int:
    """The orientation, 1-8, that an EXIF block gives; 1 where it gives none or makes no sense."""
    block = (block or b"").removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None or len(block) < 8:
        return 1
    (place,) = struct.unpack_from(f"{order}I", block, 4)
    if place + 2 > len(block):
        return 1
    (count,) = struct.unpack_from(f"{order}H", block, place)
    for entry in range(place + 2, min(place + 2 + 12 * count, len(block) - 11), 12):
        tag, kind, _, value = struct.unpack_from(f"{order}HHIH", block, entry)
        if tag == 0x0112:
            return value if kind == 3 and 1 <= value <= 8 else 1
    return 1


# ---- JPEG

_SCAN_ENDS = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_NO_LENGTH = (0x00, 0x01, *range(0xD0, 0xD9))
_METADATA = (*range(0xE0, 0xF0), 0xFE)
_FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))


def _jpeg(content: bytes) -> Stripped:
    """Without comments and application data but for the two that say what the colours are."""
    spans = [(0, 2)]
    exif: bytes | None = None
    frame = b""
    for marker, start, end in _segments(content):
        head = content[start + 4 : start + 10]
        if marker == 0xE1 and exif is None and head == b"Exif\0\0":
            exif = content[start + 4 : end]
        if marker in _FRAMES:
            frame = content[start:end]
        if marker not in _METADATA or head.startswith((b"JFIF\0", b"Adobe")):
            spans.append((start, end))
        if marker == 0xDA:
            _check_scans(content, start, frame)
            spans.append((end, len(content)))
    return Stripped(_joined(content, spans), orientation_of(exif))


def _segments(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment up to and with the first scan's header."""
    place = 2
    for _ in range(MAX_STEPS):
        start = content.find(b"\xff", place)
        if start < 0 or start + 4 > len(content):
            return
        marker = content[start + 1]
        if marker == 0xFF or marker in _NO_LENGTH:
            place = start + (1 if marker == 0xFF else 2)
            continue
        if marker == 0xD9:
            return
        place = start + 2 + int.from_bytes(content[start + 2 : start + 4], "big")
        yield marker, start, place
        if marker == 0xDA:
            return
    raise Laborious("segments")


def _check_scans(content: bytes, first: int, frame: bytes) -> None:
    """Laborious if there are too many scans for a picture of this size, from the one at `first`."""
    if len(frame) < 10:
        return
    height, width = struct.unpack(">HH", frame[5:9])
    progressive = frame[1] not in (0xC0, 0xC1, 0xC3, 0xC9, 0xCB)
    if not progressive and content[first + 4 : first + 5] == frame[9:10]:
        return  # all the colours are in one scan, and no other one is read
    scans, place = 0, first
    for _ in range(MAX_STEPS):
        found = _SCAN_ENDS.search(content, place)
        if found is None or content[found.start() + 1] == 0xD9:
            return
        place = found.start() + 2
        scans += content[place - 1] == 0xDA
        if scans * width * height > MAX_SCANNED_PIXELS:
            break
        place += max(2, int.from_bytes(content[place : place + 2], "big"))
    raise Laborious("scans")


# ---- PNG

_PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")


def _png(content: bytes) -> Stripped:
    """Only the chunks that make the picture; of an animation its first frame."""
    spans = [(0, 8)]
    exif: bytes | None = None
    place = 8
    for _ in range(MAX_STEPS // 5 + len(content) // BYTES_PER_CHUNK):
        kind = content[place + 4 : place + 8]
        end = place + 12 + int.from_bytes(content[place : place + 4], "big")
        if len(kind) < 4 or end > len(content):
            kind, end = b"IEND", len(content)  # damaged: the rest as it is
        if kind == b"eXIf" and exif is None:
            exif = content[place + 8 : end - 4]
        if kind in _PIXEL_CHUNKS:
            spans.append((place, end))
        if kind == b"IEND":
            return Stripped(_joined(content, spans), orientation_of(exif))
        place = end
    raise Laborious("chunks")


# ---- GIF


def _gif(content: bytes) -> Stripped:
    """Without what is said before the first frame, but for which colour is transparent."""
    if len(content) < 13:
        return Stripped(content)
    place = 13 + (3 << (content[10] & 7) + 1 if content[10] & 0x80 else 0)
    spans = [(0, place)]
    steps = iter(range(MAX_STEPS))
    for _ in steps:
        start = place
        what = content[place : place + 2]
        if len(what) < 2 or what[0] in b",;":
            return Stripped(_joined(content, [*spans, (start, len(content))]))
        place += 1
        if what[0] == ord("!"):
            place = _after_blocks(content, place + 1, steps)
            if what[1] == 0xF9:
                spans.append((start, place))
    raise Laborious("blocks")


def _after_blocks(content: bytes, place: int, steps: Iterator[int]) -> int:
    """Where a chain of sub-blocks that begins at `place` is over, within the `steps` left."""
    for _ in steps:
        size = content[place] if place < len(content) else 0
        place += 1 + size
        if not size:
            return place
    raise Laborious("blocks")


def _joined(content: bytes, spans: list[tuple[int, int]]) -> bytes:
    view = memoryview(content)
    return b"".join(view[start:end] for start, end in spans)


# ---- TIFF

_WIDTH, _LENGTH, _TILE_WIDTH, _TILE_LENGTH = 256, 257, 322, 323
_DIRECTORIES = (34665, 34853, 40965)  # EXIF, GPS, interoperability: Pillow reads them too
# TIFF's types of values: code -> bytes. Those of one byte are copied as they are, without a number
# made of each.
_UNITS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}


class _Tag(NamedTuple):
    """One entry of a directory: its number, how many values, their bytes, and the first value."""

    number: int
    values: int
    size: int
    value: int


def _tiff(content: bytes) -> Stripped:
    """As it is; Laborious if its tags, or those of a directory within, are a bomb."""
    order = "<" if content[:2] == b"II" else ">"
    big = content[2:4] in (b"+\0", b"\0+")
    head = struct.Struct(f"{order}{'Q' if big else 'I'}")
    if len(content) < 16:
        return Stripped(content)
    places = [int(head.unpack_from(content, 8 if big else 4)[0])]
    tags: list[_Tag] = []
    for place in places:
        found = list(_tags(content, place, order, big))
        if len(places) < 8:
            places += [tag.value for tag in found if tag.number in _DIRECTORIES]
        tags += found
        values = sum(tag.values for tag in tags if tag.size > tag.values)
        if sum(tag.size for tag in tags) > len(content) or values > MAX_VALUES:
            raise Laborious("tags")
    first = {tag.number: tag.value for tag in reversed(tags)}
    tile = first.get(_TILE_WIDTH, 0) * first.get(_TILE_LENGTH, 0)
    if tile > max(MAX_TILE_PIXELS, first.get(_WIDTH, 0) * first.get(_LENGTH, 0)):
        raise Laborious("tiles")
    return Stripped(content)


def _tags(content: bytes, place: int, order: str, big: bool) -> Iterator[_Tag]:
    """The tags of the directory at `place`; those whose type or place is unknown are left out."""
    count_of, entry = struct.Struct(f"{order}{'Q' if big else 'H'}"), 20 if big else 12
    shape = struct.Struct(f"{order}HH{'Q' if big else 'I'}")
    if place + count_of.size > len(content):
        return
    (entries,) = count_of.unpack_from(content, place)
    if entries > MAX_STEPS:
        raise Laborious("tags")
    start = place + count_of.size
    for here in range(start, min(start + entry * entries, len(content) - entry + 1), entry):
        number, kind, count = shape.unpack_from(content, here)
        unit = _UNITS.get(kind, 0)
        code = {2: "H", 4: "I", 8: "Q"}.get(unit if unit < 8 or big else 0)
        at = here + shape.size
        value = struct.unpack_from(f"{order}{code}", content, at)[0] if code else 0
        size = count * unit
        # Values of a few bytes stand in the entry itself.
        yield _Tag(number, count, size if size > entry - shape.size else 0, value)


# ---- AVIF, HEIC, BMP

_EXIF_ITEM = re.compile(rb"(infe\x02.{7}|infe\x03.{9})Exif", re.DOTALL)


def _iso(content: bytes) -> Stripped:
    """With EXIF called something else: boxes of an AVIF or HEIC say which side is up, not it.

    The decoder of HEIC turns the pixels by these boxes; that of AVIF only tells what they say.
    """
    return Stripped(_EXIF_ITEM.sub(rb"\1free", content))


def _bmp(content: bytes) -> Stripped:
    """As it is; Laborious if it is a large one in run lengths."""
    if len(content) >= 34:
        width, height, _, packed = struct.unpack_from("<iiII", content, 18)
        if packed in (1, 2) and abs(width * height) > MAX_RUN_PIXELS:
            raise Laborious("runs")
    return Stripped(content)


_WALKERS = (
    (re.compile(rb"\xff\xd8"), _jpeg),
    (re.compile(rb"\x89PNG"), _png),
    (re.compile(rb"GIF8"), _gif),
    (re.compile(rb"II|MM"), _tiff),
    (re.compile(rb"....ftyp", re.DOTALL), _iso),
    (re.compile(rb"BM"), _bmp),
)
