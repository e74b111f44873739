"""Error rates, curves, thresholds and calibration errors of scores: pure functions of arrays.

Scores are logits; a pair is accepted ("match") when its score is at or above a threshold, never
below it. Words are those of ISO/IEC 19795-1: genuine and impostor pairs, false match rate (FMR,
accepted impostors), false non-match rate (FNMR, rejected genuine pairs). Nothing here knows of
photos: pairs that never got a score (failures to acquire) are counted by the protocols.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import beta
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score, roc_curve

from siamese.calibration import Rate
from siamese.errors import InputError

CONFIDENCE = 0.95
RESAMPLES = 1000
PEOPLE_DRAWS = 200


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Scores of genuine and of impostor pairs: float64 (G,) and (I,), higher is more alike."""

    genuine: np.ndarray
    impostor: np.ndarray

    def __post_init__(self) -> None:
        for kind, values in (("genuine", self.genuine), ("impostor", self.impostor)):
            if not len(values):
                raise InputError(f"There are no {kind} pairs to measure.")
            if not np.isfinite(values).all():
                raise InputError(f"Some scores of {kind} pairs are not finite numbers.")

    @classmethod
    def from_labels(cls, scores: np.ndarray, same: np.ndarray) -> "Scores":
        """Split scores (N,) by `same`, bool (N,); scores that are NaN (no face) are left out."""
        scores, known = np.asarray(scores, np.float64), ~np.isnan(scores)
        same = np.asarray(same, bool)
        return cls(scores[same & known], scores[~same & known])

    def labelled(self) -> tuple[np.ndarray, np.ndarray]:
        """All scores (N,) and whether each is genuine, bool (N,)."""
        same = np.repeat([True, False], [len(self.genuine), len(self.impostor)])
        return np.concatenate([self.genuine, self.impostor]).astype(np.float64), same


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """FMR and FNMR (K,) at descending thresholds (K,): an ROC or DET curve."""

    thresholds: np.ndarray
    fmr: np.ndarray
    fnmr: np.ndarray


@dataclass(frozen=True, slots=True)
class TrueAcceptRate:
    """The share of genuine pairs accepted where at most `far` of the impostors are."""

    far: float
    tar: Rate  # errors counts the accepted pairs here, not the rejected ones
    threshold: float
    impostor_pairs: int


@dataclass(frozen=True, slots=True)
class Bin:
    """One bar of a reliability diagram."""

    probability: float  # mean predicted
    frequency: float  # share that really was the same person
    count: int


@dataclass(frozen=True, slots=True)
class CalibrationError:
    """How far probabilities are from what happened; `bins` hold equal numbers of pairs.

    `by_chance` is the error that true probabilities would show on as many pairs, on average: in a
    bin of n pairs what happened differs from what was expected by luck alone.
    """

    ece: float
    by_chance: float
    count: int
    bins: tuple[Bin, ...]


def rate(errors: int, trials: int) -> Rate:
    """An error rate with its exact (Clopper-Pearson) 95 % interval; (0, 1) where nothing was tried.

    The trials are taken to be independent. Raises InputError unless 0 <= errors <= trials.
    """
    if not 0 <= errors <= trials:
        raise InputError(f"{errors} errors in {trials} trials is not a rate.")
    return Rate(int(errors), int(trials), *_interval(errors, trials))


def _interval(errors: float, trials: int) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2
    low = float(beta.ppf(tail, errors, trials - errors + 1)) if errors else 0.0
    high = float(beta.ppf(1 - tail, errors + 1, trials - errors)) if errors < trials else 1.0
    return low, high


def clustered_rate(hits: np.ndarray, clusters: Sequence[Hashable], seed: int = 0) -> Rate:
    """The rate of `hits`, bool (N,), where trials of one cluster (a person, a family) are alike.

    The interval is the wider of the exact one over trials and a bootstrap over the clusters.
    """
    exact = rate(int(np.count_nonzero(hits)), len(hits))
    if not len(hits):
        return exact
    number: dict[Hashable, int] = {}
    of = np.array([number.setdefault(cluster, len(number)) for cluster in clusters])
    errors, trials = np.bincount(of, hits), np.bincount(of)
    drawn = np.random.default_rng(seed).multinomial(
        len(trials), np.full(len(trials), 1 / len(trials)), RESAMPLES
    )
    return widened(exact, (drawn @ errors) / (drawn @ trials))


def rate_among(hits: np.ndarray, people: np.ndarray) -> Rate:
    """The rate of `hits`, bool (N,), over pairs of `people`, int (N, 2): see `rates_among`."""
    return rates_among(hits.astype(float), people, [1.0])[0]


def rates_among(scores: np.ndarray, people: np.ndarray, thresholds: Sequence[float]) -> list[Rate]:
    """The rates of `scores` (N,) at or above each threshold, over pairs of `people`, int (N, 2).

    Each interval is the widest of three: the exact one over pairs, the same with all pairs of the
    same two people counted as one, and a bootstrap over people.
    """
    order = np.argsort(-scores, kind="stable")
    hits = np.searchsorted(-scores[order], -np.asarray(thresholds), side="right")
    again = np.array([_shares(weights, hits) for weights in redrawn(people[order])])
    low, high = np.sort(people, axis=1).T
    apart = len(np.unique(low * (int(people.max()) + 1) + high))
    return [
        _among(rate(int(count), len(scores)), apart, resampled)
        for count, resampled in zip(hits, again.T, strict=True)
    ]


def _shares(weights: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """What share of all weights (N,) the first ones have, for each of these counts (K,)."""
    totals = np.concatenate([[0], np.cumsum(weights)])
    return np.asarray(totals[counts] / max(1, totals[-1]))


def _among(exact: Rate, apart: int, resampled: np.ndarray) -> Rate:
    """The rate with the widest interval; `apart` pairs of people are behind its trials."""
    found = widened(exact, resampled)
    low, high = _interval(exact.value * apart, apart)
    return Rate(exact.errors, exact.trials, min(found.low, low), max(found.high, high))


def redrawn(people: np.ndarray) -> Iterator[np.ndarray]:
    """How often each pair of `people`, int (N, 2), counts in each of many draws of the people."""
    count = int(people.max()) + 1
    drawn = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), PEOPLE_DRAWS)
    one = people[:, 0] == people[:, 1]
    return (np.where(one, d[people[:, 0]], d[people[:, 0]] * d[people[:, 1]]) for d in drawn)


def widened(exact: Rate, resampled: np.ndarray) -> Rate:
    """The rate with the wider of its own interval and that of the same rate resampled, (R,)."""
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail]).tolist()
    return Rate(exact.errors, exact.trials, min(exact.low, low), max(exact.high, high))


def false_match_rate(impostor: np.ndarray, threshold: float) -> Rate:
    """Impostor pairs at or above the threshold."""
    return rate(int(np.count_nonzero(impostor >= threshold)), len(impostor))


def false_non_match_rate(genuine: np.ndarray, threshold: float) -> Rate:
    """Genuine pairs below the threshold."""
    return rate(int(np.count_nonzero(genuine < threshold)), len(genuine))


def curve(scores: Scores) -> Curve:
    """FMR and FNMR at every score there is, from (0, 1) to (1, 0)."""
    values, same = scores.labelled()
    fmr, tar, thresholds = roc_curve(same, values, drop_intermediate=False)
    return Curve(thresholds, fmr, 1 - tar)


def auc(scores: Scores) -> float:
    """The chance that a genuine pair scores above an impostor pair, a tie counting one half."""
    values, same = scores.labelled()
    return float(roc_auc_score(same, values))


def equal_error_rate(scores: Scores) -> float:
    """The rate at which FMR and FNMR are equal, on the straight line between the two ROC points
    on either side of it."""
    found = curve(scores)
    gap = found.fmr - found.fnmr  # from -1 up to 1 as the threshold falls
    after = int(np.argmax(gap >= 0))
    step = gap[after] - gap[after - 1]
    share = -gap[after - 1] / step
    return float(found.fmr[after - 1] + share * (found.fmr[after] - found.fmr[after - 1]))


def threshold_at_eer(scores: Scores) -> float:
    """The threshold at which |FMR - FNMR| is least; the middle of the range where that is so."""
    levels = np.unique(scores.labelled()[0])
    between = np.concatenate([levels[:1], (levels[1:] + levels[:-1]) / 2, [levels[-1] + 1e-9]])
    genuine, impostor = np.sort(scores.genuine), np.sort(scores.impostor)
    fnmr = np.searchsorted(genuine, between, side="left") / len(genuine)
    fmr = 1 - np.searchsorted(impostor, between, side="left") / len(impostor)
    gap = np.abs(fmr - fnmr)
    best = between[gap <= gap.min() + 1e-12]
    return float((best[0] + best[-1]) / 2)


def threshold_at_fmr(impostor: np.ndarray, target: float) -> float:
    """The lowest threshold at which FMR <= target; never more errors than that.

    Of tied scores either all are accepted or none: where accepting them would be too many, none.
    The threshold lies just above the highest score that must be rejected.
    """
    _check_share(target)
    ordered = np.sort(np.asarray(impostor, np.float64))
    allowed = int(np.floor(target * len(ordered) + 1e-9))
    return float(np.nextafter(ordered[len(ordered) - 1 - allowed], np.inf))


def threshold_at_fnmr(genuine: np.ndarray, target: float) -> float:
    """The highest threshold at which FNMR <= target: the lowest genuine score that is accepted."""
    _check_share(target)
    ordered = np.sort(np.asarray(genuine, np.float64))
    return float(ordered[int(np.floor(target * len(ordered) + 1e-9))])


def tar_at_far(scores: Scores, far: float) -> TrueAcceptRate:
    """Accepted genuine pairs at the lowest threshold whose FMR is at most `far`."""
    threshold = threshold_at_fmr(scores.impostor, far)
    accepted = int(np.count_nonzero(scores.genuine >= threshold))
    return TrueAcceptRate(far, rate(accepted, len(scores.genuine)), threshold, len(scores.impostor))


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Probabilities of logits at a prior of one half, without overflow."""
    return np.exp(-np.logaddexp(0.0, -np.asarray(logits, np.float64)))


def calibration_error(
    probabilities: np.ndarray,
    same: np.ndarray,
    num_bins: int = 15,
    within: tuple[float, float] = (0, 1),
) -> CalibrationError:
    """Expected calibration error with bins of equal mass, over the pairs `within` a range.

    `probabilities` (N,) in 0..1 and `same` bool (N,). Equal probabilities share a bin, so bins can
    differ in size where there are ties, and a constant has one bin only.
    """
    chosen = (probabilities >= within[0]) & (probabilities <= within[1])
    order = np.argsort(probabilities[chosen], kind="stable")
    predicted, happened = probabilities[chosen][order], np.asarray(same)[chosen][order]
    if not len(predicted):
        return CalibrationError(0.0, 0.0, 0, ())
    starts = np.round(np.arange(num_bins) * len(predicted) / num_bins).astype(int)
    starts = starts[starts < len(predicted)]
    starts = np.unique(np.searchsorted(predicted, predicted[starts], side="left"))
    counts = np.diff(np.append(starts, len(predicted)))
    means = np.add.reduceat(predicted, starts) / counts
    shares = np.add.reduceat(happened.astype(np.float64), starts) / counts
    ece = float(np.abs(means - shares) @ counts / len(predicted))
    bins = zip(means.tolist(), shares.tolist(), counts.tolist(), strict=True)
    return CalibrationError(
        ece, _error_by_chance(predicted, starts), len(predicted), tuple(Bin(*b) for b in bins)
    )


def mean_log_loss(scores: Scores) -> float:
    """Log loss (nats) of scores that are calibrated logits, the mean over all pairs."""
    values, same = scores.labelled()
    return float(log_loss(same, sigmoid(values), labels=[False, True]))


def cross_entropy(genuine: np.ndarray, impostor: np.ndarray, log_odds: float = 0.0) -> float:
    """Empirical cross-entropy in bits at these prior log-odds (natural) of "same".

    Both (N,) are natural logarithms of likelihood ratios; the two kinds weigh as the prior says,
    however many pairs there are of each. Method: Ramos and Gonzalez-Rodriguez 2013, "Reliable
    support: measuring calibration of likelihood ratios".
    """
    missed = np.logaddexp(0.0, -(genuine + log_odds)).mean()
    false = np.logaddexp(0.0, impostor + log_odds).mean()
    prior = sigmoid(np.array(log_odds))
    return float((prior * missed + (1 - prior) * false) / np.log(2.0))


def cllr(scores: Scores) -> float:
    """The log-likelihood-ratio cost in bits: 0 for perfect answers, 1 for always an LR of 1.

    The mean of log2(1 + 1/LR) over genuine pairs and that of log2(1 + LR) over impostor pairs,
    halved (Brümmer and du Preez 2006): the cross-entropy at even odds.
    """
    return cross_entropy(scores.genuine, scores.impostor)


def pool_adjacent_violators(scores: Scores) -> tuple[np.ndarray, np.ndarray]:
    """Logits (G,) and (I,): the best that any rising map could make of these scores.

    Fitted on the scores themselves, both kinds weighing the same; infinite where one kind stands
    alone. Their cross-entropy is what no calibration can mend.
    """
    values, same = scores.labelled()
    weights = np.where(same, 0.5 / len(scores.genuine), 0.5 / len(scores.impostor))
    shares = IsotonicRegression().fit(values, same, weights).predict(values)
    with np.errstate(divide="ignore"):
        logits = np.log(shares) - np.log1p(-shares)
    return logits[same], logits[~same]


def likelihood_report(scores: Scores) -> dict[str, float]:
    """Cllr, the least that any calibration could reach, and the loss between, as data; in bits."""
    cost, least = cllr(scores), cross_entropy(*pool_adjacent_violators(scores))
    return {"cllr": cost, "cllr_min": least, "cllr_calibration_loss": cost - least}


def probability_report(scores: Scores) -> dict[str, Any]:
    """ECE (all, and within 0.05..0.95), Brier score, log loss and Cllr, as data.

    Beside each ECE stands what true probabilities would show on as many pairs; beside the Brier
    score and the log loss those of a constant one half. It speaks of a prior of one half, so both
    kinds of pairs should be equal in number.
    """
    values, same = scores.labelled()
    probabilities = sigmoid(values)
    every = calibration_error(probabilities, same)
    middle = calibration_error(probabilities, same, within=(0.05, 0.95))
    return {
        "pairs": len(values),
        "ece": every.ece,
        "ece_by_chance": every.by_chance,
        "ece_middle": middle.ece,
        "ece_middle_by_chance": middle.by_chance,
        "pairs_middle": middle.count,
        "brier": float(brier_score_loss(same, probabilities)),
        "brier_constant": 0.25,
        "log_loss": mean_log_loss(scores),
        "log_loss_constant": float(np.log(2.0)),
        **likelihood_report(scores),
        "bins": [asdict(item) for item in every.bins],
    }


def curve_report(scores: Scores) -> dict[str, Any]:
    """AUC, EER, and TAR at FAR 1 % and 0.1 % with counts, as data."""
    accepted = {
        "tar_at_far_1": tar_at_far(scores, 0.01),
        "tar_at_far_0_1": tar_at_far(scores, 0.001),
    }
    return {
        "genuine_pairs": len(scores.genuine),
        "impostor_pairs": len(scores.impostor),
        "auc": auc(scores),
        "eer": equal_error_rate(scores),
        **{
            name: share.tar.to_dict()
            | {"threshold": share.threshold, "impostor_pairs": share.impostor_pairs}
            for name, share in accepted.items()
        },
    }


def _error_by_chance(predicted: np.ndarray, starts: np.ndarray, draws: int = 500) -> float:
    """The mean ECE of outcomes drawn from the predicted probabilities themselves (N,), sorted."""
    random = np.random.default_rng(0)
    expected = np.add.reduceat(predicted, starts)
    errors = []
    for _ in range(draws):
        happened = (random.random(len(predicted)) < predicted).astype(np.float64)
        errors.append(np.abs(np.add.reduceat(happened, starts) - expected).sum())
    return float(np.mean(errors) / len(predicted))


def _check_share(target: float) -> None:
    if not 0 <= target < 1:
        raise InputError(f"An error rate to aim at must be at least 0 and below 1, not {target}.")
