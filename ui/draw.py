"""Pictures for the page: made in memory, carried in the page as data URLs."""

import base64
import io

from PIL import Image, ImageOps

from siamese.faces.detector import Face
from siamese.photos import Photo

PREVIEW_SIDE = 800  # px, the longer side
PREVIEW_QUALITY = 82
THUMBNAIL_SIDE = 96  # px


def preview(photo: Photo) -> str:
    """The photo, upright, no larger than the page shows it. ImageError if it is damaged."""
    return jpeg_url(photo.at(min(1.0, PREVIEW_SIDE / max(photo.size))))


def crop(face: Face) -> str:
    """The crop of a face, or of a drawing, which has one channel."""
    levels = face.crop[:, :, 0] if face.crop.shape[2] == 1 else face.crop
    return jpeg_url(Image.fromarray(levels), quality=90)


def thumbnail(photo: Photo) -> str:
    """A small square from the middle of a photo in which no face was found."""
    image = photo.at(min(1.0, 2 * THUMBNAIL_SIDE / min(photo.size)))
    return jpeg_url(ImageOps.fit(image, (THUMBNAIL_SIDE, THUMBNAIL_SIDE)))


def jpeg_url(image: Image.Image, quality: int = PREVIEW_QUALITY) -> str:
    """A picture as a data URL; without the photo's metadata."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    body = base64.b64encode(file.getvalue()).decode("ascii")
    return f"data:image/jpeg;base64,{body}"
