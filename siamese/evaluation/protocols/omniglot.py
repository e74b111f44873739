"""Omniglot: the official one-shot runs, and pairs of characters of the evaluation alphabets.

Lake, Salakhutdinov and Tenenbaum 2015. Each of the 20 runs has one picture each of 20 characters of
one alphabet, all by one hand, and one picture each of the same characters by another hand, which
are to be named. The network has seen none of these alphabets, and no hand of theirs.
"""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from siamese.calibration import DecisionRule
from siamese.data import people
from siamese.data.collection import Collection
from siamese.data.pairs import draw_pairs
from siamese.data.split import ALPHABETS
from siamese.errors import InputError
from siamese.evaluation import metrics, verification
from siamese.evaluation.bench import Bench
from siamese.evaluation.comparison import Comparison
from siamese.evaluation.metrics import Scores
from siamese.evaluation.protocol import Protocol

RUNS, CHARACTERS = "all_runs.zip", "images_evaluation.zip"
LABELS = "class_labels.txt"
MEASURED_ON = "pairs inside the evaluation alphabets of Omniglot"


@dataclass(frozen=True, slots=True)
class Run:
    """One official run: pictures by name; `answers[i]` is the support picture of `queries[i]`."""

    name: str
    queries: tuple[str, ...]
    answers: tuple[str, ...]

    @property
    def support(self) -> tuple[str, ...]:
        """The pictures to choose from, in the order of their names."""
        return tuple(sorted(self.answers))

    @property
    def targets(self) -> np.ndarray:
        """For each query the place of its answer in `support`: int64 (Q,)."""
        return np.array([self.support.index(answer) for answer in self.answers], np.int64)


def read_runs(path: Path) -> list[Run]:
    """The runs of all_runs.zip, in order.

    Raises InputError where a label file names a picture that is not there, or one twice.
    """
    with zipfile.ZipFile(path) as archive:
        there = set(archive.namelist())
        files = sorted(name for name in there if PurePosixPath(name).name == LABELS)
        runs = [_run(name, archive.read(name).decode("utf-8")) for name in files]
    missing = [name for run in runs for name in (*run.queries, *run.answers) if name not in there]
    if missing or not runs:
        what = f"'{missing[0]}' is missing" if missing else f"no {LABELS}"
        raise InputError(f"{path} does not hold the official runs: {what}.")
    return runs


def one_shot_report(logits: Sequence[np.ndarray], runs: Sequence[Run]) -> dict[str, Any]:
    """How often the right character scored highest (a tie is an error), as data.

    `logits[r]` (Q, K) compares the queries of run r with its support.
    """
    right = [_right(found, run.targets) for found, run in zip(logits, runs, strict=True)]
    shares = np.array([hits.mean() for hits in right])
    spread = float(shares.std(ddof=1)) if len(shares) > 1 else 0.0
    return {
        "runs": len(runs),
        "trials": sum(len(hits) for hits in right),
        "accuracy": float(shares.mean()),
        "standard_error": spread / float(np.sqrt(len(shares))),
        "run_accuracies": shares.tolist(),
        "correct": metrics.rate(
            int(sum(hits.sum() for hits in right)), sum(len(hits) for hits in right)
        ).to_dict(),
    }


def pixel_scores(pictures: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Scores (Q, K) of 1-nearest-neighbour on pixels: minus the squared distance of the levels.

    Both are uint8 (N, ...) of the same size.
    """
    a, b = (values.reshape(len(values), -1) / 255.0 for values in (pictures, others))
    return np.asarray(2 * a @ b.T - (a * a).sum(1)[:, None] - (b * b).sum(1)[None])


def pick_report(
    logits: Sequence[np.ndarray], runs: Sequence[Run], rule: DecisionRule
) -> dict[str, Any]:
    """What the product's pick says in these runs, and where the right character is taken away."""
    named, wrong, none, stranger = 0, 0, 0, 0
    for found, run in zip(logits, runs, strict=True):
        for row, target in zip(found, run.targets, strict=True):
            answer = _picked(row, rule)
            named, wrong = named + (answer == target), wrong + (answer not in (target, None))
            none += answer is None
            stranger += _picked(np.delete(row, target), rule) is not None
    trials = sum(len(run.queries) for run in runs)
    counts = {"right_name": named, "wrong_name": wrong, "none": none, "stranger_named": stranger}
    return {name: metrics.rate(int(count), trials).to_dict() for name, count in counts.items()}


def pairs_report(compare: Comparison, found: Collection, rule: DecisionRule) -> dict[str, Any]:
    """Verification on pairs: equal numbers of both kinds, impostors inside an alphabet.

    `anywhere` is the same with impostors from all alphabets, which is far easier.
    """
    within = _balanced(compare, found, found)
    anywhere = _balanced(compare, found, Collection.named(found.identities))
    return {
        "characters": len(set(found.identities)),
        "alphabets": len(set(found.sources)),
        "operating_point": rule.point().name,
        **_pairs(within, rule),
        "operating_points": verification.points_report(rule, within, MEASURED_ON),
        **verification.curves_report(within, MEASURED_ON),
        "anywhere": _pairs(anywhere, rule),
    }


def _pairs(scores: Scores, rule: DecisionRule) -> dict[str, Any]:
    """Accuracy at a threshold that was fitted elsewhere, curve and probability, as data."""
    values, same = scores.labelled()
    hits = (values >= rule.point().threshold) == same
    return {
        "accuracy": metrics.rate(int(hits.sum()), len(hits)).to_dict(),
        **metrics.curve_report(scores),
        "calibration": metrics.probability_report(verification.answered(rule, scores)),
    }


def _balanced(compare: Comparison, found: Collection, drawn_as: Collection) -> Scores:
    return compare.scores(draw_pairs(drawn_as, impostors=None), found.vectors)


def _run(name: str, labels: str) -> Run:
    pairs = [line.split() for line in labels.splitlines() if line.strip()]
    folder = PurePosixPath(name).parent
    if any(len(pair) != 2 for pair in pairs) or len({pair[1] for pair in pairs}) != len(pairs):
        raise InputError(f"{name} must name one query and its own answer in each line.")
    # The labels name the run themselves; what stands above it in the zip is put in front.
    above = folder.parent.as_posix()
    prefix = "" if above == "." else f"{above}/"
    queries, answers = zip(*((prefix + a, prefix + b) for a, b in pairs), strict=True)
    return Run(folder.name, queries, answers)


def _right(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    rows = np.arange(len(targets))
    own = logits[rows, targets]
    others = logits.copy()
    others[rows, targets] = -np.inf
    return np.asarray(own > others.max(axis=1))


def _picked(logits: np.ndarray, rule: DecisionRule) -> int | None:
    """Place of the character that the pick names; None for none of these."""
    return rule.pick(rule.pair_logit(logits), rule.point())[2]


def run(bench: Bench) -> dict[str, Any]:
    """Omniglot: the official one-shot runs, the floor on pixels, the pick, and pairs."""
    runs = read_runs(bench.data / RUNS)
    pictures = people.list_pictures(bench.data / RUNS, labelled=False)
    found = bench.embedded(pictures)
    pixels = found.pixels[:, :-1]
    row = {picture.name: number for number, picture in enumerate(pictures)}
    sides = [([row[n] for n in run.queries], [row[n] for n in run.support]) for run in runs]
    logits = [bench.compare.matrix(found.vectors[q], found.vectors[s]) for q, s in sides]
    floor = [pixel_scores(pixels[q], pixels[s]) for q, s in sides]
    characters = people.list_pictures(bench.data / CHARACTERS)
    held = bench.embedded(characters, ALPHABETS)
    return {
        "one_shot": one_shot_report(logits, runs),
        "chance": 1 / len(runs[0].support),
        "pixels": one_shot_report(floor, runs),
        "pick": pick_report(logits, runs, bench.rule),
        "verification": pairs_report(bench.compare, held, bench.rule),
    }


PROTOCOLS = (Protocol("omniglot", run, (RUNS, CHARACTERS), "drawings"),)
