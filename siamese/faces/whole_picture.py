"""The detector of checkpoints that compare whole pictures: it finds nothing and crops nothing."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from siamese.faces.detector import Face
from siamese.photos import Photo


class WholePicture:
    """Takes each picture as it is, scaled to the network's square input; a drop-in detector."""

    def __init__(self, size: int, channels: int) -> None:
        """`size` is the side of the input in px; `channels` 1 for grey, 3 for colour."""
        self.size, self.channels = size, channels

    def detect(self, photos: Sequence[Photo], more: bool = False) -> list[list[Face]]:
        """One `Face` for each picture: all of it, without landmarks, with a score of 1.

        Raises ImageError where a picture proves damaged.
        """
        return [[self._whole(photo)] for photo in photos]

    def sharpen(self, photo: Photo, faces: Sequence[Face]) -> list[Face]:
        """The same; the crops have all the pixels they can use."""
        return list(faces)

    def _whole(self, photo: Photo) -> Face:
        width, height = photo.size
        crop = plain_crop(photo, self.size, self.channels)
        box = (0.0, 0.0, float(width), float(height))
        return Face(box, (), 1.0, crop)


def plain_crop(photo: Photo, size: int, channels: int) -> np.ndarray:
    """All of a picture as the network sees it, in training too: uint8 (size, size, channels).

    Raises ImageError where the picture proves damaged.
    """
    scale = min(1.0, 2 * size / min(photo.size))
    levels = photo.at(scale).convert("L" if channels == 1 else "RGB")
    crop = np.asarray(levels.resize((size, size), Image.Resampling.BILINEAR))
    return crop.reshape(size, size, channels)
