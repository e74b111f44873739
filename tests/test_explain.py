"""Occlusion: maps of networks whose eyes are known, and of the real one by slow single answers."""

import json
from dataclasses import replace

import numpy as np
import pytest

from siamese import InputError, Verifier, explain
from tests.test_sighting import group as group  # the fixture
from tests.test_verifier import tiny

SIDE = 64
CELL = SIDE // explain.CELLS


def texture(seed: int, side: int = SIDE) -> np.ndarray:
    """Squares of four px, each of its own colour."""
    squares = np.random.default_rng(seed).integers(0, 256, (side // 4, side // 4, 3), np.uint8)
    return squares.repeat(4, axis=0).repeat(4, axis=1)


def watching(crop: np.ndarray, rows: slice, columns: slice, gain: float) -> explain.Score:
    """Falls by `gain` for each grey level by which one part differs from what it was."""

    def score(crops: np.ndarray) -> np.ndarray:
        change = np.abs(crops.astype(float) - crop)[:, rows, columns]
        return -gain * change.mean((1, 2, 3))

    return score


@pytest.mark.parametrize("gain", [1.0, -1.0])
def test_the_part_that_is_looked_at_is_found_with_its_sign(gain: float) -> None:
    crop = texture(0)
    row, column = 2, 5
    eye = slice(row * CELL, (row + 1) * CELL), slice(column * CELL, (column + 1) * CELL)
    grid = explain.influence(crop, watching(crop, *eye, gain))
    assert grid.shape == (explain.CELLS, explain.CELLS) and grid.dtype == np.float32
    assert np.unravel_index(np.argmax(gain * grid), grid.shape) == (row, column)
    assert gain * grid[row, column] > 20
    reach = (explain.PATCH + explain.RIM) / 2 + 0.5  # cells, from centre to centre
    far = np.maximum(*np.abs(np.indices(grid.shape) - np.array([row, column])[:, None, None]))
    assert not grid[far >= reach].any() and (gain * grid[far <= 1] > 0).all()


def test_patches_cover_their_own_cell_fully_and_nothing_far_away() -> None:
    masks = explain.patches(96)
    assert masks.shape == (explain.CELLS**2, 96, 96)
    cell = 96 // explain.CELLS
    for index in (0, 7, 27, 63):
        y, x = (cell * place + cell // 2 for place in divmod(index, explain.CELLS))
        assert masks[index, y - 3 : y + 3, x - 3 : x + 3].min() == 1
        far = np.ones((96, 96), bool)
        reach = round((explain.PATCH + explain.RIM) / 2 * cell)
        far[max(0, y - reach) : y + reach, max(0, x - reach) : x + reach] = False
        assert not masks[index][far].any()


def test_covering_is_the_crop_outside_the_mask_and_the_filling_inside() -> None:
    crop, masks = texture(1), np.zeros((1, SIDE, SIDE), np.float32)
    masks[0, :10] = 1
    for filling in explain.FILLINGS:
        covered = explain.cover(crop, masks, filling(crop))[0]
        np.testing.assert_array_equal(covered[10:], crop[10:])
        shown, left = (pixels[:10].astype(float).ravel() for pixels in (crop, covered))
        assert abs(np.cov(shown, left)[0, 1]) < 0.2 * shown.var()  # what it showed is gone
        assert abs(covered[:10].mean() - crop.mean()) < 10  # and its light is kept


def test_every_cell_is_what_single_answers_say() -> None:
    """A slow loop over `verify`, covered picture by covered picture, of both photos."""
    verifier = Verifier(tiny())
    crops = [texture(seed, 32) for seed in (2, 3)]
    found = verifier.explain(*crops)
    whole = verifier.verify(*crops).logit
    assert found.logit == pytest.approx(whole)
    masks = explain.patches(32)
    for side, grid in enumerate(found.influences):
        for index in (0, 9, 30, 63):
            logits = []
            for filling in explain.FILLINGS:
                pair = list(crops)
                pair[side] = explain.cover(crops[side], masks[[index]], filling(crops[side]))[0]
                logits.append(verifier.verify(*pair).logit)
            assert grid.ravel()[index] == pytest.approx(whole - np.mean(logits), abs=5e-5)
    assert max(np.abs(grid).max() for grid in found.influences) > 0.005  # far above the tolerance


def test_the_explanation_is_of_the_chosen_faces_and_json(group: object) -> None:
    verifier = Verifier(tiny("mtcnn"))
    seen = verifier.find(group)  # type: ignore[arg-type]
    searched = verifier.explain(seen, seen, second_face=1)
    assert (searched.first.chosen, searched.second.chosen) == (1, 1), "the most alike pair"
    found = verifier.explain(seen, seen, first_face=0, second_face=1)
    answer = verifier.verify(seen, seen, first_face=0, second_face=1)
    assert (found.first.chosen, found.second.chosen) == (0, 1)
    assert found.logit == pytest.approx(answer.logit, abs=1e-4)
    # The photos may be gone by then, and other faces with them.
    left = [verifier.choose(seen, face) for face in (0, 1)]
    again = verifier.explain_chosen(replace(left[0], faces=left[0].faces[:1]), left[1])
    assert again.logit == pytest.approx(found.logit, abs=1e-4)
    np.testing.assert_allclose(again.influences, found.influences, atol=1e-4)
    data = found.to_dict()
    assert json.loads(json.dumps(data)) == data
    assert data["kind"] == "explanation" and len(data["photos"]) == 2
    crop = found.first.face.crop.shape[0]
    assert data["grid"]["cells"] * data["grid"]["cell"] == data["grid"]["crop"] == crop
    np.testing.assert_allclose(data["influences"][1], found.influences[1])
    with pytest.raises(InputError, match="Face 2 was asked for"):
        verifier.explain(seen, seen, first_face=2)
