"""What an answer is worth where a photo is warned of: LFW View 2, the second of each pair spoiled.

The same pairs are judged twice: by the rule that such pairs have, as the product does, and as if
nothing had been warned of.
"""

from typing import Any

import numpy as np

from siamese.calibration import ANYBODY, DecisionRule
from siamese.data.populations import SPOILED
from siamese.data.spoiling import spoiled, warned_of
from siamese.evaluation import metrics, plots, verification
from siamese.evaluation.bench import LFW, LFW_PAIRS, Bench
from siamese.evaluation.comparison import Embeddings
from siamese.evaluation.metrics import Scores
from siamese.evaluation.protocol import Protocol

MEASURED_ON = f"LFW View 2, {SPOILED}"


def run(bench: Bench) -> dict[str, Any]:
    """Rates, decisions and calibration by both rules."""
    rule = bench.rule.among(ANYBODY, warned=True)
    scores = _scores(bench)
    own = Scores(rule.pair_logit(scores.genuine), rule.pair_logit(scores.impostor))
    report = {
        **metrics.curve_report(own),
        **_judged(rule, own),
        **verification.curves_report(own, MEASURED_ON),
        "as_without_warning": _judged(bench.rule, scores),
    }
    answers = verification.answered(rule, own)
    plots.draw_scores(bench.out / plots.WARNED, own, answers, report, MEASURED_ON, plots.ANSWERED)
    return report


def _judged(rule: DecisionRule, scores: Scores) -> dict[str, Any]:
    return {
        "operating_points": verification.points_report(rule, scores, MEASURED_ON),
        "decisions": verification.decisions_report(scores, rule),
        "calibration": metrics.probability_report(verification.answered(rule, scores)),
    }


def _scores(bench: Bench) -> Scores:
    """Logits by the rule without a warning, of pairs whose photos both show a face."""
    crops = bench.lfw_crops
    row = {name: number for number, name in enumerate(crops.names)}
    known = [pair for pair in bench.pairs if crops.found[row[pair.a]] and crops.found[row[pair.b]]]
    seconds = sorted({pair.b for pair in known})
    pixels = crops.pixels[[row[name] for name in seconds]]
    window = bench.checkpoint.config.window
    worse = spoiled(pixels, seconds, warned_of(pixels, seconds, window), window)
    second = Embeddings(tuple(seconds), bench.embed(worse))
    a = bench.lfw.vectors[bench.lfw.rows([pair.a for pair in known])]
    logits = bench.compare(a, second.vectors[second.rows([pair.b for pair in known])])
    return Scores.from_labels(logits, np.array([pair.same for pair in known]))


PROTOCOLS = (Protocol("warned", run, (LFW, LFW_PAIRS), warned=True),)
