"""Figures of a measured checkpoint as small PNG files; figures are drawn without a display."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from siamese.evaluation import metrics
from siamese.evaluation.metrics import Scores

ROC, DET, RELIABILITY = "plots/roc.png", "plots/det.png", "plots/reliability.png"
HISTOGRAM, TRAINING = "plots/scores.png", "plots/training.png"
ALL = (ROC, DET, RELIABILITY, HISTOGRAM, TRAINING)  # in the order of the card
BLUE, ORANGE, GREY = "#2166ac", "#d6604d", "#777777"


def draw_scores(folder: Path, scores: Scores, report: dict[str, Any]) -> None:
    """ROC, DET, reliability and histogram of LFW's pairs, into `folder`/plots."""
    _save(folder / ROC, lambda axes: _roc(axes, scores))
    _save(folder / DET, lambda axes: _det(axes, scores))
    _save(folder / RELIABILITY, lambda axes: _reliability(axes, report["calibration"]))
    points = report["operating_points"]
    thresholds = {name: point["threshold"] for name, point in points.items()}
    _save(folder / HISTOGRAM, lambda axes: _histogram(axes, scores, thresholds))


def draw_training(folder: Path, log: Path) -> None:
    """Loss and validation rates over the pictures shown; nothing where there is no log."""
    if not log.exists():
        return
    columns = read_log(log)
    if len(columns.get("pictures", ())) > 1:
        _save(folder / TRAINING, lambda axes: _training(axes, columns))


def read_log(path: Path) -> dict[str, np.ndarray]:
    """Columns of a training log, float64, NaN where a row says nothing."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = rows[0] if rows else ()
    return {name: np.array([float(row[name] or "nan") for row in rows]) for name in names}


def _roc(axes: Axes, scores: Scores) -> None:
    curve = metrics.curve(scores)
    axes.plot(curve.fmr, 1 - curve.fnmr, color=BLUE)
    # The last decade is empty: with n impostor pairs no rate below 1 / n can be seen.
    axes.set(xscale="log", xlim=(0.5 / len(scores.impostor), 1), ylim=(0, 1.005))
    axes.set(xlabel="false match rate", ylabel="true match rate", title="ROC, LFW View 2")


def _det(axes: Axes, scores: Scores) -> None:
    curve = metrics.curve(scores)
    least = 0.5 / max(len(scores.impostor), len(scores.genuine))
    axes.plot(curve.fmr, curve.fnmr, color=BLUE)
    axes.plot((least, 1), (least, 1), color=GREY, linewidth=0.8, linestyle="--")
    axes.set(xscale="log", yscale="log", xlim=(least, 1), ylim=(least, 1))
    axes.set(xlabel="false match rate", ylabel="false non-match rate", title="DET, LFW View 2")


def _reliability(axes: Axes, calibration: dict[str, Any]) -> None:
    bins = calibration["bins"]
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
    axes.set(title=f"Reliability, LFW View 2 (ECE {calibration['ece']:.3f})")


def _histogram(axes: Axes, scores: Scores, thresholds: dict[str, float]) -> None:
    everything = scores.labelled()[0]
    edges = np.linspace(everything.min(), everything.max(), 80).tolist()
    axes.hist(scores.impostor, edges, color=ORANGE, alpha=0.6, label="impostor pairs")
    axes.hist(scores.genuine, edges, color=BLUE, alpha=0.6, label="genuine pairs")
    for (name, threshold), style in zip(thresholds.items(), ("-", "--", ":"), strict=False):
        axes.axvline(threshold, color="black", linewidth=0.9, linestyle=style, label=name)
    axes.set(xlabel="logit", ylabel="pairs", title="Scores, LFW View 2")
    axes.legend()


def _training(axes: Axes, columns: dict[str, np.ndarray]) -> None:
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


def _save(path: Path, draw: Callable[[Axes], None]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(5.2, 4.2), layout="constrained")
    axes = figure.add_subplot()
    axes.grid(True, linewidth=0.3)
    draw(axes)
    # Without the library's name and version, so that the same figures give the same bytes.
    figure.savefig(path, dpi=100, metadata={"Software": None}, bbox_inches="tight")
