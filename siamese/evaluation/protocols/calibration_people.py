"""Calibration people of the half that reports: curve and calibration."""

from typing import Any

import numpy as np

from siamese.data.collection import People
from siamese.data.pairs import draw_pairs
from siamese.evaluation import metrics
from siamese.evaluation.bench import Bench


def run(bench: Bench) -> dict[str, Any]:
    """Curve and calibration on held-out people; with and without contradicted labels."""
    excluded = set(bench.checkpoint.config.calibration.get("excluded", ()))
    whole = bench.reporting
    clean = whole.where(np.array([p.name not in excluded for p in whole.pictures], bool))
    report = _people_report(bench, clean)
    report["excluded_pictures"] = len(whole.pictures) - len(clean.pictures)
    if report["excluded_pictures"]:
        report["as_labelled"] = _people_report(bench, whole)
    return report


def _people_report(bench: Bench, found: People) -> dict[str, Any]:
    """Equal numbers of both kinds for the probability, many impostors for the curve."""
    many = bench.compare.scores(draw_pairs(found.labels), found.vectors)
    balanced = draw_pairs(found.labels, impostors=None)
    return {
        "people": len(set(found.identities)),
        "pictures": len(found.pictures),
        **metrics.curve_report(many),
        "calibration": metrics.probability_report(bench.compare.scores(balanced, found.vectors)),
    }
