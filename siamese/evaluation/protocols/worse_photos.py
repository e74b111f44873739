"""What a worse photo costs: crops of people, spoiled step by step in one way at a time.

The second crop of each pair is spoiled, the first is left as it is; errors are counted at a fixed
threshold. The limits in `quality` were read off these figures, made with validation people. Beside
each step stands how many of the crops the product would warn of.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from siamese.calibration import CAREFUL
from siamese.data.collection import Collection
from siamese.data.pairs import draw_pairs
from siamese.data.people import Part, family
from siamese.data.split import calibration_pictures
from siamese.data.spoiling import DEGRADATIONS, Degradation, Seen
from siamese.evaluation import metrics
from siamese.evaluation.bench import Bench
from siamese.evaluation.comparison import Comparison
from siamese.evaluation.metrics import Scores
from siamese.evaluation.protocol import Protocol
from siamese.faces.alignment import Window
from siamese.faces.quality import Flag

SPOILED = 600  # pairs of validation people
HARM = 1.5  # a step does harm where FNMR is this many times that of untouched crops


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Crops of people, uint8 (N, S, S, C), and genuine pairs of their rows, int (G, 2).

    `embed` turns crops into (N, D); a pair is accepted at or above `threshold`; the crops show this
    window of the template.
    """

    crops: np.ndarray
    people: Collection
    pairs: np.ndarray
    embed: Callable[[np.ndarray], np.ndarray]
    compare: Comparison
    threshold: float
    window: Window

    def report(self) -> dict[str, Any]:
        """Every degradation, step by step, and what untouched crops give."""
        first = self.embed(self.crops)
        spoilt = np.unique(self.pairs[:, 1])
        whole = [Seen(self.crops[row], self.window) for row in spoilt]
        untouched = self.row(first, whole, tuple(Flag))
        ways = {
            name: self._steps(first, spoilt, way, untouched["fnmr"]["value"])
            for name, way in DEGRADATIONS.items()
        }
        return {
            "people": len(set(self.people.identities)),
            "pairs": len(self.pairs),
            "harm": HARM,
            "untouched": untouched,
            "degradations": ways,
        }

    def _steps(
        self, first: np.ndarray, spoilt: np.ndarray, way: Degradation, untouched: float
    ) -> dict[str, Any]:
        rows = []
        for step in way.steps:
            seen = [way.spoil(self.crops[row], step, self.window) for row in spoilt]
            rows.append({"step": step, **self.row(first, seen, way.flags)})
        harmful = [row["step"] for row in rows if harms(row["fnmr"]["value"], untouched)]
        return {
            "flags": [flag.value for flag in way.flags],
            "first_harmful_step": harmful[0] if harmful else None,
            "steps": rows,
        }

    def row(self, first: np.ndarray, seen: list[Seen], flags: tuple[Flag, ...]) -> dict[str, Any]:
        """Errors of the untouched crops, embedded as `first` (N, D), against the second ones.

        `seen` are the second crops of the pairs, each once, in the order of their row numbers; an
        alarm is one of `flags`.
        """
        second = self.embed(np.stack([one.crop for one in seen]))
        rows, place = np.unique(self.pairs[:, 1], return_inverse=True)
        # As in `pairs.draw_pairs`: of another family, and of one collection.
        families = np.array([family(name) for name in self.people.identities])
        sources = self.people.source_numbers
        strangers = (families[:, None] != families[rows]) & (sources[:, None] == sources[rows])
        scores = Scores(
            self.compare(first[self.pairs[:, 0]], second[place]),
            self.compare.matrix(first, second)[strangers],
        )
        return {
            "fnmr": metrics.false_non_match_rate(scores.genuine, self.threshold).to_dict(),
            "fmr": float(np.mean(scores.impostor >= self.threshold)),
            "eer": metrics.equal_error_rate(scores),
            "warned": sum(bool(one.flags() & set(flags)) for one in seen) / len(seen),
        }


def harms(fnmr: float, ordinary: float) -> bool:
    """Is this error rate so far above the ordinary one that a warning is due?"""
    return fnmr > ordinary and fnmr >= HARM * ordinary


def run(bench: Bench) -> dict[str, Any]:
    """Crops of validation people spoiled step by step: what it costs, and what is warned of."""
    point = bench.rule.point(CAREFUL)
    found = calibration_pictures(bench.sources(), Part.VALIDATION)
    families = Counter(source for source, _ in {(p.source, family(p.identity)) for p in found})
    pictures = [p for p in found if families[p.source] > 1]  # others have no impostor pairs
    pairs = draw_pairs(Collection(tuple(pictures))).genuine
    chosen = np.random.default_rng(0).permutation(pairs)[:SPOILED]
    rows, places = np.unique(chosen, return_inverse=True)
    kept = bench.read([pictures[row] for row in rows])
    trial = Trial(
        kept.crops(bench.checkpoint.config.network.image_size),
        kept,
        places.reshape(chosen.shape),
        bench.embed,
        bench.compare,
        point.threshold,
        bench.checkpoint.config.window,
    )
    return {"operating_point": point.name, **trial.report()}


PROTOCOLS = (Protocol("worse_photos", run, sources=True),)
