"""LFW View 2: the pairs by which everybody in the field is compared."""

from typing import Any

from siamese.evaluation import verification
from siamese.evaluation.bench import Bench


def run(bench: Bench) -> dict[str, Any]:
    """LFW View 2: accuracy over ten folds, curve, calibration, rates at the operating points."""
    report = verification.verification_report(bench.lfw_scores, bench.pairs)
    report["failures"]["photos"] = bench.lfw.failures()
    points = [
        verification.measured_point(point.name, point.threshold, bench.lfw_known, "LFW View 2")
        for point in bench.rule.operating_points
    ]
    report["operating_points"] = {point.name: point.to_dict() for point in points}
    curve = verification.false_match_curve(bench.lfw_known.impostor, "LFW View 2")
    report["false_matches"] = curve.to_dict()
    report["decisions"] = verification.decisions_report(
        bench.lfw_known, points, bench.rule.different_below
    )
    return report
