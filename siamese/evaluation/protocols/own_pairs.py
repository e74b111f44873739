"""Pairs of one's own: their scores as a CSV, figures with intervals, plots, and a short report."""

import base64
import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from siamese import writing
from siamese.evaluation import card, metrics, plots, verification
from siamese.evaluation.bench import (
    Bench,
    PhotoSet,
    embed_crops,
    find_crops,
    pair_scores,
    pairs_warned_of,
)
from siamese.evaluation.metrics import Scores
from siamese.evaluation.pair_lists import PAIR_LIST, Pair, people_in
from siamese.evaluation.protocol import Protocol

PAIR_SCORES, REPORT, PLOTS = "pair_scores.csv", "report.html", "pairs"
MEASURED_ON = "pairs of one's own"
SINGLE: dict[str, Callable[[Scores, Scores], float]] = {
    "auc": lambda scores, _: metrics.auc(scores),
    "eer": lambda scores, _: metrics.equal_error_rate(scores),
    "cllr": lambda _, answers: metrics.cllr(answers),
}


def run(bench: Bench) -> dict[str, Any]:
    """Pairs of one's own, by `bench.own_pairs`; writes scores, plots and report.html.

    What is answered, and its calibration, are by the rule for photos that are warned of where one
    is; rates and decisions are those of the points without a warning, on all pairs.
    """
    pairs = bench.own_pairs.read(bench.data)
    names = tuple(sorted({name for pair in pairs for name in (pair.a, pair.b)}))
    crops = find_crops(bench.checkpoint, PhotoSet(bench.data, names), bench.cache)
    found = embed_crops(bench.checkpoint.network, crops)
    scores = pair_scores(bench.compare, found, found, pairs)
    warned = pairs_warned_of(crops.flags(bench.checkpoint.config.window), pairs)
    each = verification.answered_each(bench.rule, scores, warned)
    write_pair_scores(bench.out / PAIR_SCORES, pairs, scores, each)
    same = np.array([pair.same for pair in pairs])
    known = Scores.from_labels(scores, same)
    threshold = bench.rule.point().threshold
    report = {
        **verification.verification_report(scores, pairs, each),
        "operating_point": bench.rule.point().name,
        "right": _right(scores, same, people_in(pairs), threshold),
        "operating_points": verification.points_report(bench.rule, known, MEASURED_ON),
        "intervals": intervals(scores, each, same, people_in(pairs)),
    }
    report["failures"]["photos"] = found.failures()
    answers = Scores.from_labels(each, same)
    plots.draw_scores(bench.out / PLOTS, known, answers, report, MEASURED_ON)
    write_report(bench, report)
    return report


def intervals(
    scores: np.ndarray, answers: np.ndarray, same: np.ndarray, people: np.ndarray
) -> dict[str, list[float]]:
    """95 % intervals of AUC, EER and Cllr, by drawing the people of these pairs again and again.

    `scores` and `answers` (N,), NaN where there is none, `same` bool (N,), `people` int (N, 2) as
    of `people_in`: a pair counts as often as both its people were drawn.
    """
    known = ~np.isnan(scores)
    drawn: dict[str, list[float]] = {name: [] for name in SINGLE}
    for weights in metrics.redrawn(people[known]):
        times = np.repeat(np.arange(len(weights)), weights)
        taken = same[known][times]
        if taken.all() or not taken.any():
            continue  # nothing to compare in this draw
        again, answered = (
            Scores(of[known][times][taken], of[known][times][~taken]) for of in (scores, answers)
        )
        for name, statistic in SINGLE.items():
            drawn[name].append(statistic(again, answered))
    return {name: np.quantile(found, (0.025, 0.975)).tolist() for name, found in drawn.items()}


def write_pair_scores(
    path: Path, pairs: Sequence[Pair], scores: np.ndarray, answers: np.ndarray
) -> None:
    """One row a pair: photos, same, logit and probability (empty where a photo has no face).

    The logit is that of the network, the probability that of what is answered.

    A name that a spreadsheet would compute has an apostrophe in front.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("photo_a", "photo_b", "same", "logit", "probability"))
        for pair, score, answer in zip(pairs, scores, answers, strict=True):
            known = () if np.isnan(score) else (f"{score:.4f}", f"{metrics.sigmoid(answer):.6f}")
            names = writing.cell(pair.a), writing.cell(pair.b)
            writer.writerow((*names, int(pair.same), *(known or ("", ""))))


def write_report(bench: Bench, report: dict[str, Any]) -> None:
    """report.html, one file with its plots inside."""
    pictures = {
        name: base64.b64encode((bench.out / PLOTS / f"{name}.png").read_bytes()).decode()
        for name in plots.DRAWN
    }
    text = card.page(
        "report.html",
        report=report,
        checkpoint=bench.checkpoint.public_name,
        sha256=bench.checkpoint.sha256,
        pictures=pictures,
    )
    writing.write(bench.out / REPORT, text.encode())


def _right(
    scores: np.ndarray, same: np.ndarray, people: np.ndarray, threshold: float
) -> dict[str, Any]:
    """The share of right decisions, a pair without a score being an error."""
    hits = ~np.isnan(scores) & ((scores >= threshold) == same)
    return dict(metrics.rate_among(hits, people).to_dict())


PROTOCOLS = (Protocol("pairs", run, (PAIR_LIST,), published=False),)
