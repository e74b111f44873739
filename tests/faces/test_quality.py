"""Warnings: each on a picture that calls for it and none on the one it was made from."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from siamese import Verifier
from siamese.data import spoiling
from siamese.faces import quality
from siamese.faces.alignment import Alignment, Window, cut
from siamese.faces.detector import Face, FaceDetector
from siamese.faces.quality import Flag
from siamese.photos import load
from tests.pictures import portrait
from tests.test_verifier import tiny

SIZE = (512, 512)


@pytest.fixture(scope="module")
def face(detector: FaceDetector) -> Face:
    return detector.detect([load(portrait())])[0][0]


def flags(face: Face, size: tuple[int, int] = SIZE, num_faces: int = 1) -> set[Flag]:
    found = quality.warnings_for(face, num_faces, size, Alignment().window)
    assert all(warning.message.endswith(".") for warning in found)
    return {warning.code for warning in found}


def seen(detector: FaceDetector, picture: Image.Image) -> set[Flag]:
    """The flags of a picture's first face, by the real detector."""
    photo = load(picture)
    faces = detector.detect([photo])[0]
    return flags(detector.sharpen(photo, faces[:1])[0], photo.size, len(faces))


def landmarks(yaw: float = 0, pitch: float = 0, roll: float = 0) -> tuple[tuple[float, float], ...]:
    """Those of a head seen from far, by its angles in degrees."""
    head = np.array([[-0.5, -0.5, 0], [0.5, -0.5, 0], [0, 0, 0.45], [-0.4, 0.6, 0], [0.4, 0.6, 0]])
    a, b, c = np.radians((yaw, pitch, roll))
    aside = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    down = np.array([[1, 0, 0], [0, np.cos(b), np.sin(b)], [0, -np.sin(b), np.cos(b)]])
    lean = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    points = head @ aside.T @ down.T @ lean.T
    return tuple((256 + 60 * x, 256 + 60 * y) for x, y, _ in points.tolist())


def test_a_good_photo_has_no_warning(face: Face) -> None:
    assert flags(face) == set()


@pytest.mark.parametrize(("scale", "small"), [(1.0, False), (0.36, False), (0.16, True)])
def test_a_small_face(face: Face, scale: float, small: bool) -> None:
    points = tuple((x * scale, y * scale) for x, y in face.landmarks)
    assert quality.width(points) == pytest.approx(scale * quality.width(face.landmarks))
    assert (Flag.SMALL_FACE in flags(replace(face, landmarks=points))) == small


def test_the_width_is_that_of_the_aligned_part() -> None:
    template = [(z.real, z.imag) for z in Alignment().target.tolist()]
    assert quality.width(template) == pytest.approx(96)
    doubled = [(2 * x + 7, 2 * y) for x, y in template]
    assert quality.width(doubled) == pytest.approx(192)


def test_blur_is_seen_and_light_and_contrast_are_not(face: Face) -> None:
    image = Image.fromarray(face.crop)
    sharp = quality.sharpness(face.crop)
    values = [
        quality.sharpness(np.asarray(image.filter(ImageFilter.GaussianBlur(sigma))))
        for sigma in (1, 2, 4)
    ]
    assert sharp > values[0] > values[1] > values[2]
    dimmed = quality.sharpness((face.crop * 0.5).astype(np.uint8))
    assert dimmed == pytest.approx(sharp, rel=0.15)
    soft = np.asarray(image.filter(ImageFilter.GaussianBlur(3)))
    assert flags(replace(face, crop=soft)) == {Flag.BLURRED}


@pytest.mark.parametrize(
    ("gain", "expected"),
    [(0.12, {Flag.TOO_DARK}), (0.5, set()), (1.3, set()), (4.0, {Flag.TOO_BRIGHT})],
)
def test_light(face: Face, gain: float, expected: set[Flag]) -> None:
    crop = np.clip(face.crop * gain, 0, 255).astype(np.uint8)
    assert flags(replace(face, crop=crop)) & {Flag.TOO_DARK, Flag.TOO_BRIGHT} == expected


@pytest.mark.parametrize(
    ("angles", "turned"),
    [
        ({}, False),
        ({"roll": 40}, False),
        ({"yaw": 35}, False),
        ({"yaw": 48}, True),
        ({"yaw": -48, "roll": -30}, True),
        ({"yaw": 35, "roll": 30}, False),
        ({"pitch": 50}, False),
        ({"pitch": -50}, False),
    ],
)
def test_a_face_turned_away(face: Face, angles: dict[str, float], turned: bool) -> None:
    found = flags(replace(face, landmarks=landmarks(**angles)))
    assert (Flag.TURNED_AWAY in found) == turned


@pytest.mark.parametrize("roll", [0, 30, 180])
def test_pose_does_not_depend_on_how_the_head_lies_in_the_photo(roll: float) -> None:
    upright, lying = landmarks(yaw=30, pitch=10), landmarks(yaw=30, pitch=10, roll=roll)
    assert quality.nose_offset(lying) == pytest.approx(quality.nose_offset(upright))
    assert quality.nose_height(lying) == pytest.approx(quality.nose_height(upright))


def test_the_share_outside_the_photo() -> None:
    template = [(z.real, z.imag) for z in Alignment().target.tolist()]
    assert quality.outside(template, (96, 96)) == 0
    assert quality.outside(template, (96, 72)) == pytest.approx(0.25)
    assert quality.outside(template, (48, 96)) == pytest.approx(0.5)
    moved = [(x - 24, y) for x, y in template]
    assert quality.outside(moved, (96, 96)) == pytest.approx(0.25)


def test_a_photo_that_ends_in_the_face(detector: FaceDetector) -> None:
    assert Flag.CUT_OFF in seen(detector, portrait().crop((100, 0, 330, 132)))
    assert Flag.CUT_OFF not in seen(detector, portrait().crop((100, 0, 330, 220)))


@pytest.mark.parametrize("colour", ["black", "white", "#c08a6c"])
def test_covered_parts(face: Face, colour: str) -> None:
    """Glasses and a mask, painted on the crop; a hat and a collar are no reason to warn."""
    side = face.crop.shape[0]
    for box, covered in (
        ((0, 0.24, 1, 0.44), True),
        ((0, 0.62, 1, 1), True),
        ((0, 0, 1, 0.14), False),
        ((0, 0.92, 1, 1), False),
    ):
        image = Image.fromarray(face.crop)
        ImageDraw.Draw(image).rectangle([share * side for share in box], fill=colour)
        assert (Flag.COVERED in flags(replace(face, crop=np.asarray(image)))) == covered, box


@pytest.mark.parametrize(
    ("size", "window"), [(112, (0, 0, 112, 112)), (160, (0, 0, 112, 112)), (96, (4, 16, 108, 120))]
)
def test_limits_hold_whatever_part_of_a_face_the_network_is_shown(
    size: int, window: Window, face: Face
) -> None:
    """A network that sees more than the usual part once had eyes and mouth looked for in vain."""
    wider = FaceDetector(Alignment(size, window))
    whole = portrait()
    crop = quality.usual_part(wider.detect([load(whole)])[0][0].crop, window)
    for measure in (quality.detail, quality.light, quality.sharpness):
        assert measure(crop) == pytest.approx(measure(face.crop), rel=0.25)
    for box, covered in (
        ((180, 92, 268, 116), True),  # glasses
        ((180, 128, 268, 190), True),  # a mask
        ((180, 30, 268, 72), False),  # a hat
        ((180, 172, 268, 200), False),  # a collar
    ):
        hidden = wider.detect([load(whole)])[0][0]
        painted = whole.copy()
        ImageDraw.Draw(painted).rectangle(box, fill="black")
        hidden = replace(hidden, crop=cut(painted, hidden.landmarks, Alignment(size, window)))
        found = quality.warnings_for(hidden, 1, whole.size, window)
        assert (Flag.COVERED in {warning.code for warning in found}) == covered, box
    for seen in spoiling.DEGRADATIONS.values():
        spoilt = seen.spoil(wider.detect([load(whole)])[0][0].crop, seen.steps[-1], window)
        assert spoilt.flags() & set(seen.flags)


def test_sunglasses_are_seen_and_the_dark_is_not_taken_for_them(face: Face) -> None:
    worn = spoiling.shaded(face.crop, 0.1, Alignment().window).crop
    assert Flag.COVERED in flags(replace(face, crop=worn))
    assert quality.eyes_light(worn) < 0.2 < 0.5 < quality.eyes_light(face.crop)
    for light in (0.15, 0.4, 1.4):
        lit = np.clip(face.crop * light, 0, 255).astype(np.uint8)
        assert Flag.COVERED not in flags(replace(face, crop=lit)), light


def test_a_low_score_a_turned_photo_and_several_faces(face: Face) -> None:
    assert flags(replace(face, score=0.95)) == {Flag.LOW_SCORE}
    assert flags(replace(face, turned=90)) == {Flag.TURNED}
    assert flags(face, num_faces=3) == {Flag.SEVERAL_FACES}


def test_spoiled_photos_through_the_detector(detector: FaceDetector) -> None:
    """The whole road: the photo is spoiled, found, cut and judged."""
    whole = portrait()
    assert seen(detector, whole) == set()
    assert Flag.TURNED in seen(detector, whole.transpose(Image.Transpose.ROTATE_90))
    assert Flag.BLURRED in seen(detector, whole.filter(ImageFilter.GaussianBlur(4)))
    assert Flag.TOO_DARK in seen(detector, ImageEnhance.Brightness(whole).enhance(0.12))


def test_every_flag_is_checked_and_warnings_reach_the_answer() -> None:
    assert list(quality.MESSAGES) == list(Flag)
    dark = ImageEnhance.Brightness(portrait()).enhance(0.12)
    answer = Verifier(tiny("mtcnn")).verify(portrait(), dark).to_dict()
    assert answer["photos"][0]["warnings"] == []
    assert [warning["code"] for warning in answer["photos"][1]["warnings"]] == ["too_dark"]


def test_a_picture_taken_as_a_whole_has_nothing_to_warn_of() -> None:
    drawing = np.zeros((20, 20, 1), np.uint8)
    assert (
        quality.warnings_for(
            Face((0, 0, 20, 20), (), 1.0, drawing), 1, (20, 20), Alignment().window
        )
        == ()
    )
