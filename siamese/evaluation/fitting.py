"""Fitting what turns logits into probabilities and decisions, on people kept for that.

Embeddings and identities in, numbers out. The Platt correction is an affine map of the logit, so
the caller folds it into the network's last layer (`SiameseNetwork.fold`); everything else is fitted
on logits after folding. Relatives are never used as impostors and never stand on both sides of the
split between the half that fits and the half that reports. Impostors are of one source: collections
of photos differ in how they were taken and cut, which tells their people apart for free, and no
visitor's two photos differ in that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from sklearn.linear_model import LogisticRegression

from siamese.calibration import BALANCED, CAREFUL, LN10, VERY_CAREFUL, Bounds
from siamese.data.collection import Collection
from siamese.data.pairs import _strangers
from siamese.data.people import photos_of
from siamese.data.split import MIN_CALIBRATION
from siamese.errors import InputError
from siamese.evaluation import metrics
from siamese.evaluation.comparison import Comparison
from siamese.evaluation.metrics import Scores

POINTS = (CAREFUL, VERY_CAREFUL, BALANCED)
MOST_PHOTOS = 8  # "4 and more" is fitted on 4 to 8
BOUND_STEP = 0.01  # between two thresholds at which bounds are tried, log10 of a likelihood ratio


class SupportMethod(StrEnum):
    """How several photos of one identity make one logit."""

    MEAN_EMBEDDING = "mean_embedding"
    MEAN_LOGIT = "mean_logit"


@dataclass(frozen=True, slots=True)
class Platt:
    """The affine correction scale * logit + offset, scale > 0."""

    scale: float
    offset: float

    def of(self, scores: Scores) -> Scores:
        """Scores after the correction."""
        return Scores(
            self.scale * scores.genuine + self.offset, self.scale * scores.impostor + self.offset
        )


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Logits that decide: one for each operating point, and where FNMR is 1 %."""

    points: dict[str, float]
    different_below: float


def fit_platt(scores: Scores, people: int | None = None) -> Platt:
    """The affine map of the logit with the greatest likelihood, both kinds weighing the same.

    Where few `people` say so, with Platt's own prior (1999, "Probabilistic outputs for support
    vector machines", section 2.2): of n and one more pair of a kind, one more shows the other. n is
    the number of people here, since all pairs of one person say much the same.

    Raises InputError where, without that prior, the kinds do not overlap (any steeper map would be
    better still), or where higher scores do not mean "same".
    """
    if people is None and scores.genuine.min() > scores.impostor.max():
        raise InputError(
            "The scores of genuine and impostor pairs do not overlap, so there is nothing to fit a"
            " probability to; calibrate on more people."
        )
    logits, same = scores.labelled()
    weights = np.where(same, 0.5 / len(scores.genuine), 0.5 / len(scores.impostor)) * len(logits)
    if people is not None:
        doubt = 1 / (people + 2)
        logits, same = np.tile(logits, 2), np.concatenate([same, ~same])
        weights = np.concatenate([weights * (1 - doubt), weights * doubt])
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
    """Operating points and the lower edge of the uncertain band, from calibrated logits.

    No threshold lies at a likelihood ratio below 1, since none such is called the same; nor the
    edge above it.
    """
    points = {
        CAREFUL: metrics.threshold_at_fmr(scores.impostor, 0.01),
        VERY_CAREFUL: metrics.threshold_at_fmr(scores.impostor, 0.001),
        BALANCED: metrics.threshold_at_eer(scores),
    }
    edge = min(metrics.threshold_at_fnmr(scores.genuine, 0.01), 0.0)
    return Thresholds({name: max(logit, 0.0) for name, logit in points.items()}, edge)


def fit_bounds(scores: Scores, people: int | None = None) -> Bounds:
    """The empirical lower and upper bound of a likelihood ratio (ELUB), from calibrated logits.

    Vergeer, van Es, de Jongh, Alberink and Stoel, "Numerical likelihood ratios outputted by LR
    systems are often based on extrapolation: when to stop extrapolating?", Science & Justice 56
    (2016) 482-491. Somebody who acts wherever the ratio is above a threshold t bears the cost of
    genuine pairs missed plus t times that of impostor pairs accepted, one more misleading pair of
    each kind being counted than was seen. Beyond the bounds the system costs more than saying
    "1" of every pair, which costs min(1, t). Where few `people` say so, they are counted in place
    of their genuine pairs, and pairs of them in place of the impostor pairs.
    """
    genuine, impostor = np.sort(scores.genuine) / LN10, np.sort(scores.impostor) / LN10
    counts = (people, people * (people - 1) // 2) if people else (len(genuine), len(impostor))
    lowest = max(min(genuine[0], impostor[0]), -np.log10(counts[0] + 1), -9)
    highest = min(max(genuine[-1], impostor[-1]), np.log10(counts[1] + 1), 9)
    first, last = min(0, int(lowest // BOUND_STEP)), max(0, int(highest // BOUND_STEP) + 1)
    steps = np.linspace(first * BOUND_STEP, last * BOUND_STEP, last - first + 1)
    shares = [
        np.searchsorted(kind, steps, side="right") / len(kind) * count
        for kind, count in zip((genuine, impostor), counts, strict=True)
    ]
    missed = (shares[0] + 1) / (counts[0] + 1)
    accepted = 1 - shares[1] / (counts[1] + 1)
    worse = missed + 10**steps * accepted > np.minimum(1, 10**steps)
    low = np.max(steps[worse & (steps <= 0)] + BOUND_STEP, initial=steps[0])
    high = np.min(steps[worse & (steps >= 0)] - BOUND_STEP, initial=steps[-1])
    return Bounds(
        min(round(float(low), 2), 0.0),
        max(round(float(high), 2), 0.0),
        genuine_pairs=len(genuine),
        impostor_pairs=len(impostor),
    )


def support_scores(
    compare: Comparison,
    people: Collection,
    photos: int,
    method: SupportMethod,
    seed: int = 0,
    draws: int = 10,
) -> Scores:
    """Logits of identities with `photos` photos each against a photo of the same or of another.

    Everybody with a photo more than that is asked for `draws` times by a photo of their own, left
    out of the support, and as often by one of a stranger, of the same source and another family.
    """
    owners = [rows for rows in photos_of(people.identities).values() if len(rows) > photos]
    if len(owners) < MIN_CALIBRATION:
        raise InputError(
            f"Calibrating {photos} photos of an identity needs {MIN_CALIBRATION} people with"
            f" {photos + 1} pictures; there are {len(owners)}."
        )
    random = np.random.default_rng([seed, photos])
    drawn = np.array([random.permutation(rows)[: photos + 1] for rows in owners * draws])
    support, own = people.vectors[drawn[:, :-1]], people.vectors[drawn[:, -1]]
    strangers = people.vectors[_strangers(drawn[:, 0], people, random)]
    return Scores(
        _support_logits(compare, own, support, method),
        _support_logits(compare, strangers, support, method),
    )


def fit_support(
    compare: Comparison, people: Collection, method: SupportMethod
) -> tuple[tuple[float, float], ...]:
    """(scale, offset) for 1, 2, 3, and 4 or more photos of an identity.

    `compare` is calibrated for pairs, so the first is the identity map. Where too few people have
    that many pictures, the correction of the number before is used again.
    """
    scales = [(1.0, 0.0)]
    for photos in (2, 3, 4):
        try:
            platt = fit_platt(_up_to_most(compare, people, photos, method))
        except InputError:
            scales.append(scales[-1])
            continue
        scales.append((platt.scale, platt.offset))
    return tuple(scales)


def support_loss(
    compare: Comparison,
    people: Collection,
    method: SupportMethod,
    scales: Sequence[tuple[float, float]],
) -> float:
    """Log loss of several photos, averaged over 2, 3 and 4 or more: what `method` is chosen by."""
    losses = []
    for photos in (2, 3, 4):
        try:
            scores = _up_to_most(compare, people, photos, method)
        except InputError:
            continue
        scale, offset = scales[photos - 1]
        corrected = Scores(scale * scores.genuine + offset, scale * scores.impostor + offset)
        losses.append(metrics.mean_log_loss(corrected))
    return float(np.mean(losses)) if losses else float("nan")


def _up_to_most(
    compare: Comparison,
    people: Collection,
    photos: int,
    method: SupportMethod,
) -> Scores:
    """Scores of that many photos; of 4, those of 4 to 8 together, as far as people have them."""
    found = [support_scores(compare, people, photos, method)]
    for more in range(photos + 1, MOST_PHOTOS + 1) if photos == 4 else ():
        try:
            found.append(support_scores(compare, people, more, method))
        except InputError:
            break
    return Scores(
        np.concatenate([scores.genuine for scores in found]),
        np.concatenate([scores.impostor for scores in found]),
    )


def _support_logits(
    compare: Comparison, queries: np.ndarray, support: np.ndarray, method: SupportMethod
) -> np.ndarray:
    """Logits (M,) of queries (M, D) against the identities with support (M, S, D)."""
    if method is SupportMethod.MEAN_EMBEDDING:
        return compare(queries, support.mean(axis=1))
    each = [compare(queries, support[:, photo]) for photo in range(support.shape[1])]
    return np.mean(each, axis=0)
