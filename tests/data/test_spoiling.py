"""Crops that are made worse until there is a warning: always, and by the picture's name."""

import numpy as np
import pytest

from siamese.data.spoiling import DEGRADATIONS, USUAL, Seen, spoiled, warned_of
from siamese.faces.detector import FaceDetector
from siamese.faces.quality import TELL_LITTLE, Flag
from siamese.photos import load
from tests.pictures import portrait


@pytest.fixture(scope="module")
def crop(detector: FaceDetector) -> np.ndarray:
    return detector.detect([load(portrait())])[0][0].crop


NOT = np.zeros(60, bool)


def test_what_is_spoiled_is_what_the_product_warns_of(crop: np.ndarray) -> None:
    names = [f"{number}.webp" for number in range(60)]
    found = spoiled(np.stack([crop] * 60), names, NOT, USUAL.window)
    known = {
        seen.crop.tobytes(): seen.flags()
        for way in DEGRADATIONS.values()
        for seen in (way.spoil(crop, step, USUAL.window) for step in way.steps)
    }
    flags = [known[one.tobytes()] & TELL_LITTLE for one in found]
    assert all(flags), "each picture is one that is warned of"
    assert set().union(*flags) >= {Flag.SMALL_FACE, Flag.BLURRED, Flag.COVERED, Flag.CUT_OFF}
    assert Seen(crop, USUAL.window).flags() == set(), "as it was, it is not"


def test_a_name_decides_what_becomes_of_a_picture(crop: np.ndarray) -> None:
    names = [f"{number}.webp" for number in range(8)]
    found = spoiled(np.stack([crop] * 8), names, NOT[:8], USUAL.window)
    assert len({one.tobytes() for one in found}) > 3
    again = spoiled(np.stack([crop] * 8), names[::-1], NOT[:8], USUAL.window)
    np.testing.assert_array_equal(again[::-1], found)


def test_even_nothing_at_all_ends_in_a_warning() -> None:
    for shade in (0, 128, 255):
        plain = np.full((2, 112, 112, 3), shade, np.uint8)
        assert spoiled(plain, ["a", "b"], NOT[:2], USUAL.window).shape == plain.shape


def test_what_is_warned_of_stays_as_it_is(crop: np.ndarray) -> None:
    """By the crop, or by what its name says of the head."""
    blurred = DEGRADATIONS["blur: hundredths of the face"].spoil(crop, 4, USUAL.window).crop
    crops = np.stack([crop, blurred, crop, crop, crop])
    names = ["a/1.webp", "a/2.webp", "a/0101_yaw45.webp", "a/0101_yaw30.webp", "a/9_yawxx.webp"]
    warned = warned_of(crops, names, USUAL.window)
    assert warned.tolist() == [False, True, True, False, False]
    kept = [
        np.array_equal(a, b)
        for a, b in zip(spoiled(crops, names, warned, USUAL.window), crops, strict=True)
    ]
    assert kept == warned.tolist()
