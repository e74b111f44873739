"""Pictures for the page and for keeping: made in memory, carried in the page as data URLs."""

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from siamese.faces import Face
from siamese.images import Photo

PREVIEW_SIDE = 900  # px, the longer side
PREVIEW_QUALITY = 82
THUMBNAIL_SIDE = 96  # px

INK, MUTED, PAPER = "#17202e", "#5b6675", "#ffffff"
TONES = {"same": "#0b7a5b", "uncertain": "#8a5a00", "different": "#b3372b", "none": "#4a5568"}


def preview(photo: Photo) -> str:
    """The photo, upright, no larger than the page shows it. ImageError if it is damaged."""
    return jpeg_url(photo.at(min(1.0, PREVIEW_SIDE / max(photo.size))))


def crop(face: Face) -> str:
    """The aligned crop of a face."""
    return jpeg_url(Image.fromarray(face.crop), quality=90)


def thumbnail(photo: Photo) -> str:
    """A small square from the middle of a photo in which no face was found."""
    image = photo.at(min(1.0, 2 * THUMBNAIL_SIDE / min(photo.size)))
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    return jpeg_url(square.resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE)))


def jpeg_url(image: Image.Image, quality: int = PREVIEW_QUALITY) -> str:
    """A picture as a data URL; no metadata of the photo goes along."""
    return _url(image, "JPEG", quality=quality)


def _url(image: Image.Image, kind: str, **options: int) -> str:
    file = io.BytesIO()
    image.save(file, kind, **options)
    body = base64.b64encode(file.getvalue()).decode("ascii")
    return f"data:image/{kind.lower()};base64,{body}"


def card(
    crops: Sequence[np.ndarray], sign: str, tone: str, title: str, lines: Sequence[str]
) -> str:
    """An answer as one picture: one or two crops (S, S, 3), a sign between, words below."""
    side, margin, width = 360, 48, 900
    sheet = Image.new("RGB", (width, margin + side + 260), PAPER)
    pen = ImageDraw.Draw(sheet)
    faces = [
        Image.fromarray(found).resize((side, side), Image.Resampling.BICUBIC) for found in crops
    ]
    if len(faces) == 1:
        sheet.paste(faces[0], ((width - side) // 2, margin))
    else:
        sheet.paste(faces[0], (margin, margin))
        sheet.paste(faces[-1], (width - margin - side, margin))
        pen.text(
            (width / 2, margin + side / 2), sign, TONES[tone], ImageFont.load_default(80), "mm"
        )
    y = margin + side + 36
    pen.text((margin, y), title, TONES[tone], _fitting(title, 46, width - 2 * margin))
    for number, line in enumerate(lines):
        font = _fitting(line, 24, width - 2 * margin)
        pen.text((margin, y + 70 + 38 * number), line, INK if number == 0 else MUTED, font)
    return _url(sheet, "PNG")


def _fitting(line: str, size: int, width: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The built-in font at `size`, or as much smaller as the line needs to fit into `width` px."""
    font = ImageFont.load_default(size)
    length = font.getlength(line)
    return font if length <= width else ImageFont.load_default(max(10, int(size * width / length)))
