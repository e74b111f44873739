"""Faces in photos: found, put in order, cut out upright and aligned.

How a photo is searched, in looks that go from cheap to expensive:
1. every photo at a working size (short side 640 px), and its edges with a border around them, for
   faces that they cut off (see `edges`);
2. where the best face so far scores under 0.998: turned by 90, 180 and 270 degrees, because a photo
   may lie on its side without saying so in its EXIF data. The detector does find some faces lying
   or upside down, with wrong landmarks, but seldom with such a score; the best orientation wins,
   if it is clearly better than the photo as it is;
3. where all that finds nothing, or on request: at a larger size, for small faces in large photos.
A face that shows a photo to be stretched is looked at once more as it is without that.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np
from PIL import Image
from pydantic import Field
from pydantic.dataclasses import dataclass

from siamese.faces import edges
from siamese.faces.alignment import Alignment, Point, crop_scale, cut, misfit, righted, source_box
from siamese.faces.mtcnn import SMALLEST, Cascade, Found
from siamese.faces.prominence import prominence
from siamese.faces.proportions import correction, proportions, stretch
from siamese.photos import Box, Photo
from siamese.values import STRICT, Value

WORKING_SIDE = 640  # px; the short side at the first look
WORKING_PIXELS = 1_000_000  # bounds the first look at panoramas
LARGER_SIDE = 1500  # px; finds 36 px faces in 12 megapixels (48 of 48), at 60 % of the cost of 1800
LARGER_PIXELS = 4_000_000
ACCEPTED_SCORE = 0.9
# For the turned and the larger look: each further look is a further chance of a false face. Of 144
# faces of 36-60 px in 12 megapixels the lowest scored 0.970.
LATER_SCORE = 0.97
# Upright faces score above this in 96 % of photos, lying ones in none of 1,095 (measured on LFW).
UPRIGHT_SCORE = 0.998
# Few photos lie on their side, so another orientation must be so many times less in doubt (1 minus
# the score). Of 1,037 crops of validation people 7 upright ones were turned without this, none with
# it; of 3,111 times that they lay, 35 were not put right without it, 52 with it.
UPRIGHT_FIRST = 3.0
# How far landmarks may be from the shape of a face, in template px; 99 % of upright ones: under 6.
ACCEPTED_MISFIT = 12.0
SAME_FACE = 0.4  # intersection over union from which two looks have seen the same face


@dataclass(frozen=True, slots=True, eq=False, config=STRICT)
class Face(Value):
    """A face in a photo; positions in pixels of the upright photo."""

    box: Box
    """Left, top, right, bottom."""
    landmarks: tuple[Point, ...]
    """x, y of left eye, right eye, nose, left and right corner of the mouth, as seen."""
    score: float
    """How sure the detector is, 0 to 1; no probability of "same"."""
    # Aligned and upright, uint8 (S, S, 3), RGB.
    crop: Annotated[np.ndarray, Field(exclude=True)]
    turned: int = 0
    """Degrees by which the photo was turned to find the face."""
    stretched: float = 1.0
    """How many times too wide for its height the photo seems to be; less than 1 where too tall, 1
    where it seems to be neither. The crop is righted where that is sure."""


class FaceDetector:
    """Finds faces; keeps nothing between calls, so threads may share one."""

    def __init__(self, alignment: Alignment | None = None) -> None:
        """`alignment` says what the crops show; by default `Alignment()`.

        Raises:
            CheckpointError: the networks' files are not those we know.
        """
        self.alignment = alignment or Alignment()
        self._cascade = Cascade()

    def detect(self, photos: Sequence[Photo], more: bool = False) -> list[list[Face]]:
        """The faces of each photo, most prominent first; an empty list where there is none.

        Args:
            photos: any number, of any sizes. Read and searched one after the other: eight pictures
                of 384 px in one batch take the first network three times as long as one by one,
                because they leave the processor's cache, and only levels under 40 px gain.
            more: look again at a larger size, for small faces beside large ones.

        Raises:
            ImageError: a photo is damaged.
        """
        return [self._search(photo, more) for photo in photos]

    def sharpen(self, photo: Photo, faces: Sequence[Face]) -> list[Face]:
        """The same faces; their crops cut again from more pixels where the photo has them.

        All are cut from one decode. Raises ImageError where the photo is damaged.
        """
        wanted = {
            number: part
            for number, face in enumerate(faces)
            if (part := self._more_pixels(photo, face)) is not None
        }
        sharp = list(faces)
        for number, image in zip(wanted, photo.parts([*wanted.values()]), strict=True):
            sharp[number] = self._cut_again(faces[number], image, wanted[number][1])
        return sharp

    def _more_pixels(self, photo: Photo, face: Face) -> tuple[float, Box] | None:
        """The scale and the part of a photo that a crop needs; None where it has as much."""
        have = min(1.0, _working_scale(photo.size, WORKING_SIDE, WORKING_PIXELS))
        right = correction(face.stretched)
        scale = crop_scale(righted(face.landmarks, right), self.alignment)
        want = min(1.0, scale * max(1.0, 1 / right))
        if want <= have:
            return None
        x0, y0, x1, y1 = source_box(face.landmarks, self.alignment, right)
        return want, (
            float(min(max(x0, 0), photo.size[0] - 1)), float(min(max(y0, 0), photo.size[1] - 1)),
            float(max(min(x1, photo.size[0]), 1)), float(max(min(y1, photo.size[1]), 1)),
        )  # fmt: skip

    def _cut_again(self, face: Face, image: Image.Image, part: Box) -> Face:
        """The face, its crop from a picture of this part of the photo."""
        fx, fy = image.width / (part[2] - part[0]), image.height / (part[3] - part[1])
        landmarks = [((x - part[0]) * fx, (y - part[1]) * fy) for x, y in face.landmarks]
        crop = cut(image, landmarks, self.alignment, correction(face.stretched))
        return replace(face, crop=crop)

    def _search(self, photo: Photo, more: bool) -> list[Face]:
        scale = _working_scale(photo.size, WORKING_SIDE, WORKING_PIXELS)
        image = photo.at(scale)
        faces = self._look(image, scale)
        if _best_score(faces) < UPRIGHT_SCORE:
            faces = self._look_turned(image, scale, faces)
        larger = _working_scale(photo.size, LARGER_SIDE, LARGER_PIXELS)
        if larger > scale and (more or not faces):
            turned = faces[0].turned if faces else 0
            faces += [
                new
                for new in self._look(photo.at(larger), larger, turned, LATER_SCORE)
                if all(_overlap(new.box, face.box) < SAME_FACE for face in faces)
            ]
        return sorted(faces, key=lambda face: -prominence(face.box, photo.size))

    def _look(
        self, image: Image.Image, scale: float, turned: int = 0, lowest: float = ACCEPTED_SCORE
    ) -> list[Face]:
        """The faces of an upright picture, which is `scale` times the photo, looked at turned."""
        picture = _turn(image, turned)
        found = self._cascade.find(picture, SMALLEST)
        found = found.pick(found.scores >= lowest)
        at_edges = edges.at_edges(self._cascade, picture, found)
        at_edges = at_edges.pick(at_edges.scores >= lowest)
        faces, cut_off = (self._faces(image, scale, turned, some) for some in (found, at_edges))
        return [*_others(faces, cut_off), *cut_off]

    def _look_turned(self, image: Image.Image, scale: float, upright: list[Face]) -> list[Face]:
        """The faces of the best orientation: `upright`, unless another is clearly better."""
        lying: list[Face] = []
        for turned in (90, 180, 270):
            faces = self._look(image, scale, turned, LATER_SCORE)
            lying = max(lying, faces, key=_best_score)
        return lying if lies(_best_score(lying), _best_score(upright)) else upright

    def _look_righted(
        self, image: Image.Image, landmarks: np.ndarray, stretched: float
    ) -> tuple[np.ndarray, float]:
        """The landmarks of a face, and how far it is stretched, once more from its righted picture.

        What the detector does not know from its training, it finds less exactly. As before, and not
        stretched, where that does not bear it out.
        """
        x0, y0, x1, y1 = source_box(landmarks.tolist(), self.alignment, stretched)
        beside, over = (x1 - x0) // 2, (y1 - y0) // 2
        part = image.crop(
            (max(0, x0 - beside), max(0, y0 - over),
             min(image.width, x1 + beside), min(image.height, y1 + over))
        )  # fmt: skip
        size = max(1, round(part.width / max(1.0, stretched))), part.height
        if stretched < 1:
            size = part.width, max(1, round(part.height * stretched))
        found = self._cascade.find(part.resize(size, Image.Resampling.BOX), SMALLEST)
        if not len(found.scores):
            return landmarks, 1.0
        best = int(np.argmax(found.scores * np.prod(found.boxes[:, 2:] - found.boxes[:, :2], 1)))
        corner = np.array([max(0, x0 - beside), max(0, y0 - over)])
        stretched *= proportions(found.boxes[best], found.landmarks[best])
        if correction(stretched) == 1:
            return landmarks, 1.0
        return found.landmarks[best] * np.array(part.size) / np.array(size) + corner, stretched

    def _faces(self, image: Image.Image, scale: float, turned: int, found: Found) -> list[Face]:
        """Those found in the turned picture that can be relied on."""
        faces = []
        for box, score, landmarks, whole in zip(
            found.boxes, found.scores, found.landmarks, found.whole, strict=True
        ):
            stretched = stretch(box, landmarks) if whole else 1.0
            if correction(stretched) != 1:
                upright = _turn(image, turned)
                landmarks, stretched = self._look_righted(upright, landmarks, stretched)
            points = _turn_back(landmarks, image.size, turned)
            if turned % 180:  # the photo is too tall where the upright face is too wide
                stretched = 1 / stretched
            right = correction(stretched)
            wrong = misfit(righted(points, right), self.alignment)
            if score < ACCEPTED_SCORE or wrong > ACCEPTED_MISFIT:
                continue
            crop = cut(image, points, self.alignment, right)
            corners = np.array(_turn_back(box.reshape(2, 2), image.size, turned)) / scale
            x0, y0, x1, y1 = (float(v) for v in (*corners.min(axis=0), *corners.max(axis=0)))
            original = tuple((x / scale, y / scale) for x, y in points)
            shown = (x0, y0, x1, y1), original, float(score), crop
            faces.append(Face(*shown, turned, stretched))
        return faces


def lies(turned: float, upright: float) -> bool:
    """Whether a photo lies on its side, by its best scores (0..1) turned and as it is."""
    return UPRIGHT_FIRST * (1 - turned) < 1 - upright


def _working_scale(size: tuple[int, int], side: int, pixels: int) -> float:
    width, height = size
    return min(1.0, side / min(size), math.sqrt(pixels / (width * height)))


def _overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def _turn(image: Image.Image, degrees: int) -> Image.Image:
    """Turned clockwise by 0, 90, 180 or 270 degrees."""
    turns = {
        90: Image.Transpose.ROTATE_270,  # Pillow counts the other way round
        180: Image.Transpose.ROTATE_180,
        270: Image.Transpose.ROTATE_90,
    }
    return image.transpose(turns[degrees]) if degrees else image


def _turn_back(points: np.ndarray, size: tuple[int, int], turned: int) -> list[Point]:
    """Points (N, 2) of a picture turned clockwise, in px of the picture before that.

    `size` is that of the picture before it was turned.
    """
    x, y = points[:, 0], points[:, 1]
    width, height = size
    before = {
        0: (x, y),
        90: (y, height - x),
        180: (width - x, height - y),
        270: (width - y, x),
    }[turned]
    return list(zip(before[0].tolist(), before[1].tolist(), strict=True))


def _others(faces: Sequence[Face], known: Sequence[Face]) -> list[Face]:
    """Those of the faces that are none of the known ones."""
    boxes, others = (np.reshape([face.box for face in some], (-1, 4)) for some in (faces, known))
    return [*itertools.compress(faces, ~edges.same_face(boxes, others))]


def _best_score(faces: Sequence[Face]) -> float:
    return max((face.score for face in faces), default=0.0)
