"""LFW View 2: the pairs by which everybody in the field is compared."""

from typing import Any

from siamese.evaluation import plots, verification
from siamese.evaluation.bench import LFW, LFW_PAIRS, Bench
from siamese.evaluation.protocol import Protocol

MEASURED_ON = "LFW View 2"


def run(bench: Bench) -> dict[str, Any]:
    """LFW View 2: accuracy over ten folds, curve, calibration, rates at the operating points."""
    known = bench.lfw_known
    report = verification.verification_report(bench.lfw_scores, bench.pairs, bench.rule)
    report["failures"]["photos"] = bench.lfw.failures()
    report["operating_points"] = verification.points_report(bench.rule, known, MEASURED_ON)
    curve = verification.false_match_curve(known.impostor, MEASURED_ON)
    report["false_matches"] = curve.to_dict()
    report["decisions"] = verification.decisions_report(known, bench.rule)
    plots.draw_scores(bench.out / plots.FOLDER, known, report, MEASURED_ON, bench.rule)
    return report


PROTOCOLS = (Protocol("lfw", run, (LFW, LFW_PAIRS)),)
