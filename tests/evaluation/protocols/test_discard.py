"""Error versus discard: the curve by setting pairs aside one by one."""

import numpy as np
import pytest

from siamese.evaluation.protocols.discard import SHARES, curve

COUNT = 200


def missed(random: np.random.Generator) -> np.ndarray:
    return random.random(COUNT) < 0.15


def test_the_worst_are_set_aside_first() -> None:
    random = np.random.default_rng(0)
    errors, goodness = missed(random), random.permutation(COUNT).astype(float)
    for share, rate in zip(SHARES, curve(goodness, errors), strict=True):
        left = np.argsort(goodness)[round(share * COUNT) :]
        assert rate == pytest.approx(errors[left].mean())


def test_of_equally_good_pairs_any_may_go() -> None:
    """The rate is what many random orders give on average."""
    random = np.random.default_rng(1)
    errors, goodness = missed(random), random.integers(0, 3, COUNT).astype(float)
    orders = [curve(goodness + random.random(COUNT) / 2, errors) for _ in range(3000)]
    assert curve(goodness, errors) == pytest.approx(np.mean(orders, 0), abs=2e-3)
    constant = curve(np.zeros(COUNT), errors)
    assert constant == pytest.approx([errors.mean()] * len(SHARES))


def test_knowing_the_errors_is_best() -> None:
    random = np.random.default_rng(2)
    errors = missed(random)
    best = curve(-errors.astype(float), errors)
    assert best[0] == errors.mean() and best[-1] == 0
    for goodness in random.random((20, COUNT)):
        assert (np.array(best) <= np.array(curve(goodness, errors)) + 1e-12).all()
