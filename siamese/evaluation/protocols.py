"""The protocols that `python -m siamese evaluate` runs, by name, each from files to plain data.

A protocol takes a `Bench`, which reads and embeds each test set once, and returns its part of
metrics.json. What it measures is computed by pure functions in the modules beside this one.
"""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from siamese import explain
from siamese.calibration import DecisionRule
from siamese.checkpoint import Checkpoint, CheckpointConfig
from siamese.errors import CheckpointError, InputError
from siamese.evaluation import (
    degradation,
    explaining,
    fitting,
    flagged,
    groups,
    identification,
    metrics,
    occurring,
    omniglot,
    robustness,
    verification,
)
from siamese.evaluation.calibrate import calibration_pictures
from siamese.evaluation.comparison import Comparison, Embeddings
from siamese.evaluation.metrics import Scores
from siamese.evaluation.pipeline import (
    Crops,
    PhotoSet,
    embed_crops,
    embed_photos,
    embed_pixels,
    find_crops,
)
from siamese.evaluation.stored import People, crops_of, embed_pictures, whole_of
from siamese.evaluation.verification import Pair
from siamese.faces import Face, FaceDetector
from siamese.images import load
from siamese.training import people
from siamese.training.people import Part, family
from siamese.training.split import ALPHABETS
from siamese.training.stored import read_stored

LFW, LFW_PAIRS = "lfw.zip", "lfw_pairs.txt"
GROUPS, FAMILIES = "test_groups.zip", "train_fiw.zip"
PAIR_LIST, PAIR_SCORES = "pairs.csv", "pair_scores.csv"
WAYS, SHOTS, TRIALS = (5, 20, 100), (1, 3), 10_000
SPOILED = 600  # pairs of validation people
_SAME = {"0": False, "1": True}  # nothing else: some lists write impostors as -1 or 2
EXPLAINED = 5  # pairs of each kind in each of LFW's ten folds


class Bench:
    """A checkpoint, the folder of test sets, and what has been embedded of them so far."""

    def __init__(self, checkpoint: Checkpoint, data: Path, out: Path, cache: Path) -> None:
        if checkpoint.config.decision is None:
            raise CheckpointError(
                f"The network in {checkpoint.origin} has not been calibrated; run"
                " `python -m siamese calibrate` on it first."
            )
        self.checkpoint, self.data, self.out, self.cache = checkpoint, data, out, cache
        self.rule: DecisionRule = checkpoint.config.decision
        self.compare = Comparison.of(checkpoint.network)

    @cached_property
    def pairs(self) -> list[Pair]:
        """The pairs of LFW's View 2."""
        return verification.read_lfw_pairs(self.data / LFW_PAIRS)

    @cached_property
    def lfw_crops(self) -> Crops:
        """The default face of all photos of LFW that the zip holds."""
        names = [p.name for p in people.list_pictures(self.data / LFW, labelled=False)]
        return find_crops(self.checkpoint, PhotoSet(self.data / LFW, tuple(names)), self.cache)

    @cached_property
    def lfw(self) -> Embeddings:
        """All photos of LFW that the zip holds, through the whole pipeline."""
        return embed_crops(self.checkpoint.network, self.lfw_crops)

    def embed(self, pixels: np.ndarray) -> np.ndarray:
        """Embeddings (N, D) of aligned crops, uint8 (N, S, S, C)."""
        return embed_pixels(self.checkpoint.network, pixels)

    @cached_property
    def lfw_people(self) -> list[str]:
        """Who each photo of LFW shows."""
        return [name.partition("/")[0] for name in self.lfw.names]

    @cached_property
    def lfw_scores(self) -> np.ndarray:
        """Logits of View 2's pairs, NaN where a photo has no face: float64 (6000,)."""
        return pair_scores(self.compare, self.lfw, self.lfw, self.pairs)

    @property
    def lfw_known(self) -> Scores:
        """View 2's scores without the pairs that have none."""
        return Scores.from_labels(self.lfw_scores, np.array([pair.same for pair in self.pairs]))

    @cached_property
    def reporting(self) -> People:
        """Calibration people of the half that reports, as labelled."""
        pictures = calibration_pictures(self.sources(), Part.CALIBRATION)
        kept = [picture for picture in pictures if not fitting.fits(picture.identity)]
        return embed_pictures(self.checkpoint, kept, self.cache)

    def sources(self) -> list[Path]:
        """The files at hand of those that the checkpoint was calibrated on."""
        return [self.data / name for name in sources_in(self.data, self.checkpoint.config)]


@dataclass(frozen=True, slots=True)
class Protocol:
    """A protocol and the files of the data folder without which it cannot run.

    `subject` is what it shows a network: "faces", or "drawings", which are compared whole. With
    `sources` it reads those that the checkpoint was calibrated on, and needs at least one of them.
    """

    run: Callable[[Bench], Any]
    needs: tuple[str, ...] = ()
    subject: str = "faces"
    sources: bool = False

    def missing(self, data: Path, config: CheckpointConfig) -> list[str]:
        """What it needs and `data` does not hold, in words."""
        lacking = [name for name in self.needs if not (data / name).exists()]
        if self.sources and not sources_in(data, config):
            named = ", ".join(_sources(config)) or "config.json names none"
            lacking.append(f"a source that the checkpoint was calibrated on ({named})")
        return lacking

    def files(self, data: Path, config: CheckpointConfig) -> list[str]:
        """Names of the files of `data` that it reads."""
        return [*self.needs, *(sources_in(data, config) if self.sources else ())]


def sources_in(data: Path, config: CheckpointConfig) -> list[str]:
    """Names of the sources in `data` that the checkpoint was calibrated on."""
    return [name for name in _sources(config) if (data / name).exists()]


def _sources(config: CheckpointConfig) -> list[str]:
    return list(config.calibration.get("sources", {}))


def pair_scores(
    compare: Comparison, first: Embeddings, second: Embeddings, pairs: list[Pair]
) -> np.ndarray:
    """Logits of pairs, `a` from one set of embeddings and `b` from the other: float64 (N,)."""
    a = first.vectors[first.rows([pair.a for pair in pairs])]
    b = second.vectors[second.rows([pair.b for pair in pairs])]
    return compare(a, b)


def lfw(bench: Bench) -> dict[str, Any]:
    """LFW View 2: accuracy over ten folds, curve, calibration, rates at the operating points."""
    report = verification.verification_report(bench.lfw_scores, bench.pairs)
    report["failures"]["photos"] = bench.lfw.failures()
    points = [
        verification.measured_point(point.name, point.threshold, bench.lfw_known, "LFW View 2")
        for point in bench.rule.operating_points
    ]
    report["operating_points"] = {point.name: point.to_dict() for point in points}
    curve = verification.false_match_curve(bench.lfw_known.impostor, "LFW View 2")
    report["false_matches"] = curve.to_dict()
    report["decisions"] = verification.decisions_report(
        bench.lfw_known, points, bench.rule.different_below
    )
    return report


def one_shot(bench: Bench) -> list[dict[str, Any]]:
    """N-way one-shot on LFW people."""
    logits = identification.mean_embedding(bench.compare)
    return [
        identification.as_data(
            identification.one_shot(
                logits, bench.lfw.vectors, bench.lfw_people, ways, shots, TRIALS
            )
        )
        for shots in SHOTS
        for ways in WAYS
    ]


def pick(bench: Bench) -> list[dict[str, Any]]:
    """The product's pick at its shipped setting, on LFW people and strangers."""
    return [
        identification.as_data(
            identification.pick_counts(
                shipped_logits(bench),
                bench.lfw.vectors,
                bench.lfw_people,
                ways,
                shots,
                trials=TRIALS,
            )
        )
        for shots in SHOTS
        for ways in WAYS
    ]


def shipped_logits(bench: Bench) -> identification.IdentityLogits:
    """Identity logits as the product makes them, corrected for the number of photos."""
    raw = identification.mean_embedding(bench.compare)

    def logits(queries: np.ndarray, support: np.ndarray) -> np.ndarray:
        # A photo without a face does not count, as in the product.
        counts = np.maximum(1, (~np.isnan(support[:, :, 0])).sum(axis=1))
        return bench.rule.identity_logit(raw(queries, support), counts)

    return logits


def open_set(bench: Bench) -> list[dict[str, Any]]:
    """Open-set identification on LFW people."""
    logits = identification.mean_embedding(bench.compare)
    return [
        identification.as_data(
            identification.open_set(logits, bench.lfw.vectors, bench.lfw_people, shots)
        )
        for shots in SHOTS
    ]


def calibration_people(bench: Bench) -> dict[str, Any]:
    """Curve and calibration on held-out people; with and without contradicted labels."""
    excluded = set(bench.checkpoint.config.calibration.get("excluded", ()))
    whole = bench.reporting
    clean = whole.where(np.array([p.name not in excluded for p in whole.pictures], bool))
    report = _people_report(bench, clean)
    report["excluded_pictures"] = len(whole.pictures) - len(clean.pictures)
    if report["excluded_pictures"]:
        report["as_labelled"] = _people_report(bench, whole)
    return report


def families(bench: Bench) -> dict[str, Any]:
    """Impostors inside a family, at the operating points; nobody of the training part."""
    pictures = [
        picture
        for picture in people.list_pictures(bench.data / FAMILIES)
        if people.part_of(picture.identity) is not Part.TRAIN
    ]
    found = embed_pictures(bench.checkpoint, pictures, bench.cache)
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
    for rows in identification.photos_of([family(name) for name in identities]).values():
        first, second = np.triu_indices(len(rows), 1)
        names = np.array([identities[row] for row in rows])
        same = names[first] == names[second]
        both = np.stack([rows[first], rows[second]], axis=1)
        kin.append(both[~same])
        genuine.append(both[same])
    return np.concatenate(kin), np.concatenate(genuine)


def group_rates(bench: Bench) -> dict[str, dict[str, Any]]:
    """False match rate inside each group of test_groups at the operating points."""
    pictures = people.list_pictures(bench.data / GROUPS, labelled=False)
    found = embed_pictures(bench.checkpoint, pictures, bench.cache)
    members = groups.members([groups.labels_of(p.name) for p in pictures])
    logits = bench.compare.matrix(found.vectors, found.vectors)
    return {
        name: {
            "people": len(rows),
            **{
                point.name: groups.false_matches(
                    logits[np.ix_(rows, rows)], point.threshold
                ).to_dict()
                for point in bench.rule.operating_points
            },
        }
        for name, rows in members.items()
    }


def spoiled(bench: Bench) -> dict[str, Any]:
    """Robustness: the second photo of each of 1,200 LFW pairs is spoiled, in one way at a time."""
    chosen = robustness.subset(bench.pairs)
    pairs = [bench.pairs[position] for position in chosen]
    same = np.array([pair.same for pair in pairs])
    photos = PhotoSet(bench.data / LFW, tuple(sorted({pair.b for pair in pairs})))
    threshold = bench.rule.point().threshold
    rows = {"untouched": robustness.changed_row(bench.lfw_scores[chosen], same, threshold)}
    for name, change in robustness.CHANGES.items():
        changed = embed_photos(bench.checkpoint, photos, bench.cache, (name, change))
        scores = pair_scores(bench.compare, bench.lfw, changed, pairs)
        rows[name] = robustness.changed_row(scores, same, threshold)
    return {"operating_point": bench.rule.point().name, "rows": rows}


def explanations(bench: Bench) -> dict[str, Any]:
    """Explanations of 100 LFW pairs, checked by covering what they point at."""
    pairs = [bench.pairs[position] for position in robustness.subset(bench.pairs, EXPLAINED)]
    names = tuple(sorted({name for pair in pairs for name in (pair.a, pair.b)}))
    crops = find_crops(bench.checkpoint, PhotoSet(bench.data / LFW, names), bench.cache)
    faces = {
        name: pixels
        for name, pixels, found in zip(names, crops.pixels, crops.found, strict=True)
        if found
    }
    shown = [(faces[p.a], faces[p.b]) for p in pairs if p.a in faces and p.b in faces]
    falls = explaining.check(shown, bench.embed, bench.compare)
    return {
        "pairs": len(shown),
        "cells": explain.CELLS**2,
        "covered": explaining.COVERED,
        "random_sets": explaining.RANDOM_SETS,
        "fillings": {name: explaining.report(found) for name, found in falls.items()},
    }


def worse_photos(bench: Bench) -> dict[str, Any]:
    """Crops of validation people spoiled step by step: what it costs, and what is warned of."""
    point = bench.rule.point("fmr_1")
    pictures = calibration_pictures(bench.sources(), Part.VALIDATION)
    pairs = fitting.draw_pairs(fitting.Labels.of(pictures)).genuine
    chosen = np.random.default_rng(0).permutation(pairs)[:SPOILED]
    rows, places = np.unique(chosen, return_inverse=True)
    kept = [pictures[row] for row in rows]
    trial = degradation.Trial(
        crops_of(bench.checkpoint, kept, bench.cache),
        fitting.Labels.of(kept),
        places.reshape(chosen.shape),
        bench.embed,
        bench.compare,
        point.threshold,
    )
    return {"operating_point": point.name, **trial.report()}


def unusual_photos(bench: Bench) -> dict[str, Any]:
    """Photos of validation people as they are: what those cost that are far from ordinary."""
    point, detector = bench.rule.point("fmr_1"), FaceDetector()
    pictures = calibration_pictures(bench.sources(), Part.VALIDATION)
    vectors = embed_pictures(bench.checkpoint, pictures, bench.cache).vectors
    photos = tqdm(whole_of(bench.checkpoint, pictures, bench.cache), "finding faces")
    faces = [upright_face(detector, pixels) for pixels in photos]
    pairs = fitting.draw_pairs(fitting.Labels.of(pictures)).genuine
    scores = bench.compare(vectors[pairs[:, 0]], vectors[pairs[:, 1]])
    found = occurring.report(faces, pairs, scores, point.threshold)
    people = len({picture.identity for picture in pictures})
    return {"operating_point": point.name, "people": people, "pairs": len(pairs), **found}


def upright_face(detector: FaceDetector, pixels: np.ndarray) -> Face | None:
    """The default face of an upright picture, None where it has none that is upright."""
    upright = [face for face in detector.detect([load(pixels)])[0] if not face.turned]
    return upright[0] if upright else None


def warned(bench: Bench) -> dict[str, Any]:
    """Error rates of View 2's pairs by what the product warns of in their photos."""
    point = bench.rule.point("fmr_1")
    crops = bench.lfw_crops
    flags = {
        name: {warning.flag for warning in crops.warnings(row)}
        for row, name in enumerate(crops.names)
    }
    found = flagged.flagged_report(flags, bench.pairs, bench.lfw_scores, point.threshold)
    return {"operating_point": point.name, **found}


def own_pairs(bench: Bench) -> dict[str, Any]:
    """A list of one's own: pairs.csv (photo_a, photo_b, same, [fold]) -> pair_scores.csv."""
    pairs = read_pair_list(bench.data / PAIR_LIST)
    names = tuple(sorted({name for pair in pairs for name in (pair.a, pair.b)}))
    missing = [name for name in names if not (bench.data / name).is_file()]
    if missing:
        raise InputError(f"{PAIR_LIST} names {len(missing)} missing photos, first '{missing[0]}'.")
    found = embed_photos(bench.checkpoint, PhotoSet(bench.data, names), bench.cache)
    scores = pair_scores(bench.compare, found, found, pairs)
    write_pair_scores(bench.out / PAIR_SCORES, pairs, scores)
    report = verification.verification_report(scores, pairs)
    report["failures"]["photos"] = found.failures()
    return report


def read_pair_list(path: Path) -> list[Pair]:
    """Pairs from a CSV with the columns photo_a, photo_b, same (0 or 1), and, if wanted, fold.

    Raises InputError, which names the first line that is not so.
    """
    pairs: list[Pair] = []
    try:
        # Spreadsheets begin a file with a byte order mark.
        with path.open(newline="", encoding="utf-8-sig") as file:
            for row in csv.DictReader(file):
                same = _SAME[(row["same"] or "").strip()]
                pairs.append(Pair(row["photo_a"], row["photo_b"], same, int(row.get("fold") or 0)))
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        raise InputError(
            f"Line {len(pairs) + 2} of {path} is not a pair; it must be a CSV in UTF-8 with the"
            " columns photo_a, photo_b, same (0 or 1), and, if wanted, fold (a number)."
        ) from error
    return pairs


def write_pair_scores(path: Path, pairs: list[Pair], scores: np.ndarray) -> None:
    """One row a pair: photos, same, logit and probability (empty where a photo has no face)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("photo_a", "photo_b", "same", "logit", "probability"))
        for pair, score in zip(pairs, scores, strict=True):
            known = () if np.isnan(score) else (f"{score:.4f}", f"{metrics.sigmoid(score):.6f}")
            writer.writerow((pair.a, pair.b, int(pair.same), *(known or ("", ""))))


def drawings(bench: Bench) -> dict[str, Any]:
    """Omniglot: the official one-shot runs, the floor on pixels, the pick, and pairs."""
    runs = omniglot.read_runs(bench.data / omniglot.RUNS)
    pictures = people.list_pictures(bench.data / omniglot.RUNS, labelled=False)
    found = embed_pictures(bench.checkpoint, pictures, bench.cache)
    pixels = read_stored(pictures, bench.checkpoint.config, bench.cache)[:, :-1]
    row = {picture.name: number for number, picture in enumerate(pictures)}
    sides = [([row[n] for n in run.queries], [row[n] for n in run.support]) for run in runs]
    logits = [bench.compare.matrix(found.vectors[q], found.vectors[s]) for q, s in sides]
    floor = [omniglot.pixel_scores(pixels[q], pixels[s]) for q, s in sides]
    characters = people.list_pictures(bench.data / omniglot.CHARACTERS)
    held = embed_pictures(bench.checkpoint, characters, bench.cache, ALPHABETS)
    return {
        "one_shot": omniglot.one_shot_report(logits, runs),
        "chance": 1 / len(runs[0].support),
        "pixels": omniglot.one_shot_report(floor, runs),
        "pick": omniglot.pick_report(logits, runs, bench.rule),
        "verification": omniglot.pairs_report(bench.compare, held, bench.rule),
    }


def _people_report(bench: Bench, found: People) -> dict[str, Any]:
    """Equal numbers of both kinds for the probability, many impostors for the curve."""
    many = fitting.draw_pairs(found.labels).scores(bench.compare, found.vectors)
    balanced = fitting.draw_pairs(found.labels, impostors=None)
    return {
        "people": len(set(found.identities)),
        "pictures": len(found.pictures),
        **metrics.curve_report(many),
        "calibration": metrics.probability_report(balanced.scores(bench.compare, found.vectors)),
    }


PROTOCOLS: dict[str, Protocol] = {
    "lfw": Protocol(lfw, (LFW, LFW_PAIRS)),
    "one_shot": Protocol(one_shot, (LFW,)),
    "pick": Protocol(pick, (LFW,)),
    "open_set": Protocol(open_set, (LFW,)),
    "calibration_people": Protocol(calibration_people, sources=True),
    "families": Protocol(families, (FAMILIES,)),
    "groups": Protocol(group_rates, (GROUPS,)),
    "robustness": Protocol(spoiled, (LFW, LFW_PAIRS)),
    "explanations": Protocol(explanations, (LFW, LFW_PAIRS)),
    "worse_photos": Protocol(worse_photos, sources=True),
    "unusual_photos": Protocol(unusual_photos, sources=True),
    "warnings": Protocol(warned, (LFW, LFW_PAIRS)),
    "pairs": Protocol(own_pairs, (PAIR_LIST,)),
    "omniglot": Protocol(drawings, (omniglot.RUNS, omniglot.CHARACTERS), "drawings"),
}
