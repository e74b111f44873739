"""The aligned crop: known transforms come back, nothing aliases, the border repeats the edge."""

import cmath
import math

import numpy as np
import pytest
from PIL import Image, ImageFilter

from siamese.faces.alignment import (
    TEMPLATE,
    Alignment,
    crop_scale,
    cut,
    misfit,
    similarity,
    source_box,
)
from tests.pictures import PORTRAIT_LANDMARKS, portrait

WHOLE = Alignment(size=112, window=(0, 0, 112, 112))


def as_pairs(points: np.ndarray) -> list[tuple[float, float]]:
    return [(float(p.real), float(p.imag)) for p in points]


def umeyama(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The reference: Umeyama 1991, equations 34-43, by singular values, in matrices.

    Returns the 2 x 2 matrix (scale times rotation) and the shift.
    """
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    covariance = (target - target_mean).T @ (source - source_mean) / len(source)
    u, d, vt = np.linalg.svd(covariance)
    sign = np.diag([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    variance = ((source - source_mean) ** 2).sum() / len(source)
    matrix = u @ sign @ vt * np.trace(np.diag(d) @ sign) / variance
    return matrix, target_mean - matrix @ source_mean


def test_the_templates_own_landmarks_give_the_identity() -> None:
    a, b = similarity(TEMPLATE, WHOLE.target)
    assert abs(a - 1) < 1e-12
    assert abs(b) < 1e-9
    assert misfit(TEMPLATE, WHOLE) < 1e-9


def test_similarity_equals_umeyama() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        source = random.normal(size=(5, 2)) * 40
        a, b = similarity([(x, y) for x, y in source], WHOLE.target)
        matrix, shift = umeyama(source, np.array(TEMPLATE))
        assert np.allclose(matrix, [[a.real, -a.imag], [a.imag, a.real]])
        assert np.allclose(shift, [b.real, b.imag])


@pytest.mark.parametrize("degrees", [0, 17, 90, 180, 265])
@pytest.mark.parametrize("scale", [0.2, 1.0, 7.5])
def test_a_known_similarity_comes_back(degrees: float, scale: float) -> None:
    known = cmath.rect(scale, math.radians(degrees))
    moved = (WHOLE.target - (30 - 8j)) / known
    a, b = similarity(as_pairs(moved), WHOLE.target)
    assert abs(a - known) < 1e-9
    assert abs(b - (30 - 8j)) < 1e-9
    assert crop_scale(as_pairs(moved), WHOLE) == pytest.approx(scale)


def test_points_that_coincide_have_no_scale() -> None:
    assert crop_scale([(3.0, 3.0)] * 5, WHOLE) == 0


@pytest.mark.parametrize("alignment", [Alignment(), Alignment(size=64, window=(10, 10, 90, 90))])
def test_a_picture_of_the_template_is_cut_at_the_window(alignment: Alignment) -> None:
    # Smooth, so that the choice of a filter for resizing makes no difference, but a shift does.
    picture = portrait().resize((112, 112)).filter(ImageFilter.GaussianBlur(2))
    x0, y0, x1, y1 = (round(v) for v in alignment.window)
    side = (alignment.size, alignment.size)
    expected = picture.crop((x0, y0, x1, y1)).resize(side, Image.Resampling.HAMMING)
    crop = cut(picture, TEMPLATE, alignment)
    assert crop.shape == (*side, 3)
    assert crop.dtype == np.uint8
    inside = (
        int((112 - y0) * alignment.size / (y1 - y0)) - 1
    )  # below, the window leaves the picture
    error = np.abs(crop.astype(float) - np.asarray(expected, dtype=float))[:inside]
    assert error.mean() < 1.5  # one px of shift would make 7


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_picture_gives_the_same_crop(degrees: int) -> None:
    points = np.array(PORTRAIT_LANDMARKS) @ [1, 1j]
    upright = cut(portrait(), as_pairs(points), Alignment())
    centre = 256 + 256j
    turned = centre + (points - centre) * cmath.rect(1, math.radians(degrees))
    crop = cut(portrait().rotate(-degrees), as_pairs(turned), Alignment())
    assert np.abs(crop.astype(float) - upright).max() <= 3


@pytest.mark.parametrize("scale", [0.9, 1.7, 4, 9])
def test_a_larger_picture_gives_the_same_crop(scale: float) -> None:
    points = np.array(PORTRAIT_LANDMARKS, dtype=float)
    size = (round(512 * scale), round(512 * scale))
    larger = portrait().resize(size, Image.Resampling.BICUBIC)
    crop = cut(larger, [(x * scale, y * scale) for x, y in points], Alignment(size=48))
    reference = cut(portrait(), [(x, y) for x, y in points], Alignment(size=48))
    assert np.abs(crop.astype(float) - reference).mean() < 4


def test_shrinking_does_not_alias() -> None:
    """Stripes finer than the crop's pixels become even grey, whatever the angle."""
    stripes = np.zeros((900, 900, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    picture = Image.fromarray(stripes)
    for degrees in (0, 20, 45):
        points = (WHOLE.target - 56 - 56j) * cmath.rect(4.3, math.radians(degrees)) + 450 + 450j
        crop = cut(picture, as_pairs(points), WHOLE)
        assert np.abs(crop.astype(float) - 127.5).max() < 20


def test_outside_the_picture_its_edge_is_repeated() -> None:
    picture = Image.new("RGB", (112, 112), (200, 100, 50))
    shifted = [(x - 60, y + 70) for x, y in TEMPLATE]
    assert np.abs(cut(picture, shifted, WHOLE).astype(int) - (200, 100, 50)).max() <= 1
    far = [(x + 5000, y - 5000) for x, y in TEMPLATE]
    assert np.abs(cut(picture, far, WHOLE).astype(int) - (200, 100, 50)).max() <= 1


def test_the_source_box_holds_what_the_crop_shows() -> None:
    x0, y0, x1, y1 = source_box(TEMPLATE, WHOLE)
    assert -4 <= x0 <= 0
    assert -4 <= y0 <= 0
    assert 112 <= x1 <= 116
    assert 112 <= y1 <= 116


@pytest.mark.parametrize("window", [(0, 0, 0, 0), (0, 0, 10, 20), (10, 0, 0, 10)])
def test_windows_that_are_not_square(window: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="square"):
        Alignment(window=window)
