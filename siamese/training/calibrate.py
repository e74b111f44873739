"""`python -m siamese calibrate`: make the sigmoid a probability, and fit the thresholds.

The calibration people of the given sources, whom no training stage has used, are split by a hash:
one half fits, the other half reports. Where they are too few for that, all of them fit, and what
is reported is cross-validated by person. The Platt correction is folded into the linear layer and
the checkpoint is saved; what config.json keeps of the fit is provenance, no answer depends on it.
"""

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from siamese import checkpoint as checkpoints
from siamese.calibration import DecisionRule, OperatingPoint
from siamese.checkpoint import Checkpoint
from siamese.data import people
from siamese.data.collection import Collection
from siamese.data.pairs import PairRows, draw_pairs
from siamese.data.people import Part
from siamese.data.pixels import CACHE
from siamese.data.populations import labels_of
from siamese.data.reference import Reference
from siamese.data.split import (
    all_calibration_pictures,
    check_enough,
    fits,
    make_halves,
    split_of,
    strangers_in,
)
from siamese.data.targets import contradicted_names
from siamese.errors import InputError
from siamese.evaluation import fitting, metrics
from siamese.evaluation.comparison import Comparison
from siamese.evaluation.cross_validation import cross_validate
from siamese.evaluation.fitting import SupportMethod
from siamese.evaluation.joins import fit_joins
from siamese.evaluation.metrics import Scores
from siamese.evaluation.verification import error_curve, measured_point
from siamese.network import Siamese
from siamese.training.cohort import (
    Fit,
    centres,
    fit_relative,
    fits_cohort,
    pairs_of_one_kind,
    some_of,
)
from siamese.training.populations import fit_populations, fit_warned
from siamese.training.provenance import made_by

REPORTED_ON = "calibration people, the half that reports"
CROSS_VALIDATED = "calibration people, cross-validated by person"
RUNTIME_METHOD = SupportMethod.MEAN_EMBEDDING  # what `Gallery.means` does


def calibrate(
    folder: Path,
    data: Sequence[Path],
    teacher: Path | None,
    out: Path,
    cache: Path = CACHE,
    license: str | None = None,
    license_reason: str = "",
    mirrored: bool | None = None,
    unlabelled: Sequence[Path] = (),
    bases: int | None = None,
    origin: Mapping[str, Any] | None = None,
) -> Checkpoint:
    """Calibrate the checkpoint in `folder` on `data` and save it in `out`, which may be the same.

    `teacher` is an independent reference network (as for training); given that, pictures whose
    label it contradicts are left out, and config.json lists them. `license` is what the weights may
    be used under, with one sentence why; `mirrored` whether pictures are embedded together with
    their mirror images; `bases` how many the embedding is written in (`backbones.tight_frame`).
    None leaves these as config.json says.
    `unlabelled` are pictures of strangers, each of another person, some of them with an age in the
    name: they make the cohort that a pair is judged against (see `network.Head`), and tell how
    alike people of one kind are (see `populations`). `origin` is what else the record shall say.
    Raises InputError with what is missing where there are too few people, or where there is a
    reason for no licence; `out` is then as it was.
    """
    if license_reason and not license:
        raise InputError("A reason for a licence was given without the licence; add --license.")
    raw = checkpoints.load_folder(folder)
    if mirrored is not None:
        raw = _with(raw, raw.network.with_mirror(mirrored))
    if bases is not None:
        raw = _with(raw, raw.network.in_bases(bases))
    split = split_of(raw.config)
    hashes = {source: people.fingerprint(source) for source in data}
    strangers = strangers_in(hashes, raw.config)
    pictures = all_calibration_pictures(data, split, strangers)
    reference = Reference(teacher, cache) if teacher else None
    excluded = contradicted_names(pictures, reference)
    kept = [picture for picture in pictures if picture.name not in excluded]
    check_enough(kept)
    few = not make_halves(kept)
    found = everybody = Collection.read(kept, raw.config, cache, split).embedded(raw.network)
    if not few and raw.config.detector != "none":
        everybody = found.embedded_spoiled(raw.network, raw.config.window)
        if make_halves(everybody.unwarned.pictures):
            found = everybody.unwarned
    fitting_on = found if few else found.of(fits)
    others = [] if few else split.of(people.list_people(data), Part.VALIDATION)
    validation = found.of(lambda _: False)
    if others:
        validation = Collection.read(others, raw.config, cache, split).embedded(raw.network)
    alike = aged = None
    if unlabelled:
        raw, alike, aged = _with_cohort(raw, unlabelled, cache)
        if len(everybody.spoiled):
            aged = aged.embedded_spoiled(raw.network, raw.config.window)
    # The linear layer as rounded to 16 bits: thresholds must fit that one. Not in `out` yet, whose
    # rule may be all that is left where there turn out to be too few people.
    with tempfile.TemporaryDirectory() as rounded:
        fit = _fold(raw, fitting_on, alike, few, Path(rounded))
        folded = checkpoints.load_folder(Path(rounded))
    compare = Comparison.of(folded.network)
    rule = (_crossed_decision if few else _decision)(compare, found)
    if not few:
        rule = _with_populations(rule, compare, found, everybody, aged)
        rule = dataclasses.replace(rule, joins=fit_joins(compare, validation))
    provenance = {
        **(origin or {}),
        **made_by(),
        "split": split.name,
        **_counts(fitting_on),
        "cross_validated": few,
        "sources": {source.name: sha256 for source, sha256 in hashes.items()},
        "sources_of_strangers": strangers,
        "cohort_sources": {source.name: people.fingerprint(source) for source in unlabelled},
        "teacher_sha256": reference.sha256 if reference else None,
        "excluded": sorted(excluded),
        "warned_left_out": len(everybody.pictures) - len(found.pictures),
        "fit": dataclasses.asdict(fit),
        "support_method": RUNTIME_METHOD.value,
        "support_log_loss_on_validation": _support_losses(compare, fitting_on, validation),
    }
    config = dataclasses.replace(folded.config, decision=rule, calibration=provenance)
    if license:
        config = dataclasses.replace(config, license=license, license_reason=license_reason)
    checkpoints.save(out, folded.network, config)
    return checkpoints.load_folder(out)


def _with(raw: Checkpoint, network: Siamese) -> Checkpoint:
    """The checkpoint with another form of its network."""
    config = dataclasses.replace(raw.config, network=network.config)
    return dataclasses.replace(raw, network=network, config=config)


def _with_cohort(
    raw: Checkpoint, unlabelled: Sequence[Path], cache: Path
) -> tuple[Checkpoint, np.ndarray, Collection]:
    """The checkpoint with a cohort, and strangers who are not in there.

    Those are embeddings (N, 2, D) of pairs of one kind, and all pictures whose names tell an age.
    """
    loose = [p for source in unlabelled for p in people.list_pictures(source, labelled=False)]
    pictures = some_of(loose)
    vectors = Collection.read(pictures, raw.config, cache).embedded(raw.network).vectors
    makes = np.array([fits_cohort(picture) for picture in pictures])
    network = raw.network.with_cohort(centres(vectors[makes]))
    others = [p for p, made in zip(pictures, makes, strict=True) if not made]
    alike = vectors[~makes][pairs_of_one_kind(others)]
    aged = [p for p in loose if labels_of(p.name) and not fits_cohort(p)]
    shown = Collection.read(aged, raw.config, cache).embedded(raw.network)
    return _with(raw, network), alike, shown


def _fold(
    raw: Checkpoint, found: Collection, alike: np.ndarray | None, few: bool, out: Path
) -> Fit:
    """Fit the probability, fold it into the network, and save that in `out`."""
    pairs, compare = draw_pairs(found), Comparison.of(raw.network)
    if alike is None:
        people = _paired(found, pairs) if few else None
        scores = compare.scores(pairs.distinct() if few else pairs, found.vectors)
        platt = fitting.fit_platt(scores, people)
        # A cohort goes on counting as it did: isolations are scaled with the weights.
        fit = Fit(platt.scale, platt.offset, compare.relative)
    else:
        fit = fit_relative(compare, pairs, found.vectors, alike)
    raw.network.fold(fit.scale, fit.offset, fit.relative)
    config = dataclasses.replace(raw.config, decision=None, calibration={})
    checkpoints.save(out, raw.network, config)
    return fit


def _paired(found: Collection, pairs: PairRows) -> int:
    """How many people have a genuine pair: those who have but one picture vouch for nothing."""
    return len({found.identities[row] for row in pairs.genuine[:, 0]})


def _decision(compare: Comparison, found: Collection) -> DecisionRule:
    """The decision rule of the half that fits, with the rates of the half that reports."""
    fit, report = found.of(fits), found.of(lambda who: not fits(who))
    pairs = draw_pairs(fit)
    thresholds = fitting.fit_thresholds(compare.scores(pairs, fit.vectors))
    measured = compare.scores(draw_pairs(report).distinct(), report.vectors)
    points = tuple(
        measured_point(name, threshold, measured, REPORTED_ON)
        for name, threshold in thresholds.points.items()
    )
    return DecisionRule(
        points,
        thresholds.different_below,
        fitting.fit_support(compare, fit, RUNTIME_METHOD),
        error_curve(measured.impostor, REPORTED_ON),
        fitting.fit_bounds(compare.scores(pairs.distinct(), fit.vectors)),
        false_non_matches=error_curve(-measured.genuine, REPORTED_ON),
    )


def _with_populations(
    rule: DecisionRule,
    compare: Comparison,
    found: Collection,
    everybody: Collection,
    aged: Collection | None,
) -> DecisionRule:
    """The rule with the populations that can be named, and all with photos that are warned of."""
    plain = fit_populations(compare, found, aged and aged.unwarned)
    named = dataclasses.replace(rule, populations=plain)
    if not len(everybody.spoiled):
        return named
    warned = fit_warned(compare, everybody, aged, named)
    return dataclasses.replace(named, populations=named.populations + warned)


def _crossed_decision(compare: Comparison, found: Collection) -> DecisionRule:
    """The decision rule of all people, with cross-validated rates and bounds."""
    pairs = draw_pairs(found).distinct()
    scores = compare.scores(pairs, found.vectors)
    genuine, impostor = cross_validate(
        (scores.genuine, pairs.genuine), (scores.impostor, pairs.impostor), found.identities
    )
    thresholds = fitting.fit_thresholds(scores)
    points = tuple(
        OperatingPoint(
            name,
            threshold,
            metrics.rate_among(impostor.matches(name), impostor.people),
            metrics.rate_among(~genuine.matches(name), genuine.people),
            CROSS_VALIDATED,
        )
        for name, threshold in thresholds.points.items()
    )
    return DecisionRule(
        points,
        thresholds.different_below,
        fitting.fit_support(compare, found, RUNTIME_METHOD),
        error_curve(impostor.logits, CROSS_VALIDATED, impostor.people),
        fitting.fit_bounds(Scores(genuine.logits, impostor.logits), _paired(found, pairs)),
        false_non_matches=error_curve(-genuine.logits, CROSS_VALIDATED, genuine.people),
    )


def _support_losses(
    compare: Comparison, fit: Collection, validation: Collection
) -> dict[str, float]:
    """The log loss on validation people of both ways with several photos, where it is known."""
    losses = {
        method.value: fitting.support_loss(
            compare, validation, method, fitting.fit_support(compare, fit, method)
        )
        for method in SupportMethod
    }
    return {name: loss for name, loss in losses.items() if np.isfinite(loss)}


def _counts(found: Collection) -> dict[str, Any]:
    pairs = draw_pairs(found)
    return {
        "people": len(set(found.identities)),
        "pictures": len(found.pictures),
        "genuine_pairs": len(pairs.genuine),
        "impostor_pairs": len(pairs.impostor),
    }
