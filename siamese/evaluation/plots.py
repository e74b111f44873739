"""Figures of a measured checkpoint as small PNG files; figures are drawn without a display."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from siamese import writing
from siamese.calibration import CHILDREN, PEERS, RELATIVES
from siamese.evaluation import metrics
from siamese.evaluation.metrics import Scores

FOLDER, PEOPLE, WARNED = "plots", "plots/people", "plots/warned"
TRAINING, YAW, DISCARD = (f"plots/{name}.png" for name in ("training", "yaw", "discard"))
LIKELIHOOD = ("tippett", "cross_entropy")
ANSWERED = ("reliability", *LIKELIHOOD)
BLUE, ORANGE, GREY = "#2166ac", "#d6604d", "#777777"
NAMED = (PEERS, CHILDREN, RELATIVES)
PRIORS = np.linspace(-3, 3, 121)  # log10 of the prior odds that a cross-entropy is drawn for


def draw_scores(
    folder: Path,
    scores: Scores,
    answers: Scores,
    report: dict[str, Any],
    measured_on: str,
    names: Iterable[str] | None = None,
) -> None:
    """The plots of these names (all of `DRAWN` by default) of some pairs, into `folder`.

    `report` is what the protocol says of the pairs: its calibration and its operating points.
    `answers` are the likelihood ratios, as they are answered.
    """
    for name in names or DRAWN:
        shown = answers if name in LIKELIHOOD else scores
        _save(folder / f"{name}.png", partial(DRAWN[name], shown, report), measured_on)


def files(folder: Path) -> list[str]:
    """The plots of a card that are in `folder`, by their paths in there and in its order."""
    names = [f"{FOLDER}/{name}.png" for name in DRAWN]
    folders = (PEOPLE, WARNED, *(f"{FOLDER}/{name}" for name in NAMED))
    names += [f"{inside}/{name}.png" for inside in folders for name in ANSWERED]
    return [name for name in (*names, YAW, DISCARD, TRAINING) if (folder / name).exists()]


def draw_yaw(folder: Path, reports: dict[str, Any]) -> None:
    """How often pairs of a frontal and a turned head are told right, by the yaw in degrees."""
    _save(folder / YAW, partial(_yaw, reports))


def draw_discard(
    folder: Path, shares: Sequence[float], curves: Mapping[str, Sequence[float]]
) -> None:
    """What is missed once the worst pairs are set aside, by what tells which these are."""
    _save(folder / DISCARD, partial(_discard, shares, curves))


def draw_training(folder: Path, log: Path) -> None:
    """Loss and validation rates over the pictures shown; nothing where there is no log."""
    if not log.exists():
        return
    columns = read_log(log)
    if len(columns.get("pictures", ())) > 1:
        _save(folder / TRAINING, partial(_training, columns))


def read_log(path: Path) -> dict[str, np.ndarray]:
    """Columns of a training log, float64, NaN where a row says nothing."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = rows[0] if rows else ()
    return {name: np.array([float(row[name] or "nan") for row in rows]) for name in names}


def _yaw(reports: dict[str, Any], axes: Axes) -> None:
    yaws = [int(angle) for angle in reports]
    lines = {
        "accuracy at equal errors": [1 - report["eer"] for report in reports.values()],
        "TAR at FAR 1 %": [report["tar_at_far_1"]["value"] for report in reports.values()],
    }
    for (label, values), colour in zip(lines.items(), (BLUE, ORANGE), strict=True):
        axes.plot(yaws, values, "o-", color=colour, label=label)
    axes.set(xlabel="yaw of the second picture, degrees", ylabel="rate", ylim=(0, 1.005))
    axes.set(xticks=yaws, title="Frontal against turned, validation people")
    axes.legend()


def _discard(shares: Sequence[float], curves: Mapping[str, Sequence[float]], axes: Axes) -> None:
    for (label, rates), style in zip(curves.items(), cycle(("o-", "s-", "^-", "--")), strict=False):
        axes.plot(shares, rates, style, markersize=4, label=label)
    axes.set(xlabel="share of pairs set aside, the worst first", ylabel="false non-match rate")
    axes.set(ylim=(0, None), title="Error versus discard, validation people")
    axes.legend()


def _roc(scores: Scores, report: dict[str, Any], axes: Axes) -> None:
    curve = metrics.curve(scores)
    axes.plot(curve.fmr, 1 - curve.fnmr, color=BLUE)
    # The last decade is empty: with n impostor pairs no rate below 1 / n can be seen.
    axes.set(xscale="log", xlim=(0.5 / len(scores.impostor), 1), ylim=(0, 1.005))
    axes.set(xlabel="false match rate", ylabel="true match rate", title="ROC")


def _det(scores: Scores, report: dict[str, Any], axes: Axes) -> None:
    curve = metrics.curve(scores)
    least = 0.5 / max(len(scores.impostor), len(scores.genuine))
    axes.plot(curve.fmr, curve.fnmr, color=BLUE)
    axes.plot((least, 1), (least, 1), color=GREY, linewidth=0.8, linestyle="--")
    axes.set(xscale="log", yscale="log", xlim=(least, 1), ylim=(least, 1))
    axes.set(xlabel="false match rate", ylabel="false non-match rate", title="DET")


def _reliability(scores: Scores, report: dict[str, Any], axes: Axes) -> None:
    bins = report["calibration"]["bins"]
    predicted = [item["probability"] for item in bins]
    happened = [item["frequency"] for item in bins]
    counts = np.array([item["count"] for item in bins])
    errors = [metrics.rate(round(f * n), int(n)) for f, n in zip(happened, counts, strict=True)]
    reach = [
        [max(0.0, f - rate.low) for f, rate in zip(happened, errors, strict=True)],
        [max(0.0, rate.high - f) for f, rate in zip(happened, errors, strict=True)],
    ]
    axes.plot((0, 1), (0, 1), color=GREY, linewidth=0.8, linestyle="--")
    axes.errorbar(predicted, happened, reach, color=BLUE, marker="o", markersize=4, capsize=2)
    axes.set(xlabel="stated probability", ylabel="share that is the same person")
    axes.set(title=f"Reliability (ECE {report['calibration']['ece']:.3f})")


def _histogram(scores: Scores, report: dict[str, Any], axes: Axes) -> None:
    everything = scores.labelled()[0]
    edges = np.linspace(everything.min(), everything.max(), 80).tolist()
    axes.hist(scores.impostor, edges, color=ORANGE, alpha=0.6, label="impostor pairs")
    axes.hist(scores.genuine, edges, color=BLUE, alpha=0.6, label="genuine pairs")
    points = report["operating_points"].items()
    for (name, point), style in zip(points, ("-", "--", ":"), strict=False):
        axes.axvline(point["threshold"], color="black", linewidth=0.9, linestyle=style, label=name)
    axes.set(xlabel="logit", ylabel="pairs", title="Scores")
    axes.legend(loc="upper right")  # the best place is sought by trying, which may take seconds


def _tippett(scores: Scores, report: dict[str, Any], axes: Axes) -> None:
    """How many pairs of each kind have a likelihood ratio above the one on the axis."""
    kinds = (("genuine pairs", scores.genuine, BLUE), ("impostor pairs", scores.impostor, ORANGE))
    for label, logits, colour in kinds:
        ordered = np.sort(logits) / np.log(10)
        axes.step(ordered, 1 - np.arange(len(ordered)) / len(ordered), color=colour, label=label)
    axes.axvline(0, color=GREY, linewidth=0.8, linestyle="--")
    axes.set(xlabel="log10 of the likelihood ratio", ylabel="share of pairs at or above it")
    axes.set(title="Tippett")
    axes.legend(loc="upper right")


def _cross_entropy(scores: Scores, report: dict[str, Any], axes: Axes) -> None:
    """What the likelihood ratios leave unknown, beside the best and the worst that could be."""
    odds = (PRIORS * np.log(10)).tolist()
    nothing = (np.zeros(1), np.zeros(1))
    kinds = (
        ("always an LR of 1", nothing, GREY, ":"),
        ("as answered", (scores.genuine, scores.impostor), BLUE, "-"),
        ("best calibration (PAV)", metrics.pool_adjacent_violators(scores), ORANGE, "--"),
    )
    for label, pairs, colour, style in kinds:
        bits = [metrics.cross_entropy(pairs[0], pairs[1], prior) for prior in odds]
        axes.plot(PRIORS, bits, color=colour, linestyle=style, label=label)
    axes.set(xlabel="log10 of the prior odds", ylabel="empirical cross-entropy, bits")
    axes.set(title=f"Cross-entropy (Cllr {metrics.cllr(scores):.3f} at 0)")
    axes.legend(loc="upper right")


DRAWN: dict[str, Callable[[Scores, dict[str, Any], Axes], None]] = {
    "roc": _roc,
    "det": _det,
    "reliability": _reliability,
    "scores": _histogram,
    "tippett": _tippett,
    "cross_entropy": _cross_entropy,
}


def _training(columns: dict[str, np.ndarray], axes: Axes) -> None:
    millions = columns["pictures"] / 1e6
    axes.plot(millions, columns["loss"], color=BLUE, linewidth=0.9, label="loss")
    axes.set(xlabel="million pictures shown", ylabel="loss", title="Training")
    right = axes.twinx()
    labels = {"validation_eer": "EER", "validation_tar_1": "TAR at FAR 1 %"}
    for (name, label), colour in zip(labels.items(), (ORANGE, "#1a9850"), strict=True):
        if name in columns:
            known = ~np.isnan(columns[name])
            values = columns[name][known]
            right.plot(millions[known], values, "o-", color=colour, markersize=3, label=label)
    right.set(ylabel="rate on validation people", ylim=(0, 1))
    axes.figure.legend(loc="upper center", ncols=3, bbox_to_anchor=(0.5, 0.02))


def _save(path: Path, draw: Callable[[Axes], None], measured_on: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(5.2, 4.2), layout="constrained")
    axes = figure.add_subplot()
    axes.grid(True, linewidth=0.3)
    draw(axes)
    if measured_on:
        axes.set_title(f"{axes.get_title()}, {measured_on}")
    # Without the library's name and version, so that the same figures give the same bytes.
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=100, metadata={"Software": None}, bbox_inches="tight")
    writing.write(path, drawn.getvalue())
