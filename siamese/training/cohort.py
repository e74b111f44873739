"""The cohort that a pair is judged against, and how much it counts: see `network.Head`.

Faces of one kind lie close together, so a threshold that lets through 1 % of random strangers lets
through many times as many among children. Nobody's label is needed to mend it: clusters of many
unlabelled faces tell how crowded the surroundings of a face are (as in FairCal, Salvador et al.
2022, "FairCal: Fairness calibration for face verification", but as one covariate in place of a
calibration for each cluster), and pairs of strangers of the same age how much that should count.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression

from siamese.data.pairs import PairRows
from siamese.data.people import Picture
from siamese.data.populations import listed_together
from siamese.errors import InputError
from siamese.evaluation.comparison import Comparison

COHORT_PICTURES = 8_000  # embedded, at most; half of them make the centres
CENTRES = 256
SHARE = 0.2  # of the impostors' weight for those of one kind
KIND_PAIRS = 20_000
NEAR = 60  # places apart, at most, in the order of their ages
AGE = re.compile(r"_age(\d+)")
MOST = 2.0  # of `relative`; see `network.Head`


@dataclass(frozen=True, slots=True)
class Fit:
    """The calibrated logit is scale * (raw logit) + offset + scale * relative * isolation."""

    scale: float
    offset: float
    relative: float


def centres(vectors: np.ndarray, count: int = CENTRES, seed: int = 0) -> np.ndarray:
    """Centres of clusters of embeddings (N, D), none of them one person: float32 (C, D).

    They are as long as an embedding is on average. Raises InputError where there are fewer than
    ten pictures a centre.
    """
    if len(vectors) < 10 * count:
        raise InputError(
            f"A cohort of {count} centres needs {10 * count} pictures without identity; there are"
            f" {len(vectors)}."
        )
    found = KMeans(count, n_init=1, max_iter=15, random_state=seed).fit(vectors).cluster_centers_
    length = np.linalg.norm(vectors, axis=1).mean()
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True) * length, np.float32)


def some_of(pictures: Sequence[Picture]) -> list[Picture]:
    """At most `COHORT_PICTURES` of these, spread evenly: half tell an age, where so many do."""
    aged = [picture for picture in pictures if AGE.search(picture.name)]
    others = [picture for picture in pictures if not AGE.search(picture.name)]
    most = COHORT_PICTURES // 2
    return [p for part in (aged, others) for p in part[:: max(1, -(-len(part) // most))]]


def fits_cohort(picture: Picture) -> bool:
    """Whether an unlabelled picture makes the cohort; the others show how much it should count."""
    return hashlib.sha256(f"cohort half of {picture.name}".encode()).digest()[0] < 128


def pairs_of_one_kind(pictures: Sequence[Picture], seed: int = 0) -> np.ndarray:
    """Pairs of strangers of nearly the same age, by the ages in their names: int64 (N, 2) rows.

    No two that a list shows together are a pair: they may be one person.

    Raises InputError where too few names tell one (as in `00123_age04.webp`).
    """
    ages = [(int(found[1]), row) for row, p in enumerate(pictures) if (found := AGE.search(p.name))]
    if len(ages) < 10 * NEAR:
        raise InputError(
            f"A cohort needs at least {10 * NEAR} pictures whose names tell an age, such as"
            f" 00123_age04.webp; there are {len(ages)}."
        )
    rows = np.array([row for _, row in sorted(ages)])
    random = np.random.default_rng(seed)
    first = random.integers(len(rows) - NEAR, size=KIND_PAIRS)
    pairs = np.stack([rows[first], rows[first + random.integers(1, NEAR, KIND_PAIRS)]], axis=1)
    return pairs[~listed_together([picture.name for picture in pictures], pairs)]


def fit_relative(
    compare: Comparison, pairs: PairRows, vectors: np.ndarray, alike: np.ndarray
) -> Fit:
    """Scale, offset and weight of the isolation with the greatest likelihood.

    `pairs` are rows of the embeddings `vectors` (N, D), `alike` impostors of one kind, embeddings
    (M, 2, D). `compare` has a cohort that counts for nothing yet. Genuine and impostor pairs weigh
    the same in sum, those of one kind `SHARE` of the latter.

    Raises InputError where higher scores do not mean "same".
    """
    isolation = compare.isolation(vectors)
    scores = compare.scores(pairs, vectors)
    beside = compare.isolation(alike.reshape(-1, alike.shape[-1]))
    kinds = [
        np.stack([scores.genuine, isolation[pairs.genuine].mean(axis=1)], axis=1),
        np.stack([scores.impostor, isolation[pairs.impostor].mean(axis=1)], axis=1),
        np.stack([compare(*alike.swapaxes(0, 1)), beside.reshape(-1, 2).mean(axis=1)], axis=1),
    ]
    shares = (0.5, 0.5 * (1 - SHARE), 0.5 * SHARE)
    terms = np.concatenate(kinds)
    same = np.repeat([True, False, False], [len(kind) for kind in kinds])
    weights = np.concatenate(
        [np.full(len(kind), share / len(kind)) for kind, share in zip(kinds, shares, strict=True)]
    )
    centre, spread = np.average(terms, axis=0, weights=weights), terms.std(axis=0)
    regression = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10, max_iter=200)
    regression.fit((terms - centre) / spread, same, weights * len(terms))
    slope = regression.coef_[0] / spread
    if slope[0] <= 0:
        raise InputError(
            "Genuine pairs do not score above impostor pairs; train the network first."
        )
    offset = float(regression.intercept_[0]) - float(slope @ centre)
    relative = float(np.clip(slope[1] / slope[0], 0.0, MOST))
    return Fit(float(slope[0]), offset, relative)
