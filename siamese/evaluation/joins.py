"""When two groups of photos are one person's: joins that are false, and odds fitted on them."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
from scipy.optimize import minimize

from siamese.calibration import JOINS
from siamese.data.collection import Collection
from siamese.data.people import numbers
from siamese.evaluation.comparison import Comparison
from siamese.grouping import Joins

PEOPLE = (25, 60, 125)  # at a time, and then all of a source
MOST = 5000  # photos at a time; their joins take memory as the square of that
CERTAIN = 8.0  # a mean logit above which errors are those of the labels
FEWEST = 20  # joins in doubt of either kind, for two numbers to be fitted on them


def false_joins(pairs: np.ndarray, people: np.ndarray) -> np.ndarray:
    """Which `Joins.pairs` are of groups whose most frequent people differ: bool (N - 1,)."""
    groups = [Counter([who]) for who in people.tolist()]
    wrong = np.zeros(len(pairs), bool)
    for number, (a, b) in enumerate(pairs.tolist()):
        (first, _), (second, _) = (groups[k].most_common(1)[0] for k in (a, b))
        wrong[number] = first != second
        groups.append(groups[a] + groups[b])
    return wrong


def fit_joins(compare: Comparison, shown: Collection) -> tuple[float, float]:
    """Scale and offset of a join's mean logit (`DecisionRule.joins`) with the greatest likelihood.

    The odds that a join is right are exp(scale * logit + offset) / K, of K groups. Counted on
    people of one source who have no relatives here, so many of them at a time; `JOINS` where they
    are fewer than the fewest of `PEOPLE`, or hardly ever in doubt: where right and false joins do
    not overlap, any steeper fit would be better still.
    """
    found = [np.empty((0, 3)), *(_counted(compare, some) for some in _folders(shown))]
    logits, groups, false = np.concatenate(found).T
    wrong, right = logits[false == 1], logits[false == 0]
    if min(len(wrong), len(right)) < FEWEST or wrong.max() < right.min():
        return JOINS
    sign = np.where(false, 1.0, -1.0)

    def loss(fit: np.ndarray) -> float:
        evidence = fit[0] * logits + fit[1] - np.log(groups)
        return float(np.logaddexp(0.0, sign * evidence).mean())

    scale, offset = minimize(loss, JOINS, method="Nelder-Mead").x.round(3).tolist()
    return scale, offset


def _counted(compare: Comparison, shown: Collection) -> np.ndarray:
    """Mean logit, number of groups and whether it is false, of each join in doubt: (J, 3)."""
    vectors = shown.vectors.astype(np.float64)
    joins = Joins.of(compare.matrix(vectors, vectors))
    false = false_joins(joins.pairs, numbers(shown.identities))
    doubtful = (joins.logits > 0) & (joins.logits < CERTAIN)
    return np.stack([joins.logits, joins.groups, false], axis=1)[doubtful]


def _folders(shown: Collection) -> Iterator[Collection]:
    """The photos of so many people at a time, all from one source."""
    kin = Counter(shown.split.family(who) for who in set(shown.identities))
    by_source: dict[str, list[str]] = {}
    for who, source in dict(zip(shown.identities, shown.sources, strict=True)).items():
        if kin[shown.split.family(who)] == 1:
            by_source.setdefault(source, []).append(who)
    for people in by_source.values():
        for size in (*(size for size in PEOPLE if size < len(people)), len(people)):
            for start in range(0, len(people) - size + 1, size):
                some = shown.of(set(people[start : start + size]).__contains__)
                if size >= PEOPLE[0] and len(some.pictures) <= MOST:
                    yield some
