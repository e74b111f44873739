"""What faces are found in pictures that never change, and what their crops look like.

Kept crops are as old as `faces.CROPS_VERSION` says. Where this test fails because finding or
cutting was changed on purpose, add one to that version and take the numbers that the test prints.

pytest tests/faces/test_golden.py
"""

import base64
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageFilter

from siamese.faces import CROPS_VERSION, detector_for
from siamese.photos import load
from tests.pictures import corners, encoded, exif, portrait

WINDOW = (8.0, 20.0, 104.0, 116.0)


def _pasted() -> Image.Image:
    sheet = Image.new("RGB", (900, 600), (90, 120, 150))
    sheet.paste(portrait().resize((300, 300)), (20, 250))
    sheet.paste(portrait().transpose(Image.Transpose.FLIP_LEFT_RIGHT), (380, 60))
    return sheet


PICTURES: dict[str, Callable[[], bytes]] = {
    "as it is": lambda: encoded(portrait()),
    "JPEG on its side by EXIF": lambda: encoded(
        portrait().transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif(6)
    ),
    "on its side": lambda: encoded(portrait().transpose(Image.Transpose.ROTATE_90)),
    "tilted, on black": lambda: encoded(portrait().rotate(25, Image.Resampling.BICUBIC)),
    "small, blurred and grey": lambda: encoded(
        portrait().convert("L").resize((160, 160)).filter(ImageFilter.GaussianBlur(1))
    ),
    "cut off at the cheek": lambda: encoded(portrait().crop((226, 0, 512, 400))),
    "nothing but the face": lambda: encoded(portrait().crop((182, 66, 262, 160))),
    "two faces": lambda: encoded(_pasted()),
    "large, CMYK": lambda: encoded(
        portrait().resize((1600, 1600), Image.Resampling.BICUBIC).convert("CMYK"), "TIFF"
    ),
    "no face": lambda: encoded(corners((400, 300))),
}
# Of each picture the faces: box, turn, and the crop as 6 x 6 grey levels in base 64.
GOLDEN: dict[int, dict[str, list[str]]] = {
    4: {
        "as it is": ["180.7 59.0 269.0 174.8 0 Z3R1e1g3W7nIu3gmZq++qJlIqcS7l7J2tcHAoqe/C6zMsYvW"],
        "JPEG on its side by EXIF": [
            "180.5 58.8 268.8 175.1 0 ZnR1e1o3WrnIungmZK+9qZhHqcS7l7N2tsLAoqe/C6rMsYvW"
        ],
        "on its side": [
            "59.0 243.0 174.8 331.3 90 Z3R1e1g3W7nIu3gmZq++qJlIqcS7l7N2tcHAoqi/C6zMsYrW"
        ],
        "tilted, on black": [
            "118.0 89.5 209.0 198.5 0 Z3Z3eVM1XbXLunglbLTAqJxFrMG7lrB5sMHAoKfCCbLMrorW"
        ],
        "small, blurred and grey": [
            "55.1 20.6 82.1 52.7 0 aXiAfEkxY7DGtH0tara+qqxRqcK6maqPuLu/q6e5FJTGs4PC"
        ],
        "cut off at the cheek": [
            "-27.3 70.3 45.3 173.5 0 2dPHqmgqxcrOpIpHv7y3r6Rgqa+ll7dVxMG1mpW5wb+zp6LU"
        ],
        "nothing but the face": [
            "-3.6 -3.4 84.1 107.6 0 WXp4e1hFXLjKvX1Uo7G/qZqUpsS7lrWKp8LBoamAD7jJrJjR"
        ],
        "two faces": [
            "619.4 121.4 708.1 232.7 0 Nld7dnhnJ369ybZcTZypvrJqdbSXu8OrvKilwcK31YuyzbIM",
            "125.3 285.7 176.2 350.8 0 Z3d1e1k2XLjJvX0narC+qZlLqsS7l7Ryt8LBo6i9DbLNsovV",
        ],
        "large, CMYK": [
            "554.9 181.6 841.8 542.5 0 Znl3e1s2XLbKvHombbW/qZhHr8K7l7Nwr8LCoKfDD7fNrpDW"
        ],
        "no face": [],
    }
}


def seen(content: bytes) -> list[str]:
    detector = detector_for("mtcnn", 96, 3, WINDOW)
    photo = load(content, "golden")
    faces = detector.sharpen(photo, detector.detect([photo])[0])
    return [
        " ".join([*(f"{side:.1f}" for side in face.box), str(face.turned), small(face.crop)])
        for face in faces
    ]


def small(crop: np.ndarray) -> str:
    picture = Image.fromarray(crop).convert("L").resize((6, 6), Image.Resampling.BOX)
    return base64.b64encode(picture.tobytes()).decode()


def numbers(face: str) -> tuple[np.ndarray, int, np.ndarray]:
    """Box, turn and levels as they were written."""
    *box, turned, levels = face.split()
    crop = np.frombuffer(base64.b64decode(levels), np.uint8)
    return np.array(box, float), int(turned), crop.astype(int)


@pytest.mark.parametrize("name", PICTURES)
def test_faces_and_crops_are_those_of_this_version(name: str) -> None:
    found = seen(PICTURES[name]())
    print(f"{name!r}: {found},")
    expected = GOLDEN[CROPS_VERSION][name]
    assert len(found) == len(expected)
    for face, known in zip(map(numbers, found), map(numbers, expected), strict=True):
        np.testing.assert_allclose(face[0], known[0], atol=0.5)
        assert face[1] == known[1]
        np.testing.assert_allclose(face[2], known[2], atol=1)


def test_one_version_is_known() -> None:
    assert set(GOLDEN) == {CROPS_VERSION}
