"""Verification of pairs: error rates at published operating points, and what is reported of them.

Pure functions of score arrays. A score of NaN stands for a pair one of whose photos had no face.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from siamese.calibration import DecisionRule, ErrorCurve, OperatingPoint
from siamese.evaluation import metrics
from siamese.evaluation.folds import fold_accuracy
from siamese.evaluation.metrics import Scores
from siamese.evaluation.pair_lists import Pair

LEVEL_STEP = 1.05  # between two levels of an `ErrorCurve`


def answered(rule: DecisionRule, scores: Scores) -> Scores:
    """Scores as the likelihood ratios that the product reports: within the rule's bounds."""
    return Scores(rule.bounded(scores.genuine), rule.bounded(scores.impostor))


def answered_each(rule: DecisionRule, logits: np.ndarray, warned: np.ndarray) -> np.ndarray:
    """The same of pairs (N,) some of which, bool (N,), have a photo that is warned of."""
    own = rule.among(rule.population, warned=True)
    return np.where(warned, own.bounded(own.pair_logit(logits)), rule.bounded(logits))


def verification_report(
    scores: np.ndarray, pairs: Sequence[Pair], answers: np.ndarray
) -> dict[str, Any]:
    """Everything a list of pairs is good for: accuracy, curve, calibration, counts; as data.

    The curve is that of the logits `scores` (N,), the calibration that of what is answered, (N,).
    """
    same = np.array([pair.same for pair in pairs])
    folds = np.array([pair.fold for pair in pairs])
    known = Scores.from_labels(scores, same)
    report: dict[str, Any] = {"pairs": len(pairs), **metrics.curve_report(known)}
    report["failures"] = {
        "pairs": int(np.isnan(scores).sum()),
        "genuine": int(np.isnan(scores[same]).sum()),
        "impostor": int(np.isnan(scores[~same]).sum()),
    }
    if len(set(folds.tolist())) > 1:
        found = fold_accuracy(scores, same, folds)
        report |= {
            "accuracy": found.accuracy,
            "standard_error": found.standard_error,
            "accuracy_without_failures": found.accuracy_scored,
            "fold_accuracies": list(found.accuracies),
            "fold_thresholds": list(found.thresholds),
        }
    report["calibration"] = metrics.probability_report(Scores.from_labels(answers, same))
    return report


def measured_point(
    name: str, threshold: float, scores: Scores, on: str, units: np.ndarray | None = None
) -> OperatingPoint:
    """An operating point with its FMR and FNMR as measured on these scores.

    `units` (I, 2) are what impostor pairs share, where they do: see `metrics.rate_among`.
    """
    if units is None:
        fmr = metrics.false_match_rate(scores.impostor, threshold)
    else:
        fmr = metrics.rate_among(scores.impostor >= threshold, units)
    fnmr = metrics.false_non_match_rate(scores.genuine, threshold)
    return OperatingPoint(name, threshold, fmr, fnmr, on)


def points_report(
    rule: DecisionRule, scores: Scores, on: str, units: np.ndarray | None = None
) -> dict[str, dict[str, Any]]:
    """The rule's operating points by name, with their rates as by `measured_point`."""
    points = [measured_point(p.name, p.threshold, scores, on, units) for p in rule.operating_points]
    return {point.name: point.to_dict() for point in points}


def error_curve(scores: np.ndarray, on: str, people: np.ndarray | None = None) -> ErrorCurve:
    """How many scores (N,) of pairs of one kind lie at or above each of about a hundred levels.

    `people`, int (N, 2), are those of the pairs, where they share them: see `metrics.rates_among`.
    A level for each of the highest scores, then one for every 5 % more: far less than the 95 %
    interval is wide. Levels have four decimals, rounded down, and are counted at that value.
    """
    ordered = np.sort(np.asarray(scores, np.float64))
    ranks = {len(ordered)}
    rank = 1
    while rank < len(ordered):
        ranks.add(rank)
        rank = max(rank + 1, int(rank * LEVEL_STEP))
    rounded = {float(np.floor(ordered[-rank] * 1e4) / 1e4) for rank in ranks}
    rounded.add(float(np.floor(ordered[-1] * 1e4 + 1) / 1e4))  # above all of them
    limits = sorted(rounded)
    if people is None:
        hits = [int(np.count_nonzero(ordered >= level)) for level in limits]
        rates = [metrics.rate(count, len(ordered)) for count in hits]
    else:
        rates = metrics.rates_among(scores, people, limits)
    levels: dict[int, tuple[float, int, float, float]] = {}
    for level, found in zip(limits, rates, strict=True):
        levels.setdefault(found.errors, (level, found.errors, found.low, found.high))
    return ErrorCurve(on, len(ordered), tuple(levels.values()))


def curves_report(
    scores: Scores, on: str, genuine_on: str = "", people: np.ndarray | None = None
) -> dict[str, dict[str, Any]]:
    """The curves of both kinds of pairs as data.

    `genuine_on` is where the genuine pairs are from, if from elsewhere; `people` are those of the
    impostor pairs, see `error_curve`.
    """
    return {
        "false_matches": error_curve(scores.impostor, on, people).to_dict(),
        "false_non_matches": error_curve(-scores.genuine, genuine_on or on).to_dict(),
    }


def decisions_report(scores: Scores, rule: DecisionRule) -> dict[str, dict[str, dict[str, float]]]:
    """Same / uncertain / different, as counted on genuine and on impostor pairs at each point."""

    def shares(logits: np.ndarray, limits: tuple[float, float]) -> dict[str, float]:
        same = logits >= limits[1]
        different = ~same & (logits < limits[0])
        return {
            "same": float(same.mean()),
            "uncertain": float((~same & ~different).mean()),
            "different": float(different.mean()),
        }

    return {
        point.name: {
            "genuine": shares(scores.genuine, rule.limits(point)),
            "impostor": shares(scores.impostor, rule.limits(point)),
        }
        for point in rule.operating_points
    }
