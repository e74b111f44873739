"""Photos from outside: any picture a person would upload -> an upright RGB picture of bounded size.

This is the only place that decodes pictures. What arrives is not trusted: formats come from a fixed
list and are recognised by their first bytes, never by the file's name; the number of bytes and of
pixels is limited before anything is decoded; whatever a decoder trips over becomes an ImageError.

A `Photo` keeps the *encoded* bytes and decodes again for every size that is asked for: a JPEG at
1/8 of its size costs a fraction of the whole, and no 300 MB picture stays alive between two steps.
It does not manage colour profiles: pictures are taken to be sRGB.
"""

import contextlib
import io
import math
import mimetypes
import os
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

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
)

from siamese import containers
from siamese.errors import ImageError

Source = str | os.PathLike[str] | bytes | BinaryIO | Image.Image | np.ndarray
Box = tuple[float, float, float, float]

# 108-megapixel phones and 102-megapixel cameras exist; a decoded picture takes 3-4 bytes a pixel.
MAX_PIXELS = 110_000_000
# The decoders of AVIF and HEIC take 12 bytes a pixel.
MAX_ISO_PIXELS = 64_000_000
# An uncompressed TIFF of 100 megapixels has 300 MB. Larger files are read no further than this.
MAX_BYTES = 320 * 2**20
# WebP pictures with more pixels than this are decoded by a thriftier library than Pillow.
LARGE_WEBP = 16_000_000
# Decoded pictures are flattened to RGB in bands of about this many pixels, to spare memory.
BAND_PIXELS = 4_000_000

# What Pillow and its plug-ins are known to raise on damaged files, beside OSError; warnings where
# the caller made errors of them.
DECODER_ERRORS = (
    OSError, ValueError, SyntaxError, LookupError, TypeError, AttributeError, ArithmeticError,
    RuntimeError, AssertionError, MemoryError, EOFError, struct.error, zlib.error,
    Image.DecompressionBombError, Warning,
)  # fmt: skip

_Open = Callable[[BinaryIO], Image.Image]
_Turn = Image.Transpose
# EXIF orientation -> what makes the stored picture upright.
_UPRIGHT = {
    2: _Turn.FLIP_LEFT_RIGHT, 3: _Turn.ROTATE_180, 4: _Turn.FLIP_TOP_BOTTOM, 5: _Turn.TRANSPOSE,
    6: _Turn.ROTATE_270, 7: _Turn.TRANSVERSE, 8: _Turn.ROTATE_90,
}  # fmt: skip
_ORIENTATION_TAG = 0x0112
_SYSTEM_FILES = {"__MACOSX", "Thumbs.db", "desktop.ini"}


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


class Caption(NamedTuple):
    """What a photo is called: its name on its own, and within a sentence."""

    name: str  # the file's, or the role where there is no file; one line, at most 80 long
    label: str  # as `the second photo "b.jpg"`

    @classmethod
    def of(cls, role: str, name: str | None) -> "Caption":
        """From the photo's role and the name of its file, which is not trusted."""
        clean = " ".join("".join(c if c.isprintable() else " " for c in name or "").split())
        short = clean if len(clean) <= 80 else clean[:50] + "..." + clean[-27:]
        return cls(short, f'the {role} "{short}"') if short else cls(role, f"the {role}")

    @property
    def start(self) -> str:
        """The label where it begins a sentence."""
        return self.label[0].upper() + self.label[1:]


class Photo:
    """One photo: its name, its upright size, and pixels on demand. Safe to share among threads.

    Attributes:
        caption: what to call the photo, on its own and in messages.
        size: (width, height) in pixels of the upright original, that is after EXIF orientation.
        num_bytes: of memory that it holds.
    """

    __slots__ = ("_open", "_orientation", "_stored", "caption", "num_bytes", "size")

    def __init__(
        self,
        caption: Caption,
        stored: tuple[int, int],
        orientation: int,
        open_picture: Callable[[], Image.Image],
        num_bytes: int,
    ) -> None:
        """Use `load`, which checks what this takes for granted.

        `stored` is the (width, height) before the EXIF `orientation` (1-8) is applied;
        `open_picture` gives a picture whose pixels may still be encoded.
        """
        self.caption = caption
        self.num_bytes = num_bytes
        self.size = stored[::-1] if orientation >= 5 else stored
        self._stored = stored
        self._orientation = orientation
        self._open = open_picture

    def __repr__(self) -> str:
        return f"Photo({self.caption.name}, {self.size[0]}x{self.size[1]})"

    def at(self, scale: float, box: Box | None = None) -> Image.Image:
        """The upright RGB picture, reduced without aliasing; decodes no more than it needs.

        Args:
            scale: in (0, 1], times the original size.
            box: only this part, (x0, y0, x1, y1) in px of the upright original; all by default.

        Returns:
            A PIL picture in mode RGB of max(1, round(size * scale)) pixels.

        Raises:
            ImageError: the file turns out to be damaged or truncated.
        """
        if not 0 < scale <= 1:
            raise ValueError(f"scale must be in (0, 1], not {scale}")
        whole = (0.0, 0.0, float(self.size[0]), float(self.size[1]))
        x0, y0, x1, y1 = whole if box is None else box
        size = max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale))
        stored_size = size[::-1] if self._orientation >= 5 else size
        stored_box = _stored_box((x0, y0, x1, y1), self._orientation, self._stored)
        try:
            reduced = _reduced(self._open(), scale, stored_box, stored_size)
        except DECODER_ERRORS as error:
            raise ImageError(
                f"{self.caption.start} is damaged or incomplete and cannot be read; "
                "please save or send it again."
            ) from error
        turn = _UPRIGHT.get(self._orientation)
        return reduced if turn is None else reduced.transpose(turn)


def load(source: Source, name: str | None = None, role: str = "photo") -> Photo:
    """Take a photo in; reads the header, not yet the pixels.

    Args:
        source: a path, the bytes of a file, an open binary file, a PIL picture (its EXIF
            counts) or an array: (H, W), (H, W, 1), (H, W, 3) RGB or (H, W, 4) RGBA; uint8, uint16
            (0-65535), bool, or floats from 0 to 1.
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
    if isinstance(source, bytes | bytearray | memoryview):
        return _from_bytes(bytes(source[: MAX_BYTES + 1]), caption)
    if isinstance(source, str | os.PathLike):
        return _from_bytes(_read_path(Path(source), caption), caption)
    return _from_bytes(_read_file(source, caption), caption)


def file_name(source: Source) -> str | None:
    """The name of the file that a source is; None where it is none (bytes, arrays)."""
    if isinstance(source, str | os.PathLike):
        return readable(Path(source).name)
    if isinstance(source, Image.Image):
        return None  # that of a copy or a crop would be the original's
    name = getattr(source, "name", None)
    return readable(Path(name).name) if isinstance(name, str) else None


def readable(name: str) -> str:
    """A file's name with "?" for every byte that is not UTF-8, which nobody could print or save."""
    return name.encode(errors="replace").decode()


def files_below(folder: Path) -> list[Path]:
    """All files below a folder, but for those that a system keeps out of sight, in order."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return [path for path in found if not is_hidden(path.relative_to(folder).as_posix())]


def photos_below(folder: Path) -> list[Path]:
    """The files below a folder that may be photos: by their names they are not something else."""

    def something_else(path: Path) -> bool:
        kind, _ = mimetypes.guess_type(path.name)
        return kind is not None and not kind.startswith("image/")

    return [path for path in files_below(folder) if not something_else(path)]


def is_hidden(name: str) -> bool:
    """Whether a path is a system's own: `.git/a.png`, `__MACOSX/ann/._1.jpg`, `ann/Thumbs.db`."""
    parts = PurePosixPath(name).parts
    return any(part.startswith(".") or part in _SYSTEM_FILES for part in parts)


def _read_path(path: Path, caption: Caption) -> bytes:
    try:
        if path.is_dir():
            raise ImageError(f"{caption.start} is a folder; please choose one photo in it.")
        # Not for devices and pipes: reading one may never end.
        if not path.is_file():
            raise ImageError(f"{caption.start} does not exist; please check the path.")
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ImageError(f"{caption.start} cannot be opened; please check it.") from error


def _read_file(file: BinaryIO, caption: Caption) -> bytes:
    try:
        content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError, AttributeError) as error:
        raise ImageError(f"{caption.start} cannot be read; please give it again.") from error
    if not isinstance(content, bytes):
        raise ImageError(f"{caption.start} was opened as text; please open it in binary mode.")
    return content


def _from_bytes(content: bytes, caption: Caption) -> Photo:
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
        content, orientation = containers.strip(content)
    except containers.Laborious as error:
        raise ImageError(
            f"{caption.start} is built so that it would take far too long to read; "
            "please save it as a JPEG and try again."
        ) from error
    try:
        picture = opener(io.BytesIO(content))
    except DECODER_ERRORS as error:
        raise ImageError(
            f"{caption.start} is damaged or of an unusual kind and cannot be opened; "
            "please save it as a JPEG and try again."
        ) from error
    size = picture.size
    _check_size(caption, size, MAX_ISO_PIXELS if content[4:8] == b"ftyp" else MAX_PIXELS)
    # Of an AVIF, Pillow writes here which side its own boxes say is up, but turns nothing itself.
    if isinstance(picture, WebPImagePlugin.WebPImageFile | AvifImagePlugin.AvifImageFile):
        orientation = containers.orientation_of(picture.info.get("exif"))
    if isinstance(picture, WebPImagePlugin.WebPImageFile) and size[0] * size[1] > LARGE_WEBP:
        if picture.is_animated:
            raise ImageError(
                f"{caption.start} is a very large animation; please give a single picture."
            )
        mode = picture.mode
        return Photo(caption, size, orientation, lambda: _large_webp(content, mode), len(content))
    return Photo(caption, size, orientation, lambda: opener(io.BytesIO(content)), len(content))


def _large_webp(content: bytes, mode: str) -> Image.Image:
    """Decode a still WebP at 4 bytes a pixel; Pillow's decoder, made for animations, takes 16."""
    # Imported here: only these pictures need it.
    import torch
    from torchvision.io import ImageReadMode, decode_webp

    encoded = torch.from_numpy(np.frombuffer(content, dtype=np.uint8).copy())
    pixels = decode_webp(encoded, ImageReadMode.RGB_ALPHA).permute(1, 2, 0).contiguous().numpy()
    size = (pixels.shape[1], pixels.shape[0])
    wanted = "RGBA" if mode == "RGBA" else "RGBX"
    return Image.frombuffer(wanted, size, pixels, "raw", wanted, 0, 1)


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
    return Photo(caption, picture.size, _orientation(picture), lambda: snapshot, num_bytes)


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
        array = np.nan_to_num(np.clip(array, 0.0, 1.0)) * 255.0 + 0.5
    elif kind != np.uint8:
        raise ImageError(
            f"{caption.start} is an array of {kind}; please give uint8 (0-255), uint16 or floats "
            "from 0 to 1."
        )
    return Image.fromarray(np.ascontiguousarray(array, dtype=np.uint8))


def _check_size(caption: Caption, size: tuple[int, int], most: int = MAX_PIXELS) -> None:
    pixels = size[0] * size[1]
    if pixels > most:
        raise ImageError(
            f"{caption.start} has {pixels / 1e6:.0f} megapixels and at most "
            f"{most // 1_000_000} are accepted; please make it smaller."
        )
    if pixels < 1:
        raise ImageError(f"{caption.start} has no pixels; please choose another one.")


def _orientation(picture: Image.Image) -> int:
    """EXIF orientation 1-8 of an open picture; 1 where there is none or it makes no sense."""
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        return 1  # Pillow turns these by itself, and counts that into their size
    # A broken EXIF block is no reason to refuse a picture that can be decoded.
    with contextlib.suppress(*DECODER_ERRORS):
        value = picture.getexif().get(_ORIENTATION_TAG, 1)
        if isinstance(value, int) and 1 <= value <= 8:
            return value
    return 1


def _stored_box(box: Box, orientation: int, stored: tuple[int, int]) -> Box:
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


def _reduced(picture: Image.Image, scale: float, box: Box, size: tuple[int, int]) -> Image.Image:
    """Decode, take `box` (px of the stored picture), reduce it to `size`, as RGB."""
    full = picture.size
    # The JPEG decoder shrinks by 2, 4 or 8 at almost no cost. HEIC would offer its thumbnail, which
    # need not show the same picture.
    if scale < 1 and isinstance(picture, JpegImagePlugin.JpegImageFile):
        target = max(1, math.floor(full[0] * scale)), max(1, math.floor(full[1] * scale))
        picture.draft(None, target)
    picture.load()
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
