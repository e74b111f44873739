"""The check of explanations: it passes true ones, exposes false ones, and runs on the product."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from siamese import checkpoint, explain
from siamese.evaluation import evaluate
from siamese.evaluation.comparison import Comparison
from siamese.evaluation.protocols import explanations
from tests import app_server

SIDE = 64
EXAMPLES = Path(__file__).parents[3] / "examples"
GREY = explanations.FILLINGS["grey"]


def crops() -> tuple[np.ndarray, np.ndarray]:
    """Two pictures that differ little, of smooth textures."""
    random = np.random.default_rng(0)
    squares = random.integers(40, 216, (8, 8, 3)).repeat(8, axis=0).repeat(8, axis=1)
    noise = random.integers(-20, 20, (2, *squares.shape))
    return (squares + noise[0]).astype(np.uint8), (squares + noise[1]).astype(np.uint8)


def eyes(pixels: np.ndarray) -> np.ndarray:
    """A network that sees only the upper third, in pieces of 8 x 8 px: (N, D)."""
    upper = pixels[:, :24].astype(np.float32) / 255
    return upper.reshape(len(pixels), 3, 8, 8, 8, 3).mean((2, 4)).reshape(len(pixels), -1)


COMPARE = Comparison(np.full(3 * 8 * 3, 5.0), 8.0)


def test_a_true_explanation_passes_and_false_ones_fail() -> None:
    pair = crops()
    grids = explanations.explained(pair, eyes, COMPARE)
    assert all(grid[:3].min() > 2 * abs(grid[5:]).max() for grid in grids)

    def falls(first: np.ndarray, second: np.ndarray) -> dict[str, Any]:
        random = np.random.default_rng(0)
        found = explanations.covered_falls(pair, (first, second), eyes, COMPARE, GREY, random)
        return explanations.report([found])

    assert falls(*grids)["speaking_for"]["value"] == 1
    upside_down = falls(grids[0][::-1], grids[1][::-1])
    assert upside_down["speaking_for"]["value"] == 0
    inverted = falls(-grids[0], -grids[1])
    assert inverted["speaking_for"]["value"] == inverted["speaking_against"]["value"] == 0


def test_falls_by_a_slow_loop() -> None:
    pair = crops()
    grids = explanations.explained(pair, eyes, COMPARE)
    found = explanations.covered_falls(pair, grids, eyes, COMPARE, GREY, np.random.default_rng(0))
    cell, expected = SIDE // explain.CELLS, []
    for side in (0, 1):
        covered = pair[side].copy()
        for index in np.argsort(-grids[side].ravel(), kind="stable")[: explanations.COVERED]:
            row, column = divmod(int(index), explain.CELLS)
            covered[row * cell : (row + 1) * cell, column * cell : (column + 1) * cell] = 128
        other = eyes(pair[1 - side][None])
        whole = COMPARE(eyes(pair[side][None]), other)[0]
        expected.append(whole - COMPARE(eyes(covered[None]), other)[0])
    assert found.speaking_for == pytest.approx(np.mean(expected), abs=1e-5)
    assert len(found.random) == explanations.RANDOM_SETS and found.random.std() > 0


def test_the_fillings_differ_from_those_the_maps_are_made_with() -> None:
    """Also in kind: to an eye that is as coarse as a cell, where one noise is like any other."""
    crop = crops()[0] // 2
    cell = SIDE // explain.CELLS

    def coarse(filling: explain.Filling) -> np.ndarray:
        means = filling(crop).reshape(explain.CELLS, cell, explain.CELLS, cell, -1).mean((1, 3))
        return np.asarray(means)

    made_with = [coarse(filling) for filling in explain.FILLINGS]
    for filling in explanations.FILLINGS.values():
        assert min(abs(coarse(filling) - known).mean() for known in made_with) > 5
    other_grain = np.random.default_rng(1).normal(crop.mean(), crop.std(), crop.shape)
    assert abs(coarse(lambda _: other_grain) - made_with[-1]).mean() < 5


@pytest.mark.parametrize("side", [64, 96, 105])
def test_shuffled_cells_are_the_same_cells_elsewhere(side: int) -> None:
    """Also where the side is not a multiple of the cells, as Koch's 105 px."""
    crop = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    mixed, cell = explanations.shuffled(crop).astype(np.uint8), side // explain.CELLS

    def tiles(pixels: np.ndarray) -> list[bytes]:
        corners = range(0, cell * explain.CELLS, cell)
        return [pixels[y : y + cell, x : x + cell].tobytes() for y in corners for x in corners]

    before, after = tiles(crop), tiles(mixed)
    assert sorted(before) == sorted(after)
    assert sum(a == b for a, b in zip(before, after, strict=True)) < 6


def test_the_product_explains_composites_truly() -> None:
    """Covering what the map points at moves the logit twice as far as covering anything."""
    verifier = app_server.verifier()
    found = verifier.explain(EXAMPLES / "person A 1.webp", EXAMPLES / "person A 2.webp")
    falls = explanations.covered_falls(
        (found.first.face.crop, found.second.face.crop),
        found.influences,
        verifier._embed_crops,
        verifier.logits,
        GREY,
        np.random.default_rng(1),
    )
    assert falls.speaking_for > 2 * np.median(falls.random) > 0
    assert falls.speaking_against < np.median(falls.random) / 2


@pytest.mark.long
def test_nine_in_ten_of_100_pairs(faces_data: Path, tmp_path: Path) -> None:
    folder = Path(app_server.checkpoint() or checkpoint.EMBEDDED)
    content = evaluate.evaluate(folder, faces_data, tmp_path, ["explanations"], tmp_path / "cache")
    found = content["protocols"]["explanations"]
    assert found["pairs"] >= 99
    for row in found["fillings"].values():
        assert row["speaking_for"]["value"] >= 0.9
        assert row["speaking_against"]["value"] >= 0.9
    assert "## Explanations" in (tmp_path / "README.md").read_text()
