"""Stretched photos: told by the detector's box and landmarks, righted where that is sure."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from siamese.faces import quality
from siamese.faces.alignment import Alignment, cut
from siamese.faces.detector import Face, FaceDetector
from siamese.faces.proportions import STRETCHED, SURE, correction
from siamese.faces.quality import Flag
from siamese.photos import load
from tests.pictures import PORTRAIT_LANDMARKS, portrait


def resized(width: float, height: float) -> Image.Image:
    """The portrait with its sides times these."""
    size = round(512 * width), round(512 * height)
    return portrait().resize(size, Image.Resampling.LANCZOS)


def first(detector: FaceDetector, picture: Image.Image) -> Face:
    photo = load(picture)
    return detector.sharpen(photo, detector.detect([photo])[0][:1])[0]


def apart(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(float) - b).mean())


@pytest.mark.parametrize(
    ("sides", "factor"),
    [((1, 1 / 1.8), 1.8), ((1.8, 1), 1.8), ((1, 1.8), 1 / 1.8)],
)
def test_a_stretched_photo_is_righted(
    detector: FaceDetector, sides: tuple[float, float], factor: float
) -> None:
    upright, picture = first(detector, portrait()), resized(*sides)
    face = first(detector, picture)
    assert face.stretched == pytest.approx(factor, rel=0.25)
    assert picture.width > face.box[2] and picture.height > face.box[3], "px of the photo as it is"
    as_it_is = cut(picture, face.landmarks, detector.alignment)
    assert apart(face.crop, upright.crop) < 0.75 * apart(as_it_is, upright.crop)
    (warning,) = quality.warnings_for(face, 1, picture.size, Alignment().window)
    assert warning.code is Flag.STRETCHED
    assert f"a factor of {max(face.stretched, 1 / face.stretched):.1f}" in warning.message


def test_a_stretched_photo_that_lies_on_its_side(detector: FaceDetector) -> None:
    """Too wide a photo is too tall once it lies; its crop is that of the upright one."""
    picture = resized(1, 1 / 1.8)
    standing = first(detector, picture)
    face = first(detector, picture.transpose(Image.Transpose.ROTATE_90))
    assert face.turned == 90
    assert face.stretched == pytest.approx(1 / standing.stretched, rel=0.1)
    assert apart(face.crop, standing.crop) < 6


@pytest.mark.parametrize("sides", [(1, 1), (1 / 1.15, 1), (1, 1 / 1.15)])
def test_an_ordinary_photo_is_left_alone(
    detector: FaceDetector, sides: tuple[float, float]
) -> None:
    picture = resized(*sides)
    face = first(detector, picture)
    assert face.stretched == 1
    assert quality.warnings_for(face, 1, picture.size, Alignment().window) == ()


@pytest.mark.parametrize("box", [(226, 0, 512, 400), (0, 0, 240, 512), (100, 0, 330, 140)])
def test_a_face_that_the_edge_cuts_off_is_not_taken_for_a_stretched_one(
    detector: FaceDetector, box: tuple[int, int, int, int]
) -> None:
    faces = detector.detect([load(portrait().crop(box))])[0]
    assert faces and all(face.stretched == 1 for face in faces)


def test_between_a_warning_and_what_is_sure(detector: FaceDetector) -> None:
    """Warned of and not righted, in either direction."""
    face = first(detector, portrait())
    for factor in (STRETCHED, 1 / STRETCHED):
        assert correction(factor) == 1 != correction(factor ** (np.log(SURE) / np.log(STRETCHED)))
        (warning,) = quality.warnings_for(
            replace(face, stretched=factor), 1, (512, 512), Alignment().window
        )
        assert warning.code is Flag.STRETCHED


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.25, 2])
def test_a_righted_crop_is_that_of_the_picture_resized(factor: float) -> None:
    points = np.array(PORTRAIT_LANDMARKS, float)
    wide = portrait().resize((round(512 * factor), 512), Image.Resampling.BICUBIC)
    crop = cut(wide, [(x * factor, y) for x, y in points], Alignment(size=48), factor)
    reference = cut(portrait(), [(x, y) for x, y in points], Alignment(size=48))
    assert apart(crop, reference) < 4
