"""From scores to the table: pure functions, except `read`."""

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from siamese.evaluation import metrics
from siamese.evaluation.folds import fold_accuracy
from siamese.evaluation.metrics import Scores
from siamese.evaluation.pair_lists import Pair

VIEW_2 = 6000  # pairs
FEW = (
    "**A part of View 2: so few pairs do not tell accuracies apart; the rest does not need more.**"
)
HEAD = (
    "| | accuracy, 10 folds | at its own threshold: accuracy | FMR | FNMR | no face | ECE, Cllr of"
    " what it shows | ms a pair | peak MB | installed MB | runs without network | licence |"
)


def figures(answers: Sequence[dict[str, Any]], pairs: Sequence[Pair]) -> dict[str, Any]:
    """What a rival's answers on these pairs are worth; a failure counts as an error."""
    same = np.array([pair.same for pair in pairs])
    folds = np.array([pair.fold for pair in pairs])
    failed = np.array(["failed" in answer for answer in answers])
    found: dict[str, Any] = {
        "pairs": len(pairs),
        "failed": int(failed.sum()),
        "ms": statistics.median(answer["ms"] for answer in answers),
        "peak_mb": max(answer["peak_mb"] for answer in answers),
    }
    if all(answer.get("same") is None for answer in answers):
        return found  # no weights: nothing but its time
    scores = np.array([answer.get("score", np.nan) for answer in answers])
    said = np.array([bool(answer.get("same")) for answer in answers])
    if len(set(folds.tolist())) > 1:
        found["accuracy"] = fold_accuracy(scores, same, folds).accuracy
    found["own"] = {
        "accuracy": metrics.rate(int(((said == same) & ~failed).sum()), len(same)).to_dict(),
        "fmr": metrics.rate(int(said[~same].sum()), int((~same).sum())).to_dict(),
        "fnmr": metrics.rate(int((~said)[same].sum()), int(same.sum())).to_dict(),
    }
    shown = np.array([np.nan if a.get("shown") is None else a["shown"] for a in answers], float)
    if not np.isnan(shown).all():
        # An infinite logit would make one error of many infinitely bad.
        likely = np.clip(shown, 1e-6, 1 - 1e-6)
        logits = Scores.from_labels(np.log(likely) - np.log1p(-likely), same)
        report = metrics.probability_report(logits)
        found["shown"] = {"ece": report["ece"], "cllr": report["cllr"]}
    return found


def read(path: Path) -> list[dict[str, Any]]:
    """The answers that `runner` wrote."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def row(name: str, found: dict[str, Any]) -> str:
    """A line of the table."""

    def percent(value: float) -> str:
        return f"{100 * value:.2f} %"

    own, shown = found.get("own"), found.get("shown")
    cells = [
        name,
        percent(found["accuracy"]) if "accuracy" in found else "",
        percent(own["accuracy"]["value"]) if own else "no weights in the package: time only",
        percent(own["fmr"]["value"]) if own else "",
        percent(own["fnmr"]["value"]) if own else "",
        str(found["failed"]),
        f"{shown['ece']:.3f}, {shown['cllr']:.3f}" if shown else "shows none" if own else "",
        f"{found['ms']:.0f}",
        f"{found['peak_mb']:.0f}",
        f"{found['installed_mb']:.0f}",
        {True: "yes", False: "not tried"}[found["without_network"]],
        found["licence"],
    ]
    return "| " + " | ".join(cells) + " |"


def markdown(found: dict[str, Any]) -> str:
    """docs/rivals.md."""
    rivals, machine = found["rivals"], found["machine"]
    return "\n".join(
        [
            "# Beside what one would otherwise use",
            "",
            f"Written by `python -m benchmarks.rivals`; do not edit. {machine['pairs']:,} pairs of"
            f" LFW View 2, {machine['date']}, {machine['processor']}, one core. Each is used as its"
            " README teaches, at its own threshold, in an environment of its own; a pair in which"
            " it finds no face counts as an error. Milliseconds are processor time, medians.",
            "",
            *([] if machine["pairs"] >= VIEW_2 else [FEW, ""]),
            HEAD,
            "| --- " * HEAD.count("| ", 0, -1) + "|",
            *(row(name, figures) for name, figures in rivals.items()),
            "",
        ]
    )
