"""Do photos that people took fail more often the less ordinary they are?

What cannot be put on step by step (`worse_photos`): where a face looks, and how sure the detector
is of it, both as found again in the stored, aligned crop, not in the photo that it came from.
Genuine pairs of one ordinary crop and one of each range; the limits in `quality` were read off
such figures, made with validation people.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from siamese.calibration import CAREFUL
from siamese.data.pairs import genuine_pairs
from siamese.data.people import Part
from siamese.data.split import calibration_pictures
from siamese.evaluation import metrics
from siamese.evaluation.bench import Bench
from siamese.evaluation.protocol import Protocol
from siamese.evaluation.protocols.worse_photos import HARM, harms
from siamese.faces import quality
from siamese.faces.detector import Face, FaceDetector
from siamese.faces.quality import Flag
from siamese.photos import load


@dataclass(frozen=True, slots=True)
class Measure:
    """A property of a face, the ranges from ordinary to extreme, and the warning that hangs on it.

    A range holds values from its first number up to, not with, its second.
    """

    of: Callable[[Face], float]
    ranges: tuple[tuple[float, float], ...]
    flag: Flag | None


MEASURES: dict[str, Measure] = {
    "nose aside: distances of the eyes": Measure(
        lambda face: abs(quality.nose_offset(face.landmarks)),
        ((0, 0.2), (0.2, 0.25), (0.25, 0.3), (0.3, 0.4), (0.4, math.inf)),
        Flag.TURNED_AWAY,
    ),
    "nose up or down: of eyes to mouth": Measure(
        lambda face: abs(quality.nose_height(face.landmarks) - 0.5),
        ((0, 0.15), (0.15, 0.2), (0.2, 0.25), (0.25, math.inf)),
        None,
    ),
    "detector's score": Measure(
        lambda face: face.score,
        ((0.99, math.inf), (0.97, 0.99), (0.9, 0.97)),
        Flag.LOW_SCORE,
    ),
}


def report(
    faces: Sequence[Face | None], pairs: np.ndarray, scores: np.ndarray, threshold: float
) -> dict[str, Any]:
    """Every measure, range by range.

    `faces` (N,) are those found in the photos, None where there is none; `pairs` are the rows of
    genuine pairs, int (G, 2), and `scores` their logits. Raises no error for an empty range.
    """
    found = np.array([face is not None for face in faces])
    return {
        "photos": len(faces),
        "without_face": int((~found).sum()),
        "harm": HARM,
        "measures": {
            name: _ranges(measure, faces, pairs, scores, threshold)
            for name, measure in MEASURES.items()
        },
    }


def _ranges(
    measure: Measure,
    faces: Sequence[Face | None],
    pairs: np.ndarray,
    scores: np.ndarray,
    threshold: float,
) -> dict[str, Any]:
    values = np.array([np.nan if face is None else measure.of(face) for face in faces])
    ordinary = _within(values, measure.ranges[0])
    rows: list[dict[str, Any]] = []
    for limits in measure.ranges:
        chosen = _within(values, limits)
        a, b = pairs.T
        taken = (chosen[a] & ordinary[b]) | (chosen[b] & ordinary[a])
        fnmr = metrics.false_non_match_rate(scores[taken], threshold).to_dict()
        end = limits[1] if math.isfinite(limits[1]) else None
        rows.append({"from": limits[0], "to": end, "photos": int(chosen.sum()), "fnmr": fnmr})
    usual = rows[0]["fnmr"]["value"]
    harmful = [row["from"] for row in rows[1:] if harms(row["fnmr"]["value"], usual)]
    return {
        "flag": measure.flag.value if measure.flag else None,
        "first_harmful_range": next(iter(harmful), None),
        "ranges": rows,
    }


def _within(values: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    return (values >= limits[0]) & (values < limits[1])


def run(bench: Bench) -> dict[str, Any]:
    """Photos of validation people as they are: what those cost that are far from ordinary."""
    point, detector = bench.rule.point(CAREFUL), FaceDetector()
    people = bench.embedded(calibration_pictures(bench.sources(), Part.VALIDATION))
    photos = tqdm(people.whole(), "finding faces")
    faces = [upright_face(detector, pixels) for pixels in photos]
    pairs = genuine_pairs(people, np.random.default_rng(0))
    scores = bench.compare(people.vectors[pairs[:, 0]], people.vectors[pairs[:, 1]])
    found = report(faces, pairs, scores, point.threshold)
    count = len(set(people.identities))
    return {"operating_point": point.name, "people": count, "pairs": len(pairs), **found}


def upright_face(detector: FaceDetector, pixels: np.ndarray) -> Face | None:
    """The default face of an upright picture, None where it has none that is upright."""
    upright = [face for face in detector.detect([load(pixels)])[0] if not face.turned]
    return upright[0] if upright else None


PROTOCOLS = (Protocol("unusual_photos", run, sources=True),)
