"""From scores to the table: pure functions, except `read`."""

import json
import statistics
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from siamese.evaluation import metrics
from siamese.evaluation.folds import fold_accuracy
from siamese.evaluation.metrics import Scores
from siamese.evaluation.pair_lists import Pair

VIEW_2 = 6000  # pairs
HEAD = (
    "| | pairs | accuracy by folds | at its own threshold: accuracy | FMR | FNMR | no face | ECE,"
    " Cllr of what it shows | ms a pair | peak MB | installed MB | runs without network | licence |"
)
Answers = Mapping[tuple[str, str], Mapping[str, Any]]


def figures(
    answers: Answers, pairs: Sequence[Pair], beside: Collection[str], weights: bool = True
) -> dict[str, Any]:
    """What a rival's answers are worth, on those folds of `pairs` that it has answered wholly.

    A failure counts as an error. Its time is that in which all of `beside` were asked in turns, if
    there is such. Without weights nothing counts but its time.
    """
    missed = {pair.fold for pair in pairs if (pair.a, pair.b) not in answers}
    known = [pair for pair in pairs if not weights or pair.fold not in missed]
    given = [answers[pair.a, pair.b] for pair in known if (pair.a, pair.b) in answers]
    in_turns = [answer for answer in answers.values() if set(beside) <= set(answer["beside"])]
    found: dict[str, Any] = {
        "pairs": len(given),
        "ms": statistics.median(answer["ms"] for answer in in_turns or answers.values()),
        "peak_mb": max(answer["peak_mb"] for answer in answers.values()),
    }
    return found | _worth(given, known) if weights and known else found


def _worth(answers: Sequence[Mapping[str, Any]], pairs: Sequence[Pair]) -> dict[str, Any]:
    """Error rates of answers to these pairs, and what the number that is shown is worth."""
    same = np.array([pair.same for pair in pairs])
    folds = np.array([pair.fold for pair in pairs])
    failed = np.array(["failed" in answer for answer in answers])
    scores = np.array([answer.get("score", np.nan) for answer in answers])
    said = np.array([bool(answer.get("same")) for answer in answers])
    found: dict[str, Any] = {"failed": int(failed.sum())}
    if len(set(folds.tolist())) > 1:
        fitted = fold_accuracy(scores, same, folds)
        found["accuracy"], found["standard_error"] = fitted.accuracy, fitted.standard_error
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


def read(path: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """The answers that were kept, by pair."""
    if not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return {(line["pair"][0], line["pair"][1]): line for line in lines}


def row(name: str, found: dict[str, Any]) -> str:
    """A line of the table."""

    def percent(value: float) -> str:
        return f"{100 * value:.2f} %"

    own, shown = found.get("own"), found.get("shown")
    cells = [
        name,
        f"{found['pairs']:,}",
        f"{percent(found['accuracy'])} ± {percent(found['standard_error'])}"
        if "accuracy" in found
        else "",
        percent(own["accuracy"]["value"]) if own else "time only",
        percent(own["fmr"]["value"]) if own else "",
        percent(own["fnmr"]["value"]) if own else "",
        str(found.get("failed", "")),
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
            "Written by `python -m benchmarks.rivals`; do not edit. Measured on LFW View 2"
            f" ({VIEW_2:,} pairs in 10 folds) by {machine['date']} on {machine['processor']}. Each"
            " is used as its README teaches, at its own threshold, in an environment of its own; a"
            " pair in which it finds no face counts as an error. Where there are fewer pairs, it"
            " answered those of the first folds only: compare no accuracies across them.",
            "",
            "Milliseconds are processor time of one thread, medians of those pairs about which all"
            " were asked in turns, so what else the machine did slowed all of them alike: ratios"
            " hold, and an idle machine is faster. Time only: the package holds no weights, or no"
            " fold was answered wholly.",
            "",
            HEAD,
            "| --- " * HEAD.count("| ", 0, -1) + "|",
            *(row(name, figures) for name, figures in rivals.items()),
            "",
        ]
    )
