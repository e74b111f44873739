"""One query against several people: N-way one-shot, open-set identification, the product's pick.

Pure functions of embeddings and identity labels, with seeded draws. A person is drawn again and
again, so intervals are as wide as the number of people asked for makes them. A photo without a face
(a row of NaN) stays in the draw: as a query it is an error, as the only photo of a person in the
gallery it makes that person impossible to find.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from siamese.calibration import DecisionRule
from siamese.data.people import photos_of
from siamese.errors import InputError
from siamese.evaluation import metrics
from siamese.evaluation.bench import LFW, Bench
from siamese.evaluation.comparison import Comparison
from siamese.evaluation.protocol import Protocol

WAYS, SHOTS, TRIALS = (5, 20, 100), (1, 3), 10_000


IdentityLogits = Callable[[np.ndarray, np.ndarray], np.ndarray]


def mean_embedding(compare: Comparison) -> IdentityLogits:
    """Identity logits by comparing with the mean embedding of the photos that have a face."""

    def logits(queries: np.ndarray, support: np.ndarray) -> np.ndarray:
        return compare.matrix(queries, _known_mean(support))

    return logits


def one_shot(
    logits: IdentityLogits,
    vectors: np.ndarray,
    identities: Sequence[str],
    ways: int,
    shots: int,
    trials: int = 10_000,
    seed: int = 0,
) -> dict[str, Any]:
    """How often the query's own person scores highest among `ways` people, as data.

    Each trial draws `ways` people, `shots` support photos of each, and another photo of one.

    The answer is right when that person's logit is above all others (a tie is an error). People
    with fewer than shots + 1 photos are not drawn.
    """
    photos = _people_with(identities, shots + 1, ways)
    random = np.random.default_rng([seed, ways, shots])
    correct, asked = np.zeros(trials, bool), []
    for trial in range(trials):
        query, support = _draw(photos, ways, shots, random)
        found = _searchable(logits(vectors[query][None], vectors[support])[0])
        correct[trial] = found[0] > found[1:].max()
        asked.append(identities[query])
    return {
        "ways": ways,
        "shots": shots,
        "correct": metrics.clustered_rate(correct, asked).to_dict(),  # counts the right answers
        "chance": 1 / ways,
        "people": len(photos),
    }


def first_of_family(logits: np.ndarray, identities: np.ndarray, families: np.ndarray) -> np.ndarray:
    """How probably each photo finds its identity among all of its family, by one photo of each.

    `logits` (N, N) compares every photo with every other; a draw takes one other photo of the right
    identity and one of each rival in the family. The expectation over all draws, without drawing:
    float64 (N,), NaN where there is no other photo.
    """
    found = np.full(len(logits), np.nan)
    for query, row in enumerate(logits):
        own = np.flatnonzero(identities == identities[query])
        genuine = row[own[own != query]]
        if not len(genuine):
            continue
        right = np.ones(len(genuine))
        kin = families == families[query]
        for rival in np.unique(identities[kin & (identities != identities[query])]):
            scores = np.sort(row[identities == rival])
            right *= np.searchsorted(scores, genuine, side="left") / len(scores)
        found[query] = right.mean()
    return found


def pick_counts(
    logits: IdentityLogits,
    vectors: np.ndarray,
    identities: Sequence[str],
    ways: int,
    shots: int,
    rule: DecisionRule,
    none_prior: float = 0.5,
    trials: int = 10_000,
    seed: int = 0,
) -> dict[str, Any]:
    """What the product's pick says to people in the support set, and to strangers, as data.

    It is that of `rule` at its default operating point.

    `logits` must be calibrated for this number of photos. Each trial asks twice: with a photo of
    somebody in the support set, and with a photo of somebody who is not.
    """
    photos = _people_with(identities, shots + 1, ways + 1)
    random = np.random.default_rng([seed, ways, shots])
    answers, asked = [], []
    for _ in range(trials):
        query, support = _draw(photos, ways + 1, shots, random)
        # The last person drawn lends a photo as the stranger and is not in the support set.
        queries = (query, support[-1, 0])
        found = logits(vectors[list(queries)], vectors[support[:-1]])
        answers.append([_answer(row, rule, none_prior) for row in found])
        asked.append([identities[row] for row in queries])
    (enrolled, stranger), (people, strangers) = np.array(answers).T, zip(*asked, strict=True)
    said = {
        "right_name": (enrolled == 0, people),
        "wrong_name": (enrolled > 0, people),
        "none": (enrolled < 0, people),
        "stranger_named": (stranger >= 0, strangers),
    }
    rates = {name: metrics.clustered_rate(*counted).to_dict() for name, counted in said.items()}
    return {"ways": ways, "shots": shots, **rates}


def open_set(
    logits: IdentityLogits,
    vectors: np.ndarray,
    identities: Sequence[str],
    shots: int,
    min_photos: int = 4,
    fpir: float = 0.01,
    seed: int = 0,
) -> dict[str, Any]:
    """Searches of enrolled people and of strangers in one gallery, as data.

    Everybody with `min_photos` is enrolled with `shots` of them and searched with all others.

    All other people are strangers and searched with one photo each. The threshold on the best
    logit of a search lets at most `fpir` of the strangers through; DIR is the share of searches of
    enrolled people whose best is the right person at or above it. A query without a face finds
    nobody, whoever it shows.
    """
    random = np.random.default_rng([seed, shots])
    photos = {name: random.permutation(rows) for name, rows in photos_of(identities).items()}
    enrolled = [rows for rows in photos.values() if len(rows) >= max(min_photos, shots + 1)]
    strangers = [rows[0] for rows in photos.values() if len(rows) < max(min_photos, shots + 1)]
    if len(enrolled) < 2 or not strangers:
        raise InputError(f"Open set needs two people with {min_photos} photos, and strangers.")
    support = vectors[np.array([rows[:shots] for rows in enrolled])]
    queries = np.concatenate([rows[shots:] for rows in enrolled])
    owner = np.repeat(np.arange(len(enrolled)), [len(rows) - shots for rows in enrolled])
    false = _searchable(logits(vectors[strangers], support)).max(axis=1)
    threshold = metrics.threshold_at_fmr(false, fpir)
    found = _searchable(logits(vectors[queries], support))
    right = (found.argmax(axis=1) == owner) & np.isfinite(found.max(axis=1))
    above = right & (found.max(axis=1) >= threshold)
    return {
        "enrolled": len(enrolled),
        "strangers": len(strangers),
        "shots": shots,
        "fpir": fpir,  # aimed at
        "threshold": threshold,
        "dir": metrics.clustered_rate(above, owner.tolist()).to_dict(),
        "rank_one": metrics.clustered_rate(right, owner.tolist()).to_dict(),
    }


def _people_with(identities: Sequence[str], least: int, needed: int) -> list[np.ndarray]:
    photos = [rows for rows in photos_of(identities).values() if len(rows) >= least]
    if len(photos) < needed:
        raise InputError(
            f"This needs {needed} people with {least} photos or more; there are {len(photos)}."
        )
    return photos


def _draw(
    photos: Sequence[np.ndarray], ways: int, shots: int, random: np.random.Generator
) -> tuple[int, np.ndarray]:
    """A query and the support rows (ways, shots) of a trial; person 0 is the one asked for."""
    people = random.choice(len(photos), ways, replace=False)
    first = random.permutation(photos[people[0]])[: shots + 1]
    others = [random.permutation(photos[person])[:shots] for person in people[1:]]
    return int(first[-1]), np.array([first[:-1], *others])


def _answer(found: np.ndarray, rule: DecisionRule, none_prior: float) -> int:
    """Number of the person that the pick names, -1 for none of them."""
    known = np.flatnonzero(~np.isnan(found))
    if not len(known):
        return -1
    place = rule.pick(found[known], rule.point(), none_prior)[2]
    return -1 if place is None else int(known[place])


def _searchable(logits: np.ndarray) -> np.ndarray:
    """What has no face cannot win."""
    return np.where(np.isnan(logits), -np.inf, logits)


def _known_mean(support: np.ndarray) -> np.ndarray:
    """The mean embedding of each identity's photos that have a face: (K, S, D) -> (K, D)."""
    with warnings.catch_warnings():
        # All NaN means that none of the photos has a face; the mean is NaN then, as it should be.
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmean(support, axis=1)


def run_one_shot(bench: Bench) -> list[dict[str, Any]]:
    """N-way one-shot on LFW people."""
    people = (bench.lfw.vectors, bench.lfw_people)
    logits = mean_embedding(bench.compare)
    return [one_shot(logits, *people, ways, shots, TRIALS) for shots in SHOTS for ways in WAYS]


def run_pick(bench: Bench) -> list[dict[str, Any]]:
    """The product's pick at its shipped setting, on LFW people and strangers."""
    people, logits = (bench.lfw.vectors, bench.lfw_people), shipped_logits(bench)
    return [
        pick_counts(logits, *people, ways, shots, bench.rule, trials=TRIALS)
        for shots in SHOTS
        for ways in WAYS
    ]


def shipped_logits(bench: Bench) -> IdentityLogits:
    """Identity logits as the product makes them, corrected for the number of photos."""
    raw = mean_embedding(bench.compare)

    def logits(queries: np.ndarray, support: np.ndarray) -> np.ndarray:
        # A photo without a face does not count, as in the product.
        counts = np.maximum(1, (~np.isnan(support[:, :, 0])).sum(axis=1))
        return bench.rule.identity_logit(raw(queries, support), counts)

    return logits


def run_open_set(bench: Bench) -> list[dict[str, Any]]:
    """Open-set identification on LFW people."""
    logits = mean_embedding(bench.compare)
    return [open_set(logits, bench.lfw.vectors, bench.lfw_people, shots) for shots in SHOTS]


PROTOCOLS = (
    Protocol("one_shot", run_one_shot, (LFW,)),
    Protocol("pick", run_pick, (LFW,)),
    Protocol("open_set", run_open_set, (LFW,)),
)
