"""A calibration of few people: everybody fits it, and no pair reports a fit that it took part in.

People are dealt into folds by their families. For each two folds (or one twice) the calibration is
fitted on all people but theirs and judges the pairs between them, so every pair of people is judged
once, by a fit that saw neither. Rates count people as well as pairs: see `metrics.rate_among`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np

from siamese.data.people import family, numbers
from siamese.evaluation import fitting
from siamese.evaluation.metrics import Scores

FOLDS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Pairs of one kind, each judged by a fit that saw neither person.

    `logits` float64 (N,); `people` int64 (N, 2); `thresholds` (N,) by operating point: those that
    the same fit would decide by.
    """

    logits: np.ndarray
    people: np.ndarray
    thresholds: dict[str, np.ndarray]

    @classmethod
    def empty(cls, people: np.ndarray) -> "Judged":
        """Pairs of these people that are still to be judged."""
        logits = np.full(len(people), np.nan)
        return cls(logits, people, {name: logits.copy() for name in fitting.POINTS})

    def matches(self, point: str) -> np.ndarray:
        """Which pairs are called the same at that operating point: bool (N,)."""
        return self.logits >= self.thresholds[point]


def cross_validate(
    genuine: tuple[np.ndarray, np.ndarray],
    impostor: tuple[np.ndarray, np.ndarray],
    identities: Sequence[str],
) -> tuple[Judged, Judged]:
    """Judge genuine and impostor pairs, each given as scores (N,) and rows (N, 2) of `identities`.

    Raises InputError where those left for a fit tell it nothing.
    """
    person = numbers(identities)
    fold = numbers([family(who) for who in identities]) % FOLDS
    folds = [np.sort(fold[rows], axis=1) for _, rows in (genuine, impostor)]
    kinds = [Judged.empty(person[rows]) for _, rows in (genuine, impostor)]
    for pair in combinations_with_replacement(range(FOLDS), 2):
        fits = [~np.isin(found, pair).any(axis=1) for found in folds]
        known = Scores(genuine[0][fits[0]], impostor[0][fits[1]])
        people = len(np.unique(kinds[0].people[fits[0]]))
        platt = fitting.fit_platt(known, people)
        thresholds = fitting.fit_thresholds(platt.of(known))
        for kind, (scores, _), found in zip(kinds, (genuine, impostor), folds, strict=True):
            asked = (found == pair).all(axis=1)
            kind.logits[asked] = platt.scale * scores[asked] + platt.offset
            for name, threshold in thresholds.points.items():
                kind.thresholds[name][asked] = threshold
    return kinds[0], kinds[1]
