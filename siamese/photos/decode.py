"""Photos from outside: any picture a person would upload -> an upright RGB picture of bounded size.

Only this file and `render` decode pictures. Formats come from a fixed list and are recognised by
their first bytes, never by the file's name; the number of bytes and of pixels is limited before
anything is decoded; whatever a decoder trips over becomes an ImageError. That does not make a
decoder safe: strangers' photos are taken in by `decoder_process`, which calls this elsewhere.
"""

import io
import re
from collections.abc import Callable, Sequence
from typing import BinaryIO

import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
    _webp,
)

from siamese.errors import ImageError
from siamese.photos import containers, orientation
from siamese.photos.files import file_name
from siamese.photos.photo import DECODER_ERRORS, Caption, Photo, Piece, Source
from siamese.photos.render import Stored, render
from siamese.photos.sources import MAX_BYTES, read

# 108-megapixel phones and 102-megapixel cameras exist; a decoded picture takes 3-4 bytes a pixel.
MAX_PIXELS = 110_000_000
# The decoders of AVIF and HEIC take 12 bytes a pixel.
MAX_ISO_PIXELS = 64_000_000
# Of one side: as many as a JPEG can have. A longer picture is no photo, and some decoders take time
# and memory by the row.
MAX_SIDE = 65_535
# 110 megapixels of 16-bit RGB. Few files have more bytes a pixel, and each takes its decoder more.
MAX_DECODED = 6 * MAX_PIXELS
# A progressive JPEG has some ten scans, and each goes over all its pixels.
MAX_GONE_OVER = 20 * MAX_PIXELS

# How far beyond 0 to 1 a photo in floats may reach, as resized pictures do.
OVERSHOOT = 0.1

# `load`, or what takes its place: a source, its name and its role -> a photo.
Load = Callable[..., Photo]
_Open = Callable[[BinaryIO], Image.Image]


def _open_heif(file: BinaryIO) -> Image.Image:
    """Open HEIC through pillow-heif without registering it with Pillow for everybody else."""
    # Imported here: the library takes 50 ms to load and most photos are not HEIC.
    from pillow_heif.as_plugin import HeifImageFile

    # A lazy picture: the header is read now, the pixels at load().
    picture: Image.Image = HeifImageFile(file)
    return picture


# The classes are called directly, not through Image.open: its decompression-bomb guard warns and
# fails by limits that are global to the process, and it would try every decoder Pillow has.
_OPENERS: tuple[tuple[re.Pattern[bytes], _Open], ...] = (
    (re.compile(rb"\xff\xd8\xff"), JpegImagePlugin.JpegImageFile),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), PngImagePlugin.PngImageFile),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), WebPImagePlugin.WebPImageFile),
    (re.compile(rb"GIF8[79]a"), GifImagePlugin.GifImageFile),
    (re.compile(rb"II\*\0|MM\0\*|II\+\0|MM\0\+"), TiffImagePlugin.TiffImageFile),
    (re.compile(rb"BM"), BmpImagePlugin.BmpImageFile),
    # "mif1" is only the container; the list of compatible brands says what is inside.
    (
        re.compile(rb"....ftyp(avi[fs]|m[is]f1.{4}(....){0,14}avi[fs])", re.DOTALL),
        AvifImagePlugin.AvifImageFile,
    ),
    (re.compile(rb"....ftyp(hei[cxms]|hev[cxms]|m[is]f1)", re.DOTALL), _open_heif),
)
_ACCEPTED = "JPEG, PNG, WebP, AVIF, HEIC, GIF, TIFF or BMP"


def load(source: Source, name: str | None = None, role: str = "photo") -> Photo:
    """Take a photo in; reads the header, not yet the pixels.

    Args:
        source: a path, the bytes of a file, an open binary file, a data URL, a PIL picture (its
            EXIF counts) or an array: (H, W), (H, W, 1), (H, W, 3) RGB or (H, W, 4) RGBA; uint8,
            uint16 (0-65535), bool, or floats from 0 to 1.
        name: what to call it in messages; by default the file's name, where there is one.
        role: what the photo is in what is being done, as "second photo"; named in messages too.

    Raises:
        ImageError: it is no picture of a known format, is damaged, or is too large. Damage in the
            pixels shows later, in `Photo.at`.
    """
    caption = Caption.of(role, name or file_name(source))
    if isinstance(source, Image.Image):
        return _from_picture(source, caption)
    if isinstance(source, np.ndarray):
        return _from_picture(_from_array(source, caption), caption)
    return decode(read(source, caption), caption)


def decode(content: bytes, caption: Caption) -> Photo:
    """A photo from the bytes of its file, by decoders in this process. Raises as `load` does."""
    if not content:
        raise ImageError(f"{caption.start} is an empty file; please choose another one.")
    if len(content) > MAX_BYTES:
        raise ImageError(
            f"{caption.start} has more than {MAX_BYTES // 2**20} MB; please make it smaller."
        )
    opener = next((opener for pattern, opener in _OPENERS if pattern.match(content)), None)
    if opener is None:
        raise ImageError(
            f"{caption.start} {_looks_like(content)}; please give a picture as {_ACCEPTED}."
        )
    try:
        stored = _stored(content, opener, caption)
    except DECODER_ERRORS as error:
        raise ImageError(
            f"{caption.start} is damaged or of an unusual kind and cannot be opened; "
            "please save it as a JPEG and try again."
        ) from error
    return _photo(stored, caption, len(content))


def _stored(content: bytes, opener: _Open, caption: Caption) -> Stored:
    """The picture in a file, its size checked. ImageError, or whatever the decoder raises."""
    as_stored, exif = content, None
    if opener is PngImagePlugin.PngImageFile:
        as_stored, exif = containers.png_pixels(content)
    elif opener is TiffImagePlugin.TiffImageFile:
        as_stored, exif = orientation.lying(content), content
    picture = opener(io.BytesIO(as_stored))
    most = MAX_ISO_PIXELS if content[4:8] == b"ftyp" else MAX_PIXELS
    _check_size(caption, picture.size, most, containers.bytes_a_pixel(content, picture))
    if containers.pixels_gone_over(as_stored, picture) > MAX_GONE_OVER:
        raise ImageError(
            f"{caption.start} has far more scans than a photo needs; please save it as an ordinary"
            " JPEG."
        )
    if isinstance(picture, TiffImagePlugin.TiffImageFile) and (
        containers.has_huge_tiles(picture) or containers.rows_are_missing(as_stored, picture)
    ):
        raise OSError("strips or tiles of other sizes than it says")
    # HEIC is turned by its decoder. Of an AVIF, Pillow writes here what its own boxes say.
    if exif is None and opener is not _open_heif:
        exif = picture.info.get("exif")
    turn = orientation.of_block(exif)
    if isinstance(picture, WebPImagePlugin.WebPImageFile):
        return Stored(picture.size, turn, lambda: _webp_picture(content))
    return Stored(picture.size, turn, lambda: opener(io.BytesIO(as_stored)))


def _photo(stored: Stored, caption: Caption, num_bytes: int) -> Photo:
    """The photo of a stored picture, whose pixels are decoded in this process."""

    def rendered(parts: Sequence[Piece]) -> list[Image.Image]:
        try:
            return render(stored, parts)
        except DECODER_ERRORS as error:
            raise ImageError(
                f"{caption.start} is damaged or incomplete and cannot be read; "
                "please save or send it again."
            ) from error

    return Photo(caption, stored.upright, num_bytes, rendered)


def _webp_picture(content: bytes) -> Image.Image:
    """The first frame of a WebP, in 12 bytes a pixel; Pillow's own way takes 16 and keeps 12."""
    decoder = _webp.WebPAnimDecoder(content)
    size, _, _, _, mode = decoder.get_info()
    frame = decoder.get_next()
    if frame is None:
        raise OSError("no frame")
    return Image.frombuffer(mode, size, frame[0], "raw", mode, 0, 1)


def _looks_like(content: bytes) -> str:
    head = content[:1024].lstrip().lower()
    for start, kind in ((b"%pdf", "a PDF document"), (b"pk\x03\x04", "a zip archive")):
        if head.startswith(start):
            return f"is {kind}, not a picture"
    if b"<svg" in head:
        return "is an SVG drawing, not a photo"
    if b"<html" in head or b"<!doctype" in head:
        return "is a web page, not a picture"
    if content[4:8] == b"ftyp":
        return "is a video or an unknown kind of picture"
    return "is not a picture of a known kind"


def _from_picture(picture: Image.Image, caption: Caption) -> Photo:
    _check_size(caption, picture.size)
    try:
        # A snapshot: what the caller does to the picture later does not matter.
        snapshot = picture.copy()
    except DECODER_ERRORS as error:
        raise ImageError(
            f"{caption.start} is damaged and cannot be read; please open it again."
        ) from error
    num_bytes = len(snapshot.getbands()) * snapshot.width * snapshot.height
    stored = Stored(picture.size, orientation.of_picture(picture), lambda: snapshot)
    return _photo(stored, caption, num_bytes)


def _from_array(array: np.ndarray, caption: Caption) -> Image.Image:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise ImageError(
            f"{caption.start} is an array of shape {array.shape}; "
            "please give (H, W), (H, W, 3) or (H, W, 4)."
        )
    if 0 in array.shape:
        raise ImageError(f"{caption.start} is an empty array; please give one with pixels.")
    _check_size(caption, (array.shape[1], array.shape[0]))
    kind = array.dtype
    if kind == np.uint16:
        array = array // 257
    elif kind == np.bool_:
        array = array * np.uint8(255)
    elif np.issubdtype(kind, np.floating):
        array = np.clip(_from_0_to_1(array, caption), 0.0, 1.0) * 255.0 + 0.5
    elif kind != np.uint8:
        raise ImageError(
            f"{caption.start} is an array of {kind}; please give uint8 (0-255), uint16 or floats "
            "from 0 to 1."
        )
    return Image.fromarray(np.ascontiguousarray(array, dtype=np.uint8))


def _from_0_to_1(array: np.ndarray, caption: Caption) -> np.ndarray:
    """The array; ImageError where its floats have another scale, which nothing tells for sure."""
    low, high = float(array.min()), float(array.max())
    if not np.isfinite((low, high)).all():
        raise ImageError(
            f"{caption.start} is an array with numbers that are not finite; please replace them."
        )
    if low < -OVERSHOOT or high > 1 + OVERSHOOT:
        raise ImageError(
            f"{caption.start} is an array of floats from {low:.4g} to {high:.4g}; please scale them"
            " to 0 to 1, or give uint8 (0-255)."
        )
    return array


def _check_size(
    caption: Caption, size: tuple[int, int], most: int = MAX_PIXELS, depth: float = 4.0
) -> None:
    """ImageError where a picture has too many pixels, of `depth` bytes each, or none."""
    pixels = size[0] * size[1]
    if pixels < 1:
        raise ImageError(f"{caption.start} has no pixels; please choose another one.")
    if pixels > most:
        raise ImageError(
            f"{caption.start} has {pixels / 1e6:.0f} megapixels and at most "
            f"{most // 1_000_000} are accepted; please make it smaller."
        )
    if max(size) > MAX_SIDE:
        raise ImageError(
            f"{caption.start} is {max(size):,} pixels long and at most {MAX_SIDE:,} are accepted; "
            "please make it smaller."
        )
    if pixels * depth > MAX_DECODED:
        raise ImageError(
            f"{caption.start} has {pixels * depth / 1e6:.0f} MB of pixels and at most "
            f"{MAX_DECODED // 1_000_000} are accepted; please save it with 8 bits a channel."
        )
