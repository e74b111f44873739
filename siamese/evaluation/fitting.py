"""Fitting what turns logits into probabilities and decisions, on people kept for that.

Embeddings and identities in, numbers out. The Platt correction is an affine map of the logit, so
the caller folds it into the network's last layer (`SiameseNetwork.fold`); everything else is fitted
on logits after folding. Relatives are never used as impostors and never stand on both sides of the
split between the half that fits and the half that reports. Impostors are of one source: collections
of photos differ in how they were taken and cut, which tells their people apart for free, and no
visitor's two photos differ in that.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from siamese.errors import InputError
from siamese.evaluation import metrics
from siamese.evaluation.comparison import Comparison
from siamese.evaluation.identification import photos_of
from siamese.evaluation.metrics import Scores
from siamese.training.people import Picture, family
from siamese.training.split import PEOPLE, Split

MIN_PEOPLE = 20  # in one half, with two pictures or more; fewer make a fit of nothing
GENUINE_PER_PERSON = 20  # so that nobody with a hundred pictures speaks for all
IMPOSTOR_PAIRS = 200_000  # FMR 0.1 % then rests on 200 errors
MOST_PHOTOS = 8  # "4 and more" is fitted on 4 to 8
CONTRADICTED = 0.2  # cosine; one in a hundred pairs of strangers is more alike to the reference


class Support(StrEnum):
    """How several photos of one identity make one logit."""

    MEAN_EMBEDDING = "mean_embedding"
    MEAN_LOGIT = "mean_logit"


@dataclass(frozen=True, slots=True)
class Labels:
    """Who each of N pictures shows, and the collection it comes from; none given: all from one."""

    identities: Sequence[str]
    sources: Sequence[str] = ()

    @classmethod
    def of(cls, pictures: Sequence[Picture], split: Split = PEOPLE) -> "Labels":
        """The labels of stored pictures; `split` says what a collection is."""
        return cls([p.identity for p in pictures], [split.collection(p) for p in pictures])

    @property
    def source_numbers(self) -> np.ndarray:
        """A number for the source of each picture: int64 (N,)."""
        return _numbers(self.sources or [""] * len(self.identities))

    def rows(self, chosen: np.ndarray) -> "Labels":
        """The labels of some pictures, by their row numbers."""
        sources = [self.sources[row] for row in chosen] if self.sources else ()
        return Labels([self.identities[row] for row in chosen], sources)


@dataclass(frozen=True, slots=True, eq=False)
class PairRows:
    """Row numbers of pairs: int64 (G, 2) genuine and (I, 2) impostor ones."""

    genuine: np.ndarray
    impostor: np.ndarray

    def scores(self, compare: Comparison, vectors: np.ndarray) -> Scores:
        """Logits of these pairs of rows of `vectors` (N, D)."""
        a, b = self.genuine.T
        c, d = self.impostor.T
        return Scores(compare(vectors[a], vectors[b]), compare(vectors[c], vectors[d]))

    def distinct(self) -> "PairRows":
        """Each impostor pair once: a rate counts what was seen, not how often it was drawn."""
        low, high = self.impostor.min(axis=1), self.impostor.max(axis=1)
        _, first = np.unique(low * (high.max() + 1) + high, return_index=True)
        return PairRows(self.genuine, self.impostor[np.sort(first)])


@dataclass(frozen=True, slots=True)
class Platt:
    """The affine correction scale * logit + offset, scale > 0."""

    scale: float
    offset: float


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Logits that decide: one for each operating point, and where FNMR is 1 %."""

    points: dict[str, float]
    different_below: float


def fits(identity: str) -> bool:
    """Whether a calibration person is of the half that fits; a hash of the family decides."""
    digest = hashlib.sha256(f"calibration half of {family(identity)}".encode()).digest()
    return digest[0] < 128


def contradicted(targets: np.ndarray, identities: Sequence[str]) -> np.ndarray:
    """Pictures whose label an independent reference network contradicts: bool (N,).

    `targets` (N, D) are its embeddings, unit length, zeros where it has none. Web collections hold
    pictures of the wrong person; as genuine pairs they would teach that strangers' scores are those
    of one person. A picture is contradicted when it is less alike than `CONTRADICTED` to the mean
    of the person's others; the worst goes first, and of the last two that disagree both go.
    """
    wrong = np.zeros(len(identities), bool)
    for rows in photos_of(identities).values():
        left = rows[np.abs(targets[rows]).sum(axis=1) > 0]
        while len(left) > 1:
            alike = _alike_to_others(targets[left].astype(np.float64))
            worst = int(alike.argmin())
            if alike[worst] >= CONTRADICTED:
                break
            gone = left if len(left) == 2 else left[worst : worst + 1]
            wrong[gone] = True
            left = np.setdiff1d(left, gone)
    return wrong


def draw_pairs(
    labels: Labels,
    impostors: int | None = IMPOSTOR_PAIRS,
    seed: int = 0,
    per_person: int = GENUINE_PER_PERSON,
) -> PairRows:
    """Genuine pairs, at most `per_person` of each, and uniformly drawn impostor pairs.

    An impostor pair is a person drawn uniformly from all, another drawn uniformly from the same
    source, of another family, and a picture of each; `impostors` None draws as many as there are
    genuine pairs. Raises InputError where there are too few people.
    """
    photos = photos_of(labels.identities)
    people = [rows for rows in photos.values() if len(rows) > 1]
    if len(people) < MIN_PEOPLE:
        raise InputError(
            f"Calibration needs {MIN_PEOPLE} people with two pictures or more in each half;"
            f" there are {len(people)}."
        )
    random = np.random.default_rng(seed)
    genuine = np.concatenate([_pairs_within(rows, per_person, random) for rows in people])
    count = len(genuine) if impostors is None else impostors
    return PairRows(genuine, _impostor_rows(labels, list(photos.values()), count, random))


def fit_platt(scores: Scores) -> Platt:
    """The affine map of the logit with the greatest likelihood, both kinds weighing the same.

    Raises InputError where the kinds do not overlap (any steeper map would be better still) or
    where higher scores do not mean "same".
    """
    if scores.genuine.min() > scores.impostor.max():
        raise InputError(
            "The scores of genuine and impostor pairs do not overlap, so there is nothing to fit a"
            " probability to; calibrate on more people."
        )
    logits, same = scores.labelled()
    weights = np.where(same, 0.5 / len(scores.genuine), 0.5 / len(scores.impostor)) * len(logits)
    centre, spread = float(np.average(logits, weights=weights)), float(logits.std())
    if spread == 0:
        raise InputError("All scores are equal, so there is nothing to fit a probability to.")
    regression = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10, max_iter=200)
    regression.fit(((logits - centre) / spread)[:, None], same, weights)
    scale = float(regression.coef_[0, 0]) / spread
    if scale <= 0:
        raise InputError(
            "Genuine pairs do not score above impostor pairs; train the network first."
        )
    return Platt(scale, float(regression.intercept_[0]) - scale * centre)


def fit_thresholds(scores: Scores) -> Thresholds:
    """Operating points and the lower edge of the uncertain band, from calibrated logits."""
    points = {
        "balanced": metrics.threshold_at_eer(scores),
        "fmr_1": metrics.threshold_at_fmr(scores.impostor, 0.01),
        "fmr_0_1": metrics.threshold_at_fmr(scores.impostor, 0.001),
    }
    return Thresholds(points, metrics.threshold_at_fnmr(scores.genuine, 0.01))


def support_scores(
    compare: Comparison,
    vectors: np.ndarray,
    labels: Labels,
    photos: int,
    method: Support,
    seed: int = 0,
    draws: int = 10,
) -> Scores:
    """Logits of identities with `photos` photos each against a photo of the same or of another.

    Everybody with a photo more than that is asked for `draws` times by a photo of their own, left
    out of the support, and as often by one of a stranger, of the same source and another family.
    """
    owners = [rows for rows in photos_of(labels.identities).values() if len(rows) > photos]
    if len(owners) < MIN_PEOPLE:
        raise InputError(
            f"Calibrating {photos} photos of an identity needs {MIN_PEOPLE} people with"
            f" {photos + 1} pictures in each half; there are {len(owners)}."
        )
    random = np.random.default_rng([seed, photos])
    drawn = np.array([random.permutation(rows)[: photos + 1] for rows in owners * draws])
    support, own = vectors[drawn[:, :-1]], vectors[drawn[:, -1]]
    strangers = vectors[_strangers(drawn[:, 0], labels, random)]
    return Scores(
        _support_logits(compare, own, support, method),
        _support_logits(compare, strangers, support, method),
    )


def fit_support(
    compare: Comparison, vectors: np.ndarray, labels: Labels, method: Support
) -> tuple[tuple[float, float], ...]:
    """(scale, offset) for 1, 2, 3, and 4 or more photos of an identity.

    `compare` is calibrated for pairs, so the first is the identity map. Where too few people have
    that many pictures, the correction of the number before is used again.
    """
    scales = [(1.0, 0.0)]
    for photos in (2, 3, 4):
        try:
            platt = fit_platt(_up_to_most(compare, vectors, labels, photos, method))
        except InputError:
            scales.append(scales[-1])
            continue
        scales.append((platt.scale, platt.offset))
    return tuple(scales)


def support_loss(
    compare: Comparison,
    vectors: np.ndarray,
    labels: Labels,
    method: Support,
    scales: Sequence[tuple[float, float]],
) -> float:
    """Log loss of several photos, averaged over 2, 3 and 4 or more: what `method` is chosen by."""
    losses = []
    for photos in (2, 3, 4):
        try:
            scores = _up_to_most(compare, vectors, labels, photos, method)
        except InputError:
            continue
        scale, offset = scales[photos - 1]
        corrected = Scores(scale * scores.genuine + offset, scale * scores.impostor + offset)
        losses.append(metrics.mean_log_loss(corrected))
    return float(np.mean(losses)) if losses else float("nan")


def _up_to_most(
    compare: Comparison,
    vectors: np.ndarray,
    labels: Labels,
    photos: int,
    method: Support,
) -> Scores:
    """Scores of that many photos; of 4, those of 4 to 8 together, as far as people have them."""
    found = [support_scores(compare, vectors, labels, photos, method)]
    for more in range(photos + 1, MOST_PHOTOS + 1) if photos == 4 else ():
        try:
            found.append(support_scores(compare, vectors, labels, more, method))
        except InputError:
            break
    return Scores(
        np.concatenate([scores.genuine for scores in found]),
        np.concatenate([scores.impostor for scores in found]),
    )


def _support_logits(
    compare: Comparison, queries: np.ndarray, support: np.ndarray, method: Support
) -> np.ndarray:
    """Logits (M,) of queries (M, D) against the identities with support (M, S, D)."""
    if method is Support.MEAN_EMBEDDING:
        return compare(queries, support.mean(axis=1))
    each = [compare(queries, support[:, photo]) for photo in range(support.shape[1])]
    return np.mean(each, axis=0)


def _alike_to_others(vectors: np.ndarray) -> np.ndarray:
    """Cosine of each row with the mean of the other rows: float64 (N,)."""
    others = vectors.sum(axis=0) - vectors
    lengths = np.linalg.norm(others, axis=1) * np.linalg.norm(vectors, axis=1)
    return np.asarray((others * vectors).sum(axis=1) / np.maximum(lengths, 1e-12))


def _pairs_within(rows: np.ndarray, most: int, random: np.random.Generator) -> np.ndarray:
    """All pairs of these rows, or `most` of them at random: int64 (P, 2)."""
    first, second = np.triu_indices(len(rows), 1)
    if len(first) > most:
        chosen = np.sort(random.choice(len(first), most, replace=False))
        first, second = first[chosen], second[chosen]
    return np.stack([rows[first], rows[second]], axis=1)


def _impostor_rows(
    labels: Labels, people: list[np.ndarray], count: int, random: np.random.Generator
) -> np.ndarray:
    """Rows (count, 2) of pictures of two people of one source and of different families.

    `people` are the rows of each person; the first of a pair is drawn uniformly from all.
    """
    sizes = np.array([len(rows) for rows in people])
    flat, starts = np.concatenate(people), np.concatenate([[0], np.cumsum(sizes)[:-1]])
    first = random.integers(len(people), size=count)
    pair = np.stack([first, _strangers(first, labels.rows(flat[starts]), random)], axis=1)
    pictures = (random.random(pair.shape) * sizes[pair]).astype(np.int64)
    return flat[starts[pair] + pictures]


def _strangers(rows: np.ndarray, labels: Labels, random: np.random.Generator) -> np.ndarray:
    """For each row one of the same source and of another family, drawn uniformly: int64 (M,)."""
    families, sources = _numbers([family(who) for who in labels.identities]), labels.source_numbers
    _check_families(labels, families)
    by_source, sizes = np.argsort(sources, kind="stable"), np.bincount(sources)
    starts = np.cumsum(sizes) - sizes

    def draw(whose: np.ndarray) -> np.ndarray:
        source = sources[whose]
        place = (random.random(len(whose)) * sizes[source]).astype(np.int64)
        return by_source[starts[source] + place]

    found = draw(rows)
    while (related := families[found] == families[rows]).any():
        found[related] = draw(rows[related])
    return found


def _check_families(labels: Labels, families: np.ndarray) -> None:
    """Raise InputError where a source has no two families, and so no impostor pair."""
    sources = labels.source_numbers
    for number in np.unique(sources):
        here = sources == number
        if len(np.unique(families[here])) < 2:
            where = f" of {Path(labels.sources[int(here.argmax())]).name}" if labels.sources else ""
            raise InputError(
                f"All people{where} in this half are of one family, so there are no impostor pairs"
                " to draw."
            )


def _numbers(names: Sequence[str]) -> np.ndarray:
    """A number for each different name: int64 (N,)."""
    number: dict[str, int] = {}
    return np.array([number.setdefault(name, len(number)) for name in names], np.int64)
