"""Crops that are made worse until there is a warning: always, and by the picture's name."""

import numpy as np
import pytest

from siamese.data.spoiling import DEGRADATIONS, Seen, spoiled
from siamese.faces.detector import FaceDetector
from siamese.faces.quality import TELL_LITTLE, Flag
from siamese.photos import load
from tests.pictures import portrait


@pytest.fixture(scope="module")
def crop(detector: FaceDetector) -> np.ndarray:
    return detector.detect([load(portrait())])[0][0].crop


def test_what_is_spoiled_is_what_the_product_warns_of(crop: np.ndarray) -> None:
    names = [f"{number}.webp" for number in range(60)]
    found = spoiled(np.stack([crop] * 60), names)
    known = {
        seen.crop.tobytes(): seen.flags()
        for way in DEGRADATIONS.values()
        for seen in (way.spoil(crop, step) for step in way.steps)
    }
    flags = [known[one.tobytes()] & TELL_LITTLE for one in found]
    assert all(flags), "each picture is one that is warned of"
    assert set().union(*flags) >= {Flag.SMALL_FACE, Flag.BLURRED, Flag.COVERED, Flag.CUT_OFF}
    assert Seen(crop).flags() == set(), "as it was, it is not"


def test_a_name_decides_what_becomes_of_a_picture(crop: np.ndarray) -> None:
    names = [f"{number}.webp" for number in range(8)]
    found = spoiled(np.stack([crop] * 8), names)
    assert len({one.tobytes() for one in found}) > 3
    again = spoiled(np.stack([crop] * 8), names[::-1])
    np.testing.assert_array_equal(again[::-1], found)


def test_even_nothing_at_all_ends_in_a_warning() -> None:
    for shade in (0, 128, 255):
        plain = np.full((2, 112, 112, 3), shade, np.uint8)
        assert spoiled(plain, ["a", "b"]).shape == plain.shape
