"""Augmentation: nothing when told nothing, the same for any slicing, and borders are filled."""

import dataclasses

import numpy as np
import pytest
import torch
from torchvision.io import ImageReadMode, decode_jpeg, encode_jpeg

from siamese.data.pixels import _grid, plain
from siamese.faces.alignment import TEMPLATE, similarity
from siamese.training.augment import (
    CENTRE,
    HALVES,
    Augmentation,
    Drawings,
    _forward,
    _jpeg,
    _turned,
    apply,
    draw,
    view,
)
from tests.pictures import portrait

NOTHING = Augmentation(**{field.name: 0.0 for field in dataclasses.fields(Augmentation)})
WINDOW = (16.0, 28.0, 112.0, 124.0)


def stored(count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (count, 4, 128, 128), generator=generator, dtype=torch.uint8)
    pixels[:, 3] = 255
    return pixels


def generator(seed: int = 5) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_nothing_drawn_changes_nothing() -> None:
    pixels = stored(3)
    found = apply(pixels, draw(3, 3, NOTHING, generator()), WINDOW, 96)
    exact = pixels[:, :3, 28:124, 16:112].float() / 255
    torch.testing.assert_close(plain(pixels, WINDOW, 96), exact, atol=1e-5, rtol=0)
    torch.testing.assert_close(found, exact, atol=1e-3, rtol=0)


def test_slices_get_what_one_process_would_have_given_them() -> None:
    pixels = stored(12)
    draws = draw(12, 3, Augmentation(), generator())
    whole = apply(pixels, draws, WINDOW, 96)
    halves = [apply(pixels[i : i + 6], draws.rows(i, i + 6), WINDOW, 96) for i in (0, 6)]
    torch.testing.assert_close(torch.cat(halves), whole, atol=1e-5, rtol=0)


def test_values_stay_in_range_and_seeds_repeat() -> None:
    first, again, other = (
        apply(stored(16), draw(16, 3, Augmentation(), generator(seed)), WINDOW, 96)
        for seed in (1, 1, 2)
    )
    assert first.shape == (16, 3, 96, 96)
    assert float(first.min()) >= 0 and float(first.max()) <= 1
    assert torch.equal(first, again) and not torch.equal(first, other)


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_a_flip_is_a_mirror(flip: float) -> None:
    pixels = stored(2)
    how = dataclasses.replace(NOTHING, flip=flip)
    found = apply(pixels, draw(2, 3, how, generator()), (16.0, 16.0, 112.0, 112.0), 96)
    exact = pixels[:, :3, 16:112, 16:112].float() / 255
    expected = exact.flip(-1) if flip else exact
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)


def test_black_borders_are_filled_or_left() -> None:
    pixels = torch.full((64, 4, 128, 128), 200, dtype=torch.uint8)
    pixels[:, 3] = 255
    pixels[..., :40] = 0  # beyond the left edge of the photo
    how = dataclasses.replace(NOTHING, fill_border=1.0)
    draws = draw(64, 3, how, generator())
    filled = apply(pixels, draws, WINDOW, 96)
    extended = filled[draws.fill == 3][..., :20]
    torch.testing.assert_close(extended, torch.full_like(extended, 200 / 255), atol=0.03, rtol=0)
    assert set(draws.fill.tolist()) == {1, 2, 3}
    shown = plain(pixels, WINDOW, 96)
    torch.testing.assert_close(shown, torch.full_like(shown, 200 / 255), atol=0.03, rtol=0)
    left = apply(pixels, draw(64, 3, NOTHING, generator()), WINDOW, 96)
    assert float(left[..., :20].max()) < 0.01
    assert float((filled[..., 30:] - 200 / 255).abs().max()) < 0.01


@pytest.mark.parametrize("side", [1, 2, 8, 28])
def test_small_pictures_are_changed_like_others(side: int) -> None:
    """Those under 32 px could not be halved five times, which was an error of torch."""
    window = (0.0, 0.0, float(side), float(side))
    pixels = torch.full((64, 4, side, side), 200, dtype=torch.uint8)
    pixels[:, 3] = 255
    pixels[..., : side // 4] = 0  # beyond the left edge of the photo
    shown = plain(pixels, window, side)
    assert shown.shape == (64, 3, side, side)
    torch.testing.assert_close(shown, torch.full_like(shown, 200 / 255), atol=0.03, rtol=0)
    changed = apply(pixels, draw(64, 3, Augmentation(), generator()), window, side)
    assert changed.shape == shown.shape
    assert float(changed.min()) >= 0 and float(changed.max()) <= 1 + 1e-6


def test_grey_is_grey_and_drawings_have_one_channel() -> None:
    how = dataclasses.replace(NOTHING, grey=1.0)
    found = apply(stored(2), draw(2, 3, how, generator()), WINDOW, 96)
    torch.testing.assert_close(found[:, 0], found[:, 2])
    drawing = stored(4)[:, 2:]
    single = apply(drawing, draw(4, 1, Augmentation(jpeg=1.0), generator()), WINDOW, 96)
    assert single.shape == (4, 1, 96, 96)
    odd = plain(drawing[..., :105, :105], (0, 0, 105, 105), 105)
    torch.testing.assert_close(odd[0, 0], drawing[0, 0, :105, :105] / 255, atol=1e-4, rtol=0)


def test_drawings_are_distorted_as_in_the_paper() -> None:
    """Each of the seven numbers is there half of the time, in its range and over all of it."""
    matrices = draw(20_000, 1, Drawings(), generator()).matrix.double()
    shift = matrices[:, :, 2] * 105 / 2  # half the window is one unit
    assert float(shift.abs().max()) <= 2 and float(shift.abs().max()) > 1.9
    assert 0.48 < float((shift != 0).double().mean()) < 0.52
    linear = matrices[:, :, :2]
    untouched = (linear == torch.eye(2, dtype=torch.float64)).all(dim=(1, 2))
    assert float(untouched.double().mean()) == pytest.approx(0.5**5, abs=0.005)
    only_turned = (linear[:, 0, 0] == linear[:, 1, 1]) & (linear[:, 0, 1] == -linear[:, 1, 0])
    angles = torch.rad2deg(torch.atan2(linear[only_turned, 1, 0], linear[only_turned, 0, 0]))
    assert 9 < float(angles.abs().max()) <= 10 + 1e-4
    only_scaled = (linear[:, 0, 1] == 0) & (linear[:, 1, 0] == 0)
    scales = linear[only_scaled][:, [0, 1], [0, 1]]
    assert 0.8 <= float(scales.min()) < 0.82 and 1.18 < float(scales.max()) <= 1.2
    assert float(torch.linalg.det(linear).min()) > 0, "a mirrored character is another one"


def test_a_drawing_keeps_its_paper_and_its_ink() -> None:
    """White stays white up to the edge, and nothing but the geometry changes."""
    paper = torch.full((32, 2, 64, 64), 255, dtype=torch.uint8)
    paper[:, 0, 24:40, 30:34] = 0  # one stroke
    found = apply(paper, draw(32, 1, Drawings(), generator()), (0.0, 0.0, 64.0, 64.0), 64)
    edges = torch.cat([found[..., :4], found[..., -4:]], -1)
    assert float(edges.min()) > 0.999
    assert float(found.amin((1, 2, 3)).max()) < 0.01
    ink = (1 - found).sum((1, 2, 3)) / (16 * 4)
    assert float(ink.min()) > 0.6 and float(ink.max()) < 1.75  # 1 / 1.2^2 ... 1 / 0.8^2, sheared


@pytest.mark.parametrize(("yaw", "pitch"), [(0.6, 0.0), (-1.1, 0.0), (0.4, 0.3)])
def test_a_turned_head_shows_its_landmarks_where_the_turn_brought_them(
    yaw: float, pitch: float
) -> None:
    """Against the turn itself: each landmark is moved, aligned as the product does, looked up."""
    angles = torch.tensor([[yaw, pitch]])
    identity = torch.eye(2, 3)[None]
    grid = _turned(_grid(identity, (8.0, 8.0, 120.0, 120.0), torch.Size((128, 128)), 112), angles)
    centre = torch.tensor(CENTRE)
    landmarks = torch.tensor(TEMPLATE) - centre
    moved = torch.stack(
        [_forward(landmarks[:, k], HALVES[k], angles[:, k, None])[0] for k in (0, 1)], -1
    )
    scale, shift = similarity(moved.tolist(), np.array([complex(*p) for p in landmarks.tolist()]))
    for index in (0, 1, 3, 4):  # the nose stands out of the head, so another point hides behind it
        seen = complex(*moved[index].tolist()) * scale + shift
        column, row = round(seen.real + CENTRE[0] - 0.5), round(seen.imag + CENTRE[1] - 0.5)
        if abs(moved[index, 0]) < 0.9 * HALVES[0] and 0 <= column < 112:
            found = (grid[0, row, column] + 1) * 64 - 8 - centre
            assert torch.dist(found, landmarks[index]) < 3  # px


def test_the_teacher_sees_no_spoiling_and_no_fill() -> None:
    pixels = stored(4)
    pixels[:, :, :, :40] = 0  # beyond the photo's edge
    how = Augmentation(flip=0, rotation=0, scale=0, shift=0, turned=0, blur=1, sunglasses=1, dark=1)
    draws = draw(4, 3, how, generator())
    window = (8.0, 8.0, 120.0, 120.0)
    exact = pixels[:, :3, 8:120, 8:120].float() / 255
    torch.testing.assert_close(view(pixels, draws, window, 112), exact, atol=1e-3, rtol=0)
    spoiled = apply(pixels, draws, window, 112)
    assert float((spoiled - exact).abs().mean()) > 0.05
    assert float(spoiled[..., :20].amax((1, 2, 3)).min()) > 0  # filled for the student


def test_glasses_darken_the_eyes_alone() -> None:
    pixels = torch.full((1, 4, 128, 128), 255, dtype=torch.uint8)
    how = dataclasses.replace(NOTHING, sunglasses=1.0)
    found = apply(pixels, draw(1, 3, how, generator()), (8.0, 8.0, 120.0, 120.0), 112)
    for x, y in TEMPLATE[:2]:
        assert float(found[0, :, round(y), round(x)].max()) < 0.5
    assert float(found[0, :, 85:].min()) > 0.99


def test_views_are_made_where_the_pictures_are_and_wait_for_nothing() -> None:
    """On "meta", a device without numbers: what mixes devices or looks at a number fails there."""
    every = {field.name: 1.0 for field in dataclasses.fields(Augmentation)}
    how = Augmentation(**every | {"rotation": 8.0})
    window = (8.0, 8.0, 120.0, 120.0)
    for channels in (1, 3):
        draws = draw(64, channels, how, generator())
        there = torch.empty(64, channels + 1, 128, 128, dtype=torch.uint8, device="meta")
        for make in (apply, view):
            found = make(there, draws, window, 112)
            assert found.is_meta and found.shape == (64, channels, 112, 112)


@pytest.mark.parametrize(("channels", "size"), [(3, 112), (3, 105), (1, 64)])
@pytest.mark.parametrize("quality", [15, 40, 70])
def test_jpeg_loses_what_a_real_coder_loses(channels: int, size: int, quality: int) -> None:
    """Against libjpeg, whose arithmetic is in whole numbers."""
    photo = torch.from_numpy(np.array(portrait())).permute(2, 0, 1)[:channels]
    places = [(y, x) for y in (0, 60, 200) for x in (0, 150, 300)]
    whole = torch.stack([photo[:, y : y + size, x : x + size] for y, x in places])
    mode = ImageReadMode.RGB if channels == 3 else ImageReadMode.GRAY
    coded = [decode_jpeg(encode_jpeg(part.contiguous(), quality), mode) for part in whole]
    real = torch.stack(coded).float() / 255
    untouched = torch.zeros(1, dtype=torch.int32)
    found = _jpeg(whole / 255, torch.full((9,), quality, dtype=torch.int32))
    assert float((found - real).abs().mean()) < 1.2 / 255 < float((real - whole / 255).abs().mean())
    assert torch.equal(_jpeg(whole[:1] / 255, untouched), whole[:1] / 255)
