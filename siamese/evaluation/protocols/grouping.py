"""How well a folder of photos is sorted by person: people of LFW with four photos and more."""

from collections import Counter
from typing import Any

import numpy as np

from siamese.data.people import numbers
from siamese.evaluation import metrics
from siamese.evaluation.bench import LFW, Bench
from siamese.evaluation.joins import false_joins
from siamese.evaluation.protocol import Protocol
from siamese.grouping import FALSE_JOINS, Joins

PHOTOS = 4  # of a person, at least


def run(bench: Bench) -> dict[str, Any]:
    """B-cubed figures, and false joins as expected and as counted; the labels are LFW's own."""
    counts = Counter(bench.lfw_people)
    chosen = bench.lfw.found & np.array([counts[who] >= PHOTOS for who in bench.lfw_people])
    people = numbers([bench.lfw_people[row] for row in np.flatnonzero(chosen)])
    vectors = bench.lfw.vectors[chosen].astype(np.float64)
    joins = Joins.of(bench.compare.matrix(vectors, vectors))
    count = joins.within(FALSE_JOINS, bench.rule)
    wrong = false_joins(joins.pairs, people)[:count]
    return {
        "people": len(set(people.tolist())),
        "photos": len(people),
        "groups": len(people) - count,
        "b_cubed": _figures(joins.labels(count), people),
        "expected_false_joins": float(joins.expected_false(bench.rule)[count - 1])
        if count
        else 0.0,
        "false_joins": metrics.rate(int(wrong.sum()), count).to_dict(),
    }


def _figures(groups: np.ndarray, people: np.ndarray) -> dict[str, float]:
    precision, recall = b_cubed(groups, people)
    return {
        "precision": precision,
        "recall": recall,
        "f": 2 * precision * recall / (precision + recall),
    }


def b_cubed(groups: np.ndarray, people: np.ndarray) -> tuple[float, float]:
    """Precision and recall of groups (N,) of photos of people (N,), both numbered.

    For each photo, the share of its group that shows its person, and the share of its person that
    is in its group (Bagga and Baldwin 1998, "Entity-based cross-document coreferencing using the
    vector space model"); the mean over photos.
    """
    shared = np.zeros((int(groups.max()) + 1, int(people.max()) + 1))
    np.add.at(shared, (groups, people), 1)
    squares = shared**2
    precision = (squares / np.maximum(1, shared.sum(1, keepdims=True))).sum() / len(groups)
    recall = (squares / np.maximum(1, shared.sum(0, keepdims=True))).sum() / len(groups)
    return float(precision), float(recall)


PROTOCOLS = (Protocol("grouping", run, (LFW,), published=False),)
