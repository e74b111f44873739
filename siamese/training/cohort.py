"""The cohort that a pair is judged against, and how much it counts: see `network.Head`.

Faces of one kind lie close together, so a threshold that lets through 1 % of random strangers lets
through many times as many among children. Nobody's label is needed to mend it: clusters of many
unlabelled faces tell how crowded the surroundings of a face are, and pairs of strangers out of one
cluster how much that should count (the clusters of FairCal, Salvador et al. 2022, "FairCal:
Fairness calibration for face verification", as a covariate in place of a calibration each).
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression

from siamese.data.people import Picture
from siamese.errors import InputError
from siamese.evaluation.comparison import Comparison

CENTRES = 1024
KINDS = 64  # clusters that impostors of one kind are drawn from
SHARE = 0.2  # of the impostors' weight for those of one kind
KIND_PAIRS = 20_000
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


def fits_cohort(picture: Picture) -> bool:
    """Whether an unlabelled picture makes the cohort; the others show how much it should count."""
    return hashlib.sha256(f"cohort half of {picture.name}".encode()).digest()[0] < 128


def pairs_of_one_kind(vectors: np.ndarray, seed: int = 0) -> np.ndarray:
    """Pairs of pictures out of one of `KINDS` clusters: int64 (`KIND_PAIRS`, 2) rows."""
    kinds = KMeans(KINDS, n_init=1, random_state=seed).fit_predict(vectors)
    order = np.argsort(kinds, kind="stable")
    sizes = np.bincount(kinds, minlength=KINDS)
    starts = np.cumsum(sizes) - sizes
    random = np.random.default_rng(seed)
    first = random.integers(len(vectors), size=2 * KIND_PAIRS)
    of = kinds[first]
    second = order[starts[of] + (random.random(len(first)) * sizes[of]).astype(np.int64)]
    return np.stack([first, second], axis=1)[first != second][:KIND_PAIRS]


def fit_relative(
    compare: Comparison, genuine: np.ndarray, impostor: np.ndarray, alike: np.ndarray
) -> Fit:
    """Scale, offset and weight of the isolation with the greatest likelihood.

    `genuine`, `impostor` and `alike` (impostors of one kind) are embeddings of pairs (N, 2, D).
    Genuine and impostor pairs weigh the same in sum, those of one kind `SHARE` of the latter.
    """
    kinds = [_terms(compare, pairs) for pairs in (genuine, impostor, alike)]
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
    relative = float(np.clip(slope[1] / slope[0], 0.0, MOST))
    offset = float(regression.intercept_[0]) - float(slope @ centre)
    return Fit(float(slope[0]), offset, relative)


def _terms(compare: Comparison, pairs: np.ndarray) -> np.ndarray:
    """Raw logits without a cohort, and mean isolations: float64 (N, 2)."""
    a, b = pairs[:, 0], pairs[:, 1]
    isolation = (compare.isolation(a) + compare.isolation(b)) / 2
    return np.stack([compare(a, b) - compare.relative * isolation, isolation], axis=1)
