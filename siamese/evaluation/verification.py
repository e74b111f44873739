"""Verification protocols on pairs: LFW View 2, and rates at published operating points.

Pure functions of score arrays, beside the parser of LFW's list of pairs. A score of NaN stands for
a pair one of whose photos had no face.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from siamese.calibration import DecisionRule, FalseMatchCurve, OperatingPoint, Rate
from siamese.errors import InputError
from siamese.evaluation import metrics
from siamese.evaluation.metrics import Scores

LEVEL_STEP = 1.05  # between two levels of a curve of false matches


@dataclass(frozen=True, slots=True)
class Pair:
    """Two photos by name, whether they show one person, and the fold they belong to."""

    a: str
    b: str
    same: bool
    fold: int = 0


@dataclass(frozen=True, slots=True)
class Folds:
    """Accuracy over folds; the threshold of each is the best one of all other folds."""

    accuracy: float  # mean over folds; pairs without a score are errors
    standard_error: float  # of that mean
    accuracy_scored: float  # the same over pairs that have a score
    accuracies: tuple[float, ...]
    thresholds: tuple[float, ...]
    failed_pairs: int


def read_lfw_pairs(path: Path) -> list[Pair]:
    """LFW's list: "folds, pairs" first, then `name i j` (genuine) or `name i name j` (impostor).

    A list of one fold may begin with the number of pairs alone, as View 1's do. Photos are named
    `Person/Person_0001.jpg`. Raises InputError where the list breaks its promise.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    try:
        *several, size = (int(word) for word in lines[0].split())
        folds = several[0] if several else 1
        pairs = [
            _lfw_pair(line.split("\t"), position // (2 * size))
            for position, line in enumerate(lines[1:])
        ]
    except (ValueError, IndexError) as error:
        raise InputError(f"{path} is not a list of pairs in LFW's format ({error}).") from error
    same = np.array([pair.same for pair in pairs])
    if len(pairs) != 2 * size * folds or same.sum() != size * folds:
        raise InputError(f"{path} promises {folds} folds of {size} + {size} pairs and differs.")
    return pairs


def fold_accuracy(scores: np.ndarray, same: np.ndarray, folds: np.ndarray) -> Folds:
    """Accuracy with a threshold fitted on the other folds; `scores` (N,), NaN where there is none.

    A pair without a score counts as an error in `accuracy`, whatever it shows, and fits nothing.
    """
    known = ~np.isnan(scores)
    right, right_scored, thresholds = [], [], []
    for fold in np.unique(folds):
        inside, outside = (folds == fold) & known, (folds != fold) & known
        threshold = best_threshold(scores[outside], same[outside])
        hits = int(np.count_nonzero((scores[inside] >= threshold) == same[inside]))
        right.append(hits / int(np.count_nonzero(folds == fold)))
        right_scored.append(hits / max(1, int(np.count_nonzero(inside))))
        thresholds.append(threshold)
    deviation = float(np.std(right, ddof=1)) if len(right) > 1 else 0.0
    return Folds(
        accuracy=float(np.mean(right)),
        standard_error=deviation / float(np.sqrt(len(right))),
        accuracy_scored=float(np.mean(right_scored)),
        accuracies=tuple(right),
        thresholds=tuple(thresholds),
        failed_pairs=int(np.count_nonzero(~known)),
    )


def best_threshold(scores: np.ndarray, same: np.ndarray) -> float:
    """The threshold with the most pairs on their right side; the middle one where several tie."""
    levels, position = np.unique(scores, return_inverse=True)
    genuine = np.bincount(position, weights=same, minlength=len(levels))
    impostor = np.bincount(position, weights=~same, minlength=len(levels))
    # Right answers with the threshold under level k: impostors below it, genuine from it upwards.
    below = np.concatenate([[0.0], np.cumsum(impostor)])
    above = np.concatenate([[0.0], np.cumsum(genuine[::-1])])[::-1]
    best = np.flatnonzero(below + above == (below + above).max())
    place = int(best[len(best) // 2])
    edges = np.concatenate([[levels[0] - 1], levels, [levels[-1] + 1]])
    return float((edges[place] + edges[place + 1]) / 2)


def answered(rule: DecisionRule, scores: Scores) -> Scores:
    """Scores as the likelihood ratios that the product reports: within the rule's bounds."""
    return Scores(rule.bounded(scores.genuine), rule.bounded(scores.impostor))


def verification_report(
    scores: np.ndarray, pairs: Sequence[Pair], rule: DecisionRule
) -> dict[str, Any]:
    """Everything a list of pairs is good for: accuracy, curve, calibration, counts; as data.

    The curve is that of the logits, the calibration that of what is answered.
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
    report["calibration"] = metrics.probability_report(answered(rule, known))
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


def false_match_curve(
    impostor: np.ndarray, on: str, count: Callable[[np.ndarray], Rate] | None = None
) -> FalseMatchCurve:
    """How many impostor scores (N,) lie at or above each of about a hundred levels.

    `count` makes a rate of which of them do, bool (N,); by default all pairs are independent. A
    level for each of the highest scores, then one for every 5 % more: far less than the 95 %
    interval is wide. Levels have four decimals, rounded down, and are counted at that value.
    """
    ordered = np.sort(np.asarray(impostor, np.float64))
    ranks = {len(ordered)}
    rank = 1
    while rank < len(ordered):
        ranks.add(rank)
        rank = max(rank + 1, int(rank * LEVEL_STEP))
    rounded = {float(np.floor(ordered[-rank] * 1e4) / 1e4) for rank in ranks}
    rounded.add(float(np.floor(ordered[-1] * 1e4 + 1) / 1e4))  # above all of them
    levels: dict[int, tuple[float, int, float, float]] = {}
    for level in sorted(rounded):
        found = count(impostor >= level) if count else metrics.false_match_rate(ordered, level)
        levels.setdefault(found.errors, (level, found.errors, found.low, found.high))
    return FalseMatchCurve(on, len(ordered), tuple(levels.values()))


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


def _lfw_pair(words: Sequence[str], fold: int) -> Pair:
    if len(words) == 3:
        name, first, second = words
        return Pair(_lfw_photo(name, first), _lfw_photo(name, second), True, fold)
    name, first, other, second = words
    return Pair(_lfw_photo(name, first), _lfw_photo(other, second), False, fold)


def _lfw_photo(name: str, number: str) -> str:
    return f"{name}/{name}_{int(number):04d}.jpg"
