"""False matches within groups of people, by the labels in the names of the pictures.

Every picture shows another person, so any two of one group are an impostor pair. Pairs that share a
picture are not independent: the interval of a rate is the wider of the exact one over pairs and a
bootstrap over pictures.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from siamese.calibration import Rate
from siamese.data import populations
from siamese.data.populations import Labels
from siamese.errors import InputError
from siamese.evaluation import metrics
from siamese.evaluation.bench import GROUPS, Bench
from siamese.evaluation.protocol import Protocol

BANDS = ((0, 9), (10, 19), (20, 29), (30, 39), (40, 49), (50, 59), (60, 120))  # years, inclusive
RESAMPLES = 200


def labels_of(name: str) -> Labels:
    """The labels of `age026_female_asian_00017.webp`; InputError for a name of another form."""
    labels = populations.labels_of(name)
    if labels is None:
        raise InputError(f"'{name}' does not name age, sex and race as in age026_female_asian_01.")
    return labels


def members(labels: Sequence[Labels]) -> dict[str, np.ndarray]:
    """Rows of each group, by its name: everybody, age bands, sexes, races, and sex with race."""
    bands = [f"age {low}-{high}" if high < 120 else f"age {low}+" for low, high in BANDS]
    of_person = []
    for person in labels:
        band = next(i for i, (_, high) in enumerate(BANDS) if person.age <= high)
        of_person.append((bands[band], person.sex, person.origin, f"{person.sex} {person.origin}"))
    names = ["everybody", *bands]
    for kind in (1, 2, 3):
        names += sorted({groups[kind] for groups in of_person})
    rows = {
        name: np.array([row for row, own in enumerate(of_person) if name in ("everybody", *own)])
        for name in names
    }
    return {name: found for name, found in rows.items() if len(found) > 1}


def false_matches(logits: np.ndarray, threshold: float, seed: int = 0) -> Rate:
    """False match rate over all pairs of a group; `logits` (N, N), symmetric, diagonal ignored."""
    matches = (logits >= threshold).astype(np.float32)
    np.fill_diagonal(matches, 0)
    count = len(matches)
    exact = metrics.rate(round(float(matches.sum()) / 2), count * (count - 1) // 2)
    random = np.random.default_rng(seed)
    drawn = random.multinomial(count, np.full(count, 1 / count), RESAMPLES).astype(np.float32)
    pairs = drawn.sum(axis=1) ** 2 - (drawn**2).sum(axis=1)
    rates = ((drawn @ matches) * drawn).sum(axis=1) / np.maximum(pairs, 1)
    return metrics.widened(exact, rates)


def run(bench: Bench) -> dict[str, dict[str, Any]]:
    """False match rate inside each group of test_groups at the operating points."""
    found = bench.groups
    groups = members([labels_of(p.name) for p in found.pictures])
    logits = bench.compare.matrix(found.vectors, found.vectors)
    return {
        name: {
            "people": len(rows),
            **{
                point.name: false_matches(logits[np.ix_(rows, rows)], point.threshold).to_dict()
                for point in bench.rule.operating_points
            },
        }
        for name, rows in groups.items()
    }


PROTOCOLS = (Protocol("groups", run, (GROUPS,)),)
