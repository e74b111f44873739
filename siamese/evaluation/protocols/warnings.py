"""Do warned-of photos fail more often? Error rates of pairs by what the product warns of."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np

from siamese.calibration import CAREFUL
from siamese.evaluation import metrics
from siamese.evaluation.bench import LFW, LFW_PAIRS, Bench
from siamese.evaluation.pair_lists import Pair
from siamese.evaluation.protocol import Protocol
from siamese.faces.quality import Flag


def by_warning(
    flags: Mapping[str, Set[Flag]], pairs: Sequence[Pair], scores: np.ndarray, threshold: float
) -> dict[str, Any]:
    """For each flag the pairs with a photo that bears it, and the pairs without any flag.

    `flags` of each photo by name; `scores` (N,) of the pairs, NaN where a photo had no face: such a
    pair has no flags and is left out. Photos are counted once.
    """
    known = ~np.isnan(scores)
    raised = [flags.get(pair.a, set()) | flags.get(pair.b, set()) for pair in pairs]
    same = np.array([pair.same for pair in pairs])
    shown = {
        name for pair, kept in zip(pairs, known, strict=True) if kept for name in (pair.a, pair.b)
    }

    def row(chosen: np.ndarray, photos: int) -> dict[str, Any]:
        taken = chosen & known
        return {
            "photos": photos,
            "fnmr": metrics.false_non_match_rate(scores[taken & same], threshold).to_dict(),
            "fmr": metrics.false_match_rate(scores[taken & ~same], threshold).to_dict(),
        }

    report = {
        flag.value: row(
            np.array([flag in found for found in raised]),
            sum(flag in flags.get(name, set()) for name in shown),
        )
        for flag in Flag
    }
    clean = sum(not flags.get(name) for name in shown)
    return {"photos": len(shown), "none": row(np.array([not f for f in raised]), clean), **report}


def run(bench: Bench) -> dict[str, Any]:
    """Error rates of View 2's pairs by what the product warns of in their photos."""
    point = bench.rule.point(CAREFUL)
    found = by_warning(bench.lfw_flags, bench.pairs, bench.lfw_scores, point.threshold)
    return {"operating_point": point.name, **found}


PROTOCOLS = (Protocol("warnings", run, (LFW, LFW_PAIRS)),)
