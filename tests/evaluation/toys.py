"""Made-up people for the evaluation tests: points in a space where distance means identity."""

import dataclasses

import numpy as np

from siamese.data.collection import Collection
from siamese.evaluation.comparison import Comparison

SIZE = 16


def comparison(bias: float = 8.0) -> Comparison:
    """A head with uneven weights, so that forgetting them shows."""
    return Comparison(np.linspace(0.2, 0.8, SIZE), bias)


def people(
    count: int, photos: int, noise: float = 0.5, seed: int = 0
) -> tuple[np.ndarray, list[str]]:
    """Embeddings (count * photos, SIZE) and identities of people with `photos` photos each."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(count, SIZE)).repeat(photos, axis=0)
    vectors = centres + noise * random.normal(size=centres.shape)
    return vectors.astype(np.float32), [f"person{i // photos}" for i in range(count * photos)]


def collection(count: int, photos: int, noise: float = 0.5, seed: int = 0) -> Collection:
    """These people as a collection that was embedded."""
    vectors, identities = people(count, photos, noise, seed)
    return dataclasses.replace(Collection.named(identities), vectors=vectors)
