"""Calibration people of the half that reports: curve and calibration."""

from typing import Any

import numpy as np

from siamese.data.collection import Collection
from siamese.data.pairs import draw_pairs
from siamese.evaluation import metrics, plots, verification
from siamese.evaluation.bench import Bench
from siamese.evaluation.metrics import Scores
from siamese.evaluation.protocol import Protocol


def run(bench: Bench) -> dict[str, Any]:
    """Curve and calibration on held-out people; with and without contradicted labels."""
    excluded = set(bench.checkpoint.config.calibration.get("excluded", ()))
    whole = bench.reporting
    clean = whole.where(np.array([p.name not in excluded for p in whole.pictures], bool))
    report, scores = _people_report(bench, clean)
    plots.draw_scores(
        bench.out / plots.PEOPLE, scores, scores, report, "held-out people", plots.ANSWERED
    )
    report["excluded_pictures"] = len(whole.pictures) - len(clean.pictures)
    if report["excluded_pictures"]:
        report["as_labelled"], _ = _people_report(bench, whole)
    return report


def _people_report(bench: Bench, found: Collection) -> tuple[dict[str, Any], Scores]:
    """Equal numbers of both kinds for the probability, many impostors for the curve.

    Returns the report and the scores of the former.
    """
    many = bench.compare.scores(draw_pairs(found), found.vectors)
    balanced = verification.answered(
        bench.rule, bench.compare.scores(draw_pairs(found, impostors=None), found.vectors)
    )
    report = {
        "people": len(set(found.identities)),
        "pictures": len(found.pictures),
        **metrics.curve_report(many),
        "calibration": metrics.probability_report(balanced),
    }
    return report, balanced


PROTOCOLS = (Protocol("calibration_people", run, sources=True),)
