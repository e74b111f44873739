"""Faces: found, aligned, judged. A detector is chosen by what the network was trained for."""

from collections.abc import Sequence
from typing import Protocol

from siamese.faces.alignment import Alignment
from siamese.faces.detector import Face, FaceDetector
from siamese.faces.whole_picture import WholePicture
from siamese.photos import Photo

# The version of how faces are found and cut out. Any change of that raises it by one, so that no
# crop in a cache outlives it. tests/faces/test_golden.py notices.
CROPS_VERSION = 4


class Detector(Protocol):
    """Finds what a network compares: `FaceDetector` or `WholePicture`."""

    def detect(self, photos: Sequence[Photo], more: bool = False) -> list[list[Face]]:
        """The faces of each photo, best first."""
        ...

    def sharpen(self, photo: Photo, faces: Sequence[Face]) -> list[Face]:
        """The same faces with the best crops that the photo has, from one decode."""
        ...


def detector_for(
    kind: str, image_size: int, channels: int, window: tuple[float, float, float, float]
) -> Detector:
    """The detector that a checkpoint names: "mtcnn", or "none" for whole pictures.

    `image_size` (px) and `channels` are the network's; `window` is the part of the face template
    that it sees.
    """
    if kind == "none":
        return WholePicture(image_size, channels)
    return FaceDetector(Alignment(size=image_size, window=window))
