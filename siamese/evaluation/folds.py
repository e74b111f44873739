"""Accuracy over folds, as LFW's View 2 has it: ten of 600 pairs, each with the others' threshold.

Huang, Ramesh, Berg and Learned-Miller 2007, "Labeled Faces in the Wild", section III.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Folds:
    """Accuracy over folds; the threshold of each is the best one of all other folds."""

    accuracy: float  # mean over folds; pairs without a score are errors
    standard_error: float  # of that mean
    accuracy_scored: float  # the same over pairs that have a score
    accuracies: tuple[float, ...]
    thresholds: tuple[float, ...]
    failed_pairs: int


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
