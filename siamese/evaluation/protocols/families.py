"""Impostors inside a family: relatives look alike."""

from typing import Any

import numpy as np

from siamese.data.people import family, photos_of
from siamese.evaluation import metrics
from siamese.evaluation.bench import FAMILIES, Bench
from siamese.evaluation.metrics import Scores
from siamese.evaluation.protocol import Protocol


def run(bench: Bench) -> dict[str, Any]:
    """Impostors inside a family, at the operating points; nobody of the training part."""
    found = bench.families
    kin, genuine = family_pairs(found.identities)
    scores = Scores(
        bench.compare(found.vectors[genuine[:, 0]], found.vectors[genuine[:, 1]]),
        bench.compare(found.vectors[kin[:, 0]], found.vectors[kin[:, 1]]),
    )
    names = [family(name) for name in found.identities]
    of_pair = [names[row] for row in kin[:, 0]]  # pairs of one family are alike
    rates = {
        point.name: metrics.clustered_rate(scores.impostor >= point.threshold, of_pair).to_dict()
        for point in bench.rule.operating_points
    }
    return {
        "people": len(set(found.identities)),
        "families": len(set(names)),
        **metrics.curve_report(scores),
        "false_match_rates": rates,
    }


def family_pairs(identities: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of pairs inside a family: of two members (K, 2), and of one member (G, 2)."""
    kin, genuine = [], []
    for rows in photos_of([family(name) for name in identities]).values():
        first, second = np.triu_indices(len(rows), 1)
        names = np.array([identities[row] for row in rows])
        same = names[first] == names[second]
        both = np.stack([rows[first], rows[second]], axis=1)
        kin.append(both[~same])
        genuine.append(both[same])
    return np.concatenate(kin), np.concatenate(genuine)


PROTOCOLS = (Protocol("families", run, (FAMILIES,)),)
