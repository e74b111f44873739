"""Who else it could be: false matches within each population that can be named, on test people.

Children, and people of one sex, origin and age, are those of test_groups, by its labels; relatives
are families of which nothing was fitted. Genuine pairs are those of LFW View 2: what naming a
population costs.
"""

from typing import Any

import numpy as np

from siamese.calibration import ANYBODY, CHILDREN, PEERS, RELATIVES
from siamese.data.people import Part, part_of
from siamese.data.populations import PAIRS, WHO
from siamese.data.split import fits
from siamese.evaluation import metrics, plots, verification
from siamese.evaluation.bench import FAMILIES, GROUPS, LFW, LFW_PAIRS, Bench
from siamese.evaluation.metrics import Scores
from siamese.evaluation.protocol import Protocol
from siamese.evaluation.protocols.lfw import MEASURED_ON

SOURCES = {PEERS: GROUPS, CHILDREN: GROUPS, RELATIVES: FAMILIES}


def run(bench: Bench) -> dict[str, Any]:
    """Rates at the points of each population, and the cost of its likelihood ratios."""
    return {name: _report(bench, name) for name in bench.rule.names if name != ANYBODY}


def _report(bench: Bench, name: str) -> dict[str, Any]:
    shown = bench.families.of(_unused) if name == RELATIVES else bench.groups
    alike = PAIRS[name](shown.pictures)
    logits = bench.compare.of_rows(alike.rows, shown.vectors)
    scores = Scores(bench.lfw_known.genuine, logits)
    rule = bench.rule.among(name)
    own = Scores(rule.pair_logit(scores.genuine), rule.pair_logit(scores.impostor))
    on = f"{WHO[name]} ({SOURCES[name]}); same people: {MEASURED_ON}"
    answers = verification.answered(rule, own)
    report = {
        "pictures": len(np.unique(alike.rows)),
        "impostor_pairs": len(alike.rows),
        "as_anybody": verification.points_report(bench.rule, scores, on, alike.people),
        "operating_points": verification.points_report(rule, own, on, alike.people),
        **verification.curves_report(own, on, MEASURED_ON, alike.people),
        "cllr_as_anybody": metrics.cllr(verification.answered(bench.rule, scores)),
        "cllr": metrics.cllr(answers),
    }
    folder = bench.out / plots.FOLDER / name
    plots.draw_scores(folder, own, answers, report, name, plots.LIKELIHOOD)
    return report


def _unused(who: str) -> bool:
    """Whether nothing was fitted on this person."""
    part = part_of(who)
    return part is Part.VALIDATION or (part is Part.CALIBRATION and not fits(who))


PROTOCOLS = (Protocol("populations", run, (GROUPS, FAMILIES, LFW, LFW_PAIRS)),)
