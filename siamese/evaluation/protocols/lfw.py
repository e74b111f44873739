"""LFW View 2: the pairs by which everybody in the field is compared."""

from typing import Any

import numpy as np

from siamese.evaluation import plots, verification
from siamese.evaluation.bench import LFW, LFW_PAIRS, Bench
from siamese.evaluation.metrics import Scores
from siamese.evaluation.protocol import Protocol

MEASURED_ON = "LFW View 2"


def run(bench: Bench) -> dict[str, Any]:
    """LFW View 2: accuracy over ten folds, curve, calibration, rates at the operating points.

    The calibration is that of what is answered, by the rule for photos that are warned of where one
    is; all else is that of the logits, and of the points without a warning, on all pairs.
    """
    known, same = bench.lfw_known, np.array([pair.same for pair in bench.pairs])
    each = verification.answered_each(bench.rule, bench.lfw_scores, bench.lfw_warned)
    answers = Scores.from_labels(each, same)
    report = verification.verification_report(bench.lfw_scores, bench.pairs, each)
    report["pairs_warned_of"] = int(bench.lfw_warned.sum())
    report["failures"]["photos"] = bench.lfw.failures()
    report["operating_points"] = verification.points_report(bench.rule, known, MEASURED_ON)
    report |= verification.curves_report(known, MEASURED_ON)
    report["decisions"] = verification.decisions_report(known, bench.rule)
    plots.draw_scores(bench.out / plots.FOLDER, known, answers, report, MEASURED_ON)
    return report


PROTOCOLS = (Protocol("lfw", run, (LFW, LFW_PAIRS)),)
