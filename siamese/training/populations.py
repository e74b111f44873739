"""Who else it could be: how pairs are judged in each population that a user can name.

Faces of one kind are more alike than two random ones, so the same score is weaker evidence among
them. For each population with enough counted impostor pairs the calibrated logit gets a second
affine correction, with thresholds, bounds and error rates of its own (`calibration.Population`).
One half of the people fits, the other half reports, as with anybody.

Genuine pairs of children, or of people whose kind is known, there are none: theirs are those of all
calibration people. So an answer allows for how alike different children are, and not for how much
one child changes.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from siamese.calibration import CHILDREN, PEERS, RELATIVES, Population
from siamese.data.collection import Collection
from siamese.data.pairs import genuine_pairs
from siamese.data.populations import PAIRS, WHO
from siamese.data.split import fits
from siamese.errors import InputError
from siamese.evaluation import fitting
from siamese.evaluation.comparison import Comparison
from siamese.evaluation.fitting import Thresholds
from siamese.evaluation.metrics import Scores
from siamese.evaluation.verification import false_match_curve, measured_point

MIN_BAND = 500  # pairs of one band of ages, in each half, to have a say in the thresholds
MIN_PAIRS = 1000  # of different people, in each half: the rate of 0.1 % rests on one of them


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """Calibrated logits of pairs, and the people of the impostor pairs (see `Alike`)."""

    scores: Scores
    people: np.ndarray
    bands: np.ndarray


def fit_populations(
    compare: Comparison, calibration: Collection, aged: Collection | None
) -> tuple[Population, ...]:
    """Every population of which there are enough pairs, by the calibrated `compare`.

    `calibration` are the calibration people, families among them; `aged` pictures of strangers
    whose names tell an age, none of which made the cohort. A population that there is too little
    of is left out, and stderr says so. Where characters are told apart there is none.
    """
    if calibration.split.impostors_within:
        return ()
    people: Mapping[str, Collection | None] = {
        PEERS: aged,
        CHILDREN: aged,
        RELATIVES: calibration,
    }
    found = []
    for name, shown in people.items():
        if shown is not None:
            try:
                found.append(_population(name, compare, calibration, shown))
            except InputError as error:
                print(f"no population '{name}': {error}", file=sys.stderr)
    return tuple(found)


def _population(
    name: str, compare: Comparison, calibration: Collection, shown: Collection
) -> Population:
    halves = [
        _counted(name, compare, _half(calibration, fitting_half), _half(shown, fitting_half))
        for fitting_half in (True, False)
    ]
    fit, report = halves
    platt = fitting.fit_platt(fit.scores)

    def raised(scores: Scores) -> Scores:
        return Scores(
            platt.scale * scores.genuine + platt.offset,
            platt.scale * scores.impostor + platt.offset,
        )

    fitted, measured = raised(fit.scores), raised(report.scores)
    thresholds, on = _strictest(fitted, fit.bands), f"{WHO[name]}, the half that reports"
    return Population(
        name,  # type: ignore[arg-type]  # a key of `PAIRS`
        platt.scale,
        platt.offset,
        tuple(
            measured_point(point, threshold, measured, on, report.people)
            for point, threshold in thresholds.points.items()
        ),
        thresholds.different_below,
        false_match_curve(measured.impostor, on, report.people),
        fitting.fit_bounds(fitted),
    )


def _strictest(scores: Scores, bands: np.ndarray) -> Thresholds:
    """Thresholds that keep their rates in each band of ages too: the youngest are the most alike.

    Nobody says how old the children are.
    """
    counts = np.bincount(bands)
    own = [scores.impostor] + [
        scores.impostor[bands == band] for band in np.flatnonzero(counts >= MIN_BAND)
    ]
    found = [fitting.fit_thresholds(Scores(scores.genuine, impostor)) for impostor in own]
    points = {name: max(each.points[name] for each in found) for name in found[0].points}
    return Thresholds(points, found[0].different_below)


def _half(shown: Collection, fitting_half: bool) -> Collection:
    """The half that fits, or the other one; pictures without an identity are split by name."""
    return shown.where(
        np.array([fits(p.identity or p.name) == fitting_half for p in shown.pictures], bool)
    )


def _counted(name: str, compare: Comparison, people: Collection, shown: Collection) -> Counted:
    """Genuine pairs of `people`, impostor pairs of this population among those `shown`."""
    alike = PAIRS[name](shown.pictures)
    if len(alike.rows) < MIN_PAIRS:
        raise InputError(f"there are {len(alike.rows)} pairs, and {MIN_PAIRS} are needed.")
    genuine = genuine_pairs(people, np.random.default_rng(0))
    return Counted(
        Scores(
            compare(*people.vectors[genuine].swapaxes(0, 1)),
            compare(*shown.vectors[alike.rows].swapaxes(0, 1)),
        ),
        alike.people,
        alike.bands,
    )
