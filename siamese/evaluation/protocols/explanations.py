"""Is an explanation true? Cover the parts it points at, and see whether the logit moves.

Of each face the cells that speak most for "same" are covered together, then those that speak most
against, then as many cells drawn at random, many times. The cells are covered otherwise than they
were when the explanation was made, with a hard edge and by fillings of other kinds (`explain` has a
smooth one and grain), so that an explanation which only fits its own way of covering would fail.
One face is covered at a time: two faces covered alike are alike in that.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from siamese import explain
from siamese.evaluation import metrics
from siamese.evaluation.bench import LFW, LFW_PAIRS, Bench, PhotoSet, find_crops
from siamese.evaluation.protocol import Protocol
from siamese.evaluation.protocols import robustness

EXPLAINED = 5  # pairs of each kind in each of LFW's ten folds


Embed = Callable[[np.ndarray], np.ndarray]  # crops, uint8 (N, S, S, C) -> (N, D)
Compare = Callable[[np.ndarray, np.ndarray], np.ndarray]  # (N, D), (N, D) -> logits (N,)

COVERED = 8  # cells of each face, of CELLS * CELLS
RANDOM_SETS = 20


def shuffled(crop: np.ndarray) -> np.ndarray:
    """The crop's own cells in random order: its features, where they mean nothing.

    Where the side is no multiple of the cells, a rim of a few pixels stays as it is.
    """
    cells = explain.CELLS
    side = crop.shape[0] // cells
    whole, mixed = side * cells, crop.astype(np.float32)
    tiles = mixed[:whole, :whole].reshape(cells, side, cells, side, -1).swapaxes(1, 2)
    order = np.random.default_rng(0).permutation(cells**2)
    moved = tiles.reshape(cells**2, side, side, -1)[order].reshape(tiles.shape).swapaxes(1, 2)
    mixed[:whole, :whole] = moved.reshape(whole, whole, -1)
    return mixed


FILLINGS: dict[str, explain.Filling] = {
    "grey": lambda crop: np.full(crop.shape, 128, np.float32),
    "its own cells, shuffled": shuffled,
    # Other parts of the same face, where none belongs.
    "the face upside down": lambda crop: crop[::-1].astype(np.float32),
}


class Falls(NamedTuple):
    """How far a pair's logit falls where cells of a face are covered, mean of its two faces.

    `speaking_for` and `speaking_against`: those that the explanation ranks first and last;
    `random` (R,): as many drawn at random.
    """

    speaking_for: float
    speaking_against: float
    random: np.ndarray


def check(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]], embed: Embed, compare: Compare
) -> dict[str, list[Falls]]:
    """Explain pairs of crops and cover what is pointed at, once with each filling."""
    random = np.random.default_rng(0)
    found: dict[str, list[Falls]] = {name: [] for name in FILLINGS}
    for crops in tqdm(pairs, "explaining", disable=None):
        grids = explained(crops, embed, compare)
        for name, filling in FILLINGS.items():
            falls = covered_falls(crops, grids, embed, compare, filling, random)
            found[name].append(falls)
    return found


def explained(
    crops: tuple[np.ndarray, np.ndarray], embed: Embed, compare: Compare
) -> tuple[np.ndarray, np.ndarray]:
    """The grids of both crops, as `Verifier.explain` makes them."""
    first, second = embed(np.stack(crops))

    def against(other: np.ndarray) -> explain.Score:
        return lambda covered: compare(embed(covered), np.tile(other, (len(covered), 1)))

    return (
        explain.influence(crops[0], against(second)),
        explain.influence(crops[1], against(first)),
    )


def covered_falls(
    crops: Sequence[np.ndarray],
    grids: Sequence[np.ndarray],
    embed: Embed,
    compare: Compare,
    filling: explain.Filling,
    random: np.random.Generator,
) -> Falls:
    """Cover the cells of two crops that their grids (see `explain.influence`) rank first and last.

    `random` draws the sets to compare with.
    """
    vectors = embed(np.stack(crops))
    falls = []
    for crop, grid, other in zip(crops, grids, vectors[::-1], strict=True):
        order = np.argsort(-grid.ravel(), kind="stable")
        drawn = [random.choice(grid.size, COVERED, replace=False) for _ in range(RANDOM_SETS)]
        sets = [order[:0], order[:COVERED], order[-COVERED:], *drawn]
        masks = np.stack([cells_mask(chosen, crop.shape[0]) for chosen in sets])
        covered = embed(explain.cover(crop, masks, filling(crop)))
        logits = compare(covered, np.tile(other, (len(sets), 1)))
        falls.append(logits[0] - logits[1:])
    mean = np.mean(falls, axis=0)
    return Falls(float(mean[0]), float(mean[1]), mean[2:])


def cells_mask(cells: np.ndarray, side: int) -> np.ndarray:
    """float32 (side, side), 1 in these cells of the grid, without a soft rim."""
    chosen = np.zeros(explain.CELLS**2, np.float32)
    chosen[cells] = 1
    place = np.arange(side) * explain.CELLS // side
    return chosen.reshape(explain.CELLS, explain.CELLS)[place[:, None], place]


def report(found: Sequence[Falls]) -> dict[str, Any]:
    """In how many pairs the cells pointed at move the logit further than the median random set."""
    medians = [float(np.median(falls.random)) for falls in found]
    both = list(zip(found, medians, strict=True))
    further = {
        "speaking_for": sum(falls.speaking_for > median for falls, median in both),
        "speaking_against": sum(falls.speaking_against < median for falls, median in both),
    }
    return {
        **{name: metrics.rate(count, len(found)).to_dict() for name, count in further.items()},
        "mean_fall_for": float(np.mean([falls.speaking_for for falls in found])),
        "mean_fall_against": float(np.mean([falls.speaking_against for falls in found])),
        "mean_fall_random": float(np.mean(medians)),
    }


def run(bench: Bench) -> dict[str, Any]:
    """Explanations of 100 LFW pairs, checked by covering what they point at."""
    pairs = [bench.pairs[position] for position in robustness.subset(bench.pairs, EXPLAINED)]
    names = tuple(sorted({name for pair in pairs for name in (pair.a, pair.b)}))
    crops = find_crops(bench.checkpoint, PhotoSet(bench.data / LFW, names), bench.cache)
    faces = {
        name: pixels
        for name, pixels, found in zip(names, crops.pixels, crops.found, strict=True)
        if found
    }
    shown = [(faces[p.a], faces[p.b]) for p in pairs if p.a in faces and p.b in faces]
    falls = check(shown, bench.embed, bench.compare)
    return {
        "pairs": len(shown),
        "cells": explain.CELLS**2,
        "covered": COVERED,
        "random_sets": RANDOM_SETS,
        "fillings": {name: report(found) for name, found in falls.items()},
    }


PROTOCOLS = (Protocol("explanations", run, (LFW, LFW_PAIRS)),)
