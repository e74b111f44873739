"""Embeddings of many photos, and the network's head as a function of arrays.

A photo in which no face was found (a failure to acquire) keeps its row, filled with NaN; every
score it takes part in is NaN, and the protocols count it instead of dropping it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.spatial.distance import cdist

from siamese.data.pairs import PairRows
from siamese.evaluation.metrics import Scores
from siamese.network import NEAREST, Head

BLOCK = 4096  # pairs compared at a time, to bound memory


@dataclass(frozen=True, eq=False)
class Comparison(Head):
    """The head of a network for many pairs, in double precision."""

    DTYPE: ClassVar[type[np.floating]] = np.float64

    def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Logits (N,) of N pairs; `a` and `b` are embeddings (N, D)."""
        logits = np.empty(len(a))
        for start in range(0, len(a), BLOCK):
            rows = slice(start, start + BLOCK)
            logits[rows] = super().__call__(a[rows], b[rows])
        return logits

    def isolation(self, embeddings: np.ndarray) -> np.ndarray:
        """As `Head.isolation`, for many embeddings (N, D) at once."""
        if self.cohort is None:
            return np.zeros(len(embeddings))
        count = min(NEAREST, len(self.cohort))
        centres = self.cohort * self.weights
        nearest = [
            np.partition(cdist(rows * self.weights, centres, "cityblock"), count - 1)[:, :count]
            for rows in np.array_split(embeddings, -(-max(1, len(embeddings)) // BLOCK))
        ]
        return np.concatenate(nearest).mean(axis=1)

    def scores(self, pairs: PairRows, vectors: np.ndarray) -> Scores:
        """Logits of these pairs of rows of `vectors` (N, D)."""
        both = np.concatenate([pairs.genuine, pairs.impostor])
        return Scores(*np.split(self.of_rows(both, vectors), [len(pairs.genuine)]))

    def of_rows(
        self, pairs: np.ndarray, first: np.ndarray, second: np.ndarray | None = None
    ) -> np.ndarray:
        """Logits (N,) of pairs of rows (N, 2), of `first` (M, D) and `second` (M, D) or the same.

        An embedding's isolation is looked up once, in however many pairs it is.
        """
        kinds = [(first, self.isolation(first))]
        kinds.append(kinds[0] if second is None else (second, self.isolation(second)))
        (one, near_one), (other, near_other) = kinds
        blocks = np.array_split(pairs, -(-max(1, len(pairs)) // BLOCK))
        return np.concatenate(
            [
                self.related(one[a], other[b], near_one[a], near_other[b])
                for a, b in (block.T for block in blocks)
            ]
        )

    def matrix(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Logits (A, B) of every row of `a` (A, D) against every row of `b` (B, D)."""
        distances = cdist(a * self.weights, b * self.weights, "cityblock")
        raised = self.isolation(a)[:, None] + self.isolation(b)
        return self.bias - distances + self.relative / 2 * raised


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """Named photos and their embeddings: float32 (N, D), a row of NaN where no face was found."""

    names: tuple[str, ...]
    vectors: np.ndarray

    @property
    def found(self) -> np.ndarray:
        """Which photos have a face: bool (N,)."""
        return ~np.isnan(self.vectors[:, 0])

    def failures(self) -> list[str]:
        """Names of the photos in which no face was found."""
        return [name for name, found in zip(self.names, self.found, strict=True) if not found]

    def rows(self, names: Sequence[str]) -> np.ndarray:
        """Row numbers of these names, int64; KeyError for a name that is not here."""
        number = {name: row for row, name in enumerate(self.names)}
        return np.array([number[name] for name in names], np.int64)
