"""The cohort: crowded surroundings raise the bar; nobody is more alike to another than itself."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from siamese.data.pairs import PairRows
from siamese.data.people import Picture
from siamese.data.populations import LISTED_TOGETHER
from siamese.errors import InputError
from siamese.evaluation.comparison import Comparison
from siamese.network import NEAREST, Head, NetworkConfig, Siamese
from siamese.training.cohort import (
    COHORT_PICTURES,
    centres,
    fit_relative,
    pairs_of_one_kind,
    some_of,
)


def unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), np.float32)


def network(relative: float = 0.7, bases: int | None = None) -> Siamese:
    torch.manual_seed(3)
    size = 16 * (bases or 1)
    config = NetworkConfig("compact", 16, embedding_size=size, features=16, bases=bases)
    plain = Siamese(config).eval()
    with torch.no_grad():
        plain.head.weight.copy_(-torch.rand(1, size))
    rows = unit(np.random.default_rng(1).normal(size=(40, 16)))
    frame = plain.backbone.frame
    held = plain.with_cohort(rows if frame is None else rows @ frame.numpy().T)
    held.relative.fill_(relative)
    return held


@pytest.mark.parametrize("bases", [None, 4])
def test_arrays_pairs_and_tensors_agree_with_a_plain_loop(bases: int | None) -> None:
    held = network(bases=bases)
    pictures = torch.rand(6, 3, 16, 16)
    with torch.inference_mode():
        vectors = held.embed(pictures)
        tensors = held.compare(vectors[:, None], vectors[None]).numpy()
    rows, weights = vectors.double().numpy(), -held.head.weight.detach().double().numpy()[0]
    cohort = held.centres.detach().double().numpy()

    def isolation(row: np.ndarray) -> float:
        return float(
            np.sort([np.abs(row - centre) @ weights for centre in cohort])[:NEAREST].mean()
        )

    expected = [
        [
            float(held.head.bias.detach())
            - np.abs(a - b) @ weights
            + 0.35 * (isolation(a) + isolation(b))
            for b in rows
        ]
        for a in rows
    ]
    np.testing.assert_allclose(tensors, expected, atol=1e-4)
    head, compare = Head.of(held), Comparison.of(held)
    np.testing.assert_allclose(head(rows[:, None], rows[None]), expected, atol=1e-4)
    np.testing.assert_allclose(compare.matrix(rows, rows), expected, atol=1e-4)
    np.testing.assert_allclose(
        compare(rows[:3], rows[3:]), np.diag(np.array(expected)[:3, 3:]), atol=1e-4
    )


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 2))
def test_symmetric_and_nobody_is_more_alike_to_another(seed: int, relative: float) -> None:
    random = np.random.default_rng(seed)
    rows = unit(random.normal(size=(8, 12)) * random.uniform(0.01, 1, 12))
    cohort = unit(random.normal(size=(9, 12)))
    head = Comparison(random.uniform(0, 3, 12), 1.0, cohort.astype(np.float64), relative)
    logits = head.matrix(rows, rows)
    np.testing.assert_allclose(logits, logits.T, atol=1e-9)
    assert (logits <= np.diag(logits)[:, None] + 1e-9).all()


def test_a_crowd_of_strangers_no_longer_passes_the_threshold_of_the_others() -> None:
    """Two kinds of people, one of which lies closer together: one threshold for both."""
    random = np.random.default_rng(0)

    def people(kind: int, count: int) -> np.ndarray:
        centre, spread = (2.0, 1.0) if kind else (-2.0, 0.5)
        return centre + random.normal(size=(count, 12)) * spread

    first = np.concatenate([people(0, 400), people(1, 400)])
    noise = random.normal(size=first.shape) * np.repeat([0.3, 0.6], 400)[:, None]
    vectors = np.concatenate([first, first + noise])
    rows = np.arange(800)
    impostor = np.stack([rows[400:], np.roll(rows[400:], 1)], axis=1)
    raw = Comparison(np.ones(12), 0.0, np.concatenate([people(0, 60), people(1, 60)]), 0.0)
    crowd = people(0, 800)
    alike = np.stack([crowd[:400], crowd[400:]], axis=1)
    pairs = PairRows(np.stack([rows, rows + 800], axis=1), impostor)
    fit = fit_relative(raw, pairs, vectors, alike)
    assert 0 < fit.relative <= 2 and fit.scale > 0
    held = Comparison(raw.weights * fit.scale, fit.offset, raw.cohort, fit.relative)

    def passing(compare: Comparison) -> float:
        threshold = np.quantile(compare(*vectors[impostor].swapaxes(0, 1)), 0.99)
        return float((compare(alike[:, 0], alike[:, 1]) >= threshold).mean())

    assert passing(raw) > 0.5 and passing(held) < 0.5 * passing(raw)


def test_centres_are_as_long_as_embeddings_and_want_enough_pictures() -> None:
    rows = unit(np.random.default_rng(2).normal(size=(200, 8)))
    found = centres(rows, 20)
    assert found.shape == (20, 8) and found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    with pytest.raises(InputError, match="needs 200 pictures"):
        centres(rows[:199], 20)


def test_strangers_of_one_kind_are_of_nearly_one_age() -> None:
    pictures = [Picture("z", f"a/{n:05d}_age{n % 90:02d}.webp", "") for n in range(1800)]
    pictures += [Picture("z", f"a/{n:05d}.webp", "") for n in range(500)]
    pairs = pairs_of_one_kind(pictures)
    ages = np.array([row % 90 for row in range(1800)])
    assert pairs.max() < 1800 and (pairs[:, 0] != pairs[:, 1]).all()
    assert np.abs(np.diff(ages[pairs], axis=1)).max() <= 3
    assert np.abs(np.diff(pairs, axis=1)).min() > LISTED_TOGETHER  # nearer ones may be one person
    assert len(some_of(pictures * 5)) <= COHORT_PICTURES
    assert sum("age" in picture.name for picture in some_of(pictures * 5)) > COHORT_PICTURES / 3
    with pytest.raises(InputError, match="whose names tell an age"):
        pairs_of_one_kind(pictures[1500:])


@pytest.mark.parametrize("bases", [None, 4])
def test_training_goes_on_from_the_twin_without_what_calibration_added(bases: int | None) -> None:
    held = network(bases=bases)
    bare = held.bare()
    assert (bare.config.cohort, bare.config.bases, bare.config.embedding_size) == (None, None, 16)
    pictures = torch.rand(3, 3, 16, 16)
    with torch.inference_mode():
        vectors, written = bare.embed(pictures), held.embed(pictures)
    frame = held.backbone.frame
    assert torch.allclose(vectors if frame is None else vectors @ frame.T, written, atol=1e-5)
    weights = bare.head.weight[0]
    assert torch.equal(weights, held.head.weight[0]) != (bases == 4)
    assert bases is None or torch.allclose(weights, held.head.weight.mean().expand(16))
