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
from dataclasses import dataclass, replace

import numpy as np

from siamese.calibration import (
    ANYBODY,
    CHILDREN,
    PEERS,
    RELATIVES,
    Bounds,
    DecisionRule,
    Population,
)
from siamese.data.collection import Collection
from siamese.data.pairs import draw_pairs, genuine_pairs
from siamese.data.populations import PAIRS, SPOILED, WHO, Alike
from siamese.data.split import fits
from siamese.errors import InputError
from siamese.evaluation import fitting
from siamese.evaluation.comparison import Comparison
from siamese.evaluation.fitting import Thresholds
from siamese.evaluation.metrics import Scores
from siamese.evaluation.verification import error_curve, measured_point

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
    people = {PEERS: aged, CHILDREN: aged, RELATIVES: calibration}
    return _all_of(people, compare, calibration, warned=False)


def fit_warned(
    compare: Comparison, calibration: Collection, aged: Collection | None, rule: DecisionRule
) -> tuple[Population, ...]:
    """The same, and anybody, for pairs with a photo that is warned of: the second of each is.

    The collections' pictures are there `spoiled` too. No likelihood ratio goes further than those
    of the `rule` for the same population without a warning.
    """
    people = {ANYBODY: calibration, PEERS: aged, CHILDREN: aged, RELATIVES: calibration}
    people = {name: shown for name, shown in people.items() if name in rule.names}
    found = _all_of(people, compare, calibration, warned=True)
    return tuple(
        replace(population, bounds=_within(population.bounds, rule.among(population.name).bounds))
        for population in found
    )


def _all_of(
    people: Mapping[str, Collection | None],
    compare: Comparison,
    calibration: Collection,
    warned: bool,
) -> tuple[Population, ...]:
    """Those of these populations that there is enough of, with the people who show them."""
    if calibration.split.impostors_within:
        return ()
    found = []
    for name, shown in people.items():
        if shown is not None:
            try:
                found.append(_population(name, compare, calibration, shown, warned))
            except InputError as error:
                print(f"no population '{name}': {error}", file=sys.stderr)
    return tuple(found)


def _within(own: Bounds, widest: Bounds | None) -> Bounds:
    if widest is None:
        return own
    return replace(
        own,
        log10_low=max(own.log10_low, widest.log10_low),
        log10_high=min(own.log10_high, widest.log10_high),
    )


def _population(
    name: str, compare: Comparison, calibration: Collection, shown: Collection, warned: bool
) -> Population:
    fit, report = (
        _counted(name, compare, _half(calibration, first), _half(shown, first), warned)
        for first in (True, False)
    )
    platt = fitting.fit_platt(fit.scores)
    fitted, measured = platt.of(fit.scores), platt.of(report.scores)
    thresholds = _strictest(fitted, fit.bands)
    on, genuine_on = (
        ", ".join([who, *([SPOILED] if warned else []), "the half that reports"])
        for who in (WHO[name], WHO[ANYBODY])
    )
    return Population(
        name,  # type: ignore[arg-type]  # a key of `WHO`
        platt.scale,
        platt.offset,
        tuple(
            measured_point(point, threshold, measured, on, report.people)
            for point, threshold in thresholds.points.items()
        ),
        thresholds.different_below,
        error_curve(measured.impostor, on, report.people),
        fitting.fit_bounds(fitted),
        warned,
        error_curve(-measured.genuine, genuine_on),
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


def _counted(
    name: str, compare: Comparison, people: Collection, shown: Collection, warned: bool
) -> Counted:
    """Genuine pairs of `people`, impostor pairs of this population among those `shown`."""
    alike = _alike(name, shown)
    if len(alike.rows) < MIN_PAIRS:
        raise InputError(f"there are {len(alike.rows)} pairs, and {MIN_PAIRS} are needed.")
    genuine = genuine_pairs(people, np.random.default_rng(0))

    def logits(rows: np.ndarray, of: Collection) -> np.ndarray:
        return compare.of_rows(rows, of.vectors, of.spoiled if warned else None)

    return Counted(
        Scores(logits(genuine, people), logits(alike.rows, shown)), alike.people, alike.bands
    )


def _alike(name: str, shown: Collection) -> Alike:
    """Impostor pairs of this population; of anybody those that a calibration draws."""
    if name == ANYBODY:
        return Alike.of(draw_pairs(shown).distinct().impostor, shown.pictures)
    return PAIRS[name](shown.pictures)
