"""Augmentation: nothing when told nothing, the same for any slicing, and borders are filled."""

import dataclasses

import pytest
import torch

from siamese.training.augment import Augmentation, apply, draw, plain

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


def test_grey_is_grey_and_drawings_have_one_channel() -> None:
    how = dataclasses.replace(NOTHING, grey=1.0)
    found = apply(stored(2), draw(2, 3, how, generator()), WINDOW, 96)
    torch.testing.assert_close(found[:, 0], found[:, 2])
    drawing = stored(4)[:, 2:]
    single = apply(drawing, draw(4, 1, Augmentation(jpeg=1.0), generator()), WINDOW, 96)
    assert single.shape == (4, 1, 96, 96)
    odd = plain(drawing[..., :105, :105], (0, 0, 105, 105), 105)
    torch.testing.assert_close(odd[0, 0], drawing[0, 0, :105, :105] / 255, atol=1e-4, rtol=0)
